"""Extensions: as a manifest writes them, as a certificate has them, and back."""

from __future__ import annotations

import base64
import json
from typing import Any

import jsonschema
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import RequestedExtension
from pki_as_code.pkix import der
from pki_as_code.pkix.extensions import (
    DERIVED,
    EXTENSION_BY_NAME,
    EXTENSIONS,
    VARIABLES,
    Criticality,
    ExtensionSet,
    describe_extension,
    encode_extension,
    expand_variables,
    extension_name,
    merge_extension_sets,
)
from pki_as_code.pkix.extensions.parse import parse_extension
from pki_as_code.pkix.extensions.templates import SAMPLE_VALUES
from pki_as_code.pkix.variables import uri_variables
from tests.pkix.samples import ALL_EXTENSIONS

URIS = uri_variables("issuing", 0x32BE, 0x49BC)


def shown(requested: RequestedExtension) -> Any:
    """Return what a certificate with this extension shows for it."""
    extension = parse_extension(encode_extension(requested, URIS).encode())
    assert extension is not None
    assert extension.critical is requested.critical
    return describe_extension(extension)


def refusals(extensions: Any) -> list[tuple[tuple[int | str, ...], str]]:
    with pytest.raises(ValidationError) as found:
        ExtensionSet.model_validate(extensions)
    return [(error["loc"], error["msg"]) for error in found.value.errors()]


# --- Every extension -----------------------------------------------------------------------------


def test_the_samples_have_every_extension() -> None:
    assert set(EXTENSION_BY_NAME) | {"custom", "subjectAltName"} == set(ALL_EXTENSIONS)


@pytest.mark.parametrize("name", EXTENSION_BY_NAME)
def test_what_is_asked_for_is_what_the_certificate_shows(name: str) -> None:
    (requested,) = ExtensionSet.model_validate({name: ALL_EXTENSIONS[name]}).requested()
    expected = json.loads(expand_variables_in(requested.value))
    assert requested.name == name
    assert shown(requested) == expected


def expand_variables_in(value: Any) -> str:
    text = json.dumps(value)
    for name, replacement in URIS.items():
        text = text.replace(f"{{{name}}}", replacement)
    return text


@pytest.mark.parametrize("name", EXTENSION_BY_NAME)
def test_values_are_strict_der(name: str) -> None:
    (requested,) = ExtensionSet.model_validate({name: ALL_EXTENSIONS[name]}).requested()
    encoded = encode_extension(requested, URIS)
    der.check_strict_der(encoded.value_der)
    der.check_strict_der(encoded.encode())
    assert extension_name(encoded.oid) == name


@pytest.mark.parametrize("name", EXTENSION_BY_NAME)
def test_the_normal_form_of_a_normal_form_is_itself(name: str) -> None:
    (once,) = ExtensionSet.model_validate({name: ALL_EXTENSIONS[name]}).requested()
    (twice,) = ExtensionSet.model_validate(
        {name: {"critical": once.critical, "value": once.value}}
    ).requested()
    assert twice == once
    assert json.loads(json.dumps(once.value)) == once.value


@pytest.mark.parametrize("extension", EXTENSIONS, ids=lambda e: e.name)
def test_criticality_follows_the_standard(extension: Any) -> None:
    sample = {k: v for k, v in ALL_EXTENSIONS[extension.name].items() if k != "critical"}
    (requested,) = ExtensionSet.model_validate({extension.name: sample}).requested()
    assert requested.critical is extension.default_critical
    allowed = {
        Criticality.MUST: {True},
        Criticality.MUST_NOT: {False},
        Criticality.EITHER: {True, False},
    }[extension.criticality]
    assert extension.default_critical in allowed
    for critical in (True, False):
        asked = {extension.name: {**sample, "critical": critical}}
        if critical in allowed:
            assert ExtensionSet.model_validate(asked).requested()[0].critical is critical
        else:
            ((where, message),) = refusals(asked)
            assert where == (extension.name,)
            assert extension.name in message


@pytest.mark.parametrize("extension", EXTENSIONS, ids=lambda e: e.name)
def test_docstrings_cite_a_source(extension: Any) -> None:
    assert any(word in extension.__doc__ for word in ("RFC", "[MS-", "Common PKI"))


