"""
The extensions a manifest may ask for.

To add one: write its class in a module named after it, list it in `EXTENSIONS`, and give it a
field in `extension_set.ExtensionSet`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cryptography import x509

from pki_as_code.pkix.extensions.admissions import Admissions
from pki_as_code.pkix.extensions.authority_information_access import AuthorityInformationAccess
from pki_as_code.pkix.extensions.base import Extension
from pki_as_code.pkix.extensions.certificate_policies import CertificatePolicies
from pki_as_code.pkix.extensions.crl_distribution_points import CrlDistributionPoints
from pki_as_code.pkix.extensions.extended_key_usage import ExtendedKeyUsage
from pki_as_code.pkix.extensions.freshest_crl import FreshestCrl
from pki_as_code.pkix.extensions.inhibit_any_policy import InhibitAnyPolicy
from pki_as_code.pkix.extensions.issuer_alternative_name import IssuerAlternativeName
from pki_as_code.pkix.extensions.key_usage import KeyUsage
from pki_as_code.pkix.extensions.ms_certificate_template import MsCertificateTemplate
from pki_as_code.pkix.extensions.name_constraints import NameConstraints
from pki_as_code.pkix.extensions.no_revocation_available import NoRevocationAvailable
from pki_as_code.pkix.extensions.ocsp_no_check import OcspNoCheck
from pki_as_code.pkix.extensions.policy_constraints import PolicyConstraints
from pki_as_code.pkix.extensions.policy_mappings import PolicyMappings
from pki_as_code.pkix.extensions.precert_poison import PrecertPoison
from pki_as_code.pkix.extensions.private_key_usage_period import PrivateKeyUsagePeriod
from pki_as_code.pkix.extensions.subject_information_access import SubjectInformationAccess
from pki_as_code.pkix.extensions.tls_feature import TlsFeature

EXTENSIONS: Final[tuple[type[Extension], ...]] = (
    KeyUsage,
    ExtendedKeyUsage,
    IssuerAlternativeName,
    CertificatePolicies,
    CrlDistributionPoints,
    FreshestCrl,
    AuthorityInformationAccess,
    SubjectInformationAccess,
    NameConstraints,
    PolicyConstraints,
    PolicyMappings,
    InhibitAnyPolicy,
    TlsFeature,
    OcspNoCheck,
    PrivateKeyUsagePeriod,
    MsCertificateTemplate,
    Admissions,
    PrecertPoison,
    NoRevocationAvailable,
)

DERIVED: Final[Mapping[str, str]] = {
    "subjectAltName": x509.SubjectAlternativeName.oid.dotted_string,
    "basicConstraints": x509.BasicConstraints.oid.dotted_string,
    "subjectKeyIdentifier": x509.SubjectKeyIdentifier.oid.dotted_string,
    "authorityKeyIdentifier": x509.AuthorityKeyIdentifier.oid.dotted_string,
}
"""Extensions whose value follows from the rest of the request, with their object identifiers."""

EXTENSION_BY_NAME: Final[Mapping[str, type[Extension]]] = {e.name: e for e in EXTENSIONS}
EXTENSION_BY_OID: Final[Mapping[str, type[Extension]]] = {
    e.oid.dotted_string: e for e in EXTENSIONS
}
NAMES_BY_OID: Final[Mapping[str, str]] = {
    **{oid: extension.name for oid, extension in EXTENSION_BY_OID.items()},
    **{oid: name for name, oid in DERIVED.items()},
}
