"""What kind of place a channel is, as the access policy speaks of it."""

from __future__ import annotations

from adapters.config import channel_uses
from adapters.inbound import ChatInput
from router.chat.asked import World
from router.policy.policy import Place
from router.policy.reasons import Kind
from router.targets import Provider


async def place_of(world: World, provider: Provider, given: ChatInput) -> Place:
    """Where something was said: a war room, a direct conversation, a channel with a use, or any other."""
    kind = _kind(provider, given)
    if given.channel_kind == "channel":
        row = await world.parts.store.row(
            "rooms.of_channel", {"provider": provider.name, "channels": rooms_here(given)}
        )
        kind = "room" if row else kind
    return Place(kind=kind, provider=provider.name, channel=given.channel)


def rooms_here(given: ChatInput) -> list[str]:
    """What a war room would be called where something was said: a channel, or a thread in one.

    Teams names the messages of such a thread `<room>|<id>`.
    """
    thread = given.thread or ""
    return [each for each in (given.channel, thread, thread.rpartition("|")[0]) if each]


def _kind(provider: Provider, given: ChatInput) -> Kind:
    if given.channel_kind != "channel":
        return given.channel_kind
    if given.channel in provider.config.escalation_channels.values():
        return "management"
    used = channel_uses(provider.config)
    return "incident" if given.channel in used else "other"
