"""The command that makes or joins an incident's war room."""

from __future__ import annotations

from typing import Final

from adapters.inbound import Rooms
from router import rooms
from router.chat.asked import Answer, Asked, World, done, refused
from router.chat.commands import Command, command
from router.incidents import Incident
from router.rooms import Concierge


async def room(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """Make the room if there is none, invite who should be there, and say where it is."""
    assert incident is not None
    provider = asked.provider
    if not isinstance(world.parts.adapters.connected(provider).adapter, Rooms):
        return refused(f"{provider.name} has no war rooms", incident)
    if incident.status == "closed":
        return refused(f"{incident.display_id} is closed; reopen it first", incident)
    guests = await invited(world, asked, incident)
    await rooms.want(world.parts.store, incident, [provider.name], guests)
    concierge = Concierge(world.parts.store, world.parts.adapters, world.parts.directory)
    await concierge.serve(incident=incident.id, provider=provider.name)
    await world.parts.waker.wake()
    rows = await world.parts.store.rows("rooms.of_incident", {"incident": incident.id})
    here = next(row for row in rows if row["provider"] == provider.name)
    if here["state"] == "failed":
        return refused(f"the war room could not be made: {here['detail']}", incident)
    if here["state"] != "open":
        return done(f"The war room of {incident.display_id} is being made; you will be invited.", incident)
    where = here["url"] or f"#{here['name']}"
    return done(f"The war room of {incident.display_id}: {where}", incident)


async def invited(world: World, asked: Asked, incident: Incident) -> tuple[str, ...]:
    """Users of this provider: the one who asks, the assignee, and whoever is on call for the service."""
    accounts = [incident.assignee] if incident.assignee else []
    if incident.service:
        accounts += world.roster.on_call(incident.service, asked.at).people
    guests = [asked.given.user.id]
    for account in dict.fromkeys(accounts):
        guests += await world.people.users_of(account, asked.provider.platform, asked.given.workspace)
    return tuple(dict.fromkeys(guests))


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
