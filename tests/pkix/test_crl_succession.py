"""From one CRL to the next: what may change, and what may not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pki_as_code.model import CERTIFICATE_HOLD, Finding, Revocation, Severity
from pki_as_code.pkix.crl import IssuingDistributionPoint, lint_succession
from tests.pkix.crl_maker import REVOKED_AT, THIS_UPDATE, Entries, broken, crl, entry, frame, signed
from tests.pkix.crl_maker import tbs_cert_list as tbs
from tests.pkix.samples import root

SUPERSEDED = Revocation("superseded", REVOKED_AT)
HOLD = Revocation(CERTIFICATE_HOLD, REVOKED_AT)
LATER = Revocation("superseded", REVOKED_AT + timedelta(hours=1))
LONG_AFTER = THIS_UPDATE + timedelta(days=900)


def after(entries: Entries = (), **changes: object) -> bytes:
    """Return the CRL of the day after."""
    fields = {"number": 8, "this_update": THIS_UPDATE + timedelta(days=1), **changes}
    return crl(entries, **fields)


def codes(previous: bytes, new: bytes, expiry: datetime | None = LONG_AFTER) -> list[str]:
    return [f.code.removeprefix("rfc5280.crl_") for f in findings(previous, new, expiry)]


def findings(previous: bytes, new: bytes, expiry: datetime | None = LONG_AFTER) -> list[Finding]:
    return lint_succession(previous, new, lambda _: expiry)


def test_the_same_with_a_greater_number_may_follow():
    entries = [(1, SUPERSEDED), (2, HOLD)]
    assert codes(crl(entries), after(entries)) == []
    assert codes(crl(), after()) == []


def test_entries_may_come_anywhere():
    before = [(2, SUPERSEDED), (0x80, SUPERSEDED)]
    added = [(1, LATER), (2, SUPERSEDED), (5, LATER), (0x80, SUPERSEDED), (0x1234, LATER)]
    assert codes(crl(before), after(added)) == []
    assert codes(crl(), after(added)) == []


@pytest.mark.parametrize("number", [6, 7])
def test_the_number_must_grow(number):
    assert codes(crl(), after(number=number)) == ["number_not_greater"]


def test_the_time_must_not_go_back():
    assert codes(crl(), after(this_update=THIS_UPDATE)) == []
    assert codes(crl(), after(this_update=THIS_UPDATE - timedelta(seconds=1))) == [
        "this_update_back"
    ]


def test_the_scope_stays():
    user = IssuingDistributionPoint(only_contains_user_certs=True)
    ca = IssuingDistributionPoint(only_contains_ca_certs=True)
    assert codes(crl(), after(issuing_distribution_point=user)) == ["scope_changed"]
    of_ca = crl(issuing_distribution_point=ca)
    assert codes(of_ca, after(issuing_distribution_point=user)) == ["scope_changed"]
    assert codes(of_ca, after(issuing_distribution_point=ca)) == []


def test_the_issuer_stays():
    other = signed(tbs(frame("P-384", number=8)), "P-384")
    assert root("P-384").subject == root("P-256").subject
    assert codes(crl(), other) == []
    renamed = broken(issuer=b"\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01x")
    assert codes(renamed, after()) == ["issuer_changed"]


# --- Entries that leave --------------------------------------------------------------------------


def test_an_entry_stays_while_its_certificate_could_be_used():
    (finding,) = findings(crl([(1, SUPERSEDED), (0x49BC, SUPERSEDED)]), after([(1, SUPERSEDED)]))
    assert finding.code == "rfc5280.crl_entry_left"
    assert "the entry 49:BC is gone" in finding.message


def test_an_entry_leaves_after_one_more_crl():
    """Section 3.3: not before it was on a CRL that was made after the certificate ended."""
    before = crl([(1, SUPERSEDED)])
    assert codes(before, after(), THIS_UPDATE - timedelta(seconds=1)) == []
    assert codes(before, after(), THIS_UPDATE) == ["entry_left"]
    assert codes(before, after(), THIS_UPDATE + timedelta(hours=1)) == ["entry_left"]


def test_an_entry_of_a_certificate_that_is_not_known_stays():
    assert codes(crl([(1, SUPERSEDED)]), after(), None) == ["entry_left"]


def test_only_a_hold_is_lifted():
    assert codes(crl([(1, HOLD)]), after()) == []
    assert codes(crl([(1, Revocation("unspecified", REVOKED_AT))]), after()) == ["entry_left"]


def test_the_expiry_is_asked_for_by_serial_number():
    asked: list[int] = []

    def expiry_of(serial_number: int) -> datetime | None:
        asked.append(serial_number)
        return THIS_UPDATE - timedelta(days=1)

    entries = [(5, SUPERSEDED), (0x80, SUPERSEDED), (2**159 - 1, SUPERSEDED)]
    assert lint_succession(crl(entries), after([(5, SUPERSEDED)]), expiry_of) == []
    assert sorted(asked) == [0x80, 2**159 - 1]


# --- Entries that change -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        LATER,
        Revocation("keyCompromise", REVOKED_AT),
        Revocation("unspecified", REVOKED_AT),
        HOLD,
    ],
)
def test_reason_and_date_do_not_change(changed):
    (finding,) = findings(crl([(1, SUPERSEDED)]), after([(1, changed)]))
    assert (finding.code, finding.severity) == ("rfc5280.crl_entry_changed", Severity.ERROR)


@pytest.mark.parametrize("changed", [SUPERSEDED, LATER, Revocation(CERTIFICATE_HOLD, THIS_UPDATE)])
def test_a_hold_becomes_a_revocation(changed):
    assert codes(crl([(1, HOLD)]), after([(1, changed)])) == []


def test_another_invalidity_date_is_worth_a_warning():
    changed = Revocation("superseded", REVOKED_AT, REVOKED_AT - timedelta(days=9))
    (finding,) = findings(crl([(1, SUPERSEDED)]), after([(1, changed)]))
    assert (finding.code, finding.severity) == ("rfc5280.crl_entry_changed", Severity.WARNING)


def test_many_changes_are_one_finding():
    entries = [(number, SUPERSEDED) for number in range(1, 128)]
    (finding,) = findings(crl(entries), after())
    assert "the entry 01 (and 126 more) is gone" in finding.message


# --- Any order -----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    before=st.lists(st.integers(1, 2**20), unique=True, max_size=30),
    added=st.lists(st.integers(1, 2**20), max_size=10),
    data=st.data(),
)
def test_the_order_of_entries_does_not_matter(before, added, data):
    gone = set(data.draw(st.lists(st.sampled_from(before), max_size=5))) if before else set()
    left = list({*before, *added} - gone | (gone & set(added)))
    left = data.draw(st.permutations(left))
    really_gone = set(before) - set(left)
    found = findings(
        crl([(number, SUPERSEDED) for number in before]),
        after([(number, SUPERSEDED) for number in left]),
    )
    assert [f.code for f in found] == ["rfc5280.crl_entry_left"] * bool(really_gone)
    if len(really_gone) > 1:
        assert f"(and {len(really_gone) - 1} more)" in found[0].message


@pytest.mark.parametrize(
    "bad", [b"", b"\x30\x00", broken(entries=entry(b"\x00\x01")), broken(extensions=b"")]
)
def test_what_is_no_crl_follows_nothing(bad):
    assert codes(crl(), bad) == ["not_der"]
    assert codes(bad, after()) == ["not_der"]
