"""URIs against what policies say of them: scheme, host, and the path segment by segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography import x509

from pki_as_code.manifests.policy_names import UriRule, canonical_host
from pki_as_code.pkix.uris import absolute_uri, plain_segments, uri_host
from pki_as_code.plan.policy_readings import below, is_canonical


@dataclass(frozen=True, slots=True)
class UriTerm:
    """One rule of a policy, in the form in which it is compared."""

    scheme: str
    host: str | None
    suffix: str | None
    segments: tuple[str, ...] | None
    """Of the path; None where it does not matter."""


def make_uri_term(rule: UriRule) -> UriTerm:
    host, suffix = rule.host and canonical_host(rule.host), rule.suffix
    segments = plain_segments(rule.path) if rule.path is not None else None
    return UriTerm(rule.scheme, host, suffix and canonical_host(suffix), segments)


def uri_allowed(name: x509.UniformResourceIdentifier, terms: Sequence[UriTerm]) -> bool:
    """
    Tell whether a rule allows exactly this URI.

    With a path it has to be one that everybody reads alike: a server that takes `..` or `%2e%2e`
    for a step up would find itself in somebody else's place.
    """
    uri = name.value
    return is_canonical(uri, absolute_uri) and any(
        term.segments is None or _is_below(plain_segments(_from_path_on(uri)), term.segments)
        for term in _at_its_place(uri, uri_host(uri), terms)
    )


def uri_kept_out(name: x509.UniformResourceIdentifier, terms: Sequence[UriTerm]) -> bool:
    """Tell whether this URI is, or can be taken for, one that a rule keeps out."""
    uri = name.value
    if not terms:
        return False
    if not is_canonical(uri, absolute_uri):
        return True
    segments = plain_segments(_from_path_on(uri))
    host = (uri_host(uri) or "").rstrip(".")  # a trust domain of SPIFFE can end with a dot
    return any(
        term.segments is None
        or segments is None
        or _is_below(_lower(segments), _lower(term.segments))
        for term in _at_its_place(uri, host, terms)
    )


def _at_its_place(uri: str, host: str | None, terms: Sequence[UriTerm]) -> Iterator[UriTerm]:
    """Yield the rules for its scheme and for that host."""
    scheme, above = uri.partition(":")[0], {suffix for _, suffix in below(host or "")}
    for term in terms:
        if term.scheme != scheme:
            continue
        if term.suffix in above if term.suffix else host == term.host if term.host else not host:
            yield term


def _from_path_on(uri: str) -> str:
    """Return path, query and fragment of a URI with an authority; all behind the scheme without."""
    rest = uri.partition(":")[2]
    if not rest.startswith("//"):
        return rest
    at = min((rest.find(mark, 2) for mark in "/?#" if mark in rest[2:]), default=len(rest))
    return rest[at:]


def _lower(segments: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(segment.lower() for segment in segments)


def _is_below(segments: tuple[str, ...] | None, place: tuple[str, ...]) -> bool:
    return segments is not None and segments[: len(place)] == place
