"""`rfc5280.*`, `cabf.*` and others: lints of a certificate, run on what will be signed."""

from __future__ import annotations

from pki_as_code.codes.base import Explanation, explanations

_REMEDY = (
    "Correct the manifest, profile or authority that asks for it. If none of them does, please "
    "report it: it would be a fault of this program."
)

RFC5280 = explanations(
    "rfc5280",
    {
        "access_location_not_uri": "A location of authorityInfoAccess is not an http or ldap URI "
        "(section 4.2.2.1).",
        "aki_mismatch": "authorityKeyIdentifier is not the issuer's subjectKeyIdentifier (section "
        "4.2.1.1).",
        "aki_missing": "authorityKeyIdentifier is missing (section 4.2.1.1).",
        "aki_without_key": "authorityKeyIdentifier has no keyIdentifier (section 4.2.1.1).",
        "algorithms_differ": "The signature algorithm inside differs from the one outside (section "
        "4.1.1.2).",
        "basic_constraints_not_critical": "basicConstraints of an authority is not critical "
        "(section 4.2.1.9).",
        "begins_before_issuer": "The certificate begins before its issuer's (section 6.1.3).",
        "ca_extension_in_end_entity": "An extension of authorities is in another certificate "
        "(section 4.2.1).",
        "ca_subject_empty": "The certificate of an authority has no subject (section 4.1.2.6).",
        "ca_without_key_cert_sign": "keyUsage of an authority lacks keyCertSign (section 4.2.1.3).",
        "criticality": "An extension must be critical, or must not be (section 4.2).",
        "criticality_advice": "An extension should be critical, or should not be (section 4.2).",
        "crl_issuer": "The issuer of a CRL is not a directory name (section 4.2.1.13).",
        "default_encoded": "A default value is written out (X.690 section 11.5).",
        "directory_name": "A directoryName is empty or malformed (section 4.2.1.6).",
        "distribution_point": "A distribution point says neither where nor from whom the CRL is "
        "(section 4.2.1.13).",
        "dns_name": "A dNSName is not a DNS name (section 4.2.1.6).",
        "duplicate_extension": "An extension stands there twice (section 4.2).",
        "empty_rdn": "A distinguished name has an RDN without attributes (section 4.1.2.4).",
        "empty_value": "An attribute of a distinguished name has no value (section 4.1.2.4).",
        "end_entity_extension_in_ca": "An extension of end entities is in an authority.",
        "explicit_text_length": "An explicitText is empty or too long (section 4.2.1.4).",
        "explicit_text_type": "An explicitText is not a UTF8String (RFC 6818 section 3).",
        "extension_unreadable": "The value of an extension cannot be read.",
        "extensions_empty": "The list of extensions is empty (section 4.1.2.9).",
        "hidden_character": (
            "A name has a character that cannot be seen.",
            "It makes a name look like another one.",
            "Remove it.",
        ),
        "ip_address": "An iPAddress has neither 4 nor 16 octets (section 4.2.1.6).",
        "issuer_empty": "The issuer name is empty (section 4.1.2.4).",
        "issuer_key_unreadable": "The public key of the issuer cannot be read.",
        "issuer_may_not_sign": "The issuer's keyUsage lacks keyCertSign (section 6.1.4).",
        "issuer_name": "The issuer name differs from the issuer's subject (section 4.1.2.4).",
        "issuer_not_ca": "The issuer is no authority (section 6.1.4).",
        "key_cert_sign_without_ca": "keyUsage has keyCertSign in an end entity (section 4.2.1.3).",
        "key_usage_empty": "keyUsage has no bit set (section 4.2.1.3).",
        "key_usage_for_key": (
            "keyUsage has a bit that a key of this type cannot have.",
            "RFC 8813, 9295 and 9881 say what EC, Edwards and ML-DSA keys cannot do.",
            "Remove the usage, or use a key of another type.",
        ),
        "key_usage_missing": "keyUsage is missing in an authority (section 4.2.1.3).",
        "key_usage_needs_agreement": "encipherOnly or decipherOnly stands without keyAgreement "
        "(section 4.2.1.3).",
        "key_usage_not_critical": "keyUsage of an authority is not critical (section 4.2.1.3).",
        "key_usage_not_trimmed": "keyUsage ends in bits that are not set (X.690 section 11.2.2).",
        "malformed": "A part of the certificate is not of the type that it must be.",
        "name_constraints_unsupported": (
            "The name constraints of the issuer cannot be judged.",
            "A constraint that is not understood cannot be kept.",
            "Issue from an authority whose constraints are on DNS, IP, email, URI or dirName.",
        ),
        "name_excluded": (
            "A name is excluded by the name constraints of an authority in the chain.",
            "RFC 5280 section 4.2.1.10: clients refuse such a certificate.",
            "Remove the name, or issue from another authority.",
        ),
        "name_not_permitted": (
            "A name is outside what the name constraints of an authority in the chain permit.",
            "RFC 5280 section 4.2.1.10: clients refuse such a certificate.",
            "Remove the name, or issue from another authority.",
        ),
        "name_type": "A name is of a type that nothing understands (section 4.2.1.6).",
        "name_value": "A name has a value that it cannot have (section 4.1.2.4).",
        "no_access_location": "authorityInfoAccess or subjectInfoAccess is empty (section 4.2.2).",
        "no_alternative_name": "An alternative name extension is empty (section 4.2.1.6).",
        "no_distribution_point": "cRLDistributionPoints is empty (section 4.2.1.13).",
        "no_expiry": "The certificate says that it has no expiry (section 4.1.2.5).",
        "no_name": "The certificate has neither a subject nor a name (section 4.2.1.6).",
        "no_policy": "certificatePolicies is empty (section 4.2.1.4).",
        "no_purpose": "extendedKeyUsage is empty (section 4.2.1.12).",
        "no_subtree": "nameConstraints has an empty list (section 4.2.1.10).",
        "not_der": "The certificate is not strict DER (section 4.1).",
        "outlives_issuer": "The certificate ends after its issuer's (section 6.1.3).",
        "path_length_exceeded": "The path length of the issuer allows no authority here (section "
        "4.2.1.9).",
        "path_length_negative": "The path length is negative (section 4.2.1.9).",
        "path_length_open": "An authority has no path length while its issuer has one (section "
        "4.2.1.9).",
        "path_length_too_long": "A path length is larger than what the issuer leaves (section "
        "4.2.1.9).",
        "path_length_without_ca": "A path length stands in a certificate that is no authority "
        "(section 4.2.1.9).",
        "public_key_encoding": "The public key is not encoded as its standard says (section "
        "4.1.2.7).",
        "public_key_type": "The public key is of a type that is not signed.",
        "public_key_unreadable": "The public key cannot be read.",
        "purpose_not_allowed": "The certificate has a purpose that its issuer may not give "
        "(section 4.2.1.12).",
        "purposes_open": "The certificate has no extendedKeyUsage, its issuer is limited to some.",
        "repeated_name": "subjectAltName has a name twice.",
        "repeated_policy": "certificatePolicies has a policy twice (section 4.2.1.4).",
        "repeated_purpose": "extendedKeyUsage has a purpose twice (section 4.2.1.12).",
        "rfc822_name": "An rfc822Name is not an e-mail address (section 4.2.1.6).",
        "san_not_critical": "subjectAltName is not critical although there is no subject (section "
        "4.2.1.6).",
        "serial_number_not_positive": "The serial number is not positive (section 4.1.2.2).",
        "serial_number_too_long": "The serial number has more than 20 octets (section 4.1.2.2).",
        "signature_algorithm": "The signature algorithm does not fit the issuer's key (section "
        "4.1.2.3).",
        "ski_empty": "subjectKeyIdentifier is empty (section 4.2.1.2).",
        "ski_missing": "subjectKeyIdentifier is missing in an authority (section 4.2.1.2).",
        "ski_missing_in_end_entity": "subjectKeyIdentifier is missing (section 4.2.1.2).",
        "string_alphabet": "A value has characters that its string type cannot hold (section "
        "4.1.2.4).",
        "string_type": "A value is not in the kind of string it must be in (section 4.1.2.4).",
        "subtree_distance": "A subtree has a minimum or maximum (section 4.2.1.10).",
        "subtree_leading_dot": "A dNSName of nameConstraints begins with a dot (section 4.2.1.10).",
        "subtree_network": "An iPAddress of nameConstraints is no network with a mask (section "
        "4.2.1.10).",
        "time_encoding": "A time is not encoded as its year wants it (section 4.1.2.5).",
        "too_large": "The certificate is larger than clients can be expected to read.",
        "unique_identifier": "The certificate has a unique identifier (section 4.1.2.8).",
        "uri": "A URI is not absolute, or malformed (section 4.2.1.6).",
        "validity_order": "The certificate ends before it begins (section 4.1.2.5).",
        "value_length": "A value is longer than its upper bound (appendix A.1).",
        "version": "The version of the certificate is not 3 (section 4.1.2.1).",
    },
    why="RFC 5280 is what clients check certificates against; some refuse what breaks it, others "
    "understand it in different ways. Sections are those of RFC 5280 unless another is named.",
    remedy=_REMEDY,
)

