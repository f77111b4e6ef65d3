"""What happens while a command runs: git, the store, signing, keys in use, usage."""

from __future__ import annotations

from pki_as_code.codes.base import Explanation, explanations

GIT = explanations(
    "git",
    {
        "bad_branch": "This is not the name of a branch.",
        "bare": "The repository is bare and has no working tree.",
        "branch_checked_out": "The branch to commit to is checked out here.",
        "commit_failed": "git could not make the commit.",
        "failed": "git refused, or failed.",
        "no_commit": "The repository has no commit yet.",
        "no_object": "The repository lacks an object that it should have.",
        "no_repository": "There is no git repository here.",
        "not_fast_forward": (
            "A branch at the remote went back, or was rewritten.",
            "The branch of a store only ever grows. A rewritten one may have lost what was issued.",
            "Find out who did it before anything else; clones have the branch as it was.",
        ),
        "not_installed": "The program git was not found.",
        "ref_moved": "Somebody else moved the branch in the meantime.",
        "timeout": "git did not finish in time.",
        "store_branch": "The branch to commit to is the store's own.",
        "uncommitted": "Files that the command would commit have other changes in them.",
        "unknown_revision": "There is no such revision.",
        "unsafe_config": (
            "The configuration of the repository would have git run a program, or work elsewhere.",
            "A clone from elsewhere must not be able to run anything here, nor to have files of "
            "other directories read and written.",
            "Move the setting to your own configuration (git config --global); core.worktree must "
            "not be set.",
        ),
        "unsafe_remote": (
            "The remote lies inside the repository itself.",
            "Its hooks would run, and they come with the repository.",
            "Move it elsewhere, and set its URL with `git remote set-url`.",
        ),
    },
    why="Manifests are read from git, and a git store keeps in a branch what was issued.",
    remedy="The message has git's own words; correct that, and run the command again.",
)

POSTGRESQL = explanations(
    "store",
    {
        "authentication_failed": "PostgreSQL does not let the role in.",
        "bad_encoding": "The database has another encoding than UTF8.",
        "conflict": "PostgreSQL gave up the transaction for another one.",
        "connection_lost": (
            "The connection to PostgreSQL was cut off, and could not be made again in time.",
            "Whether the last step was recorded is not known here; the server knows, and the next "
            "run asks it.",
            "Look after the server and the network, and run the command again: it begins with what "
            "the last one left open.",
        ),
        "no_database": "There is no database of that name.",
        "no_driver": (
            "The library for PostgreSQL is not installed.",
            "It is an extra: most stores need none.",
            "Install it: pip install 'pki-as-code[postgres]'.",
        ),
        "permission_denied": (
            "The role lacks a privilege.",
            "Issuing needs to add to the ledger and to change the index; only `pkictl store "
            "upgrade` needs to make tables.",
            "docs/store.md has the privileges of each role.",
        ),
        "timeout": "A statement took longer than the server allows.",
        "tls_failed": "The connection could not be protected as asked.",
        "too_many_connections": "The server has no connection left.",
        "unavailable": "The server is starting, stopping or recovering.",
    },
    why="What was issued is recorded in PostgreSQL, and nothing is signed that cannot be recorded.",
    remedy="The message has the server's own words; correct that, and run the command again.",
)

