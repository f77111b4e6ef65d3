"""
What linters object to, after what the project makes of it and what a manifest asks to put up with.

    lint_rules     of pki.yaml, and of that of a trust base: the stricter of the two holds
    Linting.judged what our own lints found in a draft, and what others say, as it counts

What our own lints and badkeys call an error stays one, whoever writes what: such a certificate is
refused by clients, or its key is known to others. All else is for the project to weigh. Nothing is
put up with silently: a waived finding is a warning that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.escape import safe
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.linting import Lints, Waiver
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.model import Finding, ObjectId, Severity, format_time

Opinions = Callable[[Sequence[str], bytes], list[Finding]]
"""Names of linters and the DER of a certificate to what they object to in it."""

OF_KEYS: Final = "badkeys"
"""The linter that looks at nothing but the key, which has to be the real one."""

_ADJUSTABLE: Final = ("pkilint.",)
"""Prefixes of codes whose errors a project may turn down."""

_RANK: Final = {"off": 0, "info": 1, "warning": 2, "error": 3}
_SEVERITIES: Final = {
    "info": Severity.INFO,
    "warning": Severity.WARNING,
    "error": Severity.ERROR,
}


@dataclass(frozen=True, slots=True)
class LintRules:
    """`spec.lints` of a project."""

    linters: tuple[str, ...] = ()
    severities: tuple[Mapping[str, str], ...] = ()
    """By code, of each revision that has a say."""

    waivable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Linting:
    """The rules, and whom to ask; without anybody to ask, linters that are wanted are missing."""

    rules: LintRules = LintRules()
    opinions: Opinions | None = None

    def judged(
        self,
        certificate: x509.Certificate,
        findings: Iterable[Finding],
        waived: Mapping[str, str],
        *,
        has_key: bool = True,
    ) -> list[Finding]:
        """
        Return `findings`, which our own lints have in a draft, with those of others, as they count.

        `waived` are the reasons by code. Without the real key (that of an authority which is yet to
        be made) nothing is said of it. Others are not asked about what is refused anyway.
        """
        found = list(findings)
        if not any(finding.severity is Severity.ERROR for finding in found):
            found += self._asked(certificate, has_key=has_key)
        return self.counted(found, waived)

    def counted(self, findings: Iterable[Finding], waived: Mapping[str, str]) -> list[Finding]:
        """Return findings of linters as the project and the manifest have them count."""
        return [told for finding in findings for told in self._counted(finding, waived)]

    def _asked(self, certificate: x509.Certificate, *, has_key: bool) -> list[Finding]:
        linters = [name for name in self.rules.linters if has_key or name != OF_KEYS]
        if not linters:
            return []
        if self.opinions is None:
            return [
                Finding("lint.linter_missing", f"there is no asking {' and '.join(linters)} here")
            ]
        return self.opinions(linters, certificate.public_bytes(Encoding.DER))

    def _counted(self, finding: Finding, waived: Mapping[str, str]) -> Iterator[Finding]:
        """Yield the finding as the project and the manifest have it count; nothing for one off."""
        if finding.severity is Severity.ERROR and not finding.code.startswith(_ADJUSTABLE):
            yield finding
            return
        # What others merely note is noise, unless somebody asks for it by name.
        usual = "off" if _is_a_note(finding) else str(finding.severity)
        said = [of_one.get(finding.code, usual) for of_one in self.rules.severities]
        wanted = max(said, key=_RANK.__getitem__, default=usual)
        if wanted != "off":
            counted = replace(finding, severity=_SEVERITIES[wanted])
            reason = waived.get(finding.code)
            if reason is None or finding.code not in self.rules.waivable:
                yield counted
            else:
                yield _put_up_with(counted, reason)


OWN_LINTS: Final = Linting()
"""Ours as they are, and nobody else's."""


def _is_a_note(finding: Finding) -> bool:
    return finding.severity is Severity.INFO and finding.code.startswith(_ADJUSTABLE)


