"""Listening to Discord's Gateway, the only way by which mentions, direct messages and reactions come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, cast
from urllib.parse import urlsplit

import hikari
import msgspec
from hikari.api import EventFactory, EventManager
from hikari.api.shard import GatewayCompression
from hikari.impl import GatewayShardImpl, HTTPSettings, ProxySettings

from adapters.config import current
from adapters.contract import DeliveryError, Reason
from adapters.discord.api import Api
from adapters.discord.config import DiscordConfig
from adapters.discord.heard import heard
from adapters.http import Http
from adapters.inbound import ChatInput

Deliver = Callable[[ChatInput], Awaitable[None]]

INTENTS: Final = (
    hikari.Intents.GUILD_MESSAGES
    | hikari.Intents.DM_MESSAGES
    | hikari.Intents.GUILD_MESSAGE_REACTIONS
    | hikari.Intents.DM_MESSAGE_REACTIONS
)
"""None of them is privileged: without Message Content the bot still sees what mentions it or is sent to it.

https://docs.discord.com/developers/events/gateway#message-content-intent
"""

# https://docs.discord.com/developers/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
# Those after which Discord asks not to reconnect; hikari reconnects after all others.
_FATAL: Final[Mapping[int, tuple[Reason, str]]] = {
    4004: (
        Reason.UNAUTHORIZED,
        "the Gateway does not accept bot_token; reset it in the Developer Portal, Bot",
    ),
    4010: (Reason.REJECTED, "the Gateway refused the shard"),
    4011: (Reason.REJECTED, "the bot is in too many servers for one connection; give im a bot of its own"),
    4012: (Reason.REJECTED, "the Gateway no longer speaks version 10; update im"),
    4013: (Reason.REJECTED, "the Gateway does not know an intent; update im"),
    4014: (Reason.FORBIDDEN, "the Gateway denies an intent; look at the Developer Portal, Bot"),
}
_CLOSED: Final = (Reason.UNREACHABLE, "the Gateway closed the connection")
_GATEWAY_HOSTS: Final = ".discord.gg"
_PAUSE_SECONDS: Final = 5.0
_LOOK_UP_WAITS: Final = (0.5, 2.0, 5.0)
"""Between the tries to look a sender up; what others say waits meanwhile, so that it stays in order."""
_LONGEST_LOOK_UP_WAIT: Final = 10.0
_KEEP_ALIVE: Final = "keep alive (shard 0)"
_log = logging.getLogger(__name__)


async def listen(config: DiscordConfig, deliver: Deliver, *, stop: asyncio.Event) -> None:
    """Hand every mention, direct message and thumb to `deliver`, in order, until `stop` is set.

    Connections that break are made again and resumed, so that nothing said meanwhile is lost. Raises
    DeliveryError where no reconnecting helps (the token, the intents), and whatever `deliver` raises.
    """
    _keep_payloads_out_of_logs()
    async with Http() as http:
        api = Api(config, http)
        while not stop.is_set():
            try:
                await _session(api, config, deliver, stop)
            except DeliveryError as error:
                if not error.reason.retryable:
                    raise
                _log.warning("the Discord Gateway is not to be had, trying again: %s", error.detail)
                await _pause(stop, error.retry_after or _PAUSE_SECONDS)


class _Feed:
    """What hikari's connection hands its events to: of its event manager it calls these alone."""

    def __init__(self, guild: str) -> None:
        self.queue: asyncio.Queue[ChatInput | None] = asyncio.Queue()
        self._guild = guild
        self._me = ""

    def consume_raw_event(self, name: str, _: object, payload: Mapping[str, Any]) -> None:
        """Keep what is for the bot."""
        if name == "READY":
            self._me = str(payload["user"]["id"])
        given = heard(name, payload, guild=self._guild, me=self._me)
        if given:
            self.queue.put_nowait(given)

    async def dispatch(self, _: object, *, return_tasks: bool = False) -> None:
        """Nobody waits for hikari's own events."""

    def deserialize_connected_event(self, _: object) -> None:
        """There is no event to make."""

    def deserialize_disconnected_event(self, _: object) -> None:
        """There is no event to make."""


