"""The envelope around every manifest, in Kubernetes' words."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.scalars import Labels, Name

API_VERSION: Final = "pki-as-code/v1"

CERTIFICATES: Final = "certificates"
"""The directory below which the first directory is the namespace."""

NAMESPACE_FILE: Final = "_namespace.yaml"

T = TypeVar("T")


class FieldError(InvalidValueError):
    """A model is at odds with itself; `field`, as YAML names it, is the place to point at."""

    def __init__(self, message: str, *, field: str, help: str, code: str) -> None:
        super().__init__(message, help=help, code=code)
        self.field = field


WRITTEN: Final = "written"
"""Context of a validation: the data is as somebody wrote it."""


class _LeftOutOrGiven:
    """
    Marks a field that may be left out, and that is None then, but that may not be written as null.

    `validity:` with nothing behind it is mostly a value that somebody forgot. In Python, None can
    be given.
    """

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_before_validator_function(_refuse_null, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        generated = handler(schema)
        options = [option for option in generated.pop("anyOf") if option != {"type": "null"}]
        return {**options[0], **generated} if len(options) == 1 else {"anyOf": options, **generated}


def _refuse_null(value: Any, info: core_schema.ValidationInfo) -> Any:
    if value is None and info.context == WRITTEN:
        raise PydanticCustomError("null_value", "is empty")
    return value


Maybe = Annotated[T | None, _LeftOutOrGiven()]
"""A field that may be left out; None then."""


class Spec(BaseModel):
    """Any mapping of a manifest: frozen, with camelCase keys, and no others than it has."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,  # for Python; the loader turns it off
        validate_by_alias=True,
        serialize_by_alias=True,
        defer_build=True,  # few of the kinds are in use; who needs a validator makes it
    )


class Metadata(Spec):
    name: Name
    """Name of the object: unique among the objects of its kind and namespace."""

    labels: Labels = Field(default_factory=dict)
    """Keys and values for people and for the selectors of Watchers and Policies. A change of labels
    never leads to a new certificate."""


class Manifest(Spec):
    """What all kinds have in common. A kind adds `kind` and `spec`, and says where it lives."""

    places: ClassVar[tuple[str, ...]]
    """Directories at the root of the repository, or a file of that name there."""

    administrative: ClassVar[bool] = False
    """It is for admins only, never below `certificates/`."""

    namespaced: ClassVar[bool] = False
    """Its namespace is the directory below `certificates/` that holds it."""

    api_version: Literal["pki-as-code/v1"]
    """Version of the format."""

    kind: str
    """What the manifest describes."""

    metadata: Metadata
    """What it is called."""
