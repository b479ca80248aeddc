"""What is Discord's own: embeds and their limits, markdown, nonces and marks, error codes, permissions."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.config import ConfigError, masked, split_secrets, validate
from adapters.contract import (
    Action,
    Answer,
    DeliveryError,
    IncidentCard,
    LooksBack,
    Message,
    MessageRef,
    Reason,
    Resources,
)
from adapters.discord import PLATFORM
from adapters.discord.config import DiscordConfig
from adapters.discord.errors import CODES, error_of
from adapters.discord.escape import cut_escaped, escape, escaped
from adapters.discord.outbound import Discord
from adapters.discord.permissions import (
    ADMINISTRATOR,
    EMBED_LINKS,
    READ_MESSAGE_HISTORY,
    SEND_MESSAGES,
    SEND_MESSAGES_IN_THREADS,
    VIEW_CHANNEL,
    Guild,
    GuildChannel,
    Member,
    Overwrite,
    Role,
    Standing,
    missing,
)
from adapters.discord.render import MARK, MARK_ROOM, answering, marked, render
from adapters.http import Http
from tests.contract.subject_discord import CHANNEL, config_for, markup, pings, read, subject, visible
from tests.fakes.base import Posted, Refused
from tests.fakes.discord import DiscordFake, check_body

HOSTILE = (
    "<!channel> @everyone **x** @here [a](http://b) <at>all</at> <@201234567890123456> <@&1> <#1> "
    "<t:1:R> <:a:1> :fire: ||s|| ~~d~~ __u__ _i_ `c` ```f``` # h\n# head\n> q\n- l\n1. n\n-# small\n</im:1>"
)
STARTED = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
CREATE = (
    "content",
    "embeds",
    "components",
    "allowed_mentions",
    "nonce",
    "enforce_nonce",
    "message_reference",
)
ACTIONS = (
    Action(id="acknowledge", label="Acknowledge", value="INC-2024-001", style="primary"),
    Action(id="war_room", label="Join War Room", value="INC-2024-001"),
    Action(id="details", label="View Details", value="INC-2024-001", url="https://im.example.com/i/1"),
    Action(id="escalate", label="Escalate", value="INC-2024-001", style="danger"),
)


def card(**changes: Any) -> IncidentCard:
    usual: dict[str, Any] = {
        "id": "INC-2024-001",
        "title": "Database connection timeout",
        "severity": "SEV-1",
        "status": "open",
        "started_at": STARTED,
        "service": "checkout",
        "description": "Multiple users reporting payment failures",
        "assignee": "dana",
    }
    return IncidentCard(**(usual | changes))


def created(**changes: Any) -> Message:
    usual: dict[str, Any] = {
        "event": "incident.created",
        "headline": "🚨 New Incident Declared",
        "incident": card(),
        "actions": ACTIONS,
    }
    return Message(**(usual | changes))


def payload_of(message: Message, nonce: str = "n" * 25) -> dict[str, Any]:
    """The payload as it is sent, after the fake's check of Discord's limits."""
    sent: dict[str, Any] = json.loads(msgspec.json.encode(answering(marked(render(message), nonce), "1")))
    check_body(sent, CREATE)
    return sent


def as_posted(payload: dict[str, Any]) -> Posted:
    return Posted(id="1", channel=CHANNEL, payload=payload, nonce=None, parent=None, at=0.0)


@pytest.fixture(scope="module")
def closing() -> Iterator[ThreadPoolExecutor]:
    """Stops servers beside the next tests: each takes a fifth of a second."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def fake(closing: ThreadPoolExecutor) -> Iterator[DiscordFake]:
    running = DiscordFake().__enter__()
    yield running
    closing.submit(running.__exit__)


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http() as client:
        yield client


@pytest.fixture
def adapter(fake: DiscordFake, http: Http) -> Discord:
    return Discord(config_for(fake), http)


