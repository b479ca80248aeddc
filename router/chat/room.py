"""The command that makes or joins an incident's war room."""

from __future__ import annotations

from functools import partial
from typing import Final

from adapters.inbound import Receives, Rooms
from router import rooms
from router.chat.asked import Answer, Asked, World, done, refused
from router.chat.commands import Command, command
from router.incidents import Incident
from router.rooms import Concierge
from router.targets import Provider


async def room(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """Make the room if there is none, invite who should be there, and say where it is."""
    assert incident is not None
    provider = asked.provider
    if not isinstance(world.parts.adapters.connected(provider).adapter, Rooms):
        return refused(f"{provider.name} has no war rooms", incident)
    if incident.status == "closed":
        return refused(f"{incident.display_id} is closed; reopen it first", incident)
    guests = dict.fromkeys((asked.given.user.id, *await concerned(world, incident, provider)))
    await rooms.want(world.parts.store, incident, [provider.name], tuple(guests))
    await concierge_of(world).serve(incident=incident.id, provider=provider.name)
    await world.parts.waker.wake()
    rows = await world.parts.store.rows("rooms.of_incident", {"incident": incident.id})
    here = next(row for row in rows if row["provider"] == provider.name)
    if here["state"] == "failed":
        return refused(f"the war room could not be made: {here['detail']}", incident)
    if here["state"] != "open":
        return done(f"The war room of {incident.display_id} is being made; you will be invited.", incident)
    where = here["url"] or f"#{here['name']}"
    return done(f"The war room of {incident.display_id}: {where}", incident)


async def concerned(world: World, incident: Incident, provider: Provider) -> tuple[str, ...]:
    """Users of a provider who belong into the room: the assignee, and whoever is on call for the service."""
    adapter = world.parts.adapters.connected(provider).adapter
    accounts = [incident.assignee] if incident.assignee else []
    if incident.service:
        service = world.roster.live.current.service(incident.service) or incident.service
        accounts += world.roster.on_call(service, world.clock()).people
    if not accounts or not isinstance(adapter, Receives):
        return ()
    workspace = await adapter.workspace()
    found = [
        user
        for account in dict.fromkeys(accounts)
        for user in await world.people.users_of(account, provider.platform, workspace)
    ]
    return tuple(dict.fromkeys(found))


def concierge_of(world: World) -> Concierge:
    """Who makes the rooms of this process."""
    parts = world.parts
    return Concierge(parts.store, parts.adapters, parts.directory, partial(concerned, world))


COMMANDS: Final[tuple[Command, ...]] = (
    command(
        "room",
        "[incident-id]",
        "Make or join the incident's war room.",
        room,
        example="/im room INC-2024-001",
        states=("open", "acknowledged"),
    ),
)
