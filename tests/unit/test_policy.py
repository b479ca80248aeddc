"""The access policy: who may what where, by default and as admins change it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import structlog
from structlog.testing import CapturingLogger

from router.policy.policy import COMMANDS, KINDS, RANKS, ROLES, Kind, Place, Policy, PolicyError, Verdict
from router.settings import ROOT

DEFAULT: Final = ROOT / "data" / "access"
MODEL: Final = (DEFAULT / "model.conf").read_text()

# + allowed, ? after a confirmation, - refused; in the order of PLACES.
PLACES: Final = ("direct", "room", "incident", "management", "other", "external")
HOLDERS: Final = ("viewer", "responder", "commander", "admin", "unlinked")
EXPECTED: Final = """
              viewer  responder  commander  admin   unlinked
declare       ------  ++++++     ++++++     ++++++  ++++++
ack           ------  +++++-     +++++-     +++++-  +++++-
resolve       ------  +++++-     +++++-     +++++-  +++++-
close         ------  +++++-     +++++-     +++++-  +++++-
reopen        ------  +++++-     +++++-     +++++-  +++++-
escalate      ------  +++++-     +++++-     +++++-  +++++-
assign        ------  +++++-     +++++-     +++++-  +++++-
update        ------  +++++-     +++++-     +++++-  +++++-
room          ------  +++++-     +++++-     +++++-  +++++-
status        +++++-  +++++-     +++++-     +++++-  +++++-
list          +++++-  +++++-     +++++-     +++++-  +++++-
count         +++++-  +++++-     +++++-     +++++-  +++++-
timeline      +++++-  +++++-     +++++-     +++++-  +++++-
oncall        +++++-  +++++-     +++++-     +++++-  +++++-
why           +++++-  +++++-     +++++-     +++++-  +++++-
metrics       +++++-  +++++-     +++++-     +++++-  +++++-
metric        +++++-  +++++-     +++++-     +++++-  +++++-
runbook       +++++-  +++++-     +++++-     +++++-  +++++-
help          ++++++  ++++++     ++++++     ++++++  ++++++
link          ++++++  ++++++     ++++++     ++++++  ++++++
silence       ------  ------     +++++-     +++++-  ------
maintenance   ------  ------     +++++-     +++++-  ------
deploy        ------  ------     +++++-     +++++-  ------
github        ------  ------     +++++-     +++++-  ------
broadcast     ------  ------     ?????-     ?????-  ------
"""
MARKS: Final = {"+": "allow", "?": "confirm", "-": "refuse"}


class Clock:
    """Seconds that pass when a test says so."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def default() -> Policy:
    return Policy.load(DEFAULT)


def write(folder: Path, text: str, model: str = MODEL) -> Path:
    (folder / "model.conf").write_text(model)
    (folder / "policy.csv").write_text(text)
    return folder


def place(kind: Kind = "other", channel: str = "C1", provider: str = "company-slack") -> Place:
    return Place(kind, provider, channel)


def judged(policy: Policy, role: str, command: str, at: Place | None = None, **more: str) -> Verdict:
    return policy.judge(role, command, place=at or place(), **more)


def expected() -> Iterator[tuple[str, str, str, str]]:
    header, *rows = EXPECTED.strip().splitlines()
    for row in rows:
        command, *cells = row.split()
        for role, cell in zip(header.split(), cells, strict=True):
            for kind, mark in zip(PLACES, cell, strict=True):
                yield command, role, kind, MARKS[mark]


