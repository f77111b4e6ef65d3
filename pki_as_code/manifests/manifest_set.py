"""What loading gives: manifests that know where each of their fields stands."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar, cast

from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.base import Manifest
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.namespace import Namespace
from pki_as_code.manifests.predefined import predefined_profiles
from pki_as_code.manifests.profile import Profile
from pki_as_code.manifests.project import Project
from pki_as_code.manifests.yaml_nodes import compose_document
from pki_as_code.manifests.yaml_text import SourceText
from pki_as_code.model import Finding, ObjectId, Source

M = TypeVar("M", bound=Manifest)
T = TypeVar("T")
M_co = TypeVar("M_co", bound=Manifest, covariant=True)


@dataclass(frozen=True, slots=True)
class Loaded(Generic[M_co]):
    """A manifest that was read, and what it names beside itself."""

    manifest: M_co
    object_id: ObjectId
    text: SourceText = field(repr=False, compare=False)
    document: int = field(compare=False)
    """Which document of the file, from 0."""

    csr_beside: bytes | None = field(default=None, repr=False)
    """Content of `csrFile`, unparsed."""

    csr_path: str = ""
    """Path of the CSR from the root; empty when it is inline or there is none."""

    adopted_certificate: bytes | None = field(default=None, repr=False)
    """Content of `adopt.certificateFile`, unparsed."""

    adopted_path: str = ""

    crl: bytes | None = field(default=None, repr=False)
    """Content of `crl.file` of a CertificateAuthority, unparsed."""

    crl_path: str = ""

    @property
    def csr(self) -> bytes | None:
        """
        The CSR of a Certificate as it stands in its file or in the manifest, unparsed.

        None without one, and when it could not be read.
        """
        if self.csr_beside is None and isinstance(self.manifest, Certificate):
            inline = self.manifest.spec.csr
            return inline.encode() if inline is not None else None
        return self.csr_beside

    @property
    def path(self) -> str:
        """The file of the manifest, from the root."""
        return self.text.path

    def source(self, *field_path: str | int, key: bool = False) -> Source:
        """
        Return where a field stands, named as in YAML: `source("spec", "subjectAltNames", 0)`.

        Its value, or its key with `key=True`. A field that is not written is pointed at by the
        innermost key around it that is.
        """
        return compose_document(self.text, self.document).source(*field_path, key=key)

    @property
    def csr_source(self) -> Source:
        """Where the manifest names or holds its CSR."""
        return self.source("spec", "csrFile" if self.csr_path else "csr")


class Unreadable(NamedTuple):
    """A manifest that is there and could not be read; None where that much is not known either."""

    kind: str | None
    namespace: str | None
    name: str | None
    path: str


@dataclass(frozen=True)
class ManifestSet:
    """Every manifest that could be read, by kind and identity."""

    by_kind: Mapping[type[Manifest], Mapping[ObjectId, Loaded[Any]]]
    unreadable: frozenset[Unreadable] = frozenset()
    _known: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, what: Hashable, make: Callable[[], T]) -> T:
        """
        Return what follows from these manifests, made when it is first asked for.

        For what very many certificates have in common. `what` names it and all it depends on
        besides the manifests.
        """
        try:
            found: T = self._known[what]
        except KeyError:
            found = self._known[what] = make()
        return found

    def of(self, kind: type[M]) -> Mapping[ObjectId, Loaded[M]]:
        """Return the manifests of one kind, in the order of their identities."""
        return cast(Mapping[ObjectId, Loaded[M]], self.by_kind.get(kind, {}))

    @cached_property
    def project(self) -> Loaded[Project] | None:
        return next(iter(self.of(Project).values()), None)

    def authority(self, name: str) -> Loaded[CertificateAuthority] | None:
        return self.of(CertificateAuthority).get(ObjectId("CertificateAuthority", "", name))

    def namespace(self, name: str) -> Loaded[Namespace] | None:
        return self.of(Namespace).get(ObjectId("Namespace", "", name))

    def certificate(self, namespace: str, name: str) -> Loaded[Certificate] | None:
        return self.of(Certificate).get(ObjectId("Certificate", namespace, name))

    def profile(self, name: str) -> Profile | None:
        """Return a profile: the manifest of that name, else the predefined one."""
        loaded = self.loaded_profile(name)
        return loaded.manifest if loaded else predefined_profiles().get(name)

    def loaded_profile(self, name: str) -> Loaded[Profile] | None:
        """Return a profile that has a manifest."""
        return self.of(Profile).get(ObjectId("Profile", "", name))

    def profile_names(self) -> list[str]:
        """Return the names of all profiles, predefined ones too, sorted."""
        return sorted(
            {object_id.name for object_id in self.of(Profile)} | set(predefined_profiles())
        )

    def is_unreadable(self, kind: str, namespace: str, name: str | None) -> bool:
        """Tell whether an object may be one that is there and could not be read."""
        return any(
            entry.kind in {None, kind}
            and entry.namespace in {None, namespace}
            and (name is None or entry.name in {None, name})
            for entry in self.unreadable
        )


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What was read, and all that is wrong with it, sorted by place. Nothing was raised."""

    manifests: ManifestSet
    findings: tuple[Finding, ...]

    file_count: int = 0
    """How many files of YAML there are, in places of manifests and elsewhere."""


def make_manifest_set(loaded: list[Loaded[Any]], unreadable: set[Unreadable]) -> ManifestSet:
    """Return the set of manifests whose identities differ, in the order of their identities."""
    by_kind: dict[type[Manifest], dict[ObjectId, Loaded[Any]]] = {}
    for item in sorted(loaded, key=lambda item: item.object_id):
        by_kind.setdefault(type(item.manifest), {})[item.object_id] = item
    views = {kind: MappingProxyType(objects) for kind, objects in by_kind.items()}
    return ManifestSet(MappingProxyType(views), frozenset(unreadable))
