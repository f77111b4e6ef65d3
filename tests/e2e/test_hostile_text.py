"""
Text of others in every output: what a CSR, a manifest or a commit says stays text.

Two repositories: in one everything that can be refused is refused, and told; in the other
everything that may be written is written, and issued.
"""

from __future__ import annotations

import json
import shutil

import pytest

from pki_as_code.cli.reports import CI_FORMS
from tests.e2e.conftest import make_csr
from tests.e2e.in_process import InProcess, in_process
from tests.e2e.test_policy import GRANT
from tests.formats.readers import check_inert

SEEN = (
    "]]></failure><img src=x onerror=y> `` ``` | [a](https://evil) ![i](b) **b** @octocat #1 "
    "%0A::error::pwned ##[group]x ##vso[task.setvariable]x <!-- </details> {0} ${{ secrets.X }}"
)
"""Characters that everybody sees, and that mean something to Markdown, XML, or a runner."""

HIDDEN = (
    "\n::error::pwned\r\n::set-output name=a::b\x1b[31m\x1b]8;;https://evil\x07link\x1b]8;;\x07"
    "\x9b31m\u202egnp.exe\u200b\u2028\U000e0041\0"
)
"""Characters that move a cursor, end a line, or are not seen."""

LONG = "long" * 20_000

FORMS = {
    "plan": ("text", "json", "yaml", *CI_FORMS),
    "validate": ("text", "json", *CI_FORMS),
    "list_certs --expired --revoked": ("text", "wide", "json", "jsonl", "csv", "yaml"),
    "show web": ("text", "json"),
    "show web --effective": ("text", "json"),
    "status": ("text", "json"),
    "doctor": ("text", "json"),
    "doctor --forge": ("text", "json"),
    "policy test": ("text", "json"),
    "policy impact --base HEAD": ("text", "json"),
    "policy impact --base HEAD~1 --ref HEAD": ("text", "json"),
    "cert_watchers web": ("text", "json"),
    "list_cas": ("text", "json", "yaml"),
    "view_cert web": ("text", "json"),
    "codeowners": ("",),
    "codeowners --check": ("",),
    "reconcile --dry-run": ("",),
    "store verify": ("text", "json"),
}
EVERY = [(command, form) for command, forms in FORMS.items() for form in forms]


def quoted(text: str) -> str:
    """Text in a double-quoted scalar of YAML, with its escapes; JSON's are among them."""
    return json.dumps(text)


def check(repository: InProcess, command: str, form: str) -> tuple[str, str]:
    options = ("--output", form) if form else ()
    done = repository.run(*command.split(), *options, expect=None)
    if done.out or done.code == 0:  # an error stands on the other stream
        check_inert(form or "text", done.out)
    check_inert("text", done.err)
    return done.out, done.err


