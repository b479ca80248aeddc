"""The commands that change an incident: declare, ack, resolve, close, reopen, escalate, assign, update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from adapters.contract import Choice
from adapters.inbound import Receives
from router import senders
from router.acts import RESPONSES, SOURCE, act
from router.chat.asked import Answer, Asked, Missing, World, done, stranger
from router.chat.commands import Command, command
from router.chat.usage import Misused
from router.events import SEVERITIES, Hand, Verb
from router.incidents import Incident
from router.lifecycle import FROM
from router.people.accounts import visible_name
from router.people.people import Identity

MAX_TITLE: Final = 200
"""Of a title that is made of a description."""


async def perform(
    world: World,
    asked: Asked,
    verb: Verb,
    incident: Incident | None,
    *,
    note: str | None = None,
    changes: Mapping[str, str] | None = None,
) -> Incident:
    """Do it in one transaction and return the incident as it is then. Raises Conflict with what is true."""
    event = act(
        hand_of(asked, verb),
        incident,
        key=asked.id,
        at=asked.at,
        who=asked.name,
        note=note,
        changes=changes,
    )
    await world.submit([event])
    row = await world.parts.store.row(
        "incidents.by_external", {"source": event.source, "id": event.incident.id}
    )
    assert row is not None
    return Incident(**row)


def hand_of(asked: Asked, verb: Verb) -> Hand:
    """The person as the timeline names them, with what the document shows in a record."""
    account = asked.speaker.account
    return Hand(
        verb=verb,
        account=account.name if account else None,
        actor=f"chatops:{account.name if account else asked.given.user.id}",
        via=f"{asked.provider.platform}:{asked.provider.name}",
        data={"channel": asked.given.channel, "command": asked.call.said, "response": RESPONSES[verb]},
    )


async def with_severity(world: World, asked: Asked) -> Asked:
    """A declaration with the severity that it gets where none is said: that of the source `chatops`."""
    if asked.argument("severity"):
        return asked
    severity = (await senders.source(world.parts.store, SOURCE)).default_severity
    call = asked.call
    said = msgspec.structs.replace(call, arguments={**call.arguments, "severity": severity})
    return msgspec.structs.replace(asked, call=said)


async def declare(world: World, asked: Asked, _: Incident | None) -> Answer:
    """Open an incident; a description alone gives its first line as the title."""
    description = asked.argument("description")
    title = asked.argument("title") or (description or "").strip().partition("\n")[0][:MAX_TITLE]
    if not title.strip():
        raise Misused("say what is broken")
    service = asked.argument("service")
    changes = {
        "title": title.strip(),
        "severity": asked.argument("severity"),
        "service": world.roster.live.current.service(service) or service if service else None,
        "description": description,
    }
    given = {name: value for name, value in changes.items() if value}
    incident = await perform(world, asked, "declare", None, changes=given)
    return done(f"Declared {incident.display_id} as {incident.severity}.", incident, card=True)


async def acknowledge(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """Take ownership."""
    after = await perform(world, asked, "acknowledge", incident, note=asked.argument("note"))
    mine = after.assignee in (asked.name, None)
    owner = "" if mine else f" It is assigned to {after.assignee}."
    return done(f"You acknowledged {after.display_id}.{owner}", after)


async def resolve(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """Mark as fixed."""
    after = await perform(world, asked, "resolve", incident, note=asked.argument("note"))
    return done(f"Resolved {after.display_id}.", after)


async def close(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """Put a resolved incident away."""
    after = await perform(world, asked, "close", incident, note=asked.argument("note"))
    return done(f"Closed {after.display_id}.", after)


async def reopen(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """It is not over."""
    after = await perform(world, asked, "reopen", incident, note=asked.argument("note"))
    return done(f"Reopened {after.display_id}.", after)


async def escalate(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """Change the severity, up or down."""
    assert incident is not None
    severity = asked.argument("severity")
    if severity is None:
        others = [Choice(each, each) for each in SEVERITIES if each != incident.severity]
        question = f"{incident.display_id} is {incident.severity}. Which severity should it have?"
        raise Missing("severity", question, others)
    after = await perform(world, asked, "escalate", incident, changes={"severity": severity})
    return done(f"{after.display_id} is {after.severity} now.", after)


async def assign(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """Give it to a person."""
    assert incident is not None
    named = asked.argument("user")
    if named is None:
        choices = [Choice(account.name, account.name) for account in (await world.people.listed())[:25]]
        raise Missing("user", f"Who takes {incident.display_id}?", choices, people=True)
    who = await person(world, asked, named)
    after = await perform(world, asked, "assign", incident, changes={"assignee": who})
    return done(f"{after.display_id} is assigned to {who}.", after)


async def person(world: World, asked: Asked, named: str) -> str:
    """The account (or the name, where there is none) of somebody: `me`, `@dana`, `<@U123>`, an e-mail."""
    name = named.strip()
    if name.lower() in ("me", "myself", "@me"):
        return asked.name
    if not name.startswith("<@") and (account := await world.people.find(name)) is not None:
        return account.name
    adapter = world.parts.adapters.connected(asked.provider).adapter
    query = name[2:-1] if name.startswith("<@") and name.endswith(">") else name
    user = await adapter.find_user(query.lstrip("!"))
    if user is None:
        raise Misused(f"I do not know `{query[:60]}`; name an account, or mention somebody of this chat")
    if not isinstance(adapter, Receives):
        return await stranger(world.people, visible_name(user.name) or user.id)
    identity = Identity(platform=asked.provider.platform, workspace=await adapter.workspace(), user=user.id)
    account = await world.people.account_of(identity)
    return account.name if account else await stranger(world.people, visible_name(user.name) or user.id)


async def update(world: World, asked: Asked, incident: Incident | None) -> Answer:
    """Add a note to the timeline, or set what the menus set."""
    assert incident is not None
    note, service = asked.argument("note"), asked.argument("service")
    if not note and not service:
        raise Misused(f"write what is new: `/im update {incident.display_id} <note>`")
    changes = {"service": world.roster.live.current.service(service) or service} if service else None
    after = await perform(world, asked, "update", incident, note=note, changes=changes)
    return done(
        f"Noted on {after.display_id}." if note else f"{after.display_id} is about {after.service} now.",
        after,
    )


COMMANDS: Final[tuple[Command, ...]] = (
    command(
        "declare",
        "[title...] [--sev|--severity severity] [--service service] [--description|--desc description]"
        " [--title title]",
        "Declare a new incident.",
        declare,
        complete=with_severity,
        example='/im declare --sev SEV-2 --service checkout "Payment processing down"',
    ),
    command(
        "ack",
        "[incident-id] [note...]",
        "Acknowledge an incident: you take it.",
        acknowledge,
        example='/im ack INC-2024-001 "Investigating MySQL cluster"',
        states=FROM["acknowledge"],
    ),
    command(
        "resolve",
        "[incident-id] [note...]",
        "Mark an incident as fixed.",
        resolve,
        example='/im resolve INC-2024-001 "Restarted the primary"',
        states=FROM["resolve"],
    ),
    command(
        "close",
        "[incident-id] [note...]",
        "Close a resolved incident.",
        close,
        example="/im close INC-2024-001",
        states=FROM["close"],
    ),
    command(
        "reopen",
        "[incident-id] [note...]",
        "Reopen an incident that is not over.",
        reopen,
        example='/im reopen INC-2024-001 "It is back"',
        states=FROM["reopen"],
    ),
    command(
        "escalate",
        "[incident-id] [severity]",
        "Change the severity, up or down.",
        escalate,
        example="/im escalate INC-2024-001 SEV-1",
        states=FROM["escalate"],
    ),
    command(
        "assign",
        "[incident-id] [user]",
        "Give an incident to somebody.",
        assign,
        example="/im assign INC-2024-001 @dana",
        states=FROM["assign"],
    ),
    command(
        "update",
        "[incident-id] [--service service] [note...]",
        "Add a note to the timeline.",
        update,
        example='/im update INC-2024-001 "Failing over to the replica"',
        states=FROM["update"],
    ),
)
