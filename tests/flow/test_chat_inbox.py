"""The inbox: what was acknowledged is done once and answered, whatever dies on the way."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
import pytest

from adapters.inbound import ChatInput, Incoming, Person, Receives
from api.http.context import Context, context
from router.chat.asked import Answer, Asked, World
from router.chat.commands import Command, Commands, command
from router.chat.inbox import Inbox, Item
from router.chat.work import MAX_ATTEMPTS, Desk
from router.incidents import Incident
from router.problems import Unavailable
from router.store import Store
from tests.fakes.speaking import Signal
from tests.flow.people import Room, room
from tests.flow.stage import Im, until
from tests.marks import quick_on

PLATFORMS = ("slack", "teams")
ENOUGH = 120
"""More steps than a turn has."""


@pytest.fixture(params=PLATFORMS)
def chat(request: pytest.FixtureRequest, im: Im) -> Iterator[Room]:
    with room(im, request.param) as opened:
        yield opened


@pytest.fixture
def slack(im: Im) -> Iterator[Room]:
    with room(im, "slack") as opened:
        yield opened


@pytest.fixture
def other(im: Im) -> Iterator[Context]:
    """Another process's context over the same store."""
    stack = AsyncExitStack()
    yield im.loop.run(stack.enter_async_context(context(im.settings)))
    im.loop.run(stack.aclose())


def rows(im: Im) -> list[dict[str, Any]]:
    return im.sql(
        "SELECT id::text, state, attempts, outcome, detail, reply, answer, key FROM inbox ORDER BY id"
    )


def answered(im: Im, count: int = 1) -> list[dict[str, Any]]:
    """The rows, once all of them are answered."""
    until(lambda: [row["state"] for row in rows(im)] == ["answered"] * count, 15)
    return rows(im)


def next_round(im: Im) -> None:
    """Every lease has run out and every wait is over."""
    past = "now() - interval '1 second'"
    im.sql(f"UPDATE inbox SET lease_until = {past} WHERE lease_until IS NOT NULL")
    im.sql(f"UPDATE inbox SET not_before = {past}")
    im.redis.publish("im:inbox", b"1")


async def taken(other: Context, chat: Room, signal: Signal) -> Item:
    """A platform's request as a process has it that has just kept it."""
    await other.parts.directory.refresh(other.parts.store)
    provider = other.parts.directory.providers[chat.provider]
    adapter = other.parts.adapters.connected(provider).adapter
    assert isinstance(adapter, Receives)
    incoming = Incoming(headers=signal.headers, body=signal.body, received_at=datetime.now(UTC))
    (given,) = (await adapter.receive(incoming)).inputs
    item = await other.desk.inbox.receive(chat.provider, given, datetime.now(UTC))
    assert item is not None
    return item


def declared(chat: Room, number: int) -> Signal:
    return chat.fake.command(chat.dana, f"declare It is down {number}", channel=chat.place.channel("major"))


# A process that dies.


@types.coroutine
def dying(work: Coroutine[Any, Any, None], steps: int) -> Generator[Any, Any, bool]:
    """Run until it has waited `steps` times, then cancel it there; whether it came to its end before."""
    value: Any = None
    error: BaseException | None = None
    for step in range(10_000):
        try:
            if step == steps:
                waiting = work.throw(asyncio.CancelledError())
            else:
                waiting = work.throw(error) if error else work.send(value)
        except StopIteration:
            return step < steps
        except asyncio.CancelledError:
            return False
        error = None
        try:
            value = yield waiting
        except BaseException as raised:
            error = raised
    raise AssertionError("it never ends")


async def die_everywhere(other: Context, chat: Room, signal: Callable[[int], Signal]) -> int:
    """Many of the same, each dying one step later than the one before; how many came to an end."""

    async def one(number: int) -> bool:
        return await dying(other.desk._work(await taken(other, chat, signal(number))), number)

    return sum([await one(number) for number in range(ENOUGH)])


