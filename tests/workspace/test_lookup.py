"""What people call a certificate or an authority, and never a guess between several."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pki_as_code.errors import NotFoundError
from pki_as_code.pkix.serial_numbers import format_serial_number
from pki_as_code.stores import open_store
from pki_as_code.workspace.lookup import (
    certificate_and_chain,
    check_objects,
    find_authority_name,
    find_certificate,
)
from tests.apply.site import Site, copy_of
from tests.plan.worlds import authority, authority_id, certificate_id
from tests.stores import material

ALPHA = 0x0A1B2C3D4E5F60718293A4B5C6D7E8F901234567
BETA = 0x0A1B2C3D00000000000000000000000000000001
GAMMA = 0x49BCF200000000000000000000000000000000AB
DELTA = 0x51000000000000000000000000000000000000CD
EPSILON = 0x77000000000000000000000000000000000000EF


@contextmanager
def next_serial_numbers(*numbers: int) -> Iterator[None]:
    """Have the next certificates get these serial numbers, in order."""
    waiting = list(numbers)
    with pytest.MonkeyPatch.context() as patch:
        module = "pki_as_code.issuance.certificates"
        patch.setattr(f"{module}.random_serial_number", lambda: waiting.pop(0))
        yield
    assert waiting == []


@pytest.fixture(scope="module")
def issued(template: Path, memory_directory: Path) -> Iterator[Site]:
    """`web` was issued twice, `payments/api` and `other` once; the last two have one name."""
    site = copy_of(template, memory_directory / "looked-up")
    site.certificate("web", subject="CN=www.example.com")
    site.commit()
    with next_serial_numbers(ALPHA):
        site.run()
    site.certificate("web", key="P-256/2", subject="CN=www.example.com")
    site.certificate("other", subject="CN=same.example.com", key="P-256/3")
    site.certificate("payments/api", subject="CN=same.example.com", key="P-256/4")
    site.commit()
    with next_serial_numbers(GAMMA, BETA, DELTA):  # in the order of names
        site.run()
    yield site
    site.close()
    shutil.rmtree(site.root)  # tests of others in between: it is made a second time


def found(site: Site, text: str) -> int:
    return find_certificate(site.workspace().store, text).serial_number


def refused(site: Site, text: str) -> NotFoundError:
    with pytest.raises(NotFoundError) as error:
        find_certificate(site.workspace().store, text)
    return error.value


def test_a_certificate_is_found_by_what_people_call_it(issued):
    full = format_serial_number(GAMMA)
    for text in (
        full, full.lower(), full.replace(":", ""), f" {full}\n", "49:BC:F2", "49bcf2", "49:b",
        "49", "4",
    ):  # fmt: skip
        assert found(issued, text) == GAMMA, text


def test_a_serial_number_with_a_leading_zero_is_found_with_and_without_it(issued):
    full = format_serial_number(ALPHA)
    assert full.startswith("0A:1B")
    assert found(issued, full) == ALPHA
    assert found(issued, f"{ALPHA:x}") == ALPHA
    assert found(issued, f"0A:{full[3:]}") == ALPHA
    assert found(issued, "0A1B2C3D4E") == ALPHA


def test_a_beginning_keeps_its_leading_zero(issued):
    assert refused(issued, "A1:B2").code == "name.not_found"


def test_a_whole_serial_number_finds_what_was_superseded_too(issued):
    assert found(issued, format_serial_number(ALPHA)) == ALPHA
    assert found(issued, "0A:1B:2C:3D:4E") == ALPHA


def test_a_name_finds_the_certificate_in_use(issued):
    assert found(issued, "web") == BETA
    assert found(issued, "default/web") == BETA
    assert found(issued, "payments/api") == DELTA


def test_a_common_name_finds_the_certificate_in_use(issued):
    assert found(issued, "www.example.com") == BETA


def test_a_common_name_finds_what_is_in_use_although_it_was_issued_often(tmp_path):
    """The ones before, of which there are more than are looked at, come first by date."""
    store = open_store("sqlite:///issued.db", None, root=tmp_path)
    material.issue(store, material.root_payloads()[0])
    before = None
    for serial_number in range(GAMMA, GAMMA + 12):
        object_id = certificate_id("payments/web")
        material.issue(store, material.reservation(object_id, serial_number, replaces=before))
        before = serial_number
    assert find_certificate(store, "web").serial_number == GAMMA + 11
    store.close()


def test_a_common_name_of_several_lists_them(issued):
    error = refused(issued, "same.example.com")
    assert error.code == "name.ambiguous"
    for serial_number, name in ((GAMMA, "(other)"), (DELTA, "(payments/api)")):
        [line] = [
            line
            for line in error.help.splitlines()
            if line.startswith(format_serial_number(serial_number))
        ]
        assert line.endswith(name)


def test_a_beginning_of_several_lists_them(issued):
    error = refused(issued, "0A1B2C3D")
    assert error.code == "name.ambiguous"
    assert format_serial_number(ALPHA) in error.help
    assert format_serial_number(BETA) in error.help


@pytest.mark.parametrize(
    "text", ["", " ", "nobody", "payments/web", "ZZ", "a/b/c", "../web", "%", "49*", "*", "_", "::"]
)
def test_what_is_not_there_is_not_found(issued, text):
    error = refused(issued, text)
    assert error.code == "name.not_found"
    assert "list_certs" in error.help


def test_a_name_comes_before_the_beginning_of_a_serial_number(issued, directory):
    site = copy_of(issued.root, directory / "one-more")
    site.certificate("49bc", key="P-256/5")
    site.commit()
    with next_serial_numbers(EPSILON):
        site.run()
    assert found(site, "49bc") == EPSILON
    assert found(site, "49bcf2") == GAMMA
    site.close()


def test_a_certificate_whose_manifest_is_gone_is_found(site):
    site.certificate("web", deletionPolicy="Retain")
    site.certificate("other", key="P-256/2")
    site.commit()
    with next_serial_numbers(BETA, GAMMA):
        site.run()
    site.remove("certificates/web")
    site.commit()
    site.run()
    assert found(site, "web") == found(site, "49bcf2") == GAMMA


# --- Authorities ---------------------------------------------------------------------------------


def name_of(site: Site, text: str) -> str:
    return find_authority_name(site.workspace().authority_certificates(), text)


def test_an_authority_is_found_by_name_common_name_and_serial_number(site):
    certificate = site.workspace().authority_certificates()["issuing"]
    full = format_serial_number(certificate.serial_number)
    for text in ("issuing", "example-pki Issuing CA", full, full.lower(), full[:11], " issuing "):
        assert name_of(site, text) == "issuing"


def test_an_authority_that_is_not_there_is_answered_with_those_that_are(site):
    with pytest.raises(NotFoundError) as error:
        name_of(site, "nobody")
    assert error.value.code == "name.no_authority"
    assert "example-pki Root CA (root)" in error.value.help
    with pytest.raises(NotFoundError) as error:
        find_authority_name({}, "")
    assert "init_ca" in error.value.help


def test_two_authorities_of_one_common_name_are_listed(site):
    site.add(authority("second", parent="root", subject="CN=example-pki Issuing CA"))
    site.commit()
    site.run()
    with pytest.raises(NotFoundError) as error:
        name_of(site, "example-pki Issuing CA")
    assert error.value.code == "name.ambiguous"
    assert "(issuing)" in error.value.help
    assert "(second)" in error.value.help


# --- Chains and objects --------------------------------------------------------------------------


def test_a_chain_goes_up_to_the_root(site):
    site.certificate("web")
    site.commit()
    site.run()
    workspace = site.workspace()
    certificate, chain = certificate_and_chain(workspace.store, site.record("web"))
    assert certificate.subject.rfc4514_string() == "CN=web.example.com"
    assert [c.subject.rfc4514_string() for c in chain] == [
        "CN=example-pki Issuing CA", "CN=example-pki Root CA",
    ]  # fmt: skip


def test_a_chain_is_made_of_signatures_and_not_of_names(site):
    """Two authorities may have one name, not one key."""
    site.add(authority("a-second", parent="root", subject="CN=example-pki Issuing CA"))
    site.certificate("web", issuer="issuing")
    site.certificate("api", issuer="a-second", key="P-256/2")
    site.commit()
    site.run()
    for path in ("web", "api"):
        certificate, chain = certificate_and_chain(site.workspace().store, site.record(path))
        certificate.verify_directly_issued_by(chain[0])
        chain[0].verify_directly_issued_by(chain[1])
        assert len(chain) == 2


def test_an_object_that_is_neither_declared_nor_known_is_an_error(site):
    site.certificate("web")
    site.commit()
    site.run()
    site.remove("certificates/web")
    site.certificate("new", key="P-256/2")
    site.commit()
    workspace = site.workspace()
    known = [certificate_id("web"), certificate_id("new"), authority_id("root")]
    check_objects(workspace.loaded.manifests, workspace.store, known)
    with pytest.raises(NotFoundError) as error:
        check_objects(workspace.loaded.manifests, workspace.store, [certificate_id("nwe")])
    assert "Certificate nwe" in error.value.message
