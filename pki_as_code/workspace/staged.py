"""Files that are to be committed: no private keys, and CSRs that ask for what they will get."""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from pki_as_code.manifests.certificate import Certificate
from pki_as_code.model import Finding, Severity, Source
from pki_as_code.pkix.csr import parse_csr
from pki_as_code.pkix.names import common_name, parse_name
from pki_as_code.pkix.pem import holds_private_key
from pki_as_code.plan.requests import ResolvedCertificate
from pki_as_code.plan.validate import resolve_all
from pki_as_code.workspace.opening import load_repository
from pki_as_code.workspace.validation import below_root

_CSR_SUFFIXES = (".csr", ".req")
_MOST_NAMED = 10


def private_key_findings(start: Path, paths: Collection[str]) -> Iterator[Finding]:
    """Yield a finding for each file that holds a private key. Links are not followed."""
    for path in paths:
        place = start / path
        try:
            if not stat.S_ISREG(place.lstat().st_mode):
                continue
            data = place.read_bytes()
        except FileNotFoundError:
            continue  # removed in this commit
        except OSError as error:
            reason = error.strerror or "it cannot be read"
            yield Finding("hook.unreadable", f"the file was not looked at: {reason}", Source(path))
            continue
        if holds_private_key(data):
            yield Finding(
                "hook.private_key",
                "the file holds a private key",
                Source(path),
                help="take it out of the commit: git rm --cached -- FILE, and add it to .gitignore",
            )


def csr_findings(start: Path, paths: Collection[str]) -> list[Finding]:
    """
    Return what does not fit between CSRs and their manifests; of these files, or of all.

    Names come from the manifest: one that only the CSR has will not be in the certificate. `plan`
    leaves it at that; before a commit it is most likely a mistake.
    """
    repository, _, tree, loaded = load_repository(start, None)
    named = {below_root(repository.root, start, path) for path in paths}
    findings = [f for f in loaded.findings if not named or (f.source and f.source.path in named)]
    claimed = set()
    for resolved in resolve_all(loaded.manifests).certificates:
        own = {resolved.loaded.path, resolved.loaded.csr_path}
        claimed |= own
        if not named or own & named:
            findings += [*resolved.findings, *_other_names(resolved)]
    for file in tree.files():
        wanted = not named or file.path in named
        if wanted and file.path.endswith(_CSR_SUFFIXES) and file.path not in claimed:
            findings.append(_unclaimed(file.path))
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def _other_names(resolved: ResolvedCertificate) -> Iterator[Finding]:
    request, loaded = resolved.request, resolved.loaded
    if request is None or loaded.csr is None:
        return
    csr = parse_csr(loaded.csr)
    given = {name.lower() for name in request.subject_alternative_names}
    values = {name.partition(":")[2] for name in given}
    missing = [name for name in csr.requested_names if name.lower() not in given]
    wanted = common_name(csr.subject)
    own = common_name(parse_name(request.subject))
    if wanted and wanted != own and wanted.lower() not in values:
        missing.append(f"CN={wanted}")
    if missing:
        more = ", ..." if len(missing) > _MOST_NAMED else ""
        yield Finding(
            "csr.other_names",
            f"the CSR asks for {', '.join(missing[:_MOST_NAMED])}{more}, which the certificate "
            "will not have",
            resolved.place_of_names(),
            help="name them under subjectAltNames, or have the CSR made anew without them",
        )


def _unclaimed(path: str) -> Finding:
    kind = Certificate.__name__
    help = f"write a {kind} with `csrFile` beside it, or remove the file"
    return Finding("csr.unclaimed", "no manifest names this CSR", Source(path), help=help)
