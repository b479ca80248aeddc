"""What somebody does in the sandbox, as JSON: the router's edge has authenticated an admin already.

{"kind": "command", "user": "dana", "channel": "#incidents", "text": "status", "key"?, "thread"?,
 "action"?, "value"?, "message"?, "fields"?}
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec

from adapters.http import UNREADABLE, encode
from adapters.inbound import ChatInput, Incoming, Person, Refusal, Refused

WORKSPACE: Final = "sandbox"
NOBODY: Final = "rehearsal"
MAX_BYTES: Final = 256 * 1024

_PATH: Final = re.compile(r"`\$\.([a-z]+)")
_MISSING: Final = re.compile(r"missing required field `([a-z]+)`")


class Done(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The JSON. `rehearsal` marks what nobody waits for."""

    kind: Literal["command", "action", "form", "mention", "reaction"]
    user: str
    channel: str
    key: str = ""
    thread: str = ""
    text: str = ""
    action: str = ""
    value: str = ""
    message: str = ""
    fields: dict[str, str] = {}
    rehearsal: bool = False


_NEEDS: Final[Mapping[str, Mapping[str, Callable[[str], bool]]]] = {
    "action": {"action": bool},
    "form": {"action": bool},
    "reaction": {"action": ("+1", "-1").__contains__, "message": bool},
}
"""By kind, what must be there beside user and channel, and what it must be."""


def received(incoming: Incoming) -> ChatInput:
    """The input; Refused MALFORMED names the field that is wrong."""
    done = _parsed(incoming.body)
    needs: Mapping[str, Callable[[str], bool]] = {
        "user": _named,
        "channel": _named,
        **_NEEDS.get(done.kind, {}),
    }
    for name, right in needs.items():
        if not right(getattr(done, name)):
            raise _malformed(f"`{name}` is missing or is not what a {done.kind} needs")
    return ChatInput(
        key=done.key or uuid.uuid4().hex,
        kind=done.kind,
        user=Person(id=_clean(done.user), name=_clean(done.user)),
        workspace=WORKSPACE,
        channel=_clean(done.channel),
        channel_name=_clean(done.channel).lstrip("#@"),
        channel_kind="direct" if done.channel.startswith("@") else "channel",
        thread=done.thread or None,
        message=done.message or None,
        text=_clean(done.text),
        action=done.action,
        value=done.value,
        fields={_clean(name): _clean(value) for name, value in done.fields.items()},
        reply={} if done.rehearsal else {"to": _clean(done.user)},
    )


def encoded(done: Done) -> bytes:
    """The JSON of it, as people's pages send it."""
    return encode(done)


def _parsed(body: bytes) -> Done:
    if len(body) > MAX_BYTES:
        raise _malformed(f"it is longer than {MAX_BYTES} bytes")
    try:
        return msgspec.json.decode(body, type=Done)
    except msgspec.ValidationError as error:
        raise _malformed(_why(str(error))) from None
    except UNREADABLE:
        raise _malformed("it is not JSON") from None


def _why(said: str) -> str:
    """Which field is wrong, in words that hold nothing of the input."""
    if missing := _MISSING.search(said):
        return f"`{missing.group(1)}` is missing"
    if wrong := _PATH.search(said):
        return f"`{wrong.group(1)}` is of a wrong type or not one of what it may be"
    return f"it is not an object of {', '.join(Done.__struct_fields__)}"


def _malformed(why: str) -> Refused:
    return Refused(Refusal.MALFORMED, f"The sandbox does not understand this: {why}")


def _named(text: str) -> bool:
    return bool(text.strip())


def _clean(text: str) -> str:
    """The text without the one character that the store cannot hold."""
    return text.replace("\x00", "�")
