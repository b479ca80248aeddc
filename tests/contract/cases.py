"""What every adapter must do, whatever its platform: one function a case, run by test_all_adapters.py."""

from __future__ import annotations

import asyncio
import json
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import pytest

from adapters import config as configs
from adapters.config import ConfigError
from adapters.contract import (
    Action,
    Adapter,
    Answer,
    DeliveryError,
    IncidentCard,
    LooksBack,
    Message,
    MessageRef,
    Outbound,
    Reason,
    Resources,
)
from adapters.http import Http
from tests.contract.subject import Subject
from tests.contract.subject_sandbox import MemoryShelf
from tests.fakes.base import FakePlatform, FaultKind, Posted

MARK: Final = "the-body-of-a-message"
"""Is in every message of the failure cases, and must be in no error."""
NONCE: Final = "n0123456789012345678901x"
GIANT: Final = 100_000
TOO_LATE: Final = 5.0
"""Seconds after which a platform answers what nobody waits for any more."""
INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u200c\u2060\u00ad\ufeff"))
"""Adapters may break markup with characters that nobody sees."""

HOSTILE: Final = {
    "everything": "<!channel> @everyone **x** @here [a](http://b) <at>all</at>",
    "ids": "<@U123456> <#C123> <@&987654321098765432> <@!123456789012345678> @channel @all @dana end",
    "emphasis": "_i_ *b* ***bi*** ~s~ ~~s~~ `c` ||sp|| __u__ end",
    "html": "<b>x</b> &lt;b&gt; &amp; &#42;x&#42; <script>alert(1)</script> end",
    "backslashes": "\\*x\\* C:\\temp\\_new_ \\@everyone \\` end",
    "link": "<https://example.com/?a=b&c=d|click> [click](https://example.com) ![i](https://example.com/i.png)",
    "emoji": "a :tada: b <:x:123456789012345678> 10:30:45 end",
    "placeholder": "{{.Title}} {{.Note}} {{DATE(2026-01-05T10:00:00Z, SHORT)}} <t:0:R> <!date^0^{d}|x> end",
    "unclosed": "``` code ** bold [link]( <a href= end",
}
BLOCKS: Final = {
    "quote": "first\n> quote\n>>> more\nlast",
    "heading": "first\n# heading\n-# small\n===\nlast",
    "list": "first\n- list\n* list\n1. list\nlast",
    "fence": "first\n```\ncode\n```\nlast",
    "table": "first\n| a | b |\n|---|---|\n| c | d |\nlast",
    "indented": "first\n\n    code\n\tcode\nlast",
}
"""Markup that works at the start of a line."""
CONTROL: Final = "a\x00b\x1b[31mc\x07d\u202ee\u2066f\x7fg\r\nh"
GIANTS: Final = (
    "x",
    "&",
    "<!channel>",
    "*",
    "_",
    "\n",
    "`",
    "\\",
    "😀",
    "@everyone ",
    "x > y\n",
    "é" * 7 + " ",
)

Case = Callable[["Bench"], Awaitable[None]]
CASES: Final[dict[str, Case]] = {}
"""For every platform, the sandbox included."""
REMOTE_CASES: Final[dict[str, Case]] = {}
"""For platforms with a server: failures, tokens, rates."""


def case(check: Case) -> Case:
    CASES[check.__name__] = check
    return check


def remote_case(check: Case) -> Case:
    REMOTE_CASES[check.__name__] = check
    return check


class Impatient:
    """An Outbound that waits half a second for what the fake holds back; for the rest, as long as it takes.

    A machine that is busy makes every answer late: only those that are meant to be too late may be.
    """

    def __init__(self, inner: Outbound, fake: FakePlatform) -> None:
        self._inner = inner
        self._fake = fake

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  it is Outbound's
    ) -> Answer:
        patience = 0.5 if self._fake.holds_back(urlsplit(url).path) else timeout
        return await self._inner.request(method, url, headers=headers, body=body, timeout=patience)


