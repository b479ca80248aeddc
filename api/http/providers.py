"""Chat providers: configured, tested, asked, and written to by hand."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import Router, delete, get, patch, post
from litestar.params import FromPath, FromQuery, QueryParameter

from adapters import registry
from adapters.config import ConfigError, ProviderConfig, channel_uses
from adapters.contract import Check, DeliveryError, Platform
from api.http.bodies import read, rows
from api.http.context import Call, caller, context_of
from router import announce
from router.announce import Notice
from router.bootstrap import Parts
from router.deliveries import wait_for
from router.health import Health, health_of
from router.incidents import Incident
from router.problems import Invalid
from router.providers import describe
from router.shelf import messages

Wait = Annotated[float, QueryParameter(name="wait", ge=0, le=30)]
"""Seconds to wait for the deliveries' outcome."""


class NewProvider(msgspec.Struct, frozen=True):
    """The body that adds a provider."""

    name: str
    type: str
    config: dict[str, Any] = {}


class ChangedProvider(msgspec.Struct, frozen=True):
    """The body that changes one: `config` is merged, maps key by key, and null removes a key."""

    config: dict[str, Any] = {}
    active: bool | None = None


class PlainText(msgspec.Struct, frozen=True):
    """The body of a message by hand."""

    text: str
    channel: str = ""


@get("/api/v1/chatops/providers", summary="List the providers")
async def list_providers(request: Call) -> list[dict[str, Any]]:
    """All providers, secrets masked."""
    await caller(request, "admin")
    return await context_of(request).parts.providers.listed()


@post("/api/v1/chatops/providers", summary="Add a provider")
async def add_provider(request: Call) -> dict[str, Any]:
    """Add a provider; its secrets are sealed and never returned."""
    principal = await caller(request, "admin")
    given = await read(request, NewProvider)
    parts = context_of(request).parts
    added = await parts.providers.add(given.name, given.type, given.config, actor=principal.name)
    await parts.directory.refresh(parts.store)
    return describe(added)


@get("/api/v1/chatops/providers/{name:str}", summary="Show a provider")
async def show_provider(request: Call, name: FromPath[str]) -> dict[str, Any]:
    """One provider, secrets masked."""
    await caller(request, "admin")
    return describe(await context_of(request).parts.providers.get(name))


@patch("/api/v1/chatops/providers/{name:str}", summary="Change a provider")
async def update_provider(request: Call, name: FromPath[str]) -> dict[str, Any]:
    """Merge a configuration, or switch a provider on or off; what failed for want of it is tried again."""
    principal = await caller(request, "admin")
    given = await read(request, ChangedProvider)
    parts = context_of(request).parts
    changed = await parts.providers.update(name, given.config, active=given.active, actor=principal.name)
    await parts.directory.refresh(parts.store)
    await parts.waker.wake()
    return describe(changed)


@delete("/api/v1/chatops/providers/{name:str}", status_code=204, summary="Remove a provider")
async def remove_provider(request: Call, name: FromPath[str]) -> None:
    """Remove a provider; what waits for it fails with the reason no_provider."""
    principal = await caller(request, "admin")
    parts = context_of(request).parts
    await parts.providers.remove(name, actor=principal.name)
    await parts.directory.refresh(parts.store)


class Tested(msgspec.Struct, frozen=True):
    """The connection test: four lines, and whether all are well."""

    ok: bool
    checks: Sequence[Check]


@post("/api/v1/chatops/providers/{name:str}/test", status_code=200, summary="Test a provider's connection")
async def test_provider(request: Call, name: FromPath[str]) -> Tested:
    """The four lines of `im chatops test`."""
    await caller(request, "admin")
    parts = context_of(request).parts
    checks = await parts.adapters.connected(await parts.providers.get(name)).adapter.check()
    return Tested(all(check.ok for check in checks), checks)


class AppFile(msgspec.Struct, frozen=True):
    """What is uploaded to the platform to make the app there; the content in base64."""

    name: str
    media_type: str
    content: str


@get("/api/v1/chatops/providers/{name:str}/manifest", summary="The app's manifest or package")
async def show_manifest(
    request: Call,
    name: FromPath[str],
    features: FromQuery[str] = "",
    url: FromQuery[str] = "",
    platform_name: Annotated[str, QueryParameter(name="platform")] = "",
) -> AppFile:
    """For Slack a manifest, for Teams a package; addresses are filled in from IM_PUBLIC_URL, or `url`.

    `platform` is for a provider that is not there yet: the app comes first, its token after.
    """
    await caller(request, "admin")
    parts = context_of(request).parts
    try:
        platform, config = await _platform_and_config(parts, name, platform_name)
    except ConfigError as error:
        raise Invalid.at("platform", error.detail) from None
    if platform.app_file is None:
        raise Invalid(f"{platform.title} needs no manifest; docs/{platform.name}.md has the steps")
    base = (url or parts.settings.public_url).rstrip("/")
    if not base.startswith("https://"):
        raise Invalid.at("url", "set IM_PUBLIC_URL to this server's public https address, or give --url")
    wanted = frozenset(each.strip() for each in features.split(",") if each.strip())
    try:
        made = platform.app_file(name, config, base, wanted)
    except ConfigError as error:
        raise Invalid.at(error.field, error.detail) from None
    return AppFile(made.name, made.media_type, base64.b64encode(made.content).decode())