class TestRendering:
    def test_an_incident_shows_all_that_the_document_shows(self) -> None:
        payload = payload_of(created(badges=("TEST",)))
        shown = visible(as_posted(payload))
        for text in ("[TEST] 🚨 New Incident Declared", "INC-2024-001: Database connection timeout"):
            assert text in shown
        fields = {field["name"]: field["value"] for field in payload["embeds"][0]["fields"]}
        assert fields == {
            "Severity": "SEV-1",
            "Status": "Open",
            "Service": "checkout",
            "Assignee": "dana",
            "Started": "<t:1767607200:R>",
        }
        assert payload["embeds"][0]["description"] == "Multiple users reporting payment failures"

    def test_the_notification_says_what_it_is_about(self) -> None:
        assert payload_of(created())["content"] == (
            "**🚨 New Incident Declared**\n**INC-2024-001**: Database connection timeout"
        )

    def test_the_payload_is_as_discords_documentation_has_it(self) -> None:
        payload = payload_of(created(), nonce="abc")
        assert payload["allowed_mentions"] == {"parse": []}
        assert payload["nonce"] == "abc"
        assert payload["enforce_nonce"] is True
        assert payload["message_reference"] == {"message_id": "1", "fail_if_not_exists": True}
        assert payload["components"] == [
            {
                "type": 1,
                "components": [
                    {
                        "type": 2,
                        "style": 1,
                        "label": "Acknowledge",
                        "custom_id": "im:acknowledge:INC-2024-001",
                    },
                    {
                        "type": 2,
                        "style": 2,
                        "label": "Join War Room",
                        "custom_id": "im:war_room:INC-2024-001",
                    },
                    {"type": 2, "style": 5, "label": "View Details", "url": "https://im.example.com/i/1"},
                    {"type": 2, "style": 4, "label": "Escalate", "custom_id": "im:escalate:INC-2024-001"},
                ],
            }
        ]

    @pytest.mark.parametrize(
        ("changes", "colour"),
        [
            ({"severity": "SEV-1"}, 0xD92D20),
            ({"severity": "SEV-4"}, 0x2E90FA),
            ({"status": "resolved"}, 0x12B76A),
        ],
    )
    def test_the_edge_has_the_severitys_colour(self, changes: dict[str, Any], colour: int) -> None:
        assert payload_of(created(incident=card(**changes)))["embeds"][0]["color"] == colour

    def test_note_actor_facts_and_merged_steps_are_listed(self) -> None:
        message = created(
            actor="dana", note="rolled back", facts=(("Time to resolve", "4 min"),), steps=("acked", "SEV-2")
        )
        fields = {field["name"]: field["value"] for field in payload_of(message)["embeds"][0]["fields"]}
        assert fields["Note from dana"] == "rolled back"
        assert fields["Time to resolve"] == "4 min"
        assert fields["Since the last message"] == "• acked\n• SEV\\-2".replace("\\", "")

    def test_an_actor_without_a_note_is_named(self) -> None:
        fields = payload_of(created(actor="dana"))["embeds"][0]["fields"]
        assert {"name": "By", "value": "dana", "inline": True} in fields

    def test_the_incidents_page_is_linked_where_no_button_does(self) -> None:
        incident = card(url="https://im.example.com/a_b")
        fields = payload_of(created(incident=incident, actions=()))["embeds"][0]["fields"]
        assert fields[-1]["value"] == "https://im.example.com/a_b"

    def test_a_plain_message_is_a_headline_and_a_text(self) -> None:
        payload = payload_of(Message(event="text", headline="Maintenance", text="in 10 minutes"))
        assert payload["content"] == "**Maintenance**"
        assert payload["embeds"][0]["description"] == "in 10 minutes"
        assert payload["components"] == []

    def test_a_headline_alone_is_no_empty_embed(self) -> None:
        payload = payload_of(Message(event="text", headline="Ping"))
        assert (payload["content"], payload["embeds"][0]["description"]) == ("", "**Ping**")

    def test_empty_texts_give_a_valid_message(self) -> None:
        empty = card(id="", title=" ", service="", description="\n", assignee=" ")
        actions = (Action(id="acknowledge", label="", value=""),)
        message = created(
            headline="", incident=empty, text=" ", note="", actor="", facts=((" ", ""),), steps=("",)
        )
        payload_of(msgspec.structs.replace(message, actions=actions))
        payload_of(Message(event="text", headline=""))
        payload_of(created(template="{{.Note}}"))

    def test_rendering_twice_gives_the_same(self) -> None:
        assert render(created()) == render(created())


