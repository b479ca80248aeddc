"""The shared HTTP client against a real server on loopback: every way a request can end has its reason."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import http
from adapters.contract import Answer, DeliveryError, Reason
from adapters.http import Http

Script = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]

SECRET = "xoxb-not-to-be-shown-1234"


class Served(msgspec.Struct):
    """A server that does what its script says, and the request heads that it read."""

    url: str
    heads: list[bytes]


@asynccontextmanager
async def served(script: Script) -> AsyncIterator[Served]:
    heads: list[bytes] = []

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                heads.append(head)
                found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                length = int(found.group(1)) if found else 0
                await script(head + await reader.readexactly(length), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Served(url=f"http://localhost:{port}", heads=heads)
    finally:
        server.close()


def answer(body: bytes, status: str = "200 OK", *headers: bytes) -> Script:
    async def script(_: bytes, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}".encode(), *headers, b"Content-Length: %d" % len(body)]
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    return script


async def hang_up(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
    )
    writer.transport.abort()


async def half_an_answer(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
    await writer.drain()
    writer.close()


async def not_http(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
    await writer.drain()
    writer.close()


async def silence(_: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


async def trickle(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _second in range(100):
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.05)


async def endless(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"%x\r\n%s\r\n" % (65536, b"x" * 65536)
    while True:
        writer.write(chunk)
        await writer.drain()


async def send(url: str, *, patience: float = 2.0, headers: dict[str, str] | None = None) -> Answer:
    async with Http() as outbound:
        return await outbound.request(
            "POST",
            url,
            headers=headers or {"authorization": f"Bearer {SECRET}"},
            body=b"{}",
            timeout=patience,
        )


async def failing(url: str, *, patience: float = 2.0) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await send(url, patience=patience)
    return caught.value


async def test_an_answer_is_read_whole_with_its_headers_in_lower_case() -> None:
    async with served(answer(b"hello", "201 Created", b"X-Thing: 7")) as server:
        got = await send(server.url)
    assert (got.status, got.body, got.headers["x-thing"]) == (201, b"hello", "7")


async def test_method_headers_and_body_arrive_as_given() -> None:
    seen: list[bytes] = []

    async def script(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        await answer(b"")(request, writer)

    async with served(script) as server, Http() as outbound:
        await outbound.request("PUT", f"{server.url}/a?b=c", headers={"x-one": "1"}, body=b"payload")
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /a?b=c HTTP/1.1")
    assert b"x-one: 1" in head.lower()
    assert b"user-agent: im-router" in head.lower()
    assert body == b"payload"


async def test_a_compressed_answer_is_unpacked() -> None:
    async with served(answer(gzip.compress(b"hello"), "200 OK", b"Content-Encoding: gzip")) as server:
        assert (await send(server.url)).body == b"hello"


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with served(answer(b"", "302 Found", b"Location: http://127.0.0.1:9/")) as server:
        assert (await send(server.url)).status == 302
        assert len(server.heads) == 1


async def test_a_cookie_is_not_sent_back() -> None:
    async with served(answer(b"", "200 OK", b"Set-Cookie: a=b; Path=/")) as server, Http() as outbound:
        for _ in range(2):
            await outbound.request("GET", server.url, headers={})
    assert not any(b"cookie" in head.lower() for head in server.heads)


async def test_connections_are_used_again() -> None:
    ports: set[int] = set()

    async def script(request: bytes, writer: asyncio.StreamWriter) -> None:
        ports.add(writer.get_extra_info("peername")[1])
        await answer(b"ok")(request, writer)

    async with served(script) as server, Http() as outbound:
        for _ in range(5):
            await outbound.request("GET", server.url, headers={})
    assert len(ports) == 1


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (hang_up, Reason.UNREACHABLE),
        (reset, Reason.UNREACHABLE),
        (half_an_answer, Reason.UNREACHABLE),
        (not_http, Reason.BAD_ANSWER),
        (endless, Reason.BAD_ANSWER),
    ],
)
async def test_a_broken_answer_may_have_arrived(script: Script, reason: Reason) -> None:
    async with served(script) as server:
        error = await failing(server.url)
    assert (error.reason, error.may_have_arrived) == (reason, True)
    assert error.reason.retryable


@pytest.mark.parametrize("script", [silence, trickle])
async def test_a_timeout_holds_for_the_whole_exchange(script: Script) -> None:
    async with served(script) as server:
        began = time.monotonic()
        error = await failing(server.url, patience=0.3)
        took = time.monotonic() - began
    assert (error.reason, error.may_have_arrived) == (Reason.TIMEOUT, True)
    assert took < 2


async def test_a_refused_connection_has_surely_not_arrived() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    error = await failing(f"http://127.0.0.1:{port}/")
    assert (error.reason, error.may_have_arrived) == (Reason.UNREACHABLE, False)


async def test_a_connection_that_is_not_accepted_has_surely_not_arrived() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(8)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        error = await failing(f"http://127.0.0.1:{port}/", patience=0.4)
        for one in waiting:
            one.close()
    assert (error.reason, error.may_have_arrived) == (Reason.TIMEOUT, False)


async def test_waiting_for_a_free_connection_has_surely_not_arrived() -> None:
    async with served(silence) as server, Http(connections=1) as outbound:
        first = asyncio.create_task(outbound.request("GET", server.url, headers={}, timeout=3))
        await asyncio.sleep(0.1)
        with pytest.raises(DeliveryError) as caught:
            await outbound.request("GET", server.url, headers={}, timeout=0.4)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    assert (caught.value.reason, caught.value.may_have_arrived) == (Reason.TIMEOUT, False)


@pytest.mark.parametrize(
    "url", ["http://", "not an address", "ftp://127.0.0.1/x", "http://[::1/", "http://a\nb/"]
)
async def test_an_address_that_is_none_is_unreachable(url: str) -> None:
    error = await failing(url)
    assert (error.reason, error.may_have_arrived) == (Reason.UNREACHABLE, False)


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "…", "\ud800"])
async def test_a_header_that_cannot_be_sent_is_rejected_and_nothing_is_sent(value: str) -> None:
    async with served(answer(b"")) as server, Http() as outbound:
        with pytest.raises(DeliveryError) as caught:
            await outbound.request(
                "POST", server.url, headers={"authorization": f"{SECRET}{value}"}, body=b"x"
            )
        assert server.heads == []
    assert caught.value.reason is Reason.REJECTED
    assert SECRET not in str(caught.value)


async def test_a_closed_client_raises_a_delivery_error() -> None:
    outbound = Http()
    await outbound.close()
    with pytest.raises(DeliveryError) as caught:
        await outbound.request("GET", "http://127.0.0.1:9/", headers={})
    assert (caught.value.reason, caught.value.may_have_arrived) == (Reason.UNREACHABLE, False)


async def test_cancelling_is_not_mistaken_for_a_failure() -> None:
    async with served(silence) as server:
        task = asyncio.create_task(send(server.url))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_no_error_shows_the_path_the_query_the_user_or_a_header() -> None:
    async with served(hang_up) as server:
        address = server.url.replace("http://", "http://user:pass-word@") + "/hooks/T0K3N?key=S3CR3T"
        error = await failing(address)
    for hidden in ("T0K3N", "S3CR3T", "pass-word", SECRET):
        assert hidden not in f"{error}{error!r}"


def test_the_host_is_all_that_is_shown_of_an_address() -> None:
    assert http.host_of("https://user:secret@chat.example.com:8443/hooks/abc?x=1") == "chat.example.com:8443"
    assert http.host_of("http://[::1") == "the configured address"
    assert http.host_of("") == "the configured address"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("99999999", 3600.0),
        ("inf", 3600.0),
        (" 7 ", 7.0),
    ],
)
def test_retry_after_in_seconds(value: str, seconds: float) -> None:
    assert http.retry_after({"retry-after": value}) == seconds


@pytest.mark.parametrize("value", ["", "soon", "nan", "Mon, 99 Foo 2026 99:99:99 GMT"])
def test_an_unreadable_retry_after_is_none(value: str) -> None:
    assert http.retry_after({"retry-after": value}) is None


def test_retry_after_as_a_date() -> None:
    later = datetime.now(UTC) + timedelta(seconds=90)
    seconds = http.retry_after({"retry-after": format_datetime(later, usegmt=True)})
    assert seconds is not None
    assert 85 <= seconds <= 90
    assert http.retry_after({"retry-after": "Mon, 05 Jan 2015 10:00:00 GMT"}) == 0.0


@given(st.text(max_size=40))
def test_no_retry_after_raises_or_leaves_its_range(value: str) -> None:
    seconds = http.retry_after({"retry-after": value})
    assert seconds is None or 0 <= seconds <= http.MAX_RETRY_AFTER_SECONDS


@pytest.mark.parametrize(
    ("status", "reason", "arrived"),
    [
        (400, Reason.REJECTED, False),
        (401, Reason.UNAUTHORIZED, False),
        (403, Reason.FORBIDDEN, False),
        (404, Reason.CHANNEL_NOT_FOUND, False),
        (408, Reason.TIMEOUT, False),
        (412, Reason.SERVER_ERROR, False),
        (418, Reason.REJECTED, False),
        (429, Reason.RATE_LIMITED, False),
        (500, Reason.SERVER_ERROR, True),
        (503, Reason.SERVER_ERROR, True),
        (599, Reason.SERVER_ERROR, True),
    ],
)
def test_a_status_means_a_reason(status: int, reason: Reason, arrived: bool) -> None:
    error = http.failure(Answer(status=status, headers={}, body=b"private"), "Chat")
    assert (error.reason, error.may_have_arrived) == (reason, arrived)
    assert str(error) == f"Chat answered {status}"


def test_a_wait_that_the_platform_names_wins_over_the_header() -> None:
    limited = Answer(status=429, headers={"retry-after": "30"}, body=b"")
    assert http.failure(limited, "Chat").retry_after == 30
    assert http.failure(limited, "Chat", wait=0.25).retry_after == 0.25


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b'{"ok": "yes"}', b"[" * 100_000, b"null"])
def test_an_unreadable_answer_is_a_bad_answer_that_may_have_arrived(body: bytes) -> None:
    class Expected(msgspec.Struct):
        ok: bool

    with pytest.raises(DeliveryError) as caught:
        http.decode(Answer(status=200, headers={}, body=body), Expected, "Chat")
    assert (caught.value.reason, caught.value.may_have_arrived) == (Reason.BAD_ANSWER, True)


def test_a_lone_surrogate_does_not_stop_a_message() -> None:
    class Payload(msgspec.Struct):
        text: str

    assert http.encode(Payload(text="a\ud800b")) == b'{"text": "a?b"}'
    assert http.encode({"text": "ä"}) == '{"text":"ä"}'.encode()