def test_the_table_below_speaks_of_every_command_role_and_place() -> None:
    rows = [(command, role, kind) for command, role, kind, _ in expected()]
    assert sorted(rows) == sorted((c, r, k) for c in COMMANDS for r in ROLES for k in KINDS)
    assert (HOLDERS, PLACES) == (ROLES, KINDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_default_policy_says_what_the_table_says(default: Policy, command: str) -> None:
    for name, role, kind, outcome in expected():
        if name == command:
            said = judged(default, role, command, place(kind))  # type: ignore[arg-type]
            assert said.outcome == outcome, (role, kind)
            assert bool(said.reason) == (outcome != "allow")
            assert "\n" not in said.reason


def test_a_role_that_is_none_may_nothing(default: Policy) -> None:
    assert {judged(default, "root", command).outcome for command in COMMANDS} == {"refuse"}


# Reasons.


@pytest.mark.parametrize(
    ("role", "command", "kind", "said"),
    [
        (
            "viewer",
            "close",
            "room",
            "`close` needs the role responder; ask one, or an admin to change data/access/policy.csv",
        ),
        (
            "responder",
            "silence",
            "other",
            "`silence` needs the role commander; ask one, or an admin to change data/access/policy.csv",
        ),
        (
            "unlinked",
            "silence",
            "other",
            (
                "`silence` needs an account with the role commander, and yours is not linked to any; "
                "`link` tells how, or ask an admin"
            ),
        ),
        (
            "admin",
            "status",
            "external",
            (
                "`status` may not be used in a channel shared with another organisation; "
                "use it in a direct message, or ask an admin to change data/access/policy.csv"
            ),
        ),
        ("commander", "broadcast", "management", "`broadcast` is done once you have confirmed it"),
    ],
)
def test_a_reason_says_what_would_help(
    default: Policy, role: str, command: str, kind: Kind, said: str
) -> None:
    assert judged(default, role, command, place(kind)).reason == said


def test_a_policy_elsewhere_is_named_without_the_machines_folders(tmp_path: Path) -> None:
    policy = Policy.load(write(tmp_path, "p, viewer, status, *, *, allow\np, admin, *, *, *, allow\n"))
    said = judged(policy, "viewer", "close").reason
    assert said == "`close` needs the role admin; ask one, who can also change policy.csv"


# What admins can say.

BASE: Final = "g, responder, viewer\ng, commander, responder\ng, unlinked, viewer\n"


def test_a_restriction_by_severity_asks_for_the_higher_role(tmp_path: Path) -> None:
    lines = "p, responder, close, *, SEV-3|SEV-4, allow\np, commander, close, *, *, allow\n"
    policy = Policy.load(write(tmp_path, BASE + lines))
    assert judged(policy, "responder", "close", severity="SEV-3").outcome == "allow"
    assert judged(policy, "responder", "close", severity="SEV-1") == Verdict(
        "refuse", "`close` on a SEV-1 needs the role commander; ask one, or an admin to change policy.csv"
    )
    assert judged(policy, "responder", "close").reason.startswith("`close` without a severity needs the role")
    assert judged(policy, "commander", "close", severity="SEV-1").outcome == "allow"


def test_a_severity_that_nobody_may_is_said(tmp_path: Path) -> None:
    lines = "p, responder, close, *, *, allow\np, viewer, close, *, SEV-1|SEV-2, deny\n"
    policy = Policy.load(write(tmp_path, BASE + lines))
    assert judged(policy, "commander", "close", severity="SEV-2").reason == (
        "`close` may be used on SEV-3, SEV-4 only, not on a SEV-2; ask an admin to change policy.csv"
    )
    assert judged(policy, "commander", "close", severity="SEV-4").outcome == "allow"


def test_a_restriction_by_channel_takes_a_glob_of_provider_and_channel(tmp_path: Path) -> None:
    lines = "p, responder, ack|close, *, *, allow\np, viewer, !ack, company-slack:C_EXEC*, *, deny\n"
    policy = Policy.load(write(tmp_path, BASE + lines))
    board = place("management", "C_EXEC_BOARD")
    assert judged(policy, "commander", "ack", board).outcome == "allow"
    assert judged(policy, "commander", "close", board).reason == (
        "`close` may not be used in this channel; use it in a direct message, "
        "or ask an admin to change policy.csv"
    )
    for elsewhere in (place("management", "C_OTHER"), place("management", "C_EXEC_BOARD", "other-slack")):
        assert judged(policy, "commander", "close", elsewhere).outcome == "allow"
    assert judged(policy, "commander", "close", place("management", "c_exec_board")).outcome == "allow"


def test_a_command_can_be_kept_to_kinds_and_channels(tmp_path: Path) -> None:
    lines = "p, responder, deploy, room, *, allow\np, responder, github, any-*:C_OPS, *, allow\n"
    policy = Policy.load(write(tmp_path, BASE + lines))
    assert judged(policy, "responder", "deploy", place("room")).outcome == "allow"
    assert judged(policy, "responder", "deploy").reason == (
        "`deploy` may not be used in this channel; use it in an incident's room, "
        "or ask an admin to change policy.csv"
    )
    assert judged(policy, "responder", "github", place("other", "C_OPS", "any-chat")).outcome == "allow"
    assert judged(policy, "responder", "github").reason == (
        "`github` may not be used here; an admin can change that in policy.csv"
    )


def test_deny_wins_over_confirm_and_confirm_over_allow(tmp_path: Path) -> None:
    lines = (
        "p, viewer, status, *, *, allow\np, viewer, status, room, *, confirm\n"
        "p, viewer, status, room, SEV-1, deny\n"
    )
    policy = Policy.load(write(tmp_path, BASE + lines))
    assert judged(policy, "viewer", "status").outcome == "allow"
    assert judged(policy, "viewer", "status", place("room")).outcome == "confirm"
    assert judged(policy, "viewer", "status", place("room"), severity="SEV-1").outcome == "refuse"


def test_what_unlinked_people_may_is_the_role_that_they_inherit(tmp_path: Path) -> None:
    lines = "p, viewer, status, *, *, allow\np, responder, close, *, *, allow\n"
    policy = Policy.load(write(tmp_path, BASE + lines))
    assert judged(policy, "unlinked", "status").outcome == "allow"
    assert judged(policy, "unlinked", "close").outcome == "refuse"
    closed = Policy.load(write(tmp_path, "g, responder, viewer\n" + lines))
    assert judged(closed, "unlinked", "status").reason == (
        "`status` needs an account here, and yours is not linked to any; `link` tells how, or ask an admin"
    )


def test_a_custom_command_has_the_role_of_its_registration_until_a_line_names_it(tmp_path: Path) -> None:
    lines = "p, viewer, !help, external, *, deny\np, viewer, status, *, *, allow\n"
    policy = Policy.load(write(tmp_path, BASE + lines), custom=("drill",))
    for role, outcome in {"viewer": "refuse", "responder": "allow", "commander": "allow"}.items():
        assert judged(policy, role, "drill", default_role="responder").outcome == outcome
    assert judged(policy, "commander", "drill").outcome == "refuse"
    assert judged(policy, "commander", "drill", place("external"), default_role="viewer").outcome == "refuse"
    write(tmp_path, BASE + lines + "p, commander, drill, *, *, allow\n")
    named = Policy.load(tmp_path, custom=("drill",))
    assert judged(named, "responder", "drill", default_role="viewer").outcome == "refuse"
    assert judged(named, "commander", "drill", default_role="viewer").outcome == "allow"


# Mistakes.


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("p, comander, ack, *, *, allow", "role `comander` is unknown; did you mean `commander`?"),
        ("p, viewer, acknowledge, *, *, allow", "command `acknowledge` is unknown; there are declare, ack, "),
        ("p, viewer, status|clsoe, *, *, allow", "command `clsoe` is unknown; did you mean `close`?"),
        ("p, viewer, !helf, *, *, deny", "command `helf` is unknown; did you mean `help`?"),
        ("p, viewer, ack, managment, *, allow", "place `managment` is unknown; did you mean `management`?"),
        ("p, viewer, ack, slack:, *, allow", "place `slack:`: write it as provider:channel"),
        ("p, viewer, ack, *, SEV-5, allow", "severity `SEV-5` is unknown; did you mean `SEV-4`?"),
        ("p, viewer, ack, *, *, alow", "effect `alow` is unknown; did you mean `allow`?"),
        (
            "p, viewer, ack, *, allow",
            "has 4 columns after `p`; it needs 5: role, command, place, severity, effect",
        ),
        ("g, viewer", "has 1 columns after `g`; it needs 2: role, inherited role"),
        ("q, viewer, ack", "`q`: a line begins with `p` (who may what) or `g` (a role and the one below it)"),
        (
            "g, viewer, commander",
            "`commander` inherits from `viewer` already, or is the same; remove one of the lines",
        ),
        (
            "g, viewer, viewer",
            "`viewer` inherits from `viewer` already, or is the same; remove one of the lines",
        ),
    ],
)
def test_a_mistake_is_named_with_file_line_and_mend(tmp_path: Path, line: str, said: str) -> None:
    write(tmp_path, f"# who may what\n\np, viewer, status, *, *, allow\n{BASE}{line}\n")
    with pytest.raises(PolicyError) as caught:
        Policy.load(tmp_path)
    assert str(caught.value).startswith(f"policy.csv:7: {said}")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy.load(write(tmp_path, "p, vewer, stats, *, *, allow\nx\n"))
    assert [(fault.line, fault.text.split()[0]) for fault in caught.value.faults] == [
        (1, "role"),
        (1, "command"),
        (2, "`x`:"),
    ]


