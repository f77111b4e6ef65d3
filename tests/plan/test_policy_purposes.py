"""Purposes of keys in policies: what a certificate may be for, wherever it has that from."""

from __future__ import annotations

import pytest

from tests.plan.policy_worlds import asked, codes, denials, deny, grant, limit, may
from tests.plan.worlds import BASE, load_result, profile

NAME = "api.payments.example.com"
NAMES = [{"suffix": "payments.example.com"}]


def purposes(*wanted: str) -> dict:
    """The fields of a certificate that is for these."""
    return {"extensions": {"extendedKeyUsage": {"value": list(wanted)}}}


def test_purposes_of_its_own_need_no_other_grant_than_of_purposes():
    allowed = grant(dns=NAMES, extendedKeyUsage=["serverAuth", "clientAuth"])
    assert may(allowed, NAME, **purposes("clientAuth"))
    assert codes(grant(dns=NAMES), asked(NAME, **purposes("clientAuth"))) == [
        "policy.extension_not_allowed"
    ]


def test_what_is_not_listed_is_denied_at_its_line_with_what_is_granted():
    terms = grant(dns=NAMES, extendedKeyUsage=["serverAuth"])
    [finding] = denials(terms, asked(NAME, **purposes("serverAuth", "codeSigning", "1.2.3")))
    assert finding.code == "policy.purpose_not_allowed"
    assert finding.message == "payments may not have a certificate for codeSigning, 1.2.3"
    assert finding.help == "policies/grant.yaml grants serverAuth"
    assert finding.source is not None
    assert "extendedKeyUsage" in finding.source.snippet


def test_to_name_the_extension_allows_every_purpose_and_the_purposes_are_what_bounds_it():
    by_name = grant(dns=NAMES, extensions=["extendedKeyUsage"])
    assert may(by_name, NAME, **purposes("codeSigning"))
    both = grant(dns=NAMES, extensions=["extendedKeyUsage"], extendedKeyUsage=["serverAuth"])
    assert not may(both, NAME, **purposes("codeSigning"))


@pytest.mark.parametrize("given", ["serverAuth", "1.3.6.1.5.5.7.3.1"])
def test_a_name_and_its_object_identifier_are_one_purpose(given):
    assert may(grant(dns=NAMES, extendedKeyUsage=[given]), NAME, **purposes("serverAuth"))
    assert may(grant(dns=NAMES, extendedKeyUsage=["serverAuth"]), NAME, **purposes(given))


def test_a_limit_and_a_deny_look_at_purposes_of_profiles_as_well():
    signing = profile("signing", extensions={"extendedKeyUsage": {"value": ["codeSigning"]}})
    api = asked(NAME, profile="signing")
    granted = grant(dns=NAMES)
    assert codes(granted, signing, api) == []
    only = limit(extendedKeyUsage=["serverAuth", "clientAuth"])
    assert codes(granted, signing, api, only) == ["policy.limit_exceeded"]
    [finding] = denials(granted, signing, api, deny(extendedKeyUsage=["codeSigning"]))
    assert (finding.code, finding.message) == (
        "policy.denied",
        "a certificate for codeSigning is kept out by a policy",
    )


@pytest.mark.parametrize(
    "extensions",
    [
        {"extendedKeyUsage": {"value": ["anyExtendedKeyUsage"]}},
        {"keyUsage": {"value": ["digitalSignature"]}},
    ],
    ids=["any purpose", "no purpose named"],
)
def test_a_certificate_for_everything_is_for_each(extensions):
    open_ended = profile("open", extensions=extensions)
    api = asked(NAME, profile="open")
    granted = grant(dns=NAMES)
    assert codes(granted, open_ended, api) == []
    assert codes(granted, open_ended, api, limit(extendedKeyUsage=["serverAuth"])) == [
        "policy.limit_exceeded"
    ]
    assert codes(granted, open_ended, api, deny(extendedKeyUsage=["codeSigning"])) == [
        "policy.denied"
    ]
    any_purpose = limit(extendedKeyUsage=["anyExtendedKeyUsage"])
    assert codes(granted, open_ended, api, any_purpose) == []


def test_a_purpose_that_is_none_is_an_error_of_the_policy():
    found = load_result(BASE, grant(dns=NAMES, extendedKeyUsage=["serverauth"])).findings
    assert [finding.code for finding in found] == ["extension.unknown_purpose"]
