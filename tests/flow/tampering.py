"""What an attacker makes of a genuine request: changed bytes, headers, tokens and secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from nacl.signing import SigningKey

from tests.fakes.speaking import Signal

Headers = list[tuple[str, str]]

STALE_SECONDS: Final = 360
"""More than the platforms' five minutes, by more than these tests take."""
OTHER_SECRET: Final = "fedcba9876543210fedcba9876543210"
OTHER_KEY: Final = SigningKey(bytes(range(32)))


@dataclass(frozen=True)
class Attempt:
    """A changed request, and what was changed of it."""

    what: str
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class Signing:
    """How a platform signs bodies: two headers, and what signs (timestamp, body)."""

    signature: str
    timestamp: str
    forged: Callable[[str, bytes], str]
    """By another key."""
    signed: Callable[[str, bytes], str]
    other_case: bool
    """Whether a signature in capitals is another one; Discord's is a number in hexadecimal."""


def slack(secret: str) -> Signing:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack"""

    def by(key: str) -> Callable[[str, bytes], str]:
        return lambda at, body: "v0=" + _mac(key, b"v0:" + at.encode() + b":" + body)

    return Signing(
        "x-slack-signature", "x-slack-request-timestamp", by(OTHER_SECRET), by(secret), other_case=True
    )


def discord(key: SigningKey) -> Signing:
    """https://docs.discord.com/developers/interactions/overview"""

    def by(one: SigningKey) -> Callable[[str, bytes], str]:
        return lambda at, body: one.sign(at.encode() + body).signature.hex()

    return Signing("x-signature-ed25519", "x-signature-timestamp", by(OTHER_KEY), by(key), other_case=False)


