"""From a manifest to a request: which default comes from where."""

from __future__ import annotations

import os
from typing import Any

import pytest

import pki_as_code.workers
from pki_as_code.model import CertificateRequest
from pki_as_code.plan.validate import resolve_all
from tests.plan.worlds import (
    BASE,
    DAY,
    authority,
    certificate,
    csr,
    load,
    load_result,
    namespace,
    profile,
    project,
    request,
    resolve,
    web,
)

NAME = "www.example.com"


def codes(*parts: Any, path: str = "web") -> list[str]:
    return [finding.code for finding in resolve(load(*parts), path).findings]


def extension(wanted: CertificateRequest, name: str) -> Any:
    """Return the value of an extension, None without it."""
    return next((e.value for e in wanted.extensions if e.name == name), None)


# --- Precedence ----------------------------------------------------------------------------------

TWO_MORE = {**authority("second"), **authority("third")}
PAYMENTS = {"subjectAltNames": [NAME]}


def test_issuer_of_the_manifest_comes_before_that_of_namespace_and_project():
    team = namespace("payments", issuer="second")
    wanted = request(
        BASE, TWO_MORE, team, certificate("payments/web", issuer="third", **PAYMENTS),
        path="payments/web",
    )  # fmt: skip
    assert wanted.issuer == "third"


def test_issuer_of_the_namespace_comes_before_that_of_the_project():
    team = namespace("payments", issuer="second")
    found = certificate("payments/web", **PAYMENTS)
    assert request(BASE, TWO_MORE, team, found, path="payments/web").issuer == "second"
    assert request(BASE, TWO_MORE, found, path="payments/web").issuer == "issuing"


def test_the_only_usable_authority_is_the_default():
    offline = authority("root", mode="offline")
    retired = authority("old", usages=["crl"])
    only = authority("issuing", parent="root")
    wanted = request(project(), offline, retired, only, certificate("web", **PAYMENTS))
    assert wanted.issuer == "issuing"


def test_there_is_no_guess_between_two_authorities():
    manifests = load(project(), TWO_MORE, certificate("web", **PAYMENTS))
    [finding] = resolve(manifests).findings
    assert finding.code == "certificate.no_issuer"
    assert "second, third" in finding.help


def test_an_unknown_issuer_is_named_with_what_was_probably_meant():
    [finding] = resolve(load(BASE, certificate("web", issuer="isuing", **PAYMENTS))).findings
    assert (finding.code, finding.help) == ("reference.not_found", "did you mean `issuing`?")


def test_profile_of_manifest_namespace_project_and_the_built_in_one():
    team = namespace("payments", profile="client")
    of_project = project(defaults={"issuer": "issuing", "profile": "enduser"})

    def chosen(*parts: Any, **spec: Any) -> str:
        found = certificate("payments/web", **PAYMENTS, **spec)
        return request(BASE, *parts, found, path="payments/web").profile

    assert chosen(of_project, team, profile="server") == "server"
    assert chosen(of_project, team) == "client"
    assert chosen(of_project) == "enduser"
    assert chosen() == "webserver"


def test_a_profile_manifest_replaces_the_predefined_one_of_its_name():
    own = profile("webserver", validity={"default": "10d"})
    wanted = web(own)
    assert wanted.validity_seconds == 10 * 86400
    assert extension(wanted, "extendedKeyUsage") is None


def test_an_unknown_profile_is_a_finding():
    assert codes(BASE, certificate("web", profile="webservr", **PAYMENTS)) == [
        "reference.not_found"
    ]


def test_validity_of_manifest_profile_project_and_the_built_in_one():
    silent = profile("silent")
    spoken = profile("spoken", validity={"default": "20d"})
    of_project = project(defaults={"issuer": "issuing", "validity": "30d"})

    def days(*parts: Any, **spec: Any) -> float:
        return web(silent, spoken, *parts, **spec).validity_seconds / 86400

    assert days(of_project, profile="spoken", validity="10d") == 10
    assert days(of_project, profile="spoken") == 20
    assert days(of_project, profile="silent") == 30
    assert days(profile="silent") == 90


def test_an_end_date_takes_the_place_of_a_validity():
    wanted = web(notAfter="2027-01-31T00:00:00Z")
    assert wanted.validity_seconds is None
    assert wanted.not_after.isoformat() == "2027-01-31T00:00:00+00:00"


