"""What people see on Discord: answers, forms, menus, mentions, pictures and direct messages."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import (
    Action,
    Message,
    MessageRef,
    Picture,
    Reason,
)
from adapters.discord.forms import modal
from adapters.discord.outbound import Discord
from adapters.discord.permissions import VIEW_CHANNEL
from adapters.discord.render import render
from adapters.inbound import (
    ChatInput,
    Field,
    Form,
    HttpAnswer,
    Option,
    Person,
)
from tests.contract.cases import card
from tests.contract.subject_discord import (
    ACKNOWLEDGE,
    ASSIGN,
    CHANNEL,
    DAN,
    DANA,
    LINK,
    SEVERITY,
    announced,
    failing,
    hear,
    incoming,
    take,
    told,
)
from tests.fakes.discord import DiscordFake
from tests.fakes.discord_body import ON_CREATE, check_body, check_modal

FORM = Form(
    id="declare",
    value="checkout",
    title="Declare an incident",
    submit="Declare",
    fields=(
        Field(id="title", label="What is wrong?", max_length=200),
        Field(
            id="severity",
            label="How bad?",
            kind="select",
            options=(Option("SEV-1", "Critical"), Option("SEV-2", "High")),
        ),
        Field(id="assignee", label="Who?", kind="user", required=False),
        Field(id="note", label="More", kind="multiline", required=False, hint="Anything", value="none yet"),
    ),
)


class TestAnswering:
    async def test_a_command_is_answered_in_private_however_often(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        found = await take(adapter, fake, fake.command(DANA, "list", channel=CHANNEL))
        message = Message(
            event="text", headline="Open", incident=card(), actions=(ACKNOWLEDGE,), menus=(ASSIGN,)
        )
        for _ in range(2):
            await adapter.answer(found, message, private=True, nonce="a1")
        [shown] = fake.answers
        assert (shown.to, shown.channel) == (DANA, CHANNEL)
        assert "Database connection timeout" in shown.text
        assert (shown.buttons, shown.menus) == (("Acknowledge",), ("Assign to",))
        assert fake.messages == {}
        assert fake.refusals == []

    async def test_a_press_is_answered_below_and_the_message_stays(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        posted = await announced(adapter, fake)
        found = await take(adapter, fake, fake.press(DANA, posted, "Acknowledge"))
        await adapter.answer(found, told("you have it"), private=True, nonce="a1")
        [shown] = fake.answers
        assert (shown.to, "you have it" in shown.text) == (DANA, True)
        assert posted.edits == []

    async def test_buttons_of_a_private_answer_work(self, adapter: Discord, fake: DiscordFake) -> None:
        found = await take(adapter, fake, fake.command(DANA, "list", channel=CHANNEL))
        await adapter.answer(
            found, Message(event="text", headline="x", actions=(ACKNOWLEDGE,)), private=True, nonce="a"
        )
        again = await take(adapter, fake, fake.press(DANA, fake.answers[0].posted, "Acknowledge"))
        assert again.action == "acknowledge"

    async def test_a_public_answer_is_the_channels_and_leaves_nothing_pending(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        found = await take(adapter, fake, fake.command(DANA, "list", channel=CHANNEL))
        for _ in range(2):
            with_retry = adapter.answer(found, told("declared"), private=False, nonce="a1")
            await with_retry
        [posted] = fake.in_channel(CHANNEL)
        assert posted.nonce == "a1"
        assert [one.state for one in fake.interactions.values()] == ["unchanged"]

    async def test_a_public_answer_to_a_press_hangs_on_its_message(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        posted = await announced(adapter, fake)
        found = await take(adapter, fake, fake.press(DANA, posted, "Acknowledge"))
        await adapter.answer(found, told("dana has it"), private=False, nonce="a1")
        assert fake.in_channel(CHANNEL)[-1].parent == posted.id

    async def test_where_the_bot_may_not_write_a_public_answer_is_private(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        fake.deny(CHANNEL, VIEW_CHANNEL)
        found = await take(adapter, fake, fake.command(DANA, "list", channel=CHANNEL))
        await adapter.answer(found, told("declared"), private=False, nonce="a1")
        assert [shown.to for shown in fake.answers] == [DANA]

    async def test_an_answer_that_overtakes_the_acknowledgement_waits_for_it(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        signal = fake.command(DANA, "list", channel=CHANNEL)
        [found] = (await adapter.receive(incoming(signal))).inputs
        answering = asyncio.create_task(adapter.answer(found, told("early"), private=True, nonce="a1"))
        while not fake.refusals:  # noqa: ASYNC110  the fake is in another thread
            await asyncio.sleep(0.01)
        hear(fake, signal, adapter.acknowledge(found, None))
        await answering
        assert "early" in fake.answers[0].text

    async def test_after_fifteen_minutes_nobody_can_be_told(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        signal = fake.command(DANA, "list", channel=CHANNEL)
        found = await take(adapter, fake, signal)
        fake.expire(signal)
        error = await failing(adapter.answer(found, told("late"), private=True, nonce="a1"))
        assert error.reason == Reason.EXPIRED
        assert not error.reason.retryable
        assert found.reply["token"] not in f"{error!r}{error.detail}"

    async def test_an_old_interaction_is_not_waited_for(self, adapter: Discord, fake: DiscordFake) -> None:
        found = await take(adapter, fake, fake.command(DANA, "list", channel=CHANNEL))
        old = msgspec.structs.replace(found, key="100000000000000000", reply={**found.reply, "token": "gone"})
        started = time.monotonic()
        assert (
            await failing(adapter.answer(old, told("x"), private=True, nonce="a"))
        ).reason == Reason.EXPIRED
        assert time.monotonic() - started < 0.2

    async def test_a_token_cannot_name_another_call(self, adapter: Discord, fake: DiscordFake) -> None:
        found = await take(adapter, fake, fake.command(DANA, "list", channel=CHANNEL))
        odd = msgspec.structs.replace(
            found, key="100000000000000000", reply={"token": "../../channels/1", "channel": CHANNEL}
        )
        await failing(adapter.answer(odd, told("x"), private=True, nonce="a"))
        assert all("authorization" not in call.headers for call in fake.calls)

    async def test_a_rehearsal_has_nobody_to_answer(self, adapter: Discord, fake: DiscordFake) -> None:
        found = await take(adapter, fake, fake.command(DANA, "list", channel=CHANNEL))
        nobody = msgspec.structs.replace(found, reply={})
        await adapter.answer(nobody, told("x"), private=True, nonce="a")
        assert not await adapter.open_form(nobody, FORM)
        assert (fake.answers, fake.calls) == ([], [])


class TestForms:
    async def test_a_form_opens_comes_back_and_is_answered(self, adapter: Discord, fake: DiscordFake) -> None:
        signal = fake.command(DANA, "declare", channel=CHANNEL)
        found = await take(adapter, fake, signal, FORM)
        assert await adapter.open_form(found, FORM)
        [dialog] = fake.forms
        assert (dialog.to, dialog.title) == (DANA, "Declare an incident")
        assert dialog.fields["severity"] == "How bad?"
        filled = fake.submit(DANA, dialog, title="It is down", severity="High", assignee=DAN)
        back = await take(adapter, fake, filled)
        assert (back.kind, back.action, back.value) == ("form", "declare", "checkout")
        assert back.fields == {
            "title": "It is down",
            "severity": "SEV-2",
            "assignee": f"@{DAN}",
            "note": "none yet",
        }
        await adapter.answer(back, told("declared"), private=True, nonce="a1")
        assert [(shown.to, "declared" in shown.text) for shown in fake.answers] == [(DANA, True)]

    async def test_who_is_refused_the_form_that_opened_is_told(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        found = await take(adapter, fake, fake.command(DANA, "declare", channel=CHANNEL), FORM)
        await adapter.answer(found, told("you may not"), private=True, nonce="a1")
        [shown] = fake.answers
        assert (shown.to, "you may not" in shown.text) == (DANA, True)

    async def test_a_form_of_a_button_knows_its_message(self, adapter: Discord, fake: DiscordFake) -> None:
        posted = await announced(adapter, fake)
        await take(adapter, fake, fake.press(DANA, posted, "Acknowledge"), FORM)
        back = await take(adapter, fake, fake.submit(DANA, fake.forms[0], title="x", severity="SEV-1"))
        assert back.message == posted.id
        assert back.fields["assignee"] == ""

    async def test_a_form_cannot_follow_a_form(self, adapter: Discord, fake: DiscordFake) -> None:
        await take(adapter, fake, fake.command(DANA, "declare", channel=CHANNEL), FORM)
        signal = fake.submit(DANA, fake.forms[0], title="x", severity="SEV-1")
        back = await take(adapter, fake, signal, FORM)
        assert not await adapter.open_form(back, FORM)

    @pytest.mark.parametrize("kind", ["mention", "reaction"])
    async def test_a_mention_needs_no_acknowledgement_and_opens_no_form(
        self, adapter: Discord, kind: Literal["mention", "reaction"]
    ) -> None:
        reply = {"channel": CHANNEL, "message": "300000000000000001"}
        said = ChatInput(
            key="1", kind=kind, user=Person(id=DANA), workspace="1", channel=CHANNEL, reply=reply
        )
        assert adapter.acknowledge(said, None) == adapter.acknowledge(said, FORM) == HttpAnswer()
        assert not await adapter.open_form(said, FORM)

    @pytest.mark.parametrize(
        "form",
        [
            msgspec.structs.replace(FORM, fields=FORM.fields * 2),
            msgspec.structs.replace(FORM, fields=()),
            msgspec.structs.replace(FORM, value="x" * 100),
        ],
    )
    async def test_a_form_that_does_not_fit_is_asked_in_words(
        self, adapter: Discord, fake: DiscordFake, form: Form
    ) -> None:
        found = await take(adapter, fake, fake.command(DANA, "declare", channel=CHANNEL), form)
        assert not await adapter.open_form(found, form)
        await adapter.answer(found, told("Which service?"), private=True, nonce="a")
        assert fake.forms == []

    @settings(max_examples=40, deadline=None)
    @given(st.data())
    def test_any_form_is_within_discords_limits(self, data: st.DataObject) -> None:
        text = st.sampled_from(["x", "x" * 200, "a\nb", "😀" * 60, "\x00"])
        field = st.builds(
            Field,
            id=st.text(alphabet="abcdef", min_size=1, max_size=9),
            label=text,
            kind=st.sampled_from(["text", "multiline", "select", "user"]),
            required=st.booleans(),
            value=st.sampled_from(["", "v1", "x" * 5000]),
            hint=text,
            options=st.integers(0, 30).map(
                lambda n: tuple(Option(f"v{i}", f"Option {i}" * 20) for i in range(n))
            ),
            max_length=st.sampled_from([0, 1, 3000, 9999]),
        )
        fields = data.draw(st.lists(field, min_size=1, max_size=5, unique_by=lambda one: one.id))
        form = Form(id="declare", value="INC-1", title=data.draw(text), submit="Go", fields=tuple(fields))
        check_modal(json.loads(msgspec.json.encode(modal(form))))


class TestLooks:
    def payload(self, **more: Any) -> dict[str, Any]:
        message = Message(event="incident.created", headline="New", incident=card(), **more)
        sent: dict[str, Any] = json.loads(msgspec.json.encode(render(message)))
        check_body(sent, ON_CREATE)
        return sent

    def test_mentions_come_first_and_notify_exactly_these(self) -> None:
        sent = self.payload(mentions=(DANA, DAN, DANA, "everyone", "&1"))
        assert sent["content"].startswith(f"<@{DANA}> <@{DAN}>\n**New**")
        assert sent["allowed_mentions"] == {"parse": [], "users": [DANA, DAN]}

    def test_many_mentions_leave_the_incident_its_room(self) -> None:
        people = tuple(str(201234567890123456 + n) for n in range(120))
        message = Message(event="x", headline="h" * 900, incident=card(title="t" * 5000), mentions=people)
        sent = json.loads(msgspec.json.encode(render(message)))
        check_body(sent, ON_CREATE)
        assert len(sent["allowed_mentions"]["users"]) == 50
        assert "INC-2024-001" in sent["content"]

    def test_menus_have_rows_of_their_own_below_the_buttons(self) -> None:
        rows = self.payload(actions=(ACKNOWLEDGE, LINK), menus=(SEVERITY, ASSIGN))["components"]
        assert [[one["type"] for one in row["components"]] for row in rows] == [[2, 2], [3], [5]]
        assert rows[1]["components"][0]["options"][1] == {"label": "High", "value": "SEV-2"}

    def test_buttons_and_menus_share_five_rows(self) -> None:
        actions = tuple(Action(id="a", label="A", value=str(n)) for n in range(30))
        menus = tuple(msgspec.structs.replace(SEVERITY, about=f"INC-{n}") for n in range(3))
        rows = self.payload(actions=actions, menus=menus)["components"]
        assert [len(row["components"]) for row in rows] == [5, 5, 1, 1, 1]

    def test_a_menu_and_a_button_may_name_the_same(self) -> None:
        button = Action(id="assign", label="Take it", value="INC-2024-001")
        self.payload(actions=(button,), menus=(ASSIGN,))

    def test_a_menu_with_nothing_to_choose_is_left_out(self) -> None:
        assert self.payload(menus=(msgspec.structs.replace(SEVERITY, choices=()),))["components"] == []

    def test_a_picture_is_shown_with_its_words(self) -> None:
        picture = Picture(url="https://im.example.com/chart.png", alt="Open *incidents* by week")
        embeds = self.payload(picture=picture)["embeds"]
        assert embeds[1]["image"] == {"url": "https://im.example.com/chart.png"}
        assert embeds[1]["description"] == r"Open \*incidents\* by week"

    def test_a_picture_that_cannot_be_shown_is_its_words(self) -> None:
        embeds = self.payload(picture=Picture(url="javascript:x", alt="A chart"))["embeds"]
        assert "image" not in embeds[1]
        assert embeds[1]["description"] == "A chart"

    def test_a_picture_and_everything_else_too_long_still_fit(self) -> None:
        long = "x" * 7000
        self.payload(picture=Picture(url="https://h/p.png", alt=long), text=long, note=long, template=long)

    async def test_an_edit_replaces_menus_and_pictures(self, adapter: Discord, fake: DiscordFake) -> None:
        posted = await announced(adapter, fake, picture=Picture(url="https://h/p.png", alt="p"))
        ref = MessageRef(channel=CHANNEL, message_id=posted.id)
        await adapter.edit(ref, Message(event="text", headline="Over", incident=card()))
        assert (posted.shown["components"], len(posted.shown["embeds"])) == ([], 1)


class TestDirectMessages:
    async def test_a_person_is_written_to_edited_and_answered(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        receipt = await adapter.post(f"@{DANA}", told("page"), nonce="n1")
        assert receipt.ref.channel == f"@{DANA}"
        edited = await adapter.edit(receipt.ref, told("page, edited"))
        reply = await adapter.reply(receipt.ref, told("more"), nonce="n2")
        assert edited == receipt
        number = fake.direct_channel(DANA)["id"]
        first, second = fake.in_channel(number)
        assert second.parent == first.id
        assert reply.ref.channel == f"@{DANA}"
        opened = [call for call in fake.calls if call.path.endswith("/users/@me/channels")]
        assert len(opened) == 1

    async def test_an_earlier_try_is_found(self, adapter: Discord) -> None:
        since = datetime.now(UTC)
        receipt = await adapter.post(f"@{DANA}", told("page"), nonce="wanted")
        assert await adapter.find(f"@{DANA}", nonce="wanted", since=since) == receipt.ref
        assert await adapter.find(f"@{DAN}", nonce="wanted", since=since) is None

    async def test_who_takes_none_or_is_unknown_is_a_failure(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        fake.closed_to_bots = {DAN}
        assert (await failing(adapter.post(f"@{DAN}", told("x"), nonce="n"))).reason == Reason.FORBIDDEN
        error = await failing(adapter.post("@999999999999999999", told("x"), nonce="n"))
        assert not error.reason.retryable
        assert (await failing(adapter.post("@dana", told("x"), nonce="n"))).reason == Reason.CHANNEL_NOT_FOUND
