"""
Certificate extensions: as a manifest asks for them, as a certificate has them.

The list is in `catalogue`; each extension has a module of its own.
"""

from __future__ import annotations

from pki_as_code.pkix.extensions.base import Criticality, Extension, Holder
from pki_as_code.pkix.extensions.catalogue import (
    DERIVED,
    EXTENSION_BY_NAME,
    EXTENSION_BY_OID,
    EXTENSIONS,
    NAMES_BY_OID,
)
from pki_as_code.pkix.extensions.custom import CustomExtension
from pki_as_code.pkix.extensions.describe import describe_extension, extension_name
from pki_as_code.pkix.extensions.encode import EncodedExtension, encode_extension
from pki_as_code.pkix.extensions.extension_set import ExtensionSet, merge_extension_sets
from pki_as_code.pkix.extensions.templates import VARIABLES, expand_variables

__all__ = [
    "DERIVED",
    "EXTENSIONS",
    "EXTENSION_BY_NAME",
    "EXTENSION_BY_OID",
    "NAMES_BY_OID",
    "VARIABLES",
    "Criticality",
    "CustomExtension",
    "EncodedExtension",
    "Extension",
    "ExtensionSet",
    "Holder",
    "describe_extension",
    "encode_extension",
    "expand_variables",
    "extension_name",
    "merge_extension_sets",
]
