"""Objects and what is planned for them: authorities, certificates, CSRs, revocations, plans."""

from __future__ import annotations

from pki_as_code.codes.base import Explanation, explanations

AUTHORITY = explanations(
    "authority",
    {
        "bad_certificate": "The certificate in an authority's manifest cannot be read.",
        "certificate_differs": "The certificate in an authority's manifest is not what the rest of "
        "it asks for.",
        "certificate_unfit": "The certificate of an authority made elsewhere cannot be taken up.",
        "certificate_unreadable": "The certificate in an authority's manifest is not a PEM "
        "certificate.",
        "cycle": (
            "Authorities are each other's parents in a circle.",
            "A chain ends in a root, an authority without a parent.",
            "Give one of them no parent.",
        ),
        "does_not_sign": (
            "The authority no longer signs.",
            "`usages` of its manifest does not contain `sign`: it is being retired.",
            "Name another issuer.",
        ),
        "duplicate_usage": "A usage of an authority is listed twice.",
        "empty_constraints": "nameConstraints of an authority constrain nothing.",
        "exists": "There is an authority of that name already.",
        "expired": (
            "The certificate of an authority that is to be taken up has expired.",
            "Nothing that it signs would be valid; it can only be kept for what it signed.",
            "Take it up with --allow-expired if that is what you want.",
        ),
        "no_crl_sign": (
            "The certificate of an authority does not allow it to sign CRLs.",
            "Relying parties refuse a CRL whose issuer lacks cRLSign (RFC 5280 section 4.2.1.3).",
            "Take `crl` out of its usages, or have another certificate made for it.",
        ),
        "no_file": "The file of a key or certificate cannot be read.",
        "offline": (
            "A key is brought for an authority whose manifest says that it is offline.",
            "An offline authority is one whose key no run may use.",
            "Replace `mode: offline` by `key:` in its manifest if it is to sign here.",
        ),
        "shards_without_path": (
            "CRLs are split into shards, and the URLs do not say which of them is meant.",
            "A certificate names the CRL that would list it: {CRL_PATH} stands for that shard.",
            "Write {CRL_PATH} in each of crl.urls, or set baseUrl in pki.yaml.",
        ),
        "root_has_no_parent": (
            "A root is to say where its parent publishes CRLs, OCSP responses or its certificate.",
            "These stand in a certificate for those who ask its issuer about it; a root signs "
            "itself, and nobody can revoke it but whoever stops trusting it.",
            "Give the --sign- option of that name, which is for what the root signs.",
        ),
        "unknown_parent": (
            "The certificate of an authority was signed by one that is not known here.",
            "A chain that does not lead to a known root could not be checked or published.",
            "Take up the authority that signed it before, without its key if need be.",
        ),
        "no_common_name": "The subject of an authority has no common name.",
        "key_mismatch": "The key an authority declares is not of the type its certificate has.",
        "no_key": "An authority has no key.",
        "revoked": (
            "The authority, or one above it, is revoked.",
            "What it signed is not trusted any more, and neither would be anything new.",
            "Name another issuer.",
        ),
        "refresh_before": "A CRL would have to be made anew before it was made.",
    },
    why="Everything that an authority signs stands and falls with what its manifest says.",
    remedy="Correct the manifest below authorities/; `pkictl explain CertificateAuthority.spec` "
    "lists its fields.",
)

