"""`pkictl init_ca`: an authority, from its manifest to its certificate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, output_option, submission_options

if TYPE_CHECKING:
    from pki_as_code.model import JsonValue
    from pki_as_code.workspace import Workspace

DEFAULT_RSA_SIZE = 4096
KEY_TYPES = ["RSA", "EC", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]
CURVES = ["P-256", "P-384", "P-521"]


@click.command(help="Make a certification authority.")
@click.argument("name")
@click.argument("subject")
@option("--parent", metavar="CA", help="The authority that signs it; without one it is a root.")
@option("--subject-format", type=click.Choice(["rfc4514", "openssl"]), default="rfc4514",
        show_default=True, help="How SUBJECT is written: C=AT,CN=x or /C=AT/CN=x.")  # fmt: skip
@option("--key-type", type=click.Choice(KEY_TYPES, case_sensitive=False), default="RSA",
        show_default=True, help="Type of the key.")  # fmt: skip
@option("--key-size", type=click.IntRange(2048, 8192), help="Bits of an RSA key (default 4096).")
@option("--elliptic-curve", type=click.Choice(CURVES, case_sensitive=False),
        help="Curve of an EC key (default P-256).")  # fmt: skip
@option("--key", "key_uri", metavar="URI", help="Where the key is, or is to be made "
        "(default file:keys/NAME.pem).")  # fmt: skip
@option("--expires", metavar="DURATION", default="3650d", show_default=True,
        help="For how long it is valid: days, or 3650d.")  # fmt: skip
@option("--algorithm", metavar="HASH", help="Hash of the signature: SHA-256, SHA-384, SHA-512.")
@option("--path-length", type=click.IntRange(0, 255), help="How many authorities may follow below.")
@option("--no-path-length", is_flag=True, help="Any number of authorities may follow below.")
@option("--permit-name", metavar="NAME", multiple=True, help="Names below it must be within this "
        "subtree: DNS:corp.example, IP:10.0.0.0/8. May be repeated.")  # fmt: skip
@option("--exclude-name", metavar="NAME", multiple=True, help="Names below it must not be within "
        "this subtree. May be repeated.")  # fmt: skip
@option("--passphrase", is_flag=True, help="Ask for a passphrase to encrypt the key with; "
        "PKI_PASSPHRASE_NAME gives one without asking.")  # fmt: skip
@submission_options
@output_option("serial", "text", "pem", "json", default="serial")
@click.pass_obj
def command(console: Console, /, name: str, subject: str, output: str, **given: Any) -> int:
    from cryptography import x509

    from pki_as_code.apply.submit import Submission
    from pki_as_code.authoring.manifests import make_manifest, manifest_bytes, object_name
    from pki_as_code.cli.certificate_output import write_certificate
    from pki_as_code.cli.outcomes import issued_der
    from pki_as_code.cli.session import writing
    from pki_as_code.cli.submission import How, carry_out
    from pki_as_code.errors import InvalidValueError
    from pki_as_code.manifests.authority import CertificateAuthority
    from pki_as_code.plan.authorities import authority_id

    how = How(given["message"], given["no_commit"], given["branch"], given["dry_run"])
    with writing(console, push=given["push"]) as workspace:
        object_id = authority_id(object_name(name))
        if object_id in workspace.loaded.manifests.of(CertificateAuthority):
            raise InvalidValueError(
                f"there is an authority called {object_id.name} already",
                help="give the new one another name",
                code="authority.exists",
            )
        spec = _make_spec(workspace, object_id.name, subject, given)
        path = f"authorities/{object_id.name}.yaml"
        manifest = make_manifest(object_id.kind, object_id.name, spec)
        files = {path: manifest_bytes(manifest, path)}
        submission = Submission(
            files, frozenset([object_id]), f"Add certification authority {object_id.name}"
        )
        done = carry_out(
            console, workspace, submission, how, ask_new_passphrase=given["passphrase"]
        )
        der = issued_der(workspace, done or [])
    if der is not None:
        write_certificate(console, x509.load_der_x509_certificate(der), output)
        console.next_step("pkictl list_cas")
    return 0


def _make_spec(
    workspace: Workspace, name: str, subject: str, given: Mapping[str, Any]
) -> dict[str, JsonValue]:
    from pki_as_code.errors import UsageError
    from pki_as_code.pkix.names import common_name, format_name, parse_name
    from pki_as_code.workspace.lookup import find_authority_name

    parsed = parse_name(subject, form=given["subject_format"])
    if common_name(parsed) is None:
        raise UsageError(
            "the subject of an authority needs a common name",
            help=f"add CN=...: {format_name(parsed)},CN=Example CA",
            code="authority.no_common_name",
        )
    parent = given["parent"]
    if parent is not None:
        parent = find_authority_name(workspace.authority_certificates(), parent)
    key = _key(name, given)
    path_length = given["path_length"]
    if path_length is None and not given["no_path_length"] and parent is not None:
        path_length = 0
    expires = given["expires"]
    constraints = {"permitted": list(given["permit_name"]), "excluded": list(given["exclude_name"])}
    return {
        "subject": format_name(parsed),
        "parent": parent,
        "key": key,
        "validity": f"{expires}d" if expires.isdigit() else expires,
        "pathLength": path_length,
        "algorithm": given["algorithm"],
        "nameConstraints": {k: v for k, v in constraints.items() if v},
    }


def _key(name: str, given: Mapping[str, Any]) -> dict[str, JsonValue]:
    key: dict[str, JsonValue] = {
        "uri": given["key_uri"] or f"file:keys/{name}.pem",
        "type": given["key_type"],
    }
    size, curve = given["key_size"], given["elliptic_curve"]
    if key["type"] == "RSA":
        size = size or DEFAULT_RSA_SIZE
    return key | {k: v for k, v in (("size", size), ("curve", curve)) if v}
