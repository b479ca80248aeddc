"""Rehearsals: a provider's own signed requests, sent through the front door, to see that chat input works.

Slack and Mattermost share a secret with the bot, so a genuine request can be made here. Discord and Teams
sign with keys that only they have: there a forged request must be refused, and the rest is theirs to send.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import httpx
import msgspec
from litestar import Router, post
from litestar.params import FromPath

from adapters import registry
from adapters.contract import Check
from adapters.inbound import Incoming, Receives, Rehearses
from api.http.context import Call, Context, caller, context_of, now
from api.http.providers import Tested
from router import ids
from router.chat.built_in import REHEARSAL
from router.problems import Conflict
from router.targets import Provider

COMMANDS: Final = ("help", "list", "oncall", "metrics")
"""They change nothing."""
WAIT_SECONDS: Final = 10.0
LATEST_SECONDS: Final = 3.0
"""What all platforms give a bot for its acknowledgement."""
_PROXY: Final = "look at IM_PUBLIC_URL, and at what stands before this server"
_FORGED: Final = b'{"type":"event_callback","token":"forged"}'

Kind = Literal["command", "action"]


class Sent(msgspec.Struct, frozen=True):
    """What the front door said, and how long that took."""

    status: int
    seconds: float


@post("/api/v1/chatops/providers/{name:str}/interact-test", status_code=200, summary="Test buttons")
async def interact_test(request: Call, name: FromPath[str]) -> Tested:
    """A signed press of a button that does nothing, and a forged one."""
    return await _tested(request, name, "action", (REHEARSAL,))


@post("/api/v1/chatops/providers/{name:str}/test-commands", status_code=200, summary="Test commands")
async def test_commands(request: Call, name: FromPath[str]) -> Tested:
    """Signed commands that change nothing, and a forged one."""
    return await _tested(request, name, "command", COMMANDS)


async def _tested(request: Call, name: str, kind: Kind, texts: Sequence[str]) -> Tested:
    await caller(request, "admin")
    context = context_of(request)
    provider = await context.parts.providers.get(name)
    if not provider.active:
        raise Conflict(f"`{name}` is switched off; switch it on with `im chatops update {name} --enable`")
    adapter = context.parts.adapters.connected(provider).adapter
    if not isinstance(adapter, Receives):
        raise Conflict(f"`{name}` takes no input")
    async with _client(request, context) as client:
        door = _Door(client, provider, context, request.headers["authorization"])
        checks = [await door.forged()]
        if isinstance(adapter, Rehearses):
            checks += [await door.rehearsed(adapter, kind, text) for text in texts]
        else:
            checks.append(_elsewhere(provider))
    return Tested(all(check.ok for check in checks), checks)


def _client(request: Call, context: Context) -> httpx.AsyncClient:
    """By the public address where there is one, as the platform comes; else straight into this process."""
    settings = context.parts.settings
    if settings.public_url:
        return httpx.AsyncClient(base_url=settings.public_url, timeout=WAIT_SECONDS)
    application: Any = request.app  # an ASGI application, whose types httpx spells otherwise
    transport = httpx.ASGITransport(app=application)
    return httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{settings.port}")


class _Door:
    """The front door of one provider."""

    def __init__(
        self, client: httpx.AsyncClient, provider: Provider, context: Context, authorization: str
    ) -> None:
        self._client = client
        self._provider = provider
        self._context = context
        self._internal = registry.platform(provider.platform).internal
        self._authorization = authorization

    async def _post(self, headers: Mapping[str, str], body: bytes) -> Sent | str:
        """The answer, or what kept the request from arriving."""
        started = time.monotonic()
        own = {"authorization": self._authorization} if self._internal else {}
        path = f"/chatops/{self._provider.platform}/{self._provider.name}"
        try:
            answer = await self._client.post(path, headers={**headers, **own}, content=body)
        except httpx.HTTPError as error:
            return f"{self._client.base_url} does not answer ({type(error).__name__})"
        return Sent(answer.status_code, time.monotonic() - started)

    async def forged(self) -> Check:
        """A request that nobody signed must be refused."""
        if self._internal:
            text = "Input needs an admin's token, and comes from this machine"
            return Check(name="permissions", ok=True, text=text)
        sent = await self._post({"content-type": "application/json"}, _FORGED)
        if isinstance(sent, str):
            return Check(name="connection", ok=False, text=sent, mend=_PROXY)
        if sent.status == 401:
            return Check(name="permissions", ok=True, text="A forged request was refused")
        text = f"A forged request was answered with {sent.status} instead of 401"
        return Check(name="permissions", ok=False, text=text, mend=_PROXY)

    async def rehearsed(self, adapter: Rehearses, kind: Kind, text: str) -> Check:
        """A genuine request must be acknowledged in time, and done."""
        key = f"rehearsal-{ids.new()}"
        incoming: Incoming = adapter.rehearsal(kind, key=key, text=text, at=now())
        what = f"/im {text}" if kind == "command" else "A button"
        sent = await self._post(incoming.headers, incoming.body)
        if isinstance(sent, str):
            return Check(name="slash_commands", ok=False, text=f"{what}: {sent}", mend=_PROXY)
        took = f"{sent.seconds * 1000:.0f} ms"
        if sent.status != 200 or sent.seconds > LATEST_SECONDS:
            text = f"{what}: answered with {sent.status} after {took}"
            return Check(name="slash_commands", ok=False, text=text, mend="see `im chatops webhooks`")
        row = await _outcome(self._context, self._provider.name, key)
        outcome = row["outcome"] if row else None
        if outcome != "done":
            text = f"{what}: was taken, and came to {outcome or 'nothing yet'}"
            return Check(name="slash_commands", ok=False, text=text, mend="see the log of `im serve`")
        return Check(name="slash_commands", ok=True, text=f"{what}: acknowledged in {took}, done")


async def _outcome(context: Context, provider: str, key: str) -> dict[str, Any] | None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        row = await context.parts.store.row("chat.one", {"provider": provider, "key": key})
        if row is not None and row["state"] in ("answered", "failed"):
            return row
        if time.monotonic() > deadline:
            return row
        await asyncio.sleep(0.05)


def _elsewhere(provider: Provider) -> Check:
    title = registry.platform(provider.platform).title
    return Check(
        name="slash_commands",
        ok=True,
        off=True,
        text=f"Only {title} can sign a genuine request",
        mend="type `/im help` there, then see `im chatops webhooks`",
    )


ROUTER = Router("/", route_handlers=[interact_test, test_commands], tags=["chat providers"])
