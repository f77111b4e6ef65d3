"""`pkictl serve`."""

from __future__ import annotations

import click

from pki_as_code.cli.console import Console, EnvironmentSecrets
from pki_as_code.cli.options import option


@click.command(help="Answer OCSP, give CRLs and authorities' certificates over HTTP.")
@option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True,
        help="Where to listen. Others reach it through a proxy in front of it.")  # fmt: skip
@option("--port", type=click.IntRange(0, 65535), metavar="N", default=8280, show_default=True,
        help="Port to listen on; 0 for any that is free, which is then told.")  # fmt: skip
@option("--ref", metavar="REVISION", default="HEAD", show_default=True,
        help="The manifests: what authorities there are, and which of them answer.")  # fmt: skip
@option("--refresh", type=click.FloatRange(0, 3600), metavar="SECONDS", default=5.0,
        show_default=True, help="How often to look whether the store has moved.")  # fmt: skip
@option("--fetch", type=click.FloatRange(1, 86400), metavar="SECONDS", default=60.0,
        show_default=True, help="How often to fetch the store from a git remote.")  # fmt: skip
@click.pass_obj
def command(
    console: Console, /, host: str, port: int, ref: str, refresh: float, fetch: float
) -> int:
    _check_extra()
    from pki_as_code.escape import safe
    from pki_as_code.gitplumbing import GitRepository
    from pki_as_code.web.app import Services, make_app
    from pki_as_code.web.server import bind, serve
    from pki_as_code.web.view import Source, Views

    def tell(text: str) -> None:
        console.note(safe(text))

    repository = GitRepository.discover(console.directory)
    secrets = EnvironmentSecrets(interactive=console.interactive)
    views = Views(
        Source(repository, secrets, console.store, ref),
        tell,
        refresh_seconds=refresh,
        fetch_seconds=None if console.offline else fetch,
    )
    try:
        with views.use() as view:  # what cannot be read is told now, and not to the first client
            answering = ", ".join(sorted(view.responders)) or "nobody"
        listening = bind(host, port)
        shown_host, shown_port = listening.getsockname()[:2]
        where = f"[{shown_host}]" if ":" in shown_host else shown_host
        console.note(f"OCSP is answered for {safe(answering)}")

        def on_ready() -> None:
            console.note(f"listening on http://{where}:{shown_port}")

        serve(make_app(Services(views, console.now, tell)), listening, on_ready)
    finally:
        views.close()
    return 0


def _check_extra() -> None:
    from importlib.util import find_spec

    from pki_as_code.errors import UsageError

    missing = [n for n in ("starlette", "uvicorn", "prometheus_client") if find_spec(n) is None]
    if missing:
        raise UsageError(
            f"{', '.join(missing)} is not installed",
            help="install the extra `web`: pip install 'pki-as-code[web]'",
            code="serve.no_extra",
        )
