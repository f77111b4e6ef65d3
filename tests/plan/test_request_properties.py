"""What a request depends on, and what it does not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pki_as_code.model import CertificateRequest, canonical_json
from tests.plan.worlds import (
    BASE,
    certificate,
    certificate_id,
    csr,
    load,
    manifest,
    request,
    resolve,
    web,
)

FEW = settings(max_examples=30, deadline=None)

LABELS = st.dictionaries(
    st.sampled_from(["service", "team", "env"]), st.sampled_from(["a", "b-1", "x.y"])
)
RENEWALS = st.sampled_from(
    [{"before": "30d"}, {"before": "10%"}, {"mode": "None"}, {"mode": "Request", "before": "1d"}]
)
WATCHERS = st.lists(st.sampled_from(["a@example.com", "B <b@example.com>"]), unique=True)
UNSIGNED = st.fixed_dictionaries(
    {},
    optional={
        "renewal": RENEWALS,
        "watchers": WATCHERS,
        "deletionPolicy": st.sampled_from(["Refuse", "Retain", "Revoke"]),
    },
)
HOSTS = st.from_regex(r"[a-z]([a-z0-9]{0,10}[a-z0-9])?\.example\.(com|net)", fullmatch=True)
NAMES = st.lists(
    HOSTS | HOSTS.map(lambda host: f"*.{host}") | st.ip_addresses().map(str)
    | HOSTS.map(lambda host: f"email:ops@{host}"),
    min_size=1, max_size=5, unique=True,
)  # fmt: skip
SIGNED = st.fixed_dictionaries(
    {"subjectAltNames": NAMES},
    optional={
        "subject": HOSTS.map(lambda host: f"C=AT,CN={host}"),
        "validity": st.integers(1, 398).map(lambda days: f"{days}d"),
        "commonNameInSan": st.booleans(),
        "profile": st.sampled_from(["client", "server", "webserver", "enduser", "ocsp"]),
        "reissue": st.integers(0, 5),
        "algorithm": st.sampled_from(["SHA-256", "SHA-512"]),
    },
)


def ask(**spec: Any) -> CertificateRequest | None:
    """Return the request; None when the manifest asks for something that is refused."""
    return resolve(load(BASE, certificate("web", **spec))).request


@FEW
@given(signed=SIGNED, labels=LABELS, unsigned=UNSIGNED)
def test_labels_watchers_and_renewal_never_change_what_is_signed(signed, labels, unsigned):
    plain = ask(**signed)
    other = ask(**signed, **unsigned, metadata={"labels": labels})
    assert other == plain
    if plain is not None:
        assert (other.digest, other.intent_digest) == (plain.digest, plain.intent_digest)


@FEW
@given(signed=SIGNED, seed=st.randoms(use_true_random=False))
def test_the_order_of_fields_in_a_manifest_never_changes_what_is_signed(signed, seed):
    plain = ask(**signed)
    fields = list({**signed, "csrFile": "web.csr"}.items())
    seed.shuffle(fields)
    files = {
        "certificates/web.yaml": manifest("Certificate", "web", dict(fields)),
        "certificates/web.csr": csr("P-256"),
    }
    other = resolve(load(BASE, files)).request
    assert other == plain
    assert plain is None or other.intent == plain.intent


@FEW
@given(first=SIGNED, second=SIGNED)
def test_requests_with_the_same_digest_ask_for_the_same(first, second):
    one, two = ask(**first), ask(**second)
    if one is None or two is None:
        return
    same = {**one.to_json()} == {**two.to_json()}
    assert (one.digest == two.digest) is same
    assert (one == two) is same


@FEW
@given(signed=SIGNED, other=NAMES)
def test_other_names_are_another_request(signed, other):
    one, two = ask(**signed), ask(**{**signed, "subjectAltNames": other})
    if one is not None and two is not None:
        names = one.subject_alternative_names, one.subject
        assert (one.digest == two.digest) is (names == (two.subject_alternative_names, two.subject))


def test_another_key_validity_or_reissue_is_another_request():
    digests = {
        web().digest,
        web(key="P-256/2").digest,
        web(validity="89d").digest,
        web(notAfter="2027-01-31T00:00:00Z").digest,
        web(reissue=1).digest,
        web(profile="server").digest,
        web(algorithm="SHA-384").digest,
        web(extensions={"tlsFeature": {"value": ["status_request"]}}).digest,
    }
    assert len(digests) == 8


@FEW
@given(signed=SIGNED)
def test_the_json_of_a_request_is_canonical_and_survives_json(signed):
    wanted = ask(**signed)
    if wanted is None:
        return
    text = canonical_json(wanted.to_json())
    assert canonical_json(json.loads(text)) == text


def test_a_rename_does_not_change_the_digest():
    one = request(BASE, certificate("web", subjectAltNames=["www.example.com"]))
    other = replace(one, object_id=certificate_id("payments/api"))
    assert other.digest == one.digest


def test_two_ways_to_write_a_value_have_one_intent():
    one = web(validity="90d", subject="C=AT, O=Example", algorithm="SHA-384")
    other = web(
        validity="2160h",
        subject="countryName=AT,organizationName=Example",
        algorithm="SHA-384",
        subjectAltNames=["DNS:WWW.Example.COM"],
    )
    assert other.intent == one.intent
    assert other.digest == one.digest


def test_the_intent_has_only_what_the_manifest_says():
    assert set(web().intent) == {"subjectAltNames", "commonNameInSan", "publicKeySha256"}
    assert set(web(profile="server", issuer="issuing").intent) == {
        "subjectAltNames", "commonNameInSan", "publicKeySha256", "profile", "issuer",
    }  # fmt: skip
