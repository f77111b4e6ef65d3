from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from pki_as_code.manifests.base import Manifest, Maybe, Spec
from pki_as_code.manifests.durations import Duration
from pki_as_code.manifests.linting import Lints
from pki_as_code.manifests.locations import BaseUrl, Branch, Host, Mailbox, StoreUri
from pki_as_code.manifests.pkix_values import Subject
from pki_as_code.manifests.scalars import Boolean, Integer, Name
from pki_as_code.manifests.tree import PROJECT_FILE

DeletionPolicy = Literal["Refuse", "Retain", "Revoke"]

FULL_EVERY = timedelta(hours=24)

NOTICE_TIMES = (timedelta(days=14), timedelta(days=7), timedelta(days=3), timedelta(days=1))


class ProjectDefaults(Spec):
    issuer: Maybe[Name] = None
    """Authority that signs where neither the Certificate nor its Namespace names one."""

    profile: Maybe[Name] = None
    """Profile where neither the Certificate nor its Namespace names one; else `webserver`."""

    validity: Maybe[Duration] = None
    """How long certificates are valid where neither they nor their profile say it."""

    subject: Maybe[Subject] = None
    """Distinguished name that subjects are completed from, such as `C=AT,O=Example`."""

    deletion_policy: DeletionPolicy = "Refuse"
    """What removing the manifest of a valid certificate does: `Refuse` fails the plan, `Retain`
    keeps the certificate without renewing it, `Revoke` revokes it."""


class Guards(Spec):
    """Limits of one run. What exceeds them is refused until somebody allows it by hand."""

    max_revocations: Annotated[Integer, Field(ge=0, le=1_000_000)] = 20
    """The most certificates one run revokes."""

    max_revocations_percent: Annotated[Integer, Field(ge=0, le=100)] = 20
    """The most certificates one run revokes, in percent of those that are looked after. Shares are
    not looked at while there are fewer than 10 certificates."""

    max_replacements: Annotated[Integer, Field(ge=0, le=10_000_000)] = 1_000
    """The most certificates one run replaces because they were edited."""

    max_replacements_percent: Annotated[Integer, Field(ge=0, le=100)] = 50
    """The most certificates one run replaces, in percent of those that are looked after."""

    max_issues: Annotated[Integer, Field(ge=0, le=10_000_000)] = 5_000
    """The most certificates one run issues anew; also the most that it renews, and that it adopts.
    """

    max_issues_percent: Maybe[Annotated[Integer, Field(ge=0, le=10_000)]] = None
    """The most certificates one run issues anew, in percent of those that are looked after. Without
    it the share does not matter."""


class Smtp(Spec):
    """The mail server. User and password come from the environment, never from a manifest."""

    host: Host
    """Name or address of the server."""

    port: Annotated[Integer, Field(ge=1, le=65_535)] = 587
    """TCP port."""

    security: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls` and `tls` verify the certificate of the server; `none` is for a local one."""

    from_: Annotated[Mailbox, Field(alias="from")]
    """Sender: `pki@example.com` or `PKI <pki@example.com>`."""


class Notifications(Spec):
    smtp: Maybe[Smtp] = None
    """How mail is sent. Without it, only webhooks are."""

    before: Annotated[tuple[Duration, ...], Field(max_length=16)] = NOTICE_TIMES
    """How long before the end of a certificate its watchers are told."""


class Trust(Spec):
    require_signed_commits: Boolean = False
    """Reconcile only when every commit since the last one, in so far as it changes manifests, is
    signed by its author with a key that `allowed_signers` (or `allowed_gpg_keys`) had before."""

    protected_ref: Maybe[Branch] = None
    """Branch that only reviewed commits reach. Commits that are not on it are not reconciled."""


class ProjectSpec(Spec):
    store: StoreUri = "git:pki-issued"
    """Where what was issued is recorded: `git:<branch>`, `sqlite:///path` or
    `postgresql://host/database`. The variable PKI_STORE has precedence."""

    full_every: Duration = FULL_EVERY
    """How long plans may look at nothing but what changed. Then one looks at everything, as a
    check on them."""

    base_url: Maybe[BaseUrl] = None
    """URL below which CRLs, OCSP responders and the certificates of authorities are found. Without
    it certificates carry only the URLs that their authority names."""

    defaults: ProjectDefaults = ProjectDefaults.model_construct()
    """What applies where nothing else says otherwise."""

    guards: Guards = Guards.model_construct()
    """Limits of one run."""

    notifications: Notifications = Notifications.model_construct()
    """How and when people are told."""

    trust: Trust = Trust.model_construct()
    """Which commits are believed."""

    lints: Lints = Lints.model_construct()
    """Which linters judge a certificate before it is signed, and what their findings count as."""


class Project(Manifest):
    """Settings of the repository, in `pki.yaml` at its root."""

    places: ClassVar[tuple[str, ...]] = (PROJECT_FILE,)
    administrative: ClassVar[bool] = True

    kind: Literal["Project"]
    spec: ProjectSpec = ProjectSpec.model_construct()
    """The settings."""


DEFAULT_STORE: Final = "git:pki-issued"


def store_named_by(project: Project | None) -> str:
    """Return the store that a project names, or the one that is taken where none is named."""
    return (project.spec.store if project is not None else None) or DEFAULT_STORE
