"""`key.*`: private keys of authorities."""

from __future__ import annotations

from pki_as_code.codes.base import Explanation

CODES: dict[str, Explanation] = {
    "key.unusable": Explanation(
        "A private key cannot be made or opened.",
        "An authority signs with its private key and with nothing else.",
        "Read the message: it names the key and what kept it from being used.",
    ),
    "key.unknown_scheme": Explanation(
        "No key backend understands the scheme of the key's URI.",
        "The part before the first colon of `spec.key.uri` says where the key is kept.",
        "Use a scheme that exists, for example `file:keys/issuing.pem`.",
    ),
    "key.bad_location": Explanation(
        "The URI of a key does not name a file.",
        "A path that is empty, ends in `..`, has control characters or leads in a circle of "
        "symbolic links cannot be a key file. An absolute path into the repository would not be "
        "checked against .gitignore, and the key might be committed.",
        "Write `file:keys/NAME.pem` for a key in the repository, or an absolute path for one "
        "outside of it: `file:/etc/pki/NAME.pem`.",
    ),
    "key.outside_repository": Explanation(
        "A relative key path leads out of the repository.",
        "Somebody who may edit a manifest must not be able to point an authority at any file of "
        "the machine by way of `..` or a symbolic link.",
        "Keep the key below the repository's directory, or name it by its absolute path.",
    ),
    "key.inside_git": Explanation(
        "The key file is inside a `.git` directory.",
        "What lies there is packed, copied and pushed by git and by tools around it.",
        "Keep the key in a directory that git ignores, or outside the repository.",
    ),
    "key.compromised": Explanation(
        "The key of an authority was lost.",
        "A Revocation for keyCompromise names it, or named it once: whoever has the key could sign "
        "in the name of the authority.",
        "Name another `spec.key.uri`; a new key is made there.",
    ),
    "key.max_age": Explanation(
        "A key was used for longer than the profile allows.",
        "`keys.maxAge` counts from the first certificate with the key, over all renewals: a key "
        "that is never changed is lost some day, and nobody notices.",
        "Make a new key and CSR, and commit the CSR in place of the old one.",
    ),
    "key.missing": Explanation(
        "There is no private key where the manifest says.",
        "Without its key an authority can sign nothing. What it signed before stays valid.",
        "Bring the file from where it is kept, correct `spec.key.uri`, or make a new authority "
        "with `pkictl init_ca`.",
    ),
    "key.exists": Explanation(
        "There is already a file where a new private key should be written.",
        "A private key is never replaced: certificates that it signed would be orphaned.",
        "Move the file away after making sure that nothing needs it, or choose another URI.",
    ),
    "key.not_a_file": Explanation(
        "The key's path is a directory, a pipe or a device.",
        "Only a regular file has a mode that protects it and an end.",
        "Name the PEM file itself.",
    ),
    "key.symlink": Explanation(
        "The key file is a symbolic link.",
        "Whoever may change the link decides which key is used, whatever the mode of the key.",
        "Name the file that the link points to.",
    ),
    "key.readable_by_others": Explanation(
        "The group or others may read or write the private key file.",
        "Everybody who can read the key can sign in the name of the authority.",
        "Run `chmod 600` on it, and consider whether somebody has read it already.",
    ),
    "key.unreadable": Explanation(
        "The operating system does not let the private key be read.",
        "The process needs to read the key file once per run.",
        "Check the owner of the file and of the directories above it.",
    ),
    "key.unwritable": Explanation(
        "The private key file cannot be written.",
        "A key that is not safely on the disk must not sign anything.",
        "Check the owner, the mode and the free space of the directory.",
    ),
    "key.not_a_key": Explanation(
        "The file does not hold exactly one private key in PEM form.",
        "A certificate, a CSR, a damaged file or two keys in one file cannot be signed with.",
        "Write the key as PKCS#8 PEM, for example with `openssl pkcs8 -topk8`.",
    ),
    "key.shared": Explanation(
        "Two authorities would have the same key.",
        "What limits the one (path length, names) would not limit the other.",
        "Give each authority a key of its own: another `key.uri`.",
    ),
    "key.unsupported_type": Explanation(
        "The key has a type, a size or an encryption that an authority cannot have.",
        "Authorities sign with RSA (2048 to 8192 bits), EC on P-256, P-384 or P-521, Ed25519, "
        "Ed448, or ML-DSA-44, -65 or -87. DSA, DH and the Montgomery curves cannot sign "
        "certificates, or should not.",
        "Choose one of these in `spec.key`.",
    ),
    "key.passphrase_needed": Explanation(
        "The private key is encrypted and no passphrase was given.",
        "The passphrase is asked for on a terminal only; elsewhere it comes from the environment.",
        "Set `PKI_PASSPHRASE_<NAME>`, where NAME is the authority's name in upper case.",
    ),
    "key.wrong_passphrase": Explanation(
        "The passphrase does not open the private key.",
        "An encrypted key and a damaged one cannot be told apart.",
        "Check the passphrase. If it is certainly right, restore the file from a backup.",
    ),
    "key.passphrase_superfluous": Explanation(
        "A passphrase was given for a private key that is not encrypted.",
        "Whoever set the passphrase believes that it protects the key. It does not.",
        "Encrypt the key with `openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000`, or unset the "
        "variable if the key is meant to be unencrypted.",
    ),
    "key.passphrase_empty": Explanation(
        "The passphrase for a new private key is empty.",
        "An empty variable is most often a secret that was not set where it should have been.",
        "Give a passphrase, or unset the variable for a key that is kept unencrypted.",
    ),
}
