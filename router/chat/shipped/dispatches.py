"""Workflows that people start from chat: sent at most once, followed to the end, reported where asked for.

    wanted ► sending ► sent ► running ► done (reported)
                 └► uncertain ► running …     (the request may have arrived: it is looked for, not sent again)

A row of `dispatches` is the task: whoever works on it holds its lease, and any process may go on with it.
GitHub answers a dispatch without saying which run it started. A run whose name holds the request's id is
certainly the one; else the oldest is taken that began after the request, is called as its event, and is
nobody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import psycopg
import structlog

from adapters.contract import DeliveryError, Message, MessageRef, Reason
from router import announce, ids
from router.chat.asked import World
from router.chat.shipped.github import Github, Run
from router.chat.shipped.settings import CommandSettings, GithubSettings
from router.problems import Problem, Unavailable

LEASE_SECONDS: Final = 60.0
SEND_FOR: Final = timedelta(minutes=5)
"""How long a request that did not reach GitHub is tried again: nobody expects it to be done later."""
APPEARS_WITHIN: Final = timedelta(minutes=10)
FOLLOWED_FOR: Final = timedelta(hours=1)
_FIRST_WAIT: Final = 2.0
_LONGEST_WAIT: Final = 60.0
_SLACK: Final[Mapping[str, timedelta]] = {"sent": timedelta(seconds=5), "uncertain": timedelta(seconds=60)}
"""How much earlier a run may have begun: in whole seconds of GitHub's clock, or by a clock of ours."""
_AT_ONCE: Final = 8
_SENDING: Final = "sending"
_log = structlog.get_logger()