class TestButtons:
    def test_a_value_that_would_be_cut_has_no_button(self) -> None:
        actions = (Action(id="acknowledge", label="Ack", value="x" * 90), *ACTIONS[1:])
        labels = [b["label"] for b in payload_of(created(actions=actions))["components"][0]["components"]]
        assert labels == ["Join War Room", "View Details", "Escalate"]

    def test_a_custom_id_of_exactly_a_hundred_characters_is_kept(self) -> None:
        value = "x" * (100 - len("im:acknowledge:"))
        payload = payload_of(created(actions=(Action(id="acknowledge", label="Ack", value=value),)))
        assert len(payload["components"][0]["components"][0]["custom_id"]) == 100

    @pytest.mark.parametrize("url", ["javascript:alert(1)", "https://h/" + "x" * 600, "ftp://h/"])
    def test_an_address_that_discord_refuses_has_no_button(self, url: str) -> None:
        action = Action(id="details", label="Details", value="1", url=url)
        assert payload_of(created(actions=(action,)))["components"] == []

    def test_more_than_five_go_to_further_rows_and_repeats_are_left_out(self) -> None:
        actions = tuple(Action(id="acknowledge", label="A" * 200, value=str(n // 2)) for n in range(80))
        rows = payload_of(created(actions=actions))["components"]
        assert [len(row["components"]) for row in rows] == [5, 5, 5, 5, 5]


class TestEscaping:
    def test_nothing_typed_takes_effect_in_any_field(self) -> None:
        message = created(
            incident=card(title=HOSTILE, service=HOSTILE, assignee=HOSTILE, description=HOSTILE, id=HOSTILE),
            text=HOSTILE,
            note=HOSTILE,
            actor=HOSTILE,
            facts=(("Fact", HOSTILE),),
            steps=(HOSTILE,),
        )
        assert pings(as_posted(payload_of(message))) == []

    def test_nothing_typed_takes_effect_in_a_template(self) -> None:
        template = (
            "🚨 **{{.Title}}**\n```\n{{.Description}}\n```\n"
            "**Severity:** {{.Severity}} | **Service:** {{.Service}} `{{.Service}}`"
        )
        incident = card(title=HOSTILE, description=HOSTILE, service=HOSTILE)
        payload = payload_of(created(template=template, incident=incident))
        assert pings(as_posted(payload)) == []
        assert payload["embeds"][0]["description"].count("```") == 2

    def test_a_person_reads_exactly_what_was_typed(self) -> None:
        one_line = HOSTILE.replace("\n", " ")
        shown = visible(as_posted(payload_of(created(incident=card(title=one_line, description=HOSTILE)))))
        assert f"INC-2024-001: {one_line}" in shown
        assert HOSTILE in shown

    @pytest.mark.parametrize(
        "text",
        [
            *("**x**", "@everyone", "@here", "[a](http://b)", "<@20>", "<@&1>", "<#1>", "<t:1:R>", "<:a:1>"),
            *(":fire:", "||s||", "~~d~~", "__u__", "_i_", "`c`", "```f```", "</im:1>", "```\nblock\n```"),
            *("\n# head", "\n> q", "\n- l", "\n1. n", "\n-# small"),
        ],
    )
    def test_the_judge_of_these_tests_sees_markup(self, text: str) -> None:
        assert markup(f"a {text}")

    def test_addresses_stay_links(self) -> None:
        address = "https://wiki.example.com/run_books/__init__.py?a=b&c=~d#x"
        assert escape(f"see {address}.") == f"see {address}."

    def test_an_address_in_the_notification_brings_no_preview(self) -> None:
        payload = payload_of(created(incident=card(title="see https://evil.example.com/cat.png now")))
        assert "see <https://evil.example.com/cat.png> now" in payload["content"]

    @pytest.mark.parametrize("text", ["-", "- x", "  * x", "12. x", "-# x", "a\n- x", "> x", "### x", "+ x"])
    def test_lines_are_no_lists_headings_or_quotes(self, text: str) -> None:
        assert markup(escape(text)) == []
        assert read(escape(text)) == text

    @pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\u202e", "\u2066", "\ud800", "\x85"])
    def test_control_characters_are_neutralised_everywhere(self, character: str) -> None:
        bad = f"a{character}b"
        actions = (Action(id="acknowledge", label=bad, value="1"),)
        message = created(incident=card(title=bad, description=bad), note=bad, steps=(bad,), actions=actions)
        sent = msgspec.json.encode(render(message)).decode()
        assert character not in json.loads(sent)["content"]
        assert json.dumps(character)[1:-1] not in json.dumps(json.loads(sent))

    def test_in_a_code_block_no_backslashes_are_shown_and_nothing_leaves_it(self) -> None:
        payload = payload_of(
            created(template="```\n{{.Description}}\n```", incident=card(description="a_b *c* ```x"))
        )
        assert payload["embeds"][0]["description"] == "```\na_b *c* ˋˋˋx\n```"

    @settings(max_examples=150, deadline=None)
    @given(st.text(alphabet=st.sampled_from("ab1 \n*_~|`<>@#[]():.-+\\/"), max_size=60))
    def test_escaping_is_complete_and_reversible(self, text: str) -> None:
        assert markup(escape(text)) == []
        assert read(escape(text)) == text


class TestLimits:
    @settings(max_examples=150, deadline=None)
    @given(st.text(alphabet=st.sampled_from("ab*_\\@😀 \n"), max_size=80), st.integers(0, 90))
    def test_a_cut_is_short_enough_and_halves_no_escape(self, text: str, limit: int) -> None:
        cut = escaped(text, limit)
        assert len(cut) <= limit
        whole = read(escape(text.strip()))
        assert read(cut) == whole or (limit == 0 or whole.startswith(read(cut).removesuffix("…")))
        body = cut.removesuffix("…")
        assert (len(body) - len(body.rstrip("\\"))) % 2 == 0

    def test_a_cut_keeps_an_escape_whole_or_leaves_it_out(self) -> None:
        assert cut_escaped(r"ab\*cd", 4) == "ab…"
        assert cut_escaped(r"ab\*cd", 5) == r"ab\*…"

    @pytest.mark.parametrize("letter", ["x", "*", "😀", "\n", "`", "\\"])
    def test_everything_at_once_far_too_long_still_fits(self, letter: str) -> None:
        long = "a" + letter * 7000 + "b"
        message = created(
            headline=long,
            incident=card(
                id=long,
                title=long,
                service=long,
                assignee=long,
                description=long,
                url="https://h/" + "u" * 900,
            ),
            text=long,
            note=long,
            actor=long,
            facts=((long, long),) * 40,
            steps=(long,) * 40,
            badges=(long,),
            actions=(),
        )
        embed = payload_of(message)["embeds"][0]
        assert embed["description"].endswith("…")
        assert len(embed["fields"]) <= 25
        payload_of(msgspec.structs.replace(message, template="**{{.Title}}** {{.Description}}" * 100))

    @settings(max_examples=25, deadline=None)
    @given(st.data())
    def test_any_message_fits(self, data: st.DataObject) -> None:
        size = st.sampled_from([0, 1, 90, 255, 1023, 1025, 4096, 5000])
        text = st.builds(
            lambda n, unit: (unit * n)[:n], size, st.sampled_from(["a", "* ", "\\", " ", "😀", "\r\n"])
        )
        message = created(
            headline=data.draw(text),
            incident=card(
                title=data.draw(text),
                description=data.draw(text),
                service=data.draw(text),
                assignee=data.draw(text),
            ),
            text=data.draw(text),
            note=data.draw(text),
            actor=data.draw(text),
            facts=((data.draw(text), data.draw(text)),) * data.draw(st.integers(0, 30)),
            steps=(data.draw(text),) * data.draw(st.integers(0, 30)),
            template=data.draw(
                st.sampled_from([None, "{{.Title}}", "```{{.Message}}``` `{{.Note}}` {{.Title}}"])
            ),
        )
        assert pings(as_posted(payload_of(message))) == []

    def test_a_long_text_leaves_room_for_the_text_after_the_description(self) -> None:
        embed = payload_of(created(incident=card(description="d" * 9000), text="the end"))["embeds"][0]
        assert embed["description"].endswith("…\n\nthe end")

    def test_of_many_steps_the_newest_are_kept(self) -> None:
        message = created(steps=tuple(f"step {n} {'x' * 90}" for n in range(40)))
        listed = payload_of(message)["embeds"][0]["fields"][-1]["value"]
        assert "step 39" in listed
        assert listed.startswith("… and ")

    def test_a_code_block_that_is_cut_is_closed(self) -> None:
        payload = payload_of(
            created(template="a ```\n{{.Description}}``` b", incident=card(description="x" * 9000))
        )
        description = payload["embeds"][0]["description"]
        assert len(description) == 4096
        assert description.endswith("…```")

    @pytest.mark.parametrize(
        ("change", "where"),
        [
            ({"content": "x" * 2001}, "content"),
            ({"embeds": [{"description": "x" * 4097}]}, "embeds"),
            ({"embeds": [{"fields": [{"name": "x", "value": " "}]}]}, "embeds"),
            ({"embeds": [{"color": 1}]}, "embeds"),
            ({"embeds": [{"description": "x" * 4000, "footer": {"text": "x" * 2001}}]}, "embeds"),
            ({"nonce": "x" * 26}, "nonce"),
            ({"blocks": []}, "blocks"),
            ({"components": [{"type": 1, "components": []}]}, "components"),
            ({"components": [{"type": 9, "components": []}]}, "components"),
        ],
    )
    def test_the_fake_refuses_what_discord_refuses(self, change: dict[str, Any], where: str) -> None:
        with pytest.raises(Refused) as caught:
            check_body({"content": "x"} | change, CREATE)
        assert caught.value.reply.body["code"] == 50035
        assert where in caught.value.reply.body["errors"]


class TestPosting:
    async def test_a_post_and_its_edit_and_answer(self, adapter: Discord, fake: DiscordFake) -> None:
        receipt = await adapter.post(CHANNEL, created(), nonce="one")
        answer = await adapter.reply(receipt.ref, created(headline="Update"), nonce="two")
        edited = await adapter.edit(receipt.ref, created(incident=card(status="resolved"), actions=()))
        assert edited == receipt
        assert fake.messages[answer.ref.message_id].parent == receipt.ref.message_id
        now = fake.messages[receipt.ref.message_id].shown
        assert now["components"] == []
        assert now["allowed_mentions"] == {"parse": []}
        assert now["embeds"][0]["color"] == 0x12B76A
        assert fake.refusals == []

    async def test_the_same_nonce_again_posts_nothing_new(self, adapter: Discord, fake: DiscordFake) -> None:
        first = await adapter.post(CHANNEL, created(), nonce="same")
        assert await adapter.post(CHANNEL, created(), nonce="same") == first
        assert len(fake.messages) == 1

    async def test_after_its_window_a_nonce_is_forgotten(self, adapter: Discord, fake: DiscordFake) -> None:
        fake.nonce_window = 0.0
        first = await adapter.post(CHANNEL, created(), nonce="same")
        await asyncio.sleep(0.01)
        assert await adapter.post(CHANNEL, created(), nonce="same") != first

    async def test_a_deleted_message_is_not_made_anew_by_a_retry(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        receipt = await adapter.post(CHANNEL, created(), nonce="same")
        fake.delete(receipt.ref.message_id)
        assert await failing(adapter.post(CHANNEL, created(), nonce="same")) == Reason.MESSAGE_GONE

    async def test_the_promised_window_is_no_longer_than_the_fakes(self, fake: DiscordFake) -> None:
        assert 120 <= PLATFORM.nonce_window_seconds <= fake.nonce_window

    async def test_deleted_messages_are_gone_for_edits_and_answers(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        receipt = await adapter.post(CHANNEL, created(), nonce="n")
        fake.delete(receipt.ref.message_id)
        assert await failing(adapter.edit(receipt.ref, created())) == Reason.MESSAGE_GONE
        assert await failing(adapter.reply(receipt.ref, created(), nonce="m")) == Reason.MESSAGE_GONE
        odd = MessageRef(channel=CHANNEL, message_id="../../users/@me")
        assert await failing(adapter.edit(odd, created())) == Reason.MESSAGE_GONE

    @pytest.mark.parametrize("channel", ["", "#incidents", "..", "../guilds/1", "404404404404404404"])
    async def test_what_is_no_channel_is_not_found(self, adapter: Discord, channel: str) -> None:
        assert await failing(adapter.post(channel, created(), nonce="n")) == Reason.CHANNEL_NOT_FOUND

    @pytest.mark.parametrize("bits", [VIEW_CHANNEL, SEND_MESSAGES, EMBED_LINKS])
    async def test_a_lacking_permission_is_forbidden(
        self, adapter: Discord, fake: DiscordFake, bits: int
    ) -> None:
        fake.deny(CHANNEL, bits)
        assert await failing(adapter.post(CHANNEL, created(), nonce="n")) == Reason.FORBIDDEN

    async def test_archived_threads_and_categories_are_refused(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        fake.add_channel("300000000000000001", type=11, thread_metadata={"archived": True})
        fake.add_channel("300000000000000002", type=4)
        assert await failing(adapter.post("300000000000000001", created(), nonce="n")) == Reason.FORBIDDEN
        assert await failing(adapter.post("300000000000000002", created(), nonce="n")) == Reason.REJECTED

    async def test_the_sixth_post_in_five_seconds_must_wait(self, adapter: Discord) -> None:
        for n in range(5):
            await adapter.post(CHANNEL, created(), nonce=str(n))
        with pytest.raises(DeliveryError) as caught:
            await adapter.post(CHANNEL, created(), nonce="6")
        assert caught.value.reason == Reason.RATE_LIMITED
        assert not caught.value.whole_provider
        assert 3.0 < (caught.value.retry_after or 0) <= 5.001
        await adapter.post("300000000000000003", created(), nonce="other")

    async def test_fifty_calls_a_second_hold_for_the_whole_bot(self, adapter: Discord) -> None:
        posts = [adapter.post(str(300000000000000000 + n), created(), nonce=str(n)) for n in range(60)]
        outcomes = await asyncio.gather(*posts, return_exceptions=True)
        limited = [error for error in outcomes if isinstance(error, DeliveryError)]
        assert limited
        assert all(error.whole_provider and error.retry_after for error in limited)


async def failing(call: Any) -> Reason:
    with pytest.raises(DeliveryError) as caught:
        await call
    return caught.value.reason


class TestLookingBack:
    async def test_a_message_is_found_by_its_mark_though_discord_keeps_no_nonce(
        self, adapter: Discord
    ) -> None:
        since = datetime.now(UTC)
        receipt = await adapter.post(CHANNEL, created(), nonce="wanted")
        await adapter.post(CHANNEL, created(), nonce="want")
        assert isinstance(adapter, LooksBack)
        assert await adapter.find(CHANNEL, nonce="wanted", since=since) == receipt.ref
        assert await adapter.find(CHANNEL, nonce="wante", since=since) is None

    async def test_it_is_found_when_the_answer_was_lost(self, adapter: Discord, fake: DiscordFake) -> None:
        since = datetime.now(UTC)
        fake.fail_next("lost_answer", path="/messages")
        with pytest.raises(DeliveryError) as caught:
            await adapter.post(CHANNEL, created(), nonce="lost")
        assert caught.value.may_have_arrived
        found = await adapter.find(CHANNEL, nonce="lost", since=since)
        assert found
        assert found.message_id in fake.messages

    async def test_it_pages_through_a_busy_channel(self, adapter: Discord, fake: DiscordFake) -> None:
        fake.rates = False
        since = datetime.now(UTC)
        for n in range(230):
            fake.keep(CHANNEL, {"content": str(n), "embeds": []}, id=fake._new_id())
        receipt = await adapter.post(CHANNEL, created(), nonce="last")
        assert await adapter.find(CHANNEL, nonce="last", since=since) == receipt.ref
        pages = [
            call.query for call in fake.calls if call.path.endswith("/messages") and call.method == "GET"
        ]
        assert len(pages) == 3
        assert {page["limit"] for page in pages} == {"100"}

    async def test_what_is_older_than_asked_for_is_left_alone(self, adapter: Discord) -> None:
        await adapter.post(CHANNEL, created(), nonce="old")
        later = datetime.now(UTC) + timedelta(minutes=5)
        assert await adapter.find(CHANNEL, nonce="old", since=later) is None

    async def test_somebody_elses_copy_of_the_mark_is_not_taken(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        since = datetime.now(UTC)
        await adapter.post(CHANNEL, created(), nonce="mine")
        fake.author_id = "201234567890123456"
        assert await adapter.find(CHANNEL, nonce="mine", since=since) is None

    async def test_a_history_that_may_not_be_read_is_not_taken_for_nothing(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        since = datetime.now(UTC)
        await adapter.post(CHANNEL, created(), nonce="hidden")
        fake.deny(CHANNEL, READ_MESSAGE_HISTORY)
        assert await failing(adapter.find(CHANNEL, nonce="hidden", since=since)) == Reason.FORBIDDEN

    async def test_a_quiet_channel_has_nothing(self, adapter: Discord) -> None:
        assert await adapter.find(CHANNEL, nonce="n", since=datetime.now(UTC)) is None

    def test_the_mark_fits_its_room(self) -> None:
        payload = marked(render(created()), "n" * 25)
        assert payload.embeds[0].footer
        assert len(payload.embeds[0].footer.text) == MARK_ROOM
        assert payload.embeds[0].footer.text.startswith(MARK)


class TestErrors:
    @pytest.mark.parametrize("code", sorted(CODES))
    def test_every_listed_code_has_its_reason(self, code: int) -> None:
        error = error_of(answer(400, {"code": code, "message": "m"}))
        assert (error.reason, error.code) == (CODES[code][0], code)

    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            (400, Reason.REJECTED),
            (401, Reason.UNAUTHORIZED),
            (403, Reason.FORBIDDEN),
            (404, Reason.CHANNEL_NOT_FOUND),
            (500, Reason.SERVER_ERROR),
            (502, Reason.SERVER_ERROR),
        ],
    )
    def test_an_unknown_code_is_named_and_judged_by_the_status(self, status: int, reason: Reason) -> None:
        error = error_of(answer(status, {"code": 987654, "message": "secret words"}))
        assert error.reason == reason
        assert "987654" in error.detail
        assert "secret" not in error.detail
        assert error.may_have_arrived is (status >= 500)

    @pytest.mark.parametrize("fault", ["REPLIES_UNKNOWN_MESSAGE", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE"])
    def test_an_answer_to_a_message_that_is_gone(self, fault: str) -> None:
        errors = {"message_reference": {"_errors": [{"code": fault, "message": "Unknown message"}]}}
        body = {"code": 50035, "message": "Invalid Form Body", "errors": errors}
        assert error_of(answer(400, body)).reason == Reason.MESSAGE_GONE

    def test_an_invalid_form_names_the_field(self) -> None:
        fault = {"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 256 or fewer in length."}
        errors = {"embeds": {"0": {"title": {"_errors": [fault]}}}}
        error = error_of(answer(400, {"code": 50035, "message": "Invalid Form Body", "errors": errors}))
        assert (
            error.detail
            == "Discord answered 400 (code 50035): invalid form: embeds.0.title BASE_TYPE_MAX_LENGTH"
        )

    @pytest.mark.parametrize(
        "errors", [None, [], {}, {"Secret Token": {"_errors": [{"code": "my.token"}]}}, {"a": 1}]
    )
    def test_odd_forms_of_errors_are_not_repeated(self, errors: Any) -> None:
        error = error_of(answer(400, {"code": 50035, "message": "x", "errors": errors}))
        assert error.reason == Reason.REJECTED
        assert "oken" not in error.detail

    def test_how_long_to_wait_is_the_bodys_fraction(self) -> None:
        body = {"message": "You are being rate limited.", "retry_after": 64.57, "global": False}
        error = error_of(answer(429, body, {"retry-after": "65", "x-ratelimit-scope": "user"}))
        assert (error.reason, error.retry_after, error.whole_provider) == (Reason.RATE_LIMITED, 64.57, False)

    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            ({"retry_after": 1.0, "global": True}, {}),
            ({"retry_after": 1.0}, {"x-ratelimit-scope": "global"}),
            ({"retry_after": 1.0}, {"x-ratelimit-global": "true"}),
            ({"retry_after": 1.0, "code": 20029}, {}),
            (b"error code: 1015", {"retry-after": "1"}),
        ],
    )
    def test_a_limit_of_the_bot_the_server_or_the_address_holds_for_the_provider(
        self, body: Any, headers: dict[str, str]
    ) -> None:
        error = error_of(answer(429, body, headers))
        assert error.whole_provider
        assert error.retry_after == 1.0

    @pytest.mark.parametrize("wait", [-1, 1e9, "soon"])
    def test_an_odd_wait_is_not_believed(self, wait: Any) -> None:
        error = error_of(answer(429, {"retry_after": wait, "global": False}, {"retry-after": "3"}))
        assert error.retry_after in (3.0, 3600.0)

    @pytest.mark.parametrize("kind", ["429", "500", "garbage", "disconnect", "lost_answer"])
    async def test_no_failure_shows_the_token_or_the_text(
        self, fake: DiscordFake, adapter: Discord, kind: Any
    ) -> None:
        fake.fail_next(kind)
        with pytest.raises(DeliveryError) as caught:
            await adapter.post(CHANNEL, created(text="very private"), nonce="n")
        assert fake.token not in f"{caught.value!r} {caught.value.detail}"
        assert "very private" not in caught.value.detail
        assert caught.value.__cause__ is None

    async def test_an_answer_that_echoes_everything_is_not_repeated(self) -> None:
        token = "MTA5.echoed.secret-token-0123456789"

        class Echo:
            async def request(self, *_: str, **sent: Any) -> Answer:
                echoed = json.dumps({"code": 1, "message": str(sent), "errors": {str(sent): {}}})
                return Answer(status=400, headers={"x": str(sent)}, body=echoed.encode())

        adapter = Discord(DiscordConfig(bot_token=token), Echo())
        with pytest.raises(DeliveryError) as caught:
            await adapter.post(CHANNEL, created(), nonce="n")
        assert "MTA5" not in repr(caught.value) + caught.value.detail

    async def test_a_wrong_token_is_unauthorized(self, fake: DiscordFake, http: Http) -> None:
        config = msgspec.structs.replace(config_for(fake), bot_token="wrong")
        assert await failing(Discord(config, http).post(CHANNEL, created(), nonce="n")) == Reason.UNAUTHORIZED

    async def test_while_a_token_is_rotated_the_new_one_is_used(self, fake: DiscordFake, http: Http) -> None:
        config = msgspec.structs.replace(config_for(fake), bot_token=[fake.token, "old"])
        await Discord(config, http).post(CHANNEL, created(), nonce="n")


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers=headers or {}, body=raw)


class TestChecking:
    async def test_all_is_well(self, adapter: Discord) -> None:
        lines = await adapter.check()
        assert [(line.ok, line.text) for line in lines] == [
            (True, "Connected to Discord server"),
            (True, "Bot permissions verified"),
            (True, "Default channel accessible"),
            (True, "Slash commands configured"),
        ]

    async def test_a_wrong_token(self, fake: DiscordFake, http: Http) -> None:
        config = msgspec.structs.replace(config_for(fake), bot_token="wrong")
        lines = await Discord(config, http).check()
        assert [line.ok for line in lines] == [False] * 4
        assert "token" in lines[0].mend

    async def test_a_bot_that_nobody_invited(self, adapter: Discord, fake: DiscordFake) -> None:
        fake.in_guild = False
        lines = await adapter.check()
        assert not lines[0].ok
        assert "Invite the bot" in lines[0].mend

    async def test_a_missing_permission_is_named(self, adapter: Discord, fake: DiscordFake) -> None:
        fake.deny(CHANNEL, EMBED_LINKS | READ_MESSAGE_HISTORY)
        _, permissions, channel, _ = await adapter.check()
        assert permissions.text == "The bot lacks in the default channel: Embed Links, Read Message History"
        assert "Embed Links" in permissions.mend
        assert channel.ok

    async def test_a_default_channel_that_does_not_exist(self, fake: DiscordFake, http: Http) -> None:
        config = msgspec.structs.replace(config_for(fake), default_channel=fake.missing_channel)
        lines = await Discord(config, http).check()
        assert [line.ok for line in lines] == [True, True, False, True]
        assert "Copy the id" in lines[2].mend

    async def test_a_default_channel_that_takes_no_messages(self, fake: DiscordFake, http: Http) -> None:
        fake.add_channel("300000000000000004", type=4)
        fake.add_channel("300000000000000005", guild_id="1")
        for channel, words in (("300000000000000004", "takes no"), ("300000000000000005", "another server")):
            config = msgspec.structs.replace(config_for(fake), default_channel=channel)
            line = (await Discord(config, http).check())[2]
            assert not line.ok
            assert words in line.text

    async def test_a_thread_has_its_parents_permissions(self, fake: DiscordFake, http: Http) -> None:
        fake.add_channel("300000000000000006", type=11, parent_id=CHANNEL)
        config = msgspec.structs.replace(config_for(fake), default_channel="300000000000000006")
        assert all(line.ok for line in await Discord(config, http).check())
        fake.deny(CHANNEL, SEND_MESSAGES_IN_THREADS)
        assert "Send Messages in Threads" in (await Discord(config, http).check())[1].text

    async def test_commands_that_nobody_registered(self, adapter: Discord, fake: DiscordFake) -> None:
        fake.commands = []
        line = (await adapter.check())[3]
        assert not line.ok
        assert "not registered" in line.text

    @pytest.mark.parametrize("field", ["application_id", "public_key"])
    async def test_another_applications_values(self, fake: DiscordFake, http: Http, field: str) -> None:
        config = config_for(fake)
        setattr(fake, field, "110000000000000000" if field == "application_id" else "ab" * 32)
        line = (await Discord(config, http).check())[3]
        assert not line.ok
        assert field in line.mend

    async def test_commands_that_are_switched_off(self, fake: DiscordFake, http: Http) -> None:
        fake.commands = []
        config = msgspec.structs.replace(config_for(fake), enable_slash_commands=False)
        line = (await Discord(config, http).check())[3]
        assert (line.ok, line.text) == (True, "Slash commands are switched off")

    async def test_garbage_and_silence_become_lines(self, adapter: Discord, fake: DiscordFake) -> None:
        fake.fail_next("garbage")
        assert not (await adapter.check())[0].ok
        fake.fail_next("500", path="/commands")
        assert [line.ok for line in await adapter.check()] == [True, True, True, False]


class TestServer:
    async def test_text_channels_by_name_with_whether_the_bot_may_post(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        fake.deny(CHANNEL, SEND_MESSAGES)
        listed = await adapter.channels()
        assert [(channel.name, channel.member) for channel in listed] == [
            ("general", True),
            ("incidents", False),
        ]

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("dana", "dana"),
            ("@Dana", "dana"),
            ("spooky", "dana"),
            ("<@201234567890123456>", "dana"),
            ("201234567890123456", "dana"),
            ("dan", "dan"),
            ("da", None),
            ("999999999999999999", None),
            ("dana@example.com", None),
            ("  ", None),
        ],
    )
    async def test_people_are_found_by_id_mention_or_exact_name(
        self, adapter: Discord, query: str, found: str | None
    ) -> None:
        user = await adapter.find_user(query)
        assert (user.name if user else None) == found

    async def test_a_display_name_that_two_have_finds_nobody(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        fake.members.append(fake._person("201234567890123458", "other", None, nick="Spooky"))
        assert await adapter.find_user("Spooky") is None

    async def test_taking_anothers_user_name_for_a_nickname_gains_nothing(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        fake.members.insert(0, fake._person("201234567890123458", "mallory", None, nick="dana"))
        user = await adapter.find_user("dana")
        assert user
        assert user.id == "201234567890123456"


class TestPermissions:
    guild = Guild(
        "1", "9", (Role("1", str(VIEW_CHANNEL)), Role("2", str(SEND_MESSAGES)), Role("3", str(ADMINISTRATOR)))
    )

    def bits(self, *overwrites: Overwrite, roles: tuple[str, ...] = ("2",), user: str = "7") -> int:
        channel = GuildChannel(id="5", type=0, permission_overwrites=overwrites)
        return Standing(user, self.guild, Member(roles)).in_channel(channel)

    def test_roles_add_up(self) -> None:
        assert self.bits() == VIEW_CHANNEL | SEND_MESSAGES

    def test_a_role_may_allow_what_everybody_is_denied(self) -> None:
        denied = Overwrite("1", deny=str(SEND_MESSAGES))
        assert not self.bits(denied) & SEND_MESSAGES
        assert self.bits(denied, Overwrite("2", allow=str(SEND_MESSAGES))) & SEND_MESSAGES

    def test_the_members_own_overwrite_has_the_last_word(self) -> None:
        allowed = Overwrite("2", allow=str(EMBED_LINKS))
        assert not self.bits(Overwrite("7", deny=str(EMBED_LINKS)), allowed) & EMBED_LINKS

    def test_who_does_not_see_a_channel_can_do_nothing_there(self) -> None:
        assert self.bits(Overwrite("1", deny=str(VIEW_CHANNEL))) == 0

    def test_administrators_and_owners_can_do_everything(self) -> None:
        hidden = Overwrite("1", deny=str(VIEW_CHANNEL))
        assert missing(self.bits(hidden, roles=("3",)), None) == ()
        assert missing(self.bits(hidden, roles=(), user="9"), None) == ()


GIVEN = {
    "bot_token": "MTA5OTk5OTk5OTk5.Gf.abcdefghijklmnop1234",
    "application_id": "109999999999999999",
    "public_key": "ab" * 32,
    "guild_id": "101010101010101010",
    "default_channel": CHANNEL,
}


class TestConfiguration:
    def test_what_is_given_is_enough(self) -> None:
        config = validate(DiscordConfig, "discord", GIVEN)
        assert isinstance(config, DiscordConfig)
        assert config.api_base == "https://discord.com/api/v10"
        assert config.gateway_url == "wss://gateway.discord.gg"

    @pytest.mark.parametrize("field", sorted(GIVEN))
    def test_what_is_missing_is_named(self, field: str) -> None:
        left = {key: value for key, value in GIVEN.items() if key != field}
        with pytest.raises(ConfigError) as caught:
            validate(DiscordConfig, "discord", left)
        assert caught.value.field == field

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("public_key", "ab" * 31),
            ("public_key", "xy" * 32),
            ("application_id", "my-app"),
            ("guild_id", "../users"),
            ("api_base", "http://discord.example.com"),
        ],
    )
    def test_what_cannot_be_right_is_refused_with_its_field(self, field: str, value: str) -> None:
        with pytest.raises(ConfigError) as caught:
            validate(DiscordConfig, "discord", GIVEN | {field: value})
        assert caught.value.field == field

    def test_the_token_is_secret_and_guards_the_addresses(self) -> None:
        config = validate(DiscordConfig, "discord", GIVEN)
        clear, sealed = split_secrets(config)
        assert sealed == {"bot_token": GIVEN["bot_token"]}
        assert "bot_token" not in clear
        assert GIVEN["bot_token"] not in str(masked(config))
        assert DiscordConfig.BASES == {"api_base": ("bot_token",), "gateway_url": ("bot_token",)}


class TestPlatform:
    def test_its_facts(self) -> None:
        assert (PLATFORM.name, PLATFORM.title, PLATFORM.lease_seconds) == ("discord", "Discord", 60.0)
        assert [(w.count, w.seconds) for w in PLATFORM.limits.channel] == [(5, 5.0)]
        assert [(w.count, w.seconds) for w in PLATFORM.limits.provider] == [(50, 1.0)]

    async def test_the_subject_works(self, http: Http) -> None:
        with subject() as found:
            shelf: Any = None
            adapter = found.platform.build(found.config, Resources(http=http, shelf=shelf))
            receipt = await adapter.post(found.channel, created(incident=card(title=HOSTILE)), nonce="n")
            assert found.fake
            posted = found.fake.messages[receipt.ref.message_id]
            assert found.pings(posted) == []
            assert found.buttons(posted) == ["Acknowledge", "Join War Room", "View Details", "Escalate"]
            assert posted.nonce == "n"
            user = await adapter.find_user(found.user_query)
            assert user
            assert user.id == found.user_id

    def test_rendering_is_fast_enough_for_thousands_a_second(self) -> None:
        message = created(note="a *note*", actor="dana")
        start = time.process_time()
        for _ in range(200):
            msgspec.json.encode(marked(render(message), "nonce"))
        assert (time.process_time() - start) / 200 < 0.002
