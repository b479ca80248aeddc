"""`deploy` and `github`: start a workflow on GitHub; how it ends is reported where it was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from router.chat.asked import Answer, Asked, World, done, refused, said
from router.chat.commands import Command, command
from router.chat.shipped import dispatches
from router.chat.shipped.dispatches import Dispatch, Move
from router.chat.shipped.settings import CommandSettings, GithubSettings
from router.chat.usage import INCIDENT, Misused
from router.incidents import Incident

PREFIX: Final = "chatops-"
"""Before the event's name: workflows listen to `types: [chatops-deploy]`."""
_MAX_ARGUMENT: Final = 1_000
_CONFIGURE: Final = "an admin configures it with `im commands set github`"


async def deploy(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """Start the deployment; where GitHub is not configured, an example that says that it is one."""
    settings = await _settings(world)
    service = _service(world, asked)
    headline = f"Deployment initiated for {service}"
    if settings is None:
        text = (
            f"GitHub is not configured; {_CONFIGURE}, or a command of your own named `deploy` replaces this."
        )
        return done(f"{headline} – as an example: nothing was started.", incident, text)
    return await _start(world, asked, incident, settings, event="deploy", headline=headline)


async def github(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """Start the workflows that listen to an event."""
    settings = await _settings(world)
    if settings is None:
        return refused(f"GitHub is not configured; {_CONFIGURE}", incident)
    event = asked.argument("event") or ""
    return await _start(world, asked, incident, settings, event=event, headline=f"Started {event} on GitHub")


async def _start(
    world: World,
    asked: Asked,
    incident: Incident | None,
    settings: GithubSettings,
    *,
    event: str,
    headline: str,
) -> Answer:
    if event not in settings.events:
        known = ", ".join(f"`{each}`" for each in settings.events) or "nothing yet"
        return refused(f"`{event[:60]}` may not be started from chat; an admin allowed {known}", incident)
    dispatch = wish(world, asked, settings, event)
    if not await dispatches.want(world, dispatch):
        # The same request a second time: a process died before it answered.
        row = await dispatches.known(world, asked.id)
        move = Move(state=row.state, outcome=row.outcome) if row else Move(state="uncertain")
        return told(dispatch, move, headline, incident)
    move = await dispatches.step(world, dispatch)
    await dispatches.keep(world, dispatch, move)
    return told(dispatch, move, headline, incident)


def wish(world: World, asked: Asked, settings: GithubSettings, event: str) -> Dispatch:
    """The dispatch that is asked for."""
    service = _service(world, asked)
    payload = {
        "service": service,
        "environment": asked.argument("environment") or "",
        "argument": (asked.argument("argument") or "")[:_MAX_ARGUMENT],
        "incident": asked.argument(INCIDENT) or "",
        "user": asked.name,
        "request": asked.id,
    }
    return Dispatch(
        id=asked.id,
        state="wanted",
        repository=settings.repositories.get(service, settings.repository),
        event_type=PREFIX + event,
        payload={name: value for name, value in payload.items() if value},
        provider=asked.provider.name,
        channel=asked.given.channel,
        thread=asked.given.thread,
        said=asked.call.said,
        wanted_at=asked.at,
        sent_at=None,
        run_id=None,
        run_url=None,
        outcome=None,
        attempts=0,
    )


_FOLLOWS: Final[Mapping[str, str]] = {
    "wanted": "GitHub could not be reached; it is tried again for five minutes. How it ends is told here.",
    "uncertain": (
        "It is not known whether GitHub got it, and it is not sent again; what becomes of it is told here."
    ),
}


def told(dispatch: Dispatch, move: Move, headline: str, incident: Incident | None) -> Answer:
    """What the person is told at once."""
    if move.state == "failed":
        text = move.outcome or "It was not started."
        return Answer(message=said(text), outcome="failed", incident=incident)
    taken = f"GitHub took {dispatch.event_type} for {dispatch.repository}. How it ends is told here."
    certain = move.state not in _FOLLOWS
    return done(
        headline if certain else f"{headline} – not certain yet",
        incident,
        move.outcome or _FOLLOWS.get(move.state, taken),
    )


async def _settings(world: World) -> GithubSettings | None:
    return await CommandSettings(world.parts.store, world.parts.vault).of("github", GithubSettings)


def _service(world: World, asked: Asked) -> str:
    """The catalogue's name of the service. A likely slip is asked about; what it does not know is kept."""
    named = asked.argument("service") or ""
    catalogue = world.roster.live.current
    service = catalogue.service(named) if named else ""
    if service is None and (near := catalogue.near(named)):
        raise Misused(f"I do not know the service `{named[:60]}`; did you mean {' or '.join(near)}?")
    return service or named


COMMANDS: Final[tuple[Command, ...]] = (
    command(
        "deploy",
        "<service> [incident-id] [environment]",
        "Deploy a service by its workflow on GitHub.",
        deploy,
        example="/im deploy checkout production",
        role="commander",
        instead="service",
        group="More",
    ),
    command(
        "github",
        "<event> [service] [incident-id] [argument...]",
        "Start workflows on GitHub.",
        github,
        example="/im github rollback checkout v1.4.2",
        role="commander",
        instead="event",
        group="More",
    ),
)