def test_a_validity_over_the_maximum_of_the_profile_is_refused():
    short = profile("short", validity={"max": "30d"})
    found = certificate("web", profile="short", validity="31d", **PAYMENTS)
    assert codes(BASE, short, found) == ["profile.validity_too_long"]


def test_a_default_validity_is_cut_to_the_maximum_of_the_profile():
    of_project = project(defaults={"issuer": "issuing", "validity": "300d"})
    short = profile("short", validity={"max": "30d"})
    assert web(of_project, short, profile="short").validity_seconds == 30 * 86400


def test_subjects_are_completed_from_profile_and_project():
    of_project = project(defaults={"issuer": "issuing", "subject": "C=AT,O=Project"})
    own = profile("own", subject="O=Profile,OU=Web")
    wanted = web(of_project, own, profile="own", subject="OU=Mine,CN=www.example.com")
    assert wanted.subject == "C=AT,O=Profile,OU=Mine,CN=www.example.com"


def test_hash_of_manifest_profile_and_authority():
    own = profile("own", algorithm="SHA-512")
    strong = authority("issuing", parent="root", algorithm="SHA-384")
    assert web(strong, own, profile="own", algorithm="SHA-256").hash_algorithm == "SHA-256"
    assert web(strong, own, profile="own").hash_algorithm == "SHA-512"
    assert web(strong).hash_algorithm == "SHA-384"
    assert web().hash_algorithm == "SHA-256"


@pytest.mark.parametrize("key_type", ["Ed25519", "Ed448", "ML-DSA-65"])
def test_a_key_without_a_hash_takes_none(key_type):
    key = {"uri": "file:keys/issuing.pem", "type": key_type}
    pure = authority("issuing", key=key)
    own = profile("own", algorithm="SHA-512")
    assert web(pure, own, profile="own").hash_algorithm is None
    found = certificate("web", algorithm="SHA-256", **PAYMENTS)
    assert codes(BASE, pure, found) == ["algorithm.not_applicable"]


def test_extensions_of_manifest_profile_and_authority():
    policies = {"certificatePolicies": {"value": [{"policyIdentifier": "1.2.3.4"}]}}
    issuer = authority(
        "issuing",
        signs={
            "extensions": {
                **policies,
                "extendedKeyUsage": {"value": ["clientAuth"]},
                "tlsFeature": {"value": ["status_request"]},
            }
        },
    )
    own = profile(
        "own",
        extensions={
            "extendedKeyUsage": {"value": ["serverAuth"]},
            "keyUsage": {"value": ["digitalSignature"]},
        },
    )
    mine = {"keyUsage": {"value": ["digitalSignature", "keyAgreement"], "critical": False}}
    wanted = web(issuer, own, profile="own", extensions=mine)
    assert extension(wanted, "keyUsage") == ["digitalSignature", "keyAgreement"]
    assert not next(e for e in wanted.extensions if e.name == "keyUsage").critical
    assert extension(wanted, "extendedKeyUsage") == ["serverAuth"]
    assert extension(wanted, "tlsFeature") == ["status_request"]
    assert [e.name for e in wanted.extensions] == sorted(e.name for e in wanted.extensions)


def test_deletion_policy_of_manifest_project_and_the_built_in_one():
    of_project = project(defaults={"issuer": "issuing", "deletionPolicy": "Retain"})
    mine = certificate("web", deletionPolicy="Revoke", **PAYMENTS)
    assert resolve(load(BASE, of_project, mine)).deletion_policy == "Revoke"
    silent = certificate("web", **PAYMENTS)
    assert resolve(load(BASE, of_project, silent)).deletion_policy == "Retain"
    assert resolve(load(BASE, silent)).deletion_policy == "Refuse"


# --- Subject and names ---------------------------------------------------------------------------


def test_a_name_and_a_common_name_ask_for_the_same():
    by_name = web(subjectAltNames=["example.com"])
    by_subject = web(subjectAltNames=[], subject="CN=example.com")
    assert by_name == by_subject
    assert by_name.digest == by_subject.digest
    assert by_name.subject == "CN=example.com"
    assert by_name.subject_alternative_names == ("DNS:example.com",)


def test_the_common_name_becomes_the_first_of_the_names():
    wanted = web(subject="CN=example.com", subjectAltNames=["www.example.com", "10.0.0.1"])
    assert wanted.subject_alternative_names == (
        "DNS:example.com", "DNS:www.example.com", "IP:10.0.0.1",
    )  # fmt: skip


