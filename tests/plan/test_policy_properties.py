"""What holds for any policies and any request: nothing is allowed that no Grant allows."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plan.policy_worlds import asked, codes, deny, grant, limit

HOSTS = st.sampled_from(
    ["a.example.com", "b.example.com", "x.a.example.com", "*.a.example.com", "a.example.net"]
)
REQUESTS = st.lists(HOSTS, min_size=1, max_size=3, unique=True)
RULES = st.lists(
    st.one_of(
        st.builds(
            lambda suffix, wildcard: {"suffix": suffix, "wildcard": wildcard},
            st.sampled_from(["example.com", "a.example.com", "example.net"]),
            st.booleans(),
        ),
        st.builds(lambda name: {"name": name}, HOSTS),
    ),
    min_size=1,
    max_size=3,
)
TARGETS = st.lists(
    st.one_of(
        st.builds(lambda s: {"suffix": s}, st.sampled_from(["a.example.com", "example.net"])),
        st.builds(lambda n: {"name": n}, HOSTS),
    ),
    min_size=1,
    max_size=2,
)

few = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@few
@given(RULES, RULES, REQUESTS)
def test_grants_are_or_on_the_whole_certificate(first, second, names):
    request = asked(*names)
    each = [not codes(grant("g", dns=rules), request) for rules in (first, second)]
    both = not codes(grant("first", dns=first), grant("second", dns=second), request)
    assert both is any(each)


@few
@given(RULES, RULES, REQUESTS)
def test_a_limit_never_adds_and_never_says_less_than_it_allows(granted, limited, names):
    request = asked(*names)
    alone = not codes(grant(dns=granted), request)
    bounded = not codes(grant(dns=granted), limit(dns=limited), request)
    within = not codes(grant("l", dns=limited), request)
    assert bounded is (alone and within)


@few
@given(RULES, TARGETS, REQUESTS)
def test_a_deny_only_takes_away(granted, kept_out, names):
    request = asked(*names)
    alone = not codes(grant(dns=granted), request)
    with_deny = codes(grant(dns=granted), deny(dns=kept_out), request)
    assert alone or with_deny
    for target in kept_out:
        if set(target.values()) & set(names):
            assert "policy.denied" in with_deny


@few
@given(RULES, REQUESTS)
def test_a_name_more_never_helps(granted, names):
    if codes(grant(dns=granted), asked(*names)):
        assert codes(grant(dns=granted), asked(*names, "evil.example.org"))
