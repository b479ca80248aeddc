"""Incidents: listed and shown; and by hand declared, acknowledged, escalated, assigned, noted and so on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec
from litestar import Router, get, post
from litestar.params import FromPath, FromQuery

from api.http.bodies import read, rows
from api.http.context import Call, Context, caller, context_of, now
from router import callbacks, ids
from router.access import Principal
from router.acts import RESPONSES, SOURCE, act
from router.events import Hand, Verb
from router.incidents import Incident
from router.problems import Invalid, NotFound

MAX_KEY: Final = 200


class NewIncident(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body that declares an incident."""

    title: str
    severity: str
    service: str | None = None
    description: str | None = None
    url: str | None = None
    labels: dict[str, str] | None = None


class Noted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body that may say why."""

    note: str | None = None


class NewNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body that adds to the timeline."""

    note: str


class NewSeverity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body that changes the severity."""

    severity: str
    note: str | None = None


class NewAssignee(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body that gives an incident to somebody."""

    assignee: str
    note: str | None = None


@get("/api/v1/incidents", summary="List incidents")
async def list_incidents(
    request: Call,
    status: FromQuery[str] = "open,acknowledged",
    severity: FromQuery[str] = "",
    service: FromQuery[str] = "",
    limit: FromQuery[int] = 100,
) -> list[dict[str, Any]]:
    """Open and acknowledged ones unless said otherwise; `status=` lists all."""
    await caller(request, "analytics:read")
    return await context_of(request).parts.store.rows(
        "incidents.list",
        {
            "status": status or None,
            "severity": severity or None,
            "service": service or None,
            "limit": rows(limit),
        },
    )


@get("/api/v1/incidents/{incident_id:str}", summary="Show an incident")
async def show_incident(request: Call, incident_id: FromPath[str]) -> dict[str, Any]:
    """Its state, where it is announced, and what its source was told or is to be told."""
    await caller(request, "analytics:read")
    store = context_of(request).parts.store
    row = await store.row("incidents.by_display", {"id": incident_id})
    if row is None:
        raise NotFound(f"there is no incident `{incident_id[:80]}`")
    announced = await store.rows("incidents.announced", {"id": row["id"]})
    told = await callbacks.of_incident(store, row["id"])
    return row | {"id": row["display_id"], "announced": announced, "callbacks": told}


@get("/api/v1/incidents/{incident_id:str}/timeline", summary="An incident's timeline")
async def show_timeline(
    request: Call, incident_id: FromPath[str], source: FromQuery[str] = "", limit: FromQuery[int] = 200
) -> list[dict[str, Any]]:
    """The newest `limit` entries, oldest first; `source` is `chatops`, a platform or a source's name."""
    await caller(request, "analytics:read")
    store = context_of(request).parts.store
    if await store.row("incidents.by_display", {"id": incident_id}) is None:
        raise NotFound(f"there is no incident `{incident_id[:80]}`")
    newest = await store.rows(
        "incidents.timeline", {"incident": incident_id, "prefix": source or None, "limit": rows(limit)}
    )
    return newest[::-1]


@post("/api/v1/incidents", summary="Declare an incident")
async def declare(request: Call) -> dict[str, Any]:
    """The incident, with the id that it got."""
    principal = await caller(request, "incidents:write")
    given = await read(request, NewIncident)
    changes = {name: value for name, value in msgspec.structs.asdict(given).items() if value is not None}
    return await _act(request, principal, "declare", None, changes=changes)


@post("/api/v1/incidents/{incident_id:str}/acknowledge", status_code=200, summary="Acknowledge")
async def acknowledge(request: Call, incident_id: FromPath[str]) -> dict[str, Any]:
    """Somebody takes it; 409 with who it was where somebody has."""
    return await _noted(request, "acknowledge", incident_id)


@post("/api/v1/incidents/{incident_id:str}/resolve", status_code=200, summary="Resolve")
async def resolve(request: Call, incident_id: FromPath[str]) -> dict[str, Any]:
    """It is fixed."""
    return await _noted(request, "resolve", incident_id)


@post("/api/v1/incidents/{incident_id:str}/close", status_code=200, summary="Close")
async def close(request: Call, incident_id: FromPath[str]) -> dict[str, Any]:
    """A resolved incident is put away."""
    return await _noted(request, "close", incident_id)