@dataclass(frozen=True)
class Bench:
    """A subject with its adapter, ready to be used."""

    subject: Subject
    resources: Resources
    adapter: Adapter

    @property
    def fake(self) -> FakePlatform:
        assert self.subject.fake is not None
        return self.subject.fake

    def build(self, config: Any, *, impatient: bool = False) -> Adapter:
        http = Impatient(self.resources.http, self.fake) if impatient else self.resources.http
        return self.subject.platform.build(config, Resources(http=http, shelf=self.resources.shelf))

    async def post(self, message: Message, nonce: str = NONCE) -> MessageRef:
        return (await self.adapter.post(self.subject.channel, message, nonce=nonce)).ref

    async def shown(self, message: Message) -> Posted:
        """The message as the platform holds it, after posting it."""
        ref = await self.post(message, nonce=f"n{len(self.subject.messages)}")
        return self.held(ref)

    def held(self, ref: MessageRef) -> Posted:
        assert ref.message_id in self.subject.messages, "the ref does not name a message of the platform"
        return self.subject.messages[ref.message_id]

    def refusals(self) -> list[object]:
        return list(self.subject.fake.refusals) if self.subject.fake else []

    def reads(self, posted: Posted) -> str:
        """What a person reads, white space and invisible characters aside."""
        return squeezed(self.subject.visible(posted))

    def pings(self, posted: Posted) -> list[str]:
        return self.subject.pings(posted)

    def secrets(self) -> set[str]:
        return {
            secret
            for config in (self.subject.config, self.subject.bad_config)
            for name in config.SECRETS
            for secret in configs.accepted(getattr(config, name))
        }


@asynccontextmanager
async def bench(subject: Subject) -> AsyncIterator[Bench]:
    """A bench for the subject; the fake's rate windows are off, as one case turns them on again."""
    if subject.fake:
        subject.fake.rates = False
    async with Http() as http:
        resources = Resources(http=http, shelf=subject.shelf or MemoryShelf({}))
        yield Bench(subject, resources, subject.platform.build(subject.config, resources))


def squeezed(text: str) -> str:
    return " ".join(text.translate(INVISIBLE).split())


def card(**changes: Any) -> IncidentCard:
    base = IncidentCard(
        id="INC-2024-001",
        title="Database connection timeout",
        severity="SEV-1",
        status="open",
        started_at=datetime(2026, 1, 5, 10, 0, tzinfo=UTC),
        service="checkout",
        description="Multiple users reporting payment failures",
        assignee="dana",
        url="https://im.example.com/incidents/INC-2024-001",
    )
    return msgspec.structs.replace(base, **changes)


ACTIONS: Final = (
    Action(id="acknowledge", label="Acknowledge", value="INC-2024-001", style="primary"),
    Action(id="war_room", label="Join War Room", value="INC-2024-001"),
    Action(
        id="details",
        label="View Details",
        value="INC-2024-001",
        url="https://im.example.com/incidents/INC-2024-001",
    ),
    Action(id="escalate", label="Escalate", value="INC-2024-001", style="danger"),
)


def message(**changes: Any) -> Message:
    base = Message(
        event="incident.created", headline="🚨 New Incident Declared", incident=card(), actions=ACTIONS
    )
    return msgspec.structs.replace(base, **changes)


def everywhere(text: str) -> Message:
    """A message with this text in every field that somebody may have typed."""
    return message(
        incident=card(title=text, description=text, service=text, assignee=text),
        text=text,
        note=text,
        actor=text,
        facts=(("Time to acknowledge", text),),
        steps=(text, text),
    )


def places(text: str) -> dict[str, Message]:
    """The same text in one field at a time."""
    return {
        "title": message(incident=card(title=text)),
        "description": message(incident=card(description=text)),
        "service": message(incident=card(service=text)),
        "assignee": message(incident=card(assignee=text)),
        "text": message(text=text),
        "text alone": Message(event="text", headline="Notice", text=text),
        "note": message(note=text, actor="erin"),
        "actor": message(note="a note", actor=text),
        "fact": message(facts=(("Time to acknowledge", text),)),
        "step": message(steps=("acknowledged", text)),
        "template, title": message(incident=card(title=text), template="Now: {{.Title}}"),
        "template, lines": message(incident=card(description=text), template="Now:\n{{.Description}}\nend"),
        "template, note": message(note=text, template="{{.Note}}"),
    }


