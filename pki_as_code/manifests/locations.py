"""Where something is: e-mail addresses, URLs, stores, branches, keys."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted
from pki_as_code.manifests.scalars import matching, text_schema
from pki_as_code.pkix.extensions.templates import SAMPLE_VALUES, expand_variables

_LONGEST_URL: Final = 2048
_LONGEST_ADDRESS: Final = 254
"""RFC 5321 section 4.5.3.1.3: 256 octets with the angle brackets."""

_DOMAIN: Final = (
    "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_ATEXT: Final = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS: Final = f"{_ATEXT}(\\.{_ATEXT})*@{_DOMAIN}"
EMAIL_PATTERN: Final = f"^{_ADDRESS}$"
MAILBOX_PATTERN: Final = f'^({_ADDRESS}|[^<>"@,;:\\\\\\x00-\\x1f\\x7f]{{1,128}}<{_ADDRESS}>)$'

URL_PATTERN: Final = "^[Hh][Tt][Tt][Pp][Ss]?://[!-~]+$"
CHANNEL_PATTERN: Final = f"^(mailto:{_ADDRESS}|[Hh][Tt][Tt][Pp][Ss]?://[!-~]+)$"
STORE_PATTERN: Final = "^(git:.+|sqlite:///.+|postgresql(\\+psycopg)?://.+)$"
BRANCH_PATTERN: Final = "^[A-Za-z0-9_][A-Za-z0-9_./+-]*$"
KEY_URI_PATTERN: Final = "^[a-z][a-z0-9+.-]*:[!-~]+$"
HOST_PATTERN: Final = f"^({_DOMAIN}|\\[[0-9A-Fa-f:.]+\\])$"

# --- Addresses and URLs --------------------------------------------------------------------------

_EMAIL_HELP: Final = (
    "write it as `user@example.com`; a domain that is not ASCII as its A-label (xn--…)"
)
check_email = matching(
    EMAIL_PATTERN,
    "an e-mail address",
    "manifest.invalid_email",
    _EMAIL_HELP,
    longest=_LONGEST_ADDRESS,
)
Email = Annotated[str, AfterValidator(check_email), text_schema(EMAIL_PATTERN, _LONGEST_ADDRESS)]

check_mailbox = matching(
    MAILBOX_PATTERN,
    "an e-mail address",
    "manifest.invalid_email",
    f"{_EMAIL_HELP}, with a name as `Name <user@example.com>`",
    longest=400,
)
Mailbox = Annotated[str, AfterValidator(check_mailbox), text_schema(MAILBOX_PATTERN, 400)]
"""`user@example.com` or `Name <user@example.com>`."""


def mailbox_address(mailbox: str) -> str:
    """Return the address of a mailbox: `ops@example.com` of `Operations <ops@example.com>`."""
    return mailbox.rpartition("<")[2].removesuffix(">")


def mailbox_name(mailbox: str) -> str:
    """Return the name of a mailbox, empty without one."""
    return mailbox.rpartition("<")[0].strip()


def check_url(text: str) -> str:
    """Return an absolute http(s) URL without user, password and fragment. `InvalidValueError`."""
    error = InvalidValueError(
        f"{quoted(_redacted(text))} is not an absolute http or https URL",
        code="manifest.invalid_url",
        help="write it as `http://pki.example.com/path`, in ASCII",
    )
    if len(text) > _LONGEST_URL or re.fullmatch(URL_PATTERN[1:-1], text) is None:
        raise error
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise error from None
    if "@" in parts.netloc:
        raise _secret_in("URL")
    if not host or parts.fragment or re.search(r'[<>"\\^`|]', text):
        raise error
    return text


def check_url_template(text: str) -> str:
    """Return a URL that may hold variables in braces, each one known. `InvalidValueError`."""
    check_url(expand_variables(text, SAMPLE_VALUES))
    return text


def _check_plain_url(text: str) -> str:
    if "{" in text or "}" in text:
        raise InvalidValueError(
            f"{quoted(_redacted(text))} has a brace; variables are not filled in here",
            code="manifest.invalid_url",
            help="write the URL without variables",
        )
    return check_url(text)


def _check_base_url(text: str) -> str:
    _check_plain_url(text)
    if urlsplit(text).query:
        raise InvalidValueError(
            f"{quoted(text)} has a query",
            code="manifest.invalid_url",
            help="leave out what follows `?`",
        )
    return text


def _check_channel(text: str) -> str:
    if text.startswith("mailto:"):
        check_email(text.removeprefix("mailto:"))
        return text
    return _check_plain_url(text)


def _redacted(text: str) -> str:
    """Return a URL without what stands before `@` in its authority: it may be a password."""
    return re.sub(r"//[^/@]*@", "//…@", text)[:200]


def _secret_in(what: str) -> InvalidValueError:
    return InvalidValueError(
        f"the {what} holds a user or a password, which do not belong into a repository",
        code="manifest.secret",
        help="give it by the environment instead, and change the password: history keeps it",
    )


BaseUrl = Annotated[str, AfterValidator(_check_base_url), text_schema(URL_PATTERN, _LONGEST_URL)]
UrlTemplate = Annotated[
    str, AfterValidator(check_url_template), text_schema(URL_PATTERN, _LONGEST_URL)
]
Channel = Annotated[str, AfterValidator(_check_channel), text_schema(CHANNEL_PATTERN, _LONGEST_URL)]

# --- Places --------------------------------------------------------------------------------------

_check_branch_characters = matching(
    BRANCH_PATTERN,
    "the name of a branch",
    "manifest.invalid_branch",
    "write a branch name such as `main`",
)


def check_branch(text: str) -> str:
    """Return the name of a branch (git-check-ref-format(1)). Raises `InvalidValueError`."""
    _check_branch_characters(text)
    parts = text.split("/")
    if ".." in text or any(not p or p[0] == "." or p.endswith((".", ".lock")) for p in parts):
        raise InvalidValueError(
            f"{quoted(text)} is not the name of a branch",
            code="manifest.invalid_branch",
            help="write a branch name such as `main`",
        )
    return text


def _check_store(text: str) -> str:
    matching(
        STORE_PATTERN,
        "a store",
        "manifest.invalid_store",
        "write `git:<branch>`, `sqlite:///path` or `postgresql://host/database`",
    )(_redacted(text))
    scheme, _, rest = text.partition(":")
    if scheme == "git":
        check_branch(rest)
    elif scheme.startswith("postgresql"):
        authority = rest.removeprefix("//").partition("/")[0]
        user, at, _ = authority.rpartition("@")
        if (at and ":" in user) or "password=" in rest.lower():
            raise _secret_in("store URL")
    return text


def _check_key_uri(text: str) -> str:
    if "pin-value" in text.lower():
        raise InvalidValueError(
            "the key URI holds a PIN, which does not belong into a repository",
            code="manifest.secret",
            help="give the PIN by the environment instead, and change it: history keeps it",
        )
    return matching(
        KEY_URI_PATTERN,
        "the URI of a key",
        "manifest.invalid_key_uri",
        "write it as `file:keys/name.pem`",
    )(text)


Branch = Annotated[str, AfterValidator(check_branch), text_schema(BRANCH_PATTERN, 200)]
StoreUri = Annotated[str, AfterValidator(_check_store), text_schema(STORE_PATTERN)]
KeyUri = Annotated[str, AfterValidator(_check_key_uri), text_schema(KEY_URI_PATTERN)]
Host = Annotated[
    str,
    AfterValidator(
        matching(
            HOST_PATTERN,
            "a host",
            "manifest.invalid_host",
            "write a host name or an address without a port",
            longest=253,
        )
    ),
    text_schema(HOST_PATTERN, 253),
]
