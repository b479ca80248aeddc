"""War rooms in Teams: a thread of its own in the default channel, as a bot cannot make channels.

Making a channel needs Microsoft Graph and the permission of an admin
(https://learn.microsoft.com/graph/api/channel-post). A bot cannot read or search messages either, so “the
room of that name” is known only to the process that opened it: the router keeps the Room, and a second call
after a restart opens a second thread.
"""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import quote, urlencode

from adapters.contract import DeliveryError, Message, Reason
from adapters.inbound import Room
from adapters.teams.card import Activity, Id, NewThread, ThreadData
from adapters.teams.config import TeamsConfig
from adapters.teams.connector import Connector
from adapters.teams.directory import Directory
from adapters.teams.place import is_channel, split_thread
from adapters.teams.render import render

_EVENT: Final = "war_room"


class Threads:
    """See adapters.inbound.Rooms."""

    def __init__(self, config: TeamsConfig, connector: Connector, directory: Directory) -> None:
        self._channel = config.default_channel
        self._tenant_id = config.tenant_id
        self._connector = connector
        self._directory = directory
        self._rooms: dict[str, Room] = {}
        self._called: dict[str, set[str]] = {}
        self._lock = asyncio.Lock()

    async def open_room(self, name: str, topic: str) -> Room:
        """Start the thread, or find the one that this process started under that name."""
        if not is_channel(self._channel):
            raise DeliveryError(
                Reason.REJECTED, "a war room needs a default_channel of a team, like 19:…@thread.tacv2"
            )
        async with self._lock:
            if name not in self._rooms:
                root = Message(event=_EVENT, headline=f"War room {name}", text=topic)
                self._rooms[name] = await self._start(name, render(root))
            return self._rooms[name]

    async def invite(self, channel: str, users: tuple[str, ...]) -> tuple[str, ...]:
        """Mention people in the thread; those who are not of the team are returned."""
        called = self._called.setdefault(_room(channel), set())
        names = {user: await self._directory.name_of(user) for user in users if user not in called}
        found = {user: name for user, name in names.items() if name is not None}
        if found:
            message = Message(event=_EVENT, headline="You are needed here", mentions=tuple(found))
            await self._connector.answer(channel, render(message, found))
            called.update(found)
        return tuple(user for user in names if user not in found)

    async def close_room(self, channel: str, name: str) -> None:
        """Say in the thread's first message that it is over: a bot can neither close nor rename a thread."""
        _, root = split_thread(_room(channel))
        over = Message(event=_EVENT, headline=f"War room {name} is closed")
        await self._connector.replace(channel, root, render(over))
        self._called.pop(channel, None)
        self._rooms = {known: room for known, room in self._rooms.items() if room.channel != channel}

    async def _start(self, name: str, activity: Activity) -> Room:
        opened = await self._connector.create(new_thread(self._channel, self._tenant_id, activity))
        root = opened.activity_id or split_thread(opened.id)[1]
        return Room(channel=opened.id, name=name, url=_link(self._channel, root, self._tenant_id))


def new_thread(channel: str, tenant_id: str, activity: Activity) -> NewThread:
    """The request that starts a thread in a channel."""
    tenant = Id(tenant_id) if tenant_id else None
    return NewThread(
        is_group=True, activity=activity, channel_data=ThreadData(Id(channel), tenant), tenant_id=tenant_id
    )


def _room(channel: str) -> str:
    if not split_thread(channel)[1]:
        raise DeliveryError(Reason.CHANNEL_NOT_FOUND, "that is no thread of Teams, so it is no war room")
    return channel


def _link(channel: str, root: str, tenant_id: str) -> str:
    """https://learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/deep-link-teams"""
    query = {"tenantId": tenant_id} if tenant_id else {}
    tail = urlencode(query | {"parentMessageId": root})
    return f"https://teams.microsoft.com/l/message/{quote(channel, safe='')}/{quote(root, safe='')}?{tail}"