def _put_up_with(finding: Finding, reason: str) -> Finding:
    severity = Severity.WARNING if finding.severity is Severity.ERROR else finding.severity
    message = f"{finding.message}; waived: {safe(reason)}"
    return replace(finding, message=message, severity=severity, waiver=safe(reason))


def lint_rules(manifests: ManifestSet, base: ManifestSet | None = None) -> LintRules:
    """
    Return what holds: of a project, and of another revision of it the stricter.

    A change that turns a linter down and needs that at once is judged by what was there before.
    """
    own = _rules_of(manifests)
    if base is None:
        return own
    other = _rules_of(base)
    return LintRules(
        linters=tuple(dict.fromkeys([*own.linters, *other.linters])),
        severities=(*own.severities, *other.severities),
        waivable=own.waivable & other.waivable,
    )


def _rules_of(manifests: ManifestSet) -> LintRules:
    project = manifests.project
    lints = project.manifest.spec.lints if project is not None else Lints()
    linters = tuple(dict.fromkeys(lints.linters))
    return LintRules(linters, (lints.severities,), frozenset(lints.waivable))


def unknown_codes(manifests: ManifestSet) -> Iterator[Finding]:
    """Yield a warning on each code in pki.yaml that no lint of ours has: it is without effect."""
    project = manifests.project
    lints = project.manifest.spec.lints if project is not None else Lints()
    named: list[tuple[str, str | int, str]] = [
        ("severities", code, code) for code in lints.severities
    ]
    named += [("waivable", place, code) for place, code in enumerate(lints.waivable)]
    if project is None or not named:
        return
    from pki_as_code.codes import CODES, explanation_of

    for field, place, code in named:
        if explanation_of(code) is None:
            close = get_close_matches(code, CODES, n=1)
            yield Finding(
                "lint.unknown_code",
                f"no lint says {code}",
                project.source("spec", "lints", field, place),
                Severity.WARNING,
                help=f"did you mean `{close[0]}`?" if close else "see `pkictl explain`",
            )


# --- Waivers -------------------------------------------------------------------------------------


def waived_by(manifests: ManifestSet, object_id: ObjectId, now: datetime) -> Mapping[str, str]:
    """Return the reasons of the waivers that hold for an object, by code."""
    loaded = manifests.of(Certificate).get(object_id)
    if loaded is None:
        return {}
    return {
        waiver.code: waiver.reason
        for waiver in loaded.manifest.spec.waivers
        if not is_over(waiver, now)
    }


def is_over(waiver: Waiver, now: datetime) -> bool:
    return waiver.until is not None and waiver.until <= now


def waiver_findings(
    loaded: Loaded[Certificate], rules: LintRules, now: datetime
) -> Iterator[Finding]:
    """Yield what is to be said of the waivers of one manifest, whatever the linters find."""
    for position, waiver in enumerate(loaded.manifest.spec.waivers):
        source = ("spec", "waivers", position)
        if waiver.code not in rules.waivable:
            yield Finding(
                "lint.not_waivable",
                f"{waiver.code} is nothing that a certificate may put up with",
                loaded.source(*source, "code"),
                help="correct what is objected to; or have an administrator add the code to "
                "spec.lints.waivable of pki.yaml, in a change of its own",
            )
        elif is_over(waiver, now) and waiver.until is not None:
            yield Finding(
                "lint.waiver_over",
                f"the waiver of {waiver.code} ended at {format_time(waiver.until)}",
                loaded.source(*source, "until"),
                Severity.WARNING,
                help="correct what it put up with, and remove it",
            )


def unused_waivers(
    loaded: Loaded[Certificate], findings: Iterable[Finding], now: datetime
) -> Iterator[Finding]:
    """Yield a note on each waiver of a manifest that nothing needs any more."""
    needed = {finding.code for finding in findings if finding.waiver}
    for position, waiver in enumerate(loaded.manifest.spec.waivers):
        if waiver.code not in needed and not is_over(waiver, now):
            yield Finding(
                "lint.waiver_unused",
                f"nothing objects with {waiver.code} any more",
                loaded.source("spec", "waivers", position),
                Severity.INFO,
                help="remove the waiver",
            )
