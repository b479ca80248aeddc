"""A group of requests on its way through the rules: pure, in memory, between the look-up and the write."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from adapters.contract import Message
from router import compose, ids
from router.catalogue.catalogue import EMPTY, Catalogue
from router.events import Event
from router.incidents import OVER, Change, Incident, apply
from router.lifecycle import asked
from router.problems import Conflict, Problem
from router.silences.muting import Silence, covering, held_back
from router.targets import Address, Context, Placed, Provider, asks_for_room, place
from rules.counts import counting, looked_up
from rules.decide import decide
from rules.decision import Decision
from rules.facts import Facts
from rules.model import Count, RuleSet

EXPIRES_AFTER: Final = timedelta(hours=24)
"""Nobody is helped by yesterday's update; urgent messages never expire."""
URGENT: Final = 0
_PAGING: Final = ("incident.created", "incident.severity_changed", "incident.reopened")
_UNROUTED: Final = "unrouted"

Key = tuple[str, str]
"""(source, external id) of an incident, or (source, idempotency key) of an event."""


class Matcher(Protocol):
    """Finds the routes whose conditions hold."""

    def matching(self, facts: Facts) -> tuple[str, ...]:
        """The ids of the routes that match."""
        ...


class Request(msgspec.Struct, frozen=True):
    """The events of one request: all are accepted, or none."""

    events: tuple[Event, ...]


class Result(msgspec.Struct, frozen=True):
    """What became of an event; the shape of contracts.md."""

    event_id: str
    decision_id: str
    deliveries: tuple[str, ...]
    duplicate: bool


class Earlier(msgspec.Struct):
    """An event that holds its idempotency key already, in the store or in this batch."""

    digest: bytes
    event_id: str
    decision_id: str
    deliveries: tuple[str, ...]


class Known(msgspec.Struct):
    """What the store knows of the batch's events and incidents."""

    earlier: dict[Key, Earlier]
    incidents: dict[Key, Incident]
    announced: dict[str, list[Address]]
    """By incident id."""
    rooms: dict[str, list[Address]]
    """The open war rooms by incident id; read only where rules speak of them."""
    taken: set[str]
    """Display ids, of those that the batch would like, that other incidents have."""
    silences: tuple[Silence, ...] = ()
    """Those that are active."""
    gone: frozenset[tuple[str, Address]] = frozenset()
    """Incident ids with where they have a stream, but no message that stands or is on its way."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A new row of the outbox."""

    id: str
    event_id: str | None
    incident_id: str | None
    provider: str
    channel: str
    mode: str
    priority: int
    step: str
    message: Message
    routes: tuple[str, ...]
    accepted_at: datetime
    expires_at: datetime | None


class Step(msgspec.Struct):
    """One new event of the batch as it gathers what belongs to it."""

    event: Event
    earlier: Earlier
    """Its own ids, where a duplicate in the same batch finds them."""
    change: Change | None = None
    facts: Facts | None = None
    decision: Decision | None = None
    placed: tuple[Placed, ...] = ()
    unrouted: bool = False
    deliveries: tuple[Delivery, ...] = ()
    silences: tuple[Silence, ...] = ()
    """Those that cover it."""
    suppressed: tuple[Delivery, ...] = ()
    """What they hold back."""
    withheld: bool = False
    """Whether somebody would have been told, by these or as unrouted."""


