"""Names of places: a direct message is `@<user id>` for the router and a conversation `D…` for Slack.

Slack edits and answers a direct message only by its conversation, which is known once something was said.
So there the id of a message holds both: `D…/<ts>`.
"""

from __future__ import annotations

from adapters.contract import MessageRef


def conversation(channel: str) -> str:
    """Where to post: Slack takes a person's id for the direct messages with them."""
    return channel.removeprefix("@")


def is_direct(conversation_id: str) -> bool:
    """Whether Slack's id of a conversation is that of direct messages between two."""
    return conversation_id.startswith("D")


def message_ref(channel: str, conversation_id: str, ts: str) -> MessageRef:
    """What the router keeps of a message that was posted to `channel` and arrived in `conversation_id`."""
    if channel.startswith("@"):
        return MessageRef(channel=channel, message_id=f"{conversation_id}/{ts}")
    return MessageRef(channel=conversation_id, message_id=ts)


def named(user: str, conversation_id: str, ts: str) -> MessageRef:
    """A message that Slack tells of, as the router names it; `ts` may be empty."""
    if not is_direct(conversation_id):
        return MessageRef(channel=conversation_id, message_id=ts)
    return MessageRef(channel=f"@{user}", message_id=f"{conversation_id}/{ts}" if ts else "")


def located(ref: MessageRef) -> tuple[str, str]:
    """Slack's conversation and ts of a message that the router names."""
    place, slash, ts = ref.message_id.partition("/")
    return (place, ts) if slash else (conversation(ref.channel), ref.message_id)
