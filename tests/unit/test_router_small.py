"""Small parts of the router: ids, retries, lengths of time, settings, the vault, targets."""

from __future__ import annotations

import random
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.contract import DeliveryError, Reason
from router import ids, retry
from router.batch import showable
from router.compose import duration
from router.settings import Settings, SettingsError, environment, read, shown, without_password
from router.vault import Vault, VaultError

DICE = random.Random(1)


def test_ids_are_version_7_ordered_and_distinct() -> None:
    made = [ids.new() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", i) for i in made
    )
    assert [i[:13] for i in made] == sorted(i[:13] for i in made)


def test_the_first_id_of_a_time_lies_before_all_that_are_made_then() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    made = ids.new()
    assert ids.first_at(before) < made < ids.first_at(datetime.now(UTC) + timedelta(milliseconds=2))


def test_a_nonce_is_the_same_at_every_try_and_fits_the_platforms() -> None:
    assert ids.nonce("a") == ids.nonce("a") != ids.nonce("b")
    assert re.fullmatch(r"[a-z2-7]{24}", ids.nonce("a"))


@pytest.mark.parametrize("reason", list(Reason))
def test_only_what_waiting_may_mend_is_tried_again(reason: Reason) -> None:
    decision = retry.after(DeliveryError(reason, "d"), 1, DICE)
    assert isinstance(decision, retry.Again) is reason.retryable


def test_the_platforms_wait_is_obeyed_to_the_second() -> None:
    error = DeliveryError(Reason.RATE_LIMITED, "Slack answered 429", retry_after=40)
    decision = retry.after(error, 9, DICE)
    assert isinstance(decision, retry.Again)
    assert 40 <= decision.wait <= 40.05
    assert retry.explain(error, decision) == "delayed 40 s: Slack answered 429"


def test_waits_double_to_five_minutes() -> None:
    error = DeliveryError(Reason.SERVER_ERROR, "d")
    for tries in (1, 2, 3, 8, 9, 50, 10_000):
        decision = retry.after(error, tries, DICE)
        assert isinstance(decision, retry.Again)
        ceiling = min(300.0, 2.0 ** (tries - 1) if tries < 20 else 300.0)
        assert ceiling / 2 <= decision.wait <= ceiling


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (40, "40 s"),
        (60, "1 min"),
        (65, "1 min 5 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (7500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_lengths_of_time_are_told_in_two_units(seconds: int, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize("external", ["INC-2024-001", "INC-1", "INC-A-B"])
def test_ids_that_look_like_ours_are_shown(external: str) -> None:
    assert showable(external)


@pytest.mark.parametrize(
    "external", ["INC-", "INC-a", "inc-1", "X-1", "INC-1 2", "INC-١", "INC-" + "1" * 40, "INC-<b>"]
)
def test_other_ids_are_not(external: str) -> None:
    assert not showable(external)


def test_settings_have_defaults_for_a_laptop() -> None:
    assert read({}) == Settings()
    assert read({}).address == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "70000"),
        ("IM_TIMEZONE", "Mars/Phobos"),
        ("IM_TIMEZONE", "../etc/passwd"),
        ("IM_PUBLIC_URL", "im.example.com"),
        ("IM_URL", "ftp://x"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read({name: value})


def test_another_process_reads_the_same_settings(tmp_path: Path) -> None:
    chosen = Settings(
        database_url="postgresql://a:b@c/d", data_dir=tmp_path, port=81, timezone="Europe/Berlin"
    )
    assert read(environment(chosen)) == chosen


def test_shown_settings_hold_no_secret() -> None:
    chosen = Settings(database_url="postgresql://u:hidden@h/d", secret_key="hidden" * 8, token="hidden")
    assert "hidden" not in str(shown(chosen))
    assert without_password("redis://:hidden@h:1/0") == "redis://:…@h:1/0"


def test_a_public_address_is_not_only_for_this_machine() -> None:
    assert Settings().loopback
    assert not Settings(public_url="https://im.example.com").loopback
    assert not Settings(bind="0.0.0.0").loopback
    assert Settings(bind="::1", port=1).address == "http://[::1]:1"


def test_the_vault_opens_what_it_sealed_with_any_of_its_keys(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "secret-key"
    vault = Vault(given="", file=file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    old = vault.seal({"bot_token": "t", "pair": ["new", "old"]})
    assert b"bot_token" not in old
    vault.add_key()
    assert Vault(given="", file=file).open(old) == {"bot_token": "t", "pair": ["new", "old"]}
    new = vault.seal({"a": "b"})
    vault.drop_old_keys()
    assert vault.open(new) == {"a": "b"}
    with pytest.raises(VaultError, match="IM_SECRET_KEY"):
        vault.open(old)
    assert vault.open(None) == vault.open(b"") == {}


def test_a_running_process_sees_a_key_that_another_added(tmp_path: Path) -> None:
    first, second = (Vault(given="", file=tmp_path / "key") for _ in range(2))
    second.add_key()
    assert first.open(second.seal({"a": "b"})) == {"a": "b"}


def test_a_key_from_the_environment_is_rotated_by_naming_both(tmp_path: Path) -> None:
    old, new = "o" * 40, "ab" * 32
    sealed = Vault(given=old, file=tmp_path / "none").seal({"a": "b"})
    assert Vault(given=f"{new}, {old}", file=tmp_path / "none").open(sealed) == {"a": "b"}
    assert not (tmp_path / "none").exists()
    with pytest.raises(VaultError, match="too short"):
        Vault(given="short", file=tmp_path / "none")


def test_a_damaged_key_file_is_never_replaced(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("damaged\n")
    with pytest.raises(VaultError, match="backup"):
        Vault(given="", file=file)
    assert file.read_text() == "damaged\n"