CERTIFICATE = explanations(
    "certificate",
    {
        "algorithms_differ": "A certificate names two different signature algorithms.",
        "bad_validity": "A certificate would not be valid after now.",
        "csr_wanted": (
            "A new CSR is wanted: the time to renew has come.",
            "Renewal mode `Request` has a new key for each certificate.",
            "Make a new key and CSR, and commit the CSR in place of the old one.",
        ),
        "duplicate_name": "A name is listed twice.",
        "ends_before_it_begins": "A certificate would end before it begins.",
        "no_csr": (
            "A Certificate has no CSR.",
            "The key of a certificate comes from a CSR, whose signature proves that its maker has "
            "the private key. Keys are never made here.",
            "Make one with `openssl req -new`, and name it under `csrFile`.",
        ),
        "no_issuer": "Nothing says which authority issues a certificate.",
        "no_manifest": (
            "A certificate is to be signed again whose manifest is gone.",
            "The manifest and the CSR beside it are what a certificate is made from.",
            "Write the manifest anew: `pkictl sign_cert` with the CSR does it.",
        ),
        "no_names": "A certificate would have neither a subject nor a name.",
        "outlives_issuer": (
            "A certificate would be valid longer than its authority.",
            "RFC 5280 section 6.1.3: a chain is valid only while each certificate in it is.",
            "Shorten the validity, or renew the authority first.",
        ),
        "revoked": (
            "A certificate is revoked, and its manifest asks for another one with the same key.",
            "Who revoked it does not want this key to be trusted.",
            "Make a new key and CSR, or remove the manifest.",
        ),
        "subject_of_authority": (
            "A certificate would have the name of an authority.",
            "CRLs and OCSP responses are found by name: it could pass for the authority.",
            "Give it a subject of its own.",
        ),
        "waiting_to_retry": (
            "A certificate could not be signed a short while ago, and is tried again later.",
            "What is wrong with a key is seldom right a minute later. Each failure doubles the "
            "time, from five minutes to a day; other certificates go on. An edited manifest is "
            "tried at once.",
            "Put right what the message says; then `pkictl reconcile --only NAME`, or --retry for "
            "all, tries at once.",
        ),
        "supersede_delay": "supersedeDelay has no meaning without `onSupersede: Revoke`.",
        "unreadable": "A certificate cannot be parsed.",
    },
    why="A certificate is made from its manifest, with the defaults of namespace, profile and "
    "authority.",
    remedy="Correct the manifest; `pkictl explain Certificate.spec` lists its fields.",
)

CSR = explanations(
    "csr",
    {
        "bad_base64": "The base64 of a CSR is damaged.",
        "bad_version": "The version of a CSR is not the one that RFC 2986 defines.",
        "challenge_password": (
            "A CSR carries a challengePassword.",
            "Nothing here asks for it, and a CSR is committed: whoever can read the repository can "
            "read the password.",
            "Make the CSR without one, and do not use that password anywhere.",
        ),
        "empty": "The file of a CSR is empty.",
        "key_compromised": (
            "A certificate is asked for with a key that was lost.",
            "A Revocation for keyCompromise named it, or a certificate with it; removing that "
            "changes nothing. Whoever has the key could use the new certificate, too.",
            "Make a new key and CSR.",
        ),
        "key_of_authority": (
            "The key of a CSR is an authority's own.",
            "An authority's key signs certificates and nothing else.",
            "Make a key of its own for the certificate.",
        ),
        "key_of_another_namespace": (
            "A certificate is asked for with a key that a manifest of another namespace has.",
            "A CSR can be copied by whoever reads the repository. Who has the key of another team "
            "certified could revoke that for a lost key, and the team would get none any more.",
            "Make a new key and CSR. To move a certificate, remove it from the other namespace "
            "and reconcile first.",
        ),
        "key_shared": (
            "Two certificates have the same key.",
            "When one of them must be revoked because its key was lost, so must the other.",
            "Make a key of its own for each certificate.",
        ),
        "malformed": "A CSR cannot be decoded.",
        "malformed_attribute": "An attribute of a CSR cannot be decoded.",
        "malformed_extension": "An extension that a CSR asks for cannot be decoded.",
        "missing": "There is no CSR of that name.",
        "not_pem_or_der": "The file holds no CSR, in PEM or in DER.",
        "other_names": (
            "A CSR asks for names that its certificate will not have.",
            "Names come from the manifest, where they are reviewed. They may have been meant, "
            "though.",
            "Nothing, if the names given are right; else name them with --alt.",
        ),
        "private_key": (
            "There is a private key in the file of a CSR.",
            "Whoever can read the repository, now or from its history, has the key.",
            "Make a new key, and commit the CSR without it.",
        ),
        "repeated_attribute": "A CSR has an attribute twice.",
        "repeated_extension": "A CSR asks for an extension twice.",
        "several_objects": "The file holds several PEM objects, it should hold one CSR.",
        "signature_invalid": (
            "The signature of a CSR does not verify with its own key.",
            "The signature is the proof that who asks has the private key (RFC 2986 section 3).",
            "Make the CSR anew with the private key it belongs to.",
        ),
        "too_large": "The file is too large for a CSR.",
        "trailing_data": "There is something behind the end of a CSR.",
        "unclaimed": (
            "No manifest names this CSR.",
            "A file that nobody reads is not reviewed either, and looks as if it were.",
            "Write a manifest for it (`pkictl new certificate NAME --csr FILE`), or remove it.",
        ),
        "unusable_name": (
            "A CSR has alternative names that could not be in a certificate.",
            "They are not used: names come from the manifest. They may have been meant, though.",
            "Nothing, if the names in the manifest are right.",
        ),
        "unusable_subject": (
            "A CSR has a subject that could not be in a certificate.",
            "It is not used: names come from the manifest. It may have been meant, though.",
            "Nothing, if the subject in the manifest is right.",
        ),
        "wrong_object": "The file holds something else than a CSR.",
    },
    why="A CSR is input from outside. Only its public key is taken, after its signature was "
    "verified, and only from a CSR that can be read in one way.",
    remedy="Make it anew: `openssl req -new -key KEY -out FILE`.",
)