async def _session(api: Api, config: DiscordConfig, deliver: Deliver, stop: asyncio.Event) -> None:
    feed = _Feed(config.guild_id)
    shard = _shard(await _address(api, config), config, feed)
    running = asyncio.create_task(_run(shard))
    handing = asyncio.create_task(_hand_on(feed, api, deliver))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((running, handing, stopping), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        handing.cancel()
        raise
    finally:
        stopping.cancel()
        await _close(shard, running)
        feed.queue.put_nowait(None)  # after all that was heard
        await _finished(handing)
    handing.result()
    if not running.cancelled():
        running.result()


async def _address(api: Api, config: DiscordConfig) -> str:
    """Where to connect: as configured, else as Discord says; the call also finds a wrong token early."""
    found = await api.gateway()
    if found.session_start_limit.remaining < 1:
        wait = found.session_start_limit.reset_after / 1000
        raise DeliveryError(Reason.RATE_LIMITED, "the bot began too many sessions today", retry_after=wait)
    return _believed(found.url, config)


def _believed(url: str, config: DiscordConfig) -> str:
    """The address if it is Discord's or of the configured server, or else the configured one.

    The bot's token is sent there, so that an address in an answer alone is not enough.
    """
    default = {field.name: field.default for field in msgspec.structs.fields(DiscordConfig)}["gateway_url"]
    if config.gateway_url != default:
        return config.gateway_url
    told, base = urlsplit(url), urlsplit(config.api_base)
    of_discord = told.scheme == "wss" and (told.hostname or "").endswith(_GATEWAY_HOSTS)
    of_base = told.hostname == base.hostname and told.scheme == ("ws" if base.scheme == "http" else "wss")
    return url if of_discord or of_base else config.gateway_url


def _shard(url: str, config: DiscordConfig, feed: _Feed) -> GatewayShardImpl:
    def loads(frame: str | bytes) -> dict[str, Any]:
        payload: dict[str, Any] = msgspec.json.decode(frame)
        if payload.get("t") == "READY":
            payload["d"]["resume_gateway_url"] = _believed(payload["d"]["resume_gateway_url"], config)
        return payload

    return GatewayShardImpl(
        token=current(config.bot_token),
        url=url,
        intents=INTENTS,
        compression=GatewayCompression.TRANSPORT_ZLIB_STREAM,
        http_settings=HTTPSettings(),
        proxy_settings=ProxySettings(),
        event_manager=cast("EventManager", feed),
        event_factory=cast("EventFactory", feed),
        loads=loads,
    )


async def _run(shard: GatewayShardImpl) -> None:
    """Until the connection ends for good; every end is a DeliveryError."""
    try:
        await shard.start()
        await shard.join()
    except hikari.GatewayServerClosedConnectionError as error:
        raise DeliveryError(*_FATAL.get(int(error.code or 0), _CLOSED)) from None
    except hikari.GatewayError:
        raise DeliveryError(Reason.UNREACHABLE, "the Gateway's connection broke") from None
    except Exception:
        # hikari lets through whatever reading a frame raised (zlib, JSON, a missing field).
        raise DeliveryError(Reason.BAD_ANSWER, "the Gateway sent something unreadable") from None


async def _hand_on(feed: _Feed, api: Api, deliver: Deliver) -> None:
    while (given := await feed.queue.get()) is not None:
        if given.channel_kind != "direct" or await _is_member(api, given.user.id):
            await deliver(given)


async def _is_member(api: Api, user: str) -> bool:
    """Whether who wrote to the bot directly is in the server: people of others may write to it too."""
    for wait in (*_LOOK_UP_WAITS, None):
        try:
            return await api.roles_of(user) is not None
        except DeliveryError as error:
            if wait is None or not error.reason.retryable:
                _log.warning("a direct message is dropped, its sender cannot be looked up: %s", error.detail)
                break
            await asyncio.sleep(min(error.retry_after or wait, _LONGEST_LOOK_UP_WAIT))
    return False


async def _close(shard: GatewayShardImpl, running: asyncio.Task[None]) -> None:
    """End the connection. Until its handshake hikari hands its task out to nobody, so it is found by name."""
    if running.done():
        return
    with suppress(hikari.ComponentStateConflictError):
        await shard.close()
    unfinished = {task for task in asyncio.all_tasks() if task.get_name() == _KEEP_ALIVE} | {running}
    for task in unfinished:
        task.cancel()
    await asyncio.wait(unfinished)


async def _finished(handing: asyncio.Task[None]) -> None:
    """Wait for the last deliveries, unless the waiting itself is cancelled."""
    try:
        await asyncio.wait((handing,))
    finally:
        handing.cancel()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _keep_payloads_out_of_logs() -> None:
    """hikari logs what was said below the level INFO."""
    logger = logging.getLogger("hikari")
    if logger.getEffectiveLevel() < logging.INFO:
        logger.setLevel(logging.INFO)