@post("/api/v1/incidents/{incident_id:str}/reopen", status_code=200, summary="Reopen")
async def reopen(request: Call, incident_id: FromPath[str]) -> dict[str, Any]:
    """It is not over."""
    return await _noted(request, "reopen", incident_id)


@post("/api/v1/incidents/{incident_id:str}/escalate", status_code=200, summary="Change the severity")
async def escalate(request: Call, incident_id: FromPath[str]) -> dict[str, Any]:
    """Up or down."""
    principal = await caller(request, "incidents:write")
    given = await read(request, NewSeverity)
    incident = await _incident(context_of(request), incident_id)
    changes = {"severity": given.severity}
    return await _act(request, principal, "escalate", incident, note=given.note, changes=changes)


@post("/api/v1/incidents/{incident_id:str}/assign", status_code=200, summary="Assign")
async def assign(request: Call, incident_id: FromPath[str]) -> dict[str, Any]:
    """To an account, or to a name that stands for nobody here."""
    principal = await caller(request, "incidents:write")
    given = await read(request, NewAssignee)
    if not given.assignee.strip():
        raise Invalid.at("assignee", "missing; name an account")
    incident = await _incident(context_of(request), incident_id)
    changes = {"assignee": given.assignee.strip()}
    return await _act(request, principal, "assign", incident, note=given.note, changes=changes)


@post("/api/v1/incidents/{incident_id:str}/notes", status_code=200, summary="Add a note")
async def add_note(request: Call, incident_id: FromPath[str]) -> dict[str, Any]:
    """To the timeline, and to where the incident is announced."""
    principal = await caller(request, "incidents:write")
    given = await read(request, NewNote)
    if not given.note.strip():
        raise Invalid.at("note", "missing; say what is new")
    incident = await _incident(context_of(request), incident_id)
    return await _act(request, principal, "update", incident, note=given.note)


async def _noted(request: Call, verb: Verb, incident_id: str) -> dict[str, Any]:
    principal = await caller(request, "incidents:write")
    given = await read(request, Noted)
    incident = await _incident(context_of(request), incident_id)
    return await _act(request, principal, verb, incident, note=given.note)


async def _incident(context: Context, incident_id: str) -> Incident:
    row = await context.parts.store.row("incidents.by_display", {"id": incident_id})
    if row is None:
        raise NotFound(f"there is no incident `{incident_id[:80]}`")
    return Incident(**row)


async def _act(
    request: Call,
    principal: Principal,
    verb: Verb,
    incident: Incident | None,
    *,
    note: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Do it, once for an Idempotency-Key, and show the incident as it is then."""
    context = context_of(request)
    by = f"api:{principal.name}"
    hand = Hand(verb=verb, account=None, actor=by, via=f"api:{principal.source}", data=_told(verb))
    key = _key(request, by)
    try:
        event = act(hand, incident, key=key, at=now(), who=principal.name, note=note, changes=changes)
    except Invalid as problem:
        raise _of_body(problem) from None
    await context.ingest.submit([event])
    row = await context.parts.store.row(
        "incidents.by_external", {"source": event.source, "id": event.incident.id}
    )
    assert row is not None
    return row | {"id": row["display_id"]}


def _of_body(problem: Invalid) -> Invalid:
    """The problem with fields as this body names them: `severity`, which an event has in `incident`."""
    fields = [
        msgspec.structs.replace(each, field=each.field.removeprefix("incident.")) for each in problem.fields
    ]
    return Invalid(problem.detail.removeprefix("incident."), *fields)


def _told(verb: Verb) -> dict[str, str]:
    return {"command": cast("str", verb), "response": RESPONSES[verb]}


def _key(request: Call, by: str) -> str:
    """The caller's own key where one is given, kept apart from other callers'; else a new one."""
    given = request.headers.get("idempotency-key")
    if given is None:
        return ids.new()
    if not given.strip() or len(given) > MAX_KEY or not given.isprintable():
        raise Invalid.at("Idempotency-Key", f"must be a visible text of at most {MAX_KEY} characters")
    return ids.named(f"{SOURCE}\n{by}\n{given}")


ROUTER = Router(
    "/",
    route_handlers=[
        list_incidents,
        show_incident,
        show_timeline,
        declare,
        acknowledge,
        resolve,
        close,
        reopen,
        escalate,
        assign,
        add_note,
    ],
    tags=["incidents"],
)
