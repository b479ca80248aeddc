"""A provider's configuration: typed, refused with the field and a likely mend, its secrets never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import config as configs
from adapters.config import ConfigError, ProviderConfig, Secret
from adapters.contract import Limits, Window

TOKEN = "xoxb-1111-2222-abcdefgh1234"
SIGNING = "0123456789abcdef0123456789abcdef"


class ChatConfig(ProviderConfig, frozen=True, kw_only=True):
    SECRETS: ClassVar[tuple[str, ...]] = ("bot_token", "signing_secret")
    REQUIRED: ClassVar[tuple[str, ...]] = ("bot_token", "default_channel")
    BASES: ClassVar[Mapping[str, tuple[str, ...]]] = {"api_base": ("bot_token",)}

    bot_token: Secret = ""
    signing_secret: Secret = ""
    api_base: str = "https://chat.example.com/api"


GOOD: dict[str, Any] = {"bot_token": TOKEN, "default_channel": "C1"}


def valid(**changes: Any) -> ProviderConfig:
    return configs.validate(ChatConfig, "chat", GOOD | changes)


def refused(**changes: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        valid(**changes)
    error = caught.value
    for secret in (TOKEN, SIGNING):
        assert secret not in f"{error}{error!r}"
    return error


def test_the_documented_configuration_is_accepted() -> None:
    config = valid(
        enable_slash_commands=True,
        enable_notifications=True,
        notification_channels={f"SEV-{n}": f"C_{n}" for n in (1, 2, 3, 4)} | {"default": "C_GENERAL"},
        escalation_channels={"sla_breach": "C_SLA_ALERTS", "management": "C_EXECUTIVE_ALERTS"},
    )
    assert config.notification_channels["SEV-1"] == "C_1"
    assert isinstance(config, ChatConfig)


@pytest.mark.parametrize(
    ("changes", "field", "mend"),
    [
        ({"bot_tokn": "x"}, "bot_tokn", "did you mean `bot_token`?"),
        ({"xyzzy": "x"}, "xyzzy", "known are api_base, archive_channel"),
        ({"notification_channels": {"SEV1": "C1"}}, "notification_channels.SEV1", "did you mean `SEV-1`?"),
        ({"notification_channels": {"SEV-1": ""}}, "notification_channels.SEV-1", "empty"),
        ({"escalation_channels": {"managment": "C"}}, "escalation_channels.managment", "`management`"),
        ({"default_channel": ""}, "default_channel", "missing; a chat provider needs it"),
        ({"bot_token": ""}, "bot_token", "missing"),
        ({"bot_token": []}, "bot_token", "missing"),
        ({"enable_notifications": "yes"}, "enable_notifications", "Expected `bool`, got `str`"),
        ({"team_channels": "C1"}, "team_channels", "Expected `array`"),
        ({"fallback": [{"provider": "p"}]}, "fallback[0]", "channel"),
        ({"fallback": [{"provider": "p", "channel": 1}]}, "fallback[0].channel", "Expected `str`"),
        ({"rate_limit": {"channel_per_second": 0}}, "rate_limit.channel_per_second", "between"),
        ({"rate_limit": {"provider_per_second": float("nan")}}, "rate_limit.provider_per_second", "between"),
        ({"templates": {"incident_created": "{{.Titel}}"}}, "templates.incident_created", "{{.Title}}"),
        ({"templates": {"incident_created": {"chat": "{{.X"}}}, "templates.incident_created.chat", "`}}`"),
        ({"bot_token": ["one"]}, "bot_token", "[new, old]"),
        ({"bot_token": ["", "old-secret"]}, "bot_token", "empty"),
        ({"bot_token": "with space"}, "bot_token", "paste it"),
        ({"bot_token": "line\n"}, "bot_token", "paste it"),
        ({"bot_token": "xoxb-…1234"}, "bot_token", "not the masked one"),
        ({"signing_secret": ["a" * 20, "b\x00"]}, "signing_secret", "paste it"),
        ({"bot_token": 5}, "bot_token", "Expected"),
    ],
)
def test_a_wrong_configuration_names_the_field_and_the_mend(
    changes: dict[str, Any], field: str, mend: str
) -> None:
    error = refused(**changes)
    assert error.field == field
    assert mend in error.detail
    assert str(error) == f"{field}: {error.detail}"


@pytest.mark.parametrize(
    "url",
    [
        "https://slack.example.gov/api",
        "https://chat.example.com:8443",
        "http://127.0.0.1:9000",
        "http://localhost:1/x",
        "http://[::1]:80",
        "HTTPS://CHAT.EXAMPLE.COM",
        "",
    ],
)
def test_an_address_over_https_or_on_loopback_is_accepted(url: str) -> None:
    assert valid(api_base=url)


@pytest.mark.parametrize(
    ("url", "mend"),
    [
        ("http://chat.example.com", "must be https"),
        ("http://10.0.0.1", "must be https"),
        ("http://127.0.0.1.example.com", "must be https"),
        ("http://localhost.example.com", "must be https"),
        ("ws://chat.example.com", "must be https"),
        ("https://user:pass@chat.example.com", "user name or password"),
        ("https://user@chat.example.com", "user name or password"),
        ("https://chat.example.com\\@evil.example", "user name or password"),
        ("https://chat.example.com/?token=1", "leave out"),
        ("https://chat.example.com/#x", "leave out"),
        ("https://chat.example.com:99999", "not an address"),
        ("https://chat.example.com/\nx", "not an address"),
        ("https://chat example.com", "not an address"),
        ("https://[::1", "not an address"),
        ("https://", "not an address"),
        ("chat.example.com", "not an address"),
        ("file:///etc/passwd", "not an address"),
        ("javascript:alert(1)", "not an address"),
    ],
)
def test_another_address_is_refused(url: str, mend: str) -> None:
    error = refused(api_base=url)
    assert error.field == "api_base"
    assert mend in error.detail


def test_a_changed_address_asks_for_its_secrets() -> None:
    old = GOOD | {"api_base": "https://one.example.com"}
    assert configs.changed_bases(ChatConfig, old, {"api_base": "https://two.example.com"}) == {
        "api_base": ("bot_token",)
    }
    assert configs.changed_bases(ChatConfig, old, {"api_base": "https://one.example.com"}) == {}
    assert configs.changed_bases(ChatConfig, old, {"default_channel": "C2"}) == {}


def test_giving_the_default_address_is_no_change() -> None:
    assert configs.changed_bases(ChatConfig, GOOD, {"api_base": "https://chat.example.com/api"}) == {}
    assert configs.changed_bases(ChatConfig, GOOD, {"api_base": "https://other.example.com"}) != {}


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        (TOKEN, "xoxb-…1234"),
        (SIGNING, "…cdef"),
        ("short-secret", "…"),
        ("", ""),
        ([TOKEN, SIGNING], "xoxb-…1234"),
        ([], ""),
    ],
)
def test_a_secret_is_masked(secret: Secret, shown: str) -> None:
    assert configs.mask(secret) == shown


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80))
def test_a_mask_never_shows_more_than_a_prefix_and_four_characters(secret: str) -> None:
    shown = configs.mask(secret)
    prefix, _, tail = shown.partition("…")
    assert len(tail) <= 4
    assert len(prefix) <= 6
    assert secret not in shown or len(secret) == 1


def test_a_masked_configuration_shows_no_secret_not_even_the_old_one() -> None:
    config = valid(bot_token=[TOKEN, "xoxb-the-old-one-5678"], signing_secret=SIGNING)
    shown = msgspec.json.encode(configs.masked(config)).decode()
    assert "xoxb-…1234" in shown
    for secret in (TOKEN, SIGNING, "the-old-one"):
        assert secret not in shown


def test_secrets_are_split_from_what_may_be_stored_in_the_clear() -> None:
    clear, sealed = configs.split_secrets(valid(signing_secret=[SIGNING, TOKEN]))
    assert sealed == {"bot_token": TOKEN, "signing_secret": [SIGNING, TOKEN]}
    assert not {TOKEN, SIGNING} & set(map(str, clear.values()))
    assert configs.validate(ChatConfig, "chat", clear | sealed) == valid(signing_secret=[SIGNING, TOKEN])


def test_while_a_secret_is_rotated_the_new_one_is_sent_and_both_are_accepted() -> None:
    assert configs.current(["new", "old"]) == "new"
    assert configs.accepted(["new", "old"]) == ("new", "old")
    assert configs.current("only") == "only"
    assert configs.accepted("only") == ("only",)
    assert configs.accepted("") == ()
    assert configs.current([]) == ""


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 1, 1.4, 1.5, 2.5, 3, 99.9, 1000])
def test_a_rate_limit_allows_exactly_its_rate(rate: float) -> None:
    limits = configs.limits_for(valid(rate_limit={"channel_per_second": rate}), Limits())
    (window,) = limits.channel
    assert window.count / window.seconds == pytest.approx(rate)
    assert window.count >= 1
    assert limits.provider == ()


def test_without_an_override_the_platform_s_own_limits_hold() -> None:
    own = Limits(channel=(Window(1, 1.0),), provider=(Window(50, 1.0),))
    assert configs.limits_for(valid(), own) == own
    changed = configs.limits_for(valid(rate_limit={"provider_per_second": 10}), own)
    assert changed == Limits(channel=(Window(1, 1.0),), provider=(Window(10, 1.0),))


def test_a_template_is_chosen_by_event_and_platform() -> None:
    config = valid(templates={"incident_created": {"chat": "A {{.Title}}"}, "incident_resolved": "B"})
    assert configs.template_for(config, "chat", "incident_created") == "A {{.Title}}"
    assert configs.template_for(config, "other", "incident_created") is None
    assert configs.template_for(config, "chat", "incident_resolved") == "B"
    assert configs.template_for(config, "chat", "incident_closed") is None


def test_validating_does_not_change_what_it_was_given() -> None:
    raw = dict(GOOD)
    configs.validate(ChatConfig, "chat", raw)
    assert raw == GOOD
