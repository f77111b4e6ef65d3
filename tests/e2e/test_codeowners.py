"""CODEOWNERS: who approves what, and what cannot be smuggled into it."""

from __future__ import annotations

import pytest

from pki_as_code.authoring.codeowners import (
    BEGIN,
    END,
    check_codeowners,
    check_owner,
    codeowners_text,
    find_admins,
)
from pki_as_code.errors import PkiAsCodeError
from tests.e2e.quick import Quick

TEAMS = {"payments": ("alice@example.com", "bob@example.com"), "web": (), "www.shop": ("c@d.org",)}


def test_teams_own_their_directories_and_admins_the_rest():
    assert codeowners_text("", TEAMS, ["@example/admins"]) == (
        "# Who approves what: the last pattern that matches decides. The admins have all the "
        "rest.\n"
        "* @example/admins\n"
        "\n"
        f"{BEGIN}\n"
        "/certificates/payments/ alice@example.com bob@example.com\n"
        "/certificates/www.shop/ c@d.org\n"
        "/certificates/*/_namespace.yaml @example/admins\n"
        f"{END}\n"
    )


def test_lines_of_others_are_kept_and_writing_twice_changes_nothing():
    text = codeowners_text("# ours\n* @root\n/docs/ @writers\n", TEAMS)
    assert text.startswith("# ours\n* @root\n/docs/ @writers\n\n")
    assert codeowners_text(text, TEAMS) == text
    assert check_codeowners(text, TEAMS, "CODEOWNERS") is None
    changed = codeowners_text(text, {"payments": ("eve@example.com",)})
    assert "bob@example.com" not in changed
    assert changed.startswith("# ours\n* @root\n/docs/ @writers\n\n")


def test_what_stands_below_our_part_would_win_and_is_moved_above_it():
    text = codeowners_text("* @root\n", TEAMS) + "/certificates/payments/ @mallory\n"
    found = check_codeowners(text, TEAMS, "CODEOWNERS")
    assert found is not None
    assert found.code == "codeowners.outdated"
    fixed = codeowners_text(text, TEAMS)
    assert fixed.index("@mallory") < fixed.index(BEGIN)


def test_admins_are_those_of_the_last_star_outside_of_our_part():
    assert find_admins("* @a\n# * @b\n* @c @d # comment\n") == ["@c", "@d"]
    assert find_admins("") == []


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "codeowners.no_admins"), (f"* @a\n{BEGIN}\n", "codeowners.no_end")],
)
def test_what_cannot_be_told_is_refused(text, code):
    with pytest.raises(PkiAsCodeError) as refused:
        codeowners_text(text, {})
    assert refused.value.code == code


@pytest.mark.parametrize("owner", ["a#b@example.com", "@a b", "alice", "", "@a\n* @eve", "!a@b.c"])
def test_an_owner_that_the_file_cannot_express_is_refused(owner):
    with pytest.raises(PkiAsCodeError) as refused:
        check_owner(owner)
    assert refused.value.code == "codeowners.owner"


def test_the_command_writes_checks_and_needs_no_second_run(repository):
    quick = Quick(repository.root)
    manifest = (
        "apiVersion: pki-as-code/v1\nkind: Namespace\nmetadata: {name: payments}\n"
        "spec: {owners: [alice@example.com]}\n"
    )
    quick.write("certificates/payments/_namespace.yaml", manifest)
    assert "codeowners.no_admins" in quick.run("codeowners", expect=1).err
    quick.run("codeowners", "--admins", "@example/admins")
    written = (quick.root / ".github/CODEOWNERS").read_text()
    assert "/certificates/payments/ alice@example.com\n" in written
    quick.run("codeowners", "--check")
    assert "up to date" in quick.run("codeowners").err
    quick.write("certificates/payments/_namespace.yaml", manifest.replace("alice", "eve"))
    assert "codeowners.outdated" in quick.run("codeowners", "--check", expect=1).out
    quick.write("certificates/payments/_namespace.yaml", manifest.replace("owners", "owner"))
    assert "manifest.unknown_key" in quick.run("codeowners", expect=1).err
    (quick.root / ".github/CODEOWNERS").unlink()
    (quick.root / ".github/CODEOWNERS").symlink_to("../pki.yaml")
    quick.write("certificates/payments/_namespace.yaml", manifest)
    quick.run("codeowners", "--admins", "@example/admins", expect=1)
