"""What a pull request would make, judged before anything is made."""

from __future__ import annotations

from typing import Any

import pytest

from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import Finding
from pki_as_code.pkix.algorithms import KeySpec, key_spec
from pki_as_code.plan.linting import Linting
from pki_as_code.plan.preview import PREVIEW_SERIAL_NUMBER, Preview, stand_in_public_key
from pki_as_code.plan.validate import resolve_all, validate_manifests
from tests.plan.worlds import (
    BASE,
    DAY,
    NOW,
    Files,
    authority,
    certificate,
    load,
    profile,
    project,
    resolve,
)

CONSTRAINED = authority(
    "lab", parent="root", pathLength=0, nameConstraints={"permitted": ["DNS:lab.example"]}
)


def validated(*parts: Files) -> list[Finding]:
    return validate_manifests(resolve_all(load(*parts)), NOW, Linting())


def codes(*parts: Files) -> list[str]:
    return [finding.code for finding in validated(*parts)]


def preview(manifests: ManifestSet) -> Preview:
    return Preview(manifests, {}, NOW, Linting())


def lab(name: str, **spec: Any) -> Files:
    return certificate("web", issuer="lab", subjectAltNames=[name], **spec)


def test_a_new_authority_and_its_first_certificates_pass_without_any_key():
    assert codes(BASE, CONSTRAINED, lab("a.lab.example")) == []


def test_name_constraints_of_an_authority_that_does_not_exist_yet_hold():
    found = validated(BASE, CONSTRAINED, lab("a.example.net"))
    assert {finding.code for finding in found} == {"rfc5280.name_not_permitted"}
    assert {finding.source.path for finding in found} == {"certificates/web.yaml"}


def test_name_constraints_of_the_root_hold_below_it():
    root = authority("root", nameConstraints={"excluded": ["DNS:evil.example"]})
    found = codes(BASE, root, certificate("web", subjectAltNames=["a.evil.example"]))
    assert set(found) == {"rfc5280.name_excluded"}


def test_the_path_length_of_an_authority_that_does_not_exist_yet_holds():
    below = authority("below", parent="issuing")
    [finding] = validated(BASE, below)
    assert finding.code == "rfc5280.path_length_exceeded"
    assert finding.source.path == "authorities/below.yaml"


def test_a_certificate_that_would_outlive_its_new_authority_is_refused_with_both_dates():
    short = authority("short", parent="root", pathLength=0, validity="30d")
    [finding] = validated(
        BASE, short, certificate("web", issuer="short", subjectAltNames=["a.example.com"])
    )
    assert finding.code == "certificate.outlives_issuer"
    assert "2027-02-21T09:59:59Z" in finding.message
    assert "2026-12-23T09:59:59Z" in finding.message


def test_a_key_usage_the_key_cannot_have_is_found():
    usage = {"keyUsage": {"value": ["keyEncipherment"]}}
    found = codes(BASE, certificate("web", subjectAltNames=["a.example.com"], extensions=usage))
    assert len(found) == 1
    assert found[0].startswith("rfc")


@pytest.mark.parametrize(
    "parts",
    [
        {**authority("a", parent="b"), **authority("b", parent="a")},
        authority("a", parent="a"),
        {
            **authority("a", parent="b"),
            **authority("b", parent="c"),
            **authority("c", parent="b"),
        },
    ],
    ids=["two", "one", "one below two"],
)
def test_a_circle_is_reported_and_does_not_loop(parts):
    under = certificate("web", issuer="a", subjectAltNames=["a.example.com"])
    found = validated(BASE, parts, under)
    circles = [finding for finding in found if finding.code == "authority.cycle"]
    assert circles
    assert all("<-" in finding.message for finding in circles)


def test_a_parent_that_is_not_there_is_reported():
    [finding] = validated(BASE, authority("a", parent="rot"))
    assert (finding.code, finding.help) == ("reference.not_found", "did you mean `root`?")


