"""Several runs at once on one repository: the outcome is that of some order of them."""

from __future__ import annotations

import os

import pytest

from tests.e2e.fault_site import KINDS

TIMES = int(os.environ.get("PKI_TEST_RACES", "1"))
"""See CONTRIBUTING.md."""

AUTHORITY = """\
apiVersion: pki-as-code/v1
kind: CertificateAuthority
metadata: {name: second}
spec:
  subject: CN=Second Issuing CA
  parent: root
  key: {uri: "file:keys/second.pem", type: EC}
  validity: 3650d
  pathLength: 0
"""


@pytest.mark.parametrize("_time", range(TIMES))
@pytest.mark.parametrize("processes", [2, 8])
@pytest.mark.parametrize("kind", KINDS)
def test_runs_at_once_issue_each_request_once(make_site, kind, processes, _time):
    """They also revoke, make an authority with its key, sign CRLs and certify responders."""
    site = make_site(kind)
    site.ask(["gone"])
    site.run("reconcile")
    names = [f"host-{number}" for number in range(6)]
    site.revoke("gone")
    if kind != "git with a remote":  # clones would have to share its new key
        site.repository.write("authorities/second.yaml", AUTHORITY)
    site.ask(names)
    # Where there is a remote, half of them are on one machine and the others each on its own.
    clones = [site.clone() for _ in range(processes // 2)]
    places = [*([site.root] * (processes - len(clones))), *clones]
    running = [site.start("reconcile", at=place) for place in places]
    ends = [process.wait() for process in running]
    for done in ends:
        assert done.code in {0, 6}, done.err
    assert any(done.code == 0 for done in ends), [done.err for done in ends]
    # Who was overtaken too often leaves the rest to the next run.
    site.run("reconcile")
    entries = site.check_issued_once(["gone", *names])
    site.check_nothing_to_do()
    authorities = {"root", "issuing"} | ({"second"} if kind != "git with a remote" else set())
    for what in ("CertificateAuthority", "OcspResponder"):
        issued = [e["object"]["name"] for e in entries
                  if e["type"] == "issued" and e["object"]["kind"] == what]  # fmt: skip
        assert sorted(issued) == sorted(authorities)
    revoked = [entry for entry in entries if entry["type"] == "revoked"]
    assert len(revoked) == 1
    crls = [e for e in entries if e["type"] == "crl" and e["issuer"] == "issuing"]
    assert crls[-1]["entryCount"] == 1
