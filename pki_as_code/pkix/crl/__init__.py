"""
Certificate revocation lists (RFC 5280 section 5): written, read, judged.

A CRL may have a million entries. They are streamed in and out, never kept as objects: `write` joins
their DER, `entries` takes it apart, `lint` judges one CRL and `succession` one after another.
"""

from __future__ import annotations

from pki_as_code.pkix.crl.assemble import around_tbs_cert_list
from pki_as_code.pkix.crl.distribution_point import (
    IssuingDistributionPoint,
    parse_issuing_distribution_point,
)
from pki_as_code.pkix.crl.fields import MAX_CRL_SIZE, Octets, Span
from pki_as_code.pkix.crl.frame import MAX_CRL_NUMBER, REASON_NUMBERS, CrlFrame
from pki_as_code.pkix.crl.lint import lint_crl, lint_tbs_cert_list
from pki_as_code.pkix.crl.read import CrlDescription, CrlEntry, read_crl
from pki_as_code.pkix.crl.succession import ExpiryOf, lint_succession
from pki_as_code.pkix.crl.write import write_tbs_cert_list

__all__ = [
    "MAX_CRL_NUMBER",
    "MAX_CRL_SIZE",
    "REASON_NUMBERS",
    "CrlDescription",
    "CrlEntry",
    "CrlFrame",
    "ExpiryOf",
    "IssuingDistributionPoint",
    "Octets",
    "Span",
    "around_tbs_cert_list",
    "lint_crl",
    "lint_succession",
    "lint_tbs_cert_list",
    "parse_issuing_distribution_point",
    "read_crl",
    "write_tbs_cert_list",
]
