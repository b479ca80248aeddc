"""Slack's own oddities: Block Kit, escapes, error codes in a 200, scopes, cursors, looking back."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.attachments import BlockAttachment
from slack_sdk.models.blocks import Block

from adapters import look
from adapters.contract import (
    Action,
    Answer,
    IncidentCard,
    Message,
    Reason,
    Resources,
)
from adapters.http import Http
from adapters.slack import PLATFORM, limits, markup
from adapters.slack.api import refusal
from adapters.slack.config import SlackConfig
from adapters.slack.history import MAX_HISTORY_PAGES
from adapters.slack.manifest import SCOPES
from adapters.slack.outbound import Slack
from adapters.slack.render import render
from tests.contract import cases
from tests.contract.subject_sandbox import MemoryShelf
from tests.contract.subject_slack import pings, subject
from tests.fakes.base import Posted
from tests.fakes.slack import SlackFake
from tests.fakes.slack_blocks import resolve, texts

HISTORY = (*SCOPES, "channels:history")
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


@asynccontextmanager
async def slack(**fake: Any) -> AsyncIterator[tuple[SlackFake, Slack]]:
    """A fake without rate windows and an adapter for it; `config_…` changes the configuration."""
    changes = {name.removeprefix("config_"): fake.pop(name) for name in [*fake] if name.startswith("config_")}
    chosen: dict[str, Any] = {"rates": False, "scopes": SCOPES} | fake
    with SlackFake(**chosen) as server:
        config = SlackConfig(
            bot_token=server.token,
            signing_secret="0" * 32,
            default_channel="C0INCIDENTS",
            api_base=server.url + "/",
        )
        async with Http() as http:
            resources = Resources(http=http, shelf=MemoryShelf({}))
            yield server, Slack(msgspec.structs.replace(config, **changes), resources)


class Scripted:
    """An Outbound that answers the same to everything and keeps what it was asked."""

    def __init__(self, status: int = 200, body: object = None, headers: dict[str, str] | None = None) -> None:
        self.answer = Answer(status=status, headers=headers or {}, body=json.dumps(body).encode())
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []

    async def request(
        self, method: str, url: str, *, headers: dict[str, str], body: bytes | None = None, **_: object
    ) -> Answer:
        self.asked.append((method, url, headers, body or b""))
        return self.answer

    def adapter(self, **changes: Any) -> Slack:
        config = SlackConfig(bot_token="xoxb-1-2-secret-token", default_channel="C1")
        config = msgspec.structs.replace(config, **changes)
        return Slack(config, Resources(http=self, shelf=MemoryShelf({})))


def payload(message: Message) -> dict[str, Any]:
    """The rendered message as Slack would read it."""
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(render(message)))
    return decoded


def blocks(message: Message) -> list[dict[str, Any]]:
    shown = payload(message)
    return [*shown["blocks"], *(block for part in shown["attachments"] for block in part["blocks"])]


def all_text(message: Message) -> str:
    return "\n".join(resolve(text) for _, text in texts(blocks(message)))


def as_posted(message: Message) -> Posted:
    return Posted(id="1", channel="C1", payload=payload(message), nonce=None, parent=None, at=0.0)


def validated(message: Message) -> None:
    """Raise unless slack_sdk's models and the limits in Slack's pages accept the message."""
    shown = payload(message)
    for block in blocks(message):
        parsed = Block.parse(block)
        assert parsed is not None, f"slack_sdk does not know {block['type']}"
        assert type(parsed) is not Block
        parsed.validate_json()
    for attachment in shown["attachments"]:
        BlockAttachment(blocks=attachment["blocks"], color=attachment["color"]).validate_json()
        assert len(attachment["blocks"]) <= 20
    assert 1 <= len(shown["blocks"]) <= 50
    assert 1 <= len(shown["text"]) <= 4000
    assert sum(len(text) for _, text in texts(blocks(message))) <= limits.MAX_ALL_BLOCKS


# Rendering.

TYPED = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="&<>*_~`:@!|\n a😀", max_size=400),
    st.builds(lambda piece, count: piece * count, st.sampled_from(cases.GIANTS), st.integers(0, 4000)),
)
MAYBE = st.one_of(st.none(), TYPED)
CARDS = st.builds(
    IncidentCard,
    id=st.one_of(st.just("INC-2024-001"), TYPED),
    title=TYPED,
    severity=st.sampled_from(["SEV-1", "SEV-2", "SEV-3", "SEV-4"]),
    status=st.sampled_from(["open", "acknowledged", "resolved", "closed"]),
    started_at=st.just(NOW),
    service=MAYBE,
    description=MAYBE,
    assignee=MAYBE,
    url=MAYBE,
)
BUTTONS = st.builds(
    Action,
    id=st.just("details"),
    label=TYPED,
    value=TYPED,
    style=st.sampled_from(["default", "primary", "danger"]),
    url=st.one_of(MAYBE, st.just("https://example.com/a?b=c&d=e")),
)
MESSAGES = st.builds(
    Message,
    event=st.just("incident.created"),
    headline=TYPED,
    text=TYPED,
    incident=st.one_of(st.none(), CARDS),
    actor=MAYBE,
    note=MAYBE,
    facts=st.lists(st.tuples(TYPED, TYPED), max_size=20).map(tuple),
    steps=st.lists(TYPED, max_size=30).map(tuple),
    badges=st.lists(st.sampled_from(["TEST", "UNROUTED"]), max_size=2).map(tuple),
    actions=st.lists(BUTTONS, max_size=1).map(tuple),
    template=st.one_of(
        st.none(),
        st.sampled_from(["🚨 *{{.Title}}*\n{{.Description}}\n{{.Note}}", "<{{.URL}}|{{.Title}}> {{.Steps}}"]),
        TYPED,
    ),
)


@settings(max_examples=120, deadline=None)
@given(MESSAGES)
def test_every_message_is_valid_block_kit_within_all_limits(message: Message) -> None:
    validated(message)


@settings(max_examples=80, deadline=None)
@given(TYPED)
def test_no_text_anywhere_pings_or_formats(text: str) -> None:
    for message in cases.places(text).values():
        assert pings(as_posted(message)) == []


def test_the_documented_example_looks_as_documented() -> None:
    message = cases.message(incident=cases.card(assignee=None))
    shown = payload(message)
    assert [block["type"] for block in shown["blocks"]] == ["header", "section"]
    assert [block["type"] for block in shown["attachments"][0]["blocks"]] == ["section", "section", "actions"]
    assert shown["attachments"][0]["color"] == look.COLOURS["SEV-1"]
    assert all_text(message).split("\n") == [
        "🚨 New Incident Declared",
        "INC-2024-001: Database connection timeout",
        *("*Severity*", "SEV-1", "*Status*", "Open", "*Service*", "checkout"),
        *("*Started*", "2026-01-05 10:00 UTC"),
        "Multiple users reporting payment failures",
        *("Acknowledge", "Join War Room", "View Details", "Escalate"),
    ]


def test_the_start_is_shown_in_the_reader_s_time_zone_and_relative_to_now() -> None:
    raw = [text for _, text in texts(blocks(cases.message()))]
    assert (
        f"<!date^{int(NOW.timestamp())}^{{ago}} ({{date_short_pretty}} at {{time}})|2026-01-05 10:00 UTC>"
        in raw
    )


def test_the_notification_holds_the_headline_the_id_and_the_title_escaped() -> None:
    shown = payload(cases.message(incident=cases.card(title="a <!here> & b"), badges=("TEST",)))
    assert shown["text"] == "[TEST] 🚨 New Incident Declared · INC-2024-001: a &lt;!here&gt; &amp; b"
    assert (shown["parse"], shown["link_names"], shown["mrkdwn"]) == ("none", False, False)
    assert (shown["unfurl_links"], shown["unfurl_media"]) == (False, False)


def test_there_is_always_a_top_level_block_or_slack_would_show_the_notification_s_text_twice() -> None:
    for message in (
        cases.message(),
        cases.message(template="{{.Title}}"),
        Message(event="text", headline="", text=""),
        Message(event="text", headline="", template="{{.Note}}"),
    ):
        assert payload(message)["blocks"]


def test_buttons_carry_their_action_value_style_and_address() -> None:
    (row,) = [block for block in blocks(cases.message()) if block["type"] == "actions"]
    first, _, third, last = row["elements"]
    assert (first["action_id"], first["value"], first["style"]) == (
        "im.acknowledge",
        "INC-2024-001",
        "primary",
    )
    assert third["url"] == "https://im.example.com/incidents/INC-2024-001"
    assert "style" not in third
    assert last["style"] == "danger"


def test_what_is_over_is_green() -> None:
    shown = payload(cases.message(incident=cases.card(status="resolved")))
    assert shown["attachments"][0]["color"] == look.COLOUR_DONE


def test_merged_steps_are_listed_oldest_first_and_the_newest_survive() -> None:
    few = all_text(cases.message(steps=("first", "second")))
    assert "Meanwhile:\n• first\n• second" in few
    many = all_text(cases.message(steps=tuple(f"step {number} {'x' * 90}" for number in range(40))))
    assert "step 39" in many
    assert "step 0 " not in many
    assert re.search(r"… \d+ earlier", many)


def test_more_facts_than_fit_are_counted() -> None:
    shown = all_text(cases.message(facts=tuple((f"Fact {number}", "yes") for number in range(18))))
    assert "Fact 14" in shown
    assert "Fact 15" not in shown
    assert "… and 3 more" in shown


def test_a_newline_in_a_title_cannot_fake_a_line() -> None:
    shown = all_text(cases.message(incident=cases.card(title="ok\nStatus: Closed")))
    assert "INC-2024-001: ok Status: Closed" in shown


def test_a_long_plain_text_goes_on_in_a_second_section() -> None:
    text = "\n".join(f"line {number}" for number in range(600))
    sections = [block["text"]["text"] for block in blocks(Message(event="text", headline="h", text=text))[1:]]
    assert len(sections) >= 2
    assert "".join(sections).startswith(text[:4000])


# Escapes and cuts.


@given(TYPED, st.integers(0, 300))
def test_a_cut_never_breaks_an_entity_or_an_escape(text: str, limit: int) -> None:
    for escape in (markup.plain, markup.literal):
        escaped = markup.fit(text, limit, escape)
        assert len(escaped) <= limit
        assert re.findall(r"&(?!amp;|lt;|gt;)", escaped) == []
        assert re.sub(r"<!date\^0{8}\^\{_\}\|[^<>]>", "", escaped).count("<") == 0
        if limit > 30:
            shown = resolve(escaped).removesuffix("…")
            assert look.visible(text).replace("\u00ad", "").startswith(shown[:20].replace("\u00ad", ""))


@given(TYPED, st.integers(10, 300))
def test_pieces_hold_everything_and_none_breaks_an_entity(text: str, limit: int) -> None:
    escaped = markup.plain(text)
    found = markup.pieces(escaped, limit)
    assert all(len(piece) <= limit and piece.strip() for piece in found)
    assert "".join("".join(found).split()) == "".join(escaped.split())
    for piece in found:
        assert re.findall(r"&(?!amp;|lt;|gt;)", piece) == []


@given(TYPED)
def test_what_is_escaped_is_read_as_it_was_typed(text: str) -> None:
    expected = look.visible(text).replace("\u00ad", "")
    assert resolve(markup.plain(text)) == expected
    assert resolve(markup.literal(text)) == expected


@pytest.mark.parametrize("text", ["snake_case_name", "a*b", "10:30", "50% ~ish", "C:\\x", "a > b", "x_y*z"])
def test_signs_without_effect_are_left_as_they_are(text: str) -> None:
    assert markup.literal(text).count("<!date") <= text.count("~")


def test_a_quote_sign_only_matters_at_the_start_of_a_line() -> None:
    assert markup.literal("> quote\na > b") == "\u00ad&gt; quote\na &gt; b"


# Templates.


def template_text(template: str, **incident: Any) -> str:
    message = cases.message(incident=cases.card(**incident), template=template, actions=())
    return "\n".join(text for kind, text in texts(blocks(message)) if kind == "mrkdwn")


def test_the_documented_template_keeps_its_markup() -> None:
    template = "🚨 *{{.Title}}*\n{{.Description}}\nSeverity: {{.Severity}} | Service: {{.Service}}\n"
    assert template_text(template, title="a_b is *down* & out") == (
        "🚨 *a_b is <!date^00000000^{_}|*>down<!date^00000000^{_}|*> &amp; out*\n"
        "Multiple users reporting payment failures\nSeverity: SEV-1 | Service: checkout"
    )


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("<{{.URL}}|{{.Title}}>", {"title": "x"}, "<https://im.example.com/incidents/INC-2024-001|x>"),
        ("<{{.URL}}|{{.Title}}>", {"url": None, "title": "x"}, "x"),
        ("<{{.URL}}|go>", {"url": "https://a.b/?c=1&d=2"}, "<https://a.b/?c=1&amp;d=2|go>"),
        ("<https://a.b/{{.ID}}|go>", {"id": "INC_1/2"}, "<https://a.b/INC_1%2F2|go>"),
        ("<{{.Title}}>", {"title": "!channel"}, "<%21channel>"),
        ("<{{.Title}}|x>", {"title": "!here"}, "<%21here|x>"),
        ("<{{.Title}}>", {"title": "@U123"}, "<%40U123>"),
        ("<https://a.b|{{.Title}}>", {"title": "a|b> <!here>"}, "<https://a.b|a¦b&gt; &lt;!here&gt;>"),
        ("<!here> {{.Title}}", {"title": "x"}, "<!here> x"),
        ("a < b {{.Title}}", {"title": "x"}, "a < b x"),
        ("one\n<https://a.b|x>\ntwo", {}, "one\n<https://a.b|x>\ntwo"),
    ],
)
def test_a_value_inside_a_link_is_an_address_or_a_label_but_never_a_mention(
    template: str, values: dict[str, Any], expected: str
) -> None:
    assert template_text(template, **values) == expected


def test_a_long_template_is_cut_outside_its_links() -> None:
    link = "<https://example.com/a/long/address|click>"
    for extra in range(len(link) + 1):
        shown = template_text("x" * extra + link * 300)
        assert shown.count("<") == shown.count(">")


# Sending.


async def test_a_post_and_a_reply_carry_the_nonce_and_an_edit_leaves_it() -> None:
    async with slack() as (fake, adapter):
        ref = (await adapter.post("C1", cases.message(), nonce="one")).ref
        reply = (await adapter.reply(ref, cases.message(), nonce="two")).ref
        await adapter.edit(ref, cases.message())
        assert fake.messages[ref.message_id].nonce == "one"
        assert fake.messages[reply.message_id].nonce == "two"
        assert fake.messages[reply.message_id].payload["thread_ts"] == ref.message_id
        assert "metadata" not in fake.messages[ref.message_id].edits[0]
        assert fake.messages[ref.message_id].payload["metadata"] == {
            "event_type": "im_delivery",
            "event_payload": {"nonce": "one"},
        }


async def test_a_direct_message_is_edited_where_it_arrived() -> None:
    async with slack() as (fake, adapter):
        ref = (await adapter.post("U0DANA", cases.message(), nonce="n")).ref
        assert ref.channel == "D0DANA"
        await adapter.edit(ref, cases.message())
        assert fake.refusals == []


async def test_the_token_travels_in_the_header_only() -> None:
    http = Scripted(body={"ok": True, "channel": "C1", "ts": "1.2"})
    adapter = http.adapter(bot_token=["xoxb-new-token-abcdefgh", "xoxb-old-token-abcdefgh"])
    await adapter.post("C1", cases.message(), nonce="n")
    await adapter.channels()
    for method, url, headers, body in http.asked:
        assert method == "POST"
        assert headers["authorization"] == "Bearer xoxb-new-token-abcdefgh"
        assert b"xoxb" not in body
        assert "xoxb" not in url
    assert http.asked[0][1] == "https://slack.com/api/chat.postMessage"
    assert http.asked[0][2]["content-type"] == "application/json; charset=utf-8"
    assert http.asked[1][2]["content-type"] == "application/x-www-form-urlencoded"


async def test_a_reply_to_a_vanished_message_says_that_it_is_gone() -> None:
    async with slack() as (fake, adapter):
        ref = (await adapter.post("C1", cases.message(), nonce="n")).ref
        fake.messages.clear()
        error = await cases.failing(adapter.reply(ref, cases.message(), nonce="m"))
    assert error.reason is Reason.MESSAGE_GONE


@pytest.mark.parametrize(
    ("channel", "code"), [("C0ARCHIVED", "is_archived"), ("C0FOREIGN", "not_in_channel")]
)
async def test_a_channel_that_cannot_be_written_is_forbidden_with_slack_s_word(
    channel: str, code: str
) -> None:
    async with slack() as (_, adapter):
        error = await cases.failing(adapter.post(channel, cases.message(), nonce="n"))
    assert error.reason is Reason.FORBIDDEN
    assert code in error.detail


@pytest.mark.parametrize(
    ("code", "reason", "arrived"),
    [
        ("ratelimited", Reason.RATE_LIMITED, False),
        ("rate_limited", Reason.RATE_LIMITED, False),
        ("invalid_auth", Reason.UNAUTHORIZED, False),
        ("not_authed", Reason.UNAUTHORIZED, False),
        ("account_inactive", Reason.UNAUTHORIZED, False),
        ("token_revoked", Reason.UNAUTHORIZED, False),
        ("token_expired", Reason.UNAUTHORIZED, False),
        ("missing_scope", Reason.FORBIDDEN, False),
        ("not_in_channel", Reason.FORBIDDEN, False),
        ("is_archived", Reason.FORBIDDEN, False),
        ("restricted_action", Reason.FORBIDDEN, False),
        ("cant_update_message", Reason.FORBIDDEN, False),
        ("channel_not_found", Reason.CHANNEL_NOT_FOUND, False),
        ("message_not_found", Reason.MESSAGE_GONE, False),
        ("edit_window_closed", Reason.MESSAGE_GONE, False),
        ("msg_too_long", Reason.REJECTED, False),
        ("invalid_blocks", Reason.REJECTED, False),
        ("msg_blocks_too_long", Reason.REJECTED, False),
        ("fatal_error", Reason.SERVER_ERROR, True),
        ("internal_error", Reason.SERVER_ERROR, True),
        ("service_unavailable", Reason.SERVER_ERROR, True),
        ("request_timeout", Reason.SERVER_ERROR, False),
        ("something_new", Reason.REJECTED, False),
    ],
)
async def test_an_error_code_has_its_reason_and_is_named(code: str, reason: Reason, arrived: bool) -> None:
    http = Scripted(body={"ok": False, "error": code}, headers={"retry-after": "7"})
    error = await cases.failing(http.adapter().post("C1", cases.message(), nonce="n"))
    assert (error.reason, error.may_have_arrived, error.retry_after) == (reason, arrived, 7.0)
    assert error.detail == f"Slack refused: {code}"


def test_what_is_no_code_is_not_repeated() -> None:
    answer = Answer(status=200, headers={}, body=b"")
    assert str(refusal("Bearer xoxb-1 <secret>", "a b", answer)) == "Slack refused: an unknown error"
    assert str(refusal("missing_scope", "chat:write", answer)) == "Slack refused: missing_scope (chat:write)"
    assert refusal("", "", answer).reason is Reason.REJECTED


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, Reason.REJECTED),
        (403, Reason.FORBIDDEN),
        (429, Reason.RATE_LIMITED),
        (503, Reason.SERVER_ERROR),
        (302, Reason.REJECTED),
    ],
)
async def test_a_status_that_is_not_200_has_its_reason(status: int, reason: Reason) -> None:
    http = Scripted(status=status, body={"ok": True}, headers={"retry-after": "30"})
    error = await cases.failing(http.adapter().post("C1", cases.message(), nonce="n"))
    assert (error.reason, error.retry_after) == (reason, 30.0 if status != 404 else None)


@pytest.mark.parametrize(
    "body",
    [{}, [], {"ok": True}, {"ok": True, "ts": "1"}, {"ok": True, "ts": 5, "channel": "C1"}, "ok", None],
)
async def test_an_answer_without_an_id_is_bad_and_may_have_arrived(body: object) -> None:
    error = await cases.failing(Scripted(body=body).adapter().post("C1", cases.message(), nonce="n"))
    assert (error.reason, error.may_have_arrived) == (Reason.BAD_ANSWER, True)


async def test_one_message_a_second_and_channel_are_taken() -> None:
    with subject() as it:
        async with cases.bench(it) as bench:
            bench.fake.rates = True
            await bench.post(cases.message(), nonce="a")
            await bench.adapter.post("C0OTHER", cases.message(), nonce="b")
            error = await cases.failing(bench.post(cases.message(), nonce="c"))
    assert (error.reason, error.retry_after, error.whole_provider) == (Reason.RATE_LIMITED, 1.0, False)
    (window,) = PLATFORM.limits.channel
    assert (window.count, window.seconds) == (1, 1.0)


# Looking back.


def before() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=5)


async def test_a_message_is_found_by_its_nonce_over_several_pages() -> None:
    async with slack(scopes=HISTORY, page_size=3) as (_, adapter):
        refs = [(await adapter.post("C1", cases.message(), nonce=f"n{n}")).ref for n in range(10)]
        assert await adapter.find("C1", nonce="n0", since=before()) == refs[0]
        assert await adapter.find("C1", nonce="n9", since=before()) == refs[9]
        assert await adapter.find("C1", nonce="n10", since=before()) is None
        assert await adapter.find("C2", nonce="n0", since=before()) is None


async def test_a_reply_is_found_in_its_thread() -> None:
    async with slack(scopes=HISTORY) as (_, adapter):
        top = (await adapter.post("C1", cases.message(), nonce="top")).ref
        await adapter.reply(top, cases.message(), nonce="first")
        reply = (await adapter.reply(top, cases.message(), nonce="second")).ref
        assert await adapter.find("C1", nonce="second", since=before()) == reply
        assert await adapter.find("C1", nonce="third", since=before()) is None


async def test_an_edited_message_is_still_found() -> None:
    async with slack(scopes=HISTORY) as (_, adapter):
        ref = (await adapter.post("C1", cases.message(), nonce="n")).ref
        await adapter.edit(ref, cases.message(headline="Changed"))
        assert await adapter.find("C1", nonce="n", since=before()) == ref


async def test_what_could_not_be_looked_at_is_not_called_absent() -> None:
    async with slack() as (_, adapter):
        await adapter.post("C1", cases.message(), nonce="n")
        error = await cases.failing(adapter.find("C1", nonce="n", since=before()))
    assert error.reason is Reason.FORBIDDEN
    assert "channels:history" in error.detail


async def test_a_channel_with_too_much_to_look_through_is_not_called_empty() -> None:
    async with slack(scopes=HISTORY, page_size=1) as (_, adapter):
        for number in range(MAX_HISTORY_PAGES + 1):
            await adapter.post("C1", cases.message(), nonce=f"n{number}")
        error = await cases.failing(adapter.find("C1", nonce="other", since=before()))
    assert error.reason is Reason.OUTCOME_UNKNOWN


async def test_another_app_s_metadata_is_not_ours() -> None:
    post = {"ts": "1.1", "metadata": {"event_type": "other", "event_payload": {"nonce": "n", "x": [1]}}}
    http = Scripted(body={"ok": True, "messages": [post, {"ts": "1.2", "metadata": {}}, {"ts": "1.3"}]})
    assert await http.adapter().find("C1", nonce="n", since=NOW) is None


# The connection test.


async def checked(**changes: Any) -> dict[str, tuple[bool, str, str]]:
    async with slack(**changes) as (_, adapter):
        lines = [check for check in await adapter.check() if not check.off]
        return {check.name: (check.ok, check.text, check.mend) for check in lines}


async def test_the_connection_test_succeeds_with_the_documented_lines() -> None:
    checks = await checked(config_team_id="T0FAKE")
    assert [text for _, text, _ in checks.values()] == [
        "Connected to Slack workspace",
        "Bot permissions verified",
        "Default channel accessible",
        "Slash commands configured",
    ]
    assert all(ok and not mend for ok, _, mend in checks.values())


@pytest.mark.parametrize("missing", SCOPES)
async def test_each_missing_scope_is_named(missing: str) -> None:
    checks = await checked(scopes=tuple(scope for scope in SCOPES if scope != missing))
    assert checks["connection"][0]
    assert checks["permissions"][:2] == (False, f"Bot permissions missing: {missing}")
    assert "reinstall" in checks["permissions"][2]
    assert checks["slash_commands"][0] is (missing != "commands")
    assert checks["default_channel"][0] is (missing != "channels:read")


async def test_several_missing_scopes_are_all_named() -> None:
    checks = await checked(scopes=("channels:read",))
    assert checks["permissions"][1] == (
        "Bot permissions missing: chat:write, commands, app_mentions:read, users:read"
    )


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        ("C0ARCHIVED", "Default channel is archived"),
        ("C0FOREIGN", "The bot is not a member of the default channel"),
        ("C0MISSING", "Default channel not accessible: Slack refused: channel_not_found"),
        ("#incidents", "Default channel not accessible: Slack refused: channel_not_found"),
    ],
)
async def test_a_default_channel_that_cannot_be_used_is_explained(channel: str, text: str) -> None:
    checks = await checked(config_default_channel=channel)
    ok, said, mend = checks["default_channel"]
    assert (ok, said) == (False, text)
    assert mend


async def test_a_bot_that_may_write_everywhere_need_not_be_a_member() -> None:
    checks = await checked(config_default_channel="C0FOREIGN", scopes=(*SCOPES, "chat:write.public"))
    assert checks["default_channel"][0]


async def test_a_token_of_another_workspace_is_no_connection() -> None:
    checks = await checked(config_team_id="T0OTHER")
    assert not any(ok for ok, _, _ in checks.values())
    assert "another Slack workspace" in checks["connection"][1]


async def test_without_the_scopes_header_nothing_is_claimed() -> None:
    http = Scripted(body={"ok": True, "channel": {"id": "C1", "is_member": True}})
    checks = {check.name: check for check in await http.adapter().check()}
    assert checks["connection"].ok
    assert not checks["permissions"].ok
    assert "did not say" in checks["permissions"].text


async def test_a_missing_signing_secret_is_hinted_at() -> None:
    ok, text, mend = (await checked(config_signing_secret=""))["slash_commands"]
    assert (ok, text) == (True, "Slash commands configured")
    assert "signing_secret" in mend


@pytest.mark.parametrize("code", ["token_revoked", "account_inactive"])
async def test_a_revoked_token_is_explained(code: str) -> None:
    async with slack(config_bot_token="xoxb-revoked-token-abcdefg") as (fake, adapter):
        fake.revoked_tokens["xoxb-revoked-token-abcdefg"] = code
        first = (await adapter.check())[0]
    assert first.text == f"Not connected to Slack: Slack refused: {code}"
    assert "Bot User OAuth Token" in first.mend


# Channels and people.


async def test_channels_come_from_all_pages_sorted_and_without_archived_ones() -> None:
    async with slack(page_size=2) as (fake, adapter):
        for name in ("zulu", "alpha", "mike"):
            fake.add_channel(f"C0{name.upper()}", name)
        fake.add_channel("G0SECRET", "secret", private=True)
        found = await adapter.channels()
    assert [channel.name for channel in found] == ["alpha", "foreign", "incidents", "mike", "zulu"]
    assert {channel.name for channel in found if not channel.member} == {"foreign"}


async def test_private_channels_are_listed_where_the_bot_may() -> None:
    async with slack(scopes=(*SCOPES, "groups:read")) as (fake, adapter):
        fake.add_channel("G0SECRET", "secret", private=True)
        assert "secret" in {channel.name for channel in await adapter.channels()}
        assert fake.refusals == []


async def test_channels_that_may_not_be_listed_are_forbidden() -> None:
    async with slack(scopes=("chat:write",)) as (_, adapter):
        error = await cases.failing(adapter.channels())
    assert error.reason is Reason.FORBIDDEN
    assert "channels:read" in error.detail


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("U0DANA", "U0DANA"),
        ("<@U0DANA>", "U0DANA"),
        ("dana@example.com", "U0DANA"),
        ("dana", "U0DANA"),
        ("@Dana", "U0DANA"),
        ("dana scully", "U0DANA"),
        ("U0NOBODY", None),
        ("nobody@example.com", None),
        ("dan", None),
        ("U0GONE", None),
        ("gone", None),
        ("gone@example.com", None),
        ("", None),
        ("@", None),
    ],
)
async def test_a_person_is_found_by_id_mention_address_or_exact_name(query: str, found: str | None) -> None:
    async with slack(scopes=(*SCOPES, "users:read.email"), page_size=1) as (_, adapter):
        user = await adapter.find_user(query)
    assert (user.id if user else None) == found


async def test_a_name_that_two_people_have_finds_neither() -> None:
    async with slack() as (fake, adapter):
        fake.add_user("U0DANA2", "dana2", "Dana Scully", "other@example.com")
        assert await adapter.find_user("Dana Scully") is None
        by_handle = await adapter.find_user("dana")
    assert by_handle is not None
    assert by_handle.id == "U0DANA"
    assert by_handle.email is None


async def test_looking_up_an_address_without_its_scope_names_the_scope() -> None:
    async with slack() as (_, adapter):
        error = await cases.failing(adapter.find_user("dana@example.com"))
    assert error.reason is Reason.FORBIDDEN
    assert "users:read.email" in error.detail


async def test_a_cursor_that_never_ends_is_not_followed_for_ever() -> None:
    http = Scripted(body={"ok": True, "members": [], "response_metadata": {"next_cursor": "again"}})
    error = await cases.failing(http.adapter().find_user("dana"))
    assert error.reason is Reason.OUTCOME_UNKNOWN
    assert len(http.asked) == 200


# The fake judges other tests, so it is tested itself.


def change(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    """A change of a payload at a path such as `blocks.0.text.text`."""

    def apply(body: dict[str, Any]) -> None:
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        at: Any = body
        for part in parents:
            at = at[part]
        at[last] = value

    return apply


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (change("text", "x" * 40_001), "msg_too_long"),
        (change("blocks.0.type", "headline"), "invalid_blocks"),
        (change("blocks.0.text.text", "x" * 151), "invalid_blocks"),
        (change("blocks.0.text.text", ""), "invalid_blocks"),
        (change("blocks.0.text.type", "mrkdwn"), "invalid_blocks"),
        (change("blocks.1.text.text", "x" * 3001), "invalid_blocks"),
        (change("blocks.1", {"type": "section"}), "invalid_blocks"),
        (change("blocks.1.extra", 1), "invalid_blocks"),
        (change("blocks", [{"type": "divider"}] * 51), "invalid_blocks"),
        (change("attachments.0.blocks", []), "invalid_attachments"),
        (change("attachments.0.color", "reddish"), "invalid_attachments"),
        (change("attachments.0.blocks.2.elements.0.value", "x" * 2001), "invalid_attachments"),
        (change("attachments.0.blocks.2.elements.0.style", "big"), "invalid_attachments"),
        (change("attachments.0.blocks.2.elements.0.text.text", "x" * 76), "invalid_attachments"),
        (change("attachments.0.blocks.2.elements.1.action_id", "im.acknowledge"), "invalid_attachments"),
        (change("attachments.0.blocks.2.elements.2.url", "javascript:x"), "invalid_attachments"),
        (change("metadata", {"event_type": "x"}), "invalid_metadata_schema"),
        (change("metadata", "x"), "invalid_metadata_format"),
        (change("channel", "nowhere"), "channel_not_found"),
        (change("thread_ts", "1.1"), "thread_not_found"),
    ],
)
async def test_the_fake_refuses_what_slack_refuses(
    break_it: Callable[[dict[str, Any]], None], code: str
) -> None:
    body = payload(cases.message()) | {"channel": "C1"}
    break_it(body)
    with SlackFake() as fake:
        headers = {"authorization": f"Bearer {fake.token}", "content-type": "application/json"}
        answer = await send(fake, "/chat.postMessage", headers, json.dumps(body))
        assert answer["error"] == code
        assert len(fake.refusals) == 1
        assert fake.messages == {}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "not_authed"),
        ({"authorization": "xoxb-1"}, "not_authed"),
        ({"authorization": "Bearer xoxb-1"}, "invalid_auth"),
    ],
)
async def test_the_fake_wants_its_token(headers: dict[str, str], code: str) -> None:
    with SlackFake() as fake:
        answer = await send(fake, "/auth.test", headers | {"content-type": "application/json"}, "{}")
    assert answer["error"] == code


async def test_the_fake_wants_forms_for_reading_and_json_for_writing() -> None:
    with SlackFake() as fake:
        bearer = {"authorization": f"Bearer {fake.token}"}
        as_json = bearer | {"content-type": "application/json"}
        as_form = bearer | {"content-type": "application/x-www-form-urlencoded"}
        assert (await send(fake, "/users.list", as_json, "{}"))["error"] == "invalid_post_type"
        assert (await send(fake, "/chat.postMessage", as_form, "channel=C1"))["error"] == "invalid_post_type"
        assert (await send(fake, "/users.list", as_form, "limit=1"))["ok"]


async def send(fake: SlackFake, path: str, headers: dict[str, str], body: str) -> dict[str, Any]:
    async with Http() as http:
        answer = await http.request("POST", fake.url + path, headers=headers, body=body.encode())
    decoded: dict[str, Any] = json.loads(answer.body)
    return decoded
