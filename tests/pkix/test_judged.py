"""A draft that was judged stands for those that differ in their serial number, and for no other."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pki_as_code.pkix.certificate import load_draft
from pki_as_code.pkix.drafts import certificate_findings, make_draft
from pki_as_code.pkix.judged import digest_of_judged, is_judged
from tests.test_issuance import NOW, request, root

LONGEST = (1 << 158) + 1
ISSUER = root("P-256")
REQUEST = request(ISSUER.key)
JUDGED = make_draft(REQUEST, ISSUER.chain, serial_number=LONGEST, now=NOW)
MARK = digest_of_judged(JUDGED, ISSUER.chain)
assert MARK is not None
MARKS = frozenset([MARK])


def draft(serial_number: int, **changes: object) -> bytes:
    changed = request(ISSUER.key, **changes)  # type: ignore[arg-type]
    return make_draft(changed, ISSUER.chain, serial_number=serial_number, now=NOW)


@pytest.mark.parametrize("serial_number", [1 << 63, 1 << 64, (1 << 152) - 1, 1 << 157, LONGEST + 1])
def test_another_good_serial_number_is_all_that_may_differ(serial_number: int) -> None:
    other = draft(serial_number)
    assert is_judged(other, ISSUER.chain, MARKS)
    assert certificate_findings(load_draft(other), ISSUER.chain) == []
    assert digest_of_judged(other, ISSUER.chain) in {MARK, None}


@pytest.mark.parametrize("serial_number", [1, (1 << 63) - 1, 1 << 159, 1 << 170])
def test_the_serial_number_itself_is_linted(serial_number: int) -> None:
    other = draft(serial_number)
    assert not is_judged(other, ISSUER.chain, MARKS)
    assert certificate_findings(load_draft(other), ISSUER.chain)


def test_a_bit_of_difference_is_not_covered() -> None:
    good = draft(LONGEST + 1)
    assert is_judged(good, ISSUER.chain, MARKS)
    # The octets of the serial number are where bits may differ.
    free = good.index((LONGEST + 1).to_bytes(20, "big"))
    for position in range(len(good)):
        for bit in range(8):
            changed = bytearray(good)
            changed[position] ^= 1 << bit
            covered = is_judged(bytes(changed), ISSUER.chain, MARKS)
            assert not covered or free <= position < free + 20


def test_another_chain_is_not_covered() -> None:
    other = root("RSA-2048")
    good = draft(LONGEST + 1)
    assert not is_judged(good, other.chain, MARKS)
    assert not is_judged(good, (*ISSUER.chain, *other.chain), MARKS)
    assert not is_judged(good, (), MARKS)


def test_what_is_for_another_time_is_not_covered() -> None:
    later = make_draft(
        REQUEST, ISSUER.chain, serial_number=LONGEST + 1, now=NOW + timedelta(seconds=1)
    )
    assert not is_judged(later, ISSUER.chain, MARKS)


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"\x30\x80", JUDGED[:-1], JUDGED + b"\x00"])
def test_what_is_no_tbs_certificate_is_not_covered(data: bytes) -> None:
    assert not is_judged(data, ISSUER.chain, MARKS)


def test_a_short_serial_number_stands_for_no_other() -> None:
    assert digest_of_judged(draft(1 << 64), ISSUER.chain) is None
