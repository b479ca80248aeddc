"""HTTP towards platforms: one shared client, and the translation of answers into failure reasons."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple, Self, TypeVar

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from adapters.contract import Answer, DeliveryError, Reason

T = TypeVar("T")

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""All that msgspec raises for bytes that are no JSON of the wanted shape; the last for deep nesting."""

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
MAX_RETRY_AFTER_SECONDS: Final = 3600.0
KEEPALIVE_SECONDS: Final = 4.0
"""Shorter than servers keep idle connections (often 5 s), so that none is used while it is being closed."""

_BY_STATUS: Final[Mapping[int, Reason]] = {
    401: Reason.UNAUTHORIZED,
    403: Reason.FORBIDDEN,
    404: Reason.CHANNEL_NOT_FOUND,
    408: Reason.TIMEOUT,
    412: Reason.SERVER_ERROR,
    425: Reason.SERVER_ERROR,
    429: Reason.RATE_LIMITED,
}


class _NoAnswer(NamedTuple):
    """What a broken request means: the reason, whether it may have arrived, and the sentence for people."""

    reason: Reason
    may_have_arrived: bool
    detail: str


_NO_ANSWER: Final[tuple[tuple[type[BaseException], _NoAnswer], ...]] = (
    (aiohttp.ConnectionTimeoutError, _NoAnswer(Reason.TIMEOUT, False, "no connection to {host} in time")),
    (TimeoutError, _NoAnswer(Reason.TIMEOUT, True, "{host} did not answer within {timeout:g} s")),
    (aiohttp.ClientSSLError, _NoAnswer(Reason.UNREACHABLE, False, "no trusted TLS connection to {host}")),
    (aiohttp.ClientConnectorError, _NoAnswer(Reason.UNREACHABLE, False, "no connection to {host}")),
    (aiohttp.ClientResponseError, _NoAnswer(Reason.BAD_ANSWER, True, "{host} does not speak HTTP")),
    (httpx.InvalidURL, _NoAnswer(Reason.UNREACHABLE, False, "{host} is not an address")),
    (httpx.UnsupportedProtocol, _NoAnswer(Reason.UNREACHABLE, False, "{host} is not an address")),
    (aiohttp.InvalidURL, _NoAnswer(Reason.UNREACHABLE, False, "{host} is not an address")),
    (aiohttp.NonHttpUrlClientError, _NoAnswer(Reason.UNREACHABLE, False, "{host} is not an address")),
    (ValueError, _NoAnswer(Reason.REJECTED, False, "a header for {host} holds characters HTTP forbids")),
    (RuntimeError, _NoAnswer(Reason.UNREACHABLE, False, "the connections are closed")),
)
"""By the exception underneath, first match; anything else is a connection that broke after it was made.

httpx-aiohttp reports a server that hangs up as a connect time-out, so its own classes are not enough."""
_FAILURES: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    aiohttp.ClientError,
    OSError,
    ValueError,
    RuntimeError,
)
_BROKE: Final = _NoAnswer(Reason.UNREACHABLE, True, "the connection to {host} broke")


class Http:
    """The Outbound that the program uses: httpx requests straight over aiohttp's transport.

    The layer between them (redirects, cookies, authentication, proxies from the environment) is left out:
    nothing here wants it, and it costs more than the sending itself.
    """

    def __init__(self, *, connections: int = 512) -> None:
        tls = _tls()
        self._transport = AiohttpTransport(verify=tls, client=lambda: _session(connections, tls))
        self._closed = False

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  it is httpx's
    ) -> Answer:
        """Send one request and read its answer within `timeout` seconds; see adapters.contract.Outbound."""
        try:
            if self._closed:
                raise RuntimeError("closed")
            request = httpx.Request(
                method,
                _parsed(url),
                headers={"user-agent": "im-router", **headers},
                content=body,
                extensions={"timeout": {"connect": timeout / 2, "pool": timeout / 2, "read": timeout}},
            )
            async with asyncio.timeout(timeout):
                response = await self._transport.handle_async_request(request)
                try:
                    content = await _read_limited(response)
                finally:
                    await response.aclose()
        except _FAILURES as error:
            raise _no_answer(error, url, timeout) from None
        return Answer(status=response.status_code, headers=response.headers, body=content)

    async def close(self) -> None:
        """Close the connections."""
        self._closed = True
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


@lru_cache(maxsize=1024)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)


@cache
def _tls() -> ssl.SSLContext:
    """The trusted certificates, read once in a process: that takes 20 ms."""
    return httpx.create_ssl_context(trust_env=False)


def _session(connections: int, tls: ssl.SSLContext) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEPALIVE_SECONDS, ssl=tls)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def _no_answer(error: Exception, url: str, timeout: float) -> DeliveryError:
    cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
    meaning = next((meaning for kind, meaning in _NO_ANSWER if isinstance(cause, kind)), _BROKE)
    detail = meaning.detail.format(host=host_of(url), timeout=timeout)
    return DeliveryError(meaning.reason, detail, may_have_arrived=meaning.may_have_arrived)


async def _read_limited(response: httpx.Response) -> bytes:
    chunks: list[bytes] = []
    size = 0
    decoded = response.aiter_bytes() if "content-encoding" in response.headers else response.aiter_raw()
    async for chunk in decoded:
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise DeliveryError(Reason.BAD_ANSWER, "the answer was larger than 4 MiB", may_have_arrived=True)
        chunks.append(chunk)
    return b"".join(chunks)


def host_of(url: str) -> str:
    """The host (and port) of an address: all of it that may be shown."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "the configured address"
    return parsed.netloc.decode("ascii", "replace").rpartition("@")[2] or "the configured address"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as `Retry-After` says (a number or a date), at most an hour; None without it."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS) if seconds == seconds else None  # noqa: PLR0124


def failure(answer: Answer, what: str, *, wait: float | None = None) -> DeliveryError:
    """The DeliveryError for an answer that is not a success, by its status.

    `what` is who answered (`Slack`); `wait` overrides Retry-After where the platform says it elsewhere.
    """
    reason = _BY_STATUS.get(answer.status)
    if reason is None:
        reason = Reason.SERVER_ERROR if answer.status >= 500 else Reason.REJECTED
    seconds = wait if wait is not None else retry_after(answer.headers)
    return DeliveryError(
        reason,
        f"{what} answered {answer.status}",
        retry_after=seconds,
        may_have_arrived=answer.status >= 500,
    )


def decode(answer: Answer, kind: type[T], what: str) -> T:
    """The answer's JSON as `kind`; BAD_ANSWER when it is something else."""
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except UNREADABLE:
        raise DeliveryError(
            Reason.BAD_ANSWER, f"{what} answered with something unreadable", may_have_arrived=True
        ) from None


def encode(payload: Any) -> bytes:
    """A payload as JSON bytes; a lone surrogate that somebody managed to type becomes `?`."""
    try:
        return msgspec.json.encode(payload)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(payload), ensure_ascii=False).encode("utf-8", "replace")