@pytest.mark.parametrize("platform", quick_on("slack", of=PLATFORMS))
def test_whatever_a_desk_dies_at_a_declaration_is_done_once_and_answered(
    im: Im, other: Context, platform: str
) -> None:
    with room(im, platform) as chat:
        ended = im.loop.run(die_everywhere(other, chat, lambda number: declared(chat, number)), 60)
        assert 0 < ended < ENOUGH, "some died and some did not"
        next_round(im)
        answered(im, ENOUGH)
        incidents = im.get("/api/v1/incidents", limit=1000)
        titles = sorted(incident["title"] for incident in incidents)
        assert titles == sorted(f"It is down {number}" for number in range(ENOUGH))
        audit = im.sql("SELECT count(*) FROM audit WHERE action = 'chat.declare'")
        assert audit == [{"count": ENOUGH}]
        until(lambda: all(any(title in a.text for a in chat.fake.answers) for title in titles))
        assert {row["reply"] for row in rows(im)} == {b""}


def test_a_desk_that_takes_over_acts_on_the_same_incident(im: Im, other: Context, slack: Room) -> None:
    """`/im ack` means the only open incident of the channel: after the first try that is another one."""
    first, second = slack.say("declare One").text, ""
    with im.draining():
        until(lambda: slack.place.announced("minor"))
        channel = slack.place.channel("minor")
        item = im.loop.run(taken(other, slack, slack.fake.command(slack.dana, "ack on it", channel=channel)))
        im.loop.run(lost(other, item))
        acked = [row["id"] for row in im.get("/api/v1/incidents") if row["status"] == "acknowledged"]
        second = slack.say("declare Two").text
        until(lambda: len(slack.place.announced("minor")) == 2)
        next_round(im)
        until(lambda: any(f"You acknowledged {acked[0]}" in shown.text for shown in slack.fake.answers))
    assert first
    assert second
    states = sorted(row["status"] for row in im.get("/api/v1/incidents"))
    assert states == ["acknowledged", "open"]


async def lost(other: Context, item: Item) -> None:
    """The desk's work up to where it would write down that it is done."""

    class Lost(Inbox):
        async def handled(self, *_: Any, **__: Any) -> bool:
            raise asyncio.CancelledError

    desk = Desk(other.world)
    desk.inbox = Lost(other.parts.store, other.parts.vault)
    with pytest.raises(asyncio.CancelledError):
        await desk._work(item)


# A store that fails.


class Failing:
    """A store whose n-th use fails, before or after it was done."""

    def __init__(self, store: Store, at: int, *, after: bool) -> None:
        self._store = store
        self._left = at
        self._after = after

    def _count(self) -> bool:
        self._left -= 1
        return self._left == 0

    async def _use(self, name: str, *given: Any) -> Any:
        fails = self._count()
        if fails and not self._after:
            raise psycopg.OperationalError("the connection is lost")
        value = await getattr(self._store, name)(*given)
        if fails:
            raise psycopg.OperationalError("the connection was lost behind it")
        return value

    async def rows(self, *given: Any) -> Any:
        return await self._use("rows", *given)

    async def row(self, *given: Any) -> Any:
        return await self._use("row", *given)

    async def run(self, *given: Any) -> Any:
        return await self._use("run", *given)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        fails = self._count()
        async with self._store.transaction() as connection:
            yield connection
            if fails and not self._after:
                raise psycopg.OperationalError("the connection is lost")
        if fails:
            raise psycopg.OperationalError("the connection was lost behind it")


def over(world: World, store: object) -> World:
    parts = msgspec.structs.replace(world.parts, store=store)
    return msgspec.structs.replace(world, parts=parts)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_whatever_use_of_the_store_fails_it_is_done_once_and_answered(
    im: Im, other: Context, slack: Room, after: bool
) -> None:
    uses = 12

    async def each(number: int) -> None:
        item = await taken(other, slack, declared(slack, number))
        store: Any = Failing(other.parts.store, number + 1, after=after)
        await Desk(over(other.world, store))._work(item)

    async def all_of_them() -> None:
        for number in range(uses):
            await each(number)

    im.loop.run(all_of_them())
    next_round(im)
    answered(im, uses)
    assert len(im.get("/api/v1/incidents")) == uses
    assert im.sql("SELECT count(*) FROM audit WHERE action = 'chat.declare'") == [{"count": uses}]


