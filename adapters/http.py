"""HTTP towards platforms: one shared client, and the translation of answers into failure reasons."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self, TypeVar

import httpx
import msgspec
from httpx_aiohttp import HttpxAiohttpClient

from adapters.contract import Answer, DeliveryError, Reason

T = TypeVar("T")

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
MAX_RETRY_AFTER_SECONDS: Final = 3600.0

_BY_STATUS: Final[Mapping[int, Reason]] = {
    401: Reason.UNAUTHORIZED,
    403: Reason.FORBIDDEN,
    404: Reason.CHANNEL_NOT_FOUND,
    408: Reason.TIMEOUT,
    412: Reason.SERVER_ERROR,
    425: Reason.SERVER_ERROR,
    429: Reason.RATE_LIMITED,
}


class Http:
    """The Outbound that the program uses: httpx over aiohttp's transport, no redirects, no cookies kept."""

    def __init__(self, *, connections: int = 100) -> None:
        self._client = HttpxAiohttpClient(
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            follow_redirects=False,
            trust_env=False,
            headers={"user-agent": "im-router"},
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  it is httpx's
    ) -> Answer:
        """Send one request and read its answer; see adapters.contract.Outbound."""
        try:
            async with self._client.stream(
                method, url, headers=headers, content=body, timeout=timeout
            ) as response:
                content = await _read_limited(response)
        except httpx.TimeoutException as error:
            sent = not isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
            raise DeliveryError(
                Reason.TIMEOUT, f"{host_of(url)} did not answer within {timeout:g} s", may_have_arrived=sent
            ) from None
        except (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise DeliveryError(Reason.UNREACHABLE, f"no connection to {host_of(url)}") from None
        except httpx.HTTPError:
            raise DeliveryError(
                Reason.UNREACHABLE, f"the connection to {host_of(url)} broke", may_have_arrived=True
            ) from None
        return Answer(status=response.status_code, headers=dict(response.headers.items()), body=content)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _read_limited(response: httpx.Response) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
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
    if not 0 <= seconds < float("inf"):
        return 0.0
    return min(seconds, MAX_RETRY_AFTER_SECONDS)


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
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise DeliveryError(
            Reason.BAD_ANSWER, f"{what} answered with something unreadable", may_have_arrived=True
        ) from None


def encode(payload: Any) -> bytes:
    """A payload as JSON bytes."""
    return msgspec.json.encode(payload)