async def failing(attempt: Awaitable[object]) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await attempt
    return caught.value


# Messages arrive.


@case
async def a_post_arrives_in_the_channel_and_returns_its_ref(bench: Bench) -> None:
    ref = await bench.post(message())
    posted = bench.held(ref)
    assert posted.channel == ref.channel == bench.subject.channel
    assert bench.refusals() == []
    assert len(bench.subject.messages) == 1


@case
async def everything_of_an_incident_is_shown(bench: Bench) -> None:
    posted = await bench.shown(
        message(
            text="A plain text",
            note="looking at the pool",
            actor="erin",
            facts=(("Time to acknowledge", "4 minutes"),),
            steps=("severity raised to SEV-1", "assigned to dana"),
            badges=("TEST",),
        )
    )
    reads = bench.reads(posted)
    for part in (
        "New Incident Declared",
        "TEST",
        "INC-2024-001",
        "Database connection timeout",
        "SEV-1",
        "Open",
        "checkout",
        "dana",
        "Multiple users reporting payment failures",
        "A plain text",
        "looking at the pool",
        "erin",
        "Time to acknowledge",
        "4 minutes",
        "severity raised to SEV-1",
        "assigned to dana",
    ):
        assert part in reads, f"{part!r} is not shown"


@case
async def an_actor_without_a_note_is_shown(bench: Bench) -> None:
    acknowledged = message(headline="Incident Acknowledged", actor="erin", note=None)
    assert "erin" in bench.reads(await bench.shown(acknowledged))


@case
async def a_plain_text_is_shown(bench: Bench) -> None:
    posted = await bench.shown(
        Message(event="text", headline="Notice", text="Maintenance starts in 10 minutes")
    )
    assert "Maintenance starts in 10 minutes" in bench.reads(posted)
    assert bench.subject.buttons(posted) == []


@case
async def a_closed_incident_shows_its_state_and_the_actions_it_is_given(bench: Bench) -> None:
    closed = message(headline="Incident Closed", incident=card(status="closed"), actions=ACTIONS[2:3])
    posted = await bench.shown(closed)
    assert "Closed" in bench.reads(posted)
    assert bench.subject.buttons(posted) == ["View Details"]


@case
async def buttons_are_in_the_order_given(bench: Bench) -> None:
    labels = [action.label for action in ACTIONS]
    assert bench.subject.buttons(await bench.shown(message())) == labels
    assert bench.subject.buttons(await bench.shown(message(actions=ACTIONS[::-1]))) == labels[::-1]


@case
async def an_edit_replaces_the_message_in_place(bench: Bench) -> None:
    ref = await bench.post(message())
    changed = message(
        headline="Incident Resolved",
        incident=card(title="Solved at last", status="resolved"),
        actions=ACTIONS[2:3],
    )
    assert (await bench.adapter.edit(ref, changed)).ref == ref
    posted = bench.held(ref)
    assert len(bench.subject.messages) == 1
    assert len(posted.edits) == 1
    assert "Solved at last" in bench.reads(posted)
    assert "Database connection timeout" not in bench.reads(posted)
    assert bench.subject.buttons(posted) == ["View Details"]
    assert bench.refusals() == []


@case
async def an_edit_can_take_everything_away_but_the_headline(bench: Bench) -> None:
    ref = await bench.post(everywhere("something"))
    await bench.adapter.edit(ref, Message(event="text", headline="Only this"))
    posted = bench.held(ref)
    assert "something" not in bench.reads(posted)
    assert bench.subject.buttons(posted) == []


