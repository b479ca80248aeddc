"""The command `/im` on Discord: how it is registered, and read back as it would be typed."""

from __future__ import annotations

import json
import shlex

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import (
    Reason,
)
from adapters.discord import commands
from adapters.discord.outbound import Discord
from adapters.http import Http
from adapters.inbound import (
    Argument,
    CommandSpec,
)
from router.chat import words
from tests.contract.subject_discord import (
    CHANNEL,
    DANA,
    config_for,
    failing,
    incoming,
    take,
)
from tests.fakes.discord import DiscordFake
from tests.fakes.discord_body import check_command

SPECS = (
    CommandSpec(
        name="resolve",
        help="Resolve an incident",
        arguments=(
            Argument(name="id", help="Its id"),
            Argument(name="note", help="What it was", rest=True),
        ),
    ),
    CommandSpec(
        name="declare",
        help="Declare an incident",
        arguments=(
            Argument(name="sev", help="How bad", option=True, choices=("SEV-1", "SEV-2")),
            Argument(name="title", help="What is wrong", required=True, rest=True),
            Argument(name="service", help="Where", option=True),
        ),
    ),
    CommandSpec(name="list", help="Open incidents"),
)


class TestCommands:
    async def test_a_command_comes_as_it_would_be_typed(self, adapter: Discord, fake: DiscordFake) -> None:
        await adapter.register_commands(SPECS)
        text = 'declare --sev SEV-1 "Payments are \\"down\\" again" --service checkout'
        found = await take(adapter, fake, fake.command(DANA, text, channel=CHANNEL))
        assert found.kind == "command"
        assert shlex.split(found.text) == [
            *("declare", 'Payments are "down" again', "--sev", "SEV-1", "--service", "checkout")
        ]
        assert (found.user.id, found.user.name, found.workspace) == (DANA, "Spooky", fake.guild_id)
        assert (found.channel, found.channel_name, found.channel_kind) == (CHANNEL, "incidents", "channel")
        assert (found.thread, found.message) == (None, None)

    async def test_arguments_are_put_in_the_order_that_is_registered(
        self, fake: DiscordFake, http: Http
    ) -> None:
        await Discord(config_for(fake), http).register_commands(SPECS)
        another_process = Discord(config_for(fake), http)
        given = {"note": "fixed it", "id": "INC-1"}
        for _ in range(2):
            signal = fake.fill(DANA, "resolve", given, channel=CHANNEL)
            [found] = (await another_process.receive(incoming(signal))).inputs
            assert found.text == 'resolve INC-1 "fixed it"'
        asked = [call for call in fake.calls if call.method == "GET"]
        assert len(asked) == 1

    async def test_without_an_answer_arguments_stay_as_they_were_given(
        self, fake: DiscordFake, http: Http
    ) -> None:
        adapter = Discord(config_for(fake), http)
        fake.fail_next("500")
        signal = fake.fill(DANA, "resolve", {"id": "INC-1", "note": "fixed"}, channel=CHANNEL)
        [found] = (await adapter.receive(incoming(signal))).inputs
        assert found.text == "resolve INC-1 fixed"

    async def test_what_has_no_subcommand_of_its_own_is_typed(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        found = await take(adapter, fake, fake.command(DANA, 'ack INC-1 "on it"', channel=CHANNEL))
        assert found.text == 'ack INC-1 "on it"'

    async def test_in_a_thread_the_message_it_hangs_on_is_known(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        fake.add_channel("300000000000000006", type=11, parent_id=CHANNEL)
        found = await take(adapter, fake, fake.command(DANA, "list", channel="300000000000000006"))
        assert (found.channel, found.thread) == ("300000000000000006", "300000000000000006")

    async def test_in_a_direct_message_the_channel_is_the_person(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        found = await take(adapter, fake, fake.command(DANA, "list", channel=f"@{DANA}"))
        assert (found.channel, found.channel_kind) == (f"@{DANA}", "direct")
        assert found.workspace == fake.guild_id

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
    def test_values_are_read_back_exactly(self, values: list[str]) -> None:
        assert tokens(" ".join(commands.quoted(value) for value in values)) == values

    def test_the_routers_parser_reads_them_back(self) -> None:
        values = [
            "a b",
            'x "y"',
            "it's",
            "'single' x",
            "--flag",
            "—dash",
            "a=",
            "",
            "end\\",
            "two\nlines",
            "INC-1,",
        ]
        text = " ".join(commands.quoted(value) for value in values)
        assert [word.text for word in words.split(text)] == values

    @pytest.mark.parametrize("quotes", ["“{}”", "„{}“", "«{}»", "＂{}＂"])
    def test_typographic_quotes_become_plain_ones_and_break_nothing(self, quotes: str) -> None:
        typed = quotes.format("the pool")
        assert [word.text for word in words.split(commands.quoted(typed))] == ['"the pool"']

    @pytest.mark.parametrize("value", ["INC-2024-001", "SEV-1", "@dana", "<@201234567890123456>", "a.b/c:1"])
    def test_plain_values_stay_plain(self, value: str) -> None:
        assert commands.quoted(value) == value


def tokens(text: str) -> list[str]:
    """Words and double-quoted strings with `\\"` and `\\\\`, as the router's parser documents it."""
    found, place = [], 0
    while place < len(text):
        if text[place] != '"':
            end = text.find(" ", place)
            end = len(text) if end < 0 else end
            found.append(text[place:end])
            place = end + 1
            continue
        place += 1
        word = ""
        while text[place] != '"':
            place += text[place] == "\\"
            word += text[place]
            place += 1
        found.append(word)
        place += 2
    return found


class TestRegistering:
    async def test_each_command_is_a_subcommand_with_typed_options(
        self, adapter: Discord, fake: DiscordFake
    ) -> None:
        await adapter.register_commands(SPECS)
        [command] = fake.guild_commands
        assert (command["name"], command["type"]) == ("im", 1)
        assert [sub["name"] for sub in command["options"]] == ["resolve", "declare", "list"]
        declare = command["options"][1]
        assert [(o["name"], o["type"], o["required"]) for o in declare["options"]] == [
            ("title", 3, True),
            ("--sev", 3, False),
            ("--service", 3, False),
        ]
        assert declare["options"][1]["choices"] == [
            {"name": "SEV-1", "value": "SEV-1"},
            {"name": "SEV-2", "value": "SEV-2"},
        ]
        assert (await adapter.check())[3].ok

    async def test_registering_again_changes_nothing(self, adapter: Discord, fake: DiscordFake) -> None:
        await adapter.register_commands(SPECS)
        await adapter.register_commands(SPECS)
        assert len(fake.guild_commands) == 1

    async def test_what_is_beyond_25_goes_to_a_free_text(self, adapter: Discord, fake: DiscordFake) -> None:
        many = tuple(CommandSpec(name=f"command-{n}", help="x") for n in range(40))
        await adapter.register_commands(many)
        subs = fake.guild_commands[0]["options"]
        assert len(subs) == 25
        assert subs[-1]["name"] == "run"
        found = await take(adapter, fake, fake.command(DANA, "command-33 now", channel=CHANNEL))
        assert found.text == "command-33 now"

    async def test_no_commands_are_none(self, adapter: Discord, fake: DiscordFake) -> None:
        await adapter.register_commands(SPECS)
        await adapter.register_commands(())
        assert fake.guild_commands == []

    def test_exactly_25_need_no_free_text(self) -> None:
        many = tuple(CommandSpec(name=f"c{n}", help="x") for n in range(25))
        assert commands.registration(many).options[-1].name == "c24"

    @settings(max_examples=40, deadline=None)
    @given(st.data())
    def test_any_commands_are_registered_as_discord_wants_them(self, data: st.DataObject) -> None:
        name = st.sampled_from(["a", "status", "SET", "über", "x" * 40, "run", "with space", "a-b_c"])
        text = st.sampled_from(["", " ", "h" * 300, "help\nme", "😀"])
        argument = st.builds(
            Argument,
            name=name,
            help=text,
            option=st.booleans(),
            required=st.booleans(),
            choices=st.sampled_from([(), ("a", "b"), tuple(map(str, range(30)))]),
        )
        spec = st.builds(
            CommandSpec,
            name=st.sampled_from([f"{n}{size}" for n in "abc" for size in range(20)] + ["run", "A B"]),
            help=text,
            arguments=st.lists(argument, max_size=9).map(tuple),
        )
        specs = data.draw(st.lists(spec, min_size=1, max_size=30, unique_by=lambda one: one.name))
        check_command(json.loads(msgspec.json.encode(commands.registration(specs))))

    def test_long_descriptions_are_cut_until_all_fit(self) -> None:
        arguments = tuple(Argument(name=f"a{n}", help="h" * 100) for n in range(8))
        specs = tuple(CommandSpec(name=f"c{n}", help="h" * 100, arguments=arguments) for n in range(25))
        found = json.loads(msgspec.json.encode(commands.registration(specs)))
        check_command(found)
        assert len(found["options"]) == 25

    async def test_a_bot_without_the_scope_is_told(self, fake: DiscordFake, http: Http) -> None:
        config = msgspec.structs.replace(config_for(fake), guild_id="999999999999999999")
        error = await failing(Discord(config, http).register_commands(SPECS))
        assert error.reason == Reason.FORBIDDEN
