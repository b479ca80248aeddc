"""Webhooks of the chat platforms: verified, kept, and only then acknowledged; the work comes behind it."""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from litestar import Response, Router, get, post
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.params import FromPath, FromQuery

from adapters import registry
from adapters.inbound import ChatInput, HttpAnswer, Incoming, Receives, Refusal, Refused
from api.http.bodies import rows
from api.http.context import Call, Context, caller, context_of
from router import metrics
from router.chat.interactions import form_for
from router.judged import Judged
from router.problems import NotFound, Problem, TooLarge
from router.targets import Provider

PING: Final = b'{"type":"ping"}'
PONG: Final = b'{"type":"pong"}'
PINGS_PER_SECOND: Final = 20
MAX_INPUT: Final = 1024 * 1024
"""No platform sends more; what is larger is not even verified."""
MAX_KEY: Final = 2000
MAX_ID: Final = 500
"""Bytes. Platforms' own have less than 300; a row of an index, where they end up, has 2704 at the most:
https://www.postgresql.org/docs/current/btree.html"""
_times: deque[float] = deque(maxlen=PINGS_PER_SECOND)


class TooManyPings(Problem):
    """Pings are answered to anybody, so only so many of them."""

    status = 429
    title = "Too many requests"


class NotBelieved(Problem):
    """Input that could not be verified."""

    status = 401
    title = "Not verified"

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.detail)
        self.status = refused.refusal.status


@post("/chatops/{instance:str}", status_code=200, request_max_body_size=MAX_INPUT)
async def webhook(request: Call, instance: FromPath[str]) -> Response[bytes]:
    """A platform's request to a provider by its name. An unsigned ping gets a constant answer."""
    return await _webhook(request, instance, None)


@post("/chatops/{platform:str}/{instance:str}", status_code=200, request_max_body_size=MAX_INPUT)
async def platform_webhook(
    request: Call, platform: FromPath[str], instance: FromPath[str]
) -> Response[bytes]:
    """The same, with the platform named."""
    return await _webhook(request, instance, platform)


async def _webhook(request: Call, name: str, platform: str | None) -> Response[bytes]:
    context = context_of(request)
    body = await _body(request)
    if bytes(body.translate(None, b" \r\n\t")) == PING:
        return _pong()
    provider = await _provider(context, name, platform)
    if registry.platform(provider.platform).internal:
        await _require_person_here(request, context)
    incoming = Incoming(headers=_headers(request), body=body, received_at=datetime.now(UTC))
    answer = await _taken(context, provider, incoming)
    return Response(answer.body, status_code=answer.status, media_type=answer.media_type)


async def _body(request: Call) -> bytes:
    """The raw body; what is too large is refused before it is held, announced or in chunks."""
    try:
        return await request.body()
    except RequestEntityTooLarge:
        raise TooLarge(f"the body is too large; no chat platform sends more than {MAX_INPUT} bytes") from None


async def _taken(context: Context, provider: Provider, incoming: Incoming) -> HttpAnswer:
    """Verify, keep, acknowledge; what was judged is on record either way."""
    adapter = context.parts.adapters.connected(provider).adapter
    if not isinstance(adapter, Receives):
        raise NotFound(f"`{provider.name}` takes no input")
    try:
        received = await adapter.receive(incoming)
        for given in received.inputs:
            _require_short_ids(given)
    except Refused as refused:
        await _note(
            context, provider, incoming, Judged(judgement=refused.refusal.value, about=refused.detail)
        )
        raise NotBelieved(refused) from None
    if not received.inputs:
        await _note(context, provider, incoming, Judged(judgement="accepted", about=received.note))
        return received.answer
    answer = received.answer
    for given in received.inputs:
        first = await context.desk.receive(provider.name, given)
        kind = "accepted" if first else "duplicate"
        await _note(context, provider, incoming, Judged(judgement=kind, kind=given.kind, about=_about(given)))
        services = context.world.roster.live.current.names()
        answer = adapter.acknowledge(given, form_for(given, services))
    return answer


def _require_short_ids(given: ChatInput) -> None:
    """Refused where the store could not keep it: the platform would send it again and again."""
    known = (given.user.id, given.workspace, given.channel, given.thread or "", given.message or "")
    if _size(given.key) > MAX_KEY or any(_size(each) > MAX_ID for each in known):
        raise Refused(Refusal.MALFORMED, "an id in it is longer than any that the platform makes")


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _about(given: ChatInput) -> str:
    """What the record shows of an input: never its text, which may hold anything."""
    words = given.text.split()
    what = given.action or (words[0][:20] if words and given.kind == "command" else "")
    return f"{what} by {given.user.id} in {given.channel}".strip()


async def _note(context: Context, provider: Provider, incoming: Incoming, judged: Judged) -> None:
    metrics.INPUTS.labels(provider.platform, judged.judgement).inc()
    seconds = (datetime.now(UTC) - incoming.received_at).total_seconds()
    whole = msgspec.structs.replace(
        judged, at=incoming.received_at, size=len(incoming.body), seconds=round(seconds, 4)
    )
    await context.judgements.note(provider.name, whole)


async def _provider(context: Context, name: str, platform: str | None) -> Provider:
    """The active provider of that name and platform; NotFound does not tell which of the two was wrong."""
    parts = context.parts
    provider = (await parts.directory.fresh(parts.store)).get(name)
    if provider is None:
        # One that was added elsewhere a moment ago; asking again is cheap while nothing has changed.
        await parts.directory.refresh(parts.store)
        provider = parts.directory.providers.get(name)
    if provider is None or not provider.active or platform not in (None, provider.platform):
        raise NotFound(f"there is no provider `{name[:63]}` here; `im chatops list` shows them")
    return provider


async def _require_person_here(request: Call, context: Context) -> None:
    """The sandbox's input needs an admin, on this machine only: nothing signs it."""
    if not context.parts.settings.loopback:
        raise NotFound("the sandbox takes input on loopback only")
    await caller(request, "admin")


def _headers(request: Call) -> dict[str, str]:
    """The headers by lower-case names; one that is sent twice is both, so that no signature fits it.

    Joined by a comma: https://www.rfc-editor.org/rfc/rfc9110#section-5.2
    """
    found: dict[str, str] = {}
    for raw, value in request.scope["headers"]:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _pong() -> Response[bytes]:
    now = time.monotonic()
    if len(_times) == PINGS_PER_SECOND and now - _times[0] < 1.0:
        raise TooManyPings("too many pings; wait a second")
    _times.append(now)
    return Response(PONG, media_type="application/json")


@get("/api/v1/chatops/webhooks", summary="What chat platforms sent")
async def list_webhooks(
    request: Call, provider: FromQuery[str] = "", limit: FromQuery[int] = 10
) -> list[dict[str, Any]]:
    """The newest first, with how each was judged; never a body."""
    await caller(request, "admin")
    context = context_of(request)
    names = [provider] if provider else [p["name"] for p in await context.parts.providers.listed()]
    return await context.judgements.recent(names, rows(limit))


@get("/api/v1/chatops/providers/{name:str}/webhooks", summary="What a platform sent")
async def provider_webhooks(
    request: Call, name: FromPath[str], limit: FromQuery[int] = 10
) -> list[dict[str, Any]]:
    """The newest first, with how each was judged; never a body."""
    await caller(request, "admin")
    context = context_of(request)
    await context.parts.providers.get(name)
    return await context.judgements.recent([name], rows(limit))


ROUTER = Router(
    "/", route_handlers=[webhook, platform_webhook, list_webhooks, provider_webhooks], tags=["webhooks"]
)
