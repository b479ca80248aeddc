"""The vault: provider secrets sealed with PyNaCl, under keys that can be rotated."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from adapters.config import Secret
from router import private

_HEX_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")
_MIN_PASSPHRASE: Final = 32


class VaultError(Exception):
    """Secrets cannot be sealed or opened; one sentence with the mend."""


class Vault:
    """Seals with the newest key, opens with any."""

    def __init__(self, *, given: str, file: Path) -> None:
        """`given` is IM_SECRET_KEY (`new` or `new,old`); without it the keys are in `file`, mode 0600."""
        self._given = given
        self._file = file
        self._keys = self._read()

    @property
    def from_environment(self) -> bool:
        """Whether the keys are the admin's, not the file's."""
        return bool(self._given)

    def seal(self, secrets: Mapping[str, Secret]) -> bytes:
        """The secrets as bytes that only a holder of the key can read."""
        return bytes(SecretBox(self._keys[0]).encrypt(msgspec.json.encode(secrets)))

    def open(self, sealed: bytes | None) -> dict[str, Secret]:
        """The secrets again; VaultError when no key fits."""
        if not sealed:
            return {}
        plain = self._try(sealed)
        if plain is None:
            self._keys = self._read()
            plain = self._try(sealed)
        if plain is None:
            raise VaultError(
                "a provider's secrets cannot be opened with this key; set IM_SECRET_KEY to the one they were "
                "sealed with (or `new,old`), or give the secrets again with `im chatops update`"
            )
        return msgspec.json.decode(plain, type=dict[str, Secret])

    def add_key(self) -> None:
        """Put a new key before the others in the file; what is sealed from now on needs it."""
        self._write([os.urandom(SecretBox.KEY_SIZE), *self._keys])

    def drop_old_keys(self) -> None:
        """Keep only the newest key, once everything is sealed with it."""
        self._write(self._keys[:1])

    def _try(self, sealed: bytes) -> bytes | None:
        for key in self._keys:
            try:
                return bytes(SecretBox(key).decrypt(sealed))
            except CryptoError:
                continue
        return None

    def _read(self) -> list[bytes]:
        if self._given:
            return [_key_of(part.strip()) for part in self._given.split(",") if part.strip()]
        if not self._file.exists():
            self._create()
        lines = self._file.read_text().split()
        if not lines or not all(_HEX_KEY.fullmatch(line) for line in lines):
            raise VaultError(f"{self._file} holds no usable key; restore it from a backup")
        return [bytes.fromhex(line) for line in lines]

    def _create(self) -> None:
        """Make the first key; when two processes do so at once, both then read the same one."""
        private.create(self._file, _lines([os.urandom(SecretBox.KEY_SIZE)]))

    def _write(self, keys: list[bytes]) -> None:
        private.replace(self._file, _lines(keys))
        self._keys = keys


def _lines(keys: Sequence[bytes]) -> str:
    return "".join(f"{key.hex()}\n" for key in keys)


def _key_of(text: str) -> bytes:
    if _HEX_KEY.fullmatch(text):
        return bytes.fromhex(text)
    if len(text) < _MIN_PASSPHRASE:
        raise VaultError(
            f"IM_SECRET_KEY is too short; give 64 hex digits (`openssl rand -hex 32`) "
            f"or at least {_MIN_PASSPHRASE} characters"
        )
    return blake2b(text.encode(), digest_size=SecretBox.KEY_SIZE, person=b"im-secret-key").digest()