CABF = explanations(
    "cabf",
    {
        "any_purpose": "extendedKeyUsage of an end entity allows any purpose (section 7.1.2.7.10).",
        "broken_signature_algorithm": "The signature algorithm uses a broken hash (section "
        "7.1.3.2).",
        "crl_sign_without_ca": "keyUsage has cRLSign in an end entity (section 7.1.2.7.11).",
        "ocsp_signing_with_other_purposes": "An OCSP responder has other purposes besides "
        "OCSPSigning (section 7.1.2.8.5).",
        "repeated_attribute": "The subject has an attribute more than once (section 7.1.4).",
        "rsa_key_too_small": "The RSA key has fewer than 2048 bits (section 6.1.5).",
        "serial_number_too_short": "The serial number has fewer than 64 bits (section 7.1).",
    },
    why="The Baseline Requirements of the CA/Browser Forum are made for public authorities; these "
    "of their rules are good for every one.",
    remedy=_REMEDY,
)

OTHERS = {
    **explanations(
        "rfc6960",
        {
            "ca_with_ocsp_signing": "An authority has the purpose OCSPSigning (section 4.2.2.2).",
            "no_check_without_ocsp_signing": "ocspNoCheck is in a certificate that is no OCSP "
            "responder's (section 4.2.2.2.1).",
        },
        why="RFC 6960 says what the certificates of OCSP responders look like.",
        remedy=_REMEDY,
    ),
    **explanations(
        "rfc7633",
        {
            "feature_missing": "tlsFeature lacks a feature that the issuer has (section 4.2.2).",
            "no_feature": "tlsFeature holds no feature (section 4.1).",
            "repeated_feature": "tlsFeature has a feature twice (section 4.1).",
        },
        why="RFC 7633 lets a certificate promise what its server does in TLS.",
        remedy=_REMEDY,
    ),
    **explanations(
        "rfc9608",
        {"revocation_pointer": "noRevAvail stands beside a pointer to revocations (section 2)."},
        why="A certificate cannot say that there are no revocations and where they are.",
        remedy=_REMEDY,
    ),
    **explanations(
        "unicode",
        {
            "misread": (
                "A name has letters that look like others, or letters of several scripts in one "
                "word.",
                "Whoever reviews it sees another name than the one that is signed, for example "
                "with a Cyrillic а in place of a Latin one. It is a warning: names in two "  # noqa: RUF001
                "scripts exist.",
                "Make sure that the name is the one that was meant; the message gives the letters "
                "by their Unicode names.",
            )
        },
        why="Unicode Technical Standard 39 says which letters are mistaken for each other.",
        remedy=_REMEDY,
    ),
}

CODES: dict[str, Explanation] = {**RFC5280, **CABF, **OTHERS}
