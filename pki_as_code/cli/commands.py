"""Every command, in the order in which `--help` lists them."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Where a command lives, and what it does in one line; a test compares it with its help."""

    module: str
    help: str


DECLARATIVE = {
    "init": Entry("init", "Make a repository that works at once."),
    "new": Entry("new", "Write a manifest, to be committed by you."),
    "validate": Entry("validate", "Check manifests; needs neither store nor key."),
    "sign_manifest": Entry("sign_manifest", "Sign a manifest and its CSR with your SSH key."),
    "plan": Entry("plan", "Show what reconcile would do; needs no key."),
    "reconcile": Entry("reconcile", "Do what the manifests ask for."),
    "publish": Entry(
        "publish", "Lay out certificates, CRLs and OCSP responses for a static web server."
    ),
    "serve": Entry("serve", "Answer OCSP, give CRLs and authorities' certificates over HTTP."),
    "show": Entry("show", "Show one object: manifest, certificate, history."),
    "status": Entry("status", "Tell whether store and manifests agree, and what is due."),
    "doctor": Entry("doctor", "Tell what is wrong with git, store, keys, clock, mail and CRLs."),
    "codeowners": Entry("codeowners", "Write CODEOWNERS from the owners of the namespaces."),
    "hook": Entry("hook", "Look at files before they are committed."),
    "explain": Entry("explain", "Explain a finding's code, or a field of a manifest."),
    "schema": Entry("schema", "Print the JSON Schema of manifests."),
    "policy": Entry("policy", "Try policies: on requests in files, on the certificates there are."),
    "ceremony": Entry("ceremony", "Sign with the key of an offline authority, in three steps."),
    "store": Entry("store", "Check, repair or move the record of what was issued."),
    "completion": Entry(
        "completion", "Print a script that makes a shell complete commands and names."
    ),
    "demo": Entry("demo", "Act the whole story in a repository of its own."),
}
IMPERATIVE = {
    "init_ca": Entry("init_ca", "Make a certification authority."),
    "import_ca": Entry("import_ca", "Take up a certification authority that was made elsewhere."),
    "list_cas": Entry("list_cas", "List the certification authorities."),
    "view_ca": Entry("view_ca", "Show one certification authority."),
    "dump_ca": Entry("dump_ca", "Write the certificate of an authority to a file."),
    "dump_crl": Entry(
        "dump_crl", "Write the certificate revocation list of an authority to a file."
    ),
    "sign_cert": Entry("sign_cert", "Sign a certificate for a CSR."),
    "resign_cert": Entry("resign_cert", "Sign a certificate again, for the CSR that is kept."),
    "revoke_cert": Entry("revoke_cert", "Revoke a certificate."),
    "list_certs": Entry("list_certs", "List the certificates that were issued."),
    "view_cert": Entry("view_cert", "Show one certificate."),
    "import_cert": Entry("import_cert", "Take up certificates that were signed elsewhere."),
    "dump_cert": Entry("dump_cert", "Write one certificate to a file."),
    "cert_watchers": Entry("cert_watchers", "Add, remove or list who is told about a certificate."),
    "notify_expiring_certs": Entry(
        "notify_expiring_certs", "Tell people which certificates end soon."
    ),
}
COMMANDS: dict[str, Entry] = {**DECLARATIVE, **IMPERATIVE}