def test_all_of_them_together() -> None:
    requested = ExtensionSet.model_validate(ALL_EXTENSIONS).requested()
    names = [extension.name for extension in requested]
    assert names == sorted(names)
    assert set(names) == set(EXTENSION_BY_NAME) | {"subjectAltName", "1.3.6.1.4.1.32473.1"}


# --- Values --------------------------------------------------------------------------------------


def test_key_usages_are_normalised() -> None:
    (requested,) = ExtensionSet.model_validate(
        {"keyUsage": {"value": ["keyEncipherment", "contentCommitment", "digitalSignature"]}}
    ).requested()
    assert requested.value == ["digitalSignature", "nonRepudiation", "keyEncipherment"]


@pytest.mark.parametrize(
    "usages", [["keyAgreement", "encipherOnly"], ["keyAgreement", "decipherOnly"], ["cRLSign"]]
)
def test_every_key_usage_is_encoded(usages: list[str]) -> None:
    (requested,) = ExtensionSet.model_validate({"keyUsage": {"value": usages}}).requested()
    assert shown(requested) == usages


def test_purposes_with_a_name_are_shown_by_it() -> None:
    (requested,) = ExtensionSet.model_validate(
        {"extendedKeyUsage": {"value": ["1.3.6.1.5.5.7.3.1", "1.2.3.4", "OCSPSigning"]}}
    ).requested()
    assert requested.value == ["serverAuth", "1.2.3.4", "OCSPSigning"]


def test_aliases_of_tls_features_are_resolved() -> None:
    (requested,) = ExtensionSet.model_validate(
        {"tlsFeature": {"value": ["OCSPMustStaple", "status_request_v2"]}}
    ).requested()
    assert requested.value == ["status_request", "status_request_v2"]


def test_serial_numbers_are_inserted_into_uris() -> None:
    extensions = ExtensionSet.model_validate(
        {
            "authorityInfoAccess": {
                "value": {"ocsp": [f"http://x.example/{{{name}}}" for name in VARIABLES]}
            }
        }
    )
    found = shown(extensions.requested()[0])["ocsp"]
    assert found == [f"URI:http://x.example/{URIS[name]}" for name in VARIABLES]
    assert set(URIS) == set(VARIABLES)


def test_an_end_entity_extension_keeps_its_null() -> None:
    for name in ("ocspNoCheck", "precertPoison", "noRevAvail"):
        (requested,) = ExtensionSet.model_validate({name: {}}).requested()
        assert encode_extension(requested, {}).value_der == b"\x05\x00"


# --- Refusals ------------------------------------------------------------------------------------

URI_POINT = [{"fullName": ["http://x.example/"]}]

