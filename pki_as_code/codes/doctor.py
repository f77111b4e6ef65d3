"""What `pkictl doctor` finds: of this machine and this repository, and of its forge."""

from __future__ import annotations

from pki_as_code.codes.base import explanations

DOCTOR = explanations(
    "doctor",
    {
        "clock": (
            "The clock is behind a commit, or behind the store.",
            "What is due, and what is signed, goes by the clock. A run whose clock is more than "
            "five minutes behind the store stops at once.",
            "Set the clock of this machine, by NTP for example.",
        ),
        "crl_ended": (
            "A CRL has ended.",
            "Relying parties refuse it, and many of them then refuse every certificate of the "
            "authority.",
            "Run `pkictl reconcile` and publish; then see why the scheduled run did not.",
        ),
        "crl_ends_soon": (
            "A CRL ends within a day.",
            "The scheduled run should have replaced it before: it may not be running any more.",
            "Run `pkictl reconcile`, and see to the schedule.",
        ),
        "empty_store": "Nothing was issued yet.",
        "failed": "Something could not be issued, and waits for its next try.",
        "key_missing": (
            "The key of an authority is not on this machine.",
            "Only where `reconcile` runs it has to be. Everywhere else it had better not be.",
            "Nothing, or put it there where certificates are signed.",
        ),
        "key_not_encrypted": (
            "The key of an authority is not encrypted.",
            "Whoever gets a copy of the file, from a backup for example, has the authority.",
            "Encrypt it, and give its passphrase in PKI_PASSPHRASE_<NAME>.",
        ),
        "key_not_ignored": (
            "git would take the key of an authority.",
            "`git add --all` would commit it, and whoever can read the repository would have it.",
            "Add its directory to .gitignore.",
        ),
        "key_readable": (
            "Others than its owner can read the key of an authority.",
            "Every user and every service of the machine that can is as good as the authority.",
            "Take the rights away: `chmod 600`.",
        ),
        "no_blocklist": (
            "badkeys has no blocklist.",
            "Weak keys it finds by arithmetic, those that others have published only by its list.",
            "Run `badkeys --update-bl` as the user that runs pkictl.",
        ),
        "no_commit": "There is no commit yet.",
        "no_identity": "git does not know who commits here.",
        "no_mail_password": "There is a user for the mail server, and no password.",
        "no_mail_server": (
            "Somebody is to be told by mail, and no mail server is known.",
            "Notices about certificates that end would not be sent.",
            "Name the server under `spec.notifications.smtp` in pki.yaml.",
        ),
        "no_watchers": (
            "Nobody is told when certificates end.",
            "Where renewal fails, the first to notice would be the users.",
            "Add an address with `pkictl cert_watchers`, or a Watcher for all.",
        ),
        "old_git": "git is older than what is needed.",
        "unreadable": "Something that had to be looked at cannot be read.",
        "open_reservation": (
            "Something was reserved, and is not known to be signed.",
            "A run died in between, or another one is at it just now.",
            "Run `pkictl reconcile`: it finishes what is still asked for.",
        ),
    },
    why="The next run may stop, or do less than is expected of it.",
    remedy="The finding says what to do; run `pkictl doctor` again afterwards.",
)

FORGE = explanations(
    "forge",
    {
        "file_differs": (
            "A file of the forge is not what this version of pkictl writes.",
            "It was edited, or written by another version, which may lack a correction.",
            "Nothing if it was edited; else remove it and run `pkictl init --forge`.",
        ),
        "file_missing": "A file that the forge needs to plan and to issue is not there.",
        "no_admins": (
            "CODEOWNERS does not say who approves what belongs to no team.",
            "Authorities, profiles and policies would be approved by anybody.",
            "Name them in the line that begins with `*`, then run `pkictl codeowners`.",
        ),
        "no_codeowners": (
            "There is no CODEOWNERS.",
            "A forge then takes anybody's approval for anything.",
            "Run `pkictl codeowners --admins @organisation/team`.",
        ),
        "no_protected_ref": (
            "No branch is said to be the one that only reviewed commits reach.",
            "`reconcile --ref` would take a commit that nobody approved.",
            "Set `spec.trust.protectedRef` in pki.yaml.",
        ),
        "no_remote": "There is no remote, so that there is no forge either.",
        "no_signers": (
            "Nobody's signature of a commit can be believed.",
            "The author of a commit is what whoever made it wrote there.",
            "Put the SSH public keys of those who sign into allowed_signers.",
        ),
        "pull_request_target": (
            "A workflow runs for pull requests with the rights of the branch.",
            "With `pull_request_target` what strangers propose runs beside secrets, and with a "
            "token that may write.",
            "Use `pull_request`, and have another workflow write the comment.",
        ),
        "secret_in_pull_request": (
            "A workflow for pull requests names a secret.",
            "Whoever can open a pull request in the repository can change what is done with it.",
            "Move what needs it to a workflow that runs after the merge.",
        ),
        "unpinned": (
            "An action is named by a tag or a branch, and not by a commit.",
            "Whoever owns it can move the tag to other code, which then runs beside the keys.",
            "Name the hash of the commit; a comment beside it can say the version.",
        ),
        "unseen": (
            "What the forge protects cannot be seen in a clone.",
            "Branch protection, environments and their secrets are settings of the forge.",
            "Compare them with the list in docs/ci.md.",
        ),
        "unsigned_commits": (
            "Commits need no signature.",
            "Who asked for a certificate is then what the commit says, which anybody can write.",
            "Set `spec.trust.requireSignedCommits` once everybody signs.",
        ),
    },
    why="The forge would not plan, not issue, or ask nobody.",
    remedy="`pkictl init --forge github` (or gitlab) writes what is missing.",
)

CODES = {**DOCTOR, **FORGE}
