"""
Offline authorities: what only a ceremony can do, and how it is done.

A run never has the key of an offline authority. What such a key is to sign is no change of a plan
and no error either: a warning tells the people who can, and everything else goes on.
"""

from __future__ import annotations

from collections.abc import Collection

from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import Finding, Severity
from pki_as_code.plan.authorities import Authority, chain_of, find_authority

NEEDED = "authority.ceremony_needed"
WAITS = "authority.waits_for_ceremony"

CRL_NEEDED = "authority.crl_ceremony_needed"

WAITING = frozenset({NEEDED, WAITS, CRL_NEEDED})
"""Findings that say what people have to do before a run can go on."""

RUNBOOK = "docs/ceremony.md is the runbook."


def is_offline(authority: Authority) -> bool:
    """Tell whether its key is never there when `pkictl` runs."""
    spec = authority.manifest.spec
    return spec.mode == "offline" or spec.key is None


def signer_of(authority: Authority, manifests: ManifestSet) -> Authority | None:
    """Return who signs its certificate: its parent, itself for a root; None for one not known."""
    parent = authority.manifest.spec.parent
    return authority if parent is None else find_authority(manifests, parent)


def is_signed_by_ceremony(authority: Authority, manifests: ManifestSet) -> bool:
    """Tell whether a run could not sign its certificate: its own key or its signer's is offline."""
    signer = signer_of(authority, manifests)
    return is_offline(authority) or (signer is not None and is_offline(signer))


def waited_for(
    name: str | None, manifests: ManifestSet, known: Collection[str]
) -> Authority | None:
    """
    Return the authority whose ceremony has to come before `name` can sign; None when none has.

    `known` are the names of the authorities that have a certificate.
    """
    authority = find_authority(manifests, name)
    for link in chain_of(authority, manifests) if authority else ():
        if link.object_id.name in known or link.manifest.spec.certificate:
            return None
        if is_signed_by_ceremony(link, manifests):
            return link
    return None


# --- Findings ------------------------------------------------------------------------------------


def ceremony_needed(
    authority: Authority, manifests: ManifestSet, known: Collection[str]
) -> Finding:
    """Return the warning that an authority has to be signed by people, with every step of it."""
    name, spec = authority.object_id.name, authority.manifest.spec
    signer = signer_of(authority, manifests) or authority
    who = "its own key" if spec.parent is None else f"the key of {spec.parent}"
    first = waited_for(spec.parent, manifests, known)
    return Finding(
        NEEDED,
        f"{name} has no certificate yet, and {who} signs it in a ceremony only",
        authority.source("spec", "mode" if is_offline(authority) else "parent"),
        Severity.WARNING,
        help=_steps(authority, signer, first),
    )


def waits(what: str, first: Authority) -> Finding:
    """Return the warning that `what` goes on after the ceremony of `first`; it has no place yet."""
    name = first.object_id.name
    return Finding(
        WAITS,
        f"{what} waits until {name} has its certificate, which is signed in a ceremony",
        severity=Severity.WARNING,
        help=f"the steps are at {first.path}; the first `pkictl reconcile` after it goes on",
    )


def offline_issuer(path: str, issuer: str) -> Finding:
    """Return the error for an end entity below an offline authority; it has no place yet."""
    return Finding(
        "authority.offline_issuer",
        f"{path} cannot be signed by {issuer}, which is offline",
        help="an offline authority signs authorities, in a ceremony; name one that is online",
    )


# --- Steps ---------------------------------------------------------------------------------------


def key_uri_there(signer: Authority) -> str:
    """Return where the key is taken to be on the offline machine: an absolute URI as it is."""
    key = signer.manifest.spec.key
    if key is not None and not key.uri.startswith("file:"):
        return key.uri
    if key is not None and key.uri.startswith("file:/"):
        return key.uri
    return f"file:/media/{signer.object_id.name}.key"


def _steps(authority: Authority, signer: Authority, first: Authority | None) -> str:
    name = authority.object_id.name
    if is_offline(authority) and not is_offline(signer):
        return (
            f"the key of {name} is offline and that of its parent {signer.object_id.name} is not: "
            "make its certificate by hand and put it under spec.certificate, or make it online"
        )
    own = is_offline(authority) and signer is not authority
    options = f" --own-key {key_uri_there(authority)}" if own else ""
    sign = f"pkictl ceremony sign {name}.bundle.json --key {key_uri_there(signer)}{options}"
    lines = [
        "people sign it, on a machine without a network:",
        f"1. here:  pkictl ceremony prepare {name} --out {name}.bundle.json",
        "          and note the SHA-256 that it prints",
        f"2. there: {sign} --out {name}.pem",
        "          after the SHA-256 was read out and compared",
        f"3. here:  pkictl ceremony accept {name}.pem --branch ceremony-{name}",
        "4. review and merge that branch; the next `pkictl reconcile` takes it up",
    ]
    if first is not None:
        lines.append(
            f"{first.object_id.name} comes before it; both can be signed in one sitting, as long "
            "as they are merged in that order"
        )
    lines.append(RUNBOOK)
    return "\n".join(lines)
