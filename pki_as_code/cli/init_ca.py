"""`pkictl init_ca`: an authority, from its manifest to its certificate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from pki_as_code.cli.authority_options import own_extension_options, signing_options
from pki_as_code.cli.certificate_output import certificate_output_options
from pki_as_code.cli.completers import complete_authority
from pki_as_code.cli.console import Console
from pki_as_code.cli.option_values import OrderedOptions
from pki_as_code.cli.options import option, submission_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from pki_as_code.apply.outcome import Outcome
    from pki_as_code.authoring.authorities import AuthorityWishes
    from pki_as_code.authoring.manifests import Written
    from pki_as_code.model import JsonValue
    from pki_as_code.workspace import Workspace

DEFAULT_RSA_SIZE = 4096
KEY_TYPES = ["RSA", "EC", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]
CURVES = {
    "P-256": "P-256", "P-384": "P-384", "P-521": "P-521",
    "secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "prime256v1": "P-256",
}  # fmt: skip
"""Curves, with the names that SECG and X9.62 have for them."""


@click.command(cls=OrderedOptions, help="Make a certification authority.")
@click.argument("name")
@click.argument("subject")
@option("--parent", metavar="CA", shell_complete=complete_authority, help="The authority that "
        "signs it: serial number, name or common name. Without one it is a root.")  # fmt: skip
@option("--subject-format", type=click.Choice(["rfc4514", "openssl"]), default="rfc4514",
        show_default=True, help="How SUBJECT is written: C=AT,CN=x or /C=AT/CN=x.")  # fmt: skip
@option("--key-type", type=click.Choice(KEY_TYPES, case_sensitive=False), default="RSA",
        show_default=True, help="Type of the key.")  # fmt: skip
@option("--key-size", type=click.IntRange(2048, 8192), help="Bits of an RSA key (default 4096).")
@option("--elliptic-curve", type=click.Choice(list(CURVES), case_sensitive=False),
        help="Curve of an EC key (default P-256).")  # fmt: skip
@option("--key", "key_uri", metavar="URI", help="Where the key is, or is to be made "
        "(default file:keys/NAME.pem).")  # fmt: skip
@option("--expires", metavar="DURATION", default="3650d", show_default=True,
        help="For how long it is valid: days, 3650d or 2160h.")  # fmt: skip
@option("--algorithm", metavar="HASH", help="Hash of the signature: SHA-256, SHA-384, SHA-512, ... "
        "(default: what suits the key that signs).")  # fmt: skip
@option("--path-length", type=click.IntRange(0, 255), help="How many authorities may follow below "
        "(default: none below an intermediate one, any number below a root).")  # fmt: skip
@option("--no-path-length", is_flag=True, help="Any number of authorities may follow below.")
@option("--permit-name", metavar="NAME", multiple=True, help="Names below it must be within this "
        "subtree: DNS:corp.example, IP:10.0.0.0/8. May be repeated.")  # fmt: skip
@option("--exclude-name", metavar="NAME", multiple=True, help="Names below it must not be within "
        "this subtree. May be repeated.")  # fmt: skip
@own_extension_options
@signing_options
@option("--passphrase", is_flag=True, help="Ask for a passphrase to encrypt the key with; "
        "PKI_PASSPHRASE_NAME gives one without asking.")  # fmt: skip
@submission_options
@certificate_output_options(default="serial")
@click.pass_context
def command(context: click.Context, /, name: str, subject: str, **given: Any) -> int:
    from pki_as_code.apply.submit import Submission
    from pki_as_code.authoring.authorities import write_authority_manifest
    from pki_as_code.cli.certificate_output import CertificateOutput
    from pki_as_code.cli.session import writing
    from pki_as_code.cli.submission import How, carry_out, exit_code_of
    from pki_as_code.cli.view_ca import write_authority
    from pki_as_code.plan.responders import responder_id

    console: Console = context.obj
    output = CertificateOutput.of(given)
    how = How(given["message"], given["no_commit"], given["branch"], given["dry_run"])
    with writing(console, push=given["push"]) as workspace:
        wishes = _wishes(context, workspace, name, subject, given)
        known = workspace.store.authorities()
        written = write_authority_manifest(
            workspace.loaded.manifests, known, wishes, workspace.tree.read
        )
        submission = Submission(
            written.files,
            # Who answers for it is made with it.
            frozenset([written.object_id, responder_id(written.object_id.name)]),
            f"Add certification authority {written.object_id.name}",
        )

        def submit() -> list[Outcome] | None:
            return carry_out(
                console, workspace, submission, how, ask_new_passphrase=given["passphrase"]
            )

        issued = _carried_out(console, workspace, written, submit)
        _tell_of_others(console, workspace, wishes)
        if issued:
            latest = workspace.at(workspace.repository.head_commit() or workspace.commit)
            write_authority(console, latest, written.object_id.name, output)
            console.next_step("pkictl list_cas")
    return exit_code_of(issued or ())


def _carried_out(
    console: Console,
    workspace: Workspace,
    written: Written,
    submit: Callable[[], list[Outcome] | None],
) -> list[Outcome] | None:
    """Return what was done, nothing when no certificate was; what fails is not lost."""
    from pki_as_code.errors import PkiAsCodeError
    from pki_as_code.gitrepo import is_tracked

    try:
        return submit()
    except PkiAsCodeError:
        for path in written.files:
            if is_tracked(workspace.repository, path, "HEAD"):
                console.note(f"{path} is committed: `pkictl reconcile` tries again")
        raise


def _wishes(
    context: click.Context,
    workspace: Workspace,
    name: str,
    subject: str,
    given: Mapping[str, Any],
) -> AuthorityWishes:
    from pki_as_code.authoring.authorities import AuthorityWishes, authority_name
    from pki_as_code.cli.authority_options import own_extensions, signing_wishes
    from pki_as_code.cli.option_values import reading, validity
    from pki_as_code.pkix.algorithms import parse_hash_name
    from pki_as_code.pkix.general_names import parse_constraint_name, parse_general_name

    with reading("NAME"):
        called = authority_name(name)
    for option_name, parse in (
        ("alt", parse_general_name),
        ("permit_name", parse_constraint_name),
        ("exclude_name", parse_constraint_name),
    ):
        for text in given[option_name]:
            with reading(f"--{option_name.replace('_', '-')}"):
                parse(text)
    algorithm = given["algorithm"]
    if algorithm is not None:
        with reading("--algorithm"):
            algorithm = parse_hash_name(algorithm)
    parent = given["parent"]
    return AuthorityWishes(
        name=name,
        subject=_subject(subject, given["subject_format"]),
        key=_key(called, given),
        validity=validity("--expires", given["expires"]),
        parent=None if parent is None else find_parent(workspace, parent),
        path_length=_path_length(given),
        algorithm=algorithm,
        permitted=given["permit_name"],
        excluded=given["exclude_name"],
        subject_alt_names=given["alt"],
        extensions=own_extensions(context, given),
        signing=signing_wishes(context, given),
    )


def find_parent(workspace: Workspace, text: str) -> str:
    """Return the name of an authority; one that has a manifest only must be called by that."""
    from pki_as_code.plan.authorities import find_authority
    from pki_as_code.workspace.lookup import find_authority_name

    if find_authority(workspace.loaded.manifests, text.strip()) is not None:
        return text.strip()
    return find_authority_name(workspace.authority_certificates(), text)


def _subject(text: str, form: str) -> str:
    from pki_as_code.cli.option_values import reading
    from pki_as_code.errors import UsageError
    from pki_as_code.pkix.names import common_name, format_name, parse_name

    with reading("SUBJECT"):
        parsed = parse_name(text, form=form)
    if common_name(parsed) is None:
        written = format_name(parsed)
        raise UsageError(
            "the subject of an authority needs a common name",
            help=f"add CN=...: {written}{',' if written else ''}CN=Example CA",
            code="authority.no_common_name",
        )
    return format_name(parsed)


def _path_length(given: Mapping[str, Any]) -> int | None:
    path_length: int | None = given["path_length"]
    if given["no_path_length"]:
        if path_length is not None:
            raise click.UsageError("--path-length and --no-path-length exclude each other")
        return None
    if path_length is None and given["parent"] is not None:
        return 0
    return path_length


def _key(name: str, given: Mapping[str, Any]) -> dict[str, JsonValue]:
    from pki_as_code.cli.option_values import reading
    from pki_as_code.pkix.algorithms import KeySpec

    key_type, size = given["key_type"], given["key_size"]
    curve = CURVES.get(given["elliptic_curve"] or "")
    if key_type == "RSA":
        size = size or DEFAULT_RSA_SIZE
    with reading("--key-type, --key-size, --elliptic-curve"):
        KeySpec(key_type, size, curve or ("P-256" if key_type == "EC" else None))
    return {
        "uri": given["key_uri"] or f"file:keys/{name}.pem",
        "type": key_type,
        "size": size,
        "curve": curve,
    }


def _tell_of_others(console: Console, workspace: Workspace, wishes: AuthorityWishes) -> None:
    """Say when it ends earlier than was meant, with its parent, and when it is one of two."""
    from pki_as_code.manifests.authority import CertificateAuthority
    from pki_as_code.manifests.durations import parse_duration
    from pki_as_code.model import format_time
    from pki_as_code.pkix.names import format_name, parse_name

    for object_id, other in workspace.loaded.manifests.of(CertificateAuthority).items():
        if format_name(parse_name(other.manifest.spec.subject)) == wishes.subject:
            console.note(
                f"warning: {object_id.name} has the same subject; clients may take one for the "
                "other, and neither can be named by it"
            )
    certificate = workspace.authority_certificates().get(wishes.parent or "")
    if certificate is None:
        return
    end = certificate.not_valid_after_utc
    if console.now() + parse_duration(wishes.validity) > end:
        console.note(
            f"warning: {wishes.name} ends with its parent {wishes.parent}, at {format_time(end)}, "
            f"and not after {wishes.validity}"
        )
