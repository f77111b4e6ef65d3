"""Authorities in their tree: with manifests, without, and in a circle that nobody signed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pki_as_code.formats.authorities import authority_lines, authority_tree
from pki_as_code.model import CERTIFICATE_HOLD, Revocation
from pki_as_code.plan.hierarchy import (
    Condition,
    authority_standings,
    chain_upwards,
    effective_path_length,
    find_signer,
)
from tests.plan.test_adoption import given, limited, made
from tests.plan.worlds import DAY, NOW, load, load_result, project

CERTIFICATES = {
    "root": limited("root", path_length=2),
    "middle": limited("middle", "root"),
    "low": limited("low", "middle", path_length=5),
    "other": limited("other"),
}


def standings(*names: str, **spec):
    """Those in `names` have a manifest."""
    parents = {"middle": "root", "low": "middle"}
    parts = [given(n, CERTIFICATES[n], parent=parents.get(n), **spec) for n in names]
    return authority_standings(CERTIFICATES, load(project(), *parts))


@pytest.mark.parametrize("names", [(), ("root",), tuple(CERTIFICATES)])
def test_parents_are_found_with_and_without_manifests(names):
    found = standings(*names)
    parents = {name: standing.parent for name, standing in found.items()}
    assert parents == {"root": None, "middle": "root", "low": "middle", "other": None}
    assert found["root"].children == ("middle",)
    assert [standing.name for standing in chain_upwards("low", found)] == ["low", "middle", "root"]


def test_the_path_length_is_that_of_the_whole_chain():
    found = standings()
    lengths = {name: effective_path_length(name, found) for name in found}
    assert lengths == {"root": 2, "middle": 1, "low": 0, "other": None}


def test_the_tree_has_a_branch_for_each():
    lines = "".join(authority_tree(standings(*CERTIFICATES), NOW))
    assert lines == "0B - other\n0B - root\n└───0B - middle\n    └───0B - low\n"


def test_siblings_are_drawn_with_a_line_between_them():
    certificates = {**CERTIFICATES, "zz": made("zz", "root"), "m2": made("m2", "root")}
    tree = "".join(authority_tree(authority_standings(certificates, load(project())), NOW))
    assert "├───07 - m2 (retired)\n├───0B - middle (retired)\n│   └───0B - low" in tree
    assert "└───07 - zz (retired)\n" in tree


def test_a_circle_of_parents_is_shown_all_the_same():
    parts = [
        given("other", CERTIFICATES["other"], parent="root"),
        given("root", CERTIFICATES["root"], parent="other"),
    ]
    manifests = load_result(project(), *parts).manifests
    certificates = {name: CERTIFICATES[name] for name in ("root", "other")}
    found = authority_standings(certificates, manifests)
    assert len(list(authority_tree(found, NOW))) == 2
    assert len(chain_upwards("root", found)) == 2


@pytest.mark.parametrize(
    ("now", "usages", "condition"),
    [
        (NOW, ["sign"], Condition.VALID),
        (NOW, ["crl", "ocsp"], Condition.RETIRED),
        (NOW - 2 * DAY, ["sign"], Condition.NOT_YET_VALID),
        (NOW + 1000 * DAY, ["sign"], Condition.VALID),
        (NOW + 1000 * DAY + timedelta(seconds=1), ["sign"], Condition.EXPIRED),
        (NOW + 1001 * DAY, ["crl"], Condition.EXPIRED),
    ],
)
def test_a_list_marks_what_does_not_sign(now, usages, condition):
    found = standings("root", usages=usages)
    assert found["root"].condition(now) is condition
    mark = "" if condition is Condition.VALID else f" ({condition})"
    assert f"0B - root{mark}\n" in list(authority_lines(found, now))


def test_one_whose_manifest_is_gone_is_retired():
    assert standings()["root"].condition(NOW) is Condition.RETIRED


@pytest.mark.parametrize(
    ("reason", "condition"),
    [("keyCompromise", Condition.REVOKED), (CERTIFICATE_HOLD, Condition.ON_HOLD)],
)
def test_one_that_is_revoked_is_marked_so_before_all_else(reason, condition):
    manifests = load(project(), given("middle", CERTIFICATES["middle"]))
    revoked = {"middle": Revocation(reason, NOW)}
    found = authority_standings(CERTIFICATES, manifests, revoked)
    assert found["middle"].condition(NOW + 2000 * DAY) is condition
    assert f"0B - middle ({condition})\n" in list(authority_lines(found, NOW))


def test_a_signer_is_found_by_its_signature_not_by_its_name():
    forged = made("middle", "root")
    named_alike = {"root": made("root", serial=9)}
    assert find_signer(forged, named_alike) == "root"
    assert find_signer(forged, {"root": limited("other")}) is None
    assert find_signer(made("root"), CERTIFICATES) is None
