"""What the library signs when nothing else is done: the limit of whoever issues."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

TBS = b"x" * 700
CHUNK = 20


def make_signer(key: str) -> Callable[[], bytes]:
    """Return a function that signs once, as this program does: ECDSA is deterministic."""
    if key == "P-256":
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        return partial(ec.generate_private_key(ec.SECP256R1()).sign, TBS, algorithm)
    if key == "Ed25519":
        return partial(ed25519.Ed25519PrivateKey.generate().sign, TBS)
    size = int(key.partition("-")[2])
    signing = rsa.generate_private_key(65537, size).sign
    return partial(signing, TBS, PKCS1v15(), hashes.SHA256())


def signatures_per_second(key: str, processes: int, seconds: float) -> float:
    """Sign in so many processes at once, and return how many signatures all of them made."""
    sign = make_signer(key)
    readers = []
    for _ in range(processes):
        reader, writer = os.pipe()
        if os.fork() == 0:
            try:
                os.write(writer, f"{_rate(sign, seconds)}".encode())
            finally:
                os._exit(0)  # a forked child never returns
        os.close(writer)
        readers.append(reader)
    total = 0.0
    for reader in readers:
        with os.fdopen(reader) as file:
            total += float(file.read())
        os.wait()
    return total


def _rate(sign: Callable[[], bytes], seconds: float) -> float:
    started, count = time.perf_counter(), 0
    while (taken := time.perf_counter() - started) < seconds:
        for _ in range(CHUNK):
            sign()
        count += CHUNK
    return count / taken
