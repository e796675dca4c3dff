"""The command line. Every command opens the workspace, does one thing and says what it did."""

from __future__ import annotations

import io
import logging
import os
import sqlite3
import sys
from typing import Annotated

import typer

from goldloop import __version__
from goldloop.cli import (
    appeals,
    decide,
    gold,
    hints,
    imports,
    labels,
    loop,
    notifications,
    outcomes,
    policy,
    predict,
    reports,
    review,
    selection,
    serve,
    workspace,
)
from goldloop.cli.common import err, out
from goldloop.cli.help import CommandList
from goldloop.cli.leaving import bound_exit
from goldloop.core.disk import disk_error, path_error
from goldloop.core.errors import GoldloopError
from goldloop.core.loopback import direct_loopback

app = typer.Typer(
    name="goldloop",
    cls=CommandList,
    help="A human-in-the-loop labelling loop whose labels and numbers can be trusted.\n\n"
    "Begin with: goldloop init DIR --labels cat,dog; cd DIR; goldloop up; goldloop score FOLDER; "
    "goldloop push; goldloop annotator add E-MAIL. Annotators answer in Label Studio; then goldloop round, "
    "once a week. `goldloop COMMAND --help` explains a command.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(workspace.app)
app.add_typer(labels.app)
app.add_typer(loop.app)
app.add_typer(serve.app)
app.add_typer(decide.app)
app.add_typer(predict.app)
app.add_typer(hints.app)
app.add_typer(reports.app)
app.add_typer(review.app)
app.add_typer(outcomes.app)
app.add_typer(imports.app)
app.add_typer(notifications.app)
app.add_typer(policy.replay_app)
app.add_typer(gold.app, name="gold")
app.add_typer(policy.app, name="policy")
app.add_typer(selection.app, name="selection")
app.add_typer(workspace.annotator_app, name="annotator")
app.add_typer(appeals.app, name="appeal")


def main() -> None:
    """Run the command line; an expected failure is one sentence on standard error and exit code 1."""
    logging.raiseExceptions = False  # else Prefect prints its own failures beside the sentence
    try:
        _run()
    except SystemExit as ended:
        bound_exit(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
        raise
    except BaseException:
        bound_exit(1)
        raise


def _run() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # whatever the terminal's encoding lacks
    os.environ.update(direct_loopback(os.environ))
    try:
        app()
    except GoldloopError as error:
        err.print(f"error: {error}", style="red")
        sys.exit(1)
    except (OSError, sqlite3.Error) as error:
        told = disk_error(error, "finish this command") or path_error(error)
        if told is None:
            raise
        err.print(f"error: {told}", style="red")
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("interrupted; run the same command again, it goes on from here")
        sys.exit(130)


def _version(value: bool) -> None:
    if value:
        out.print(f"goldloop {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


if __name__ == "__main__":
    main()
