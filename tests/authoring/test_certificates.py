"""Manifests that a program writes: complete, in their place, and no word more than is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from pki_as_code.authoring.certificates import (
    CertificateWishes,
    csr_pem,
    names_in_csr,
    write_certificate_manifest,
)
from pki_as_code.authoring.manifests import Written, certificate_id, object_name
from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import load_manifests
from pki_as_code.manifests.scalars import check_name
from pki_as_code.pkix.der import SET, encode_oid, encode_sequence, encode_tlv
from pki_as_code.pkix.names import parse_name
from tests.pkix.csr_maker import make_csr, private_key, san
from tests.plan import worlds
from tests.plan.worlds import BASE, Files, MemoryTree, csr

UTF8_STRING = 0x0C

FEW = settings(max_examples=60, deadline=None)


def wishes(**fields: Any) -> CertificateWishes:
    return CertificateWishes(
        **{"csr": csr("P-256"), "subject_alt_names": ("www.example.com",), **fields}
    )


def write(files: Files, **fields: Any) -> Written:
    """Return what would be written for wishes in a repository of these files."""
    tree = MemoryTree(files)
    return write_certificate_manifest(load_manifests(tree).manifests, wishes(**fields), tree.read)


def after(files: Files, **fields: Any) -> Files:
    """Return the repository after the wishes were written, which has nothing wrong with it."""
    written = {**files, **write(files, **fields).files}
    findings = load_manifests(MemoryTree(written)).findings
    assert not findings, [str(finding) for finding in findings]
    return written


def spec(files: Files, path: str) -> Any:
    """Return the spec of the first Certificate in a file."""
    manifests = load_manifests(MemoryTree(files)).manifests
    found = [m for m in manifests.of(Certificate).values() if m.path == path]
    return min(found, key=lambda m: m.document).manifest.spec


# --- Names of objects ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("www.example.com", "www.example.com"),
        ("*.A.com", "wildcard.a.com"),
        ("Jane Doe", "jane-doe"),
        ("  x  ", "x"),
        ("10.0.0.7", "10.0.0.7"),
        ("2001:db8::1", "2001-db8-1"),
        ("jane@example.com", "jane-example.com"),
        ("a..b", "a.b"),
        ("../../etc/passwd", "etc-passwd"),
        ("Ünïcode", "n-code"),
        (f"{'a' * 62}.b", f"{'a' * 62}"),
    ],
)
def test_an_object_is_named_after_what_people_call_it(text, name):
    assert object_name(text) == name


@pytest.mark.parametrize("text", ["", " ", "...", "-.-", "日本", "/"])
def test_a_text_without_anything_for_a_name_is_refused(text):
    with pytest.raises(InvalidValueError) as refused:
        object_name(text)
    assert refused.value.code == "manifest.no_name"


@FEW
@given(st.text(max_size=200))
def test_a_name_that_was_made_can_be_one(text):
    try:
        name = object_name(text)
    except InvalidValueError:
        return
    assert check_name(name) == name
    assert object_name(name) == name


@pytest.mark.parametrize(
    ("name", "namespace", "expected"),
    [
        ("web", None, "default/web"),
        ("web", "payments", "payments/web"),
        ("payments/web", None, "payments/web"),
        ("payments/web", "payments", "payments/web"),
        ("default/web", None, "default/web"),
    ],
)
def test_a_certificate_is_named_with_its_namespace(name, namespace, expected):
    object_id = certificate_id(name, namespace)
    assert f"{object_id.namespace}/{object_id.name}" == expected


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("../web", None), ("web", ".."), ("a/b/c", None), ("/web", ".."), ("payments/", None),
        ("Web", None), ("web", "a/b"), ("payments/web", "other"), ("web\n", None), ("", None),
        (".", None), ("../../x", None), ("web", ".git"),
    ],
)  # fmt: skip
def test_a_name_that_is_no_name_never_becomes_a_path(name, namespace):
    with pytest.raises(InvalidValueError):
        certificate_id(name, namespace)
    with pytest.raises(InvalidValueError):
        write(BASE, name=name or "/", namespace=namespace)


# --- New certificates ----------------------------------------------------------------------------


def test_a_new_certificate_gets_a_manifest_and_its_csr():
    written = write(BASE, validity="30d", watchers=("ops@example.com",), profile="server")
    assert written.object_id == worlds.certificate_id("www.example.com")
    assert set(written.files) == {
        "certificates/www.example.com.yaml", "certificates/www.example.com.csr",
    }  # fmt: skip
    assert written.files["certificates/www.example.com.yaml"].decode() == (
        "# yaml-language-server: $schema=../schemas/v1/certificate.json\n"
        "apiVersion: pki-as-code/v1\n"
        "kind: Certificate\n"
        "metadata:\n"
        "  name: www.example.com\n"
        "spec:\n"
        "  csrFile: www.example.com.csr\n"
        "  subjectAltNames:\n"
        "    - www.example.com\n"
        "  profile: server\n"
        "  validity: 30d\n"
        "  watchers:\n"
        "    - ops@example.com\n"
    )


def test_a_manifest_in_a_namespace_finds_its_schema_and_its_csr():
    files = after(BASE, name="web", namespace="payments")
    text = files["certificates/payments/web.yaml"].decode()
    assert "$schema=../../schemas/v1/certificate.json" in text
    assert "csrFile: web.csr" in text
    assert "certificates/payments/web.csr" in files


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"subject": "C=AT,CN=Jane Doe"}, "jane-doe"),
        ({"subject": "C=AT"}, "www.example.com"),
        ({"subject_alt_names": ("email:jane@example.com",)}, "jane-example.com"),
        ({"subject_alt_names": ("*.example.com",)}, "wildcard.example.com"),
        ({"name": "other"}, "other"),
    ],
)
def test_it_is_called_after_its_common_name_or_its_first_name(fields, name):
    assert write(BASE, **fields).object_id.name == name


def test_a_certificate_that_nothing_names_is_refused():
    with pytest.raises(InvalidValueError) as refused:
        write(BASE, subject="C=AT", subject_alt_names=())
    assert refused.value.code == "certificate.no_names"


def test_the_csr_is_kept_as_pem_and_without_what_stood_around_it():
    der = csr("P-256")
    armoured = x509.load_der_x509_csr(der).public_bytes(Encoding.PEM)
    for given_csr in (der, armoured, b"Certificate Request:\n  Data: ...\n" + armoured):
        assert write(BASE, csr=given_csr).files["certificates/www.example.com.csr"] == csr_pem(der)


# --- Files that are there ------------------------------------------------------------------------


def test_the_file_of_another_object_is_not_overwritten():
    other = dict(worlds.certificate("web", subjectAltNames=["a.example.com"]))
    other["certificates/www.example.com.yaml"] = other.pop("certificates/web.yaml")
    with pytest.raises(InvalidValueError) as refused:
        write({**BASE, **other})
    assert refused.value.code == "manifest.exists"


def test_a_file_that_cannot_be_read_is_not_overwritten():
    with pytest.raises(InvalidValueError):
        write({**BASE, "certificates/www.example.com.yaml": b"apiVersion: [\n"})


def test_the_csr_of_another_object_is_not_overwritten():
    other = worlds.certificate("web", csrFile="www.example.com.csr", key="P-256/2",
                               subjectAltNames=["a.example.com"])  # fmt: skip
    shared = {"certificates/www.example.com.csr": csr("P-256/2")}
    files = after({**BASE, **other, **shared})
    assert files["certificates/www.example.com.csr"] == csr("P-256/2")
    assert spec(files, "certificates/www.example.com.yaml").csr_file == "www.example.com-2.csr"
    assert files["certificates/www.example.com-2.csr"] == csr_pem(csr("P-256"))


def test_a_csr_that_two_share_is_left_to_the_other_when_one_gets_a_new_key():
    both = {
        **worlds.certificate("a", csrFile="shared.csr", subjectAltNames=["a.example.com"]),
        **worlds.certificate("b", csrFile="shared.csr", subjectAltNames=["b.example.com"]),
        "certificates/shared.csr": csr("P-256"),
    }
    files = after(
        {**BASE, **both}, name="a", csr=csr("P-256/2"), subject_alt_names=("a.example.com",)
    )
    assert files["certificates/shared.csr"] == csr("P-256")
    assert spec(files, "certificates/a.yaml").csr_file == "a.csr"
    assert files["certificates/a.csr"] == csr_pem(csr("P-256/2"))


def test_a_csr_that_is_in_its_place_already_stays_as_it_is():
    place = "certificates/www.example.com.csr"
    kept = b"Made by openssl\n" + csr_pem(csr("P-256"))
    assert place not in write({**BASE, place: kept}).files


# --- Certificates that exist ---------------------------------------------------------------------

OLD = """\
# Talk to Alice before you change this.
apiVersion: pki-as-code/v1
kind: Certificate
metadata:
  name: www.example.com
  labels: {service: web}
