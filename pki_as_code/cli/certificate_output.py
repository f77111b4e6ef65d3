"""One certificate in the forms that several commands print, and the options that choose them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pki_as_code.cli.options import option

if TYPE_CHECKING:
    from cryptography import x509

    from pki_as_code.cli.console import Console
    from pki_as_code.model import JsonValue

F = TypeVar("F", bound=Callable[..., Any])

FORMS = ("pem", "der", "text", "json", "serial", "none")
SERIAL_FORMATS = ("int", "hex", "dotted-hex")


@dataclass(frozen=True, slots=True)
class CertificateOutput:
    """How a certificate is shown: the options of `certificate_output_options`."""

    form: str = "pem"
    serial_format: str = "dotted-hex"
    bundle: bool = False
    no_pem: bool = False
    no_extensions: bool = False
    no_wrap: bool = False
    json_indent: int | None = 2

    @classmethod
    def of(cls, given: dict[str, Any]) -> CertificateOutput:
        """Take the options out of what a command was given. Raises `click.UsageError`."""
        values = {name: given.pop(name) for name in cls.__slots__ if name != "form"}
        output = cls(form=given.pop("output"), **values)
        if output.bundle and output.form not in {"pem", "none"}:
            raise click.UsageError("a bundle is several certificates, which only PEM can hold")
        return output


def certificate_output_options(*forms: str, default: str) -> Callable[[F], F]:
    """Add the options that say in which form a certificate is shown."""
    decorators = (
        option("-o", "--output", "--output-format", "output",
               type=click.Choice(forms or FORMS, case_sensitive=False), default=default,
               show_default=True, help="The form of what is printed."),
        option("--serial-format", type=click.Choice(SERIAL_FORMATS, case_sensitive=False),
               default="dotted-hex", show_default=True,
               help="How the serial number is written, in serial and json."),
        option("-b", "--bundle", is_flag=True,
               help="With pem: then the authorities that signed it, the root last."),
        option("-n", "--no-pem", is_flag=True, help="With text: leave the PEM out."),
        option("--no-extensions", is_flag=True, help="With text: leave the extensions out."),
        option("--no-wrap", is_flag=True, help="With text: a fingerprint on one line."),
        option("--json-indent", type=click.IntRange(0, 16), default=2, show_default=True,
               metavar="N", help="With json: how far it is indented."),
    )  # fmt: skip

    def decorate(function: F) -> F:
        for add in reversed(decorators):
            function = add(function)
        return function

    return decorate


def write_certificate(
    console: Console,
    certificate: x509.Certificate,
    output: str | CertificateOutput,
    *,
    chain: Sequence[x509.Certificate] = (),
    status: str = "valid",
    watchers: Sequence[str] = (),
    record: JsonValue = None,
) -> None:
    """
    Print a certificate as `serial`, `pem` (then its chain), `der`, `json`, `text` or `none`.

    `chain` is what comes behind the certificate in PEM; `record` is added to the JSON.
    """
    shown = CertificateOutput(output) if isinstance(output, str) else output
    data = certificate_bytes(
        certificate,
        shown,
        chain=chain,
        status=status,
        watchers=watchers,
        record=record,
        width=None if shown.no_wrap else console.width,
    )
    console.write_bytes(data)


def certificate_bytes(
    certificate: x509.Certificate,
    output: CertificateOutput,
    *,
    chain: Sequence[x509.Certificate] = (),
    status: str = "valid",
    watchers: Sequence[str] = (),
    record: JsonValue = None,
    width: int | None = None,
) -> bytes:
    """Return a certificate in the form that was chosen; nothing for `none`."""
    from pki_as_code.formats.structured import format_json

    text = ""
    match output.form:
        case "serial":
            text = f"{serial_text(certificate.serial_number, output.serial_format)}\n"
        case "pem":
            text = "".join(pem(item) for item in [certificate, *chain])
        case "der":
            return _der(certificate)
        case "json":
            value = _json(certificate, record, output)
            text = format_json(value, indent=output.json_indent)
        case "text":
            from pki_as_code.pkix.text import format_certificate_text

            text = format_certificate_text(
                certificate,
                status=status,
                watchers=watchers,
                pem=not output.no_pem,
                extensions=not output.no_extensions,
                width=width,
            )
    return text.encode("utf-8", "backslashreplace")


def write_certificate_file(path: Path, certificate: x509.Certificate, data: bytes) -> None:
    """Write `--out FILE`: what would have been printed, and PEM where that is nothing."""
    from pki_as_code.cli.output_file import write_output_file

    write_output_file(path, data or pem(certificate).encode())


def check_out(console: Console, path: Path | None) -> None:
    """Refuse a file that could not be written, before anything is signed for it."""
    if path is None:
        return
    target = console.directory / path
    if target.is_dir() or not target.absolute().parent.is_dir():
        what = "is a directory" if target.is_dir() else "is in no directory that is there"
        raise click.BadParameter(f"{str(path)!r} {what}", param_hint="'--out'")


def serial_text(serial_number: int, form: str) -> str:
    """Return a serial number as `int` (decimal), `hex` (4E1E2A) or `dotted-hex` (4E:1E:2A)."""
    from pki_as_code.pkix.serial_numbers import format_serial_number, serial_number_hex

    if form == "int":
        return str(serial_number)
    if form == "hex":
        return serial_number_hex(serial_number).upper()
    return format_serial_number(serial_number)


def pem(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()


def _der(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def _json(
    certificate: x509.Certificate, record: JsonValue, output: CertificateOutput
) -> dict[str, JsonValue]:
    from pki_as_code.pkix.text import certificate_json

    value = {**certificate_json(certificate), **(record or {}), "pem": pem(certificate)}
    value["serialNumber"] = serial_text(certificate.serial_number, output.serial_format)
    return value
