"""Mattermost's oddities: mentions survive markdown, buttons are no links, refusals hide why."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import look
from adapters.config import ConfigError, changed_bases, masked, validate
from adapters.contract import (
    Action,
    Adapter,
    Answer,
    Check,
    DeliveryError,
    IncidentCard,
    LooksBack,
    Message,
    MessageRef,
    Reason,
    Resources,
)
from adapters.http import Http
from adapters.mattermost import PLATFORM, buttons, escape, limits
from adapters.mattermost.api import refusal
from adapters.mattermost.config import MattermostConfig
from adapters.mattermost.outbound import Mattermost
from adapters.mattermost.render import Post, render
from tests.contract import subject_mattermost as seen
from tests.contract.subject_mattermost import CALLBACK, TOKEN, configured
from tests.fakes.base import Posted
from tests.fakes.mattermost import FakeCommand, FakeUser, MattermostFake, check_content, make_id

EVIL = "<!channel> @everyone **x** @here [a](http://b) <at>all</at>"
WORSE = (
    "@channel @all. _@dana_ `@here` ~town-square #hashtag :smile: :) <3 $x$ ~~gone~~ | a | b |\n| - | - |\n"
    "# Title\n> quote\n- list\n1. one\n    code\n```\nfence\n```\nTitle\n===\n<b>bold</b> &lt; &amp; \\* "
    "dana@example.com https://x.example/a_b_c ![i](http://i/i.png) [l](http://l) [a]: http://b <http://evil|text>"
)
CHANNEL = make_id("critical")
ACTIONS = (
    Action(id="acknowledge", label="Acknowledge", value="INC-2024-001", style="primary"),
    Action(id="war_room", label="Join War Room", value="INC-2024-001"),
    Action(id="details", label="View Details", value="INC-2024-001", url="https://im.example.com/i/1"),
    Action(id="escalate", label="Escalate", value="INC-2024-001", style="danger"),
)


def news(title: str = "Database connection timeout", **more: Any) -> Message:
    card: dict[str, Any] = {
        "id": "INC-2024-001",
        "title": title,
        "severity": "SEV-1",
        "status": "open",
        "started_at": datetime(2026, 1, 5, 10, 0, tzinfo=UTC),
        "service": "Checkout",
        "description": "Multiple users reporting payment failures",
        "url": "https://im.example.com/i/1",
    }
    card |= more.pop("card", {})
    given: dict[str, Any] = {
        "event": "incident.created",
        "headline": "🚨 New Incident Declared",
        "incident": IncidentCard(**card),
        "actions": ACTIONS,
    }
    return Message(**(given | more))


def typed_everywhere(text: str) -> Message:
    card = dict.fromkeys(("id", "title", "service", "description", "assignee"), text)
    return news(card=card, text=text, note=text, actor=text, facts=(("Route", text),), steps=(text, text))


def posted(message: Message) -> Posted:
    """As the fake would hold it, so that the suite's eyes can read it."""
    payload = json.loads(msgspec.json.encode(connected(message)))
    return Posted(id="p", channel=CHANNEL, payload=payload, nonce=None, parent=None, at=0.0)


def connected(message: Message, *, callback_url: str = CALLBACK) -> Post:
    return buttons.connect(render(message), message, callback_url=callback_url, token=TOKEN, mark="n1")


