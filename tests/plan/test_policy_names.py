"""Which names a policy allows or keeps out: labels, IDNA, wildcards, addresses, other types."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from pki_as_code.manifests.policy import Allowed, Matched
from pki_as_code.pkix.general_names import parse_general_name
from pki_as_code.plan.policy_names import ALLOWED, FIELDS, KEPT_OUT, is_allowed, is_kept_out
from pki_as_code.plan.policy_names import make_name_terms as terms_of

LABEL = st.from_regex(r"[a-z](?:[a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABEL, min_size=2, max_size=5).map(".".join)
PAYMENTS = {"scheme": "spiffe", "host": "example.org", "path": "/ns/payments"}
UPN = "1.3.6.1.4.1.311.20.2.3"


def allows(name: str | x509.GeneralName, **allow: Any) -> bool:
    value = parse_general_name(name) if isinstance(name, str) else name
    return is_allowed(value, terms_of(Allowed.model_validate(allow)))


def keeps_out(name: str | x509.GeneralName, **match: Any) -> bool:
    value = parse_general_name(name) if isinstance(name, str) else name
    return is_kept_out(value, terms_of(Matched.model_validate(match)))


# --- DNS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "name", "allowed"),
    [
        ({"suffix": "example.com"}, "example.com", True),
        ({"suffix": "example.com"}, "a.example.com", True),
        ({"suffix": "example.com"}, "a.b.c.d.example.com", True),
        ({"suffix": "example.com"}, "badexample.com", False),
        ({"suffix": "example.com"}, "example.com.evil.net", False),
        ({"suffix": "example.com"}, "com", False),
        ({"suffix": "example.com", "maxLabels": 1}, "a.example.com", True),
        ({"suffix": "example.com", "maxLabels": 1}, "a.b.example.com", False),
        ({"suffix": "example.com", "maxLabels": 1}, "example.com", True),
        ({"suffix": "example.com"}, "*.example.com", False),
        ({"suffix": "example.com", "wildcard": True}, "*.example.com", True),
        ({"suffix": "example.com", "wildcard": True}, "*.a.example.com", True),
        ({"suffix": "a.example.com", "wildcard": True}, "*.example.com", False),
        ({"suffix": "example.com", "wildcard": True, "maxLabels": 1}, "*.a.example.com", False),
        ({"name": "www.example.com"}, "www.example.com", True),
        ({"name": "www.example.com"}, "a.www.example.com", False),
        ({"name": "*.example.com"}, "*.example.com", True),
        ({"name": "*.example.com"}, "www.example.com", False),
        ({"suffix": "EXAMPLE.com."}, "a.example.com", True),
        ({"suffix": "bücher.example"}, "a.bücher.example", True),
        ({"suffix": "bücher.example"}, "a.xn--bcher-kva.example", True),
        ({"suffix": "xn--bcher-kva.example"}, "a.BÜCHER.example", True),
        ({"suffix": "bucher.example"}, "a.bücher.example", False),
    ],
)
def test_dns_names_are_allowed_label_by_label(rule, name, allowed):
    assert allows(f"DNS:{name}", dns=[rule]) is allowed


@pytest.mark.parametrize(
    "written", ["A.example.com", "a.example.com.", "a..example.com", " a.example.com",
                "a_b.example.com", "*.*.example.com", "a*.example.com", ".example.com", ""],
)  # fmt: skip
def test_a_name_that_is_not_written_as_it_should_be_is_never_allowed(written):
    rule = {"suffix": "example.com", "wildcard": True}
    assert not allows(x509.DNSName(written), dns=[rule])
    assert keeps_out(x509.DNSName(written), dns=[{"suffix": "example.com"}])


@pytest.mark.parametrize(
    ("rule", "name", "kept_out"),
    [
        ({"suffix": "secret.example"}, "secret.example", True),
        ({"suffix": "secret.example"}, "a.b.secret.example", True),
        ({"suffix": "secret.example"}, "*.secret.example", True),
        ({"suffix": "a.secret.example"}, "*.secret.example", True),
        ({"suffix": "a.b.secret.example"}, "*.secret.example", False),
        ({"suffix": "secret.example"}, "topsecret.example", False),
        ({"name": "a.secret.example"}, "a.secret.example", True),
        ({"name": "a.secret.example"}, "*.secret.example", True),
        ({"name": "a.secret.example"}, "b.secret.example", False),
        ({"name": "*.secret.example"}, "*.secret.example", True),
    ],
)
def test_what_is_kept_out_is_so_behind_a_wildcard_as_well(rule, name, kept_out):
    assert keeps_out(f"DNS:{name}", dns=[rule]) is kept_out


@given(NAMES, NAMES)
def test_a_suffix_allows_just_what_ends_in_its_labels(name, suffix):
    ends = name.split(".")[-len(suffix.split(".")) :] == suffix.split(".")
    assert allows(f"DNS:{name}", dns=[{"suffix": suffix}]) is ends


@given(NAMES, st.lists(LABEL, min_size=1, max_size=3), st.integers(1, 3))
def test_the_labels_before_a_suffix_are_counted(suffix, labels, most):
    name = ".".join([*labels, suffix])
    rule = {"suffix": suffix, "maxLabels": most}
    assert allows(f"DNS:{name}", dns=[rule]) is (len(labels) <= most)


@given(NAMES, LABEL)
def test_gluing_something_to_a_suffix_gains_nothing(suffix, label):
    assert not allows(f"DNS:{label}{suffix}", dns=[{"suffix": suffix}])


@given(NAMES)
def test_a_wildcard_is_allowed_only_where_it_is_granted(suffix):
    assert not allows(f"DNS:*.{suffix}", dns=[{"suffix": suffix}])
    assert allows(f"DNS:*.{suffix}", dns=[{"suffix": suffix, "wildcard": True}])


@given(NAMES, NAMES)
def test_what_a_rule_would_allow_the_same_rule_keeps_out(name, suffix):
    if allows(f"DNS:{name}", dns=[{"suffix": suffix}]):
        assert keeps_out(f"DNS:{name}", dns=[{"suffix": suffix}])


# --- IP addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "address", "allowed"),
    [
        ("10.0.0.0/8", "10.255.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.7", "10.0.0.7", True),
        ("10.0.0.7", "10.0.0.8", False),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("0.0.0.0/0", "::1", False),
        ("::/0", "10.0.0.1", False),
        ("10.0.0.0/8", "::ffff:10.0.0.1", False),
        ("::/0", "::ffff:10.0.0.1", True),
    ],
)
def test_addresses_of_the_two_families_are_apart(network, address, allowed):
    assert allows(f"IP:{address}", ip=[network]) is allowed


@given(st.ip_addresses(v=4), st.ip_addresses(v=6))
def test_no_network_of_one_family_allows_the_other(four, six):
    assert not allows(x509.IPAddress(four), ip=["::/0"])
    assert not allows(x509.IPAddress(six), ip=["0.0.0.0/0"])


@given(st.ip_addresses(v=4))
def test_an_address_that_is_kept_out_is_so_in_the_clothes_of_the_other_family(address):
    for prefix in ("::ffff:", "::ffff:0:", "64:ff9b::", "64:ff9b:1::", "::"):
        other = ipaddress.IPv6Address(f"{prefix}{address}")
        assert keeps_out(x509.IPAddress(other), ip=[str(address)])
    tunnel = ipaddress.IPv6Address(0x2002 << 112 | int(address) << 80 | 1)
    assert keeps_out(x509.IPAddress(tunnel), ip=[str(address)])


# --- E-mail, URIs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "address", "allowed"),
    [
        ({"domain": "example.com"}, "a@example.com", True),
        ({"domain": "example.com"}, "a@sub.example.com", False),
        ({"domain": "example.com"}, "a@badexample.com", False),
        ({"domain": "Example.COM"}, "a@example.com", True),
        ({"address": "a@example.com"}, "a@example.com", True),
        ({"address": "a@example.com"}, "b@example.com", False),
        ({"address": "a@example.com"}, "A@example.com", False),
    ],
)
def test_mailboxes(rule, address, allowed):
    assert allows(f"email:{address}", email=[rule]) is allowed


def test_a_mailbox_is_kept_out_in_any_case_and_a_bare_domain_is_never_allowed():
    assert keeps_out("email:Root@example.com", email=[{"address": "root@example.com"}])
    assert not allows(x509.RFC822Name("example.com"), email=[{"domain": "example.com"}])
    assert not allows(
        x509.RFC822Name._init_without_validation("a@b@example.com"),
        email=[{"domain": "example.com"}],
    )


@pytest.mark.parametrize(
    ("rule", "uri", "allowed"),
    [
        ({"scheme": "https", "host": "example.com"}, "https://example.com/a", True),
        ({"scheme": "https", "host": "example.com"}, "https://example.com:8443/", True),
        ({"scheme": "https", "host": "example.com"}, "http://example.com/", False),
        ({"scheme": "https", "host": "example.com"}, "https://a.example.com/", False),
        ({"scheme": "https", "suffix": "example.com"}, "https://a.example.com/", True),
        ({"scheme": "https", "suffix": "example.com"}, "https://badexample.com/", False),
        ({"scheme": "https", "suffix": "example.com"}, "https://example.com.evil.net/", False),
        ({"scheme": "spiffe", "host": "example.org"}, "spiffe://example.org/api", True),
        ({"scheme": "urn"}, "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", True),
        ({"scheme": "https"}, "https://example.com/", False),
        ({"scheme": "urn", "host": "example.com"}, "urn:example.com", False),
        ({**PAYMENTS}, "spiffe://example.org/ns/payments", True),
        ({**PAYMENTS}, "spiffe://example.org/ns/payments/sa/api", True),
        ({**PAYMENTS}, "spiffe://example.org/ns/payments-dev", False),
        ({**PAYMENTS}, "spiffe://example.org/ns", False),
        ({**PAYMENTS}, "spiffe://example.org", False),
        ({**PAYMENTS}, "spiffe://example.net/ns/payments", False),
        ({**PAYMENTS, "path": "/"}, "spiffe://example.org/ns", True),
        ({**PAYMENTS, "path": "/"}, "spiffe://example.org", True),
    ],
)
def test_uris(rule, uri, allowed):
    assert allows(f"URI:{uri}", uri=[rule]) is allowed
    assert keeps_out(f"URI:{uri}", uri=[rule]) is allowed


def test_a_trust_domain_is_another_with_a_dot_at_its_end_and_kept_out_all_the_same():
    for rule in ({"host": "prod.example"}, {"suffix": "prod.example"}):
        match = {"uri": [{"scheme": "spiffe", **rule}]}
        assert keeps_out("URI:spiffe://prod.example./api", **match)
        assert not allows("URI:spiffe://prod.example./api", **match)


@pytest.mark.parametrize(
    "written",
    ["https://example.com@evil.net/", "https://evil.net#@example.com/", "HTTPS://example.com/",
     "https://example.com\\@evil.net/", "https:example.com"],
)  # fmt: skip
def test_uris_that_readers_differ_about_are_never_allowed(written):
    assert not allows(
        x509.UniformResourceIdentifier(written), uri=[{"scheme": "https", "host": "example.com"}]
    )


@pytest.mark.parametrize(
    "path",
    ["/ns/web/../payments", "/ns/payments/../web", "/ns/payments/..", "/ns//payments",
     "/ns/payments/", "/ns/./payments", "/ns/%70ayments", "/ns/payments/%2e%2e/web",
     "/ns/payments/%2E%2E/web", "/ns/payments%2Fapi", "/ns/payments%2f", "/ns/payments/%5C",
     "/ns/payments/..;/web", "/ns/payments/;a", "/ns/payments;a", "/ns/payments?a",
     "/ns/payments#a", "/ns/payments/%00"],
)  # fmt: skip
def test_paths_that_readers_differ_about_are_never_allowed_and_always_kept_out(path):
    name = x509.UniformResourceIdentifier(f"spiffe://example.org{path}")
    assert not allows(name, uri=[PAYMENTS])
    assert keeps_out(name, uri=[PAYMENTS])


def test_a_path_with_characters_of_other_languages_is_plain():
    assert allows("URI:spiffe://example.org/ns/payments/caf%C3%A9", uri=[PAYMENTS])
    assert not keeps_out("URI:spiffe://example.org/ns/caf%C3%A9", uri=[PAYMENTS])


def test_a_path_in_another_case_is_kept_out_and_not_allowed():
    assert not allows("URI:spiffe://example.org/NS/Payments/api", uri=[PAYMENTS])
    assert keeps_out("URI:spiffe://example.org/NS/Payments/api", uri=[PAYMENTS])


# --- Other types ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "value", "allowed"),
    [
        ({"any": True}, "UTF8:anybody@anywhere.example", True),
        ({"domain": "example.com"}, "UTF8:a@example.com", True),
        ({"domain": "example.com"}, "UTF8:a@EXAMPLE.com", True),
        ({"domain": "example.com"}, "UTF8:a@sub.example.com", False),
        ({"domain": "example.com"}, "UTF8:example.com", False),
        ({"domain": "example.com"}, "UTF8:@example.com", False),
        ({"domain": "example.com"}, "UTF8:a@evil.net@example.com", False),
        ({"domain": "example.com"}, "OCTETSTRING:61406578616D706C652E636F6D", False),
        ({"value": "UTF8:a@example.com"}, "UTF8:a@example.com", True),
        ({"value": "UTF8:a@example.com"}, "UTF8:b@example.com", False),
        ({"value": "UTF8:a@example.com"}, "IA5:a@example.com", False),
    ],
)
def test_other_names_are_told_apart_by_type_and_value(rule, value, allowed):
    assert allows(f"otherName:{UPN};{value}", otherName=[{"oid": UPN, **rule}]) is allowed
    other = f"otherName:1.3.6.1.5.5.7.8.7;{value}"
    assert not allows(other, otherName=[{"oid": UPN, **rule}])


@pytest.mark.parametrize(
    ("rule", "value", "kept_out"),
    [
        ({"value": "UTF8:admin@example.com"}, "UTF8:Admin@Example.com", True),
        ({"value": "UTF8:admin@example.com"}, "IA5:admin@example.com", True),
        ({"value": "UTF8:admin@example.com"}, "BMP:admin@example.com.", True),
        ({"value": "UTF8:admin@example.com"}, "UTF8:admin@sub.example.com", False),
        ({"domain": "example.com"}, "UTF8:admin@example.com.", True),
        ({"domain": "example.com"}, "UTF8:a@evil.net@EXAMPLE.com", True),
        ({"domain": "bücher.example"}, "UTF8:a@BÜCHER.example", True),
        ({"domain": "example.com"}, "UTF8:admin@badexample.com", False),
        ({"any": True}, "OCTETSTRING:00", True),
    ],
)
def test_an_other_name_is_kept_out_in_any_spelling(rule, value, kept_out):
    match = {"otherName": [{"oid": UPN, **rule}]}
    assert keeps_out(f"otherName:{UPN};{value}", **match) is kept_out
    assert not keeps_out(f"otherName:1.3.6.1.5.5.7.8.7;{value}", **match)


def test_a_mailbox_is_kept_out_in_its_internationalised_form_as_well():
    name = "otherName:1.3.6.1.5.5.7.8.9;UTF8:jürgen@example.com"
    assert keeps_out(name, email=[{"domain": "example.com"}])
    assert not keeps_out(name, email=[{"domain": "example.org"}])


def test_a_directory_name_is_kept_out_in_any_case():
    match = {"directoryName": ["C=AT,CN=Root CA"]}
    for same in ("C=AT,CN=Root CA", "C=at,CN=ROOT  CA"):
        assert keeps_out(f"dirName:{same}", **match)
    assert not keeps_out("dirName:C=AT,CN=Root CB", **match)


def test_names_of_every_type_are_denied_unless_listed():
    everything = {
        "dns": [{"suffix": "com", "wildcard": True}],
        "ip": ["0.0.0.0/0", "::/0"],
        "email": [{"domain": "example.com"}],
        "uri": [{"scheme": "https", "suffix": "com"}],
    }
    for name in (f"otherName:{UPN};UTF8:a@example.com", "RID:1.2.3", "dirName:C=AT,CN=x"):
        assert not allows(name, **everything)
    assert allows("RID:1.2.3", registeredID=["1.2.3"])
    assert not allows("RID:1.2.3.4", registeredID=["1.2.3"])
    assert allows("dirName:C=AT,CN=x", directoryName=["C=AT,CN=x"])
    assert not allows("dirName:C=AT,CN=x", directoryName=["CN=x,C=AT"])


def test_a_type_that_is_new_is_never_allowed_and_always_kept_out():
    class New(x509.GeneralName):
        @property
        def value(self) -> str:
            return "example.com"

    assert not allows(New(), dns=[{"suffix": "example.com"}])
    assert keeps_out(New(), dns=[{"suffix": "example.com"}])
    assert ALLOWED.keys() == KEPT_OUT.keys() == FIELDS.keys()


@given(NAMES)
def test_an_empty_policy_allows_nothing_and_keeps_nothing_out(name):
    assert not allows(f"DNS:{name}")
    assert not keeps_out(f"DNS:{name}")
