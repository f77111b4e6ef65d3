"""Who made a commit, and who signed for what it asks for."""

from __future__ import annotations

from pki_as_code.codes.base import Explanation, explanations

CODES: dict[str, Explanation] = explanations(
    "trust",
    {
        "author_differs": (
            "A commit is signed by somebody whose address is not that of its author.",
            "Anybody can write any author into a commit; only a signature tells who it was.",
            "Let the author sign it, or make the one who signs it its author: "
            "`git commit --amend -S --reset-author`.",
        ),
        "begins": (
            "From this commit on, signatures are required; what was there before is not looked at.",
            "There is no commit yet that says whose signatures are believed, so the first one "
            "says it for itself.",
            "Review what is there, once.",
        ),
        "commit_not_signed": "A commit that has to be signed is not.",
        "file_outside": (
            "A file that a manifest names is where commits need no signature.",
            "Only the places of manifests are looked at. Whoever may change a CSR elsewhere would "
            "decide whose key is certified.",
            "Move it beside the manifest.",
        ),
        "file_signature_bad": (
            "The signature beside a manifest is not over the manifest and the files it names.",
            "Somebody signed for something else than what is there: another CSR, say.",
            "See what changed, and have it signed anew with `pkictl sign_manifest`, or remove the "
            "signature.",
        ),
        "file_signature_unknown": (
            "A signature beside a manifest is by a key that nobody is believed by.",
            "It counts for nobody; who made it might rely on it.",
            "Have the key added to allowed_signers, by somebody who is in it.",
        ),
        "history_missing": (
            "This clone does not have all commits since the one that was reconciled last, or those "
            "that made a manifest what it is.",
            "What is not there cannot be judged, and could be anybody's.",
            "Fetch the whole history: `git fetch --unshallow`, or `fetch-depth: 0` in a workflow.",
        ),
        "store_moved": (
            "pki.yaml names another store than in an earlier version.",
            "The store says which commit was reconciled last, and so who is believed. A change "
            "that brings a store of its own would be judged by what it says itself.",
            "Undo it. When the store was moved, name the new one with `--store` or PKI_STORE in "
            "the job that reconciles, which is outside of what is judged.",
        ),
        "not_signed": (
            "ssh-keygen did not make a signature.",
            "Without it nobody has signed for the manifest.",
            "See what ssh-keygen said, and which key was named.",
        ),
        "signature_bad": (
            "The signature of a commit is wrong, or its key has expired or was revoked.",
            "Either the commit was changed after it was signed, or somebody uses a key that is "
            "theirs no more.",
            "Find out how it came to be, then have the commit signed again.",
        ),
        "signature_unknown": (
            "A commit is signed by a key that nobody is believed by, or that cannot be looked at.",
            "A key counts once the commit reconciled last has it in allowed_signers (or "
            "allowed_gpg_keys). So nobody gets in by the change that adds them.",
            "Have it signed by somebody who is listed; have a new key added by one of them, and "
            "reconcile that first. For GPG: install gpg, and import and trust the key.",
        ),
        "signer_ignored": (
            "A line of allowed_signers or allowed_gpg_keys names nobody.",
            "Whoever wrote it believes that this key counts, and it does not.",
            "Write whole addresses, no patterns and no cert-authority; docs/signatures.md has the "
            "forms.",
        ),
    },
    why="Where trust.requireSignedCommits is set, what asks for a certificate is by people whose "
    "signature says so, in every commit since the one reconciled last.",
    remedy="Sign it: `git commit --amend -S`, or `git rebase` for several. What was reviewed and "
    "cannot be signed any more is let through once by `--allow-unsafe unsigned=N`.",
)
