"""What a plan says of authorities whose key no run has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pki_as_code.plan.observation import Observation
from tests.plan.worlds import (
    BASE,
    Files,
    authority,
    certificate,
    load,
    observe,
    plan,
    project,
    refused,
    told,
)

OFFLINE: Files = {
    **project(defaults={"issuer": "issuing"}),
    **authority("root", mode="offline", pathLength=2, validity="7300d"),
    **authority("middle", parent="root", pathLength=1),
    **authority("issuing", parent="middle", pathLength=0),
    **certificate("web", subjectAltNames=["www.example.com"]),
}


def warned(planned) -> list[str]:
    assert all(finding.severity == "warning" for finding in planned.findings)
    return [f"{finding.source.path}: {finding.code}" for finding in planned.findings]


def test_nothing_is_refused_and_everything_says_what_it_waits_for():
    planned = plan(load(OFFLINE), Observation())
    assert (told(planned), refused(planned)) == ([], [])
    assert warned(planned) == [
        "authorities/root.yaml: authority.ceremony_needed",
        "authorities/middle.yaml: authority.ceremony_needed",
        "authorities/issuing.yaml: authority.waits_for_ceremony",
        "certificates/web.yaml: authority.waits_for_ceremony",
    ]


def test_what_does_not_wait_goes_on():
    parts = {**OFFLINE, **authority("own"), **certificate("api", issuer="own", key="P-256/2",
             subjectAltNames=["api.example.com"])}  # fmt: skip
    planned = plan(load(parts), Observation())
    assert told(planned) == ["issue own: DoesNotExist", "issue api: DoesNotExist"]


def test_once_the_root_is_there_only_the_next_one_needs_a_ceremony():
    manifests = load(OFFLINE)
    known = observe(manifests)
    root = {object_id: o for object_id, o in known.objects.items() if object_id.name == "root"}
    planned = plan(
        manifests,
        Observation(objects=root, authorities={"root": known.authorities["root"]}),
    )
    assert warned(planned)[0] == "authorities/middle.yaml: authority.ceremony_needed"
    assert "root comes before" not in planned.findings[0].help
    assert (told(planned), refused(planned)) == ([], [])


def test_the_steps_name_the_commands_and_the_key():
    parts = {**OFFLINE, **authority("root", mode="offline", key={"uri": "file:/safe/root.key"})}
    first, second, *_ = plan(load(parts), Observation()).findings
    assert "pkictl ceremony prepare root --out root.bundle.json" in first.help
    assert "--key file:/safe/root.key --out root.pem" in first.help
    assert "pkictl ceremony accept root.pem --branch ceremony-root" in first.help
    assert "--key file:/safe/root.key --out middle.pem" in second.help
    assert "root comes before it" in second.help


def test_an_authority_with_a_key_of_its_own_offline_says_so():
    parts = {**OFFLINE, **authority("middle", parent="root", pathLength=1, mode="offline")}
    findings = plan(load(parts), Observation()).findings
    [told] = [f for f in findings if f.source.path == "authorities/middle.yaml"]
    assert "--own-key file:/media/middle.key" in told.help


def test_nobody_signs_an_end_entity_in_a_ceremony():
    parts = {**OFFLINE, **certificate("direct", issuer="root", key="P-256/2",
             subjectAltNames=["a.example.com"])}  # fmt: skip
    planned = plan(load(parts))
    [error] = [finding for finding in planned.findings if finding.severity == "error"]
    assert (error.code, error.source.path) == (
        "authority.offline_issuer", "certificates/direct.yaml",
    )  # fmt: skip
    assert "issue web: DoesNotExist" in told(planned)


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_an_authority_that_has_its_certificate_is_left_alone(mode):
    before = observe(load(BASE))
    after = load(BASE, authority("root", pathLength=1, validity="7300d", mode=mode))
    planned = plan(after, before)
    assert (told(planned), refused(planned), planned.findings) == ([], [], ())


def test_an_authority_offline_below_one_online_is_left_to_people():
    parts = {**BASE, **authority("vault", parent="root", mode="offline")}
    known = observe(load(BASE))
    planned = plan(load(parts), replace(known))
    [finding] = planned.findings
    assert finding.code == "authority.ceremony_needed"
    assert "put it under spec.certificate" in finding.help
