"""`pkictl ceremony`: what an offline authority signs, brought to its key and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pki_as_code.cli.completers import complete_authority
from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, submission_options

DEFAULT_JOURNAL = "sqlite:///ceremonies.db"


@click.group(help="Sign with the key of an offline authority, in three steps.")
def command() -> None:
    pass


@command.command(help="Online: write what is to be signed into a bundle; needs no offline key.")
@click.argument("authority", shell_complete=complete_authority)
@option("--out", metavar="FILE", required=True, type=click.Path(path_type=Path),
        help="Where the bundle goes.")  # fmt: skip
@option("--crl", is_flag=True, help="Of the next CRL of this offline authority, in place of its "
        "certificate.")  # fmt: skip
@click.pass_obj
def prepare(console: Console, /, authority: str, out: Path, crl: bool) -> int:
    from pki_as_code.apply.ceremony_preparation import (
        prepare_certificate_bundle,
        prepare_crl_bundle,
    )
    from pki_as_code.apply.issuers import Issuers
    from pki_as_code.cli.console import EnvironmentSecrets
    from pki_as_code.cli.output_file import check_new_output, write_new_output
    from pki_as_code.cli.session import note_uncommitted, reading
    from pki_as_code.formats.ceremonies import format_prepared
    from pki_as_code.plan.bundles import Bundle, bundle_digest, format_bundle

    check_new_output(console.directory / out)
    with reading(console, "HEAD") as workspace:
        note_uncommitted(console, workspace.repository)
        issuers = Issuers(workspace, EnvironmentSecrets(interactive=console.interactive))
        bundle: Bundle
        if crl:
            bundle = prepare_crl_bundle(workspace, authority, console.now())
        else:
            bundle = prepare_certificate_bundle(workspace, authority, issuers, console.now())
    data = format_bundle(bundle)
    write_new_output(console.directory / out, data)
    console.write(format_prepared(bundle, bundle_digest(data)))
    console.note(f"wrote {out}")
    console.next_step(f"carry it to the key: pkictl ceremony sign {out.name} --key URI --out FILE")
    return 0


@command.command(help="Offline: sign a bundle with the key; needs no repository and no network.")
@click.argument("bundle", type=click.Path(path_type=Path))
@option("--key", "key_uri", metavar="URI", required=True, help="The key that signs, such as "
        "file:/media/root.key. A root without a certificate gets it made there.")  # fmt: skip
@option("--own-key", metavar="URI", help="The key that is certified, when that is offline, too; "
        "made when it is not there.")  # fmt: skip
@option("--certificate", metavar="FILE", type=click.Path(path_type=Path), help="The certificate of "
        "the authority that signs, and of those above it (default: what the journal and the bundle "
        "know).")  # fmt: skip
@option("--journal", metavar="URI", default=DEFAULT_JOURNAL, show_default=True, help="Where it is "
        "recorded what this key signed; keep it with the key.")  # fmt: skip
@option("--sha256", metavar="HEX", help="The SHA-256 that was read out; any other is refused.")
@option("--again", is_flag=True, help="Sign another certificate for an authority that the journal "
        "has one for.")  # fmt: skip
@option("--passphrase", is_flag=True, help="Ask for a passphrase to encrypt a key with that is "
        "made; PKI_PASSPHRASE_NAME gives one without asking.")  # fmt: skip
@option("--yes", is_flag=True, help="Do not ask.")
@option("--out", metavar="FILE", required=True, type=click.Path(path_type=Path),
        help="Where the response goes.")  # fmt: skip
@click.pass_obj
def sign(console: Console, /, bundle: Path, out: Path, journal: str, **given: Any) -> int:
    from pki_as_code.cli.ceremony_table import at_the_table, read_bundle, sign_bundle
    from pki_as_code.cli.output_file import write_new_output

    if not given["yes"] and not console.interactive:
        raise click.UsageError("nobody can be asked here: add --yes when it was compared before")
    carried = read_bundle(console, bundle, given["sha256"])
    with at_the_table(console, journal, ask_new=given["passphrase"]) as sitting:
        response = sign_bundle(console, carried, sitting, console.directory / out, given)
    write_new_output(console.directory / out, response)
    console.note(f"wrote {out}")
    console.next_step(f"carry it back: pkictl ceremony accept {out.name}")
    return 0


@command.command(help="Online: check what came back, and write it into the repository.")
@click.argument("response", type=click.Path(path_type=Path))
@option("--authority", metavar="NAME", shell_complete=complete_authority, help="The authority it "
        "is for (default: the one with its subject).")  # fmt: skip
@option("--bundle", metavar="FILE", type=click.Path(path_type=Path), help="The bundle it answers: "
        "it must be for the key in there.")  # fmt: skip
@submission_options
@click.pass_obj
def accept(console: Console, /, response: Path, **given: Any) -> int:
    from pki_as_code.apply.submit import Submission
    from pki_as_code.cli.ceremony_return import written_response
    from pki_as_code.cli.session import writing
    from pki_as_code.cli.submission import How, carry_out

    how = How(given["message"], given["no_commit"], given["branch"], given["dry_run"])
    with writing(console, push=given["push"]) as workspace:
        written = written_response(
            console, workspace, response, name=given["authority"], bundle=given["bundle"]
        )
        name = written.object_id.name
        what = "certificate" if written.is_certificate else "CRL"
        submission = Submission(
            written.files,
            frozenset([written.object_id]),
            f"Accept the {what} of {name} from its ceremony",
        )
        done = carry_out(console, workspace, submission, how)
        if done:
            told = "adopted authority" if written.is_certificate else "published the CRL of"
            console.note(f"{told} {name}")
            console.next_step("pkictl reconcile")
        elif done is not None:
            console.note("No changes.")
    return 0
