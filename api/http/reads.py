"""What was received and decided: events, decisions with their reasons, incidents, timelines, audit."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from litestar import Router, delete, get, post
from litestar.params import FromPath, FromQuery

from api.http.bodies import read, rows
from api.http.context import Call, caller, context_of
from router import explain
from router.deliveries import checked
from router.problems import NotFound
from router.sources import SourceIn, Sources


@get("/api/v1/events/{event_id:str}", summary="Show an event")
async def show_event(request: Call, event_id: FromPath[str]) -> dict[str, Any]:
    """By the id that was answered, or by the sender's own."""
    principal = await caller(request, "analytics:read")
    try:
        uuid: str | None = checked(event_id, "event")
    except NotFound:
        uuid = None
    row = await context_of(request).parts.store.row(
        "events.one", {"id": event_id, "uuid": uuid, "source": principal.source}
    )
    if row is None:
        raise NotFound(f"there is no event `{event_id[:80]}`")
    return row


@get("/api/v1/decisions/{decision_id:str}", summary="Show a decision with its reasons")
async def show_decision(request: Call, decision_id: FromPath[str]) -> dict[str, Any]:
    """Why each route fired or not, by the rules that were in force then."""
    await caller(request, "analytics:read")
    return await explain.decision(context_of(request).parts.store, checked(decision_id, "decision"))


@get("/api/v1/timeline", summary="The timeline over all incidents")
async def list_timeline(
    request: Call, source: FromQuery[str] = "", limit: FromQuery[int] = 20
) -> list[dict[str, Any]]:
    """Newest first; `source` is `chatops`, a platform or a source's name."""
    await caller(request, "analytics:read")
    return await context_of(request).parts.store.rows(
        "incidents.timeline", {"incident": None, "prefix": source or None, "limit": rows(limit)}
    )


@get("/api/v1/rules", summary="The rules in force")
async def show_rules(request: Call) -> dict[str, Any]:
    """The rule set's hash, its routes, and why the files are not in force where they are not."""
    await caller(request, "analytics:read")
    return explain.in_force(context_of(request).live)


class RuleTexts(msgspec.Struct, frozen=True):
    """Rule files by name."""

    files: dict[str, str]


@post("/api/v1/rules/validate", status_code=200, summary="Check rule files without using them")
async def validate_rules(request: Call) -> dict[str, Any]:
    """Problems with file, line and field; none when they could be used."""
    await caller(request, "admin")
    given = await read(request, RuleTexts)
    # Large files take long to read, and events must not wait for that.
    timezone = context_of(request).parts.settings.timezone
    return await asyncio.to_thread(explain.validated, given.files, timezone)


@post("/api/v1/rules/reload", status_code=200, summary="Take the rule files into force now")
async def reload_rules(request: Call) -> dict[str, Any]:
    """What is in force then; this server's other processes follow within a second."""
    await caller(request, "admin")
    live = context_of(request).live
    await asyncio.to_thread(live.refresh, force=True)
    return explain.in_force(live)


@get("/api/v1/audit", summary="What admins did")
async def list_audit(request: Call, limit: FromQuery[int] = 100) -> list[dict[str, Any]]:
    """Newest first."""
    await caller(request, "admin")
    return await context_of(request).parts.store.rows("audit.latest", {"limit": rows(limit)})


class NewToken(msgspec.Struct, frozen=True):
    """The body that makes a token."""

    name: str
    scopes: list[str]
    source: str = ""


@get("/api/v1/tokens", summary="List the tokens")
async def list_tokens(request: Call) -> list[dict[str, Any]]:
    """Names, scopes and dates; never the tokens."""
    await caller(request, "admin")
    return await context_of(request).parts.access.list()


@post("/api/v1/tokens", summary="Make a token")
async def create_token(request: Call) -> dict[str, str]:
    """The token is in this answer and nowhere else."""
    await caller(request, "admin")
    given = await read(request, NewToken)
    access = context_of(request).parts.access
    token = await access.create(given.name, source=given.source, scopes=given.scopes)
    return {"name": given.name, "token": token}


@delete("/api/v1/tokens/{token_id:str}", status_code=204, summary="Revoke a token")
async def revoke_token(request: Call, token_id: FromPath[str]) -> None:
    """By id or name; it may be accepted for two more seconds."""
    await caller(request, "admin")
    await context_of(request).parts.access.revoke(token_id)


@get("/api/v1/sources", summary="List the sources with settings of their own")
async def list_sources(request: Call) -> list[dict[str, Any]]:
    """By name; the secrets of callbacks are masked."""
    await caller(request, "admin")
    return await _sources(request).listed()


@post("/api/v1/sources", status_code=200, summary="Set how a source is read, and its callback")
async def put_source(request: Call) -> dict[str, Any]:
    """Adds or replaces; a callback that is not mentioned stays, and `"callback": null` removes it."""
    principal = await caller(request, "admin")
    kept = await _sources(request).put(await read(request, SourceIn), actor=principal.name)
    await context_of(request).parts.waker.wake()
    return kept


def _sources(request: Call) -> Sources:
    parts = context_of(request).parts
    return Sources(parts.store, parts.vault)


@post("/api/v1/secrets/rotate", status_code=200, summary="Seal all secrets with a new key")
async def rotate_secrets(request: Call) -> dict[str, int]:
    """The number of providers whose secrets were sealed again."""
    principal = await caller(request, "admin")
    return {"providers": await context_of(request).parts.providers.reseal(actor=principal.name)}


ROUTER = Router(
    "/",
    route_handlers=[
        show_event,
        show_decision,
        list_timeline,
        show_rules,
        validate_rules,
        reload_rules,
        list_audit,
        list_tokens,
        create_token,
        revoke_token,
        list_sources,
        put_source,
        rotate_secrets,
    ],
    tags=["router"],
)