@case
async def a_reply_goes_to_the_thread(bench: Bench) -> None:
    ref = await bench.post(message())
    reply = (await bench.adapter.reply(ref, message(text="An update"), nonce="another")).ref
    posted = bench.held(reply)
    assert reply.message_id != ref.message_id
    assert posted.parent == ref.message_id
    assert "An update" in bench.reads(posted)
    assert bench.refusals() == []


@case
async def an_edit_of_a_reply_replaces_it(bench: Bench) -> None:
    ref = await bench.post(message())
    reply = (await bench.adapter.reply(ref, message(text="An update"), nonce="another")).ref
    await bench.adapter.edit(reply, message(text="Another text"))
    assert "Another text" in bench.reads(bench.held(reply))
    assert bench.held(ref).edits == []


@case
async def an_edit_of_a_message_that_vanished_says_that_it_is_gone(bench: Bench) -> None:
    ref = await bench.post(message())
    bench.subject.messages.clear()
    error = await failing(bench.adapter.edit(ref, message()))
    assert (error.reason, error.may_have_arrived) == (Reason.MESSAGE_GONE, False)


@case
async def a_channel_that_does_not_exist_is_named_as_such(bench: Bench) -> None:
    error = await failing(bench.adapter.post(bench.subject.missing_channel, message(), nonce=NONCE))
    assert (error.reason, error.may_have_arrived) == (Reason.CHANNEL_NOT_FOUND, False)
    assert bench.subject.messages == {}


@case
async def the_same_nonce_twice_makes_one_message_where_the_platform_promises_it(bench: Bench) -> None:
    first = await bench.post(message())
    again = await bench.post(message())
    if bench.subject.platform.nonce_window_seconds > 0:
        assert first == again
        assert len(bench.subject.messages) == 1
    other = await bench.post(message(), nonce="another")
    assert other != first


@case
async def an_adapter_that_looks_back_finds_what_arrived_or_says_that_it_cannot_look(bench: Bench) -> None:
    if not isinstance(bench.adapter, LooksBack):
        return
    since = datetime.now(UTC) - timedelta(seconds=5)
    ref = await bench.post(message())
    try:
        found = await bench.adapter.find(ref.channel, nonce=NONCE, since=since)
        missed = await bench.adapter.find(ref.channel, nonce="never-sent", since=since)
    except DeliveryError as refusal:
        error = refusal
    else:
        assert (found, missed) == (ref, None)
        return
    assert error.reason in (Reason.FORBIDDEN, Reason.UNAUTHORIZED)


# Whatever people type.


@case
async def hostile_texts_ping_nobody_and_show_literally(bench: Bench) -> None:
    problems: list[str] = []
    for name, text in HOSTILE.items():
        for place, sent in places(text).items():
            posted = await bench.shown(sent)
            problems += [f"{name} in {place} pings {ping!r}" for ping in bench.pings(posted)]
            if squeezed(text) not in bench.reads(posted):
                problems.append(f"{name} in {place} reads {bench.subject.visible(posted)!r}")
    assert problems == []
    assert bench.refusals() == []


@case
async def markup_at_the_start_of_a_line_has_no_effect(bench: Bench) -> None:
    problems: list[str] = []
    for name, text in BLOCKS.items():
        for place, sent in places(text).items():
            posted = await bench.shown(sent)
            problems += [f"{name} in {place} makes {ping!r}" for ping in bench.pings(posted)]
            reads = bench.reads(posted)
            problems += [
                f"{word!r} lost from {name} in {place}" for word in text.split() if word not in reads
            ]
    assert problems == []
    assert bench.refusals() == []


@case
async def hostile_texts_in_all_fields_at_once_ping_nobody(bench: Bench) -> None:
    for text in (*HOSTILE.values(), *BLOCKS.values(), CONTROL):
        posted = await bench.shown(everywhere(text))
        assert bench.pings(posted) == []
    assert bench.refusals() == []


@case
async def control_characters_are_not_sent(bench: Bench) -> None:
    for place, sent in places(CONTROL).items():
        shown = bench.subject.visible(await bench.shown(sent))
        left = [character for character in "\x00\x1b\x07\u202e\u2066\x7f" if character in shown]
        assert left == [], f"{left} left in {place}"


