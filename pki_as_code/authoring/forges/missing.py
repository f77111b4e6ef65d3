"""
What `pkictl doctor --forge` finds missing: as far as it can be seen in a clone.

Whether a branch is protected, and who can read a secret, only the forge knows: that is said, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pki_as_code.authoring.codeowners import (
    PLACEHOLDER,
    PLACES,
    check_codeowners,
    find_admins,
    namespace_owners,
)
from pki_as_code.authoring.forges import forge_files
from pki_as_code.manifests.manifest_set import ManifestSet
from pki_as_code.model import Finding, Severity, Source

_MOST_BYTES = 1 << 20
_USES = re.compile(r"^\s*(?:-\s+)?uses:\s*[\"']?([^\s\"'#]+)", re.MULTILINE)
_PINNED = re.compile(r"(\./|\$/).*|docker://.+@sha256:[0-9a-f]{64}|[^@]+@[0-9a-f]{40}")
_READ_ELSEWHERE = ("allowed_signers",)
_UNSEEN = (
    "`{branch}` takes changes by review only, with an approval of the code owners and the check of "
    "the plan; `pki-issued` is pushed to by the job alone, and nobody may force; the environment "
    "`pki-production` is for `{branch}` only"
)


def find_forge(root: Path, remote: str | None) -> str:
    """Return `github` or `gitlab`: by the files that are there, else by the remote."""
    if (root / ".gitlab-ci.yml").exists():
        return "gitlab"
    if (root / ".github").is_dir():
        return "github"
    return "gitlab" if remote and "gitlab" in remote else "github"


def forge_findings(
    root: Path, manifests: ManifestSet, remote: str | None, branch: str
) -> Iterator[Finding]:
    """Yield what is missing of workflows, CODEOWNERS, signers and settings."""
    forge = find_forge(root, remote)
    yield from _file_findings(root, forge, branch)
    yield from _workflow_findings(root)
    yield from _owner_findings(root, manifests)
    yield from _signer_findings(root)
    yield from _trust_findings(manifests)
    if remote is None:
        yield _warning(
            "forge.no_remote",
            "there is no remote `origin`",
            help="git remote add origin URL; the store's branch is pushed there",
        )
    yield Finding(
        "forge.unseen",
        "what the forge protects cannot be seen from here",
        severity=Severity.INFO,
        help=f"see that {_UNSEEN.format(branch=branch)}",
    )


def _file_findings(root: Path, forge: str, branch: str) -> Iterator[Finding]:
    for path, data in forge_files(forge, branch, ()).items():
        if path.endswith("CODEOWNERS") or path in _READ_ELSEWHERE:
            continue
        found = _read(root, path)
        if found is None:
            yield Finding(
                "forge.file_missing",
                f"there is no {path}",
                help=f"`pkictl init --forge {forge}` writes what is missing",
            )
        elif found.encode() != data and not path.endswith("pkictl.txt"):
            yield Finding(
                "forge.file_differs",
                f"{path} is not what this version of pkictl writes",
                Source(path),
                Severity.INFO,
                "nothing, if it was edited; else remove it, and `pkictl init --forge "
                f"{forge}` writes it anew",
            )


def _workflow_findings(root: Path) -> Iterator[Finding]:
    directory = root / ".github/workflows"
    names = sorted(p.name for p in directory.iterdir()) if directory.is_dir() else []
    for name in names:
        path = f".github/workflows/{name}"
        text = _read(root, path) or ""
        if re.search(r"^\s*[^#\n]*\bpull_request_target\b", text, re.MULTILINE):
            yield Finding(
                "forge.pull_request_target",
                "a workflow runs for pull requests with the rights of the branch",
                Source(path),
                help="use `pull_request`, which has no secret and may write nothing",
            )
        elif re.search(r"^\s*pull_request:", text, re.MULTILINE) and "secrets." in text:
            yield Finding(
                "forge.secret_in_pull_request",
                "a workflow for pull requests names a secret",
                Source(path),
                help="move what needs it to a workflow that runs after the merge",
            )
        for match in _USES.finditer(text):
            if not _PINNED.fullmatch(match[1]):
                line = text.count("\n", 0, match.start(1)) + 1
                yield _warning(
                    "forge.unpinned",
                    f"{match[1][:80]} is not pinned to a commit",
                    Source(path, line),
                    help="name the hash of a commit: a tag can be moved by whoever owns it",
                )


def _owner_findings(root: Path, manifests: ManifestSet) -> Iterator[Finding]:
    for path in PLACES:
        text = _read(root, path)
        if text is None:
            continue
        admins = find_admins(text)
        if not admins or PLACEHOLDER in admins:
            yield Finding(
                "forge.no_admins",
                f"{path} does not say who approves what belongs to no team",
                Source(path),
                help="name them in the line that begins with `*`, then run `pkictl codeowners`",
            )
        elif (found := check_codeowners(text, namespace_owners(manifests), path)) is not None:
            yield found.at(Source(path))
        return
    yield Finding(
        "forge.no_codeowners",
        "there is no CODEOWNERS: anybody may approve anything",
        help="`pkictl codeowners --admins @organisation/team`",
    )


def _signer_findings(root: Path) -> Iterator[Finding]:
    text = _read(root, "allowed_signers")
    lines = [line for line in (text or "").splitlines() if line.strip() and line[0] != "#"]
    if not lines:
        yield _warning(
            "forge.no_signers",
            "allowed_signers names nobody: no signature of a commit can be believed",
            help="add a line `alice@example.com ssh-ed25519 AAAA…` for each who signs",
        )


def _trust_findings(manifests: ManifestSet) -> Iterator[Finding]:
    project = manifests.project
    if project is None:
        return
    trust = project.manifest.spec.trust
    if trust.protected_ref is None:
        yield _warning(
            "forge.no_protected_ref",
            "spec.trust.protectedRef is not set: reconcile takes any commit",
            project.source("spec"),
            help="name the branch that only reviewed commits reach",
        )
    if not trust.require_signed_commits:
        yield Finding(
            "forge.unsigned_commits",
            "spec.trust.requireSignedCommits is not set: who asked is what a commit says",
            project.source("spec"),
            Severity.INFO,
            "set it once everybody who asks for certificates signs commits",
        )


def _read(root: Path, path: str) -> str | None:
    """Return the text of a file, None where there is none; a link is not followed."""
    place = root / path
    if place.is_symlink() or not place.is_file():
        return None
    with place.open("rb") as file:
        return file.read(_MOST_BYTES).decode("utf-8", "replace")


def _warning(code: str, message: str, place: Source | None = None, *, help: str) -> Finding:
    return Finding(code, message, place, Severity.WARNING, help)
