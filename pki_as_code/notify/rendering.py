"""
Subject, text and HTML of a mail: the repository's own templates, else those built in.

Jinja2 is an extra. Without it the built-in text is sent, and nothing in HTML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from pki_as_code.errors import DeliveryError, NotFoundError, PkiAsCodeError
from pki_as_code.escape import safe
from pki_as_code.manifests.tree import Tree
from pki_as_code.model import JsonValue, Notice
from pki_as_code.notify.deadline import within
from pki_as_code.notify.wording import facts, plain_subject, plain_text

if TYPE_CHECKING:
    from jinja2 import Environment

DIRECTORY: Final = "templates"
SUBJECT: Final = "notice.subject.j2"
TEXT: Final = "notice.txt.j2"
HTML: Final = "notice.html.j2"
BUILT_IN: Final = "builtin/"

MAX_TEMPLATE: Final = 64 * 1024
MAX_OUTPUT: Final = 256 * 1024
RENDERING_SECONDS: Final = 5.0
LONGEST_SUBJECT: Final = 300

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.j2")


class Parts(NamedTuple):
    """What a mail says. `html` is None for one in text alone."""

    subject: str
    text: str
    html: str | None


class Renderer(Protocol):
    def render(self, notice: Notice, now: datetime) -> Parts:
        """Raises `DeliveryError` (`notify.template…`), naming the template and its line."""
        ...


def open_renderer(tree: Tree) -> Renderer:
    """
    Return what makes mails of notices, with the templates that `tree` has.

    A repository with a text of its own and no HTML of its own sends text alone: the two must not
    say different things. Raises `DeliveryError` for a template that cannot be read or parsed.
    """
    own = {name for name in (SUBJECT, TEXT, HTML) if read_own(tree, name) is not None}
    if find_spec("jinja2") is not None:
        return _TemplateRenderer(tree, own)
    if own:
        raise DeliveryError(
            f"{DIRECTORY}/{min(own)} needs Jinja2, which is not installed",
            help="install the extra `notify`: pip install 'pki-as-code[notify]'",
            code="notify.no_jinja",
        )
    return _PlainRenderer()


def read_own(tree: Tree, name: str) -> str | None:
    """Return a template of the repository, None when it has none of that name."""
    path = f"{DIRECTORY}/{name}"
    try:
        data = tree.read(path)
    except NotFoundError:
        return None
    except PkiAsCodeError as error:
        raise DeliveryError(error.message, help=error.help, code="notify.template") from error
    if len(data) > MAX_TEMPLATE:
        raise _template_error(path, f"has {len(data)} bytes, {MAX_TEMPLATE} are the most")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _template_error(path, "is not UTF-8") from None


class _PlainRenderer:
    def render(self, notice: Notice, now: datetime) -> Parts:
        return Parts(plain_subject(notice, now), plain_text(notice, now), None)


class _TemplateRenderer:
    def __init__(self, tree: Tree, own: set[str]) -> None:
        self._environment = _environment(tree)
        self._names = {name: name if name in own else BUILT_IN + name
                       for name in (SUBJECT, TEXT, HTML)}  # fmt: skip
        if TEXT in own and HTML not in own:
            del self._names[HTML]
        for name in self._names.values():
            self._compile(name)

    def render(self, notice: Notice, now: datetime) -> Parts:
        values = facts(notice, now)
        parts = {part: self._render(name, values) for part, name in self._names.items()}
        subject = parts[SUBJECT].strip()
        if len(subject.splitlines()) != 1 or len(subject) > LONGEST_SUBJECT:
            raise _template_error(
                _path(self._names[SUBJECT]),
                f"must give one line of at most {LONGEST_SUBJECT} characters",
            )
        return Parts(safe(subject), parts[TEXT], parts.get(HTML))

    def _compile(self, name: str) -> None:
        from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError

        try:
            self._environment.get_template(name)
        except TemplateSyntaxError as error:
            path = _path(error.name or name)
            raise _template_error(path, error.message or "is malformed", error.lineno) from None
        except TemplateNotFound as error:
            raise _not_found(name, error.name) from None
        except TemplateError as error:
            raise _template_error(_path(name), str(error)) from None

    def _render(self, name: str, values: Mapping[str, JsonValue]) -> str:
        from jinja2 import TemplateNotFound, TemplateSyntaxError

        try:
            return within(RENDERING_SECONDS, lambda: self._bounded(name, values))
        except DeliveryError:
            raise
        except TimeoutError:
            raise _template_error(
                _path(name), f"is not done within {RENDERING_SECONDS:g} seconds"
            ) from None
        except TemplateSyntaxError as error:  # of one that is included
            path = _path(error.name or name)
            raise _template_error(path, error.message or "is malformed", error.lineno) from None
        except TemplateNotFound as error:
            raise _not_found(name, error.name) from None
        except Exception as error:  # noqa: BLE001 (a template can raise anything)
            path, line = _place(error, name)
            raise _template_error(path, str(error) or type(error).__name__, line) from None

    def _bounded(self, name: str, values: Mapping[str, JsonValue]) -> str:
        pieces: list[str] = []
        size = 0
        for piece in self._environment.get_template(name).generate(values):
            size += len(piece)
            if size > MAX_OUTPUT:
                raise _template_error(_path(name), f"gives more than {MAX_OUTPUT} characters")
            pieces.append(piece)
        return "".join(pieces)


def _environment(tree: Tree) -> Environment:
    """
    Return a sandbox: plain data in, text out.

    A template sees the facts of one notice. It includes what lies beside it and what is built in,
    reaches no attribute with an underscore, and changes nothing.
    """
    from jinja2 import FunctionLoader, StrictUndefined
    from jinja2.exceptions import SecurityError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Sandbox(ImmutableSandboxedEnvironment):
        # "x" * 10**10 takes the memory before any limit of the output is seen.
        intercepted_binops = frozenset(["*", "**", "%"])

        def call_binop(self, context: object, operator: str, left: object, right: object) -> object:
            if not (isinstance(left, int | float) and isinstance(right, int | float)):
                raise SecurityError(f"`{operator}` is for numbers only")
            if operator == "**":
                raise SecurityError("`**` is not available")
            return super().call_binop(context, operator, left, right)  # type: ignore[arg-type]

    def load(name: str) -> tuple[str, str, None] | None:
        source = _source(tree, name)
        return None if source is None else (source, _path(name), None)

    return Sandbox(
        loader=FunctionLoader(load),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _source(tree: Tree, name: str) -> str | None:
    own = name.removeprefix(BUILT_IN)
    if _NAME.fullmatch(own) is None:
        return None
    if own == name:
        return read_own(tree, name)
    built_in = files("pki_as_code.notify").joinpath("templates", own)
    return built_in.read_text(encoding="utf-8") if built_in.is_file() else None


def _path(name: str) -> str:
    return name if name.startswith(BUILT_IN) else f"{DIRECTORY}/{name}"


def _place(error: BaseException, name: str) -> tuple[str, int | None]:
    """Return the template and line an error came from: the innermost frame of a template."""
    found: tuple[str, int | None] = (_path(name), None)
    traceback = error.__traceback__
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if filename.endswith(".j2") and filename.startswith((f"{DIRECTORY}/", BUILT_IN)):
            found = filename, traceback.tb_lineno
        traceback = traceback.tb_next
    return found


def _not_found(name: str, wanted: object) -> DeliveryError:
    return _template_error(_path(name), f"includes {str(wanted)!r}, which is not there")


def _template_error(path: str, problem: str, line: int | None = None) -> DeliveryError:
    place = f"{path}:{line}" if line else path
    return DeliveryError(
        f"{safe(place)}: {safe(problem)[:300]}",
        help="correct the template and commit it; `pkictl notify_expiring_certs --dry-run` tries "
        "it; without it the built-in one is used",
        code="notify.template",
    )