def test_a_common_name_among_the_names_stays_in_its_place():
    names = ["www.example.com", "example.com"]
    wanted = web(subject="CN=example.com", subjectAltNames=names)
    assert wanted.subject_alternative_names == ("DNS:www.example.com", "DNS:example.com")


def test_common_name_in_san_false_keeps_it_out_of_the_names():
    wanted = web(
        subject="C=AT,CN=example.com", subjectAltNames=["example.net"], commonNameInSan=False
    )
    assert wanted.subject == "C=AT,CN=example.com"
    assert wanted.subject_alternative_names == ("DNS:example.net",)


def test_a_common_name_of_words_is_no_name():
    wanted = web(subject="CN=Jane Doe", subjectAltNames=["email:jane@example.com"])
    assert wanted.subject == "CN=Jane Doe"
    assert wanted.subject_alternative_names == ("email:jane@example.com",)


def test_an_address_only_leaves_the_subject_empty():
    assert web(subjectAltNames=["email:jane@example.com"]).subject == ""
    assert web(subjectAltNames=["URI:https://example.com/"]).subject == ""


def test_the_first_dns_name_or_ip_address_becomes_the_common_name():
    assert web(subjectAltNames=["email:a@example.com", "10.0.0.7"]).subject == "CN=10.0.0.7"
    assert web(subjectAltNames=["2001:db8::1", "a.example.com"]).subject == "CN=2001:db8::1"


def test_a_name_of_more_than_64_characters_gives_no_common_name():
    exactly = f"{'a' * 52}.example.com"
    assert len(exactly) == 64
    assert web(subjectAltNames=[exactly]).subject == f"CN={exactly}"
    assert web(subjectAltNames=[f"a{exactly}"]).subject == ""


def test_a_common_name_of_the_profile_is_one():
    wanted = web(profile("own", subject="CN=shared.example.com"), profile="own")
    assert wanted.subject == "CN=shared.example.com"
    assert wanted.subject_alternative_names == ("DNS:shared.example.com", f"DNS:{NAME}")


def test_a_certificate_without_any_name_is_refused():
    assert codes(BASE, certificate("web")) == ["certificate.no_names"]
    assert codes(BASE, certificate("web", subject="C=AT,O=Example")) == ["certificate.no_names"]


def test_a_name_given_twice_is_refused():
    names = ["a.example.com", "DNS:A.example.com"]
    assert codes(BASE, certificate("web", subjectAltNames=names)) == ["certificate.duplicate_name"]


# --- Keys ----------------------------------------------------------------------------------------

USAGES = {
    ("client", "RSA-2048"): ["digitalSignature"],
    ("client", "P-256"): ["digitalSignature"],
    ("client", "Ed25519"): ["digitalSignature"],
    ("client", "ML-DSA-44"): ["digitalSignature"],
    ("server", "RSA-2048"): ["digitalSignature", "keyEncipherment"],
    ("server", "P-256"): ["digitalSignature", "keyAgreement"],
    ("server", "Ed25519"): ["digitalSignature"],
    ("server", "ML-DSA-44"): ["digitalSignature"],
    ("webserver", "RSA-2048"): ["digitalSignature", "keyEncipherment"],
    ("webserver", "P-256"): ["digitalSignature", "keyAgreement"],
    ("webserver", "Ed25519"): ["digitalSignature"],
    ("webserver", "ML-DSA-44"): ["digitalSignature"],
    ("enduser", "RSA-2048"): ["digitalSignature", "keyEncipherment", "dataEncipherment"],
    ("enduser", "P-256"): ["digitalSignature"],
    ("enduser", "Ed25519"): ["digitalSignature"],
    ("enduser", "ML-DSA-44"): ["digitalSignature"],
    ("ocsp", "RSA-2048"): ["digitalSignature", "nonRepudiation", "keyEncipherment"],
    ("ocsp", "P-256"): ["digitalSignature", "nonRepudiation"],
    ("ocsp", "Ed25519"): ["digitalSignature", "nonRepudiation"],
    ("ocsp", "ML-DSA-44"): ["digitalSignature", "nonRepudiation"],
}


