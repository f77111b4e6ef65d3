"""What stops a run before it begins: limits, old commits, lost stores, plans that are not so."""

from __future__ import annotations

from pki_as_code.codes.base import Explanation, explanations

_LIMIT_WHY = (
    "A mistake in one place (a script, a directory that is gone) may change everything. What a run "
    "has done already counts; docs/guards.md has the limits."
)
_LIMIT_REMEDY = (
    "Review it; then allow it for one run with --allow-unsafe CLASS=N, or raise the limit under "
    "`spec.guards` in pki.yaml."
)

PLAN = explanations(
    "plan",
    {
        "emptied": (
            "No certificate is asked for any more, and the store looks after some.",
            "A lost directory and a repository that means it look just the same.",
            "Put the manifests back, or allow it for one run with --allow-unsafe empty=N.",
        ),
        "taken_up_at_renewal": (
            "A profile, a namespace, an authority or a default changed, and certificates take it "
            "up when they are renewed.",
            "A line in a profile does not replace a thousand certificates.",
            "Nothing. To have it now, write `onChange: Reissue` in the profile, or raise "
            "`reissue` in a Certificate.",
        ),
        "from_the_future": (
            "The reviewed plan was made at a time that is still to come.",
            "The clock of one of the two machines is wrong, or somebody edited the file.",
            "Check the clocks, and plan again.",
        ),
        "new_store": (
            "The store is empty, and an authority has a key already.",
            "A misspelt name of a store, or a branch that was not fetched, looks like a new one: "
            "every certificate would be issued again.",
            "Check `spec.store` and PKI_STORE, fetch the branch; or allow it for one run with "
            "--allow-unsafe new-store=1.",
        ),
        "outdated": (
            "The reviewed plan is more than 30 days old.",
            "A review says nothing of a world that has moved on since.",
            "Plan again, and have that one reviewed.",
        ),
        "replay": (
            "The commit does not stand on the one that was reconciled last.",
            "An old commit asks for what was changed since: going back must be meant.",
            "Reconcile the newest commit, or allow it for one run with --allow-unsafe replay=1.",
        ),
        "unprotected": (
            "The commit is not on the protected branch.",
            "`trust.protectedRef` says which branch has been reviewed.",
            "Merge it first, or allow it for one run with --allow-unsafe replay=1.",
        ),
        "refused": "The plan refuses a change, and nothing was changed.",
        "stale": (
            "The plan is not the one that was reviewed.",
            "Manifests or store changed since, or the file did; what would be done now was not "
            "seen by anybody.",
            "Plan again, and review that one.",
        ),
        "too_many_adoptions": (
            "The plan takes up more certificates than is usual.",
            _LIMIT_WHY,
            _LIMIT_REMEDY,
        ),
        "too_many_issues": (
            "The plan issues more certificates than is usual.",
            _LIMIT_WHY,
            _LIMIT_REMEDY,
        ),
        "too_many_renewals": (
            "The plan renews more certificates than is usual.",
            _LIMIT_WHY,
            _LIMIT_REMEDY,
        ),
        "too_many_replacements": (
            "The plan replaces more certificates than is usual.",
            _LIMIT_WHY,
            _LIMIT_REMEDY,
        ),
        "too_many_revocations": (
            "The plan revokes more certificates than is usual.",
            _LIMIT_WHY,
            _LIMIT_REMEDY,
        ),
        "unsafe": "The plan is valid, and larger or other than what is done without being asked "
        "twice.",
    },
    why="Nothing is destroyed by absence, and nothing large by accident.",
    remedy="Read the plan: it says for each refusal what can be done.",
)

PLAN_FILE = explanations(
    "plan_file",
    {
        "malformed": "The file of a reviewed plan cannot be read.",
        "newer_version": "A newer version of this program wrote the plan file.",
        "too_large": "The file is too large for a plan.",
    },
    why="A plan file says what was reviewed. One that can be read in two ways, or in none, says "
    "nothing.",
    remedy="Make it anew with `pkictl plan --out FILE`, and have that one reviewed.",
)

CODES: dict[str, Explanation] = {**PLAN, **PLAN_FILE}