STORE = explanations(
    "store",
    {
        "bad_export": "The file is not one that `pkictl store export` wrote, or not all of one.",
        "not_empty": (
            "A store that is to be filled is not empty.",
            "Two ledgers are never made one: entry numbers and what follows from them would clash.",
            "Name a new place with --store.",
        ),
        "bad_uri": "The URI does not name a store.",
        "behind_remote": "The remote has entries that cannot be fetched into this clone.",
        "busy": "Another run has been writing to the store for a long time.",
        "cannot_open": "The store cannot be opened.",
        "chain_broken": (
            "The ledger does not hold together: an entry does not follow from the one before it.",
            "Entries are chained by SHA-256, so that history cannot be edited unseen. Nothing is "
            "issued from a ledger that was.",
            "Find out who changed it; put back the ledger from a clone or a backup.",
        ),
        "crl_invalid": (
            "A CRL in the store is not signed by its authority, or not what its entry says.",
            "Nobody without the authority's key can make one; an older one lacks what was revoked "
            "since.",
            "Do not publish it, and find out who wrote to the store.",
        ),
        "crl_times": (
            "The times of a CRL do not go forward.",
            "thisUpdate never goes back from one CRL to the next (RFC 5280 section 5.1.2.4).",
            "Check the clock of this machine.",
        ),
        "no_crl": "The store has no CRL of that authority and scope.",
        "clock_went_back": (
            "The clock shows a time before the last entry of the store.",
            "Certificates and CRLs with wrong times cannot be taken back.",
            "Set the clock.",
        ),
        "contention": "Other runs wrote to the store, each time before this one could.",
        "corrupt": "An entry of the ledger is damaged.",
        "damaged_database": "The database file is damaged.",
        "disk_full": "The disk is full.",
        "diverged": (
            "The store's branch here and the one at the remote have gone apart.",
            "A ledger is never merged: two entries with one number would be two histories.",
            "Revoke what only this clone has issued, then set its branch to the remote's.",
        ),
        "entry_mismatch": "An entry contradicts itself.",
        "failed": "The store cannot be read or written, or is not what its ledger says.",
        "fetch_failed": "The store's branch could not be fetched from the remote.",
        "incomplete": "The store lacks the certificate of an authority.",
        "index_differs": (
            "The index is not what the ledger says.",
            "The ledger is the truth; the index only answers questions.",
            "`pkictl store rebuild` makes it anew. If nobody touched it, please report it.",
        ),
        "io_error": (
            "The system could not write or read the store.",
            "A write that failed is not tried again: what is on the disk is then unknown.",
            "Check the disk before anything else.",
        ),
        "newer_format": "A newer version of this program wrote the ledger.",
        "newer_schema": "A newer version of this program made the database.",
        "no_repository": "The store is a branch, and there is no git repository here.",
        "not_a_store": "The branch of the store exists, and holds no ledger.",
        "not_on_hold": "A certificate that is not on hold cannot be released.",
        "not_reserved": "A certificate was to be recorded that had not been reserved.",
        "older_schema": (
            "The database has tables of an older version.",
            "PostgreSQL is upgraded only when told to: other runs of the old version may be at "
            "work. SQLite is upgraded by the next command that writes.",
            "Stop the other runs, make a backup, and run `pkictl store upgrade` as the owner of "
            "the tables.",
        ),
        "projection_differs": (
            "A file in the store's branch is not what the ledger says.",
            "The files beside the ledger are copies for whoever fetches them.",
            "Do not use the file, and find out who changed it. The ledger is not affected.",
        ),
        "push_failed": "The store's branch could not be pushed to the remote.",
        "read_only": "The store cannot be written.",
        "rolled_back": (
            "The ledger ends before an entry that was there already.",
            "What was issued in the lost entries is unknown to it; serial numbers and CRL numbers "
            "could be used twice.",
            "Find out who did it and fetch the lost entries from a clone or a backup.",
        ),
        "serial_number_used": "A serial number was used before by that issuer.",
        "signature_invalid": "A recorded certificate does not verify with the key of its issuer.",
        "unencodable": "An entry cannot be written.",
        "unknown_certificate": "No such certificate was issued.",
        "unknown_order": "Certificates cannot be sorted by that.",
        "unknown_scheme": "The URI of the store has a scheme that is not known.",
        "unreadable_certificate": "A certificate in the ledger cannot be read.",
        "unsafe_path": (
            "A file of the store inside the git directory is a symbolic link.",
            "The store would write to whatever file the link leads to.",
            "Find out who put it there, and remove it; the index is made anew from the ledger.",
        ),
    },
    why="The store is the only record of what was asked, issued and revoked. When it cannot be "
    "read or does not agree with itself, nothing is issued.",
    remedy="Read the message; `pkictl store verify` checks everything, `pkictl store rebuild` "
    "makes the index anew.",
)