@case
async def emoji_and_foreign_scripts_are_left_alone(bench: Bench) -> None:
    text = "naïve café 日本語 العربية 👩‍💻 ✔️ 10 000 €"
    for place, sent in places(text).items():
        assert squeezed(text) in bench.reads(await bench.shown(sent)), place


@case
async def a_lone_surrogate_does_not_stop_a_message(bench: Bench) -> None:
    for sent in places("half of an emoji: \ud83d.").values():
        await bench.shown(sent)
    assert bench.refusals() == []


@case
async def giant_texts_are_cut_and_accepted(bench: Bench) -> None:
    for piece in GIANTS:
        giant = piece * (GIANT // len(piece))
        sent = msgspec.structs.replace(
            everywhere(giant),
            facts=tuple((f"Label {number}", giant) for number in range(30)),
            steps=(giant,) * 50,
            badges=("TEST",),
        )
        await bench.shown(sent)
        for one in places(giant).values():
            await bench.shown(one)
        assert bench.refusals() == [], f"of {piece!r}"


@case
async def a_giant_text_keeps_its_beginning_and_the_buttons(bench: Bench) -> None:
    text = "The beginning " + "and more " * GIANT
    for place, sent in places(text).items():
        posted = await bench.shown(sent)
        assert "The beginning" in bench.reads(posted), place
        assert bench.subject.buttons(posted) == [action.label for action in sent.actions], place


@case
async def a_giant_template_is_accepted(bench: Bench) -> None:
    for template in ("{{.Title}} " * 900, "*x* " * 2400, "<https://im.example.com|x>\n" * 360, "&" * 10_000):
        await bench.shown(message(incident=card(title="<!channel> & " * 1000), template=template))
    assert bench.refusals() == []


@case
async def a_text_is_cut_at_every_length_without_breaking(bench: Bench) -> None:
    for length in (*range(70, 80), *range(145, 155), *range(250, 260), 1024, 2000, 2999, 3000, 3001, 4096):
        for piece in ("&", "*", "<@U1>"):
            await bench.shown(everywhere(("a" + piece * length)[:length]))
    assert bench.refusals() == []


@case
async def empty_fields_are_accepted(bench: Bench) -> None:
    for nothing in ("", " ", "\n\n", "\u200b"):
        sent = everywhere(nothing)
        await bench.shown(sent)
        await bench.shown(msgspec.structs.replace(sent, headline=nothing, actions=()))
        await bench.shown(Message(event="text", headline=nothing, text=nothing))
        for template in ("{{.Title}}", "{{.Note}}", "{{.Description}}", "{{.Title}}\n{{.Note}}", nothing):
            await bench.shown(msgspec.structs.replace(sent, template=template))
            await bench.shown(msgspec.structs.replace(sent, template=template, actions=()))
    assert bench.refusals() == []


@case
async def an_address_that_is_none_does_not_stop_a_message(bench: Bench) -> None:
    for url in (
        "",
        "x",
        "/relative",
        "javascript:alert(1)",
        "http://",
        "https://exa mple.com/",
        "https://[::1",
        "https://example.com/" + "x" * 5000,
        "https://example.com/\x00\n",
        'https://example.com/"><b>',
    ):
        actions = (msgspec.structs.replace(ACTIONS[2], url=url),)
        posted = await bench.shown(message(incident=card(url=url), actions=actions))
        if url.startswith("javascript:"):
            assert '": "javascript:' not in json.dumps(posted.payload)
    assert bench.refusals() == []


@case
async def long_labels_and_values_of_buttons_are_accepted(bench: Bench) -> None:
    actions = tuple(msgspec.structs.replace(action, label="Do it " * 100) for action in ACTIONS)
    posted = await bench.shown(message(actions=actions))
    assert all(label.startswith("Do it") for label in bench.subject.buttons(posted))
    assert bench.refusals() == []


@case
async def a_template_replaces_the_body_and_keeps_the_buttons(bench: Bench) -> None:
    text = "Look: {{.Title}} | {{.Severity}}, {{ .Service }}"
    posted = await bench.shown(message(template=text, badges=("TEST",)))
    reads = bench.reads(posted)
    assert "Look: Database connection timeout | SEV-1, checkout" in reads
    assert "Multiple users reporting payment failures" not in reads
    assert "TEST" in reads
    assert bench.subject.buttons(posted) == [action.label for action in ACTIONS]


# Pure rendering and configuration.


@case
async def rendering_is_pure_and_deterministic(bench: Bench) -> None:
    render = bench.subject.platform.render
    for sent in (message(), everywhere(HOSTILE["everything"]), message(template="{{.Title}}")):
        before = msgspec.json.encode(sent)
        first = msgspec.json.encode(render(sent))
        await asyncio.sleep(0.002)
        assert msgspec.json.encode(render(sent)) == first
        assert msgspec.json.encode(sent) == before


@case
async def rendering_a_giant_is_quick(bench: Bench) -> None:
    for piece in GIANTS:
        sent = everywhere(piece * (GIANT // len(piece)))
        began = time.process_time()
        bench.subject.platform.render(sent)
        assert time.process_time() - began < 1.0, f"of {piece!r}"


@case
async def an_unknown_key_is_named_with_its_mend(bench: Bench) -> None:
    error = refused(bench, {**raw(bench), "default_chanel": "C1"})
    assert error.field == "default_chanel"
    assert "did you mean `default_channel`?" in error.detail


@case
async def the_configuration_that_works_is_valid(bench: Bench) -> None:
    platform = bench.subject.platform
    assert configs.validate(platform.config, platform.name, raw(bench)) == bench.subject.config


@case
async def a_missing_required_key_is_named(bench: Bench) -> None:
    for name in bench.subject.platform.config.REQUIRED:
        without = {key: value for key, value in raw(bench).items() if key != name}
        for broken in (without, {**without, name: ""}):
            assert refused(bench, broken).field == name


@case
async def a_masked_configuration_shows_no_secret(bench: Bench) -> None:
    shown = msgspec.json.encode(configs.masked(bench.subject.config)).decode()
    for secret in bench.secrets():
        assert secret not in shown


@case
async def an_address_over_http_is_refused_off_loopback(bench: Bench) -> None:
    for name in bench.subject.platform.config.BASES:
        for url in ("http://chat.example.com", "http://10.1.2.3/api", "ws://chat.example.com"):
            error = refused(bench, {**raw(bench), name: url})
            assert error.field == name
            assert "https" in error.detail


@case
async def a_changed_address_asks_for_a_secret_again(bench: Bench) -> None:
    kind = bench.subject.platform.config
    for name in kind.BASES:
        asked = configs.changed_bases(kind, raw(bench), {name: "https://elsewhere.example.com"})
        assert asked.keys() == {name}
        assert set(asked[name]) <= set(kind.SECRETS)
    assert not kind.BASES or any(kind.BASES.values())


# The connection test, channels, people.


@case
async def the_connection_test_has_its_four_lines(bench: Bench) -> None:
    checks = await bench.adapter.check()
    assert [check.name for check in checks] == LINES
    assert all(check.ok for check in checks), checks
    assert checks[0].text.startswith("Connected to ")
    assert [check.text for check in checks[1:]] == [
        "Bot permissions verified",
        "Default channel accessible",
        "Slash commands configured",
    ]


LINES: Final = ["connection", "permissions", "default_channel", "slash_commands"]


@case
async def channels_are_listed_by_name(bench: Bench) -> None:
    channels = await bench.adapter.channels()
    names = [channel.name for channel in channels]
    assert names == sorted(names)
    assert bench.subject.channel in {channel.id for channel in channels}


@case
async def a_person_is_found_or_is_not(bench: Bench) -> None:
    found = await bench.adapter.find_user(bench.subject.user_query)
    assert found is not None
    assert found.id == bench.subject.user_id
    assert found.name
    again = await bench.adapter.find_user(f"  {bench.subject.user_query} ")
    assert again == found
    assert await bench.adapter.find_user(bench.subject.unknown_user) is None
    assert await bench.adapter.find_user("") is None


def raw(bench: Bench) -> dict[str, Any]:
    """The subject's configuration as an admin writes it."""
    built: dict[str, Any] = msgspec.to_builtins(bench.subject.config)
    return built


def refused(bench: Bench, broken: dict[str, Any]) -> ConfigError:
    platform = bench.subject.platform
    with pytest.raises(ConfigError) as caught:
        configs.validate(platform.config, platform.name, broken)
    for secret in bench.secrets():
        assert secret not in f"{caught.value}{caught.value!r}"
    return caught.value


# Failures.

FAULTS: Final[dict[FaultKind, set[Reason]]] = {
    "500": {Reason.SERVER_ERROR},
    "garbage": {Reason.BAD_ANSWER},
    "timeout": {Reason.TIMEOUT},
    "disconnect": {Reason.UNREACHABLE},
    "lost_answer": {Reason.SERVER_ERROR},
}


def attempts(bench: Bench, adapter: Adapter, ref: MessageRef) -> Iterator[tuple[str, Awaitable[object]]]:
    sent = message(incident=card(title=MARK, description=MARK), text=MARK, note=MARK)
    yield "post", adapter.post(bench.subject.channel, sent, nonce="another")
    yield "edit", adapter.edit(ref, sent)
    yield "reply", adapter.reply(ref, sent, nonce="a third")


@remote_case
async def a_wrong_token_is_unauthorized(bench: Bench) -> None:
    ref = await bench.post(message())
    adapter = bench.build(bench.subject.bad_config)
    for what, attempt in attempts(bench, adapter, ref):
        error = await failing(attempt)
        assert (error.reason, error.may_have_arrived) == (Reason.UNAUTHORIZED, False), what
    assert len(bench.subject.messages) == 1


@remote_case
async def a_429_says_when_to_come_back(bench: Bench) -> None:
    ref = await bench.post(message())
    for what, attempt in attempts(bench, bench.adapter, ref):
        bench.fake.fail_next("429", path=bench.subject.sends_path, seconds=3.0)
        error = await failing(attempt)
        assert (error.reason, error.may_have_arrived) == (Reason.RATE_LIMITED, False), what
        assert error.retry_after is not None, what
        assert 1.9 <= error.retry_after <= 5.0, what


@remote_case
async def too_many_at_once_are_refused_with_a_wait_and_the_others_arrive(bench: Bench) -> None:
    bench.fake.rates = True
    sends = (bench.post(message(), nonce=f"n{number}") for number in range(160))
    outcomes = await asyncio.gather(*sends, return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert 0 < len(errors) < 160
    for error in errors:
        assert isinstance(error, DeliveryError)
        assert error.reason is Reason.RATE_LIMITED
        assert error.retry_after is not None
        assert error.retry_after > 0
    assert len(bench.subject.messages) == 160 - len(errors)


@remote_case
async def broken_answers_are_retryable_and_may_have_arrived(bench: Bench) -> None:
    adapter = bench.build(bench.subject.config, impatient=True)
    ref = (await adapter.post(bench.subject.channel, message(), nonce=NONCE)).ref
    for kind, reasons in FAULTS.items():
        for what, attempt in attempts(bench, adapter, ref):
            bench.fake.fail_next(kind, path=bench.subject.sends_path, seconds=TOO_LATE)
            error = await failing(attempt)
            assert error.reason in reasons, f"{kind} of {what} is {error.reason}"
            assert error.reason.retryable
            assert error.may_have_arrived, f"{kind} of {what}"


@remote_case
async def a_server_that_is_not_there_is_unreachable_and_nothing_arrived(bench: Bench) -> None:
    ref = await bench.post(message())
    nowhere = dict.fromkeys(bench.subject.platform.config.BASES, "http://127.0.0.1:9")
    adapter = bench.build(msgspec.structs.replace(bench.subject.config, **nowhere))
    for what, attempt in attempts(bench, adapter, ref):
        error = await failing(attempt)
        assert (error.reason, error.may_have_arrived) == (Reason.UNREACHABLE, False), what


@remote_case
async def a_try_after_a_lost_answer_makes_one_message_where_the_platform_promises_it(bench: Bench) -> None:
    bench.fake.fail_next("lost_answer", path=bench.subject.sends_path)
    error = await failing(bench.post(message()))
    assert error.may_have_arrived
    await bench.post(message())
    promised = bench.subject.platform.nonce_window_seconds > 0
    assert len(bench.subject.messages) == (1 if promised else 2)


@remote_case
async def no_error_shows_a_secret_or_a_body(bench: Bench) -> None:
    adapter = bench.build(bench.subject.config, impatient=True)
    ref = (await adapter.post(bench.subject.channel, message(), nonce=NONCE)).ref
    errors: list[BaseException] = []
    for kind in ("429", *FAULTS):
        for _, attempt in attempts(bench, adapter, ref):
            bench.fake.fail_next(kind, path=bench.subject.sends_path, seconds=TOO_LATE)
            errors.append(await failing(attempt))
    wrong = bench.build(bench.subject.bad_config)
    errors += [await failing(attempt) for _, attempt in attempts(bench, wrong, ref)]
    errors.append(await failing(adapter.post(bench.subject.missing_channel, message(text=MARK), nonce="x")))
    bench.subject.messages.clear()
    errors.append(await failing(adapter.edit(ref, message(text=MARK))))
    for error in errors:
        told = "".join((str(error), repr(error), *traceback.format_exception(error)))
        for hidden in (MARK, *bench.secrets()):
            assert hidden not in told


@remote_case
async def a_wrong_token_fails_every_line_of_the_connection_test(bench: Bench) -> None:
    checks = await bench.build(bench.subject.bad_config).check()
    assert [check.name for check in checks] == LINES
    for check in checks[:3]:
        assert not check.ok, check
        assert check.text
        assert check.mend
    for secret in bench.secrets():
        assert secret not in repr(checks)


@remote_case
async def the_connection_test_survives_every_failure(bench: Bench) -> None:
    adapter = bench.build(bench.subject.config, impatient=True)
    for kind in ("429", *FAULTS):
        bench.fake.fail_next(kind, times=20, seconds=TOO_LATE)
        checks = await adapter.check()
        bench.fake._faults.clear()
        assert [check.name for check in checks] == LINES
        assert not checks[0].ok, kind
        for secret in bench.secrets():
            assert secret not in repr(checks)


@remote_case
async def a_default_channel_that_does_not_exist_is_a_failed_line_with_a_mend(bench: Bench) -> None:
    config = msgspec.structs.replace(bench.subject.config, default_channel=bench.subject.missing_channel)
    checks = await bench.build(config).check()
    assert checks[0].ok
    assert not checks[2].ok
    assert checks[2].mend


@remote_case
async def switched_off_commands_are_said_to_be_off(bench: Bench) -> None:
    config = msgspec.structs.replace(bench.subject.config, enable_slash_commands=False)
    checks = await bench.build(config).check()
    assert "switched off" in checks[3].text


@remote_case
async def listing_and_looking_up_fail_as_delivery_errors(bench: Bench) -> None:
    adapter = bench.build(bench.subject.bad_config)
    for attempt in (adapter.channels(), adapter.find_user(bench.subject.user_query)):
        error = await failing(attempt)
        assert error.reason is Reason.UNAUTHORIZED
        for secret in bench.secrets():
            assert secret not in f"{error}{error!r}"


@remote_case
async def many_posts_at_once_all_arrive(bench: Bench) -> None:
    refs = await asyncio.gather(*(bench.post(message(), nonce=f"n{number}") for number in range(60)))
    assert len({ref.message_id for ref in refs}) == len(bench.subject.messages) == 60