def test_a_row_that_cannot_be_opened_keeps_no_other_waiting(im: Im, slack: Room) -> None:
    """As behind a change of shapes: the first in the queue are unreadable, the others are done."""
    im.sql(
        "INSERT INTO inbox (id, provider, key, kind, input, reply) VALUES "
        "('01900000-0000-7000-8000-000000000001', %s, 'a', 'command', '{\"shape\": 1}', 'x'), "
        "('01900000-0000-7000-8000-000000000002', %s, 'b', 'command', '{}', '')",
        slack.provider,
        slack.provider,
    )
    assert "What I can do" in slack.say("help").text
    until(lambda: [row["state"] for row in rows(im)] == ["failed", "failed", "answered"])
    assert all("cannot be read any more" in row["detail"] for row in rows(im)[:2])


# Handlers.


async def _boom(_: World, __: Asked, ___: Incident | None) -> Answer:
    raise RuntimeError("a defect with a secret in it")


async def _away(_: World, __: Asked, ___: Incident | None) -> Answer:
    raise Unavailable("too many events are waiting")


def having(other: Context, *more: Command) -> Desk:
    known = other.world.commands
    commands = Commands((*known.all.values(), *more), known.buttons.values())
    return Desk(msgspec.structs.replace(other.world, commands=commands))


async def tried(desk: Desk, item: Item, attempt: int) -> None:
    await desk._work(msgspec.structs.replace(item, attempts=attempt))


def held(im: Im) -> None:
    """No other desk takes the row."""
    im.sql("UPDATE inbox SET lease_until = now() + interval '1 hour'")


def test_a_defect_is_tried_again_and_at_last_told_and_written_down(
    im: Im, other: Context, slack: Room
) -> None:
    desk = having(other, command("help", "", "Break.", _boom))
    signal = slack.fake.command(slack.dana, "help", channel=slack.place.channel("major"))
    item = im.loop.run(taken(other, slack, signal))
    im.loop.run(tried(desk, item, 1))
    (row,) = rows(im)
    assert (row["state"], row["detail"]) == ("received", "a defect (RuntimeError)")
    held(im)
    im.loop.run(tried(desk, item, MAX_ATTEMPTS))
    until(lambda: slack.fake.answers)
    assert "That did not work" in slack.fake.answers[0].text
    assert "secret" not in slack.fake.answers[0].text
    (row,) = answered(im)
    assert (row["outcome"], row["detail"], row["reply"]) == ("failed", "a defect (RuntimeError)", b"")
    (entry,) = [each for each in im.get("/api/v1/audit") if each["action"].startswith("chat.")]
    assert entry["outcome"] == "failed"


def test_what_waits_for_a_part_that_is_away_is_never_given_up(im: Im, other: Context, slack: Room) -> None:
    desk = having(other, command("help", "", "Wait.", _away))
    signal = slack.fake.command(slack.dana, "help", channel=slack.place.channel("major"))
    item = im.loop.run(taken(other, slack, signal))
    held(im)
    im.loop.run(tried(desk, item, 40))
    (row,) = rows(im)
    assert (row["state"], slack.fake.answers) == ("received", [])
    next_round(im)
    answered(im)
    assert "What I can do" in slack.fake.answers[0].text


def test_an_answer_that_fails_is_said_again(im: Im, chat: Room) -> None:
    chat.fake.fail_next("500", path="response|activities", times=1)  # type: ignore[attr-defined]
    signal = chat.fake.command(chat.dana, "declare Down", channel=chat.place.channel("major"))
    assert chat.send(signal).status_code == 200
    (row,) = until(lambda: [row for row in rows(im) if row["detail"]])
    assert row["state"] == "handled"
    next_round(im)
    until(lambda: chat.fake.answers)
    answered(im)
    assert len(im.get("/api/v1/incidents")) == 1