BAD: list[tuple[str, Any, str]] = [
    ("keyUsage", {"value": []}, "empty"),
    ("keyUsage", {"value": ["foo"]}, "digitalSignature"),
    ("keyUsage", {"value": ["cRLSign", "cRLSign"]}, "twice"),
    ("keyUsage", {"value": ["nonRepudiation", "contentCommitment"]}, "twice"),
    ("keyUsage", {"value": ["encipherOnly"]}, "keyAgreement"),
    ("keyUsage", {"value": "digitalSignature"}, "valid tuple"),
    ("keyUsage", {"critical": "true", "value": ["cRLSign"]}, "boolean"),
    ("keyUsage", {"critical": 1, "value": ["cRLSign"]}, "boolean"),
    ("keyUsage", {"value": ["cRLSign"], "extra": 1}, "Extra"),
    ("keyUsage", {}, "required"),
    ("keyUsage", None, "no value"),
    ("extendedKeyUsage", {"value": ["foo"]}, "not a purpose"),
    ("extendedKeyUsage", {"value": ["serverAuth", "1.3.6.1.5.5.7.3.1"]}, "twice"),
    ("extendedKeyUsage", {"value": ["1.2.3.04"]}, "not a purpose"),
    ("issuerAltName", {"value": ["not a name"]}, "host name"),
    ("certificatePolicies", {"value": [{"policyIdentifier": "1.2.x"}]}, "identifier"),
    (
        "certificatePolicies",
        {"value": [{"policyIdentifier": "1.2.3"}, {"policyIdentifier": "1.2.3"}]},
        "twice",
    ),
    (
        "certificatePolicies",
        {
            "value": [
                {
                    "policyIdentifier": "1.2.3",
                    "policyQualifiers": [{"userNotice": {"explicitText": "x" * 201}}],
                }
            ]
        },
        "200",
    ),
    (
        "certificatePolicies",
        {"value": [{"policyIdentifier": "1.2.3", "policyQualifiers": [{"userNotice": {}}]}]},
        "explicitText",
    ),
    (
        "certificatePolicies",
        {"value": [{"policyIdentifier": "1.2.3", "policyQualifiers": [{}]}]},
        "either",
    ),
    (
        "certificatePolicies",
        {"value": [{"policyIdentifier": "1.2.3", "policyQualifiers": [{"cps": "nothing"}]}]},
        "URI",
    ),
    ("crlDistributionPoints", {"value": [{"reasons": ["keyCompromise"]}]}, "fullName"),
    ("crlDistributionPoints", {"value": [{"crlIssuer": ["DNS:x.example"]}]}, "directory name"),
    ("crlDistributionPoints", {"value": [{"fullName": ["crl.example.com"]}]}, "not a URI"),
    ("crlDistributionPoints", {"value": [{"fullName": ["http://x.example/{NOPE}"]}]}, "{NOPE}"),
    ("crlDistributionPoints", {"value": []}, "empty"),
    ("freshestCrl", {"critical": True, "value": URI_POINT}, "must not be critical"),
    ("authorityInfoAccess", {"value": {}}, "ocsp or caIssuers"),
    ("authorityInfoAccess", {"value": {"ocsp": []}}, "empty"),
    ("authorityInfoAccess", {"value": {"ocsp": ["http://x.example/{"]}}, "lone brace"),
    ("authorityInfoAccess", {"value": {"ocsp": ["http://x.example/}"]}}, "lone brace"),
    ("authorityInfoAccess", {"value": {"ocsp": ["http://x/{SERIAL.real}"]}}, "brace"),
    ("authorityInfoAccess", {"value": {"ocsp": ["http://x/{0}"]}}, "brace"),
    ("authorityInfoAccess", {"value": {"ocsp": ["http:///{SERIAL}"]}}, "host"),
    ("subjectInfoAccess", {"value": {}}, "caRepository"),
    ("nameConstraints", {"value": {}}, "permitted"),
    ("nameConstraints", {"value": {"permitted": ["IP:10.0.0.1/8"]}}, "IP"),
    ("nameConstraints", {"critical": False, "value": {"permitted": ["DNS:x"]}}, "must be critical"),
    ("policyConstraints", {"value": {}}, "requireExplicitPolicy"),
    ("policyConstraints", {"value": {"requireExplicitPolicy": -1}}, "greater"),
    ("policyConstraints", {"value": {"requireExplicitPolicy": True}}, "integer"),
    (
        "policyMappings",
        {"value": [{"issuerDomainPolicy": "2.5.29.32.0", "subjectDomainPolicy": "1.2.3"}]},
        "anyPolicy",
    ),
    ("inhibitAnyPolicy", {"value": "1"}, "integer"),
    ("inhibitAnyPolicy", {"value": 1.0}, "integer"),
    ("tlsFeature", {"value": ["status_request", "OCSPMustStaple"]}, "twice"),
    ("tlsFeature", {"value": [5]}, "status_request"),
    ("ocspNoCheck", {"value": False}, "false"),
    ("ocspNoCheck", {"value": 1}, "boolean"),
    ("privateKeyUsagePeriod", {"value": {}}, "notBefore"),
    ("privateKeyUsagePeriod", {"value": {"notBefore": "2026-01-01"}}, "not a time"),
    ("privateKeyUsagePeriod", {"value": {"notBefore": "2026-02-30T00:00:00Z"}}, "not a time"),
    ("privateKeyUsagePeriod", {"value": {"notBefore": "0001-01-01T00:00:00+12:00"}}, "not a time"),
    (
        "privateKeyUsagePeriod",
        {"value": {"notBefore": "2027-01-01T00:00:00Z", "notAfter": "2026-01-01T00:00:00Z"}},
        "later",
    ),
    ("msCertificateTemplate", {"value": {"templateId": "x"}}, "identifier"),
    ("msCertificateTemplate", {"value": {"templateId": "1.2", "majorVersion": 2**32}}, "less"),
    ("admissions", {"value": {"contentsOfAdmissions": []}}, "empty"),
    (
        "admissions",
        {
            "value": {
                "contentsOfAdmissions": [
                    {"professionInfos": [{"professionItems": ["x"], "registrationNumber": "ä"}]}
                ]
            }
        },
        "pattern",
    ),
    ("precertPoison", {"critical": False}, "must be critical"),
    ("noRevAvail", {"critical": True}, "must not be critical"),
    ("subjectAltName", {"value": ["DNS:x.example"]}, "takes no value"),
    ("subjectAltName", {"critical": "yes"}, "boolean"),
    ("basicConstraints", {"value": {"cA": True}}, "cannot be asked for"),
    ("subjectKeyIdentifier", {}, "cannot be asked for"),
    ("authorityKeyIdentifier", {}, "cannot be asked for"),
    ("extKeyUsage", {"value": ["serverAuth"]}, "Extra"),
    ("custom", [{"oid": "2.5.29.15", "critical": True, "value": "BQA="}], "keyUsage"),
    ("custom", [{"oid": "2.5.29.19", "critical": True, "value": "MAA="}], "basicConstraints"),
    ("custom", [{"oid": "1.2.3", "critical": True, "value": "MIAAAA=="}], "DER"),
    ("custom", [{"oid": "1.2.3", "critical": True, "value": "BQA"}], "base64"),
    ("custom", [{"oid": "1.2.3", "critical": True, "value": "BQ A="}], "base64"),
    ("custom", [{"oid": "1.2.3", "critical": True, "value": "Ä"}], "base64"),
    ("custom", [{"oid": "1.2.3", "value": "BQA="}], "required"),
    ("custom", [{"oid": "1.2.3", "critical": True, "value": "BQA="}] * 2, "twice"),
]


