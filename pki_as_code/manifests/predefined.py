"""The profiles that are there without a manifest. A manifest of the same name overrides one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from pki_as_code.manifests.base import API_VERSION
from pki_as_code.manifests.profile import Profile
from pki_as_code.model import JsonValue


def _profile(
    name: str,
    description: str,
    key_usage: Sequence[str],
    extended_key_usage: Sequence[str],
    **spec: Any,
) -> Profile:
    """
    Return a predefined profile.

    Key usages are those of any key; what a key cannot do is left out when a certificate is made
    (RFC 8813, RFC 9295).
    """
    extensions: dict[str, JsonValue] = {
        "keyUsage": {"critical": True, "value": list(key_usage)},
        "extendedKeyUsage": {"value": list(extended_key_usage)},
        **spec.pop("extensions", {}),
    }
    return Profile.model_validate(
        {
            "apiVersion": API_VERSION,
            "kind": "Profile",
            "metadata": {"name": name},
            "spec": {
                "description": description,
                "validity": {"backdate": "5m"},
                "renewal": {"mode": "Automatic", "before": "33%"},
                **spec,
                "extensions": extensions,
            },
        }
    )


@cache
def predefined_profiles() -> Mapping[str, Profile]:
    """Return the predefined profiles by name."""
    public = {"max": "398d", "backdate": "5m"}
    profiles = (
        _profile(
            "client",
            "Clients that identify themselves to servers",
            ["digitalSignature"],
            ["clientAuth"],
        ),
        _profile(
            "server",
            "Servers that are clients of other servers, too",
            ["digitalSignature", "keyEncipherment", "keyAgreement"],
            ["clientAuth", "serverAuth"],
            validity=public,
        ),
        _profile(
            "webserver",
            "Servers that clients reach by TLS",
            ["digitalSignature", "keyEncipherment", "keyAgreement"],
            ["serverAuth"],
            validity=public,
        ),
        _profile(
            "enduser",
            "People: client authentication, signed code, e-mail",
            ["digitalSignature", "keyEncipherment", "dataEncipherment"],
            ["clientAuth", "codeSigning", "emailProtection"],
        ),
        _profile(
            "ocsp",
            "OCSP responders (RFC 6960 section 4.2.2.2)",
            ["digitalSignature", "nonRepudiation", "keyEncipherment"],
            ["OCSPSigning"],
            validity={"default": "3d", "backdate": "5m"},
            extensions={"ocspNoCheck": {}},
            addOcspUrl=False,
        ),
    )
    return MappingProxyType({profile.metadata.name: profile for profile in profiles})
