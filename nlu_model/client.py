"""Asking the language service what somebody means: a short wait, one more try, and rest while it is away.

The service has no password of its own: let it listen on loopback or a private network. Where it is behind a
proxy with TLS, `IM_NLU_URL=https://user:password@host` gives the proxy its credentials (HTTP Basic).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, Self

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from nlu_model.parse import Alternative, Entity, Parse

MAX_CHARACTERS: Final = 1000
TIMEOUT_SECONDS: Final = 2.0
"""For a whole question, its second try included."""
TRIES: Final = 2
FAILURES: Final = 3
"""So many questions in a row without an answer, and none is asked for REST_SECONDS; then one, as a probe."""
REST_SECONDS: Final = 5.0
STALE_SECONDS: Final = 30.0
"""A server writes its state at least every 10 s."""
OFF: Final = "off"
"""IM_NLU_URL=off: no language service is wanted."""
OUT_OF_SCOPE: Final = "out_of_scope"

_MAX_ALTERNATIVES: Final = 4
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_BROKEN: Final = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, RuntimeError, ValueError)

Phase = Literal["environment", "training", "loading", "ready", "failed"]
_NOT_YET: Final = {
    "environment": "the language service is being installed",
    "training": "the language model is being trained",
    "loading": "the language model is being loaded",
}


class Away(Exception):
    """Nobody can be asked what a sentence means; the text says why, for people in chat and admins alike."""


class State(msgspec.Struct, frozen=True):
    """state.json: what the language service of this machine is doing, written by itself."""

    phase: Phase
    done: float
    """0 to 1, of this phase."""
    detail: str
    address: str
    """Where it answers, also while a newer model is prepared; empty where nothing answers yet."""
    at: float
    """When this was written, seconds since 1970."""


Where = Callable[[], str]
"""The address of the service now; raises Away where there is none."""


def read_state(data_dir: Path, now: Callable[[], float] = time.time) -> State | None:
    """The state that the service of a data folder wrote lately; None where it did not."""
    try:
        state = msgspec.json.decode((data_dir / "nlu" / "state.json").read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return None
    return state if abs(now() - state.at) < STALE_SECONDS else None


def locate(url: str, data_dir: Path) -> Where:
    """How to find the service: the address given (IM_NLU_URL), else where that of this data folder is."""

    def where() -> str:
        if url == OFF:
            raise Away("understanding of free text is turned off here (IM_NLU_URL=off)")
        if url:
            return url
        return address_in(read_state(data_dir))

    return where


def address_in(state: State | None) -> str:
    """The address that a state names; Away with what it is doing instead."""
    if state is None:
        raise Away("the language service does not run; start `im serve` or `im nlu serve`")
    if state.address:
        return state.address
    if state.phase == "failed":
        raise Away(f"the language service cannot start: {state.detail}")
    share = f" ({state.done:.0%})" if 0 < state.done < 1 else ""
    raise Away(f"{_NOT_YET.get(state.phase, 'the language service is starting')}{share}")


class _Named(msgspec.Struct, frozen=True):
    name: str | None = None
    confidence: float = 0.0


class _Found(msgspec.Struct, frozen=True):
    entity: str
    start: int
    end: int
    confidence_entity: float | None = None
    confidence: float | None = None


class _Answer(msgspec.Struct, frozen=True):
    """What Rasa's `POST /model/parse` answers."""

    intent: _Named = _Named()
    entities: list[_Found] = []
    intent_ranking: list[_Named] = []


class Interpreter:
    """Asks the service. One for a process and its event loop; `close` it at the end."""

    def __init__(
        self,
        where: Where,
        *,
        timeout: float = TIMEOUT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._where = where
        self._timeout = timeout
        self._clock = clock
        self._address = ""
        self._client: httpx.AsyncClient | None = None
        self._failures = 0
        self._rests_until = 0.0
        self._probing = False

    async def parse(self, text: str) -> Parse:
        """What a sentence means; of a long one the first 1,000 characters are read, and are the Parse's text.

        Raises Away within 2 s where nobody answers. After three such in a row it is raised at once for 5 s.
        """
        cut = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text[:MAX_CHARACTERS])
        if not cut.strip():
            return Parse(cut, OUT_OF_SCOPE, 1.0, (), ())
        where = self._where()  # its Away costs nothing, and does not count
        self._refuse_while_resting()
        try:
            answer = await self._asked(where, cut)
        except Away:
            self._note_failure()
            raise
        finally:
            self._probing = False
        self._failures = 0
        return understood(cut, answer)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _refuse_while_resting(self) -> None:
        if self._failures < FAILURES:
            return
        if self._probing or self._clock() < self._rests_until:
            raise Away("the language service does not answer; it is tried again every 5 s")
        self._probing = True

    def _note_failure(self) -> None:
        self._failures += 1
        self._rests_until = self._clock() + REST_SECONDS

    async def _asked(self, address: str, text: str) -> bytes:
        """The answer's bytes, from the second try where the first finds nobody."""
        for left in reversed(range(TRIES)):
            try:
                async with asyncio.timeout(self._timeout / TRIES):
                    response = await self._post(address, text)
            except _BROKEN:
                if not left:
                    raise Away("the language service does not answer") from None
                address = self._where()  # it may be back elsewhere
            else:
                if response.status_code == httpx.codes.OK:
                    return response.content
                raise Away(f"the language service answered {response.status_code}; check IM_NLU_URL")
        raise AssertionError("unreachable")

    async def _post(self, address: str, text: str) -> httpx.Response:
        if self._client is None:
            tls = httpx.create_ssl_context(trust_env=False)
            self._client = httpx.AsyncClient(transport=AiohttpTransport(verify=tls), trust_env=False)
        given = httpx.URL(f"{address.rstrip('/')}/model/parse")
        # Not left in the address: aiohttp refuses them beside the header that httpx makes of them.
        auth = httpx.BasicAuth(given.username, given.password) if given.userinfo else httpx.USE_CLIENT_DEFAULT
        url = given.copy_with(userinfo=b"")
        return await self._client.post(url, json={"text": text}, auth=auth, timeout=self._timeout)


def understood(text: str, answer: bytes) -> Parse:
    """Rasa's answer about a text as a Parse; Away where it is none."""
    try:
        found = msgspec.json.decode(answer, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Away("the language service answered with something unreadable; check IM_NLU_URL") from None
    intent = found.intent.name or OUT_OF_SCOPE
    others = (
        Alternative(one.name, one.confidence)
        for one in found.intent_ranking
        if one.name not in (None, intent)
    )
    return Parse(
        text=text,
        intent=intent,
        confidence=found.intent.confidence,
        entities=tuple(_entity(text, one) for one in found.entities if 0 <= one.start < one.end <= len(text)),
        alternatives=tuple(sorted(others, key=lambda one: -one.confidence)[:_MAX_ALTERNATIVES]),
    )


def _entity(text: str, found: _Found) -> Entity:
    given = (found.confidence_entity, found.confidence, 1.0)
    confidence = next(number for number in given if number is not None)
    return Entity(found.entity, text[found.start : found.end], found.start, found.end, confidence)
