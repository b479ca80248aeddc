"""War rooms on Discord, and what the connection test says of features that are off."""

from __future__ import annotations

import pytest

from adapters.contract import DeliveryError, Reason
from adapters.discord.outbound import Discord
from adapters.discord.permissions import (
    MANAGE_CHANNELS,
    MANAGE_ROLES,
    SEND_MESSAGES,
    VIEW_CHANNEL,
    Guild,
    GuildChannel,
    Member,
    Overwrite,
    Role,
    Standing,
)
from adapters.discord.rooms import _overwrites
from tests.contract.subject_discord import (
    CHANNEL,
    DAN,
    DANA,
    failing,
)
from tests.fakes.discord import DiscordFake


class TestRooms:
    async def test_a_room_is_made_once_beside_the_default_channel(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        hidden = [{"id": fake.guild_id, "type": 0, "allow": "0", "deny": str(VIEW_CHANNEL)}]
        fake.channels[CHANNEL].update(parent_id="300000000000000009", permission_overwrites=hidden)
        first = await adapter.open_room("inc-2024-001", "Database\nconnection timeout")
        assert await adapter.open_room("inc-2024-001", "again") == first
        made = fake.channels[first.channel]
        assert (made["name"], made["topic"]) == ("inc-2024-001", "Database connection timeout")
        assert made["parent_id"] == "300000000000000009"
        assert hidden[0] in made["permission_overwrites"]
        assert first.url == f"https://discord.com/channels/{fake.guild_id}/{first.channel}"

    async def test_beside_a_thread_of_a_hidden_channel_a_room_is_hidden_too(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        hidden = [{"id": fake.guild_id, "type": 0, "allow": "0", "deny": str(VIEW_CHANNEL)}]
        fake.add_channel("300000000000000010", name="board", permission_overwrites=hidden)
        fake.channels[CHANNEL].update(type=11, parent_id="300000000000000010")
        room = await adapter.open_room("inc-1", "x")
        assert hidden[0] in fake.channels[room.channel]["permission_overwrites"]

    def test_a_room_that_the_bot_could_not_hide_is_not_made(self) -> None:
        hidden = Overwrite("1", deny=str(VIEW_CHANNEL))
        beside = GuildChannel("5", type=0, permission_overwrites=(hidden, Overwrite("7", str(VIEW_CHANNEL))))
        everybody = Role("1", permissions=str(SEND_MESSAGES | MANAGE_CHANNELS))
        standing = Standing("7", Guild("1", owner_id="9", roles=(everybody,)), Member(roles=()))
        with pytest.raises(DeliveryError, match="grant its role View Channels") as caught:
            _overwrites(beside, standing)
        assert caught.value.reason == Reason.FORBIDDEN

    async def test_a_strangers_channel_of_that_name_is_not_taken(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        fake.add_channel("300000000000000008", name="inc-1")
        assert (await adapter.open_room("inc-1", "x")).channel != "300000000000000008"

    async def test_people_who_see_the_room_are_called_into_it(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        fake.everybody = VIEW_CHANNEL
        fake.permissions &= ~MANAGE_ROLES
        room = await adapter.open_room("inc-1", "x")
        outside = await adapter.invite(room.channel, (DANA, DAN, "999999999999999999", "not-an-id"))
        assert outside == ("999999999999999999", "not-an-id")
        await adapter.invite(room.channel, (DANA, DAN))
        [called] = fake.in_channel(room.channel)
        assert called.payload["allowed_mentions"] == {"parse": [], "users": [DANA, DAN]}

    async def test_people_who_do_not_see_it_are_let_in(self, adapter: Discord, fake: DiscordFake) -> None:
        room = await adapter.open_room("inc-1", "x")
        assert await adapter.invite(room.channel, (DAN,)) == ()
        overwrites = {o["id"]: o for o in fake.channels[room.channel]["permission_overwrites"]}
        assert int(overwrites[DAN]["allow"]) & VIEW_CHANNEL
        fake.permissions &= ~MANAGE_ROLES
        fake.members.append(fake._person("201234567890123458", "erin", None))
        assert await adapter.invite(room.channel, ("201234567890123458",)) == ("201234567890123458",)

    async def test_a_room_is_closed_by_a_new_name_and_silence(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        room = await adapter.open_room("inc-1", "x")
        for _ in range(2):
            await adapter.close_room(room.channel, "inc-1")
        closed = fake.channels[room.channel]
        assert closed["name"] == "archived-inc-1"
        everybody = next(o for o in closed["permission_overwrites"] if o["id"] == fake.guild_id)
        assert int(everybody["deny"]) & SEND_MESSAGES
        changes = [call for call in fake.calls if call.method in ("PATCH", "PUT")]
        assert len(changes) == 2

    async def test_without_manage_roles_a_room_is_still_renamed(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        room = await adapter.open_room("inc-1", "x")
        fake.permissions &= ~MANAGE_ROLES
        await adapter.close_room(room.channel, "archived-inc-1")
        assert fake.channels[room.channel]["name"] == "archived-inc-1"

    async def test_a_room_that_is_gone_is_closed(self, adapter: Discord, fake: DiscordFake) -> None:
        await adapter.close_room(fake.missing_channel, "inc-1")

    async def test_without_manage_channels_no_room_is_made(self, adapter: Discord, fake: DiscordFake) -> None:
        fake.permissions &= ~MANAGE_CHANNELS
        assert (await failing(adapter.open_room("inc-1", "x"))).reason == Reason.FORBIDDEN


class TestFeatures:
    async def test_features_that_are_off_are_named_with_their_mend(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        fake.permissions &= ~(MANAGE_CHANNELS | MANAGE_ROLES)
        fake.endpoint_url = None
        lines = (await adapter.check())[4:]
        assert [(line.name, line.ok, line.off) for line in lines] == [("features", True, True)] * 3
        assert lines[0].text == "War rooms are off: the permission Manage Channels is missing"
        assert "/chatops/discord/" in lines[2].mend
        assert all(line.mend for line in lines)

    async def test_when_all_is_on_there_are_four_lines(self, adapter: Discord) -> None:
        assert len(await adapter.check()) == 4
