"""Direct messages: a person as a channel (`@<user id>`), and ids of messages that stay usable there.

A message in a server is known by its id. One in a direct message is `<channel id>.<message id>`: its
channel has a number that the name `@<user id>` does not hold.
"""

from __future__ import annotations

from adapters.contract import MessageRef
from adapters.discord.config import is_snowflake

_BETWEEN = "."


def person_of(channel: str) -> str | None:
    """The user id of `@<user id>`; None for other channels."""
    user = channel[1:]
    return user if channel.startswith("@") and is_snowflake(user) else None


def channel_of(number: str, user: str, *, direct: bool) -> str:
    """The channel as deliveries name it."""
    return f"@{user}" if direct else number


def message_of(number: str, message: str, *, direct: bool) -> str:
    """The message as MessageRef.message_id names it; `number` is its channel's."""
    return f"{number}{_BETWEEN}{message}" if direct else message


def located(ref: MessageRef) -> tuple[str, str]:
    """The number of the message's channel, and of the message itself."""
    if person_of(ref.channel) is None:
        return ref.channel, ref.message_id
    number, _, message = ref.message_id.partition(_BETWEEN)
    return number, message
