"""What stands in the way of publishing, or of a single file of it."""

from __future__ import annotations

from pki_as_code.codes.base import explanations

CODES = explanations(
    "publish",
    {
        "bad_destination": "The destination cannot be published to as it is named.",
        "bad_path": (
            "A name cannot be part of a path in the published tree.",
            "Names come from the store; one with `..` in it would lead out of the tree.",
            "Find out how the name came into the store: manifests cannot have it.",
        ),
        "bad_signature": (
            "A certificate or CRL is not signed by the authority that it names.",
            "Clients would refuse it.",
            "Run `pkictl store verify`. What was published under that name before stays.",
        ),
        "behind": (
            "What is published was made from a later state of the store than this one.",
            "Publishing an older state withdraws revocations from the public.",
            "Fetch the store, or put it back from where it is whole.",
        ),
        "contention": "Other runs published at the same time, each time before this one could.",
        "crl_discontinued": "A CRL has ended, and its authority signs no other in its place.",
        "crl_entry_lost": (
            "A certificate is in the published CRL, and in the new one it is not.",
            "A revocation cannot be undone, but for a hold, and an entry leaves only when its "
            "certificate has ended (RFC 5280 section 3.3).",
            "Run `pkictl store verify`. The CRL that is published stays.",
        ),
        "crl_expired": (
            "The nextUpdate of a CRL has passed.",
            "Clients refuse a CRL that has ended: nobody is helped by publishing it.",
            "Run `pkictl reconcile`, which signs a new one, then `pkictl publish`.",
        ),
        "crl_number": (
            "The number of a CRL is not higher than that of the published one.",
            "A newer CRL has a higher number (RFC 5280 section 5.2.3), so that old ones are known.",
            "Fetch the store; or find out who published the other CRL.",
        ),
        "crl_unknown": "A CRL is published that the store does not know.",
        "crl_unlike_ledger": (
            "The number or the times of a CRL are not those of its entry in the ledger.",
            "An older CRL is genuine, and lacks what was revoked since.",
            "Find out who wrote to the store, and run `pkictl store verify`.",
        ),
        "crl_went_back": "A CRL is of an earlier time than the published one.",
        "diverged": "The published branch here and the one at the remote have gone apart.",
        "failed": "The tree could not be published.",
        "foreign_content": (
            "The destination has content that was not published by this program.",
            "Publishing replaces and removes files; those of others must not be among them. "
            "Through a link, they could be anywhere.",
            "Name an empty directory, or a path, branch or prefix where nothing is yet.",
        ),
        "foreign_crl": "What is published as a CRL is not one of that authority.",
        "git_failed": "git could not read or write the published branch.",
        "no_boto3": "Publishing to a bucket needs an extra.",
        "not_as_written": "A file was written, and something else was read back.",
        "ocsp_not_fresh": "An OCSP response is of the future, or has ended.",
        "ocsp_unsigned": (
            "OCSP responses were not signed anew: the key of a responder is not here.",
            "Only who has that key can say how things stand now.",
            "Publish where `reconcile` runs, or leave them out with --no-ocsp.",
        ),
        "other_ledger": "What is published was made from another store.",
        "path_taken": "Two files would have to be published under one path.",
        "push_failed": "The published branch could not be pushed.",
        "s3_failed": "The bucket refused, or could not be reached.",
        "too_large": "A file is larger than what is published.",
        "unknown_scheme": "The destination has a scheme that is not known.",
        "unreadable": "A file cannot be read as what it should be.",
    },
    why="What is published is what clients rely on: it is checked before it takes its place, and "
    "never a step back.",
    remedy="Do what the message says and run `pkictl publish` again.",
)