@pytest.mark.parametrize(("name", "value", "reason"), BAD)
def test_a_bad_value_is_refused_where_it_stands(name: str, value: Any, reason: str) -> None:
    found = refusals({name: value})
    assert len(found) == 1, found
    ((where, message),) = found
    assert where[0] == name
    assert reason in message


def test_refusals_keep_code_and_help() -> None:
    with pytest.raises(ValidationError) as found:
        ExtensionSet.model_validate({"basicConstraints": {}})
    cause = found.value.errors()[0]["ctx"]["error"]
    assert isinstance(cause, InvalidValueError)
    assert cause.code == "extension.derived"
    assert cause.help


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("keyUsage", ["foo"]),
        ("keyUsage", None),
        ("extendedKeyUsage", ["foo"]),
        ("no-such-extension", "BQA="),
        ("1.2.3", "xx"),
        ("2.5.29.19", "MAA="),
        ("subjectAltName", ["DNS:x.example"]),
        ("basicConstraints", {}),
    ],
)
def test_a_bad_request_out_of_a_ledger_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidValueError):
        encode_extension(RequestedExtension(name, True, value), URIS)


def test_a_variable_without_a_value_is_refused_when_encoding() -> None:
    extensions = ExtensionSet.model_validate(
        {"crlDistributionPoints": {"value": [{"fullName": ["http://x.example/{CRL_PATH}"]}]}}
    )
    with pytest.raises(InvalidValueError) as found:
        encode_extension(extensions.requested()[0], {})
    assert found.value.code == "uri.unknown_variable"


def test_a_value_of_a_variable_cannot_smuggle_in_another_one() -> None:
    assert expand_variables("{SERIAL}", {"SERIAL": "{CRL_PATH}", "CRL_PATH": "x"}) == "{CRL_PATH}"


@given(st.text(max_size=40))
def test_expansion_never_does_anything_but_replace(text: str) -> None:
    try:
        expanded = expand_variables(text, SAMPLE_VALUES)
    except InvalidValueError:
        assert "{" in text or "}" in text
    else:
        assert "{" not in expanded
        assert "}" not in expanded


# --- Sets ----------------------------------------------------------------------------------------


def test_the_first_set_that_has_an_extension_wins() -> None:
    first = ExtensionSet.model_validate(
        {
            "keyUsage": {"value": ["digitalSignature"]},
            "custom": [{"oid": "1.2.3", "critical": True, "value": "BQA="}],
        }
    )
    second = ExtensionSet.model_validate(
        {
            "keyUsage": {"value": ["keyAgreement"]},
            "extendedKeyUsage": {"value": ["serverAuth"]},
            "custom": [
                {"oid": "1.2.3", "critical": False, "value": "BQA="},
                {"oid": "1.2.4", "critical": False, "value": "BQA="},
            ],
        }
    )
    merged = merge_extension_sets(first, second)
    assert {(e.name, e.critical) for e in merged.requested()} == {
        ("keyUsage", True),
        ("extendedKeyUsage", False),
        ("1.2.3", True),
        ("1.2.4", False),
    }
    assert merged.key_usage == first.key_usage
    assert merge_extension_sets() == ExtensionSet()
    assert merge_extension_sets(merged, first, second) == merged


