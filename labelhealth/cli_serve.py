"""The command that audits on a schedule: `labelhealth serve`."""

from __future__ import annotations

import click


@click.command()
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...")
@click.option("--cron", metavar="TEXT", help='When, such as "0 2 * * *": every night at two.')
@click.option(
    "--interval", type=click.FloatRange(min=1), metavar="SECONDS", help="Or: how long after each other."
)
@click.option("--timezone", default="UTC", show_default=True, help="Time zone of --cron, by its IANA name.")
def serve(configs: tuple[str, ...], cron: str | None, interval: float | None, timezone: str) -> None:
    """Audit each CONFIG on a schedule from this process, until Ctrl-C or SIGTERM; exits with 0 then.

    Runs show on the configured Prefect API, or on a server of this command, on loopback, with its state under the
    store of the first CONFIG. An audit that is still running when its next one is due is not started twice.
    """
    from labelhealth.serving import When
    from labelhealth.serving import serve as serve_configs

    if (cron is None) == (interval is None):
        msg = "give one of --cron and --interval"
        raise click.UsageError(msg)
    serve_configs(configs, When(cron, interval, timezone), click.echo)
