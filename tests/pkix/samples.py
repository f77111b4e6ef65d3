"""Keys, requests and certificates that the tests of certificates share."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki_as_code.model import CertificateRequest, ObjectId
from pki_as_code.pkix.algorithms import default_hash_name, signature_algorithm
from pki_as_code.pkix.certificate import (
    assemble_certificate,
    make_tbs_certificate,
    subject_name_der,
    validity_of,
)
from pki_as_code.pkix.extensions import ExtensionSet
from pki_as_code.pkix.variables import uri_variables

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
SERIAL_NUMBER = 0x49BC_F200_1122_3344_5566_7788_99AA_BBCC_DDEE_FF87
ISSUER_SERIAL_NUMBER = 0x32BE_A900_1122_3344_5566_7788_99AA_BBCC_DDEE_FF6C

KEY_NAMES = ("RSA", "P-256", "P-384", "P-521", "Ed25519", "Ed448", "ML-DSA-65")


@functools.cache
def private_key(name: str, which: int = 0) -> Any:
    """Return a key of that type; `which` tells several apart."""
    makers = {
        "RSA": lambda: rsa.generate_private_key(65537, 2048),
        "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
        "Ed448": ed448.Ed448PrivateKey.generate,
        "ML-DSA-44": mldsa.MLDSA44PrivateKey.generate,
        "ML-DSA-65": mldsa.MLDSA65PrivateKey.generate,
    }
    return makers[name]()


def public_key_der(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def make_request(
    key: Any,
    issuer_key: Any,
    *,
    subject: str = "C=AT,O=Example,CN=api.example.com",
    names: tuple[str, ...] = ("DNS:api.example.com",),
    extensions: Mapping[str, Any] | None = None,
    **changes: Any,
) -> CertificateRequest:
    """Return a request for a server certificate, signed by `issuer_key`."""
    if extensions is None:
        extensions = {
            "keyUsage": {"value": ["digitalSignature"]},
            "extendedKeyUsage": {"value": ["serverAuth"]},
            "crlDistributionPoints": {"value": [{"fullName": ["http://x.example/{CRL_PATH}"]}]},
        }
    fields: dict[str, Any] = {
        "object_id": ObjectId("Certificate", "default", "api"),
        "issuer": "issuing",
        "profile": "tls-server",
        "subject": subject,
        "subject_alternative_names": names,
        "public_key_der": public_key_der(key),
        "validity_seconds": 90 * 86400,
        "not_after": None,
        "backdate_seconds": 300,
        "hash_algorithm": default_hash_name(issuer_key.public_key()),
        "extensions": ExtensionSet.model_validate(extensions).requested(),
    }
    return CertificateRequest(**{**fields, **changes})


CA_EXTENSIONS: Mapping[str, Any] = {"keyUsage": {"value": ["keyCertSign", "cRLSign"]}}


def make_ca_request(key: Any, issuer_key: Any, **changes: Any) -> CertificateRequest:
    fields: dict[str, Any] = {
        "subject": "C=AT,O=Example,CN=Example CA",
        "names": (),
        "extensions": CA_EXTENSIONS,
        "is_ca": True,
        "validity_seconds": 3650 * 86400,
        "backdate_seconds": 3600,
    }
    return make_request(key, issuer_key, **{**fields, **changes})


def make_tbs(
    request: CertificateRequest,
    issuer: x509.Certificate | None,
    issuer_key: Any,
    *,
    serial_number: int = SERIAL_NUMBER,
    now: datetime = NOW,
) -> bytes:
    """Return the TBSCertificate; `issuer` None for a root."""
    not_before, not_after = validity_of(request, now)
    if issuer is None:
        name = x509_name(request.subject)
        key_identifier = None
    else:
        name = subject_name_der(issuer)
        key_identifier = issuer.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        ).value.key_identifier
    return make_tbs_certificate(
        request,
        issuer_name_der=name,
        issuer_public_key=issuer_key.public_key(),
        issuer_key_identifier=key_identifier,
        serial_number=serial_number,
        not_before=not_before,
        not_after=not_after,
        variables=uri_variables(request.issuer, ISSUER_SERIAL_NUMBER, serial_number),
    )


def x509_name(text: str) -> bytes:
    from pki_as_code.pkix.names import parse_name

    return parse_name(text).public_bytes()


def sign(tbs_certificate: bytes, request: CertificateRequest, issuer_key: Any) -> x509.Certificate:
    algorithm = signature_algorithm(issuer_key.public_key(), request.hash_algorithm)
    signature = issuer_key.sign(tbs_certificate, *algorithm.sign_arguments(issuer_key.public_key()))
    return x509.load_der_x509_certificate(assemble_certificate(tbs_certificate, signature))


@functools.cache
def root(name: str = "P-256") -> x509.Certificate:
    """Return a self-signed root with a key of that type."""
    key = private_key(name)
    request = make_ca_request(key, key)
    tbs_certificate = make_tbs(
        request,
        None,
        key,
        serial_number=ISSUER_SERIAL_NUMBER,
        now=NOW - timedelta(days=30),
    )
    return sign(tbs_certificate, request, key)


ALL_EXTENSIONS: Mapping[str, Any] = {
    "keyUsage": {"critical": True, "value": ["digitalSignature"]},
    "extendedKeyUsage": {"value": ["serverAuth", "clientAuth", "1.3.6.1.4.1.32473.9"]},
    "subjectAltName": {"critical": False},
    "issuerAltName": {"value": ["http://x.example/{CA_ISSUER_PATH}", "email:pki@example.com"]},
    "certificatePolicies": {
        "value": [
            {
                "policyIdentifier": "1.3.6.1.4.1.32473.2",
                "policyQualifiers": [
                    {"cps": "https://x.example/cps"},
                    {
                        "userNotice": {
                            "explicitText": "Für den inneren Gebrauch",
                            "noticeRef": {"organization": "Example", "noticeNumbers": [1, 2]},
                        }
                    },
                ],
            },
            {"policyIdentifier": "2.5.29.32.0"},
        ]
    },
    "crlDistributionPoints": {
        "value": [
            {"fullName": ["http://x.example/{CRL_PATH}", "ldap://x.example/cn=x"]},
            {
                "fullName": ["http://y.example/{SERIAL_HEX}"],
                "reasons": ["keyCompromise", "cACompromise"],
                "crlIssuer": ["dirName:C=AT,CN=CRLs"],
            },
        ]
    },
    "freshestCrl": {"value": [{"fullName": ["http://x.example/delta.crl"]}]},
    "authorityInfoAccess": {
        "value": {
            "ocsp": ["http://x.example/{OCSP_PATH}"],
            "caIssuers": ["http://x.example/{CA_ISSUER_PATH}"],
        }
    },
    "subjectInfoAccess": {"value": {"timeStamping": ["http://x.example/tsa"]}},
    "nameConstraints": {
        "value": {
            "permitted": ["DNS:.corp.example", "IP:10.0.0.0/8", "dirName:C=AT"],
            "excluded": ["email:example.net"],
        }
    },
    "policyConstraints": {"value": {"requireExplicitPolicy": 0, "inhibitPolicyMapping": 3}},
    "policyMappings": {
        "value": [
            {
                "issuerDomainPolicy": "1.3.6.1.4.1.32473.3",
                "subjectDomainPolicy": "1.3.6.1.4.1.32473.4",
            }
        ]
    },
    "inhibitAnyPolicy": {"value": 2},
    "tlsFeature": {"value": ["status_request"]},
    "ocspNoCheck": {},
    "privateKeyUsagePeriod": {
        "value": {"notBefore": "2026-01-01T02:00:00+02:00", "notAfter": "2051-01-01T00:00:00Z"}
    },
    "msCertificateTemplate": {
        "value": {"templateId": "1.2.3", "majorVersion": 100, "minorVersion": 3}
    },
    "admissions": {
        "value": {
            "admissionAuthority": "dirName:C=DE,O=Kammer",
            "contentsOfAdmissions": [
                {
                    "admissionAuthority": "URI:https://x.example/",
                    "namingAuthority": {
                        "namingAuthorityId": "1.2.276.0.76.4",
                        "namingAuthorityUrl": "https://x.example/",
                        "namingAuthorityText": "Ärztekammer",
                    },
                    "professionInfos": [
                        {
                            "professionItems": ["Ärztin"],
                            "professionOids": ["1.2.276.0.76.4.30"],
                            "registrationNumber": "1-2/3",
                            "addProfessionInfo": "BQA=",
                        }
                    ],
                }
            ],
        }
    },
    "precertPoison": {},
    "noRevAvail": {},
    "custom": [{"oid": "1.3.6.1.4.1.32473.1", "critical": False, "value": "DAVoZWxsbw=="}],
}
"""One of each; not all of them may stand in one certificate."""