# --- What is refused -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def refused(template, tmp_path_factory) -> InProcess:
    root = tmp_path_factory.mktemp("refused") / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    repository = in_process(root)
    (root / "CODEOWNERS").write_text("* @admins\n")
    both = HIDDEN + SEEN
    make_csr(root / "certificates/web.csr", subject="/CN=x\n::error::pwned\x1b[31m]]>")
    csr = "csrFile: web.csr"
    for name, body in {
        "subject": f"{csr}\nsubject: {quoted('CN=' + both)}",
        "name": f"{csr}\nsubjectAltNames: [{quoted(both)}, {quoted(SEEN)}]",
        "unknown": f"{csr}\n{quoted(both)}: x\n{quoted(LONG)}: y",
        "long": f"{csr}\nsubjectAltNames: [{LONG}]\nissuer: {quoted(LONG)}",
        "issuer": f"{csr}\nissuer: {quoted(both)}\nprofile: {quoted(SEEN)}",
        "watcher": f"{csr}\nwatchers: [{quoted(both)}]\nvalidity: {quoted(SEEN)}",
        "file": f"csrFile: {quoted(both.replace('/', ''))}",
        "elsewhere": f"csrFile: {quoted(SEEN + '/../../../../' + SEEN)}",
        "extension": f"{csr}\nextensions: {{custom: [{{oid: {quoted(SEEN)}, value: x}}]}}",
    }.items():  # fmt: skip
        repository.manifest(name, body)
    repository.write("certificates/raw.yaml", f"a: {both}\n")
    repository.write("certificates/kind.yaml", f"apiVersion: {quoted(both)}\nkind: {quoted(SEEN)}")
    repository.write(
        "certificates/meta.yaml",
        "apiVersion: pki-as-code/v1\nkind: Certificate\n"
        f"metadata: {{name: {quoted(both)}}}\nspec: {{csrFile: web.csr}}\n",
    )
    for name in (both, SEEN, "long" * 50):
        file = name.replace("/", "\u2215").replace("\0", "")[:80]
        (root / f"certificates/{file}.yaml").write_text("kind: [\n")
        (root / f"certificates/{file}").mkdir()
        (root / f"certificates/{file}/x.yaml").write_text("kind: Certificate\n")
    (root / f"certificates/link{HIDDEN[:15]}.yaml").symlink_to(f"/{SEEN.replace('/', '')}")
    repository.write(
        "certificates/team/_namespace.yaml",
        "apiVersion: pki-as-code/v1\nkind: Namespace\nmetadata: {name: team}\n"
        f"spec: {{owners: [{quoted(both)}, {quoted(SEEN)}]}}\n",
    )
    repository.write(
        "policies/bad.yaml",
        GRANT.replace("name: payments", "name: bad").replace("{suffix: payments.example.com}",
                                                             f"{{suffix: {quoted(both)}}}"),
    )  # fmt: skip
    repository.write(
        "policy-tests/bad.yaml",
        f"tests:\n  - name: {quoted(both)}\n    request: {{namespace: {quoted(SEEN)}}}\n"
        f"    expect: {quoted(both)}\n",
    )
    repository.write(
        "watchers/bad.yaml",
        "apiVersion: pki-as-code/v1\nkind: Watcher\nmetadata: {name: bad}\n"
        f"spec: {{channels: [{{email: {{to: [{quoted(both)}]}}}}]}}\n",
    )
    repository.write(".github/workflows/x.yml", f"uses: a@{both}\n")
    repository.commit(f"{SEEN}{HIDDEN}".replace("\0", ""))
    repository.commit("again")
    return repository


@pytest.mark.parametrize(("command", "form"), EVERY)
def test_what_is_refused_is_told_as_text(refused, command, form):
    check(refused, command, form)


@pytest.mark.parametrize("form", FORMS["validate"])
def test_of_what_is_refused_nothing_is_left_out(refused, form):
    out, _ = check(refused, "validate", form)
    for name in ("subject", "name", "unknown", "long", "issuer", "file", "meta", "raw", "kind"):
        assert f"certificates/{name}.yaml" in out, name
    assert "pwned" in out


def test_names_on_the_command_line_are_told_as_text(refused):
    for command in (
        "show",
        "view_cert",
        "list_certs --san",
        "explain",
        "plan --ref",
        "plan --base",
    ):
        for text in (SEEN, HIDDEN.replace("\0", ""), LONG):
            done = refused.run(*command.split(), text, expect=None)
            check_inert("text", done.out)
            check_inert("text", done.err)
            assert done.code != 0 or command.startswith("list_certs")