class Dispatch(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table."""

    id: str
    state: str
    repository: str
    event_type: str
    payload: dict[str, str]
    provider: str
    channel: str
    thread: str | None
    said: str
    wanted_at: datetime
    sent_at: datetime | None
    run_id: int | None
    run_url: str | None
    outcome: str | None
    attempts: int


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a row; `outcome` is a sentence for people once it is over."""

    state: str
    wait: float = 0.0
    sent_at: datetime | None = None
    run_id: int | None = None
    run_url: str | None = None
    outcome: str | None = None
    was: str = ""
    """The state that this follows from, where sending has begun meanwhile: what another process did since
    then counts."""

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed")


CONCLUSIONS: Final[Mapping[str, str]] = {
    "success": "✅ succeeded",
    "failure": "❌ failed",
    "timed_out": "❌ timed out",
    "startup_failure": "❌ could not be started",
    "cancelled": "⏹️ was cancelled",
    "skipped": "⏭️ was skipped",
    "action_required": "✋ waits for somebody on GitHub",
}
"""https://docs.github.com/en/rest/actions/workflow-runs , the conclusions that a run can have."""


async def want(world: World, dispatch: Dispatch) -> bool:
    """Keep the wish, leased to the caller; False where the same request is there already."""
    store = world.parts.store
    await store.run("commands.forget_dispatches")
    row = msgspec.structs.asdict(dispatch) | {"lease": LEASE_SECONDS}
    row["payload"] = msgspec.json.encode(dispatch.payload).decode()
    return await store.run("commands.want", row) == 1


async def known(world: World, id: str) -> Dispatch | None:
    """A dispatch by the id of its request."""
    row = await world.parts.store.row("commands.dispatch", {"id": id})
    return msgspec.convert(row, type=Dispatch) if row else None


async def follow(world: World, *, limit: int = _AT_ONCE) -> int:
    """One round: go on with what is due, and report what is over; how many were looked at."""
    rows = await world.parts.store.rows("commands.take", {"lease": LEASE_SECONDS, "limit": limit})
    await asyncio.gather(*(_follow(world, msgspec.convert(row, type=Dispatch)) for row in rows))
    return len(rows)


async def _follow(world: World, dispatch: Dispatch) -> None:
    try:
        move = await step(world, dispatch)
        if move.over:
            await report(world, dispatch, move)
        await keep(world, dispatch, move)
    except Unavailable:
        raise
    except Exception as error:
        # The lease runs out, and the next one may have more luck.
        _log.error("dispatch_failed", dispatch=dispatch.id, error=type(error).__name__, exc_info=error)


async def keep(world: World, dispatch: Dispatch, move: Move) -> None:
    """Write a move down; a run that another dispatch took meanwhile is not this one's."""
    about = {"id": dispatch.id, "was": move.was or dispatch.state}
    try:
        await world.parts.store.run("commands.move", msgspec.structs.asdict(move) | about)
    except psycopg.errors.UniqueViolation:
        again = msgspec.structs.asdict(Move(state=dispatch.state, wait=_FIRST_WAIT))
        await world.parts.store.run("commands.move", again | about)


async def step(world: World, dispatch: Dispatch) -> Move:
    """Do the next thing for a row, and say what follows."""
    now = datetime.now(UTC)
    try:
        github = await _github(world)
        if dispatch.state == "wanted":
            return await _send(world, github, dispatch)
        if dispatch.run_id is None:
            return await _look(world, github, dispatch, now)
        return after_run(dispatch, await github.run(dispatch.repository, dispatch.run_id), now)
    except DeliveryError as error:
        return after_error(dispatch, error, now)
    except Unavailable:
        raise
    except Problem as problem:
        return Move(state="failed", outcome=f"{_about(dispatch)} cannot be followed: {problem.detail}.")


async def _github(world: World) -> Github:
    parts = world.parts
    settings = await CommandSettings(parts.store, parts.vault).of("github", GithubSettings)
    if settings is None:
        raise Problem("`github` is not configured any more")
    return Github(parts.http, settings.api_base, settings.token)


async def _send(world: World, github: Github, dispatch: Dispatch) -> Move:
    """Send the request; that it may have left is written down before it does."""
    lease = {"id": dispatch.id, "lease": LEASE_SECONDS}
    if await world.parts.store.row("commands.begin", lease) is None:
        return Move(state=dispatch.state, wait=_FIRST_WAIT)
    at = await github.dispatch(dispatch.repository, dispatch.event_type, dispatch.payload)
    return Move(state="sent", sent_at=at, wait=_FIRST_WAIT, was=_SENDING)


async def _look(world: World, github: Github, dispatch: Dispatch, now: datetime) -> Move:
    since = (dispatch.sent_at or dispatch.wanted_at) - _SLACK.get(dispatch.state, timedelta(0))
    runs = await github.runs(dispatch.repository, since)
    about = {"repository": dispatch.repository, "runs": [run.id for run in runs]}
    taken = {row["run_id"] for row in await world.parts.store.rows("commands.claimed_runs", about)}
    run = run_of(dispatch, [run for run in runs if run.id not in taken])
    return after_run(dispatch, run, now) if run else not_found(dispatch, now)


# What follows from what: pure.


def run_of(dispatch: Dispatch, runs: Sequence[Run]) -> Run | None:
    """The run that a dispatch started, among runs that are nobody's, the oldest first."""
    named = next((run for run in runs if dispatch.id in run.display_title), None)
    return named or next((run for run in runs if run.display_title == dispatch.event_type), None)


def after_run(dispatch: Dispatch, run: Run, now: datetime) -> Move:
    """Over when the run is, or when it has been followed for long enough."""
    found = Move(state="running", wait=wait_for(dispatch), run_id=run.id, run_url=run.html_url)
    if run.status == "completed":
        words = CONCLUSIONS.get(run.conclusion or "", f"ended as {run.conclusion}")
        return msgspec.structs.replace(found, state="done", outcome=f"{_about(dispatch)} {words}.")
    if now - dispatch.wanted_at > FOLLOWED_FOR:
        outcome = f"{_about(dispatch)} has not ended within an hour ({run.status}); I look no further."
        return msgspec.structs.replace(found, state="done", outcome=outcome)
    return found


def not_found(dispatch: Dispatch, now: datetime) -> Move:
    """Look again, for ten minutes."""
    if now - dispatch.wanted_at <= APPEARS_WITHIN:
        return Move(state=dispatch.state, wait=wait_for(dispatch))
    what = (
        "GitHub took it, but no run of it was found; does a workflow on the default branch listen to "
        f"`{dispatch.event_type}`?"
        if dispatch.state == "sent"
        else "it is not known whether GitHub got it, no run of it was found, and it was not sent again."
    )
    return Move(state="failed", outcome=f"{_about(dispatch)}: {what}")


def after_error(dispatch: Dispatch, error: DeliveryError, now: datetime) -> Move:
    """Again later, uncertain, or over: a request that may have arrived is not sent a second time."""
    wait = error.retry_after or wait_for(dispatch)
    was = _SENDING if dispatch.state == "wanted" else dispatch.state
    if dispatch.state == "wanted" and error.may_have_arrived:
        return Move(state="uncertain", wait=wait, was=was)
    patience = SEND_FOR if dispatch.state == "wanted" else FOLLOWED_FOR
    in_time = now + timedelta(seconds=wait) - dispatch.wanted_at <= patience
    if in_time and (error.reason.retryable or error.reason is Reason.BAD_ANSWER):
        return Move(state=dispatch.state, wait=wait, was=was)
    what = "was not started" if dispatch.state == "wanted" else "cannot be followed"
    return Move(state="failed", outcome=f"{_about(dispatch)} {what}: {error.detail}.", was=was)


def wait_for(dispatch: Dispatch) -> float:
    """Seconds until the next look: 2 s at first, a minute at last."""
    return min(_LONGEST_WAIT, _FIRST_WAIT * 1.5 ** min(dispatch.attempts, 20))


def _about(dispatch: Dispatch) -> str:
    service = dispatch.payload.get("service")
    return f"{dispatch.event_type}{f' for {service}' if service else ''}"


# The report.


async def report(world: World, dispatch: Dispatch, move: Move) -> None:
    """Tell how it ended: in the thread where it was asked for, else in the channel through the outbox."""
    message = message_of(dispatch, move)
    if dispatch.thread and await _in_thread(world, dispatch, dispatch.thread, message):
        return
    place = (dispatch.provider, dispatch.channel)
    await announce.enqueue(world.parts.store, [place], message, urgent=False, key=f"{dispatch.id}\nreport")
    await world.parts.waker.wake()


def message_of(dispatch: Dispatch, move: Move) -> Message:
    """The report, with what was asked, so that it is understood wherever it is read."""
    facts = [("Asked", dispatch.said), ("By", dispatch.payload.get("user", ""))]
    if "incident" in dispatch.payload:
        facts.append(("Incident", dispatch.payload["incident"]))
    return Message(
        event="text",
        headline=move.outcome or "",
        text=move.run_url or dispatch.run_url or "",
        facts=tuple((name, value) for name, value in facts if value),
    )


async def _in_thread(world: World, dispatch: Dispatch, thread: str, message: Message) -> bool:
    """Whether the thread got it; where not, the outbox tries for a day."""
    provider = (await world.parts.directory.fresh(world.parts.store)).get(dispatch.provider)
    if provider is None or not provider.active:
        return False
    adapter = world.parts.adapters.connected(provider).adapter
    ref = MessageRef(channel=dispatch.channel, message_id=thread)
    try:
        await adapter.reply(ref, message, nonce=ids.nonce(f"{dispatch.id} report"))
    except DeliveryError as error:
        _log.warning("report_not_in_thread", dispatch=dispatch.id, reason=error.reason.value)
        return False
    return True