ISSUANCE = explanations(
    "issuance",
    {
        "bytes_differ": "Signed bytes are not those that were reserved.",
        "crl_scope": "A partial CRL would not say that it is one.",
        "issuer_not_issued": "The authority has no certificate yet.",
        "no_authority": "An authority that must sign has no manifest any more.",
        "refused": "The issuer refuses to sign.",
        "reservation_unfit": "A reservation is not one of this authority.",
        "signature_invalid": (
            "A signature that was just made does not verify.",
            "A key backend that gives wrong signatures would make certificates nobody can use.",
            "Check the key backend. The reservation stays, the next run signs it again.",
        ),
        "spent": "What was prepared was to be signed a second time.",
    },
    why="What is signed is byte for byte what was linted and reserved, and signed once.",
    remedy="Correct what the message names and run `pkictl reconcile` again. If nothing was wrong "
    "with the manifests, please report it.",
)

KEY = explanations(
    "key",
    {
        "committed": (
            "The private key of an authority is committed to git.",
            "Everybody with a clone has it, and so does history after it is removed.",
            "Treat it as lost: make a new authority, and revoke what the old one signed.",
        ),
        "mismatch": "The private key is not the one in the authority's certificate.",
        "not_ignored": "git does not ignore the private key of an authority.",
        "offline": (
            "The authority is offline, and this run may not use its key.",
            "`mode: offline` keeps the key of a root away from machines that issue every day.",
            "Sign where the key is, and put the certificate into the manifest.",
        ),
        "wrong_type": "The key is of another type than the manifest asks for.",
    },
    why="An authority signs with the one key that is in its certificate.",
    remedy="Put the right key in its place, correct `spec.key`, and have git ignore its directory.",
)

OTHERS = {
    "usage": Explanation(
        "The command line cannot be understood.",
        "A misspelt option that was ignored might do something else than was meant.",
        "See `pkictl COMMAND --help`.",
    ),
    **explanations(
        "pki",
        {"failed": "An operation failed."},
        why="The message says which.",
        remedy="Correct what it names and run the command again.",
    ),
    **explanations(
        "value",
        {"invalid": "A text or an encoding is not what it should be."},
        why="Input that is not understood as a whole is refused as a whole.",
        remedy="Correct the value that the message names.",
    ),
    **explanations(
        "file",
        {
            "cannot_write": "A file that a command was told to write cannot be written.",
            "exists": (
                "A file is where a command was told to write.",
                "Where keys are around, nothing is replaced: it might be one.",
                "Name another file, or remove the one that is there.",
            ),
        },
        why="What was asked for is not there then.",
        remedy="Name a file in a directory that exists and can be written, or - for stdout.",
    ),
    **explanations(
        "explain",
        {
            "not_found": "There is no such kind or field.",
            "unknown_code": "There is no such finding code.",
        },
        why="`pkictl explain` knows finding codes, kinds and fields of manifests.",
        remedy="`pkictl explain` without an argument lists the codes.",
    ),
    **explanations(
        "schema",
        {"not_found": "There is no schema of that name."},
        why="Each kind of manifest has a JSON Schema.",
        remedy="The message lists them.",
    ),
    **explanations(
        "demo",
        {"failed": "A step of the demonstration failed."},
        why="The demonstration runs real commands in a repository of its own.",
        remedy="Read the message of the step; the repository is left for you to look at.",
    ),
}

CODES: dict[str, Explanation] = {**GIT, **STORE, **POSTGRESQL, **ISSUANCE, **KEY, **OTHERS}
