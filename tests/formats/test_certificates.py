from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from itertools import count, islice

import pytest
import yaml

from pki_as_code.formats.certificates import (
    COLUMNS,
    certificate_csv_lines,
    certificate_json,
    certificate_json_chunks,
    certificate_json_lines,
    certificate_lines,
    certificate_yaml,
    shown_name,
)
from pki_as_code.formats.tables import certificate_table, format_table
from pki_as_code.model import CertificateRecord, Revocation
from tests.formats.conftest import NOW, make_record

REVOKED = make_record(
    serial_number=0x0A0B, revocation=Revocation("keyCompromise", datetime(2026, 11, 2, tzinfo=UTC))
)
ON_HOLD = make_record(revocation=Revocation("certificateHold", NOW))
EXPIRED = make_record(not_after=datetime(2019, 4, 18, 23, 59, tzinfo=UTC))


def endless():
    return (make_record(serial_number=number) for number in count(1))


def line(record: CertificateRecord, **keywords: bool) -> str:
    return "".join(certificate_lines([record], now=NOW, **keywords))


def test_a_line_is_as_documented():
    assert line(make_record()) == "49:BC:F2:87 - localhost (expires: 2027-02-21)\n"
    assert line(EXPIRED) == "49:BC:F2:87 - localhost (expired: 2019-04-18)\n"
    assert line(REVOKED) == "0A:0B - localhost (revoked)\n"
    assert line(ON_HOLD) == "49:BC:F2:87 - localhost (on hold)\n"


def test_a_serial_number_is_never_shortened():
    record = make_record(serial_number=2**159 - 1)
    assert line(record).startswith("7F" + 19 * ":FF" + " - ")


def test_a_certificate_is_called_by_its_common_name_then_by_its_first_name():
    assert shown_name(make_record(subject="CN=a,O=CN=x")) == "a"
    assert shown_name(make_record(subject="O=Example")) == "localhost"
    addresses = ("IP:10.0.0.7", "DNS:x.example.com")
    assert shown_name(make_record(subject="", subject_alternative_names=addresses)) == "10.0.0.7"
    assert shown_name(make_record(subject="O=Example", subject_alternative_names=())) == "O=Example"


def test_a_subject_that_we_would_not_sign_is_listed_all_the_same():
    record = make_record(subject="CN=,C=Austria", subject_alternative_names=())
    assert shown_name(record) == "CN=,C=Austria"


def test_json_is_as_documented():
    assert certificate_json(REVOKED, now=NOW, watchers=lambda _: ["ops@example.com"]) == {
        "serialNumber": "0A:0B",
        "namespace": "default",
        "name": "web",
        "subject": "O=Example,CN=localhost",
        "subjectAltNames": ["DNS:localhost", "DNS:www.example.com"],
        "issuer": "issuing",
        "profile": "webserver",
        "notBefore": "2026-11-01T00:00:00Z",
        "notAfter": "2027-02-21T00:00:00Z",
        "status": "revoked",
        "revocation": {
            "reason": "keyCompromise",
            "revocationDate": "2026-11-02T00:00:00Z",
            "invalidityDate": None,
        },
        "manifest": "certificates/web.yaml",
        "commit": "4c1f9e2" + "0" * 33,
        "provenance": {
            "commit": "4c1f9e2" + "0" * 33,
            "path": "certificates/web.yaml",
            "blobId": "b" * 40,
            "csrPath": None,
            "csrBlobId": None,
            "author": "Alice <alice@example.com>",
            "signers": ["alice@example.com"],
            "policies": [],
            "waivers": {},
            "planDigest": "sha256:3",
            "reconciledCommit": None,
            "reasons": ["DoesNotExist"],
        },
        "watchers": ["ops@example.com"],
        "fingerprintSha256": "cd" * 32,
        "policies": [],
    }


def test_what_was_made_elsewhere_was_asked_for_by_nobody_here():
    adopted = make_record(request_digest="", provenance={})
    assert certificate_json(adopted, now=NOW)["provenance"] is None


