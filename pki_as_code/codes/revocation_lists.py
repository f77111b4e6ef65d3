"""`rfc5280.crl_*` and `crl.*`: certificate revocation lists."""

from __future__ import annotations

from pki_as_code.codes.base import Explanation, explanations

_ENTRY = "An entry of a CRL "

LINTS = explanations(
    "rfc5280",
    {
        "crl_aki_mismatch": "authorityKeyIdentifier of a CRL is not the authority's (section "
        "5.2.1).",
        "crl_aki_missing": "A CRL has no authorityKeyIdentifier (section 5.2.1).",
        "crl_algorithms_differ": "A CRL names two different signature algorithms (section "
        "5.1.1.2).",
        "crl_criticality": "An extension of a CRL must be critical, or must not be (sections 5.2 "
        "and 5.3).",
        "crl_default_encoded": "A default value is written out in a CRL (X.690 section 11.5).",
        "crl_delta": "A delta CRL stands where a complete one belongs (section 5.2.4).",
        "crl_duplicate_extension": "A CRL, or an entry of it, has an extension twice (section "
        "5.2).",
        "crl_duplicate_serial": f"{_ENTRY}is there twice (section 5.3).",
        "crl_extensions_empty": "The list of extensions of a CRL, or of an entry, is empty "
        "(section 5.1.2.7).",
        "crl_idp_contains": "issuingDistributionPoint has more than one onlyContains (section "
        "5.2.5).",
        "crl_idp_empty": "issuingDistributionPoint says nothing (section 5.2.5).",
        "crl_idp_unsupported": "issuingDistributionPoint says something that is not supported "
        "(section 5.2.5).",
        "crl_indirect": f"{_ENTRY}names another issuer (section 5.3.3).",
        "crl_invalidity_date": f"{_ENTRY}has an invalidity date that is no GeneralizedTime "
        "(section 5.3.2).",
        "crl_issuer_name": "The issuer name of a CRL is not the subject of the authority, byte for "
        "byte (section 5.1.2.3).",
        "crl_next_update_missing": "A CRL does not say when the next one comes (section 5.1.2.5).",
        "crl_not_der": "A CRL is not strict DER (section 5.1).",
        "crl_number_missing": "A CRL has no number (section 5.2.3).",
        "crl_number_range": "The number of a CRL is negative or too long (section 5.2.3).",
        "crl_reason": f"{_ENTRY}has a reason that it cannot have (section 5.3.1).",
        "crl_revocation_date": f"{_ENTRY}is revoked later than the CRL was made (section 5.1.2.6).",
        "crl_revoked_empty": "The list of revoked certificates is there although it is empty "
        "(section 5.1.2.6).",
        "crl_serial_number": f"{_ENTRY}has a serial number that is not positive, or too long "
        "(section 4.1.2.2).",
        "crl_signature_algorithm": "A CRL is signed with an algorithm that is broken or not known "
        "(section 5.1.1.2).",
        "crl_signature_invalid": "The signature of a CRL does not verify (section 5.1.1.3).",
        "crl_signer_may_not_sign": (
            "keyUsage of an authority lacks cRLSign (section 4.2.1.3).",
            "Clients refuse a CRL that is signed with a key which may not sign CRLs.",
            "Make a new authority whose keyUsage has cRLSign.",
        ),
        "crl_time_encoding": "A time in a CRL is not encoded as its year wants it (section "
        "5.1.2.4).",
        "crl_time_order": "nextUpdate of a CRL is not after thisUpdate (section 5.1.2.5).",
        "crl_unknown_critical_extension": "A CRL has a critical extension that nothing understands "
        "(section 5.2).",
        "crl_version": "The version of a CRL is not 2 (section 5.1.2.1).",
    },
    why="Clients that cannot read a CRL, or do not trust it, either refuse every certificate of "
    "the authority or take revoked ones for good. Sections are those of RFC 5280.",
    remedy="Do not publish this CRL. `pkictl reconcile` makes a new one. If this program made it, "
    "please report it: it would be a fault of this program.",
)

SUCCESSION = explanations(
    "rfc5280",
    {
        "crl_entry_changed": f"{_ENTRY}has another reason or date than in the CRL before (section "
        "5.3.1).",
        "crl_entry_left": (
            f"{_ENTRY}before is gone, although its certificate could still be used (section 3.3).",
            "Only a hold can be lifted. Whoever has the new CRL takes the revoked certificate for "
            "good.",
            "`pkictl store verify` says whether the store lost a revocation; bring it back from a "
            "clone or a backup.",
        ),
        "crl_issuer_changed": "A CRL is of another issuer than the one it follows.",
        "crl_number_not_greater": "The number of a CRL is not greater than that of the one before "
        "(section 5.2.3).",
        "crl_scope_changed": "A CRL is about other certificates than the one it follows (section "
        "5.2.5).",
        "crl_this_update_back": "A CRL is older than the one it follows (section 5.1.2.4).",
    },
    why="Clients take the CRL with the greater number for the newer one, and expect of it all that "
    "was in the one before.",
    remedy="Do not publish this CRL. Look at the clock, and at the store with `pkictl store "
    "verify`: an older copy of it may have been restored.",
)

CRL = explanations(
    "crl",
    {
        "bad_distribution_point": "An issuingDistributionPoint cannot be what it is (RFC 5280 "
        "section 5.2.5).",
        "bad_entry": "A revocation cannot be written to a CRL (RFC 5280 section 5.3).",
        "bad_number": "The number of a CRL is negative or has more than 20 octets (RFC 5280 "
        "section 5.2.3).",
        "bad_time": "A time of a CRL cannot be what it is (RFC 5280 section 5.1.2).",
        "too_large": (
            "A CRL is larger than what is read or made.",
            "Clients would have to fetch all of it, and everything that reads input has a bound.",
            "Divide the certificates of the authority among several CRLs with `crl.shards`.",
        ),
        "unreadable": "A file is not a complete CRL of version 2 (RFC 5280 section 5).",
    },
    why="A CRL that clients cannot read protects nobody, so none is made or trusted that is not "
    "exactly what RFC 5280 says.",
    remedy="Read the message. What is wrong is in the manifest of the authority, or in the file.",
)

CODES: dict[str, Explanation] = {**LINTS, **SUCCESSION, **CRL}
