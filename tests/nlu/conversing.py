"""A room for conversations: accounts, incidents, and turns through real HTTP, as `im chat` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from api.cli.errors import CliError, Refused
from api.cli.session import Api
from api.cli.talking import Conversation as Talk
from api.cli.talking import Place
from tests.flow.stage import SENDER, Im
from tests.nlu.comparing import Conversation, Given, Said, differences

PEOPLE: Final = ("dana", "kim", "noor", "omar", "priya", "tomek")
_KEPT: Final = (
    *("accounts", "command_settings", "links", "migrations", "providers"),
    *("rule_sets", "sources", "tokens", "versions"),
)
_PATH: Final = {
    "acknowledged": ("acknowledged",),
    "resolved": ("resolved",),
    "closed": ("resolved", "closed"),
}


class _Http:
    """What a talk needs of api.cli.session.Api, over the test's client."""

    alone = False
    sender = None

    def __init__(self, im: Im) -> None:
        self._im = im

    def get(self, *path: str, **query: object) -> Any:
        return self._call("GET", "/api/v1/", path, params={k: v for k, v in query.items() if v != ""})

    def post(self, *path: str, body: object = None) -> Any:
        return self._call("POST", "/api/v1/", path, body)

    def deliver(self, *path: str, body: object) -> Any:
        return self._call("POST", "/chatops/", path, body)

    def pause(self, seconds: float) -> None:
        self._im.loop.run(_sleep(seconds))

    def _call(self, method: str, base: str, path: Sequence[str], body: object = None, **more: Any) -> Any:
        answer = self._im.call(method, base + "/".join(path), body, **more)
        if answer.is_success:
            return answer.json()
        raise Refused(answer.status_code, answer.text)


async def _sleep(seconds: float) -> None:
    import asyncio  # noqa: PLC0415

    await asyncio.sleep(seconds)


class Room:
    """Where conversations are held one after another; each begins empty."""

    def __init__(self, im: Im) -> None:
        self._im = im
        im.wipe()
        im.add("sandbox", "sandbox", default_channel="incidents")
        for name in PEOPLE:
            answer = im.call("POST", "/api/v1/users", {"name": name, "role": "admin"})
            assert answer.status_code == 201, answer.text
        self._talk = Talk(cast("Api", _Http(im)), "sandbox")
        for name in PEOPLE:
            self._talk.known_as(name)

    def clear(self) -> None:
        """Forget the incidents and what was said; people, their links and the provider stay."""
        kept = ", ".join(f"'{name}'" for name in _KEPT)
        rows = self._im.sql(
            f"SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ({kept})"
        )
        self._im.sql(f"TRUNCATE {', '.join(row['tablename'] for row in rows)}")
        self._im.redis.flushdb()

    def give(self, incidents: Sequence[Given]) -> None:
        """Let incidents be there, announced in `incidents`; those that come later are newer."""
        if not incidents:
            return
        now = datetime.now(UTC)
        first = now - timedelta(minutes=len(incidents))
        events = [
            event for n, each in enumerate(incidents) for event in _events(each, first + timedelta(minutes=n))
        ]
        self._im.post(*events, token=SENDER)
        self._im.drain(linger=0.02)

    def run(self, conversation: Conversation) -> str:
        """Hold it; nothing where it comes to what is expected, else the transcript with what differs."""
        self.clear()
        self.give(conversation.given)
        told, wrong = [], False
        for said in conversation.turns:
            lines, differs = self._turn(said)
            told += lines
            wrong = wrong or differs
        for wanted in conversation.after:
            ended = self._after(wanted)
            told += ended
            wrong = wrong or bool(ended)
        return "\n".join(told) if wrong else ""

    def _turn(self, said: Said) -> tuple[list[str], bool]:
        place = Place(said.who, said.channel)
        lines = [f"{said.who} in {said.channel}> {said.user}"]
        try:
            record = self._talk.say(place, said.user).record()
        except CliError as error:
            return [*lines, f"    ✗ {error}"], True
        lines += [f"    {line}" for message in record["messages"] for line in message.splitlines()]
        came_of = {name: value for name, value in record.items() if value and name != "messages"}
        lines += [f"    = {came_of}", f"    ? {self._parse()}"]
        differing = differences(said.expect, record)
        return [*lines, *(f"    ✗ {each}" for each in differing)], bool(differing)

    def _parse(self) -> str:
        """How the last sentence was read."""
        rows = self._im.sql("SELECT parse FROM utterances ORDER BY at DESC LIMIT 1")
        parse = rows[0]["parse"] if rows else None
        if not parse:
            return "without the model"
        entities = ", ".join(f"{each['entity']}={each['text']!r}" for each in parse["entities"])
        others = ", ".join(f"{each['intent']} {each['confidence']:.2f}" for each in parse["alternatives"][:2])
        return f"{parse['intent']} {parse['confidence']:.2f} ({others}) [{entities}]"

    def _after(self, wanted: dict[str, Any]) -> list[str]:
        found = self._im.incident(wanted["id"])
        names = {"service", "severity", "status", "assignee", "title"} & set(wanted)
        return [
            f"    ✗ at the end {wanted['id']} has {name} {found[name]!r}, not {wanted[name]!r}"
            for name in sorted(names)
            if found[name] != wanted[name]
        ]


def _events(given: Given, at: datetime) -> list[dict[str, Any]]:
    """The events that bring an incident into its state."""
    told = {
        "id": given.id,
        "title": given.title,
        "severity": given.severity,
        "service": given.service,
        "assignee": given.assignee,
        "description": given.description,
    }
    incident = {name: value for name, value in told.items() if value is not None}
    made = [{"type": "incident.created", "time": at.isoformat(), "incident": incident}]
    for second, kind in enumerate(_PATH.get(given.status, ()), 1):
        time = (at + timedelta(seconds=second)).isoformat()
        made.append({"type": f"incident.{kind}", "time": time, "incident": {"id": given.id}})
    return made
