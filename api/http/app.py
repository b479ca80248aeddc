"""The application: routes, errors, and the checks that come before any of them."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Litestar, Router
from litestar.config.app import AppConfig
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp, Receive, Scope, Send

from api.http import (
    catalogue,
    commands,
    deliveries,
    events,
    incidents,
    ops,
    pictures,
    problems,
    providers,
    reads,
    rehearsals,
    silences,
    users,
    utterances,
    webhooks,
)
from api.http.context import Context
from router.problems import Problem
from router.settings import Settings

MAX_BODY: Final = 8 * 1024 * 1024


def create_app(context: Context) -> Litestar:
    """The ASGI application over a running context."""
    routers: list[Router] = [
        events.ROUTER,
        providers.ROUTER,
        deliveries.ROUTER,
        reads.ROUTER,
        incidents.ROUTER,
        users.ROUTER,
        catalogue.ROUTER,
        commands.ROUTER,
        utterances.ROUTER,
        pictures.ROUTER,
        silences.ROUTER,
        rehearsals.ROUTER,
        ops.ROUTER,
        webhooks.ROUTER,
    ]
    config = AppConfig(
        route_handlers=list(routers),
        exception_handlers={
            Problem: problems.on_problem,
            HTTPException: problems.on_http_exception,
            Exception: problems.on_crash,
        },
        middleware=[_host_check(context.parts.settings)],
        request_max_body_size=MAX_BODY,
        openapi_config=OpenAPIConfig(
            title="im", version="1", path="/schema", render_plugins=[JsonRenderPlugin(path="/")]
        ),
        logging_config=None,
    )
    app = Litestar.from_config(config)
    app.state.context = context
    return app


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """The names under which this server may be called; empty when any will do (bound to a network)."""
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    if settings.bind in ("127.0.0.1", "::1", "localhost"):
        return frozenset({"127.0.0.1", "::1", "localhost", *([public] if public else [])})
    return frozenset({public, settings.bind, "127.0.0.1", "localhost"}) if public else frozenset()


def _host_check(settings: Settings) -> Any:
    """Refuse foreign Host headers: a web page must not reach a local server by rebinding a name."""
    allowed = allowed_hosts(settings)

    def middleware(app: ASGIApp) -> ASGIApp:
        async def checked(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == ScopeType.HTTP and allowed and _host(scope) not in allowed:
                body = problems.details(421, "Misdirected", "this server does not answer to that Host")
                await _refuse(send, body)
                return
            await app(scope, receive, send)

        return checked

    return middleware


def _host(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"host":
            text = value.decode("latin-1").lower()
            return text[1 : text.find("]")] if text.startswith("[") else text.partition(":")[0]
    return ""


async def _refuse(send: Send, body: bytes) -> None:
    headers = [(b"content-type", problems.MEDIA_TYPE.encode())]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
