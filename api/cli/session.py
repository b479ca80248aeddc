"""How commands reach the API: one HTTP client, to a server elsewhere or to the same application in here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from api.cli.errors import CliError, Refused

if TYPE_CHECKING:
    import httpx

    from api.cli.sender import Sender
    from router.settings import Settings

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 60.0


class Api:
    """The API, called synchronously. Every call raises Refused with the API's own sentence, or CliError."""

    def __init__(
        self, client: httpx.AsyncClient, runner: asyncio.Runner, *, sender: Sender | None, alone: bool
    ) -> None:
        """`sender` sends what waits, where this machine may; `alone` says that no worker does."""
        self._client = client
        self._runner = runner
        self.sender = sender
        self.alone = alone

    def get(self, *path: str, **query: object) -> Any:
        """GET /api/v1/…; the parts of the path are quoted."""
        return self.call("GET", path, query=query)

    def post(self, *path: str, body: object = None, **query: object) -> Any:
        """POST /api/v1/… with a JSON body; bytes are sent as they are."""
        return self.call("POST", path, body=body, query=query)

    def deliver(self, *path: str, body: object) -> Any:
        """POST /chatops/…, as a chat platform does."""
        return self.call("POST", path, body=body, base="/chatops/")

    def pause(self, seconds: float) -> None:
        """Wait, while an application in this process goes on with its work."""
        self._runner.run(asyncio.sleep(seconds))

    def call(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        body: object = None,
        query: dict[str, object] | None = None,
        base: str = "/api/v1/",
    ) -> Any:
        """One call; the decoded JSON of the answer, None where it has none."""
        address = base + "/".join(quote(part, safe="") for part in path)
        given = {name: str(value) for name, value in (query or {}).items() if value not in (None, "")}
        return self._runner.run(_answered(self._client, method, address, _encoded(body), given))


@contextmanager
def api(settings: Settings | None = None) -> Iterator[Api]:
    """The API that the settings name (without any: the environment); what it needs runs for the duration of
    the block."""
    settings = settings or settings_or_fail()
    opened = _remote(settings) if settings.url else _local(settings)
    with opened as found:
        yield found


def settings_or_fail() -> Settings:
    """The settings; CliError names the variable that cannot be used."""
    from router.settings import SettingsError, read  # noqa: PLC0415

    try:
        settings = read()
    except SettingsError as error:
        raise CliError(str(error)) from None
    if settings.url and not settings.token:
        raise CliError(
            "IM_URL is set but IM_TOKEN is not; set it to a token that `im tokens create` made there"
        )
    return settings


@contextmanager
def _remote(settings: Settings) -> Iterator[Api]:
    import httpx  # noqa: PLC0415

    with asyncio.Runner() as runner, _closing(runner) as stack:
        client = httpx.AsyncClient(
            base_url=settings.url,
            headers={"authorization": f"Bearer {settings.token}"},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        )
        runner.run(stack.enter_async_context(client))
        yield Api(client, runner, sender=None, alone=False)


@contextmanager
def _local(settings: Settings) -> Iterator[Api]:
    from api.cli import local  # noqa: PLC0415
    from api.cli.sender import Sender  # noqa: PLC0415

    with (
        local.explained(),
        local.endpoints(settings) as (effective, alone),
        asyncio.Runner() as runner,
        _closing(runner) as stack,
        Sender(effective) as sender,
    ):
        runner.run(local.prepared(settings, effective))
        client = runner.run(stack.enter_async_context(local.client(effective)))
        yield Api(client, runner, sender=sender, alone=alone)


@contextmanager
def _closing(runner: asyncio.Runner) -> Iterator[AsyncExitStack]:
    stack = AsyncExitStack()
    try:
        yield stack
    finally:
        runner.run(stack.aclose())


def _encoded(body: object) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    import msgspec  # noqa: PLC0415

    return msgspec.json.encode(body)


async def _answered(
    client: httpx.AsyncClient, method: str, address: str, body: bytes | None, query: dict[str, str]
) -> Any:
    import httpx  # noqa: PLC0415

    headers = {"content-type": "application/json"} if body is not None else {}
    # httpx joins a path that begins with / to the path of its base address.
    try:
        answer = await client.request(method, address, content=body, params=query, headers=headers)
    except httpx.TimeoutException:
        raise CliError(f"{_shown(client)} did not answer in time; try again in a moment") from None
    except httpx.HTTPError as error:
        raise CliError(
            f"{_shown(client)} cannot be reached ({type(error).__name__}); check IM_URL and that it runs"
        ) from None
    return _decoded(answer, _shown(client))


def _shown(client: httpx.AsyncClient) -> str:
    from router.settings import without_password  # noqa: PLC0415

    return without_password(str(client.base_url)).rstrip("/")


def _decoded(answer: httpx.Response, server: str) -> Any:
    import msgspec  # noqa: PLC0415

    if answer.is_success and not answer.content:
        return None
    try:
        value = msgspec.json.decode(answer.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = None
    if answer.is_success and value is not None:
        return value
    if isinstance(value, dict) and isinstance(value.get("detail"), str):
        raise Refused(answer.status_code, value["detail"], _fields(value.get("errors")))
    raise CliError(f"{server} answered {answer.status_code}, and not as im does; check IM_URL")


def _fields(errors: object) -> list[tuple[str, str]]:
    rows = errors if isinstance(errors, list) else []
    return [(str(row.get("field", "")), str(row.get("detail", ""))) for row in rows if isinstance(row, dict)]
