from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.durations import (
    LONGEST_DURATION,
    Percentage,
    format_duration,
    format_renewal_time,
    parse_duration,
    parse_renewal_time,
)
from pki_as_code.manifests.locations import (
    check_branch,
    check_email,
    check_url,
    check_url_template,
    mailbox_address,
)
from pki_as_code.manifests.predefined import predefined_profiles
from pki_as_code.manifests.timestamps import parse_timestamp
from pki_as_code.manifests.unquoted import UnquotedText
from pki_as_code.model import format_time

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90d", 90 * DAY),
        ("36h", timedelta(hours=36)),
        ("2160h", 90 * DAY),
        ("15m", timedelta(minutes=15)),
        ("300s", timedelta(minutes=5)),
        ("1w", 7 * DAY),
        ("P90D", 90 * DAY),
        ("PT5M", timedelta(minutes=5)),
        ("P1DT12H", timedelta(hours=36)),
        ("P2W", 14 * DAY),
        ("36525d", LONGEST_DURATION),
    ],
)
def test_durations_are_read(text, expected):
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        (90, "duration.no_unit", "`90d`"),
        ("90", "duration.no_unit", "`90d`"),
        (-5, "duration.no_unit", "`5d`"),
        (True, "manifest.wrong_type", "90d"),
        (None, "manifest.wrong_type", "90d"),
        ([], "manifest.wrong_type", "90d"),
        ("1y", "duration.calendar", "365d"),
        ("3mo", "duration.calendar", "30d"),
        ("1M", "duration.calendar", "30d"),
        ("2 years", "duration.calendar", "365d"),
        ("P1Y", "duration.calendar", "365d"),
        ("P3M", "duration.calendar", "30d"),
        ("P1Y2M3D", "duration.calendar", "30d"),
        ("", "duration.syntax", "90d"),
        ("P", "duration.syntax", "90d"),
        ("PT", "duration.syntax", "90d"),
        ("P1DT", "duration.syntax", "90d"),
        ("P1D12H", "duration.syntax", "90d"),
        ("90 d", "duration.syntax", "90d"),
        ("90D", "duration.syntax", "90d"),
        ("090d", "duration.syntax", "90d"),
        ("1.5h", "duration.syntax", "90d"),
        ("-1d", "duration.syntax", "90d"),
        ("1d12h", "duration.syntax", "90d"),
        ("٩d", "duration.syntax", "90d"),
        ("90d\n", "duration.syntax", "90d"),
        ("0d", "duration.zero", "90d"),
        ("P0D", "duration.zero", "90d"),
        ("36526d", "duration.too_long", "36525d"),
        ("9999999999w", "duration.too_long", "36525d"),
        (timedelta(0), "duration.zero", "90d"),
        (timedelta(-1), "duration.zero", "90d"),
        (timedelta(days=40_000), "duration.too_long", "36525d"),
    ],
)
def test_what_is_no_duration_is_refused_with_the_way_to_write_it(value, code, words):
    with pytest.raises(InvalidValueError) as error:
        parse_duration(value)
    assert error.value.code == code
    assert words in error.value.help


def test_zero_is_a_duration_only_where_it_makes_sense():
    assert parse_duration("0s", zero_allowed=True) == timedelta(0)
    assert parse_duration(timedelta(0), zero_allowed=True) == timedelta(0)


@given(st.integers(1, int(LONGEST_DURATION.total_seconds())))
def test_a_duration_comes_back_from_its_text(seconds):
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


def test_a_renewal_time_is_a_duration_or_a_part_of_the_lifetime():
    assert parse_renewal_time("30d") == 30 * DAY
    third = parse_renewal_time("33%")
    assert isinstance(third, Percentage)
    assert 100 * DAY * third / 100 == 33 * DAY
    assert (format_renewal_time(third), format_renewal_time(30 * DAY)) == ("33%", "30d")
    assert parse_renewal_time(third) is third


@pytest.mark.parametrize("text", ["0%", "100%", "33.3%", "-5%", "%", "033%", "33 %", "٣%"])
def test_what_is_no_percentage_is_refused(text):
    with pytest.raises(InvalidValueError):
        parse_renewal_time(text)


def test_times_are_read_with_their_zone_and_kept_in_utc():
    expected = datetime(2027, 1, 30, 23, tzinfo=UTC)
    assert parse_timestamp("2027-01-30T23:00:00Z") == expected
    found = parse_timestamp("2027-01-31T00:00:00+01:00")
    assert found == expected
    assert found.tzinfo is UTC
    assert parse_timestamp(expected.astimezone(timezone(timedelta(hours=5)))) == expected


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("2027-01-31T00:00:00", "timestamp.no_zone"),
        ("2027-01-31", "timestamp.no_zone"),
        ("2027-01-31 00:00:00Z", "timestamp.syntax"),
        ("2027-01-31T00:00Z", "timestamp.syntax"),
        ("2027-01-31T00:00:00.000Z", "timestamp.syntax"),
        ("2027-01-31T00:00:00z", "timestamp.syntax"),
        ("2027-01-31T00:00:60Z", "timestamp.syntax"),
        ("2027-02-30T00:00:00Z", "timestamp.no_such_time"),
        ("0001-01-01T00:00:00+01:00", "timestamp.out_of_range"),
        ("9999-12-31T23:59:59-01:00", "timestamp.out_of_range"),
        ("1949-12-31T23:59:59Z", "timestamp.out_of_range"),
        ("next week", "timestamp.syntax"),
        ("", "timestamp.syntax"),
        (20270131, "manifest.unquoted"),
        (UnquotedText("2027-01-31T00:00:00Z"), "manifest.unquoted"),
        (None, "manifest.wrong_type"),
        (datetime(2027, 1, 1), "timestamp.no_zone"),
    ],
)
def test_what_is_no_time_is_refused(value, code):
    with pytest.raises(InvalidValueError) as error:
        parse_timestamp(value)
    assert error.value.code == code