# --- What is issued ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def issued(template, tmp_path_factory) -> InProcess:
    root = tmp_path_factory.mktemp("issued") / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    repository = in_process(root)
    (root / "CODEOWNERS").write_text(f"# {SEEN}\n* @admins\n")
    extra = ("-addext", "subjectAltName=DNS:a.example,URI:https://x/%0A::error::", "-utf8")
    make_csr(root / "certificates/web.csr", subject="/CN=x\n::error::\x1b[31m", extra=extra)
    parts = [SEEN[i : i + 60].strip() for i in range(0, len(SEEN), 60)]
    escaped = [part.translate({ord(c): f"\\{c}" for c in '\\"+,;<>'}) for part in parts]
    subject = ",".join([*(f"OU={part}" for part in escaped), "CN=::error::pwned"])
    names = ["www.example.com", "URI:https://x.example/%0A::set-output%20name=a::b"]
    make_csr(root / "certificates/next.csr")
    asked = f"csrFile: web.csr\nsubject: {quoted(subject)}\nsubjectAltNames: {json.dumps(names)}\n"
    repository.manifest("web", f"{asked}watchers: [ops@example.com]")
    repository.write(
        "certificates/_namespace.yaml",
        "apiVersion: pki-as-code/v1\nkind: Namespace\nmetadata: {name: default}\n"
        "spec: {owners: [ops@example.com]}\n",
    )
    subjects = "subject: {OU: ['*'], CN: ['*'], O: ['*'], C: ['*']}"
    policy = (
        "apiVersion: pki-as-code/v1\nkind: Policy\nmetadata: {name: ours}\nspec:\n  effect: Grant\n"
        "  selector: {namespaces: [default]}\n  allow:\n    dns: [{suffix: example.com}]\n"
        f"    uri: [{{scheme: https, suffix: example}}]\n    {subjects}\n"
    )
    repository.write("policies/ours.yaml", policy)
    repository.write(
        "policy-tests/ours.yaml",
        f"tests:\n  - name: {quoted(SEEN)}\n    expect: denied\n"
        "    request: {namespace: default, subjectAltNames: [www.example.com], key: P-256}\n",
    )
    message = f"{SEEN}{HIDDEN}".replace("\0", "")
    repository.git("config", "user.name", "x\x1b[31m ::error::\u202e")
    repository.git("config", "user.email", "a\x1b]8;;@b")
    repository.git("add", "-A")
    author = "--author=::error::x\x1b[31m\u202e <a\x1b[31m@example.com>"
    repository.git("commit", "--quiet", author, "-m", message)
    repository.run("reconcile")
    repository.write("policies/ours.yaml", policy.replace("suffix: ex", "suffix: next.ex", 1))
    repository.manifest("next", asked.replace("web.csr", "next.csr").replace("www", "next"))
    repository.git("add", "-A")
    repository.git("commit", "--quiet", author, "-m", message)
    return repository


@pytest.mark.parametrize(("command", "form"), EVERY)
def test_what_was_issued_is_told_as_text(issued, command, form):
    check(issued, command, form)


def test_what_was_issued_is_told_at_all(issued):
    planned = issued.run("plan", "-o", "github").out
    assert "::notice file=certificates/next.yaml" in planned
    assert "img src=x onerror=y" in planned
    assert "octocat" in issued.run("list_certs", "-o", "json").out
    shown = issued.run("show", "web").out
    assert "pwned" in shown
    assert r"\x1b" in shown
    assert "could not be renewed" in issued.run(*["policy", "impact", "--base", "HEAD~1"]).out
    assert "octocat" in issued.run("policy", "test", expect=None).out


# --- What looks like something else --------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS["plan"])
def test_a_name_that_looks_like_another_is_pointed_out_to_whoever_reviews(template, tmp_path, form):
    root = tmp_path / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    repository = in_process(root)
    make_csr(root / "certificates/web.csr")
    repository.manifest(
        "web",
        "csrFile: web.csr\nsubject: O=Example B\u0430nk\n"
        "subjectAltNames: [xn--pypal-4ve.com, xn--bcher-kva.example]",
    )
    out, _ = check(repository, "plan", form)
    assert out.count("unicode.misread") >= 2
    for told in ("U+0430 CYRILLIC SMALL LETTER A", "xn--pypal-4ve.com"):
        assert told in out
    if form in {"text", "github", "markdown"}:
        assert "xn--bcher-kva.example (b\u00fccher.example)" in out
        assert "O=Example B\u0430nk" in out
        assert "for serverAuth" in out