REVOCATION = explanations(
    "revocation",
    {
        "already_revoked": "The certificate is revoked already; nothing was changed.",
        "holds_several": (
            "The hold is of every certificate with one key.",
            "Lifting it from one would lift it from all.",
            "Edit the manifest that the message names, if that is meant.",
        ),
        "names_nothing": "A Revocation names no certificate that was issued.",
        "no_certificate": "A Revocation does not say what it revokes.",
        "not_a_hold": (
            "A revocation that is not a certificateHold cannot be lifted.",
            "RFC 5280 section 5.3.1: a revocation is permanent, but for a hold.",
            "Have a new certificate signed.",
        ),
        "not_on_hold": "A certificate that is not on hold cannot be released.",
        "still_held": (
            "A hold was to be lifted, and another Revocation asks for it as well.",
            "As long as one of them does, the certificate stays on hold.",
            "Write `release: true` in the other manifest, too.",
        ),
        "permanent": (
            "A Revocation was removed, and what it did stays.",
            "RFC 5280 section 5.3.1: a revocation is permanent, but for a hold, which is lifted by "
            "`release: true` and not by silence.",
            "Nothing; or put it back, so that people see why.",
        ),
        "serial_and_issuer": "A serial number is given without its issuer, or the other way round.",
    },
    why="A revocation is permanent, so that it must be clear which certificate it is for.",
    remedy="Name one of `certificate`, `serial` with `issuer`, or `spkiSha256`; `pkictl "
    "list_certs` shows them.",
)

OTHERS = {
    **explanations(
        "reference",
        {
            "not_found": "A manifest names an object that does not exist.",
            "other_namespace": (
                "A team's manifest names something of another team.",
                "What lies below `certificates/<team>/` reaches that team's certificates only, so "
                "that who owns a directory owns what happens in it.",
                "Have an administrator write it, in the directory of its kind at the root.",
            ),
        },
        why="A default put in the place of a misspelt profile or issuer would sign something that "
        "nobody asked for.",
        remedy="Correct the name, or write the manifest it names.",
    ),
    **explanations(
        "project",
        {
            "exists": "This repository has a pki.yaml already.",
            "missing": "There is no pki.yaml at the root of the repository.",
        },
        why="pki.yaml (kind Project) marks the root of a repository and holds its settings.",
        remedy="`pkictl init` writes one where there is none.",
    ),
    **explanations(
        "profile",
        {
            "key_not_allowed": "The profile does not allow a key of this type.",
            "validity_too_long": "A validity is longer than the maximum of the profile.",
        },
        why="A Profile sets the bounds for everything that uses it.",
        remedy="Make a CSR with another key, or ask for a shorter validity, or have the Profile "
        "changed by its owners.",
    ),
    **explanations(
        "apply",
        {"partial": "Some changes were made, others failed."},
        why="Changes that do not depend on each other go on when one fails.",
        remedy="The failures are listed; `pkictl status` says when they are tried again.",
    ),
}

CODES: dict[str, Explanation] = {
    **AUTHORITY,
    **CERTIFICATE,
    **CSR,
    **REVOCATION,
    **OTHERS,
}