class Batch:
    """See the module; the methods are called in the order of router.handle."""

    def __init__(
        self,
        requests: Sequence[Request],
        known: Known,
        rule_set: RuleSet,
        matcher: Matcher,
        providers: Mapping[str, Provider],
        *,
        catalogue: Catalogue = EMPTY,
    ) -> None:
        self.rule_set = rule_set
        self.steps: list[Step] = []
        self.marks: list[tuple[Count, str, datetime]] = []
        self.stored_counts: dict[tuple[str, str, datetime], int] = {}
        self.decision_seconds: list[float] = []
        self._requests = requests
        self._known = known
        self._catalogue = catalogue
        self._matcher = matcher
        self.providers = providers
        self._answers: list[list[tuple[Earlier, bool]] | Problem] = []
        self._numbers: Iterator[str] = iter(())
        self._numbers_of: dict[Key, str] = {}
        self._incidents: dict[Key, Incident] = {}

    # Numbers for incidents whose own id cannot be shown.

    def wanting_numbers(self) -> list[Key]:
        """The new incidents that need the next INC-YYYY-NNN, each once, in order."""
        wanting: dict[Key, None] = {}
        shown: set[str] = set()
        for event in (event for request in self._requests for event in request.events):
            key = _incident_key(event)
            if key in self._known.incidents or key in self._numbers_of:
                continue
            own = event.incident.id
            if showable(own) and own not in self._known.taken and own not in shown:
                shown.add(own)
                self._numbers_of[key] = own
            else:
                wanting[key] = None
        return list(wanting)

    def shown(self) -> set[str]:
        """The display ids that this batch gives out."""
        return set(self._numbers_of.values())

    def give_numbers(self, numbers: Mapping[Key, str]) -> None:
        """The display ids for those that wanted one."""
        self._numbers_of.update(numbers)

    # Duplicates and incidents, request by request: what is refused must leave neither key nor state behind.

    def apply(self) -> None:
        """Fold duplicates, apply new events in order; a request with one that cannot be fails whole."""
        for request in self._requests:
            before = dict(self._incidents) if len(request.events) > 1 else self._incidents
            steps: list[Step] = []
            try:
                answer = [self._fold(event, steps) for event in request.events]
                for step in steps:
                    self._apply(step)
            except Problem as problem:
                self._incidents = before
                self._forget(steps)
                self._answers.append(problem)
            else:
                self._answers.append(answer)
                self.steps += steps

    def _fold(self, event: Event, steps: list[Step]) -> tuple[Earlier, bool]:
        """The event's ids, and whether they are those of an earlier event with the same key."""
        key = (event.source, event.key) if event.key is not None else None
        earlier = self._known.earlier.get(key) if key else None
        if earlier is not None:
            if earlier.digest != event.digest:
                raise Conflict(f"the id `{event.key}` was used before with other content; send a new id")
            return earlier, True
        mine = Earlier(event.digest, ids.new(), ids.new(), ())
        if key:
            self._known.earlier[key] = mine
        steps.append(Step(event, mine))
        return mine, False

    def _forget(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if step.event.key is not None:
                self._known.earlier.pop((step.event.source, step.event.key), None)

    def _apply(self, step: Step) -> None:
        key = _incident_key(step.event)
        known = self._incidents.get(key) or self._known.incidents.get(key)
        number = self._numbers_of.get(key, "")
        step.event = reopening(step.event, known)
        if step.event.hand is not None:
            step.event = asked(step.event, step.event.hand, known)
        step.change = apply(known, step.event, new_id=ids.new(), display_id=number)
        self._incidents[key] = step.change.after
        step.facts = facts_of(step.event, step.change.after, self._catalogue)

    # Counts.

    def wanted_counts(self) -> list[tuple[Count, str, datetime]]:
        """The counts that have to be looked up before deciding, and what the batch adds to them."""
        wanted = []
        for step in self.steps:
            assert step.facts is not None
            at = step.facts.at
            wanted += [(count, key, at) for count, key in looked_up(self.rule_set, step.facts)]
            self.marks += [(count, key, at) for count, key in counting(self.rule_set, step.facts)]
        return wanted

    def _recent(self, step: Step, so_far: Sequence[tuple[Count, str, datetime]]) -> dict[str, int]:
        """The counts of an event: the store's, the batch's earlier ones', and its own."""
        assert step.facts is not None
        at = step.facts.at
        found = {}
        for count, key in looked_up(self.rule_set, step.facts):
            since = at - timedelta(seconds=count.within)
            in_batch = sum(1 for c, k, t in so_far if c.name == count.name and k == key and since < t <= at)
            found[count.name] = self.stored_counts.get((count.name, key, at), 0) + in_batch
        return found

    # Decisions.

    def decide(self) -> None:
        """Decide every event and make its deliveries."""
        so_far: list[tuple[Count, str, datetime]] = []
        for step in self.steps:
            assert step.facts is not None
            if self.rule_set.counts:
                so_far += [(c, k, step.facts.at) for c, k in counting(self.rule_set, step.facts)]
                step.facts = msgspec.structs.replace(step.facts, recent=self._recent(step, so_far))
            self._decide(step)

    def _decide(self, step: Step) -> None:
        event, change, facts = step.event, step.change, step.facts
        assert change is not None
        assert facts is not None
        started = time.perf_counter()
        step.decision = decide(self.rule_set, self._matcher.matching(facts), facts)
        step.silences = covering(self._known.silences, facts, change.after.display_id, event.received_at)
        if not change.late or event.type == "incident.created":
            announced = self._known.announced.setdefault(change.after.id, [])
            context = Context(
                self.providers,
                change.after,
                tuple(announced),
                tuple(self._known.rooms.get(change.after.id, ())),
            )
            base = base_priority(event, change.after)
            step.placed = place(step.decision, context, event_type=event.type, priority=base)
            reaches_nobody = not step.placed and event.type == "incident.created"
            reaches_nobody = reaches_nobody and not asks_for_room(step.decision)
            if reaches_nobody and not silenced(step.decision):
                step.withheld = bool(step.silences)
                step.unrouted = not step.silences
                step.placed = () if step.silences else to_default(context)
            step.deliveries = tuple(self._delivery(step, placed, announced) for placed in step.placed)
            if step.silences:
                self._hold_back(step, announced)
            announced += [a for d in step.deliveries if (a := (d.provider, d.channel)) not in announced]
        step.earlier.deliveries = tuple(delivery.id for delivery in (*step.deliveries, *step.suppressed))
        self.decision_seconds.append(time.perf_counter() - started)

    def _hold_back(self, step: Step, announced: Sequence[Address]) -> None:
        assert step.change is not None
        incident = step.change.after.id
        there = [address for address in announced if (incident, address) not in self._known.gone]
        step.deliveries, step.suppressed = held_back(step.deliveries, there)
        step.withheld = step.withheld or bool(step.suppressed)

    def _delivery(self, step: Step, placed: Placed, announced: Sequence[Address]) -> Delivery:
        assert step.change is not None
        event, incident = step.event, step.change.after
        badges = ("UNROUTED",) if step.unrouted else ()
        urgent = placed.priority == URGENT
        return Delivery(
            id=ids.new(),
            event_id=step.earlier.event_id,
            incident_id=incident.id,
            provider=placed.provider,
            channel=placed.channel,
            mode=mode(event) if (placed.provider, placed.channel) in announced else "post",
            priority=placed.priority,
            step=compose.step(event, incident),
            message=compose.message(event, incident, template=placed.template, badges=badges),
            routes=placed.routes,
            accepted_at=event.received_at,
            expires_at=None if urgent else event.received_at + EXPIRES_AFTER,
        )

    # What came of it.

    def results(self) -> tuple[tuple[Result, ...] | Exception, ...]:
        """For each request its results, in the order of its events, or its problem."""
        return tuple(
            answer
            if isinstance(answer, Exception)
            else tuple(Result(e.event_id, e.decision_id, e.deliveries, duplicate) for e, duplicate in answer)
            for answer in self._answers
        )

    def incidents(self) -> list[Incident]:
        """The incidents to write, each once in its last state."""
        return list(self._incidents.values())

    def lanes(self) -> frozenset[str]:
        """The providers that got something to send."""
        return frozenset(delivery.provider for step in self.steps for delivery in step.deliveries)


def reopening(event: Event, known: Incident | None) -> Event:
    """The event, as incident.reopened where its sender means that by another incident.created."""
    if known is not None and event.refires and event.type == "incident.created" and known.status in OVER:
        return msgspec.structs.replace(event, type="incident.reopened")
    return event


def silenced(decision: Decision) -> bool:
    """Whether a route that names nobody fired: that nobody hears of it is meant."""
    return any(not fired.notify and not fired.shadow for fired in decision.fired)


def facts_of(event: Event, incident: Incident, catalogue: Catalogue) -> Facts:
    """What rules can ask about an event; a service goes by its catalogue name."""
    service = catalogue.service(incident.service) or incident.service if incident.service else None
    team = catalogue.team_of(service) if service else None
    return Facts(
        event=event.type,
        at=event.at,
        severity=incident.severity,
        service=service,
        team=team.name if team else None,
        status=incident.status,
        title=incident.title,
        description=incident.description,
        assignee=incident.assignee,
        actor=event.actor,
        note=event.note,
        source=event.source,
        labels=incident.labels,
    )


def base_priority(event: Event, incident: Incident) -> int:
    """The priority where no route says one: SEV-1 and breaches urgent, new before updates."""
    if event.type == "sla.breached":
        return URGENT
    if event.type in _PAGING and incident.severity == "SEV-1":
        return URGENT
    return 1 if event.type in ("incident.created", "incident.reopened") else 2


def mode(event: Event) -> str:
    """How an event shows in a channel where its incident is announced."""
    if event.type == "incident.updated" and not event.note:
        return "edit"
    return compose.MODES.get(event.type, "edit")


def showable(external_id: str) -> bool:
    """Whether a source's own id can serve as the id that people see."""
    return (
        external_id.startswith("INC-")
        and len(external_id) > len("INC-")
        and len(external_id) <= 40
        and external_id.replace("-", "").isalnum()
        and external_id.isascii()
        and external_id == external_id.upper()
    )


def _incident_key(event: Event) -> Key:
    return (event.source, event.incident.id)


def to_default(context: Context) -> tuple[Placed, ...]:
    """The default channels, urgently: for what would reach nobody."""
    return tuple(
        Placed(
            provider=provider.name,
            channel=provider.config.default_channel,
            priority=URGENT,
            template=None,
            routes=(_UNROUTED,),
        )
        for provider in context.providers.values()
        if provider.notifies and provider.config.default_channel
    )