async def _platform_and_config(parts: Parts, name: str, platform: str) -> tuple[Platform, ProviderConfig]:
    if platform:
        found = registry.platform(platform)
        return found, found.config()
    provider = await parts.providers.get(name)
    return registry.platform(provider.platform), provider.config


class Channel(msgspec.Struct, frozen=True):
    """A channel there, and what it is used for here."""

    id: str
    name: str
    member: bool
    uses: Sequence[str]


@get("/api/v1/chatops/providers/{name:str}/channels", summary="List a provider's channels")
async def list_channels(request: Call, name: FromPath[str]) -> list[Channel]:
    """The channels that the bot sees."""
    await caller(request, "admin")
    parts = context_of(request).parts
    provider = await parts.providers.get(name)
    uses = channel_uses(provider.config)
    try:
        found = await parts.adapters.connected(provider).adapter.channels()
    except DeliveryError as error:
        raise Invalid(f"`{name}` does not list its channels: {error.detail}") from None
    return [Channel(c.id, c.name, c.member, tuple(uses.get(c.id, ()) or uses.get(c.name, ()))) for c in found]


@get("/api/v1/chatops/providers/{name:str}/health", summary="A provider's health")
async def show_health(request: Call, name: FromPath[str]) -> Health:
    """What was delivered lately, what waits, what failed and why."""
    await caller(request, "admin")
    parts = context_of(request).parts
    return await health_of(parts.store, await parts.providers.get(name))


class Sent(msgspec.Struct, frozen=True):
    """Deliveries that were put into the outbox, with their state after `wait` seconds."""

    deliveries: Sequence[dict[str, Any]]


@post("/api/v1/chatops/providers/{name:str}/notify", status_code=202, summary="Send a notification by hand")
async def notify(request: Call, name: FromPath[str], wait: Wait = 0) -> Sent:
    """The document's body; an unknown incident makes a message marked TEST."""
    await caller(request, "admin")
    given = await read(request, Notice)
    parts = context_of(request).parts
    provider = await parts.providers.get(name)
    row = await parts.store.row("incidents.by_display", {"id": given.incident_id})
    incident = Incident(**row) if row else None
    message = announce.notice(given, incident, provider)
    severity = message.incident.severity if message.incident else None
    placed = [(name, announce.channel_for(provider, severity))]
    return await _enqueue(request, placed, message, wait)


@post("/api/v1/chatops/providers/{name:str}/message", status_code=202, summary="Send a text")
async def send_message(request: Call, name: FromPath[str], wait: Wait = 0) -> Sent:
    """A text to a channel, or to the default one."""
    await caller(request, "admin")
    given = await read(request, PlainText)
    provider = await context_of(request).parts.providers.get(name)
    announce.require_active(provider)
    channel = given.channel or announce.channel_for(provider, None)
    return await _enqueue(request, [(name, channel)], announce.plain(given.text), wait)


@post("/api/v1/chatops/broadcast", status_code=202, summary="Send a text through all providers")
async def broadcast(request: Call, wait: Wait = 0) -> Sent:
    """A text to the default channel of every active provider."""
    await caller(request, "admin")
    given = await read(request, PlainText)
    providers = [p for p in await context_of(request).parts.providers.usable() if p.notifies]
    if not providers:
        raise Invalid("no provider is active; add one with `im chatops add`")
    placed = [(provider.name, announce.channel_for(provider, None)) for provider in providers]
    return await _enqueue(request, placed, announce.plain(given.text), wait)


@get("/api/v1/chatops/providers/{name:str}/messages", summary="What the sandbox shows")
async def list_messages(
    request: Call, name: FromPath[str], channel: FromQuery[str] = "", limit: FromQuery[int] = 50
) -> list[dict[str, Any]]:
    """The messages of a sandbox provider, oldest first."""
    await caller(request, "admin")
    parts = context_of(request).parts
    provider = await parts.providers.get(name)
    if provider.platform != "sandbox":
        title = registry.platform(provider.platform).title
        raise Invalid(f"`{name}` is a {title} provider; its messages are there, not here")
    return await messages(parts.store, name, channel or None, rows(limit))


async def _enqueue(request: Call, placed: list[tuple[str, str]], message: Any, wait: float) -> Sent:
    parts = context_of(request).parts
    ids = await announce.enqueue(parts.store, placed, message, urgent=False)
    await parts.waker.wake()
    return Sent(await wait_for(parts.store, ids, wait))


ROUTER = Router(
    "/",
    route_handlers=[
        list_providers,
        add_provider,
        show_provider,
        update_provider,
        remove_provider,
        test_provider,
        show_manifest,
        list_channels,
        show_health,
        notify,
        send_message,
        broadcast,
        list_messages,
    ],
    tags=["chatops"],
)
