"""Events in: single, arrays, CloudEvents, and the bodies of senders that speak another format."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, Router, post

from api.http.context import Call, caller, context_of, now
from router import cloudevents, senders
from router.batch import Result
from router.events import Event, Origin, parse_body
from router.problems import Forbidden, Invalid, Unauthorized

_encode = msgspec.json.Encoder().encode


class Results(msgspec.Struct, frozen=True):
    """The answer to accepted events, in their order."""

    results: tuple[Result, ...]


@post("/api/v1/events", status_code=202, summary="Accept lifecycle events")
async def post_events(request: Call) -> Response[bytes]:
    """One event, an array of at most 1000, or CloudEvents; answered after they are durable."""
    principal = await caller(request, "events:write")
    body = await request.body()
    origin = Origin(source=principal.source, received_at=now())
    kind = request.headers.get("content-type", "").lower()
    if cloudevents.is_cloudevent(kind, request.headers):
        events = cloudevents.parse(body, kind, request.headers, origin)
    else:
        events, _ = parse_body(body, origin, key=request.headers.get("idempotency-key"))
    return _answer(await _submit(request, events))


@post("/api/v1/events/alertmanager", status_code=202, summary="Accept an Alertmanager webhook (version 4)")
async def post_alertmanager(request: Call) -> Response[bytes]:
    """Each group (or alert, as the source is set) is an incident; repeats change nothing."""
    principal = await caller(request, "events:write")
    context = context_of(request)
    source = await senders.source(context.parts.store, principal.source)
    events = senders.alertmanager(await request.body(), Origin(source=source.name, received_at=now()), source)
    return _answer(await _submit(request, events))


@post("/v2/enqueue", status_code=202, summary="Accept a PagerDuty Events API v2 event")
async def post_pagerduty(request: Call) -> Response[bytes]:
    """`routing_key` is an events:write token; the answer has PagerDuty's shape."""
    try:
        key = await _enqueue(request, await request.body())
    except (Invalid, Unauthorized, Forbidden) as problem:
        return _pagerduty(
            400, status="invalid event", message="Event object is invalid", errors=[problem.detail]
        )
    return _pagerduty(202, status="success", message="Event processed", dedup_key=key)


async def _enqueue(request: Call, body: bytes) -> str:
    """Submit a PagerDuty event; its dedup_key."""
    parts = context_of(request).parts
    given = senders.decode_pagerduty(body)
    principal = await parts.access.recognise(given.routing_key)
    principal.require("events:write")
    source = await senders.source(parts.store, principal.source)
    event, key = senders.pagerduty(given, body, Origin(source=source.name, received_at=now()), source)
    try:
        await _submit(request, (event,))
    except Invalid:
        # PagerDuty takes an acknowledge or resolve of what it does not know, and so do its senders' scripts.
        if given.payload is not None:
            raise
    return key


def _pagerduty(status_code: int, **answer: Any) -> Response[bytes]:
    return Response(_encode(answer), status_code=status_code, media_type="application/json")


async def _submit(request: Call, events: tuple[Event, ...]) -> tuple[Result, ...]:
    return await context_of(request).ingest.submit(events) if events else ()


def _answer(results: tuple[Result, ...]) -> Response[bytes]:
    return Response(_encode(Results(results)), status_code=202, media_type="application/json")


ROUTER = Router("/", route_handlers=[post_events, post_alertmanager, post_pagerduty], tags=["events"])
