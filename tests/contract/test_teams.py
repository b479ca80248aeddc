"""What is Teams' own: cards, threads, tokens, its error codes and its size limit."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters import config as providers
from adapters import look
from adapters.contract import (
    Action,
    Answer,
    DeliveryError,
    IncidentCard,
    LooksBack,
    Message,
    MessageRef,
    Reason,
)
from adapters.http import Http
from adapters.teams import PLATFORM, limits
from adapters.teams.config import TeamsConfig
from adapters.teams.errors import CODES, login_refused, refused
from adapters.teams.escape import cut_escaped, markdown, plain
from adapters.teams.outbound import Teams
from adapters.teams.render import render
from adapters.teams.token import Token
from tests.contract import subject_teams as seen
from tests.fakes.base import Posted, Reply
from tests.fakes.teams import TeamsFake, _error

HOSTILE = "<!channel> @everyone **x** @here [a](http://b) <at>all</at>"
CHANNEL = "19:incidents@thread.tacv2"
SHARED = os.environ.get("IM_SHARED")
SCHEMA = (
    Path(SHARED, "data/schemas/adaptive-card-1.5.0.json")
    if SHARED
    else Path(__file__).parent / "schemas/adaptive-card-1.5.0.json"
)
CARDS = jsonschema.Draft6Validator(json.loads(SCHEMA.read_text()))

INCIDENT = IncidentCard(
    id="INC-2024-001",
    title="Database connection timeout",
    severity="SEV-1",
    status="open",
    started_at=datetime(2026, 1, 5, 10, 0, tzinfo=UTC),
    service="checkout",
    description="Multiple users reporting payment failures",
    assignee="dana",
)
ACTIONS = (
    Action(id="acknowledge", label="Acknowledge", value="INC-2024-001", style="primary"),
    Action(id="war_room", label="Join War Room", value="INC-2024-001"),
    Action(id="details", label="View Details", value="INC-2024-001", url="https://im.example.com/i/1"),
    Action(id="escalate", label="Escalate", value="INC-2024-001", style="danger"),
)


def a_message(**changes: Any) -> Message:
    given: dict[str, Any] = {
        "event": "incident.created",
        "headline": "🚨 New Incident Declared",
        "incident": INCIDENT,
        "actions": ACTIONS,
    }
    return Message(**(given | changes))


def an_incident(**changes: Any) -> IncidentCard:
    return msgspec.structs.replace(INCIDENT, **changes)


def hostile_everywhere(text: str, **changes: Any) -> Message:
    incident = an_incident(id=text, title=text, description=text, service=text, assignee=text)
    return a_message(
        headline=text,
        incident=incident,
        text=text,
        note=text,
        actor=text,
        facts=((text, text),),
        steps=(text,),
        badges=(text,),
        **changes,
    )


def payload(message: Message) -> dict[str, Any]:
    rendered: dict[str, Any] = json.loads(msgspec.json.encode(render(message)))
    return rendered


def card_of(message: Message) -> dict[str, Any]:
    card: dict[str, Any] = payload(message)["attachments"][0]["content"]
    return card


def as_posted(message: Message) -> Posted:
    return Posted(id="1", channel=CHANNEL, payload=payload(message), nonce=None, parent=None, at=0)


def size_in_teams(message: Message) -> int:
    return len(msgspec.json.encode(render(message)).decode().encode("utf-16-le"))


@pytest.fixture(scope="module")
def running() -> Iterator[TeamsFake]:
    with TeamsFake(rates=False) as fake:
        yield fake


@pytest.fixture
def fake(running: TeamsFake) -> TeamsFake:
    running.reset()
    return running


@pytest.fixture
async def teams(fake: TeamsFake) -> AsyncIterator[Teams]:
    async with Http() as http:
        yield Teams(seen.config_for(fake), http)


def with_config(teams: Teams, **changes: Any) -> Teams:
    return Teams(msgspec.structs.replace(teams._config, **changes), teams._http)


# Cards.


@pytest.mark.parametrize(
    "message",
    [
        a_message(),
        a_message(incident=None, actions=(), event="text", text="Maintenance at 2AM"),
        a_message(incident=an_incident(status="resolved"), note="fixed", actor="dana"),
        a_message(steps=("acknowledged by dana", "escalated to SEV-1"), badges=("TEST",)),
        a_message(template="**{{.Title}}**\n{{.Description}}", badges=("UNROUTED",)),
        Message(event="text", headline=""),
        hostile_everywhere(HOSTILE),
        hostile_everywhere("\x00\ud800 \u202e" * 40_000),
    ],
)
def test_every_card_holds_to_the_published_schema(message: Message) -> None:
    CARDS.validate(card_of(message))


def test_the_card_shows_what_the_specification_shows() -> None:
    card = card_of(a_message())
    head, facts = card["body"][0], card["body"][1]
    assert head["items"][0] == {
        "type": "TextBlock",
        "text": "🚨 New Incident Declared",
        "wrap": True,
        "weight": "Bolder",
        "size": "Medium",
        "color": "Attention",
    }
    assert facts["type"] == "FactSet"
    assert {"title": "ID", "value": "INC-2024-001"} in facts["facts"]
    assert {"title": "Severity", "value": "SEV-1"} in facts["facts"]
    assert {"title": "Service", "value": "checkout"} in facts["facts"]


def test_everything_of_the_message_is_visible() -> None:
    message = a_message(
        text="free text", note="looking", actor="fox", facts=(("Region", "eu"),), steps=("one", "two")
    )
    shown = seen.visible(as_posted(message))
    for part in (
        "New Incident Declared",
        "INC-2024-001",
        "Database connection timeout",
        "SEV-1",
        "Open",
        "checkout",
        "dana",
        "Multiple users reporting",
        "2026-01-05 at 10:00 UTC",
        "free text",
        "Note by fox: looking",
        "Region: eu",
        "• one",
        "• two",
    ):
        assert part in shown


def test_the_start_is_given_in_the_strict_form_that_cards_localise() -> None:
    started = next(b for b in card_of(a_message())["body"] if b.get("isSubtle"))
    assert started["text"] == (
        "Started {{DATE(2026-01-05T10:00:00Z, SHORT)}} at {{TIME(2026-01-05T10:00:00Z)}}"
    )


def test_buttons_execute_and_fall_back_to_submit_with_the_same_data() -> None:
    acknowledge, _, details, escalate = card_of(a_message())["actions"]
    data = {"action": "acknowledge", "value": "INC-2024-001"}
    assert acknowledge == {
        "type": "Action.Execute",
        "title": "Acknowledge",
        "verb": "acknowledge",
        "data": data,
        "style": "positive",
        "fallback": {"type": "Action.Submit", "title": "Acknowledge", "data": data},
    }
    assert details == {
        "type": "Action.OpenUrl",
        "title": "View Details",
        "url": "https://im.example.com/i/1",
    }
    assert escalate["style"] == "destructive"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "file:///etc", "https://[x", "http://a b", "//b", "x"]
)
def test_an_address_that_is_no_web_link_becomes_a_button_instead(url: str) -> None:
    action = Action(id="details", label="View Details", value="INC-1", url=url)
    assert [a["type"] for a in card_of(a_message(actions=(action,)))["actions"]] == ["Action.Execute"]


@pytest.mark.parametrize(
    ("severity", "status", "style", "colour"),
    [
        ("SEV-1", "open", "attention", "Attention"),
        ("SEV-2", "acknowledged", "warning", "Warning"),
        ("SEV-3", "open", "emphasis", "Warning"),
        ("SEV-4", "open", "accent", "Accent"),
        ("SEV-1", "resolved", "good", "Good"),
        ("SEV-2", "closed", "good", "Good"),
    ],
)
@pytest.mark.parametrize("template", [None, "{{.Title}}"])
def test_severity_and_state_give_the_colour(
    severity: str, status: str, style: str, colour: str, template: str | None
) -> None:
    incident = an_incident(severity=severity, status=status)
    head = card_of(a_message(incident=incident, template=template, badges=("TEST",)))["body"][0]
    assert (head["style"], head["items"][0]["color"]) == (style, colour)


def test_a_template_replaces_the_body_and_keeps_buttons_badges_and_its_own_markup() -> None:
    message = a_message(template="**{{.Title}}**\nService: {{.Service}}", badges=("TEST",))
    card = card_of(message)
    badge, body = card["body"][0]["items"]
    assert badge["text"] == r"\[TEST\]"
    assert body["text"] == "**Database connection timeout**\n\nService: checkout"
    assert len(card["body"]) == 1
    assert len(card["actions"]) == 4


def test_there_is_no_text_beside_the_card_because_teams_would_split_them() -> None:
    assert set(payload(a_message())) == {"type", "summary", "attachments"}


# Escapes.


def test_a_hostile_text_takes_no_effect_in_any_field() -> None:
    posted = as_posted(hostile_everywhere(HOSTILE))
    assert seen.pings(posted) == []
    assert [effect for raw in seen.markdown_of(posted) for effect in seen.effects(raw)] == []
    assert seen.visible(posted).count(HOSTILE) >= 9


def test_a_hostile_text_takes_no_effect_in_a_template() -> None:
    message = hostile_everywhere(HOSTILE, template="{{.Title}}\n{{.Note}}\n{{.Steps}} {{.Actor}}")
    posted = as_posted(message)
    assert [effect for raw in seen.markdown_of(posted) for effect in seen.effects(raw)] == []
    assert seen.visible(posted).count(HOSTILE) >= 4


def test_a_person_cannot_use_the_cards_date_functions() -> None:
    raw = json.dumps(payload(hostile_everywhere("{{DATE(2026-01-05T10:00:00Z)}} {{TIME(2026")))
    assert raw.count("{{DATE(") == 1  # the start, which is ours
    assert raw.count("{{TIME(") == 1


def test_what_cannot_be_seen_is_made_visible_and_emoji_stay_whole() -> None:
    assert plain("a\x00b\u202ec\r\nd\te \ud800") == "a�b�c\nd e �"
    assert plain("👩\u200d🚒 naïve 日本") == "👩\u200d🚒 naïve 日本"


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab1 \n\t\\`*_[]()<>&;#+-.=!|~{}:/\"'x@é"), max_size=60))
def test_no_typed_text_is_formatted_by_a_markdown_reader(text: str) -> None:
    escaped = markdown(text)
    assert seen.effects(escaped) == []
    assert "".join(seen.as_read(escaped)) == "".join(text.split())


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.integers(min_value=1, max_value=60))
def test_a_cut_never_splits_an_escape_and_never_exceeds_its_limit(text: str, limit: int) -> None:
    cut = cut_escaped(markdown(text), limit)
    assert len(cut) <= limit
    assert seen.effects(cut) == []


# Sizes.


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(['"', "\\", "*", "<", "é", "日", "😀", "\n", "\x00", "a ", "{{DATE("]),
    st.integers(min_value=1, max_value=50_000),
    st.sampled_from([None, "{{.Title}}{{.Description}}{{.Note}}", '"\n' * 4_900]),
)
def test_the_whole_message_stays_within_the_budget(unit: str, count: int, template: str | None) -> None:
    message = hostile_everywhere(unit * count, template=template)
    assert size_in_teams(message) <= limits.MESSAGE_BYTES_UTF16 - limits.ENVELOPE_BYTES_UTF16
    CARDS.validate(card_of(message))


def test_the_longest_text_is_cut_and_the_short_ones_stay_whole() -> None:
    message = a_message(incident=an_incident(description="d" * 100_000), note="short note")
    shown = seen.visible(as_posted(message))
    assert "short note" in shown
    assert "Database connection timeout" in shown
    assert "d" * 5_000 in shown
    assert "d…" in shown
    assert size_in_teams(message) > 0.9 * (limits.MESSAGE_BYTES_UTF16 - limits.ENVELOPE_BYTES_UTF16)


@pytest.mark.parametrize("unit", ["d", "<*", "日", "😀", '"\n'])
async def test_the_largest_message_is_taken_with_all_that_is_wrapped_around_it(
    fake: TeamsFake, teams: Teams, unit: str
) -> None:
    channel = f"19:{'c' * 100}@thread.tacv2"
    receipt = await teams.post(channel, hostile_everywhere(unit * 20_000), nonce="n" * 25)
    await teams.reply(receipt.ref, hostile_everywhere(unit * 20_000), nonce="m" * 25)
    assert fake.refusals == []


def test_of_too_many_facts_and_steps_the_rest_is_counted() -> None:
    message = a_message(
        facts=tuple((f"f{n}", "v") for n in range(40)), steps=tuple(f"step {n}" for n in range(33))
    )
    shown = seen.visible(as_posted(message))
    assert "and 10 more" in shown
    assert "13 earlier steps" in shown
    assert "step 32" in shown
    assert "step 12\n" not in shown


def test_a_message_of_empty_texts_is_still_valid(fake: TeamsFake) -> None:
    empty = IncidentCard(id="", title="", severity="SEV-4", status="open", started_at=INCIDENT.started_at)
    message = Message(
        event="x",
        headline="",
        incident=empty,
        note="",
        actor="",
        facts=(("", ""),),
        steps=("",),
        actions=(Action(id="details", label="", value=""),),
    )
    CARDS.validate(card_of(message))
    assert all(text for text, _ in seen.texts(card_of(message)["body"]))


def test_a_notification_is_short_and_names_the_incident() -> None:
    summary = payload(a_message(incident=an_incident(title="t" * 900)))["summary"]
    assert summary.startswith("🚨 New Incident Declared · INC-2024-001: ttt")
    assert len(summary) == limits.MAX_SUMMARY


# Threads, chats, persons.


async def test_a_post_in_a_channel_starts_a_thread_and_a_reply_stays_in_it(
    fake: TeamsFake, teams: Teams
) -> None:
    root = await teams.post(CHANNEL, a_message(), nonce="n-1")
    answer = await teams.reply(root.ref, a_message(headline="Update"), nonce="n-2")
    again = await teams.reply(answer.ref, a_message(headline="More"), nonce="n-3")
    first, second, third = fake.in_channel(CHANNEL)
    assert (first.parent, second.parent, third.parent) == (None, root.ref.message_id, root.ref.message_id)
    assert [posted.nonce for posted in fake.in_channel(CHANNEL)] == ["n-1", "n-2", "n-3"]
    assert again.ref.channel == CHANNEL
    assert fake.refusals == []


async def test_the_reference_names_conversation_and_activity(teams: Teams) -> None:
    receipt = await teams.post(CHANNEL, a_message(), nonce="n")
    conversation, _, activity = receipt.ref.message_id.partition("|")
    assert conversation == f"{CHANNEL};messageid={activity}"


async def test_an_edit_replaces_root_and_answer_alike(fake: TeamsFake, teams: Teams) -> None:
    root = await teams.post(CHANNEL, a_message(), nonce="n-1")
    answer = await teams.reply(root.ref, a_message(), nonce="n-2")
    for receipt in (root, answer):
        assert await teams.edit(receipt.ref, a_message(headline="Changed")) == receipt
        assert "Changed" in seen.visible(fake.messages[receipt.ref.message_id])


async def test_a_group_chat_has_no_threads_and_answers_name_what_they_answer(
    fake: TeamsFake, teams: Teams
) -> None:
    chat = "19:0f1e2d@thread.v2"
    first = await teams.post(chat, a_message(), nonce="n-1")
    await teams.reply(first.ref, a_message(), nonce="n-2")
    await teams.edit(first.ref, a_message(headline="Changed"))
    posted, answer = fake.in_channel(chat)
    assert posted.id == first.ref.message_id
    assert answer.parent == posted.id
    assert len(posted.edits) == 1


async def test_a_person_is_reached_by_opening_the_chat_once(fake: TeamsFake, teams: Teams) -> None:
    person = "29:1dana"
    first = await teams.post(person, a_message(), nonce="n-1")
    await teams.post(person, a_message(), nonce="n-2")
    await teams.edit(first.ref, a_message(headline="Changed"))
    assert first.ref.channel == person
    assert first.ref.message_id.startswith("a:chat-1|")
    assert [call.path for call in fake.calls].count("/teams/v3/conversations") == 1


async def test_a_channel_that_is_no_teams_id_is_refused_without_a_call(fake: TeamsFake, teams: Teams) -> None:
    with pytest.raises(DeliveryError) as caught:
        await teams.post("C_CRITICAL", a_message(), nonce="n")
    assert caught.value.reason is Reason.CHANNEL_NOT_FOUND
    assert fake.calls == []


async def test_the_tenant_goes_along_when_it_is_known(fake: TeamsFake, teams: Teams) -> None:
    await teams.post(CHANNEL, a_message(), nonce="n")
    await with_config(teams, tenant_id="").post(CHANNEL, a_message(), nonce="n")
    first, second = [call.json for call in fake.calls if call.path == "/teams/v3/conversations"]
    assert first["tenantId"] == fake.tenant
    assert first["channelData"] == {"channel": {"id": CHANNEL}, "tenant": {"id": fake.tenant}}
    assert "tenantId" not in second
    assert "/botframework.com/oauth2/v2.0/token" in [call.path for call in fake.calls]


async def test_the_same_nonce_twice_shows_two_messages_and_the_platform_says_so(
    fake: TeamsFake, teams: Teams
) -> None:
    await teams.post(CHANNEL, a_message(), nonce="same")
    await teams.post(CHANNEL, a_message(), nonce="same")
    assert [posted.nonce for posted in fake.in_channel(CHANNEL)] == ["same", "same"]
    assert PLATFORM.nonce_window_seconds == 0
    assert not isinstance(teams, LooksBack)


async def test_an_edit_may_be_answered_with_nothing(fake: TeamsFake, teams: Teams) -> None:
    receipt = await teams.post(CHANNEL, a_message(), nonce="n")
    fake._routes.insert(0, ("PUT", fake._routes[4][1], lambda _: Reply(None, 202)))
    assert await teams.edit(receipt.ref, a_message()) == receipt


# Tokens.


async def test_many_senders_fetch_one_token(fake: TeamsFake, teams: Teams) -> None:
    await asyncio.gather(*(teams.post(CHANNEL, a_message(), nonce=f"n-{n}") for n in range(20)))
    assert len(fake.tokens) == 1
    assert len(fake.in_channel(CHANNEL)) == 20


async def test_a_token_is_renewed_five_minutes_before_its_end(fake: TeamsFake) -> None:
    now = [0.0]
    async with Http() as http:
        token = Token(seen.config_for(fake), http, clock=lambda: now[0])
        first = await token.headers()
        now[0] = fake.token_seconds - limits.TOKEN_MARGIN_SECONDS - 1
        assert await token.headers() is first
        now[0] += 2
        assert await token.headers() is not first


async def test_a_token_of_short_life_is_still_used(fake: TeamsFake) -> None:
    fake.token_seconds = 60
    async with Http() as http:
        token = Token(seen.config_for(fake), http, clock=lambda: 0.0)
        assert await token.headers() is await token.headers()


async def test_a_refused_token_is_replaced_once_and_the_message_arrives(
    fake: TeamsFake, teams: Teams
) -> None:
    await teams.post(CHANNEL, a_message(), nonce="n-1")
    fake.revoke_tokens()
    await asyncio.gather(*(teams.post(CHANNEL, a_message(), nonce=f"m-{n}") for n in range(5)))
    assert len(fake.in_channel(CHANNEL)) == 6
    assert [call.path for call in fake.calls].count(f"/{fake.tenant}/oauth2/v2.0/token") == 2


async def test_a_bot_that_teams_does_not_know_is_unauthorised(fake: TeamsFake, teams: Teams) -> None:
    create = fake._routes[2][1]
    fake._routes.insert(0, ("POST", create, lambda _: _error(401, "BotNotRegistered", "…")))
    with pytest.raises(DeliveryError) as caught:
        await teams.post(CHANNEL, a_message(), nonce="n")
    assert caught.value.reason is Reason.UNAUTHORIZED
    assert "not registered" in caught.value.detail


async def test_while_the_password_is_rotated_the_new_one_is_used(fake: TeamsFake, teams: Teams) -> None:
    rotated = with_config(teams, app_password=[fake.app_password, "0ld~password_of-the-app_000000000"])
    await rotated.post(CHANNEL, a_message(), nonce="n")
    assert len(fake.in_channel(CHANNEL)) == 1


async def test_no_failure_of_the_login_may_have_sent_the_message(fake: TeamsFake, teams: Teams) -> None:
    expected = {
        "429": Reason.RATE_LIMITED,
        "500": Reason.SERVER_ERROR,
        "garbage": Reason.BAD_ANSWER,
        "lost_answer": Reason.SERVER_ERROR,
    }
    for kind, reason in expected.items():
        fake.fail_next(kind, path="oauth2")  # type: ignore[arg-type]
        with pytest.raises(DeliveryError) as caught:
            await teams.post(CHANNEL, a_message(), nonce="n")
        assert caught.value.reason is reason
        assert not caught.value.may_have_arrived
        assert caught.value.whole_provider is (kind == "429")
    assert fake.messages == {}


# Errors.


def answered(status: int, code: Any) -> Answer:
    body = json.dumps({"error": {"code": code, "message": "secret body"}}).encode()
    return Answer(status=status, headers={}, body=body)


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_known_code_has_its_reason_and_says_what_it_means(code: str) -> None:
    error = refused(answered(400, code))
    assert error.reason is CODES[code][0]
    assert code in error.detail
    assert CODES[code][1] in error.detail
    assert "secret body" not in error.detail


@pytest.mark.parametrize(
    ("status", "reason", "arrived"),
    [
        (400, Reason.REJECTED, False),
        (403, Reason.FORBIDDEN, False),
        (404, Reason.CHANNEL_NOT_FOUND, False),
        (412, Reason.SERVER_ERROR, False),
        (413, Reason.REJECTED, False),
        (429, Reason.RATE_LIMITED, False),
        (500, Reason.SERVER_ERROR, True),
        (502, Reason.SERVER_ERROR, True),
        (504, Reason.SERVER_ERROR, True),
    ],
)
def test_an_unknown_code_is_named_and_judged_by_its_status(
    status: int, reason: Reason, arrived: bool
) -> None:
    error = refused(answered(status, "BrandNewCode"))
    assert (error.reason, error.may_have_arrived) == (reason, arrived)
    assert "BrandNewCode" in error.detail


def test_a_code_that_is_no_name_is_not_repeated() -> None:
    for code in ("eyJ0eXAi.token!", 7, None, ["x"], "x" * 200):
        assert refused(answered(400, code)).detail == "Microsoft Teams answered 400"


def test_a_refusal_that_is_nested_without_end_is_judged_by_its_status() -> None:
    endless = Answer(status=403, headers={}, body=b'{"error":' + b"[" * 100_000)
    assert refused(endless).reason is Reason.FORBIDDEN
    assert login_refused(endless).reason is Reason.UNAUTHORIZED


def test_the_code_with_a_blank_of_the_documentation_is_known_too() -> None:
    assert refused(answered(400, "Bad Argument")).detail.endswith("malformed")


def test_the_logins_refusal_names_its_number_and_nothing_of_its_text() -> None:
    body = json.dumps(
        {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid secret 's3cr3t' provided"}
    ).encode()
    error = login_refused(Answer(status=401, headers={}, body=body))
    assert error.reason is Reason.UNAUTHORIZED
    assert error.detail == "the Microsoft login refused the app: invalid_client AADSTS7000215"


async def test_conversation_limits_are_answered_with_the_wait_that_teams_asks_for() -> None:
    with TeamsFake() as fake:
        async with Http() as http:
            teams = Teams(seen.config_for(fake), http)
            posts = [teams.post(CHANNEL, a_message(), nonce=str(n)) for n in range(9)]
            with pytest.raises(DeliveryError) as caught:
                await asyncio.gather(*posts)
        assert caught.value.reason is Reason.RATE_LIMITED
        assert caught.value.retry_after is not None
        assert 1 <= caught.value.retry_after <= 3
        assert not caught.value.whole_provider


async def test_a_deleted_message_is_gone_for_edits_and_answers(fake: TeamsFake, teams: Teams) -> None:
    root = await teams.post(CHANNEL, a_message(), nonce="n-1")
    fake.forget(root.ref.message_id)
    elsewhere = MessageRef(channel=fake.missing_channel, message_id=f"{fake.missing_channel}|1")
    for ref in (root.ref, elsewhere):
        with pytest.raises(DeliveryError) as caught:
            await teams.edit(ref, a_message())
        assert caught.value.reason is Reason.MESSAGE_GONE
        with pytest.raises(DeliveryError) as caught:
            await teams.reply(ref, a_message(), nonce="n-2")
        assert caught.value.reason is Reason.MESSAGE_GONE


async def test_where_the_bot_is_not_installed_it_is_forbidden(fake: TeamsFake, teams: Teams) -> None:
    fake.not_installed |= {CHANNEL, "29:1fox"}
    for channel in (CHANNEL, "29:1fox"):
        with pytest.raises(DeliveryError) as caught:
            await teams.post(channel, a_message(), nonce="n")
        assert caught.value.reason is Reason.FORBIDDEN
        assert "not installed" in caught.value.detail


async def test_no_error_and_no_line_of_the_check_holds_a_secret(fake: TeamsFake, teams: Teams) -> None:
    texts = []
    for adapter, kinds in (
        (teams, ("429", "500", "garbage", "disconnect", "lost_answer")),
        (with_config(teams, app_password="wr0ng~password_of-the-app_1"), ("",)),
        (with_config(teams, default_channel=fake.missing_channel), ("",)),
    ):
        for kind in kinds:
            if kind:
                fake.fail_next(kind, path="/v3/conversations")  # type: ignore[arg-type]
            with pytest.raises(DeliveryError) as caught:
                await adapter.post(adapter._config.default_channel, a_message(), nonce="n")
            texts.append(str(caught.value) + repr(caught.value.__cause__))
        texts += [f"{line.text} {line.mend}" for line in await adapter.check()]
    secrets = [fake.app_password, "wr0ng~password_of-the-app_1", *fake.tokens]
    assert not [text for text in texts for secret in secrets if secret in text]


# The check, channels, people.


async def test_the_check_says_the_documents_four_lines(teams: Teams) -> None:
    lines = await teams.check()
    assert [(line.name, line.text) for line in lines] == [
        ("connection", "Connected to Microsoft Teams"),
        ("permissions", "Bot permissions verified"),
        ("default_channel", "Default channel accessible"),
        ("slash_commands", "Slash commands configured"),
    ]
    assert all(line.ok for line in lines)


async def test_the_check_without_a_team_looks_at_the_channels_roster(fake: TeamsFake, teams: Teams) -> None:
    lines = await with_config(teams, team_id="").check()
    assert all(line.ok for line in lines)
    assert any("pagedmembers" in call.path for call in fake.calls)


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"app_password": "wr0ng"}, {"connection", "permissions", "default_channel", "slash_commands"}),
        ({"tenant_id": "other"}, {"connection", "permissions", "default_channel", "slash_commands"}),
        ({"default_channel": "19:missing@thread.tacv2"}, {"default_channel"}),
        ({"default_channel": "C_CRITICAL"}, {"default_channel"}),
        ({"default_channel": "19:malformed"}, {"default_channel"}),
        ({"default_channel": "19:alien@thread.tacv2"}, {"permissions", "default_channel"}),
        ({"openid_metadata_url": "{url}/nowhere"}, {"slash_commands"}),
    ],
)
async def test_a_failed_line_says_what_to_mend(
    fake: TeamsFake, teams: Teams, changes: dict[str, str], failed: set[str]
) -> None:
    fake.not_installed.add("19:alien@thread.tacv2")
    given = {key: value.replace("{url}", fake.url) for key, value in changes.items()}
    lines = await with_config(teams, **given).check()
    assert {line.name for line in lines if not line.ok} == failed
    assert all(line.mend for line in lines if not line.ok)


async def test_commands_that_are_switched_off_are_said_to_be(teams: Teams) -> None:
    lines = await with_config(teams, enable_slash_commands=False).check()
    assert lines[3].text == "Slash commands are switched off"


async def test_an_unreachable_service_is_a_line_and_no_exception(teams: Teams) -> None:
    for base in ("service_url", "login_base"):
        lines = await with_config(teams, **{base: "http://127.0.0.1:9"}).check()
        assert not lines[0].ok
        assert base in lines[0].mend


async def test_the_teams_channels_are_listed_by_name(fake: TeamsFake, teams: Teams) -> None:
    assert [(c.name, c.id) for c in await teams.channels()] == [
        ("Critical", "19:critical@thread.tacv2"),
        ("General", fake.team_id),
        ("Incidents", CHANNEL),
    ]


async def test_without_a_team_the_configured_channels_are_listed(teams: Teams) -> None:
    plainly = with_config(
        teams, team_id="", notification_channels={"SEV-1": "19:b@thread.tacv2"}, archive_channel="19:a@x"
    )
    assert [c.id for c in await plainly.channels()] == ["19:a@x", "19:b@thread.tacv2", CHANNEL]


@pytest.mark.parametrize(
    "query", ["29:1fox", "fox@example.com", "FOX@example.com", "Fox Mulder", "@fox mulder", " Fox Mulder "]
)
async def test_a_person_is_found_by_id_address_or_name_on_any_page(
    fake: TeamsFake, teams: Teams, query: str
) -> None:
    fake.page_size = 1
    user = await teams.find_user(query)
    assert user is not None
    assert (user.id, user.name, user.email) == ("29:1fox", "Fox Mulder", "fox@example.com")


async def test_nobody_is_guessed(fake: TeamsFake, teams: Teams) -> None:
    fake.members.append(
        fake.members[0] | {"id": "29:other", "email": "d2@example.com", "userPrincipalName": ""}
    )
    assert await teams.find_user("Dana Scully") is None
    assert await teams.find_user("Dana") is None
    assert await teams.find_user("  ") is None


# The configuration.


def test_what_is_missing_is_named() -> None:
    given = {"app_id": "a", "app_password": "p", "default_channel": CHANNEL}
    assert isinstance(providers.validate(TeamsConfig, "teams", given), TeamsConfig)
    for name in given:
        with pytest.raises(providers.ConfigError) as caught:
            providers.validate(TeamsConfig, "teams", given | {name: ""})
        assert caught.value.field == name


def test_a_changed_address_needs_the_password_again() -> None:
    new = {"service_url": "https://a.example", "login_base": "https://b.example"}
    needs = providers.changed_bases(TeamsConfig, {}, new)
    assert needs == {"service_url": ("app_password",), "login_base": ("app_password",)}


@pytest.mark.parametrize("name", ["service_url", "login_base", "openid_metadata_url"])
def test_addresses_off_this_machine_must_be_https(name: str) -> None:
    given = {"app_id": "a", "app_password": "p", "default_channel": CHANNEL, name: "http://a.example"}
    with pytest.raises(providers.ConfigError):
        providers.validate(TeamsConfig, "teams", given)


def test_the_colours_of_all_looks_are_known() -> None:
    for severity in look.COLOURS:
        CARDS.validate(card_of(a_message(incident=an_incident(severity=severity))))
