"""The bot's access token: fetched by client credentials, kept until shortly before its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from adapters.config import current
from adapters.contract import DeliveryError, Outbound, Reason
from adapters.http import decode
from adapters.teams.config import TeamsConfig
from adapters.teams.errors import LOGIN, login_refused
from adapters.teams.limits import TOKEN_MARGIN_SECONDS

# https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication
SCOPE: Final = "https://api.botframework.com/.default"
MULTI_TENANT: Final = "botframework.com"


class _Granted(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = 3600.0


class Token:
    """The headers that carry the token, built once for each token.

    However many callers wait, one request is under way. `clock` is in seconds and only goes forward.
    """

    def __init__(
        self, config: TeamsConfig, http: Outbound, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        tenant = quote(config.tenant_id or MULTI_TENANT, safe="")
        self._url = f"{config.login_base.rstrip('/')}/{tenant}/oauth2/v2.0/token"
        self._form = {
            "grant_type": "client_credentials",
            "client_id": config.app_id,
            "client_secret": current(config.app_password),
            "scope": SCOPE,
        }
        self._http = http
        self._clock = clock
        self._lock = asyncio.Lock()
        self._headers: dict[str, str] = {}
        self._until = float("-inf")

    async def headers(self, *, instead_of: dict[str, str] | None = None) -> dict[str, str]:
        """Headers with a valid token; `instead_of` are ones that Teams has just refused."""
        if self._good(instead_of):
            return self._headers
        async with self._lock:
            if not self._good(instead_of):
                await self._fetch()
            return self._headers

    def _good(self, refused: dict[str, str] | None) -> bool:
        return self._headers is not refused and self._clock() < self._until

    async def _fetch(self) -> None:
        granted = await self._ask()
        margin = min(TOKEN_MARGIN_SECONDS, granted.expires_in / 2)
        self._until = self._clock() + granted.expires_in - margin
        self._headers = {
            "authorization": f"Bearer {granted.access_token}",
            "content-type": "application/json; charset=utf-8",
            "accept": "application/json",
        }

    async def _ask(self) -> _Granted:
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        body = urlencode(self._form).encode()
        try:
            answer = await self._http.request("POST", self._url, headers=headers, body=body)
            if answer.status != 200:
                raise login_refused(answer)
            granted = decode(answer, _Granted, LOGIN)
        except DeliveryError as error:
            raise _never_left(error) from None
        if not (granted.access_token.isascii() and granted.access_token.isprintable()):
            raise DeliveryError(Reason.BAD_ANSWER, f"{LOGIN} answered with an unusable token")
        return granted


def _never_left(error: DeliveryError) -> DeliveryError:
    """The same failure; whatever became of the token's request, the message was not sent yet."""
    return DeliveryError(
        error.reason, error.detail, retry_after=error.retry_after, whole_provider=error.whole_provider
    )
