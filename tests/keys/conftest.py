"""A repository to keep keys in, and passphrases without a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from pki_as_code.pkix.algorithms import KeySpec


class GivenSecrets:
    """Passphrases by name; remembers what it was asked for."""

    def __init__(self, **passphrases: bytes) -> None:
        self.passphrases = passphrases
        self.asked: list[tuple[str, bool]] = []

    def passphrase(self, name: str, *, new: bool) -> bytes | None:
        self.asked.append((name, new))
        return self.passphrases.get(name)

    def passphrase_is_given(self, name: str) -> bool:
        return name in self.passphrases


P256 = KeySpec("EC", curve="P-256")
ED25519 = KeySpec("Ed25519")
NO_SECRETS = GivenSecrets()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "repository"
    directory.mkdir()
    return directory
