"""`tidegate serve`: API, host and workers in one process."""

from __future__ import annotations

import click

from tidegate.cli.options import common
from tidegate.settings import Settings


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), help="0 takes a free one.", show_default="5000"
)
@click.option("--host", help="Where to listen.", show_default="127.0.0.1")
@click.option("--insecure", is_flag=True, help="Listen beyond loopback without TLS.")
@common
def serve(
    settings: Settings, as_json: bool, port: int | None, host: str | None, insecure: bool
) -> None:
    """Run until SIGTERM or Ctrl-C; the address is the last word of one line on stderr."""
    import sys

    from msgspec.structs import replace

    from tidegate.serving import run

    del as_json
    chosen = replace(
        settings,
        port=settings.port if port is None else port,
        host=host or settings.host,
        insecure=insecure,
    )
    sys.exit(run(chosen))