@given(st.datetimes(datetime(1950, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))
def test_a_time_comes_back_from_its_text(when):
    assert parse_timestamp(format_time(when)) == when.replace(microsecond=0)


@pytest.mark.parametrize(
    "text",
    [
        "http://pki.example.com",
        "https://pki.example.com:8443/a/b?c=d",
        "http://[2001:db8::1]/x",
        "HTTP://EXAMPLE.com/",
    ],
)
def test_urls_are_taken(text):
    assert check_url(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pki.example.com",
        "//pki.example.com",
        "ftp://x.example.com",
        "http://",
        "http:///x",
        "http://x.example.com/#part",
        "http://x.example.com/a b",
        "http://x.example.com:port/",
        "http://ex\u00e4mple.com/",
        "http://x/\n::error::",
        "javascript:alert(1)",
        "http://[::1",
        "http://x.example.com/<script>",
        "http://x:99999/",
        "http://" + "x" * 3000,
    ],
)
def test_what_is_no_url_is_refused(text):
    with pytest.raises(InvalidValueError) as error:
        check_url(text)
    assert error.value.code == "manifest.invalid_url"
    assert len(error.value.message) < 300


def test_a_password_in_a_url_is_refused_and_not_shown():
    for text in ("http://me:hunter2@x.example.com/", "ftp://me:hunter2@x.example.com/"):
        with pytest.raises(InvalidValueError) as error:
            check_url(text)
        assert "hunter2" not in error.value.message + error.value.help


def test_variables_in_urls_are_those_that_are_filled_in():
    for name in ("CRL_PATH", "OCSP_PATH", "CA_ISSUER_PATH", "SIGNER_SERIAL", "CA_SERIAL"):
        check_url_template(f"http://x.example.com/{{{name}}}")
    for text in ("http://x/{NOPE}", "http://x/{", "http://x/}", "http://x/{SERIAL.__class__}"):
        with pytest.raises(InvalidValueError):
            check_url_template(text)


@pytest.mark.parametrize(
    "text", ["a@b", "first.last+tag@mail.example.com", "o'neil@xn--mnchen-3ya.de"]
)
def test_addresses_are_taken(text):
    assert check_email(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@b",
        "a@",
        "a b@c",
        "a@b c",
        "a@b\n",
        "a@b\r\nBcc: x@y",
        "a@-b.c",
        "a@b..c",
        ".a@b",
        "a.@b",
        "ä@b",
        "a@bücher.example",
        "a@b,c@d",
        "<a@b>",
        "a@" + "b" * 64,
        "a" * 250 + "@b.cd",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(InvalidValueError):
        check_email(text)


def test_the_address_of_a_mailbox_is_found():
    assert mailbox_address("Operations <ops@example.com>") == "ops@example.com"
    assert mailbox_address("ops@example.com") == "ops@example.com"


@pytest.mark.parametrize("text", ["main", "pki-issued", "release/1.2", "a_b"])
def test_branches_are_taken(text):
    assert check_branch(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-x",
        "a..b",
        "a//b",
        "/a",
        "a/",
        "a.lock",
        "a/.b",
        "a b",
        "a~1",
        "a:b",
        "a\\b",
        "@{u}",
        "a.",
    ],
)
def test_what_git_would_not_take_as_a_branch_is_refused(text):
    with pytest.raises(InvalidValueError):
        check_branch(text)


# --- Predefined profiles -------------------------------------------------------------------------

KEY_USAGES = {
    "client": ["digitalSignature"],
    "server": ["digitalSignature", "keyEncipherment", "keyAgreement"],
    "webserver": ["digitalSignature", "keyEncipherment", "keyAgreement"],
    "enduser": ["digitalSignature", "keyEncipherment", "dataEncipherment"],
    "ocsp": ["digitalSignature", "nonRepudiation", "keyEncipherment"],
}
PURPOSES = {
    "client": {"clientAuth"},
    "server": {"clientAuth", "serverAuth"},
    "webserver": {"serverAuth"},
    "enduser": {"clientAuth", "codeSigning", "emailProtection"},
    "ocsp": {"OCSPSigning"},
}


@pytest.mark.parametrize("name", KEY_USAGES)
def test_predefined_profiles_have_the_extensions_of_the_classic_ones(name):
    spec = predefined_profiles()[name].spec
    requested = {extension.name: extension for extension in spec.extensions.requested()}
    assert requested["keyUsage"].critical
    assert requested["keyUsage"].value == KEY_USAGES[name]
    assert not requested["extendedKeyUsage"].critical
    assert set(requested["extendedKeyUsage"].value) == PURPOSES[name]
    assert ("ocspNoCheck" in requested) == (name == "ocsp")


def test_predefined_profiles_have_their_lifetimes():
    profiles = predefined_profiles()
    assert set(profiles) == set(KEY_USAGES)
    defaults = {name: profile.spec.validity.default for name, profile in profiles.items()}
    assert defaults == {**dict.fromkeys(KEY_USAGES), "ocsp": 3 * DAY}
    limits = {name: profile.spec.validity.max for name, profile in profiles.items()}
    assert limits == {**dict.fromkeys(KEY_USAGES), "server": 398 * DAY, "webserver": 398 * DAY}
    for name, profile in profiles.items():
        assert profile.spec.validity.backdate == timedelta(minutes=5)
        assert (profile.spec.renewal.mode, profile.spec.renewal.before) == ("Automatic", 33)
        assert profile.spec.add_ocsp_url == (name != "ocsp")