spec:
  csrFile: ../requests/web.csr   # made by hand
  subjectAltNames: [DNS:www.example.com]
  validity: 2160h
  renewal: {mode: Automatic, before: 33%}
  deletionPolicy: Retain
  extensions:
    tlsFeature: {value: [status_request]}
---
apiVersion: pki-as-code/v1
kind: Certificate
metadata: {name: other}
spec:
  csrFile: other.csr
  subjectAltNames: [other.example.com]
"""
EXISTING: Files = {
    **BASE,
    "certificates/team.yaml": OLD.encode(),
    "requests/web.csr": csr("P-256"),
    "certificates/other.csr": csr("P-256/2"),
}


def test_what_is_asked_for_again_writes_nothing():
    files = after(BASE, validity="90d")
    assert write(files, validity="90d").files == {}
    assert write(files, validity="2160h").files == {}
    assert write(files, validity="90d", subject_alt_names=("DNS:WWW.example.com",)).files == {}


def test_what_is_written_another_way_is_left_as_it_is():
    assert write(EXISTING, validity="90d").files == {}


def test_a_change_leaves_comments_labels_and_the_other_object_of_the_file():
    files = after(EXISTING, validity="30d")
    text = files["certificates/team.yaml"].decode()
    assert text == OLD.replace("validity: 2160h", "validity: 30d")


def test_an_object_that_exists_keeps_what_the_wishes_cannot_say():
    files = after(EXISTING, subject_alt_names=("www.example.com", "www.example.net"))
    found = spec(files, "certificates/team.yaml")
    assert found.deletion_policy == "Retain"
    assert found.renewal.mode == "Automatic"
    assert found.extensions.tls_feature is not None
    assert found.validity is None, "what could have been said, and was not, is what applies"


def test_watchers_stay_unless_some_are_given():
    files = after(BASE, watchers=("a@example.com",))
    assert write(files).files == {}
    again = after(files, watchers=("b@example.com",))
    assert spec(again, "certificates/www.example.com.yaml").watchers == ("b@example.com",)


def test_a_new_csr_goes_where_the_old_one_was():
    written = write(EXISTING, validity="90d", csr=csr("P-256/3"))
    assert written.files == {"requests/web.csr": csr_pem(csr("P-256/3"))}


def test_an_inline_csr_gives_way_to_a_file():
    pem = csr_pem(csr("P-256")).decode()
    inline = worlds.certificate(
        "www.example.com", csrFile=None, csr=pem, subjectAltNames=["www.example.com"]
    )
    files = {**BASE, **inline}
    del files["certificates/www.example.com.csr"]
    files = after(files, csr=csr("P-256/2"))
    found = spec(files, "certificates/www.example.com.yaml")
    assert (found.csr, found.csr_file) == (None, "www.example.com.csr")


def test_an_end_date_takes_the_place_of_a_validity():
    files = after(BASE, validity="30d")
    files = after(files, not_after="2027-01-31T00:00:00Z")
    found = spec(files, "certificates/www.example.com.yaml")
    assert (found.validity, found.not_after.year) == (None, 2027)


SIGNING = st.fixed_dictionaries(
    {},
    optional={
        "validity": st.sampled_from(["30d", "90d", "2160h"]),
        "profile": st.sampled_from(["client", "server"]),
        "issuer": st.sampled_from(["root", "issuing"]),
        "common_name_in_san": st.booleans(),
        "subject": st.sampled_from(["CN=www.example.com", "C=AT,CN=www.example.com"]),
        "algorithm": st.sampled_from(["SHA-256", "SHA-512"]),
        "watchers": st.sampled_from([(), ("a@example.com",)]),
    },
)


@FEW
@given(first=SIGNING, second=SIGNING)
def test_the_last_wishes_count_and_asking_twice_changes_nothing(first, second):
    files = after(after(BASE, **first), **second)
    assert write(files, **second).files == {}
    fresh = spec(after(BASE, **second), "certificates/www.example.com.yaml")
    found = spec(files, "certificates/www.example.com.yaml")
    watchers = fresh.watchers or first.get("watchers", ())
    assert found == fresh.model_copy(update={"watchers": watchers})


# --- Names in a CSR ------------------------------------------------------------------------------


def asked(subject: str, *names: bytes) -> tuple[str | None, tuple[str, ...]]:
    attributes = (san(*names),) if names else ()
    der = make_csr(
        private_key("P-256"), subject=parse_name(subject).public_bytes(), attributes=attributes
    )
    return names_in_csr(der)


DNS_A = b"\x82\x0da.example.com"
IP = b"\x87\x04\x0a\x00\x00\x07"
EMAIL = b"\x81\x0ea@example.com.."[:2] + b"aa@example.com"


def test_the_names_a_csr_asks_for_are_proposed():
    assert asked("CN=a.example.com") == (None, ("a.example.com",))
    assert asked("CN=www.example.com", DNS_A, IP) == (
        None, ("www.example.com", "a.example.com", "IP:10.0.0.7"),
    )  # fmt: skip
    assert asked("C=AT", EMAIL) == (None, ("email:aa@example.com",))


def test_a_name_that_is_common_name_and_alternative_is_proposed_once():
    assert asked("CN=a.example.com", DNS_A) == (None, ("a.example.com",))


def test_a_common_name_of_words_is_proposed_as_the_subject():
    assert asked("C=AT,CN=Jane Doe") == ("CN=Jane Doe", ())


def test_a_csr_without_names_proposes_none():
    assert asked("C=AT,O=Example") == (None, ())


@FEW
@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=64))
def test_no_common_name_of_a_csr_breaks_the_proposal(text):
    attribute = encode_sequence(encode_oid("2.5.4.3"), encode_tlv(UTF8_STRING, text.encode()))
    subject = encode_sequence(encode_tlv(SET, attribute))
    der = make_csr(private_key("P-256"), subject=subject)
    try:
        proposed, names = names_in_csr(der)
    except InvalidValueError:
        return
    assert proposed is None or proposed.startswith("CN=")
    assert all(isinstance(name, str) for name in names)


def test_wishes_are_replaced_not_changed():
    first = wishes()
    assert replace(first, profile="client").profile == "client"
    assert first.profile is None
