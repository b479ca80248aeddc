"""Which team a provider is for, and whether a request comes from it."""

from __future__ import annotations

import asyncio
from typing import Final

from adapters import http
from adapters.contract import DeliveryError
from adapters.inbound import Refusal, Refused
from adapters.mattermost.config import MattermostConfig
from adapters.mattermost.directory import Directory, is_id
from adapters.mattermost.limits import LOOK_UP_SECONDS

_OTHER_TEAM: Final = "it comes from another team than `team` names"


class Workspace:
    """The team's id; without a configured `team` the server's host, as user ids hold for a whole server."""

    def __init__(self, config: MattermostConfig, directory: Directory) -> None:
        self._team = config.team
        self._host = http.host_of(config.base_url)
        self._directory = directory

    async def id(self) -> str:
        """What ChatInput.workspace is; DeliveryError where the team cannot be looked up."""
        if not self._team:
            return self._host
        if is_id(self._team):
            return self._team
        team = await self._directory.known_team()
        return team.id if team else self._host

    async def of(self, team_id: str, team_domain: str = "") -> str:
        """The workspace of a verified request; Refused when the request names another team.

        What happens in a direct message names no team.
        """
        if self._team and team_domain and team_id and not is_id(self._team):
            if team_domain != self._team.lower():
                raise Refused(Refusal.WRONG_WORKSPACE, _OTHER_TEAM)
            return team_id
        expected = await self._quickly()
        if self._team and team_id and team_id != expected:
            raise Refused(Refusal.WRONG_WORKSPACE, _OTHER_TEAM)
        return expected

    async def _quickly(self) -> str:
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                return await self.id()
        except (DeliveryError, TimeoutError):
            detail = "the team cannot be looked up at Mattermost now; set `team` to its id to do without"
            raise Refused(Refusal.KEYS_UNAVAILABLE, detail) from None