def _mac(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


# Slack and Discord sign the body.


def of_signed(signal: Signal, how: Signing, dice: random.Random) -> Iterator[Attempt]:
    """Every kind of change to a request whose bytes are signed."""
    for what, body in _bodies(signal.body, dice):
        yield Attempt(f"body: {what}", list(signal.headers.items()), body)
    signature, timestamp = signal.headers[how.signature], signal.headers[how.timestamp]
    for what, text in _signatures(signature, how, dice):
        yield altered(signal, f"signature: {what}", {how.signature: text})
    for what, text in _timestamps(timestamp):
        yield altered(signal, f"timestamp: {what}", {how.timestamp: text})
    yield from _signed_anew(signal, how)
    yield from _headers_changed(signal, how)


def _bodies(body: bytes, dice: random.Random) -> Iterator[tuple[str, bytes]]:
    for _ in range(8):
        place, bit = dice.randrange(len(body)), 1 << dice.randrange(8)
        yield f"bit {bit} of byte {place}", body[:place] + bytes([body[place] ^ bit]) + body[place + 1 :]
    for _ in range(2):
        place = dice.randrange(1, len(body))
        yield f"cut at {place}", body[:place]
        yield f"a byte more at {place}", body[:place] + b"0" + body[place:]
    yield "other case", body.swapcase()
    yield "nothing", b""
    yield from ((f"{end!r} behind", body + end) for end in (b" ", b"\n", b"\0", b"&x=1"))
    yield "a byte order mark", b"\xef\xbb\xbf" + body
    yield "twice", body + body


def _signatures(signature: str, how: Signing, dice: random.Random) -> Iterator[tuple[str, str]]:
    prefix, digits = signature[: signature.find("=") + 1], signature[signature.find("=") + 1 :]
    for _ in range(5):
        place = dice.randrange(len(digits))
        other = dice.choice([digit for digit in string.hexdigits[:16] if digit != digits[place]])
        yield f"digit {place}", prefix + digits[:place] + other + digits[place + 1 :]
    yield "cut", signature[:-1]
    yield "a digit more", signature + "0"
    yield "reversed", prefix + digits[::-1]
    yield "zeros", prefix + "0" * len(digits)
    yield "in base64", prefix + base64.b64encode(bytes.fromhex(digits)).decode()
    yield "another version", "v1=" + digits
    yield "quoted", f'"{signature}"'
    yield "empty", ""
    if how.other_case:
        yield "other case", signature.swapcase()


def _timestamps(timestamp: str) -> Iterator[tuple[str, str]]:
    later, earlier = str(int(timestamp) + 1), str(int(timestamp) - 1)
    yield from (("later", later), ("earlier", earlier), ("empty", ""), ("a word", "now"))
    yield from (
        ("cut", timestamp[:-1]),
        ("a digit more", timestamp + "0"),
        ("a zero before", "0" + timestamp),
    )
    yield from (
        ("a sign", "+" + timestamp),
        ("a point", timestamp + ".0"),
        ("hexadecimal", hex(int(timestamp))),
    )


def _signed_anew(signal: Signal, how: Signing) -> Iterator[Attempt]:
    now = int(signal.headers[how.timestamp])
    for seconds in (-86_400, -STALE_SECONDS, STALE_SECONDS, 86_400):
        at = str(now + seconds)
        yield altered(
            signal,
            f"genuine, {seconds} s off",
            {how.timestamp: at, how.signature: how.signed(at, signal.body)},
        )
    at = str(now)
    yield altered(signal, "another secret", {how.signature: how.forged(at, signal.body)})
    yield altered(
        signal, "another secret, stale", {how.timestamp: "1", how.signature: how.forged("1", signal.body)}
    )
    yield altered(signal, "signed without its body", {how.signature: how.signed(at, b"")})
    yield altered(signal, "signed without its time", {how.signature: how.signed("", signal.body)})


def _headers_changed(signal: Signal, how: Signing) -> Iterator[Attempt]:
    signature, timestamp = signal.headers[how.signature], signal.headers[how.timestamp]
    forged = how.forged(timestamp, signal.body)
    yield altered(signal, "headers swapped", {how.signature: timestamp, how.timestamp: signature})
    for gone in (how.signature, how.timestamp):
        rest = [(name, text) for name, text in signal.headers.items() if name != gone]
        yield Attempt(f"without {gone}", rest, signal.body)
        yield Attempt(f"{gone} under another name", [*rest, (f"x-{gone}", signal.headers[gone])], signal.body)
    usual = list(signal.headers.items())
    yield Attempt("a forged signature behind", [*usual, (how.signature, forged)], signal.body)
    yield Attempt("a forged signature before", [(how.signature, forged), *usual], signal.body)
    yield Attempt("the signature twice", [*usual, (how.signature, signature)], signal.body)
    yield Attempt("another time behind", [*usual, (how.timestamp, str(int(timestamp) + 1))], signal.body)
    yield Attempt("another time before", [(how.timestamp, str(int(timestamp) + 1)), *usual], signal.body)


def spliced(one: Signal, other: Signal, how: Signing) -> Attempt:
    """The body of one genuine request under the signature of another."""
    return altered(
        one,
        "another request's signature",
        {name: other.headers[name] for name in (how.signature, how.timestamp)},
    )


def altered(signal: Signal, what: str, changes: Mapping[str, str], body: bytes | None = None) -> Attempt:
    """The request with other headers, and with another body where one is given."""
    return Attempt(what, list({**signal.headers, **changes}.items()), signal.body if body is None else body)


# Mattermost signs nothing: a token, a button's secret, a dialog's state.


def of_mattermost(signal: Signal, dice: random.Random, *, foreign: str) -> Iterator[Attempt]:
    """Every kind of change to what proves a request; `foreign` is a genuine token of another kind."""
    if signal.headers["content-type"] == "application/json":
        yield from _proofs(signal, json.loads(signal.body), dice)
        return
    form = parse_qsl(signal.body.decode(), keep_blank_values=True)
    genuine = dict(form)["token"]
    bare = {name: text for name, text in signal.headers.items() if name != "authorization"}
    for what, token in (*_secrets(genuine, dice), ("another kind's", foreign)):
        body = urlencode([(name, token if name == "token" else text) for name, text in form]).encode()
        yield (
            Attempt(f"token: {what}", list(signal.headers.items()), body)
            if token
            else Attempt("token: empty", list(bare.items()), body)
        )
        # A header's spaces at its end mean nothing: https://www.rfc-editor.org/rfc/rfc9110#section-5.5
        if token.strip() == token != "" and "authorization" in signal.headers:
            yield altered(signal, f"header's token: {what}", {"authorization": f"Token {token}"})
    without = urlencode([(name, text) for name, text in form if name != "token"]).encode()
    yield Attempt("no token", list(bare.items()), without)
    yield Attempt("two tokens", list(signal.headers.items()), signal.body + b"&token=" + foreign.encode())


def _secrets(genuine: str, dice: random.Random) -> Iterator[tuple[str, str]]:
    for _ in range(6):
        place = dice.randrange(len(genuine))
        other = dice.choice([letter for letter in "abcdef0123456789" if letter != genuine[place]])
        yield f"letter {place}", genuine[:place] + other + genuine[place + 1 :]
    yield from (
        ("cut", genuine[:-1]),
        ("longer", genuine + "0"),
        ("other case", genuine.upper()),
        ("empty", ""),
    )
    yield from (("a space", genuine + " "), ("reversed", genuine[::-1]), ("twice", genuine * 2))


def _proofs(signal: Signal, payload: dict[str, Any], dice: random.Random) -> Iterator[Attempt]:
    key = "context" if "context" in payload else "state"
    if key == "context":
        changed = [(what, payload | {key: one}) for what, one in _contexts(payload[key], dice)]
    else:
        changed = [(what, payload | {key: one}) for what, one in _secrets(payload[key], dice)]
        changed += [
            ("another person", payload | {"user_id": "x" * 26}),
            ("another form", payload | {"callback_id": "x"}),
        ]
        told, _, mac = payload[key].rpartition(".")
        changed += [
            ("other words", payload | {key: f"{told[:-4]}AAAA.{mac}"}),
            ("no seal", payload | {key: told}),
        ]
    changed.append(("gone", {name: value for name, value in payload.items() if name != key}))
    for what, one in changed:
        yield altered(signal, f"{key}: {what}", {}, json.dumps(one).encode())


def _contexts(context: dict[str, Any], dice: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    for what, secret in _secrets(context["secret"], dice):
        yield f"secret, {what}", context | {"secret": secret}
    for wrong in (None, 1, True, [context["secret"]], {"secret": context["secret"]}):
        yield f"secret {type(wrong).__name__}", context | {"secret": wrong}
    for signed in ("action", "value", "mark", "menu", "about"):
        if signed in context:
            yield f"another {signed}", context | {signed: f"{context[signed]}x"}
            yield f"no {signed}", {name: value for name, value in context.items() if name != signed}
    if "offered" in context:
        yield "one more offer", context | {"offered": [*context["offered"], "INC-2024-001"]}
        yield "no offers", context | {"offered": []}
    else:
        yield "a button as a menu", context | {"menu": "severity", "offered": ["SEV-1"], "about": ""}
    yield "empty", {}
