"""Ids of Teams taken apart: channels, threads, chats, persons, and our own message ids; pure.

A channel is `19:…@thread.tacv2`, a thread in it `19:…@thread.tacv2;messageid=<root>`, a group chat
`19:…@thread.v2`, a conversation with one person `a:…`, a person `29:…` or a directory object id.
`MessageRef.message_id` is `<conversation>|<activity>`, the two that an edit needs.
"""

from __future__ import annotations

import re
from typing import Final

from adapters.contract import MessageRef, Receipt

SEPARATOR: Final = "|"
THREAD: Final = ";messageid="

_CHANNEL: Final = re.compile(r"19:[^;]+@thread\.(tacv2|skype)")
_PERSON: Final = re.compile(r"29:.+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CHAT: Final = re.compile(r"(19|a):.+")


def is_channel(id: str) -> bool:
    """Whether a new post there is a thread of its own."""
    return _CHANNEL.fullmatch(id) is not None


def is_person(id: str) -> bool:
    """Whether it is a person's id."""
    return _PERSON.fullmatch(id) is not None


def is_conversation(id: str) -> bool:
    """Whether activities can be sent there: a thread, a group chat, a chat with one person."""
    return _CHAT.fullmatch(id) is not None


def message_id(conversation: str, activity: str) -> str:
    """What MessageRef.message_id is for an activity."""
    return f"{conversation}{SEPARATOR}{activity}"


def split(ref: MessageRef) -> tuple[str, str]:
    """The conversation and the activity of a message."""
    conversation, _, activity = ref.message_id.rpartition(SEPARATOR)
    return conversation or ref.channel, activity


def split_thread(conversation: str) -> tuple[str, str]:
    """The channel (or chat) of a conversation, and the root's activity id where it is a thread."""
    channel, _, root = conversation.partition(THREAD)
    return channel, root


def receipt(channel: str, conversation: str, activity: str) -> Receipt:
    """The receipt of an activity that was sent for `channel`."""
    return Receipt(ref=MessageRef(channel=channel, message_id=message_id(conversation, activity)))
