"""Ceremonies: what needs one, bundles, what is signed at the table, what comes back."""

from __future__ import annotations

from pki_as_code.codes.base import Explanation, explanations

BUNDLE = explanations(
    "ceremony",
    {
        "bundle_kind": "The file is a bundle of a kind that this program does not sign.",
        "bundle_malformed": (
            "The file is not a bundle as `pkictl ceremony prepare` writes it.",
            "A bundle has one text for one content, and only the fields it must have: whatever "
            "else is in it was put there by somebody else.",
            "Compare its SHA-256 with the one that was noted, and prepare it anew if they differ.",
        ),
        "bundle_too_large": "The file is larger than any bundle.",
        "bundle_version": (
            "The bundle was prepared by another version of pkictl.",
            "What the two understand by it may differ.",
            "Use the same version on both machines.",
        ),
        "no_file": "A file that is needed at the ceremony cannot be read.",
        "other_bundle": (
            "The bundle is another one than was meant.",
            "The SHA-256 that people read to each other is what connects the two machines.",
            "Do not sign it; fetch the right file, or prepare it anew.",
        ),
    },
    why="The bundle is the only thing that goes from the network to the key.",
    remedy="Give the file that `pkictl ceremony prepare` wrote.",
)

TABLE = explanations(
    "ceremony",
    {
        "bad_certificate": "A certificate cannot be read.",
        "bad_chain": "The certificates above the signer do not lead up to a root.",
        "bad_journal": (
            "The journal of a ceremony is to be kept in something else than a SQLite file.",
            "The offline machine has neither git nor a network.",
            "Name a file beside the key: sqlite:////media/ceremonies.db.",
        ),
        "bundle_overtaken": (
            "The journal has a later CRL than the one in the bundle.",
            "What was revoked in between would be trusted again.",
            "Prepare the bundle anew.",
        ),
        "clock_behind": (
            "The clock of the offline machine is behind the time when the bundle was made.",
            "Machines without a network lose the time; what they sign would be dated wrongly.",
            "Set the clock, and look at the time zone as well.",
        ),
        "crl_ended": "The CRL would have ended before it was signed.",
        "no_certificate": "Nothing at the table knows the certificate of the authority that signs.",
        "no_own_key": "The key that is to be certified is offline, and nothing says where it is.",
        "open_reservation": (
            "An earlier sitting reserved something else for this authority and did not finish it.",
            "It may have been signed and never recorded. Its serial number must not be forgotten.",
            "Sign the bundle of that sitting first. `--again` gives it up for good.",
        ),
        "other_certificate": (
            "The bundle names another certificate of the signer than the one known at the table.",
            "Limits on names and path lengths are checked against that certificate: a false one "
            "could have looser ones.",
            "Compare the fingerprints, and find out which of the two is right.",
        ),
        "signed_before": (
            "The journal has a certificate for this authority, and the bundle asks for another.",
            "Two certificates of one authority are rarely meant, and a good way to be tricked.",
            "Compare the two. `--again` signs a second one.",
        ),
        "signer_expired": "The certificate of the authority that is to sign has ended.",
    },
    why="What an offline key signs is trusted for years, and nobody takes it back easily.",
    remedy="Read the message to each other, and go on only when everybody knows why.",
)

AROUND = explanations(
    "ceremony",
    {
        "accepted_before": "The authority has a certificate already.",
        "no_authority": "The manifests have no authority, or several, that this could be for.",
        "not_needed": "A ceremony has nothing to sign for this authority.",
        "parent_unknown": "The certificate of the authority above is not here yet.",
        "response_differs": (
            "What came back is not what the manifest asks for.",
            "The manifest is what was reviewed; a certificate with another path length, other "
            "names or another key is another authority.",
            "Prepare the bundle anew at the current commit, or put the manifest back.",
        ),
        "response_expired": "The certificate that came back has ended already.",
        "response_unsigned": "What came back was not signed by the authority it should be from.",
    },
    why="What comes back from a ceremony is merged like any other change: after it was checked.",
    remedy="Start from what `pkictl plan` says; docs/ceremony.md is the runbook.",
)

PLANNED = explanations(
    "authority",
    {
        "ceremony_needed": (
            "An authority has no certificate, and what would sign it is offline.",
            "The key of an offline authority is never there when a run is made: people bring what "
            "is to be signed to it. Everything else goes on meanwhile.",
            "Hold the ceremony: the steps are in the message, the runbook is docs/ceremony.md.",
        ),
        "crl_ceremony_needed": (
            "The CRL of an offline authority is missing, out of date or about to end.",
            "Relying parties that check CRLs refuse the whole hierarchy without a valid one, and "
            "believe what was revoked until it is on one.",
            "Hold the ceremony: the steps are in the message. `crl.validity` says how long a CRL "
            "is valid; without `crl` in its usages an authority has none.",
        ),
        "crl_file_online": (
            "The manifest of an online authority names a CRL.",
            "An online authority signs its CRLs itself, with numbers of its own.",
            "Take `crl.file` out.",
        ),
        "crl_unfit": (
            "The CRL that the manifest of an offline authority names cannot be taken up.",
            "What it leaves out would be trusted again, and a CRL that is out of order is refused "
            "by those who have seen the next one.",
            "Put the last CRL back, or have another one signed in a ceremony.",
        ),
        "offline_issuer": (
            "A certificate asks for an issuer that is offline.",
            "An offline authority signs other authorities, in a ceremony that people hold; nobody "
            "would hold one for each certificate and each of its renewals.",
            "Name an online authority below it.",
        ),
        "waits_for_ceremony": (
            "Something waits for the ceremony of an authority above it.",
            "It cannot be signed before that authority has its certificate.",
            "Hold the ceremony; the next `pkictl reconcile` goes on by itself.",
        ),
    },
    why="What only an offline key can sign, people have to sign.",
    remedy="Hold the ceremony: docs/ceremony.md is the runbook.",
)

CRL_FILE = explanations(
    "crl",
    {
        "bad_base64": "The base64 of a CRL is damaged.",
        "missing": "There is no file where `crl.file` points to.",
        "not_pem_or_der": "The file is neither a CRL in PEM nor one in DER.",
        "private_key": (
            "A private key stands where a CRL belongs.",
            "What was once in a repository stays in its history.",
            "Remove it, and regard the key as compromised if it was pushed.",
        ),
        "several_objects": "The file holds several objects instead of one CRL.",
        "trailing_data": "Something follows the CRL in its file.",
        "wrong_object": "The file holds something else than a CRL.",
    },
    why="The CRL of an offline authority is published as it is in the repository.",
    remedy="Put the file there that `pkictl ceremony sign` wrote; `pkictl ceremony accept` does.",
)

CODES: dict[str, Explanation] = {
    **BUNDLE,
    **TABLE,
    **AROUND,
    **PLANNED,
    **CRL_FILE,
}