@pytest.mark.parametrize(
    ("text", "model", "said"),
    [
        ("", MODEL, "policy.csv: holds no line, so that every command would be refused; restore it"),
        (
            "p, viewer, status, *, *, allow\n",
            MODEL.replace("p = role, command,", "p = role, comand,"),
            "model.conf:9: column `comand` is unknown; did you mean `command`?",
        ),
        (
            "p, viewer, status, *, *, allow\n",
            MODEL.replace("p = role, command,", "p = command, role,"),
            "model.conf:9: must be `p = role, command, place, severity, effect`",
        ),
        (
            "p, viewer, status, *, *, allow\n",
            MODEL.replace("among(", "amung("),
            "model.conf: casbin cannot use it (FunctionNotDefined); restore it from the release",
        ),
        (
            "p, viewer, status, *, *, allow\n",
            MODEL.replace("r.effect == p.effect", "r.effect != p.effect"),
            (
                "model.conf:18: its matcher misses the line `p, viewer, status, *, *, allow`; "
                "restore it from the release"
            ),
        ),
        (
            "p, viewer, status, *, *, allow\n",
            "",
            "model.conf: casbin cannot use it (KeyError); restore it from the release",
        ),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path: Path, text: str, model: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy.load(write(tmp_path, text, model))
    assert str(caught.value) == said


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"^policy\.csv: cannot be read: No such file or directory$"):
        Policy.load(tmp_path)
    (tmp_path / "policy.csv").write_bytes(b"p, \xff")
    with pytest.raises(PolicyError, match=r"^policy\.csv: is not UTF-8; save it as UTF-8$"):
        Policy.load(tmp_path)


# Changes while it is in force.

OPEN: Final = "p, viewer, close, *, *, allow\n"
SHUT: Final = "p, viewer, status, *, *, allow\n"


def test_a_changed_file_is_in_force_within_a_second(tmp_path: Path, clock: Clock) -> None:
    policy = Policy.load(write(tmp_path, OPEN), clock=clock)
    assert judged(policy, "viewer", "close").outcome == "allow"
    write(tmp_path, SHUT)
    assert judged(policy, "viewer", "close").outcome == "allow"
    clock.now += 1.0
    assert judged(policy, "viewer", "close").outcome == "refuse"


def test_a_bad_file_leaves_the_last_good_one_in_force_and_says_so_once(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CapturingLogger()
    monkeypatch.setattr("router.policy.policy._log", structlog.wrap_logger(log, processors=[]))
    policy = Policy.load(write(tmp_path, OPEN), clock=clock)
    for text in ("p, vewer, close, *, *, deny\n", ""):
        write(tmp_path, text)
        clock.now += 1.0
        assert judged(policy, "viewer", "close").outcome == "allow"
    (tmp_path / "policy.csv").unlink()
    for _ in range(3):
        clock.now += 1.0
        assert judged(policy, "viewer", "close").outcome == "allow"
    assert [(call.method_name, call.kwargs["fault"]) for call in log.calls] == [
        ("error", "policy.csv:1: role `vewer` is unknown; did you mean `viewer`?"),
        ("error", "policy.csv: holds no line, so that every command would be refused; restore it"),
        ("error", "policy.csv: cannot be read: No such file or directory"),
    ]
    assert [str(fault) for fault in policy.problems] == [log.calls[-1].kwargs["fault"]]
    write(tmp_path, SHUT)
    clock.now += 1.0
    assert judged(policy, "viewer", "close").outcome == "refuse"
    assert policy.problems == ()


def test_a_forced_look_does_not_wait(tmp_path: Path, clock: Clock) -> None:
    policy = Policy.load(write(tmp_path, OPEN), clock=clock)
    write(tmp_path, SHUT)
    assert policy.refresh() is False
    assert policy.refresh(force=True) is True
    assert judged(policy, "viewer", "close").outcome == "refuse"


def test_half_of_all_judgements_take_less_than_200_microseconds(default: Policy) -> None:
    taken = []
    for _ in range(3):
        for command, role, kind, _ in expected():
            at = place(kind)  # type: ignore[arg-type]
            started = time.perf_counter()
            default.judge(role, command, place=at)
            taken.append(time.perf_counter() - started)
    assert sorted(taken)[len(taken) // 2] < 200e-6


def test_ever_new_channels_do_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.policy.policy._CACHE_SIZE", 4)
    policy = Policy.load(write(tmp_path, OPEN))
    for number in range(20):
        assert judged(policy, "viewer", "close", place("other", f"C{number}")).outcome == "allow"
        assert len(policy._verdicts) <= 4


# The page.


def test_the_example_and_the_defaults_of_the_page_are_those_of_the_code(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "access.md").read_text()
    (example,) = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    Policy.load(write(tmp_path, example))
    rows = re.findall(r"^\| `(\w+)` \| (?:also )?(`.+) \|$", page.partition("By default:")[2], re.MULTILINE)
    told = {role: set(re.findall(r"`(\w+)`", cell)) for role, cell in rows}
    assert set().union(*told.values()) == set(COMMANDS)
    for role, commands in told.items():
        below = RANKS[RANKS.index(role) - 1] if role != RANKS[0] else "nobody"
        policy = Policy.load(DEFAULT)
        assert {judged(policy, role, command).outcome for command in commands} <= {"allow", "confirm"}
        assert {judged(policy, below, command).outcome for command in commands} == {"refuse"}