def test_an_answer_that_cannot_be_said_is_written_down(im: Im, slack: Room) -> None:
    signal = slack.fake.command(slack.dana, "help", channel=slack.place.channel("major"))
    slack.fake._urls.clear()  # type: ignore[attr-defined]
    slack.fake.token = "xoxb-another"  # type: ignore[attr-defined]
    assert slack.send(signal).status_code == 200
    until(lambda: [row["state"] for row in rows(im)] == ["failed"])
    (row,) = rows(im)
    assert row["detail"]
    assert row["reply"] == b""


def test_of_two_desks_with_one_input_one_answers(im: Im, other: Context, chat: Room) -> None:
    async def both() -> None:
        item = await taken(other, chat, declared(chat, 1))
        await asyncio.gather(*(Desk(other.world)._work(item) for _ in range(4)))

    im.loop.run(both())
    answered(im)
    assert len(im.get("/api/v1/incidents")) == 1
    assert len(chat.fake.answers) == 1


# What rests in the table.


def test_what_it_takes_to_answer_is_sealed_and_forgotten_behind_the_answer(
    im: Im, other: Context, chat: Room
) -> None:
    item = im.loop.run(taken(other, chat, declared(chat, 1)))
    assert item.given.reply
    (row,) = im.sql("SELECT inbox.*, reply AS sealed FROM inbox")
    kept = repr(row).encode() + bytes(row["sealed"])
    for secret in item.given.reply.values():
        if "://" in secret:
            assert secret.encode() not in kept
    assert not row["input"].get("reply")
    next_round(im)
    (row,) = answered(im)
    assert row["reply"] == b""


def test_the_same_request_sent_again_is_one_input(im: Im, chat: Room) -> None:
    signal = declared(chat, 1)
    assert [chat.send(signal).status_code for _ in range(5)] == [200] * 5
    answered(im)
    assert (len(im.get("/api/v1/incidents")), len(chat.fake.answers)) == (1, 1)


def test_an_input_of_a_provider_that_is_gone_is_put_away(im: Im, other: Context, slack: Room) -> None:
    im.loop.run(taken(other, slack, declared(slack, 1)))
    assert im.call("DELETE", f"/api/v1/chatops/providers/{slack.provider}").status_code in (200, 204)
    next_round(im)
    answered(im)
    assert im.get("/api/v1/incidents") == []


def test_reactions_are_kept_as_votes_and_the_last_one_counts(im: Im, chat: Room) -> None:
    with im.draining():
        chat.say("declare Down", channel="minor")
        posted = until(lambda: chat.place.announced("minor"))[0]
        for user, emoji in ((chat.dana, "+1"), (chat.erin, "+1"), (chat.dana, "-1")):
            signal = chat.fake.react(user, posted, emoji)
            assert signal is not None
            assert chat.post(signal).status_code == 200
            until(lambda: {row["state"] for row in rows(im)} == {"answered"})
    votes = im.sql("SELECT user_id, vote, message_id, channel FROM feedback")
    assert {row["user_id"]: row["vote"] for row in votes} == {chat.dana: -1, chat.erin: 1}
    assert {row["message_id"] for row in votes} == {posted.id}


def test_nul_and_other_hostile_characters_are_dealt_with_and_answered(
    im: Im, other: Context, slack: Room
) -> None:
    text = "declare a\0b \u202egnp.exe <!channel> @everyone"
    signal = slack.fake.command(slack.dana, text, channel=slack.place.channel("major"))
    assert slack.send(signal).status_code == 200
    answered(im)
    (incident,) = im.get("/api/v1/incidents")
    assert incident["title"] == "a\ufffdb \u202egnp.exe <!channel> @everyone"
    given = ChatInput(
        key="\0",
        kind="form",
        user=Person(id="U\0", name="da\0na\u202e", email="\0@example.com"),
        workspace="T",
        channel="C\0",
        action="declare",
        value="new",
        fields={"title": "x\0", "severity": "SEV-3"},
    )
    assert im.loop.run(other.desk.receive(slack.provider, given))
    answered(im, 2)
    assert len(im.get("/api/v1/incidents")) == 2