@pytest.mark.parametrize("number", [0, 1, 3])
def test_json_json_lines_and_yaml_say_the_same(number):
    records = list(islice(endless(), number))
    as_json = json.loads("".join(certificate_json_chunks(records, now=NOW)))
    assert len(as_json) == number
    assert [json.loads(row) for row in certificate_json_lines(records, now=NOW)] == as_json
    assert yaml.safe_load(certificate_yaml(records, now=NOW)) == as_json


@pytest.mark.parametrize(
    "format_list",
    [
        certificate_lines,
        certificate_json_chunks,
        certificate_json_lines,
        certificate_csv_lines,
        certificate_table,
    ],
)
def test_lists_stream(format_list):
    pieces = list(islice(format_list(endless(), now=NOW), 3))
    assert len(pieces) == 3


def test_csv_has_a_header_and_joins_lists():
    rows = list(csv.DictReader(io.StringIO("".join(certificate_csv_lines([REVOKED], now=NOW)))))
    assert list(rows[0])[: len(COLUMNS)] == list(COLUMNS)
    assert rows[0]["subjectAltNames"] == "DNS:localhost DNS:www.example.com"
    assert rows[0]["revocationReason"] == "keyCompromise"


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "|cmd", " =1", "%0"])
def test_no_cell_is_a_formula(start):
    text = "".join(certificate_csv_lines([make_record(subject=start)], now=NOW))
    row = next(csv.DictReader(io.StringIO(text)))
    assert row["subject"] == f"'{start}"


def test_text_of_others_is_inert(hostile, inert):
    record = make_record(
        subject=hostile,
        subject_alternative_names=(hostile,),
        issuer=hostile,
        profile=hostile,
        path=hostile,
        commit=hostile,
    )
    for format_list in (
        certificate_lines,
        certificate_json_chunks,
        certificate_json_lines,
        certificate_table,
    ):
        assert inert("".join(format_list([record], now=NOW)))
    assert inert(certificate_yaml([record], now=NOW))
    assert inert("".join(certificate_csv_lines([record], now=NOW)).replace("\r\n", "\n"))


def test_a_table_on_a_terminal_has_no_control_characters_of_others(hostile):
    record = make_record(subject=hostile, subject_alternative_names=(hostile,), issuer=hostile)
    lines = "".join(certificate_table([record], now=NOW, width=100)).split("\n")
    assert all(line.isprintable() for line in lines)


def test_a_piped_table_has_tabs_and_nothing_is_cut():
    names = tuple(f"DNS:{number}.example.com" for number in range(100))
    header, row = certificate_table([make_record(subject_alternative_names=names)], now=NOW)
    assert header.startswith("SERIAL\tNAMESPACE\tNAME\t")
    assert row.rstrip("\n").split("\t")[-1] == ", ".join(n.removeprefix("DNS:") for n in names)


def test_a_table_on_a_terminal_folds_and_loses_nothing():
    record = make_record(serial_number=2**159 - 1)
    lines = list(certificate_table([record], now=NOW, width=80))
    assert all(len(text.rstrip("\n")) <= 80 for text in lines)
    assert "".join(lines).count("F") >= 39
    assert "…" not in "".join(lines)


def test_a_table_is_aligned_when_there_is_room():
    assert list(format_table(["A", "LONGER"], [["value", "x"], ["b", "y"]], width=40)) == [
        "A      LONGER\n",
        "value  x\n",
        "b      y\n",
    ]


def test_markup_in_a_cell_is_text():
    lines = "".join(format_table(["A"], [["[bold]x[/y]"]], width=40))
    assert "[bold]x[/y]" in lines


def test_colour_is_asked_for(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in "".join(format_table(["A"], [["x"]], width=40))
    assert "\x1b" not in line(REVOKED)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1m" in "".join(format_table(["A"], [["x"]], width=40, color=True))
    assert "(\x1b[31mrevoked\x1b[0m)" in line(REVOKED, color=True)