@pytest.mark.parametrize(
    "spec",
    [
        KeySpec("RSA", 2048), KeySpec("RSA", 4096), KeySpec("EC", curve="P-256"),
        KeySpec("EC", curve="P-384"), KeySpec("EC", curve="P-521"), KeySpec("Ed25519"),
        KeySpec("Ed448"), KeySpec("ML-DSA-44"), KeySpec("ML-DSA-65"), KeySpec("ML-DSA-87"),
    ],
    ids=str,
)  # fmt: skip
def test_a_stand_in_has_the_type_and_size_of_the_key_to_come(spec):
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    assert key_spec(load_der_public_key(stand_in_public_key(spec))) == spec


@pytest.mark.parametrize("key_type", ["RSA", "EC", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-87"])
def test_an_authority_of_every_key_type_is_judged_before_it_has_a_key(key_type):
    parts = {
        path: data
        for name, parent in (("root", None), ("issuing", "root"))
        for path, data in authority(
            name, parent=parent, key={"uri": f"file:keys/{name}.pem", "type": key_type}
        ).items()
    }
    assert codes(BASE, parts, certificate("web", subjectAltNames=["a.example.com"])) == []


def test_a_draft_is_what_would_be_signed_but_for_the_serial_number():
    manifests = load(BASE, certificate("web", subjectAltNames=["a.example.com"]))
    draft, findings = preview(manifests).draft(resolve(manifests).request)
    assert findings == []
    assert draft.serial_number == PREVIEW_SERIAL_NUMBER
    assert draft.issuer.rfc4514_string() == "CN=issuing"
    assert draft.subject.rfc4514_string() == "CN=a.example.com"
    assert draft.not_valid_before_utc <= NOW < draft.not_valid_after_utc


def test_drafts_are_made_once_for_each_authority():
    manifests = load(BASE, certificate("web", subjectAltNames=["a.example.com"]))
    seen = preview(manifests)
    issuing = manifests.authority("issuing")
    assert seen.chain(issuing) == seen.chain(issuing)
    assert [c.subject.rfc4514_string() for c in seen.chain(issuing)] == ["CN=issuing", "CN=root"]


# --- Other checks across manifests ---------------------------------------------------------------


def test_an_end_date_is_no_way_around_the_longest_validity_of_a_profile():
    short = profile("short", validity={"max": "30d"})

    def found(when: Any) -> list[str]:
        spec = {"profile": "short", "notAfter": f"{when:%Y-%m-%dT%H:%M:%SZ}"}
        return codes(BASE, short, certificate("web", subjectAltNames=["a.example.com"], **spec))

    assert found(NOW + 30 * DAY) == []
    assert found(NOW + 31 * DAY) == ["profile.validity_too_long"]


def test_a_shared_key_is_a_warning_on_the_second_certificate():
    parts = {
        **certificate("a", subjectAltNames=["a.example.com"]),
        **certificate("b", subjectAltNames=["b.example.com"]),
    }
    [finding] = validated(BASE, parts)
    assert (finding.code, finding.severity) == ("csr.key_shared", "warning")
    assert (finding.source.path, finding.message) == ("certificates/b.yaml", "a has the same key")


def test_a_repository_without_a_project_says_so():
    assert codes(authority("root")) == ["project.missing"]


def test_defaults_that_lead_nowhere_are_found_where_they_stand():
    found = validated(project(defaults={"issuer": "isuing", "profile": "webservr"}), BASE_WITHOUT)
    assert [(f.code, f.source.path) for f in found] == [("reference.not_found", "pki.yaml")] * 2


BASE_WITHOUT = {path: data for path, data in BASE.items() if path != "pki.yaml"}


def test_every_finding_comes_once_and_in_the_order_of_places():
    parts = {
        **certificate("b", issuer="nobody", subjectAltNames=["b.example.com"]),
        **certificate("a", profile="nothing", key="P-256/2", subjectAltNames=["a.example.com"]),
    }
    found = validated(BASE, parts)
    assert [finding.source.path for finding in found] == [
        "certificates/a.yaml", "certificates/b.yaml",
    ]  # fmt: skip
    assert len(set(found)) == len(found)