@pytest.mark.parametrize(("name", "key"), USAGES)
def test_a_predefined_profile_gives_the_key_usages_the_key_can_have(name, key):
    wanted = web(key=key, profile=name)
    assert extension(wanted, "keyUsage") == USAGES[name, key]


def test_a_key_usage_that_leaves_nothing_is_left_out():
    own = profile("own", extensions={"keyUsage": {"value": ["keyEncipherment"]}})
    assert extension(web(own, profile="own"), "keyUsage") is None


def test_a_key_usage_of_the_manifest_itself_is_left_as_it_is():
    """Lint refuses it with a reason; leaving it out silently would be no answer."""
    wanted = web(extensions={"keyUsage": {"value": ["keyEncipherment"]}})
    assert extension(wanted, "keyUsage") == ["keyEncipherment"]


def test_a_key_the_profile_does_not_allow_is_refused():
    own = profile("own", keys={"allowed": ["RSA-3072+", "Ed25519"]})
    for key, expected in (("P-256", ["profile.key_not_allowed"]), ("Ed25519", [])):
        found = certificate("web", key=key, profile="own", **PAYMENTS)
        assert codes(BASE, own, found) == expected


def test_the_key_of_the_request_is_byte_for_byte_that_of_the_csr():
    assert web().public_key_der in csr("P-256")


# --- URLs ----------------------------------------------------------------------------------------

BELOW_BASE = {
    "crlDistributionPoints": [{"fullName": ["URI:http://pki.example.com/{CRL_PATH}"]}],
    "authorityInfoAccess": {
        "ocsp": ["URI:http://pki.example.com/{OCSP_PATH}"],
        "caIssuers": ["URI:http://pki.example.com/{CA_ISSUER_PATH}"],
    },
}
PUBLISHED = project(baseUrl="http://pki.example.com/", defaults={"issuer": "issuing"})


def urls(*parts: Any, **spec: Any) -> dict[str, Any]:
    wanted = web(*parts, **spec)
    return {name: value for name in BELOW_BASE if (value := extension(wanted, name)) is not None}


def test_urls_hang_below_the_base_url_of_the_project():
    assert urls(PUBLISHED) == BELOW_BASE
    assert urls() == {}


def test_urls_of_the_authority_come_before_those_below_the_base_url():
    issuer = authority(
        "issuing",
        crl={"urls": ["http://a.example/x.crl", "http://b.example/x.crl"]},
        ocsp={"urls": ["http://o.example"]},
        issuerUrls=["http://i.example/ca.cer"],
    )
    expected = {
        "crlDistributionPoints": [
            {"fullName": ["URI:http://a.example/x.crl", "URI:http://b.example/x.crl"]}
        ],
        "authorityInfoAccess": {
            "ocsp": ["URI:http://o.example"],
            "caIssuers": ["URI:http://i.example/ca.cer"],
        },
    }
    assert urls(issuer) == urls(PUBLISHED, issuer) == expected


def test_an_authority_can_have_no_url_for_one_thing():
    issuer = authority("issuing", crl={"urls": []}, ocsp={"urls": []})
    assert urls(PUBLISHED, issuer) == {
        "authorityInfoAccess": {"caIssuers": BELOW_BASE["authorityInfoAccess"]["caIssuers"]}
    }


@pytest.mark.parametrize(
    ("switch", "gone"),
    [("addCrlUrl", "crl"), ("addOcspUrl", "ocsp"), ("addIssuerUrl", "caIssuers")],
)
def test_a_profile_can_leave_a_url_out(switch, gone):
    found = urls(PUBLISHED, profile("own", **{switch: False}), profile="own")
    access = found["authorityInfoAccess"]
    left = {"crl" if "crlDistributionPoints" in found else "", *access} - {""}
    assert left == {"crl", "ocsp", "caIssuers"} - {gone}


def test_a_profile_that_wants_no_urls_gets_no_empty_extension():
    own = profile("own", addOcspUrl=False, addIssuerUrl=False, addCrlUrl=False)
    assert urls(PUBLISHED, own, profile="own") == {}


def test_an_issuer_alternative_name_comes_from_the_authority_unless_the_profile_wants_none():
    issuer = authority(
        "issuing", signs={"extensions": {"issuerAltName": {"value": ["URI:https://ca.example/"]}}}
    )
    assert extension(web(issuer), "issuerAltName") == ["URI:https://ca.example/"]
    own = profile("own", addIssuerAlternativeName=False)
    assert extension(web(issuer, own, profile="own"), "issuerAltName") is None


