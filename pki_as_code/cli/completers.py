"""
What a shell offers behind a command or an option: certificates, authorities, profiles.

Called on each press of the Tab key. Nothing is imported before it is needed, no network is used, no
more than `MOST` are offered, and whatever goes wrong, nothing is said: there is no place to say it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from pathlib import Path

    from pki_as_code.model import CertificateRecord
    from pki_as_code.stores.interface import Store

MOST = 100
"""How many are offered; who has more types another letter."""

_COLON = ":"

_HARMLESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*", re.ASCII)
"""What a shell takes as it stands: what is offered is put on the command line, unquoted."""

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _quietly(find: Callable[[click.Context, str], Iterable[CompletionItem]]) -> Complete:
    def complete(
        context: click.Context, _: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            found = find(context, incomplete)
            harmless = (item for item in found if _HARMLESS.fullmatch(item.value))
            return list(islice(harmless, MOST))
        except Exception:  # noqa: BLE001 (there is no place to say it, and no harm done)
            return []

    return complete


@_quietly
def complete_certificate(context: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Object names (`payments/api`) and, behind a hex digit, serial numbers."""
    from pki_as_code.model import DEFAULT_NAMESPACE
    from pki_as_code.pkix.serial_numbers import serial_number_prefix
    from pki_as_code.stores.interface import CertificateFilter

    with closing(_store(context)) as store:
        begun, slash, prefix = incomplete.rpartition("/")
        if slash:
            yield from _objects(store, begun, prefix)
            return
        yield from _objects(store, DEFAULT_NAMESPACE, prefix)
        for namespace in _namespaces(context):
            if namespace.startswith(prefix):
                yield from _objects(store, namespace, "")
        digits = serial_number_prefix(incomplete)
        if digits:
            wanted = CertificateFilter(serial_prefix=digits, order=("serial_number",), limit=MOST)
            for record in store.find(wanted):
                text = _serial(record.serial_number, like=incomplete)
                yield CompletionItem(text, help=_told(record))


def _objects(store: Store, namespace: str, prefix: str) -> Iterator[CompletionItem]:
    from pki_as_code.stores.interface import CertificateFilter

    named = CertificateFilter(
        namespace=namespace,
        name_prefix=prefix,
        current_only=True,
        order=("namespace", "name"),
        limit=MOST,
    )
    for record in store.find(named):
        yield CompletionItem(record.object_id.path, help=_told(record))


@_quietly
def complete_authority(context: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Names of authorities that have a certificate and, behind a hex digit, serial numbers."""
    from pki_as_code.pkix.names import common_name
    from pki_as_code.pkix.serial_numbers import serial_number_hex, serial_number_prefix
    from pki_as_code.workspace.judging import load_certificates

    with closing(_store(context)) as store:
        certificates = load_certificates(store.authorities())
    for name, certificate in sorted(certificates.items()):
        if name.startswith(incomplete):
            yield CompletionItem(name, help=_plain(common_name(certificate.subject) or ""))
    digits = serial_number_prefix(incomplete)
    for name, certificate in sorted(certificates.items()):
        number = certificate.serial_number
        if digits and serial_number_hex(number).startswith(digits):
            yield CompletionItem(_serial(number, like=incomplete), help=name)


@_quietly
def complete_profile(context: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Profiles: those that are there without a manifest, and the files in `profiles/`."""
    from pki_as_code.manifests.predefined import predefined_profiles

    names = set(predefined_profiles())
    names |= {path.stem for path in _below(context, "profiles", "*.yaml")}
    yield from (CompletionItem(name) for name in sorted(names) if name.startswith(incomplete))


def _store(context: click.Context) -> Store:
    from pki_as_code.workspace.issued import open_issued

    given = context.find_root().params
    return open_issued(_directory(context), given.get("store"), fetch=False)


def _directory(context: click.Context) -> Path:
    from pathlib import Path

    return Path(context.find_root().params.get("directory") or ".").expanduser()


def _namespaces(context: click.Context) -> list[str]:
    found = _below(context, "certificates", "*/")
    return sorted(path.name for path in found if not path.name.startswith("."))


def _below(context: click.Context, place: str, pattern: str) -> Iterator[Path]:
    from pki_as_code.gitplumbing import GitRepository

    return (GitRepository.discover(_directory(context)).root / place).glob(pattern)


def _serial(serial_number: int, *, like: str) -> str:
    """
    Return a serial number as it was begun.

    Without colons unless there is one: to bash a colon ends a word, and begins another.
    """
    from pki_as_code.pkix.serial_numbers import format_serial_number, serial_number_hex

    text = format_serial_number(serial_number)
    text = text if _COLON in like else serial_number_hex(serial_number).upper()
    return text if like.upper() == like else text.lower()


def _told(record: CertificateRecord) -> str:
    from pki_as_code.formats.certificates import shown_name

    return f"{_plain(shown_name(record))}, until {record.not_after:%Y-%m-%d}"


def _plain(text: str) -> str:
    """Return text of others as one word of the completion protocol, which has lines."""
    from pki_as_code.escape import safe

    return safe(text)
