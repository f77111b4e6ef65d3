"""Notices by mail through a real server with STARTTLS and a login, and by webhook."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.conftest import Repository, environment, make_csr, openssl
from tests.e2e.in_process import in_process
from tests.notify.servers import LOGIN, MailServer, black_hole, closed_port, webhook

DAYS = (14, 7, 3, 1)
WATCHERS = ("ops@example.com", "Dev Team <dev@example.com>")


@pytest.fixture(scope="session")
def running_mail_server(tmp_path_factory) -> Iterator[MailServer]:
    server = MailServer(tmp_path_factory.mktemp("mail"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mail_server(running_mail_server) -> MailServer:
    running_mail_server.forget()
    return running_mail_server


@pytest.fixture(scope="session")
def fleet_template(template, running_mail_server, tmp_path_factory) -> Path:
    """A repository whose certificates end in 14, 7, 3 and 1 days, and in 30; none was told yet."""
    root = tmp_path_factory.mktemp("fleet") / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    repository = in_process(root)
    name_server(repository, running_mail_server.port)
    for days in (*DAYS, 30):
        name = f"d{days}"
        make_csr(root / f"certificates/{name}.csr", subject=f"/CN={name}.example.com")
        repository.manifest(name, spec(days))
    repository.commit()
    repository.run("reconcile")
    return root


@pytest.fixture
def fleet(fleet_template, tmp_path) -> Repository:
    root = tmp_path / "example-pki"
    shutil.copytree(fleet_template, root, symlinks=True)
    return in_process(root)


def spec(days: float, *watchers: str) -> str:
    """Return the spec of a certificate that ends an hour before that many days are over."""
    ends = datetime.now(UTC) + timedelta(days=days) - timedelta(hours=1)
    return (
        f"csrFile: d{days}.csr\nsubjectAltNames: [d{days}.example.com]\n"
        f'notAfter: "{ends:%Y-%m-%dT%H:%M:%SZ}"\n'
        f"watchers: {json.dumps(watchers or WATCHERS)}"
    )


def name_server(repository: Repository, port: int, host: str = "localhost") -> None:
    path = repository.root / "pki.yaml"
    text = path.read_text().partition("  notifications:")[0].rstrip("\n")
    smtp = f"{{host: {host}, port: {port}, from: PKI <pki@example.com>}}"
    path.write_text(f"{text}\n  notifications: {{smtp: {smtp}}}\n")


def credentials(server: MailServer, **more: str) -> dict[str, str]:
    user, password = LOGIN
    given = {"PKI_SMTP_USER": user, "PKI_SMTP_PASSWORD": password}
    return {**given, "SSL_CERT_FILE": server.certificate, **more}


def notify(
    repository: Repository, server: MailServer, *arguments: str, expect: int = 0, **env: str
):
    given = ("notify_expiring_certs", *arguments)
    done = repository.run(*given, expect=expect, env=credentials(server, **env))
    assert LOGIN[1] not in done.out + done.err
    return done


def remembered(repository: Repository) -> list[str]:
    return sorted(
        f"{entry['object']['name']} {entry['thresholdSeconds'] // 86_400}d {entry['address']}"
        for entry in repository.ledger()
        if entry["type"] == "notified"
    )


EVERYTHING = sorted(
    f"d{days} {days}d mailto:{name}@example.com" for days in DAYS for name in ("ops", "dev")
)


# --- What must be shown --------------------------------------------------------------------------


def test_each_certificate_that_is_due_brings_one_mail_per_watcher_and_a_second_run_none(
    fleet, mail_server
):
    fleet = Repository(fleet.root)  # in a process of its own
    done = notify(fleet, mail_server)
    assert mail_server.told() == sorted(
        f"{name}@example.com: {said}"
        for said in map(subject, fleet.run("list_certs", "--output", "json").json)
        if said
        for name in ("ops", "dev")
    )
    assert [len(envelope["to"]) for envelope in mail_server.envelopes()] == [1] * 8
    assert all(e["tls"] and e["login"] for e in mail_server.envelopes())
    assert len(done.out.splitlines()) == 9
    assert done.out.endswith("\n8 notices sent.\n")
    assert remembered(fleet) == EVERYTHING
    head = fleet.store_head()
    again = notify(fleet, mail_server)
    assert again.out == "No notice is due.\n"
    assert len(mail_server.mails()) == 8
    assert fleet.store_head() == head
    assert "agree" in fleet.run("store", "verify").out


def subject(listed: dict) -> str:
    days = listed["name"].removeprefix("d")
    unit = "23 hours" if days == "1" else f"{days} days"
    told = f"Certificate d{days}.example.com ends in {unit}, at {listed['notAfter']}"
    return "" if days == "30" else told


def test_a_mail_says_which_certificate_it_is_and_what_to_do(fleet, mail_server):
    notify(fleet, mail_server)
    mail = next(m for m in mail_server.mails() if "d14" in m["Subject"] and "dev" in m["To"])
    pem = fleet.git("show", "pki-issued:certificates/default/d14.pem").encode()
    ends = openssl("x509", "-noout", "-enddate", "-dateopt", "iso_8601", stdin=pem)
    serial = openssl("x509", "-noout", "-serial", stdin=pem).strip().partition("=")[2]
    facts = [
        ":".join(serial[i : i + 2] for i in range(0, len(serial), 2)),
        ends.strip().partition("=")[2].replace(" ", "T"),
        "d14.example.com",
        "issuing",
        "certificates/d14.yaml",
        "pkictl dump_cert d14 FILE",
        "dev@example.com",
    ]
    assert mail["To"] == "Dev Team <dev@example.com>"
    assert mail["From"] == "PKI <pki@example.com>"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    for part in mail.iter_parts():
        text = part.get_content()
        assert [fact for fact in facts if fact not in text] == []
        assert "ops@example.com" not in text


def test_a_skipped_day_is_caught_up_and_never_with_more_than_one_mail(fleet, mail_server):
    """The clock is a parameter: three weeks in the life of one certificate."""
    started = datetime.now(UTC).replace(microsecond=0)
    fleet.git("rm", "-q", *[f"certificates/d{days}.yaml" for days in (14, 7, 3, 1)])
    fleet.commit()

    def told(days_left: float) -> list[str]:
        mail_server.forget()
        at = started + timedelta(days=30 - days_left)
        with clock(fleet, mail_server) as run:
            run(at)
            run(at)  # once more, for nothing
        return [mail["Subject"].partition(" ends in ")[2] for mail in mail_server.mails()]

    def both(text: str, days_left: float) -> None:
        subjects = told(days_left)
        assert [said.partition(",")[0] for said in subjects] == [text] * 2

    assert told(20) == []
    assert told(14.5) == []
    both("14 days", 13.9)
    assert told(13) == []
    both("6 days", 6.4)  # 7 was yesterday
    both("12 hours", 0.55)  # 3 and 1 were missed
    assert told(0.3) == []
    mail_server.forget()
    assert told(-1) == ["", ""]  # has ended
    assert told(-2) == []


@contextmanager
def clock(repository: Repository, server: MailServer):
    """Yield what tells people as of a time."""
    from pki_as_code.apply.notices import find_due_notices, send_notices
    from pki_as_code.manifests.tree import WorkingTree
    from pki_as_code.notify import Channels, ChannelSettings, Credentials
    from pki_as_code.workspace import open_workspace

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(SSL_CERT_FILE=server.certificate).items():
            patch.setenv(name, value)
        workspace = open_workspace(repository.root, ref="HEAD", read_only=False)
        manifests = workspace.loaded.manifests
        smtp = manifests.project.manifest.spec.notifications.smtp
        settings = ChannelSettings(smtp, WorkingTree(repository.root), Credentials(*LOGIN))

        def run(now: datetime) -> list[str]:
            due = find_due_notices(workspace.store, manifests, now)
            with Channels(settings) as channels:
                sent = list(send_notices(workspace.store, due, channels, now))
            return [delivery.error.message for delivery in sent if delivery.error]

        with closing(workspace.store):
            yield run


def test_a_server_that_refuses_leaves_everything_due(fleet, mail_server):
    mail_server.behave(data="451 come back later")
    done = notify(fleet, mail_server, expect=1)
    assert done.out.endswith("\n0 notices sent, 8 not sent and still due.\n")
    assert done.err.count("error[notify.refused]") == 1
    assert "451 come back later" in done.err
    assert remembered(fleet) == []
    mail_server.behave()
    notify(fleet, mail_server)
    assert remembered(fleet) == EVERYTHING


def test_one_address_that_is_refused_stays_due_and_the_others_are_told(fleet, mail_server):
    mail_server.behave(refuse={"dev@example.com": "550 5.1.1 no such user"})
    done = notify(fleet, mail_server, expect=5)
    assert "550 5.1.1 no such user" in done.err
    assert "\nnot told dev@example.com: certificate d14.example.com" in f"\n{done.out}"
    assert remembered(fleet) == [line for line in EVERYTHING if "ops@" in line]
    mail_server.forget()
    notify(fleet, mail_server)
    assert {envelope["to"][0] for envelope in mail_server.envelopes()} == {"dev@example.com"}
    assert remembered(fleet) == EVERYTHING


@pytest.mark.parametrize("fault", ["down", "black hole", "password", "untrusted", "name", "none"])
def test_a_server_that_cannot_be_used_leaves_everything_due(fleet, mail_server, fault):
    env, code = credentials(mail_server), "notify.unreachable"
    with black_hole() as hole:
        if fault in {"down", "black hole"}:
            name_server(fleet, hole if fault == "black hole" else closed_port())
        if fault == "black hole":
            code = "notify.timeout"
        if fault == "password":
            env["PKI_SMTP_PASSWORD"], code = "S3CRET", "notify.login_refused"
        if fault == "untrusted":
            del env["SSL_CERT_FILE"]
            code = "notify.untrusted_server"
        if fault == "name":
            name_server(fleet, mail_server.port, host="127.0.0.1")
            code = "notify.untrusted_server"
        if fault == "none":
            path = fleet.root / "pki.yaml"
            path.write_text(path.read_text().partition("  notifications:")[0])
            code = "notify.no_smtp"
        fleet.commit()
        head = fleet.store_head()
        given = ("notify_expiring_certs", "--timeout", "0.5")
        done = fleet.run(*given, env=env, expect=1)
    assert done.err.count(f"error[{code}]") == 1
    assert "S3CRET" not in done.out + done.err
    assert done.out.endswith("\n0 notices sent, 8 not sent and still due.\n")
    assert mail_server.mails() == []
    assert fleet.store_head() == head


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_repeats_at_most_what_it_had_not_recorded_and_loses_nothing(
    fleet, mail_server, how
):
    mail_server.behave(hang=3)
    process = subprocess.Popen(
        [sys.executable, "-m", "pki_as_code", "notify_expiring_certs"],
        cwd=fleet.root,
        env=environment(**credentials(mail_server)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Whoever runs the tests in the background has it ignored, which children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 30
    while len(mail_server.mails()) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(how)
    process.wait()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert len(remembered(fleet)) == 2  # what had been accepted
    mail_server.behave()
    notify(fleet, mail_server)
    assert remembered(fleet) == EVERYTHING
    ids = [mail["Message-ID"] for mail in mail_server.mails()]
    assert len(set(ids)) == 8
    assert 9 <= len(ids) <= 11


# --- Who, and what of ----------------------------------------------------------------------------


def test_nothing_is_told_of_what_was_revoked_replaced_or_removed(fleet, mail_server):
    fleet.run("revoke_cert", "d14", "--yes")
    replaced = fleet.root / "certificates/d7.yaml"
    replaced.write_text(
        "\n".join(line for line in replaced.read_text().splitlines() if "notAfter" not in line)
        + "\n"
    )
    path = fleet.root / "certificates/d3.yaml"
    path.write_text(path.read_text() + "  deletionPolicy: Retain\n  reissue: 1\n")
    fleet.commit()
    fleet.run("reconcile")
    path.unlink()
    fleet.commit()
    fleet.run("reconcile")
    done = notify(fleet, mail_server)
    assert [m["To"] for m in mail_server.mails()] == ["Dev Team <dev@example.com>",
                                                      "ops@example.com"]  # fmt: skip
    assert all("d1.example.com" in mail["Subject"] for mail in mail_server.mails())
    assert done.out.endswith("\n2 notices sent.\n")


def test_watchers_of_a_team_see_its_own_and_hooks_get_what_they_ask_for(
    fleet, mail_server, tmp_path
):
    with webhook(503, 200) as hook:
        make_csr(fleet.root / "certificates/pay/d5.csr", subject="/CN=d5.example.com")
        fleet.manifest("pay/d5", spec(5, "pay@example.com"))
        team = 'before: [6d]\n  events: [expiring]\n  notify: ["mailto:team@example.com"]\n'
        watcher = "apiVersion: pki-as-code/v1\nkind: Watcher\nmetadata: {name: w}\nspec:\n"
        fleet.write("certificates/pay/w.yaml", f"{watcher}  {team}")
        fleet.write(
            "watchers/hook.yaml",
            f"{watcher}  selector: {{certificates: [d1, d3]}}\n"
            f"  events: [revoked, expiring]\n  before: [2d]\n  notify: ['{hook.url}']\n",
        )
        fleet.commit()
        fleet.run("reconcile")
        fleet.run("revoke_cert", "d3", "--reason", "keyCompromise", "--yes")
        done = notify(fleet, mail_server, "--output", "json", PKI_WEBHOOK_SECRET="shared")
    told = {(e["to"][0], m["Subject"].split()[1].partition(".")[0])
            for e, m in zip(mail_server.envelopes(), mail_server.mails(), strict=True)}  # fmt: skip
    assert {pair for pair in told if "d5" in pair} == {
        ("pay@example.com", "d5"), ("team@example.com", "d5"),
    }  # fmt: skip
    assert not {pair for pair in told if pair[0] == "team@example.com"} - {
        ("team@example.com", "d5")
    }
    bodies = [json.loads(body) for _, _, body in hook.requests]
    assert len({body["id"] for body in bodies}) == 2
    assert {(b["event"], b["certificate"]["name"]) for b in bodies} == {
        ("revoked", "d3"), ("expiring", "d1"),
    }  # fmt: skip
    assert all(headers["X-Pki-Signature"].startswith("sha256=") for _, headers, _ in hook.requests)
    assert "T0KEN" not in done.out + done.err
    assert "T0KEN" not in json.dumps(fleet.ledger())
    assert done.json["summary"] == {"sent": 10, "due": 0, "failed": 0}


def test_days_tells_of_everything_that_ends_in_that_time(fleet, mail_server):
    notify(fleet, mail_server, "--days", "2")
    assert {mail["Subject"].split()[1] for mail in mail_server.mails()} == {"d1.example.com"}
    mail_server.forget()
    notify(fleet, mail_server, "--days", "60")
    assert {mail["Subject"].split()[1] for mail in mail_server.mails()} == {
        f"d{days}.example.com" for days in (3, 7, 14, 30)
    }
    mail_server.forget()
    assert notify(fleet, mail_server, "--days", "60").out == "No notice is due.\n"
    assert notify(fleet, mail_server).out == "No notice is due.\n"
    assert mail_server.mails() == []


def test_a_dry_run_shows_what_would_be_sent_and_changes_nothing(fleet, mail_server):
    head = fleet.store_head()
    done = notify(fleet, mail_server, "--dry-run")
    lines = done.out.splitlines()
    assert len(lines) == 9
    assert lines[0].startswith("due for dev@example.com: certificate d1.example.com ends in ")
    assert lines[-1] == "8 notices are due; nothing was sent."
    found = notify(fleet, mail_server, "--dry-run", "--output", "json").json
    assert found["summary"] == {"sent": 0, "due": 8, "failed": 0}
    assert {notice["threshold"] for notice in found["notices"]} == {"1d", "3d", "7d", "14d"}
    assert mail_server.mails() == []
    assert fleet.store_head() == head


# --- Templates and faults ------------------------------------------------------------------------


def test_a_repository_has_templates_of_its_own_as_committed(fleet, mail_server):
    fleet.write("templates/notice.subject.j2", "[PKI] {{ title }}")
    done = notify(fleet, mail_server, "--dry-run")
    assert done.out.endswith("\n8 notices are due; nothing was sent.\n")
    fleet.write("templates/notice.txt.j2", "Call 4711 about {{ certificate.serial }}.\n")
    fleet.commit()
    fleet.write("templates/notice.txt.j2", "not committed {{ nothing }}")
    notify(fleet, mail_server)
    assert {mail["Subject"] for mail in mail_server.mails()} == {
        f"[PKI] d{days}.example.com" for days in DAYS
    }
    assert all(mail.get_content().startswith("Call 4711 about ") for mail in mail_server.mails())


def test_a_template_with_a_fault_is_an_error_with_its_line_and_sends_nothing(fleet, mail_server):
    fleet.write("templates/notice.txt.j2", "Dear {{ recipient.name }}\n{{ certificate.serail }}\n")
    fleet.commit()
    for arguments in (("--dry-run",), ()):
        done = notify(fleet, mail_server, *arguments, expect=1)
        assert done.err.count("error[notify.template]: templates/notice.txt.j2:2: ") == 1
    assert mail_server.mails() == []
    assert remembered(fleet) == []


def test_a_link_is_no_template(fleet, mail_server):
    (fleet.root / "templates").mkdir()
    os.symlink("/etc/passwd", fleet.root / "templates/notice.txt.j2")
    fleet.commit()
    done = notify(fleet, mail_server, expect=1)
    assert "symlink" in done.err
    assert mail_server.mails() == []


def test_a_manifest_with_a_fault_keeps_nobody_else_in_the_dark(fleet, mail_server):
    fleet.write("certificates/bad.yaml", "apiVersion: pki-as-code/v1\nkind: Certificate\nx: 1\n")
    fleet.commit()
    done = notify(fleet, mail_server, expect=5)
    assert "certificates/bad.yaml" in done.err
    assert remembered(fleet) == EVERYTHING


def test_mail_works_without_jinja_and_says_the_same_in_text(fleet, mail_server, tmp_path):
    """As installed without the extra `notify`."""
    hide = "import sys; sys.modules['jinja2'] = None\n"
    program = (
        f"{hide}import importlib.util as u; f = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'jinja2' else f(name, *a)\n"
        "from pki_as_code.cli.main import main; sys.exit(main(['notify_expiring_certs']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=fleet.root,
        env=environment(**credentials(mail_server)),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {mail.get_content_type() for mail in mail_server.mails()} == {"text/plain"}
    assert len(mail_server.mails()) == 8


@pytest.mark.parametrize("arguments", [("--days", "0"), ("--days", "x"), ("--timeout", "0")])
def test_a_wrong_number_is_wrong_usage(fleet, mail_server, arguments):
    notify(fleet, mail_server, *arguments, expect=64)