def test_access_methods_are_merged_one_by_one():
    mine = {"authorityInfoAccess": {"value": {"ocsp": ["URI:http://mine.example"]}}}
    found = urls(PUBLISHED, extensions=mine)["authorityInfoAccess"]
    assert found == {
        "ocsp": ["URI:http://mine.example"],
        "caIssuers": BELOW_BASE["authorityInfoAccess"]["caIssuers"],
    }


def test_access_methods_that_an_authority_signs_with_are_merged_one_by_one_too():
    issuer = authority(
        "issuing",
        signs={
            "extensions": {"authorityInfoAccess": {"value": {"ocsp": ["URI:http://o.example"]}}}
        },
    )
    assert urls(PUBLISHED, issuer)["authorityInfoAccess"] == {
        "ocsp": ["URI:http://o.example"],
        "caIssuers": BELOW_BASE["authorityInfoAccess"]["caIssuers"],
    }


def test_an_explicit_crl_url_is_the_only_one():
    mine = {"crlDistributionPoints": {"value": [{"fullName": ["URI:http://mine.example/x.crl"]}]}}
    assert urls(PUBLISHED, extensions=mine)["crlDistributionPoints"] == (
        [{"fullName": ["URI:http://mine.example/x.crl"]}]
    )


# --- Renewal -------------------------------------------------------------------------------------


def renew_before(*parts: Any, **spec: Any) -> Any:
    return resolve(load(BASE, *parts, certificate("web", **PAYMENTS, **spec))).renew_before


def test_a_certificate_is_renewed_after_two_thirds_of_its_lifetime():
    assert renew_before() == 90 * DAY * 33 / 100


def test_the_renewal_of_the_manifest_comes_before_that_of_the_profile():
    own = profile("own", renewal={"before": "20d"})
    assert renew_before(own, profile="own") == 20 * DAY
    assert renew_before(own, profile="own", renewal={"before": "10d"}) == 10 * DAY


@pytest.mark.parametrize("mode", ["Request", "None"])
def test_a_renewal_that_is_not_automatic_does_nothing(mode):
    assert renew_before(renewal={"mode": mode, "before": "10d"}) is None


@pytest.mark.parametrize("before", ["30d", "33%"])
def test_a_certificate_with_a_fixed_end_is_not_renewed(before):
    """Another one would end at the same time, and be renewed in the very next run."""
    fixed = {"notAfter": "2027-01-31T00:00:00Z", "renewal": {"before": before}}
    assert renew_before(**fixed) is None


# --- CSRs ----------------------------------------------------------------------------------------


def test_a_csr_that_cannot_be_read_is_a_finding_at_its_place():
    found = dict(certificate("web", **PAYMENTS))
    found["certificates/web.csr"] = csr("P-256")[:-1] + b"\0"
    [finding] = resolve(load(BASE, found)).findings
    assert finding.code == "csr.signature_invalid"
    assert finding.source.path == "certificates/web.yaml"


# --- All at once ---------------------------------------------------------------------------------


@pytest.mark.parametrize("cores", [{0}, {0, 1}])
def test_all_certificates_are_resolved_as_each_of_them_alone(
    monkeypatch: pytest.MonkeyPatch, cores: set[int]
) -> None:
    """What they share is made once, and other processes help: neither may show."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: cores)
    monkeypatch.setattr(pki_as_code.workers, "FEWEST_ITEMS", 2)
    policies = {"certificatePolicies": {"value": [{"policyIdentifier": "1.2.3"}]}}
    own = {"extendedKeyUsage": {"value": ["clientAuth"]}}
    manifests = load_result(
        BASE,
        TWO_MORE,
        profile("strict", extensions=policies),
        *(
            certificate(f"host-{number}", subjectAltNames=[f"h{number}.example.com"], **fields)
            for number, fields in enumerate(
                [
                    {},
                    {"issuer": "second"},
                    {"profile": "strict"},
                    {"profile": "strict", "issuer": "second"},
                    {"profile": "strict", "extensions": own},
                    {"extensions": own},
                    {"profile": "missing"},
                    {},
                ]
            )
        ),
    ).manifests
    alone = [resolve(manifests, f"host-{number}") for number in range(8)]
    assert list(resolve_all(manifests).certificates) == alone
