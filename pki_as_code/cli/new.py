"""`pkictl new`: a manifest, for you to commit."""

from __future__ import annotations

from pathlib import Path

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option


@click.group(help="Write a manifest, to be committed by you.")
def command() -> None:
    pass


@command.command(help="Write the manifest of a certificate, with the names its CSR asks for.")
@click.argument("name")
@option(
    "--csr", "csr_file", metavar="FILE", required=True, help="The CSR, PEM or DER; - for stdin."
)
@option("--namespace", metavar="NS", help="The namespace it goes to (default: default).")
@option("--alt", metavar="NAME", multiple=True, help="A name of the certificate, instead of those "
        "in the CSR. May be repeated.")  # fmt: skip
@option("--profile", metavar="NAME", help="The profile (default: what namespace and project say).")
@option("--issuer", metavar="NAME", help="The authority (default: what namespace and project say).")
@click.pass_obj
def certificate(
    console: Console,
    /,
    name: str,
    csr_file: str,
    namespace: str | None,
    alt: tuple[str, ...],
    profile: str | None,
    issuer: str | None,
) -> int:
    from pki_as_code.apply.submit import write_files
    from pki_as_code.authoring.certificates import (
        CertificateWishes,
        names_in_csr,
        write_certificate_manifest,
    )
    from pki_as_code.authoring.manifests import certificate_id
    from pki_as_code.cli.csr_input import read_csr
    from pki_as_code.errors import InvalidValueError
    from pki_as_code.manifests.certificate import Certificate
    from pki_as_code.workspace import load_repository
    from pki_as_code.workspace.validation import check_overlay

    csr = read_csr(csr_file, console.directory)
    repository, _, tree, loaded = load_repository(console.directory, None)
    object_id = certificate_id(name, namespace)
    if object_id in loaded.manifests.of(Certificate):
        raise InvalidValueError(
            f"there is a certificate called {object_id.path} already",
            help="edit its manifest, or give the new one another name",
            code="manifest.exists",
        )
    subject, names = names_in_csr(csr)
    wishes = CertificateWishes(
        csr=csr,
        name=name,
        namespace=namespace,
        subject=None if alt else subject,
        subject_alt_names=alt or names,
        issuer=issuer,
        profile=profile,
    )
    written = write_certificate_manifest(loaded.manifests, wishes, tree.read)
    check_overlay(tree, written.files, console.now())
    write_files(repository, written.files)
    for path in sorted(written.files):
        console.note(f"wrote {path}")
    paths = " ".join(str(Path(path)) for path in sorted(written.files))
    console.next_step(f"git add {paths} && git commit, then pkictl plan")
    return 0


@command.command(help="Write a policy that grants names to namespaces.")
@click.argument("name")
@option("--namespace", "namespaces", metavar="NS", multiple=True, help="A namespace it is about; "
        "all of them without it. May be repeated.")  # fmt: skip
@option("--dns", metavar="SUFFIX", multiple=True, help="A domain: it and all below it. May be "
        "repeated.")  # fmt: skip
@option("--ip", metavar="NETWORK", multiple=True, help="A network or an address. May be repeated.")
@option("--email", metavar="DOMAIN", multiple=True, help="A domain of mailboxes. May be repeated.")
@click.pass_obj
def policy(
    console: Console,
    /,
    name: str,
    namespaces: tuple[str, ...],
    dns: tuple[str, ...],
    ip: tuple[str, ...],
    email: tuple[str, ...],
) -> int:
    from pki_as_code.apply.submit import write_files
    from pki_as_code.authoring.policies import PolicyWishes, write_policy_manifest
    from pki_as_code.workspace import load_repository
    from pki_as_code.workspace.validation import check_overlay

    repository, _, tree, loaded = load_repository(console.directory, None)
    wishes = PolicyWishes(name, namespaces, dns, ip, email)
    written = write_policy_manifest(loaded.manifests, wishes, tree.read)
    check_overlay(tree, written.files, console.now())
    write_files(repository, written.files)
    for path in sorted(written.files):
        console.note(f"wrote {path}")
    console.next_step("pkictl validate, which says who is denied now")
    return 0