def test_a_set_is_written_as_it_is_read() -> None:
    extensions = ExtensionSet.model_validate(ALL_EXTENSIONS)
    written = extensions.model_dump(mode="json", exclude_none=True)
    assert ExtensionSet.model_validate(written) == extensions
    assert "keyUsage" in written


def test_sets_are_frozen() -> None:
    with pytest.raises(ValidationError):
        ExtensionSet().key_usage = None  # type: ignore[misc]


# --- JSON Schema ---------------------------------------------------------------------------------


def test_the_schema_accepts_what_the_model_accepts() -> None:
    schema = ExtensionSet.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(ALL_EXTENSIONS)


@pytest.mark.parametrize(
    "extensions",
    [
        {"keyUsage": {"value": ["foo"]}},
        {"keyUsage": {"value": []}},
        {"keyUsage": None},
        {"extendedKeyUsage": {"value": ["foo"]}},
        {"basicConstraints": {}},
        {"subjectAltName": {"value": ["x"]}},
        {"ocspNoCheck": {"value": False}},
        {"custom": [{"oid": "x", "critical": True, "value": "BQA="}]},
    ],
)
def test_the_schema_refuses_what_an_editor_can_see(extensions: Any) -> None:
    validator = jsonschema.Draft202012Validator(ExtensionSet.model_json_schema())
    assert not validator.is_valid(extensions)


def test_the_schema_offers_names_to_complete() -> None:
    schema = json.dumps(ExtensionSet.model_json_schema())
    for word in ("digitalSignature", "serverAuth", "status_request", "keyCompromise"):
        assert f'"{word}"' in schema
    properties = ExtensionSet.model_json_schema()["properties"]
    assert set(properties) == {*EXTENSION_BY_NAME, "subjectAltName", "custom"}
    assert not set(properties) & (set(DERIVED) - {"subjectAltName"})


# --- Extensions of certificates made elsewhere ---------------------------------------------------


def extension_der(oid: str, value: bytes) -> bytes:
    return der.encode_sequence(der.encode_oid(oid), der.encode_octet_string(value))


def test_an_unknown_extension_is_shown_as_base64() -> None:
    extension = parse_extension(extension_der("1.2.3.4", b"\x05\x00"))
    assert extension is not None
    assert extension_name("1.2.3.4") == "1.2.3.4"
    assert base64.b64decode(describe_extension(extension)) == b"\x05\x00"


def test_an_extension_that_cannot_be_read_is_none() -> None:
    assert parse_extension(extension_der("2.5.29.19", b"\x05\x00")) is None


def test_derived_extensions_have_a_form_too() -> None:
    key_identifier = x509.AuthorityKeyIdentifier(
        b"\x01\x02", [x509.DirectoryName(x509.Name([]))], 0x49BC
    )
    cases: list[tuple[x509.ExtensionType, Any]] = [
        (x509.BasicConstraints(True, 0), {"cA": True, "pathLenConstraint": 0}),
        (x509.BasicConstraints(False, None), {"cA": False}),
        (x509.SubjectKeyIdentifier(b"\x01\xab"), "01:AB"),
        (
            key_identifier,
            {
                "keyIdentifier": "01:02",
                "authorityCertIssuer": ["dirName:"],
                "authorityCertSerialNumber": "49:BC",
            },
        ),
        (x509.SubjectAlternativeName([x509.DNSName("x.example")]), ["DNS:x.example"]),
    ]
    for value, expected in cases:
        extension = parse_extension(extension_der(value.oid.dotted_string, value.public_bytes()))
        assert extension is not None
        assert describe_extension(extension) == expected


@given(st.sampled_from(sorted(EXTENSION_BY_NAME)), st.binary(max_size=60))
def test_garbage_for_a_value_is_read_or_refused(name: str, value: bytes) -> None:
    oid = EXTENSION_BY_NAME[name].oid.dotted_string
    extension = parse_extension(extension_der(oid, value))
    if extension is not None:
        try:
            describe_extension(extension)
        except InvalidValueError as error:
            assert error.code == "der.not_strict"