def collapsed(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def running() -> Iterator[MattermostFake]:
    with MattermostFake(token=TOKEN) as fake:
        yield fake


@pytest.fixture
def fake(running: MattermostFake) -> MattermostFake:
    running.reset()
    running.add_channel(CHANNEL, "critical-incidents")
    return running


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http() as outbound:
        yield outbound


@pytest.fixture
def adapter(fake: MattermostFake, http: Http) -> Mattermost:
    return Mattermost(configured(fake), http)


def attachment(of: Posted) -> dict[str, Any]:
    first: dict[str, Any] = of.shown["props"]["attachments"][0]
    return first


async def failure(awaitable: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await awaitable
    return caught.value


# What people see.


async def test_an_incident_shows_the_documented_parts(fake: MattermostFake, adapter: Mattermost) -> None:
    receipt = await adapter.post(
        CHANNEL, news(card={"assignee": "dana"}, note="on it", actor="dana"), nonce="n1"
    )
    kept = fake.messages[receipt.ref.message_id]
    text = seen.visible(kept)
    assert kept.shown["message"] == (
        "**🚨 New Incident Declared**\n"
        "**[INC-2024-001](https://im.example.com/i/1)**: Database connection timeout"
    )
    for part in ("SEV-1", "Open", "Checkout", "dana", "2026-01-05 10:00 UTC", "Multiple users", "on it"):
        assert part in text
    assert attachment(kept)["color"] == "#d92d20"
    assert seen.buttons(kept) == ["Acknowledge", "Join War Room", "View Details", "Escalate"]
    assert fake.refusals == []


def test_a_link_is_a_link_in_the_text_because_buttons_cannot_be() -> None:
    assert "[View Details](https://im.example.com/i/1)" in connected(news()).props.attachments[0].text


def test_without_a_callback_address_only_the_links_are_left() -> None:
    shown = connected(news(), callback_url="").props.attachments[0]
    assert shown.actions == ()
    assert "[View Details](https://im.example.com/i/1)" in shown.text


def test_a_plain_message_is_one_without_an_attachment() -> None:
    message = Message(event="text", headline="Announcement", text="Maintenance at *2AM*\nto 4AM")
    assert render(message).message == "**Announcement**\nMaintenance at \\*2AM\\*\nto 4AM"
    assert render(message).props.attachments == ()
    button = msgspec.structs.replace(message, actions=ACTIONS[:1])
    assert connected(button, callback_url="").props.attachments == ()


@pytest.mark.parametrize("status", ["resolved", "closed"])
def test_what_is_over_is_green_and_says_so(status: str) -> None:
    shown = posted(news(card={"status": status}, actions=()))
    assert attachment(shown)["color"] == look.COLOUR_DONE
    assert look.STATUS_WORDS[status] in seen.visible(shown)
    assert seen.buttons(shown) == []


def test_a_notification_says_each_thing_once() -> None:
    post = render(news())
    assert post.props.attachments[0].fallback == "SEV-1 · Open · Checkout"
    templated = render(news(template="{{.Title}}")).props.attachments[0].fallback
    assert templated.startswith("🚨 New Incident Declared · INC-2024-001")


def test_badges_stand_before_the_headline() -> None:
    shown = posted(news(badges=("TEST", "UNROUTED")))
    assert seen.visible(shown).startswith("[TEST] [UNROUTED] 🚨 New Incident Declared")


def test_merged_steps_are_listed_and_the_oldest_left_out() -> None:
    shown = seen.visible(posted(news(steps=tuple(f"step {n}" for n in range(30)))))
    assert "… 10 earlier" in shown
    assert "step 29" in shown
    assert "step 9\n" not in shown


def test_empty_texts_make_a_valid_post() -> None:
    nothing = dict.fromkeys(("id", "title", "service", "description", "assignee", "url"), "")
    actions = (Action(id="war_room", label="", value=""), Action(id="war_room", label=" ", value=""))
    shown = posted(news(headline="", card=nothing, facts=(("", ""),), note=" ", actor="", actions=actions))
    assert seen.buttons(shown) == ["War Room", "War Room"]
    assert [action["id"] for action in attachment(shown)["actions"]] == ["warroom", "warroom2"]
    assert attachment(shown)["fields"][-1] == {"title": "", "value": "–", "short": True}


# What people typed.


@pytest.mark.parametrize("text", [EVIL, WORSE, WORSE.replace("\n", "\r\n")])
def test_what_people_typed_pings_nobody_and_formats_nothing(text: str) -> None:
    shown = posted(typed_everywhere(text))
    assert seen.pings(shown) == []
    assert collapsed(text) in collapsed(seen.visible(shown))


def test_the_eyes_of_these_tests_see_what_is_not_escaped() -> None:
    payload = {
        "message": "a",
        "props": {"attachments": [{"fallback": "@here", "color": "#ffffff", "text": WORSE}]},
    }
    raw = Posted(id="p", channel=CHANNEL, payload=payload, nonce=None, parent=None, at=0.0)
    found = " ".join(seen.pings(raw))
    kinds = (
        *("@channel", "@all", "@dana", "@here", "channel:", "hashtag:", "emoji:", "emoticon:", "latex:"),
        *(
            "address:",
            "heading",
            "blockquote",
            "list",
            "fence",
            "html",
            "image",
            "em_open",
            "link:",
            "s_open",
        ),
    )
    assert [kind for kind in kinds if kind not in found] == []


def test_escapes_are_the_ones_that_every_client_knows() -> None:
    assert escape.inline("a_b *c* @d #e #5 ~f <g> & 12:30:45 :h:") == (
        "a_b \\*c\\* @\u200bd #\u200be #5 ~\u200bf &lt;g&gt; &amp; 12:30:45 :\u200bh:"
    )


def test_a_typed_address_stays_a_link_to_what_it_says() -> None:
    assert escape.inline("see https://x.example/a_b?c=1#d.") == "see <https://x.example/a_b?c=1#d>."
    assert escape.inline("https://x.example/@channel") == "https:\u200b//x.example/@\u200bchannel"


def test_a_links_target_cannot_end_the_link() -> None:
    assert escape.link_target('https://x/a b)"<>') == "https://x/a%20b%29%22%3C%3E"
    assert [
        escape.link_target(url) for url in ("javascript:x", "", None, "https://", "https://x/" + "a" * 3000)
    ] == ([None] * 5)


@given(
    st.text(
        alphabet=st.sampled_from("@#~:*_`[]()<>&$|\\!-+=.1 \n\tahD3xp/'\"") | st.characters(), max_size=60
    )
)
@settings(max_examples=250, deadline=None)
def test_any_text_is_shown_literally(text: str) -> None:
    shown = posted(Message(event="text", headline="News", text="x " + text))
    assert seen.pings(shown) == []
    literal = collapsed("x " + look.visible(text.rstrip("\r\n")).replace("\u200b", ""))
    assert collapsed(seen.visible(shown)) == collapsed(f"News {literal}")


@given(st.text(alphabet="@#~:*_`[<&$|\\x -\nhttps://", max_size=120), st.integers(2, 60))
@settings(max_examples=250, deadline=None)
def test_cutting_halves_no_escape(text: str, limit: int) -> None:
    cut = escape.fit(text, limit, escape.inline)
    assert len(cut) <= limit
    shown = _resolved(cut)
    whole = _resolved(escape.inline(text))
    assert shown == whole or whole.startswith(shown.removesuffix(look.ELLIPSIS).rstrip())


def _resolved(markdown: str) -> str:
    payload = {"message": "x" + markdown}
    read = seen.visible(Posted(id="p", channel="c", payload=payload, nonce=None, parent=None, at=0.0))
    return read.strip()[1:]


def test_control_characters_are_made_visible() -> None:
    shown = seen.visible(posted(news("a\x00b\u202ec\ud800d")))
    assert "a�b�c�d" in shown


@pytest.mark.parametrize("character", ["a", "<", "@", "\\", "é", "🚨", '"', "\n"])
def test_the_longest_message_keeps_every_limit(character: str) -> None:
    long = character * 20_000
    message = msgspec.structs.replace(
        typed_everywhere(long),
        headline=long,
        facts=tuple((long, long) for _ in range(60)),
        steps=(long,) * 50,
        actions=tuple(
            Action(id="details", label=long, value="v", url="https://x/" + "a" * 2000) for _ in range(4)
        ),
    )
    for one in (
        message,
        Message(event="text", headline=long, text=long),
        _template("{{.Title}}" * 900, long),
    ):
        post = connected(one)
        assert len(post.message) <= limits.MAX_MESSAGE
        assert len(msgspec.json.encode(post.props).decode()) <= limits.MAX_PROPS / 2
        check_content({"message": post.message}, props=json.loads(msgspec.json.encode(post.props)))


def _template(template: str, text: str) -> Message:
    return msgspec.structs.replace(typed_everywhere(text), template=template)


# Templates.


def test_a_template_keeps_its_markup_and_escapes_its_values() -> None:
    shown = posted(_template("🚨 *{{.Title}}* for **{{.Service}}**", EVIL))
    text = attachment(shown)["text"]
    assert text.startswith("🚨 *")
    assert "@\u200beveryone" in text
    assert shown.shown["message"] == ""
    assert attachment(shown)["color"] == "#d92d20"
    assert seen.buttons(shown) == ["Acknowledge", "Join War Room", "View Details", "Escalate"]
    assert [ping for ping in seen.pings(shown) if not ping.startswith(("em_open", "bold"))] == []


def test_a_value_in_a_templates_code_is_not_escaped_and_cannot_leave_it() -> None:
    code = posted(_template("```\n{{.Description}}\n```\n`{{.ID}}` done", "a_*b* ``` `@here` <c>"))
    text = attachment(code)["text"]
    assert "a_*b* ``\u200b` `@here` <c>" in text
    assert "`a_*b* ˋˋˋ ˋ@hereˋ <c>` done" in text
    assert seen._mentions(text.rpartition("done")[2]) == []


def test_a_template_that_fills_to_nothing_is_as_good_as_none() -> None:
    assert render(news(template="{{.Note}} \n")) == render(news())


def test_a_template_may_mention_a_person_but_nobody_can_type_everybody_into_it() -> None:
    def mentions(assignee: str) -> list[str]:
        message = news(card={"assignee": assignee}, template="for @{{.Assignee}}", actions=())
        return seen.pings(posted(message))

    assert mentions("dana") == ["@dana"]
    assert [mentions(typed) for typed in ("channel", "Here.", "all of you")] == [[], [], []]


def test_a_template_that_is_too_long_is_cut_between_escapes() -> None:
    text = render(_template("{{.Title}}" * 900, "<" * 100)).props.attachments[0].text.partition("\n\n")[0]
    assert len(text) <= limits.MAX_TEMPLATED
    assert text.removesuffix("…").replace("&lt;", "") == ""


# Sending.


async def test_the_same_nonce_posts_once(fake: MattermostFake, adapter: Mattermost) -> None:
    first = await adapter.post(CHANNEL, news(), nonce="n1")
    second = await adapter.post(CHANNEL, news(), nonce="n1")
    assert first == second
    assert len(fake.messages) == 1


async def test_a_try_that_is_still_being_saved_is_tried_again(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    await adapter.post(CHANNEL, news(), nonce="n1")
    fake.broken_saves = 1
    error = await failure(adapter.post(CHANNEL, news(), nonce="n1"))
    assert (error.reason, error.may_have_arrived) == (Reason.SERVER_ERROR, True)
    assert "deduplicate_create_post.pending" in error.detail


async def test_channels_are_found_by_name_and_remembered(fake: MattermostFake, adapter: Mattermost) -> None:
    for channel in ("~critical-incidents", "critical-incidents", "critical-incidents"):
        receipt = await adapter.post(channel, news(), nonce=f"n{len(fake.calls)}")
        assert receipt.ref.channel == CHANNEL
    looked_up = [call.path for call in fake.calls if "/channels/name/" in call.path]
    assert looked_up == ["/api/v4/teams/name/incidents/channels/name/critical-incidents"] * 2


async def test_a_person_is_reached_by_a_direct_message(fake: MattermostFake, adapter: Mattermost) -> None:
    receipt = await adapter.post("@dana", news(), nonce="n1")
    assert fake.channels_by_id[receipt.ref.channel].type == "D"
    assert (await failure(adapter.post("@nobody", news(), nonce="n2"))).reason is Reason.CHANNEL_NOT_FOUND


async def test_a_name_without_a_team_says_what_to_set(fake: MattermostFake, http: Http) -> None:
    error = await failure(Mattermost(configured(fake, team=""), http).post("~x", news(), nonce="n"))
    assert error.reason is Reason.CHANNEL_NOT_FOUND
    assert "`team`" in error.detail


@pytest.mark.parametrize("channel", ["~nowhere", "#general", "../../users", "", make_id("missing")])
async def test_an_unknown_channel_is_not_found(adapter: Mattermost, channel: str) -> None:
    error = await failure(adapter.post(channel, news(), nonce="n1"))
    assert error.reason is Reason.CHANNEL_NOT_FOUND


async def test_a_channel_that_is_archived_or_closed_to_the_bot_forbids(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    fake.archive(CHANNEL)
    assert (await failure(adapter.post(CHANNEL, news(), nonce="n1"))).reason is Reason.FORBIDDEN
    fake.add_channel(CHANNEL, member=False)
    assert (await failure(adapter.post(CHANNEL, news(), nonce="n2"))).reason is Reason.FORBIDDEN


async def test_a_renamed_channel_is_looked_up_again(fake: MattermostFake, adapter: Mattermost) -> None:
    await adapter.post("~critical-incidents", news(), nonce="n1")
    fake.channels_by_id.pop(CHANNEL)
    fake.open_channels = False
    assert (await failure(adapter.post("~critical-incidents", news(), nonce="n2"))).reason is (
        Reason.CHANNEL_NOT_FOUND
    )
    fake.add_channel(make_id("other"), "critical-incidents")
    assert (await adapter.post("~critical-incidents", news(), nonce="n3")).ref.channel == make_id("other")


async def test_an_edit_replaces_text_fields_and_buttons(fake: MattermostFake, adapter: Mattermost) -> None:
    receipt = await adapter.post(CHANNEL, news(), nonce="n1")
    await adapter.edit(receipt.ref, news("Now better", card={"status": "resolved"}, actions=()))
    kept = fake.messages[receipt.ref.message_id]
    assert "Now better" in seen.visible(kept)
    assert seen.buttons(kept) == []
    assert kept.shown["props"]["from_bot"] == "true"


async def test_a_deleted_message_is_gone_for_edits_and_replies(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    receipt = await adapter.post(CHANNEL, news(), nonce="n1")
    fake.delete(receipt.ref.message_id)
    assert (await failure(adapter.edit(receipt.ref, news()))).reason is Reason.MESSAGE_GONE
    assert (await failure(adapter.reply(receipt.ref, news(), nonce="n2"))).reason is Reason.MESSAGE_GONE
    malformed = MessageRef(channel=CHANNEL, message_id="../nope")
    assert (await failure(adapter.edit(malformed, news()))).reason is Reason.MESSAGE_GONE
    assert (await failure(adapter.reply(malformed, news(), nonce="n3"))).reason is Reason.MESSAGE_GONE


async def test_a_message_the_server_no_longer_lets_edit_is_gone(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    receipt = await adapter.post(CHANNEL, news(), nonce="n1")
    fake.edit_limit = -1.0
    assert (await failure(adapter.edit(receipt.ref, news()))).reason is Reason.MESSAGE_GONE


async def test_an_edit_that_is_forbidden_is_not_called_gone(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    receipt = await adapter.post(CHANNEL, news(), nonce="n1")
    fake.add_channel(CHANNEL, member=False)
    assert (await failure(adapter.edit(receipt.ref, news()))).reason is Reason.FORBIDDEN


async def test_a_reply_to_a_reply_hangs_on_the_threads_root(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    root = await adapter.post(CHANNEL, news(), nonce="n1")
    answer = await adapter.reply(root.ref, news(), nonce="n2")
    below = await adapter.reply(answer.ref, news(), nonce="n3")
    assert fake.messages[answer.ref.message_id].parent == root.ref.message_id
    assert fake.messages[below.ref.message_id].parent == root.ref.message_id


async def test_looking_back_finds_the_nonce_and_nothing_else(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    assert isinstance(adapter, LooksBack)
    now = datetime.now(UTC)
    fake.rates = False
    receipt = await adapter.post(CHANNEL, news(), nonce="n0")
    for number in range(1, 130):
        await adapter.post(CHANNEL, Message(event="text", headline=f"{number}"), nonce=f"n{number}")
    assert await adapter.find(CHANNEL, nonce="n0", since=now) == receipt.ref
    assert await adapter.find(CHANNEL, nonce="other", since=now) is None
    assert await adapter.find(CHANNEL, nonce="n0", since=now + timedelta(hours=1)) is None
    fake.delete(receipt.ref.message_id)
    assert await adapter.find("~critical-incidents", nonce="n0", since=now) is None


async def test_an_answer_that_was_lost_is_found_again(fake: MattermostFake, adapter: Mattermost) -> None:
    fake.fail_next("lost_answer", path="/posts")
    error = await failure(adapter.post(CHANNEL, news(), nonce="n1"))
    assert error.may_have_arrived
    assert await adapter.find(CHANNEL, nonce="n1", since=datetime.now(UTC)) is not None


# Buttons.


async def test_each_button_carries_a_secret_of_its_own_message(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    contexts = []
    for nonce in ("n1", "n2"):
        receipt = await adapter.post(CHANNEL, news(), nonce=nonce)
        for action in attachment(fake.messages[receipt.ref.message_id])["actions"]:
            assert action["integration"]["url"] == CALLBACK
            contexts.append(action["integration"]["context"])
    assert len({context["secret"] for context in contexts}) == 8
    assert all(buttons.genuine(context, [TOKEN]) for context in contexts)
    assert [context["action"] for context in contexts[:4]] == [
        "acknowledge",
        "war_room",
        "details",
        "escalate",
    ]
    assert contexts[2]["url"] == "https://im.example.com/i/1"


def test_a_target_that_is_no_web_address_goes_nowhere() -> None:
    details = msgspec.structs.replace(ACTIONS[2], url="javascript:alert(1)")
    shown = connected(news(actions=(details,), card={"url": "javascript:alert(1)"}))
    assert "javascript" not in msgspec.json.encode(shown).decode()


async def test_an_edited_messages_buttons_are_genuine_too(fake: MattermostFake, adapter: Mattermost) -> None:
    receipt = await adapter.post(CHANNEL, news(), nonce="n1")
    await adapter.edit(receipt.ref, news())
    action = attachment(fake.messages[receipt.ref.message_id])["actions"][0]
    assert action["integration"]["context"]["mark"] == receipt.ref.message_id
    assert buttons.genuine(action["integration"]["context"], [TOKEN])


def test_a_forged_press_is_not_genuine_and_a_rotated_token_still_is() -> None:
    secret = buttons.secret_for("old-token", "n1", "acknowledge", "INC-1")
    context = {"mark": "n1", "action": "acknowledge", "value": "INC-1", "secret": secret}
    assert buttons.genuine(context, ["new-token", "old-token"])
    assert not buttons.genuine(context, ["new-token"])
    assert not buttons.genuine(context, [])
    for key in context:
        assert not buttons.genuine(context | {key: "other"}, ["old-token"])
        assert not buttons.genuine({k: v for k, v in context.items() if k != key}, ["old-token"])
    assert not buttons.genuine(context | {"secret": 7}, ["old-token"])  # type: ignore[arg-type]


# Failures.


def app_error(id: str, status: int) -> Answer:
    body = {"id": id, "message": f"secret {TOKEN}", "detailed_error": TOKEN, "status_code": status}
    return Answer(status=status, headers={}, body=json.dumps(body).encode())


@pytest.mark.parametrize(
    ("id", "status", "reason"),
    [
        ("api.context.session_expired.app_error", 401, Reason.UNAUTHORIZED),
        ("api.context.invalid_token.error", 401, Reason.UNAUTHORIZED),
        ("api.context.permissions.app_error", 403, Reason.FORBIDDEN),
        ("api.context.mfa_required.app_error", 403, Reason.FORBIDDEN),
        ("api.post.create_post.can_not_post_to_deleted.error", 400, Reason.FORBIDDEN),
        ("app.channel.get.existing.app_error", 404, Reason.CHANNEL_NOT_FOUND),
        ("store.sql_channel.get.existing.app_error", 404, Reason.CHANNEL_NOT_FOUND),
        ("api.post.create_post.channel_root_id.app_error", 400, Reason.MESSAGE_GONE),
        ("app.post.get.app_error", 404, Reason.MESSAGE_GONE),
        ("model.post.is_valid.message_length.app_error", 400, Reason.REJECTED),
        ("api.context.server_busy.app_error", 503, Reason.SERVER_ERROR),
        ("something.new.app_error", 400, Reason.REJECTED),
        ("something.new.app_error", 404, Reason.REJECTED),
        ("something.new.app_error", 500, Reason.SERVER_ERROR),
        ("something.new.app_error", 403, Reason.FORBIDDEN),
    ],
)
def test_errors_are_told_apart_by_their_id(id: str, status: int, reason: Reason) -> None:
    error = refusal(app_error(id, status))
    assert error.reason is reason
    assert id in error.detail
    assert error.may_have_arrived is (status >= 500)
    assert TOKEN not in f"{error!r} {error.detail}"


@pytest.mark.parametrize(
    "body", [b"<html>" + TOKEN.encode(), b"[1]", b'{"id": "' + b"x" * 500 + b'"}', b"\xff", b""]
)
def test_an_answer_that_is_not_mattermosts_points_at_the_address(body: bytes) -> None:
    error = refusal(Answer(status=404, headers={}, body=body))
    assert error.reason is Reason.REJECTED
    assert error.detail == "Mattermost answered 404: is base_url the address of Mattermost?"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2", "x-ratelimit-reset": "11"}, 2.0),
        ({"x-ratelimit-reset": "11"}, 11.0),
        ({"x-ratelimit-reset": "soon"}, None),
        ({}, None),
    ],
)
def test_a_rate_limit_holds_for_the_whole_provider(headers: dict[str, str], seconds: float | None) -> None:
    error = refusal(Answer(status=429, headers=headers, body=b"limit exceeded\n"))
    assert (error.reason, error.retry_after, error.whole_provider) == (Reason.RATE_LIMITED, seconds, True)


async def test_the_limiters_own_answer_is_understood(fake: MattermostFake, adapter: Mattermost) -> None:
    fake.fail_next("429", seconds=3.0, path="/posts")
    error = await failure(adapter.post(CHANNEL, news(), nonce="n1"))
    assert (error.reason, error.retry_after, error.whole_provider) == (Reason.RATE_LIMITED, 3.0, True)


async def test_no_error_holds_a_secret(fake: MattermostFake, http: Http) -> None:
    wrong = "wrong-token-0123456789abcdef"
    adapter: Adapter = Mattermost(configured(fake, bot_token=wrong, default_channel="~x"), http)
    ref = MessageRef(channel=CHANNEL, message_id=make_id("p"))
    errors = [
        await failure(adapter.post(CHANNEL, news(), nonce="n1")),
        await failure(adapter.edit(ref, news())),
        await failure(adapter.reply(ref, news(), nonce="n2")),
        await failure(adapter.channels()),
        await failure(adapter.find_user("@dana")),
    ]
    assert {error.reason for error in errors} == {Reason.UNAUTHORIZED}
    lines = await adapter.check()
    assert not any(line.ok for line in lines)
    assert wrong not in " ".join([*(repr(error) + error.detail for error in errors), repr(lines)])


# Looking around.


async def test_the_connection_test_says_the_documents_four_lines(adapter: Mattermost) -> None:
    lines = await adapter.check()
    assert [(line.ok, line.text) for line in lines] == [
        (True, "Connected to Mattermost team"),
        (True, "Bot permissions verified"),
        (True, "Default channel accessible"),
        (True, "Slash commands configured"),
    ]


async def checked(fake: MattermostFake, http: Http, name: str, **config: Any) -> tuple[bool, str]:
    lines: dict[str, Check] = {
        line.name: line for line in await Mattermost(configured(fake, **config), http).check()
    }
    line = lines[name]
    assert line.ok or line.mend
    return line.ok, line.text


async def test_the_connection_test_names_what_is_wrong(fake: MattermostFake, http: Http) -> None:
    assert await checked(fake, http, "connection", team="other") == (False, "The bot sees no team `other`")
    assert await checked(fake, http, "connection", bot_token="wrong-token-0123456789") == (
        False,
        "Mattermost does not accept the bot token",
    )
    ok, text = await checked(fake, http, "default_channel", default_channel=fake.missing_channel)
    assert (ok, "cannot be read" in text) == (False, True)
    fake.add_channel(CHANNEL, "critical-incidents", member=False)
    assert await checked(fake, http, "permissions") == (
        False,
        "The bot is no member of its default channel and may not post there",
    )
    fake.me.roles = "system_user system_post_all"
    assert (await checked(fake, http, "permissions"))[0]
    fake.archive(CHANNEL)
    ok, text = await checked(fake, http, "default_channel")
    assert (ok, "is archived" in text) == (False, True)


async def test_the_connection_test_is_honest_about_slash_commands(fake: MattermostFake, http: Http) -> None:
    assert await checked(fake, http, "slash_commands", enable_slash_commands=False) == (
        True,
        "Slash commands are switched off",
    )
    assert (await checked(fake, http, "slash_commands", command_token=""))[0] is False
    assert await checked(fake, http, "slash_commands", command_token="another-token-0123456789") == (
        False,
        "/im has another token than command_token",
    )
    fake.may_list_commands = False
    assert await checked(fake, http, "slash_commands") == (
        True,
        "A command token is set; the bot may not see whether /im exists",
    )
    fake.may_list_commands = True
    fake.commands = [FakeCommand(trigger="other")]
    assert await checked(fake, http, "slash_commands") == (False, "The team has no slash command /im")


async def test_a_server_that_cannot_be_reached_is_a_line_not_an_exception(http: Http) -> None:
    with MattermostFake(token=TOKEN) as gone:
        config = configured(gone)
    lines = await Mattermost(config, http).check()
    assert [line.ok for line in lines] == [False] * 4
    assert "Check base_url" in lines[0].mend


async def test_channels_are_listed_over_all_pages_with_membership(
    fake: MattermostFake, adapter: Mattermost
) -> None:
    for number in range(230):
        fake.add_channel(make_id(f"extra{number:03d}"), f"extra-{number:03d}", member=False)
    fake.add_channel(make_id("secret"), "secret", type="P")
    fake.add_channel(make_id("dm"), "a__b", type="D")
    fake.add_channel(make_id("old"), "old", delete_at=1)
    listed = await adapter.channels()
    assert len(listed) == 233
    assert [channel.name for channel in listed] == sorted(channel.name for channel in listed)
    assert {channel.name for channel in listed if channel.member} == {
        "town-square",
        "critical-incidents",
        "secret",
    }
    fake.may_list_public = False
    assert {channel.name for channel in await adapter.channels()} == {
        "town-square",
        "critical-incidents",
        "secret",
    }


@pytest.mark.parametrize("query", ["dana", "@dana", " @Dana ", "dana@example.com", make_id("dana")])
async def test_people_are_found_by_id_name_or_address(adapter: Mattermost, query: str) -> None:
    user = await adapter.find_user(query)
    assert user is not None
    assert (user.id, user.name, user.email) == (make_id("dana"), "dana", "dana@example.com")


@pytest.mark.parametrize(
    "query", ["", "@", "nobody", "../users/me", "a b", "nobody@example.com", make_id("x"), "ünï"]
)
async def test_nobody_is_found_where_there_is_nobody(adapter: Mattermost, query: str) -> None:
    assert await adapter.find_user(query) is None


async def test_a_deactivated_person_is_nobody(fake: MattermostFake, adapter: Mattermost) -> None:
    fake.users.append(FakeUser(make_id("gone"), "gone", "gone@example.com", delete_at=1))
    assert await adapter.find_user("gone") is None


# Configuration.


def test_the_configuration_names_what_is_missing_and_guards_its_addresses() -> None:
    right = {"bot_token": TOKEN, "base_url": "https://chat.example.com", "default_channel": "town-square"}
    assert validate(MattermostConfig, "mattermost", right).default_channel == "town-square"
    for name in right:
        with pytest.raises(ConfigError) as caught:
            validate(MattermostConfig, "mattermost", {k: v for k, v in right.items() if k != name})
        assert caught.value.field == name
    for name in ("base_url", "callback_url"):
        with pytest.raises(ConfigError) as caught:
            validate(MattermostConfig, "mattermost", right | {name: "http://chat.example.com"})
        assert caught.value.field == name
    assert changed_bases(MattermostConfig, right, {"base_url": "https://other.example.com"}) == {
        "base_url": ("bot_token",)
    }


def test_secrets_are_masked(fake: MattermostFake) -> None:
    shown = repr(masked(configured(fake, webhook_token="webhook-token-0123456789")))
    assert not [s for s in (TOKEN, "command-token-0123456789ab", "webhook-token-0123456789") if s in shown]


def test_the_platform_can_be_built_from_the_registrys_line(fake: MattermostFake, http: Http) -> None:
    built = PLATFORM.build(configured(fake), Resources(http=http, shelf=None))  # type: ignore[arg-type]
    assert isinstance(built, LooksBack)
    assert PLATFORM.nonce_window_seconds == 30.0
    assert isinstance(PLATFORM.render(news()), Post)
