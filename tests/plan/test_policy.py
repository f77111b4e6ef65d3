"""Who may have what: Grants, Limits, Denies, on the certificate as it would be signed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki_as_code.errors import PolicyDeniedError
from pki_as_code.model import Action, Endorsement, IssueCertificate, Plan, Reason
from pki_as_code.plan.linting import Linting
from pki_as_code.plan.policy_index import policies_of
from pki_as_code.plan.policy_judging import check_allowed, judge_certificate, rulebooks
from pki_as_code.plan.policy_trials import parse_trials
from pki_as_code.plan.preview import Preview
from pki_as_code.plan.validate import resolve_all, validate_manifests
from tests.pkix.csr_maker import private_key
from tests.plan.policy_worlds import asked, codes, denials, deny, grant, limit, may, policy
from tests.plan.worlds import (
    BASE,
    NOW,
    authority,
    certificate,
    load,
    load_result,
    manifest,
    profile,
    project,
    resolve,
)

PAYMENTS = {"suffix": "payments.example.com"}
SUFFIX = grant(dns=[PAYMENTS])


# --- Who is asked --------------------------------------------------------------------------------


def test_without_a_policy_everything_valid_is_allowed():
    assert codes(asked("www.example.com")) == []


def test_as_soon_as_there_is_one_policy_what_no_grant_allows_is_denied():
    assert codes(limit(maxValidity="400d"), asked("www.example.com")) == ["policy.no_grant"]
    assert codes(deny(dns=[{"name": "a.example"}]), asked("b.example")) == ["policy.no_grant"]


@pytest.mark.parametrize(
    ("selector", "allowed"),
    [
        ({}, True),
        ({"namespaces": ["payments"]}, True),
        ({"namespaces": ["web"]}, False),
        ({"namespaces": ["web", "payments"]}, True),
        ({"issuers": ["issuing"]}, True),
        ({"issuers": ["root"]}, False),
        ({"profiles": ["webserver"]}, True),
        ({"profiles": ["client"]}, False),
        ({"namespaces": ["payments"], "profiles": ["client"]}, False),
        ({"labels": {"service": "api"}}, True),
        ({"labels": {"service": "api", "stage": "live"}}, False),
    ],
)
def test_a_grant_is_for_what_it_selects(selector, allowed):
    api = asked("api.payments.example.com", metadata={"labels": {"service": "api"}})
    assert codes(grant("g", selector, dns=[PAYMENTS]), api) == (
        [] if allowed else ["policy.no_grant"]
    )


def test_the_namespace_is_the_directory_and_nothing_that_its_author_writes():
    terms = grant("g", {"namespaces": ["payments"]}, dns=[PAYMENTS])
    assert not may(terms, "api.payments.example.com", path="web/api")
    assert not may(terms, "api.payments.example.com", path="api")


def test_one_grant_has_to_allow_the_whole_certificate():
    both = {
        **grant("a", dns=[{"suffix": "a.example"}]),
        **grant("b", dns=[{"suffix": "b.example"}]),
    }
    assert may(both, "x.a.example")
    assert may(both, "x.b.example")
    [finding] = denials(both, asked("x.a.example", "x.b.example"))
    assert finding.code == "policy.name_not_allowed"
    assert "one policy has to grant all of the certificate" in finding.help


def test_every_limit_has_to_hold_and_bounds_nothing_but_what_it_lists():
    limits = {**limit("v", maxValidity="30d"), **limit("k", keys=["P-256"])}
    allowed = {**grant(dns=[PAYMENTS]), **limits}
    assert may(allowed, "api.payments.example.com", validity="30d")
    [finding] = denials(allowed, asked("api.payments.example.com", validity="31d"))
    assert finding.code == "policy.limit_exceeded"
    assert finding.help == "policies/v.yaml is the limit"
    key = denials(allowed, asked("api.payments.example.com", validity="1d", key="RSA-2048"))
    assert [finding.help for finding in key] == ["policies/k.yaml is the limit"]


def test_a_limit_with_an_empty_list_allows_none_of_that():
    terms = {**grant(dns=[PAYMENTS], ip=["10.0.0.0/8"]), **limit(ip=[])}
    assert may(terms, "api.payments.example.com")
    assert codes(terms, asked("api.payments.example.com", "IP:10.0.0.7")) == [
        "policy.limit_exceeded"
    ]


def test_a_limit_on_names_bounds_the_common_name_that_reads_as_one():
    terms = {
        **grant(dns=[{"suffix": "example.com"}], subject={"CN": ["*"]}),
        **limit(dns=[PAYMENTS]),
    }
    subject = {"subject": "CN=www.example.com", "commonNameInSan": False}
    assert codes(terms, asked("api.payments.example.com", **subject)) == ["policy.limit_exceeded"]
    assert may(terms, "api.payments.example.com", subject="CN=The API")


SPELLINGS = [
    ({"dns": [{"name": "admin.example.com"}]}, "ADMIN.example.com."),
    ({"dns": [{"name": "admin.example.com"}]}, "\uff41dmin.example\u3002com"),
    ({"dns": [{"name": "admin.example.com"}]}, "*dmin.example.com"),
    ({"dns": [{"suffix": "bücher.example"}]}, "www.BÜCHER.example"),
    ({"ip": ["2001:db8::/32"]}, "2001:DB8:0::1"),
    ({"email": [{"domain": "bücher.example"}]}, "ceo@bücher.example"),
    ({"subject": {"CN": ["Root"]}}, "\uff32OOT "),
]


@pytest.mark.parametrize(("match", "common_name"), SPELLINGS)
def test_a_common_name_is_kept_out_in_any_spelling(match, common_name):
    terms = {**grant(dns=[PAYMENTS], subject={"CN": ["*"]}), **deny(**match)}
    subject = {"subject": f"CN={common_name.rstrip()}", "commonNameInSan": False}
    assert codes(terms, asked("api.payments.example.com", **subject)) == ["policy.denied"]
    assert may(terms, "api.payments.example.com", subject="CN=The API")


@pytest.mark.parametrize(
    ("allow", "common_name", "allowed"),
    [
        ({"dns": [PAYMENTS]}, "WWW.example.com", False),
        ({"dns": [PAYMENTS]}, "www.example.com.", False),
        ({"dns": [PAYMENTS]}, "www.bücher.example", False),
        ({"dns": [PAYMENTS]}, "WWW.payments.example.com", True),
        ({"dns": [PAYMENTS]}, "The API", True),
        ({"ip": ["2001:db8::/32"]}, "2001:DB9::1", False),
        ({"email": []}, "CEO@EXAMPLE.com", False),
    ],
)
def test_a_limit_bounds_a_common_name_in_any_spelling(allow, common_name, allowed):
    terms = {**grant(dns=[PAYMENTS], subject={"CN": ["*"]}), **limit(**allow)}
    subject = {"subject": f"CN={common_name}", "commonNameInSan": False}
    found = codes(terms, asked("api.payments.example.com", **subject))
    assert found == ([] if allowed else ["policy.limit_exceeded"])


def test_one_match_of_one_deny_is_enough():
    terms = {**grant(dns=[{"suffix": "example.com"}]), **deny(dns=[{"name": "www.example.com"}])}
    assert may(terms, "api.example.com")
    [finding] = denials(terms, asked("api.example.com", "www.example.com"))
    assert finding.code == "policy.denied"
    assert finding.help == "policies/deny.yaml denies it"
    assert "www.example.com" in finding.source.snippet


def test_a_deny_without_match_freezes_what_it_selects():
    terms = {**SUFFIX, **deny("frozen", {"namespaces": ["payments"]})}
    assert codes(terms, asked("api.payments.example.com")) == ["policy.denied"]
    assert may(terms, "api.payments.example.com", path="web/api")


# --- What is judged ------------------------------------------------------------------------------


def test_the_finding_is_on_the_line_of_the_name_and_says_what_is_granted():
    [finding] = denials(SUFFIX, asked("api.payments.example.com", "www.example.com"))
    assert finding.code == "policy.name_not_allowed"
    assert finding.message == "payments may not have www.example.com"
    assert finding.source.path == "certificates/payments/api.yaml"
    assert "www.example.com" in finding.source.snippet
    assert finding.help.startswith("policies/grant.yaml grants *.payments.example.com")


@pytest.mark.parametrize(
    ("keys", "key", "allowed"),
    [
        (["P-256"], "P-256", True),
        (["P-256"], "P-384", False),
        (["RSA-3072+"], "RSA-2048", False),
        (["RSA-3072+"], "RSA-3072", True),
        (["P-384", "Ed25519"], "Ed25519", True),
        ([], "P-256", False),
    ],
)
def test_keys(keys, key, allowed):
    found = codes(grant(dns=[PAYMENTS], keys=keys), asked("api.payments.example.com", key=key))
    assert found == ([] if allowed else ["policy.key_not_allowed"])


def test_a_validity_is_judged_to_the_second_and_without_the_backdating():
    terms = grant(dns=[PAYMENTS], maxValidity="90d")
    slow = profile("slow", validity={"backdate": "12h"})
    name = "api.payments.example.com"
    assert may({**terms, **slow}, name, validity="90d", profile="slow")
    assert codes(terms, asked(name, validity="2161h")) == ["policy.validity_too_long"]
    exactly = NOW.replace(year=2027, month=2, day=21, hour=9, minute=59, second=59)
    end = exactly.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert may(terms, name, notAfter=end)
    [late] = denials(terms, asked(name, notAfter=end.replace("09:59:59", "10:00:00")))
    assert late.code == "policy.validity_too_long"
    assert "notAfter" in late.source.snippet


@pytest.mark.parametrize(
    ("subject", "listed", "allowed"),
    [
        ("O=Example", {"O": ["Example"]}, True),
        ("O=Example", {"organizationName": ["Example"]}, True),
        ("O=Example", {"2.5.4.10": ["Example"]}, True),
        ("O=example", {"O": ["Example"]}, False),
        ("O=Example", {"O": ["Other"]}, False),
        ("O=Example", {}, False),
        ("O=Example,OU=x", {"O": ["Example"]}, False),
        ("O=Example,OU=x", {"O": ["Example"], "OU": ["*"]}, True),
        ("O=Example+OU=x", {"O": ["Example"]}, False),
        ("CN=www.example.com", {}, False),
        ("CN=Jane Doe", {}, False),
        ("CN=Jane Doe", {"CN": ["Jane Doe"]}, True),
        ("CN=api.payments.example.com", {}, True),
        ("UID=root", {"CN": ["*"]}, False),
        ("1.2.3.4=x", {"1.2.3.4": ["x"]}, True),
        ("1.2.3.4=x", {"O": ["x"]}, False),
    ],
)
def test_every_attribute_of_every_rdn_has_to_be_allowed(subject, listed, allowed):
    terms = grant(dns=[PAYMENTS], **({"subject": listed} if listed else {}))
    spec = {"subject": subject, "commonNameInSan": False}
    found = codes(terms, asked("api.payments.example.com", **spec))
    assert set(found) == (set() if allowed else {"policy.subject_not_allowed"})


def test_attributes_that_the_profile_or_the_project_adds_are_judged_as_well():
    named = {**SUFFIX, **profile("named", subject="O=Example")}
    assert not may(named, "api.payments.example.com", profile="named")
    whole = {**SUFFIX, **project(defaults={"issuer": "issuing", "subject": "O=Example"})}
    assert not may(whole, "api.payments.example.com")


def test_a_common_name_that_is_added_to_the_names_is_judged_as_a_name():
    found = denials(SUFFIX, asked("api.payments.example.com", subject="CN=www.example.com"))
    assert {finding.code for finding in found} == {"policy.name_not_allowed"}
    assert all("subject" in finding.source.snippet for finding in found)


# --- Extensions ----------------------------------------------------------------------------------

MUST_STAPLE = {"tlsFeature": {"value": ["status_request"]}}


def test_an_extension_of_the_manifest_has_to_be_named():
    name = "api.payments.example.com"
    [finding] = denials(SUFFIX, asked(name, extensions=MUST_STAPLE))
    assert finding.code == "policy.extension_not_allowed"
    assert "tlsFeature" in finding.source.snippet
    for named in ("tlsFeature", "1.3.6.1.5.5.7.1.24"):
        assert may(grant(dns=[PAYMENTS], extensions=[named]), name, extensions=MUST_STAPLE)


def test_what_profile_and_authority_give_needs_no_naming():
    given = {
        **profile("p", extensions=MUST_STAPLE),
        **authority(
            "issuing",
            parent="root",
            pathLength=0,
            crl={"urls": ["http://crl.example.com/{CRL_PATH}"]},
        ),
    }
    assert may({**SUFFIX, **given}, "api.payments.example.com", profile="p")


@pytest.mark.parametrize(
    "extensions",
    [
        {"extendedKeyUsage": {"value": ["OCSPSigning"]}},
        {"keyUsage": {"critical": False, "value": ["digitalSignature"]}},
        {"subjectAltName": {"critical": True}},
        {"crlDistributionPoints": {"value": [{"fullName": ["http://evil.example/crl"]}]}},
        {"msCertificateTemplate": {"value": {"templateId": "1.2.3", "majorVersion": 1}}},
        {"custom": [{"oid": "1.3.6.1.4.1.311.25.2", "critical": False, "value": "BQA="}]},
    ],
    ids=lambda e: next(iter(e)),
)
def test_what_differs_from_what_the_profile_gives_has_to_be_named(extensions):
    given = authority(
        "issuing", parent="root", pathLength=0, crl={"urls": ["http://crl.example.com/{CRL_PATH}"]}
    )
    [finding] = denials(SUFFIX, given, asked("api.payments.example.com", extensions=extensions))
    assert finding.code == "policy.extension_not_allowed"


def test_an_extension_can_be_kept_out_wherever_it_comes_from():
    terms = {**SUFFIX, **deny(extensions=["tlsFeature"]), **profile("p", extensions=MUST_STAPLE)}
    assert codes(terms, asked("api.payments.example.com", profile="p")) == ["policy.denied"]


def test_what_a_csr_carries_gains_nothing():
    upn = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01a")
    names = x509.SubjectAlternativeName([x509.DNSName("www.example.com"), upn])
    hostile = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "www.example.com")]))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private_key("P-256"), hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    world = asked("api.payments.example.com") | {"certificates/payments/api.csr": hostile}
    assert codes(SUFFIX, world) == []
    kept_out = deny(dns=[{"name": "www.example.com"}], otherName=[
        {"oid": "1.3.6.1.4.1.311.20.2.3", "any": True}
    ])  # fmt: skip
    assert codes(SUFFIX, kept_out, world) == []  # nothing of it is in the certificate


@pytest.mark.parametrize("kept_out", ["api.payments.example.com", "*"])
def test_a_common_name_that_is_a_name_as_well_is_kept_out_all_the_same(kept_out):
    granted = grant(dns=[PAYMENTS], subject={"CN": ["*"]})
    world = asked("api.payments.example.com", subject="CN=api.payments.example.com")
    assert codes(granted, world) == []
    [finding] = denials(granted, deny(subject={"CN": [kept_out]}), world)
    assert finding.message == "CN=api.payments.example.com is kept out by a policy"


def test_a_common_name_that_is_kept_out_as_a_name_is_objected_to_once():
    world = asked("api.payments.example.com", subject="CN=api.payments.example.com")
    both = deny(dns=[PAYMENTS], subject={"CN": ["*"]})
    assert len(denials(grant(dns=[PAYMENTS]), both, world)) == 1


# --- No way around -------------------------------------------------------------------------------


def test_a_plan_that_was_not_judged_is_not_carried_out():
    world = load(BASE, SUFFIX, asked("api.payments.example.com"))
    request = resolve(world, "payments/api").request
    change = IssueCertificate(request, Action.ISSUE, (Reason("DoesNotExist", ""),), None)
    plan = Plan((change,), (), (), 0, "", "", "", NOW)
    with pytest.raises(PolicyDeniedError):
        check_allowed(plan, world)
    allowed = replace(change, allowed_by=("policies/grant.yaml",))
    check_allowed(replace(plan, changes=(allowed,)), world)
    check_allowed(plan, load(BASE, asked("api.payments.example.com")))  # there is no policy


# --- Policies themselves -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"effect": "Grant"}, "policy.wrong_terms"),
        ({"effect": "Limit", "allow": {}}, "policy.wrong_terms"),
        ({"effect": "Grant", "match": {"dns": [PAYMENTS]}}, "policy.wrong_terms"),
        ({"effect": "Deny", "allow": {"dns": [PAYMENTS]}}, "policy.wrong_terms"),
        ({"effect": "Deny"}, "policy.wrong_terms"),
        ({"effect": "Deny", "match": {}}, "policy.wrong_terms"),
        ({"effect": "Deny", "match": {"maxValidity": "1d"}}, "manifest.unknown_key"),
        ({"effect": "Deny", "selector": {"labels": {"a": "b"}}}, "policy.evadable"),
        (
            {"effect": "Limit", "selector": {"labels": {"a": "b"}}, "allow": {"ip": []}},
            "policy.evadable",
        ),
        ({"effect": "Grant", "allow": {"dns": [{}]}}, "policy.one_of"),
        ({"effect": "Grant", "allow": {"dns": [{"suffix": "a", "name": "b.c"}]}}, "policy.one_of"),
        ({"effect": "Grant", "allow": {"dns": [{"name": "a.b", "maxLabels": 1}]}}, "policy.one_of"),
        ({"effect": "Grant", "allow": {"dns": [{"suffix": "*.a.b"}]}}, "general_name.bad_wildcard"),
        ({"effect": "Grant", "allow": {"dns": [{"suffix": ".a.b"}]}}, "general_name.bad_dns_name"),
        ({"effect": "Grant", "allow": {"ip": ["10.0.0.1/8"]}}, "policy.bad_network"),
        ({"effect": "Grant", "allow": {"subject": {"XX": ["a"]}}}, "policy.unknown_attribute"),
        ({"effect": "Grant", "allow": {"extensions": ["nope"]}}, "policy.unknown_extension"),
        ({"effect": "Grant", "allow": {"otherName": [{"oid": "1.2.3"}]}}, "policy.one_of"),
        ({"effect": "Grant", "allow": {"uri": [{"scheme": "https:"}]}}, "policy.bad_scheme"),
        ({"effect": "Grant", "rules": [{"expression": "true"}]}, "policy.wrong_terms"),
        ({"effect": "Limit", "rules": []}, "policy.wrong_terms"),
        ({"effect": "Limit", "rules": [{"expression": "x" * 4097}]}, "manifest.invalid_value"),
        ({"effect": "Limit", "rules": [{"expression": "true"}] * 65}, "manifest.wrong_length"),
        ({"effect": "Limit", "rules": [{"message": "no"}]}, "manifest.missing_field"),
        ({"effect": "Deny", "match": {}, "rules": [{"expression": "true"}]}, "policy.wrong_terms"),
        ({"effect": "Allow", "allow": {"ip": []}}, "manifest.unknown_value"),
    ],
)  # fmt: skip
def test_a_policy_that_could_be_misread_does_not_load(spec, code):
    result = load_result(BASE, policy("p", **spec))
    assert {finding.code for finding in result.findings} == {code}
    assert all(finding.source.path == "policies/p.yaml" for finding in result.findings)


@pytest.mark.parametrize("field", ["issuers", "profiles"])
def test_a_policy_about_what_does_not_exist_is_an_error(field):
    world = load(BASE, grant("g", {field: ["nothing"]}, dns=[PAYMENTS]))
    [finding] = validate_manifests(resolve_all(world), NOW, Linting())
    assert finding.code == "reference.not_found"
    assert finding.source.path == "policies/g.yaml"


@pytest.mark.parametrize("effect", ["Grant", "Limit"])
@pytest.mark.parametrize(
    ("approvals", "owners", "code"),
    [
        ({"requireSignature": True}, [], "policy.not_signed"),
        ({"requireSignature": True}, ["alice@example.com"], None),
        ({"minOwners": 2}, ["alice@example.com"], "policy.approvals_missing"),
        ({"minOwners": 2}, ["alice@example.com", "bob@example.com"], None),
        ({}, [], None),
    ],
)
def test_owners_have_to_have_signed(effect, approvals, owners, code):
    terms = policy("p", effect=effect, allow={"dns": [PAYMENTS]}, approvals=approvals)
    parts = [terms, asked("api.payments.example.com")]
    if effect == "Limit":
        parts.append(grant("all", dns=[PAYMENTS]))
        code = code and "policy.limit_exceeded"
    manifests = load(BASE, *parts)
    [resolved] = resolve_all(manifests).certificates
    preview = Preview(manifests, {}, NOW, Linting())
    draft, _ = preview.examine(resolved.request)
    books = rulebooks(manifests, None)

    def found(behind):
        judged = judge_certificate(
            books, resolved.loaded, resolved.request, draft, NOW, behind, evaluate=None
        )
        return [finding.code for finding in judged.findings]

    assert found(Endorsement(approvals=frozenset(owners))) == ([code] if code else [])
    assert found(None) == [], "validate does not ask who signed"


def test_a_policy_below_certificates_is_misplaced():
    path = "certificates/payments/mine.yaml"
    spec = {"effect": "Grant", "allow": {"dns": [PAYMENTS]}}
    result = load_result(BASE, {path: manifest("Policy", "mine", spec)})
    assert {finding.code for finding in result.findings} == {"manifest.misplaced"}
    assert not policies_of(result.manifests).policies


def test_values_are_texts_and_never_templates():
    terms = grant(dns=[{"suffix": "example.com"}], subject={"O": ["{{namespace}}", "$payments"]})
    assert not may(terms, "api.example.com", subject="O=payments")
    assert may(terms, "api.example.com", subject="O=$payments")


def test_a_text_that_another_wrote_is_harmless_in_a_finding():
    terms = grant(dns=[{"suffix": "example.com"}])
    [finding] = denials(terms, asked("api.example.com", subject="O=a##[group]x"))
    assert "##[" not in finding.message


def test_the_manifests_of_the_documentation_load():
    text = (Path(__file__).parents[2] / "docs/policies.md").read_text()
    blocks = re.findall(r"```yaml\n# (policies/\S+)\n(.*?)```", text, re.DOTALL)
    world = {path: body.encode() for path, body in blocks}
    assert len(world) == 4
    del world["policies/no-developers.yaml"]  # rules have tests of their own
    request = {"subject": "C=AT,O=Example", "validity": "100d"}
    assert may(world, "api.payments.example.com", "IP:10.20.0.7", **request)
    assert not may(world, "a.b.c.payments.example.com", **request)
    [block] = re.findall(r"```yaml\n(tests:.*?)```", text, re.DOTALL)
    assert len(parse_trials(block.encode(), "policy-tests/x.yaml")) == 2


def test_the_manifest_of_the_example_in_the_design_loads():
    text = """\
apiVersion: pki-as-code/v1
kind: Policy
metadata: {name: payments}
spec:
  effect: Grant
  selector: {namespaces: [payments], issuers: [issuing], profiles: [webserver]}
  allow:
    dns: [{suffix: payments.example.com, maxLabels: 2, wildcard: false}]
    ip: [10.20.0.0/16]
    email: [{domain: example.com}]
    uri: []
    otherName: []
    subject: {O: [Example], C: [AT]}
    keys: [P-256, RSA-3072+]
    maxValidity: 100d
"""
    world = {"policies/payments.yaml": text.encode()}
    assert may(
        world, "api.payments.example.com", "IP:10.20.0.7", subject="C=AT,O=Example", validity="100d"
    )
    assert not may(world, "a.b.c.payments.example.com")
    assert json.loads(json.dumps(codes(world, certificate("payments/x", subjectAltNames=["a.b"]))))
