"""What policies have against a certificate, at the line that asks for it, and with the way out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from pki_as_code.escape import quoted, safe
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.durations import format_duration
from pki_as_code.manifests.load import Loaded
from pki_as_code.manifests.policy import Allowed, Matched
from pki_as_code.manifests.policy_names import DnsRule
from pki_as_code.model import Finding, Severity, Source
from pki_as_code.pkix.general_names import format_general_name, parse_general_name
from pki_as_code.plan.policy_index import CompiledPolicy
from pki_as_code.plan.policy_terms import Violation

DENIALS: Final = frozenset(
    {
        "policy.name_not_allowed",
        "policy.subject_not_allowed",
        "policy.key_not_allowed",
        "policy.validity_too_long",
        "policy.extension_not_allowed",
        "policy.purpose_not_allowed",
        "policy.no_grant",
        "policy.limit_exceeded",
        "policy.denied",
        "policy.not_in_base",
        "policy.not_signed",
        "policy.approvals_missing",
        "policy.approval_incomplete",
        "policy.revocation_not_allowed",
        "policy.rule_not_met",
    }
)
"""The findings that say no, where all else is in order: a command then leaves with 3."""

_MOST_POLICIES = 3
_MOST_RULES = 5
_LONGEST_RULE = 200
_WHOLE = "one policy has to grant all of the certificate"


def only_denied(findings: Iterable[Finding]) -> bool:
    """Tell whether there are errors, and policies are the only ones to object."""
    errors = [finding.code for finding in findings if finding.severity is Severity.ERROR]
    return bool(errors) and DENIALS.issuperset(errors)


def finding_of(violation: Violation, loaded: Loaded[Certificate]) -> Finding:
    """Return what to tell whoever wrote the manifest."""
    return Finding(
        violation.code,
        safe(violation.message),
        place_of(violation, loaded),
        help=safe(_help(violation)),
    )


# --- The line ------------------------------------------------------------------------------------


def place_of(violation: Violation, loaded: Loaded[Certificate]) -> Source:
    """Return the line of the manifest that asks for it, or that could ask for something else."""
    spec = loaded.manifest.spec
    match violation.field:
        case "names":
            return _place_of_name(violation.thing, loaded)
        case "subject":
            return _subject_or_names(loaded)
        case "key":
            return loaded.csr_source
        case "validity":
            return loaded.source("spec", "notAfter" if spec.not_after else "validity")
        case "extensions":
            return loaded.source("spec", "extensions", violation.thing, key=True)
        case "purposes":
            own = [e.name for e in (spec.extensions.requested() if spec.extensions else ())]
            is_own = violation.thing in own
            field = ("extensions", violation.thing) if is_own else ("profile",)
            return loaded.source("spec", *field, key=is_own)
    return loaded.source("spec")


def _place_of_name(name: str, loaded: Loaded[Certificate]) -> Source:
    for position, text in enumerate(loaded.manifest.spec.subject_alt_names):
        if format_general_name(parse_general_name(text)) == name:
            return loaded.source("spec", "subjectAltNames", position)
    return _subject_or_names(loaded)  # the common name, which is one of the names as well


def _subject_or_names(loaded: Loaded[Certificate]) -> Source:
    spec = loaded.manifest.spec
    if spec.subject:
        return loaded.source("spec", "subject")
    return loaded.source("spec", *(["subjectAltNames"] if spec.subject_alt_names else []))


# --- The way out ---------------------------------------------------------------------------------


def _help(violation: Violation) -> str:
    policies = violation.policies
    if violation.code == "policy.no_grant":
        return "ask who owns policies/ for a Grant of this namespace, issuer and profile"
    if violation.code in {"policy.denied", "policy.limit_exceeded"}:
        verb = "denies it" if violation.code == "policy.denied" else "is the limit"
        return "; ".join(f"{policy.path} {verb}" for policy in policies)
    if violation.code == "policy.approval_incomplete":
        return f"write `{violation.thing}` into the manifest, and have that signed"
    if violation.field == "approvals":
        return "have owners sign the commit, or sign for the file with `pkictl sign_manifest`"
    if violation.field == "rules":
        having = [p for p in policies if any(r.expression == violation.thing for r in p.rules)]
        rule = quoted(violation.thing, _LONGEST_RULE)
        told = [f"{policy.path} has the rule {rule}" for policy in having[:_MOST_POLICIES]]
        return "; ".join([*told, *([_WHOLE] if violation.whole else [])])
    told = [f"{p.path} grants {granted(p, violation.field)}" for p in policies[:_MOST_POLICIES]]
    if len(policies) > _MOST_POLICIES:
        told.append(f"and {len(policies) - _MOST_POLICIES} more policies")
    if violation.field == "names" and violation.thing.startswith("DNS:*."):
        told.append("a wildcard has to be granted with `wildcard: true`")
    if violation.whole:
        told.append(_WHOLE)
    return "; ".join(told)


def granted(policy: CompiledPolicy, field: str) -> str:
    """Return in a few words what a Grant says of such things."""
    spec = policy.loaded.manifest.spec
    terms: Allowed | Matched = spec.allow or spec.match or Matched()
    match field:
        case "subject":
            values = [
                f"{name}={value}"
                for name, several in (terms.subject or {}).items()
                for value in several
            ]
            return _listed([*values, *_names(terms)], "no attributes of the subject")
        case "key":
            return _listed(terms.keys or (), "no keys")
        case "validity":
            most = policy.max_validity
            return f"at most {format_duration(most)}" if most is not None else "any validity"
        case "extensions":
            return _listed(terms.extensions or (), "no extensions but those of the profile")
        case "purposes":
            return _listed(terms.extended_key_usage or (), "no purposes")
    return _listed(list(_names(terms)), "no names")


def _listed(words: Collection[str], nothing: str) -> str:
    shown = list(words)[:_MOST_RULES]
    more = [f"{len(words) - _MOST_RULES} more"] if len(words) > _MOST_RULES else []
    return ", ".join([*shown, *more]) or nothing


def _names(terms: Allowed | Matched) -> Iterator[str]:
    for rule in terms.dns or ():
        if rule.name is not None:
            yield rule.name
            continue
        most = rule.max_labels if isinstance(rule, DnsRule) else None
        bound = f" (up to {most} label{'' if most == 1 else 's'})" if most is not None else ""
        yield f"*.{rule.suffix} and {rule.suffix}{bound}"
    yield from terms.ip or ()
    yield from (rule.address or f"*@{rule.domain}" for rule in terms.email or ())
    for uri in terms.uri or ():
        place = f"*.{uri.suffix} and {uri.suffix}" if uri.suffix else uri.host
        yield f"{uri.scheme}://{place}{uri.path or ''}" if place else f"{uri.scheme}:"
    for other in terms.other_name or ():
        yield f"otherName {other.oid} {other.value or other.domain or 'of any value'}"
    yield from (f"RID:{oid}" for oid in terms.registered_id or ())
    yield from (f"dirName:{name}" for name in terms.directory_name or ())


def granted_words(policy: CompiledPolicy) -> Iterator[str]:
    """Yield everything a policy says, one thing at a time, and for whom."""
    spec = policy.loaded.manifest.spec
    terms: Allowed | Matched = spec.allow or spec.match or Matched()
    selected = [f"issuer {name}" for name in sorted(policy.issuers)]
    selected += [f"profile {name}" for name in sorted(policy.profiles)]
    selected += [f"label {key}={value}" for key, value in sorted(policy.labels)]
    only = f" ({', '.join(selected)})" if selected else ""
    words = list(_names(terms))
    words += [f"{t}={v}" for t, values in (terms.subject or {}).items() for v in values]
    words += [f"key {key}" for key in terms.keys or ()]
    words += [f"extension {name}" for name in terms.extensions or ()]
    words += [f"purpose {name}" for name in terms.extended_key_usage or ()]
    if policy.max_validity is not None:
        words.append(f"at most {format_duration(policy.max_validity)}")
    words += [f"rule {quoted(rule.expression, _LONGEST_RULE)}" for rule in policy.rules]
    if policy.denies_all:
        words.append("everything")
    yield from (f"{word}{only}" for word in words)
