"""What Teams sends is believed only with a genuine token, by keys that are fetched as seldom as possible.

The cases of Microsoft's own tests are mirrored where the name says so:
https://github.com/microsoft/botbuilder-python, libraries/botframework-connector/tests/test_auth.py and
test_endorsements_validator.py (MIT).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.inbound import Incoming, Received, Refusal, Refused
from adapters.teams.config import TeamsConfig
from adapters.teams.verify import is_service
from tests.contract import teams_requests as made
from tests.contract.teams_requests import Forged, Published, activity, incoming, listening, token
from tests.fakes import teams_keys


async def refusal_of(request: Incoming, published: Published | None = None, config: Any = None) -> Refusal:
    with pytest.raises(Refused) as caught:
        await listening(published or Published(), config or made.CONFIG).receive(request)
    assert made.APP not in caught.value.detail
    assert "eyJ" not in caught.value.detail
    return caught.value.refusal


# Tampering.


@pytest.mark.parametrize("group", made.GROUPS, ids=lambda group: group.__name__)
async def test_every_change_is_refused_for_the_right_reason(group: Callable[[], Iterator[Forged]]) -> None:
    teams = listening(Published())
    wrong = []
    for forged in group():
        try:
            outcome: Any = await teams.receive(forged.request)
        except Refused as refused:
            outcome = refused.refusal
        if outcome is not forged.refusal:
            wrong.append((forged.name, outcome, forged.refusal))
    assert wrong == []


def test_the_changes_are_many() -> None:
    assert sum(len(list(group())) for group in made.GROUPS) >= 250


async def test_the_unchanged_request_is_taken() -> None:
    (given,) = (await listening(Published()).receive(incoming())).inputs
    assert (given.kind, given.text, given.workspace) == ("command", "list", made.TENANT)
    assert (given.user.id, given.user.name) == ("29:1dana", "Dana")


# Microsoft's cases.


async def test_correct_app_id_and_service_url_should_validate() -> None:
    assert (await listening(Published()).receive(incoming())).inputs


async def test_different_bot_app_id_should_not_validate() -> None:
    config = msgspec.structs.replace(made.CONFIG, app_id="00000000-0000-0000-0000-000000000000")
    assert await refusal_of(incoming(), config=config) is Refusal.WRONG_WORKSPACE


@pytest.mark.parametrize("missing", ["app_id", "app_password", "tenant_id"])
async def test_no_credential_should_not_validate(missing: str) -> None:
    config = msgspec.structs.replace(made.CONFIG, **{missing: ""})
    assert await refusal_of(incoming(), config=config) is Refusal.NOT_CONFIGURED


async def test_an_empty_header_is_never_anonymous() -> None:
    assert await refusal_of(incoming(header="")) is Refusal.NO_SIGNATURE


async def test_invalid_service_url_should_not_be_trusted() -> None:
    forged = incoming(body=activity(serviceUrl="https://webchat.botframework.com/"))
    assert await refusal_of(forged) is Refusal.BAD_SIGNATURE


@pytest.mark.parametrize(
    "changes", [{"iss": made.GONE}, {"iss": "peanut"}, {"aud": made.GONE}, {"aud": ["x"]}]
)
async def test_no_or_wrong_issuer_or_no_audience_fails(changes: dict[str, Any]) -> None:
    assert await refusal_of(incoming(token(**changes))) is Refusal.BAD_SIGNATURE


async def test_wrong_audience_fails() -> None:
    assert await refusal_of(incoming(token(aud="peanut"))) is Refusal.WRONG_WORKSPACE


async def test_government_channel_validation_succeeds_with_the_governments_metadata_alone() -> None:
    published = Published()
    published.metadata["issuer"] = "https://api.botframework.us"
    assert (await listening(published).receive(incoming(token(iss="https://api.botframework.us")))).inputs
    assert await refusal_of(incoming(token()), published) is Refusal.BAD_SIGNATURE


@pytest.mark.parametrize(("kid", "taken"), [("key-1", True), ("key-2", True), ("key-3", False)])
async def test_endorsements_must_hold_the_channel_where_a_key_has_any(kid: str, taken: bool) -> None:
    if taken:
        assert (await listening(Published()).receive(incoming(token(kid)))).inputs
    else:
        assert await refusal_of(incoming(token(kid))) is Refusal.BAD_SIGNATURE


@pytest.mark.parametrize(("exp", "nbf"), [(-298, -4000), (3600, 298)])
async def test_clocks_may_differ_by_five_minutes(exp: int, nbf: int) -> None:
    now = int(datetime.now(UTC).timestamp())
    assert (await listening(Published()).receive(incoming(token(exp=now + exp, nbf=now + nbf)))).inputs


# Keys.


async def test_many_requests_share_one_fetch() -> None:
    published = Published()
    teams = listening(published)
    await asyncio.gather(*(teams.receive(incoming()) for _ in range(30)))
    assert published.fetched == [made.METADATA, made.JWKS]


async def test_keys_are_fetched_again_after_a_day() -> None:
    published = Published()
    teams = listening(published)
    for passed, fetches in ((0, 2), (86_399, 2), (1, 4), (3_600, 4)):
        published.now += passed
        await teams.receive(incoming())
        assert len(published.fetched) == fetches


async def test_an_unknown_key_is_looked_for_at_most_hourly() -> None:
    published = Published()
    teams = listening(published)
    await teams.receive(incoming())
    for passed, fetches in ((10, 2), (3_580, 2), (10, 4), (60, 4)):
        published.now += passed
        with pytest.raises(Refused):
            await teams.receive(incoming(token("new")))
        assert len(published.fetched) == fetches


async def test_a_key_that_was_rotated_in_is_found() -> None:
    published = Published()
    teams = listening(published)
    await teams.receive(incoming())
    published.keys.append(teams_keys.published("new", ("msteams",)))
    published.now += 3_600
    assert (await teams.receive(incoming(token("new")))).inputs


async def test_a_forged_token_of_another_scheme_fetches_nothing() -> None:
    published = Published()
    for bearer in ("x", "e30.e30.e30", token().replace(".", ",")):
        assert await refusal_of(incoming(bearer), published) is Refusal.BAD_SIGNATURE
    assert published.fetched == []


async def test_without_any_key_it_may_be_sent_again_and_fetches_do_not_become_a_flood() -> None:
    published = Published()
    published.status = 503
    teams = listening(published)
    for _ in range(20):
        with pytest.raises(Refused) as caught:
            await teams.receive(incoming())
        assert caught.value.refusal is Refusal.KEYS_UNAVAILABLE
        assert caught.value.refusal.status == 503
    assert len(published.fetched) == 1
    published.status, published.now = 200, published.now + 10
    assert (await teams.receive(incoming())).inputs


async def test_keys_that_are_known_outlive_a_failed_refresh() -> None:
    published = Published()
    teams = listening(published)
    await teams.receive(incoming())
    published.status, published.now = 503, published.now + 86_400
    assert (await teams.receive(incoming())).inputs
    with pytest.raises(Refused) as caught:
        await teams.receive(incoming(token("new")))
    assert caught.value.refusal is Refusal.KEYS_UNAVAILABLE


async def test_a_slow_key_service_holds_up_one_request_and_not_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("adapters.teams.keys.FETCH_SECONDS", 0.2)
    published = Published()
    teams = listening(published)
    await teams.receive(incoming())
    published.now += 86_400
    monkeypatch.setattr(published, "request", never)
    first = asyncio.create_task(teams.receive(incoming()))
    await asyncio.sleep(0.01)
    async with asyncio.timeout(0.1):
        assert (await teams.receive(incoming())).inputs
    assert not first.done()
    async with asyncio.timeout(1):
        assert (await first).inputs
        assert (await teams.receive(incoming())).inputs, "and none waits again at once"


async def never(*_: object, **__: object) -> Any:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    "metadata",
    [
        {"jwks_uri": "http://login.botframework.com/v1/.well-known/keys"},
        {"jwks_uri": "http://127.0.0.1:9/keys"},
        {"jwks_uri": "file:///etc/keys"},
        {"jwks_uri": "https://[x"},
        {"jwks_uri": ""},
        {"jwks_uri": 1},
        {"issuer": "https://evil.example"},
        {"id_token_signing_alg_values_supported": "RS256"},
    ],
)
async def test_metadata_that_leads_astray_is_not_followed(metadata: dict[str, Any]) -> None:
    published = Published()
    published.metadata |= metadata
    assert await refusal_of(incoming(), published) is Refusal.KEYS_UNAVAILABLE
    assert published.fetched == [made.METADATA]


async def test_http_keys_are_for_this_machine_alone() -> None:
    published = Published()
    config = TeamsConfig(
        **msgspec.structs.asdict(made.CONFIG) | {"openid_metadata_url": "http://127.0.0.1/m"}
    )
    published.metadata["jwks_uri"] = "http://evil.example/keys"
    assert await refusal_of(incoming(), published, config) is Refusal.KEYS_UNAVAILABLE


@pytest.mark.parametrize("named", [["RS256", "HS256", "none"], ["RS256", "RS512"]])
async def test_of_the_algorithms_that_metadata_names_only_rsa_is_taken(named: list[str]) -> None:
    published = Published()
    published.metadata["id_token_signing_alg_values_supported"] = named
    for forged in made.algorithms():
        if forged.name == "RS512" and "RS512" in named:
            assert (await listening(published).receive(forged.request)).inputs
        else:
            assert await refusal_of(forged.request, published) is Refusal.BAD_SIGNATURE


async def test_an_unreadable_key_spoils_none_of_the_others() -> None:
    published = Published()
    small = {"kty": "RSA", "kid": "small", "n": "AQAB", "e": "AQAB"}
    published.keys[:0] = [
        None,
        1,
        {},
        {"kty": "EC", "kid": "key-1", "n": "x", "e": "y"},
        small,
        {"kid": "key-9"},
    ]
    assert (await listening(published).receive(incoming())).inputs


# Addresses.


@pytest.mark.parametrize(
    "url",
    [
        "https://smba.trafficmanager.net/amer/",
        "https://smba.trafficmanager.net/in",
        "https://smba.infra.gcc.teams.microsoft.com/teams",
        "https://botapi.example.cn/teams/",
    ],
)
def test_the_documented_hosts_and_the_configured_one_are_services(url: str) -> None:
    assert is_service(url, "https://botapi.example.cn/teams")


@pytest.mark.parametrize("url", made.ALIEN)
def test_nothing_else_is_sent_the_bots_token(url: str) -> None:
    assert not is_service(url, "https://smba.trafficmanager.net/teams")


def test_http_on_loopback_is_a_service_only_where_it_is_configured() -> None:
    assert is_service("http://127.0.0.1:9001/teams/", "http://127.0.0.1:9001/teams")
    assert not is_service("http://127.0.0.1:9002/teams/", "http://127.0.0.1:9001/teams")
    assert not is_service("http://127.0.0.1:9001/", "https://smba.trafficmanager.net/teams")


# Garbage.


def outcome(request: Incoming) -> Received | Refusal:
    try:
        return asyncio.run(listening(Published()).receive(request))
    except Refused as refused:
        return refused.refusal


def test_unsigned_garbage_is_refused_before_it_is_parsed() -> None:
    for body in (b"", b"\xff", b"{", b"[" * 100_000, b'{"type":"ping"}'):
        assert outcome(incoming("x.y.z", body)) is Refusal.BAD_SIGNATURE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"{",
        b'"text"',
        b"[" * 100_000,
        b'{"type":' + b"[" * 50_000,
        b'{"a":"' + b"x" * 1_100_000 + b'"}',
        b'{"type":"message"}',
        b'{"type":1e999}',
        b'{"id":' + b"9" * 5_000 + b"}",
    ],
)
def test_a_body_that_is_no_activity_is_malformed(body: bytes) -> None:
    assert outcome(incoming(body=body)) is Refusal.MALFORMED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (*activity(), "entities", "value", "name", "replyToId", "reactionsAdded")


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(("message", "invoke", "messageReaction", "conversationUpdate", "x")),
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3),
)
def test_any_activity_is_taken_or_refused_and_never_breaks(kind: str, changes: dict[str, Any]) -> None:
    body = json.dumps(activity(type=kind) | changes, allow_nan=True).encode()
    assert isinstance(outcome(incoming(GENUINE, body)), Received | Refusal)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_refused(body: bytes) -> None:
    assert outcome(incoming(GENUINE, body)) is Refusal.MALFORMED


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60))
def test_any_header_is_refused(header: str) -> None:
    assert outcome(incoming(header=header)) in (Refusal.NO_SIGNATURE, Refusal.BAD_SIGNATURE)


GENUINE = token()
