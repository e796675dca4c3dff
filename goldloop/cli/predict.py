"""Predict: the champion's labels for files that do not become part of the workspace."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from goldloop.cli.common import Where, say
from goldloop.cli.loop import absolute
from goldloop.core.disk import disk_errors, make_folder, put_in_place
from goldloop.core.errors import SourceError
from goldloop.core.verbatim import inert
from goldloop.loop.predict import Predictions, SamplePrediction
from goldloop.loop.predict import predict as predict_sources
from goldloop.wiring import open_workspace

app = typer.Typer()
_LINES = (".jsonl", ".ndjson")


@app.command()
def predict(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, globs, list files (.txt) or fsspec URIs; for texts and records tables."
        ),
    ],
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            help="File to write, CSV or, if it ends in .jsonl, JSON lines [default: CSV on the terminal]."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
    where: Where = None,
) -> None:
    """Print the champion's label and calibrated probabilities for each file or row; nothing is recorded."""
    ports = open_workspace(where).ports
    found = predict_sources(ports, [absolute(source, None) or source for source in sources])
    n = n_problems = 0
    with _opened(to) as stream:
        is_lines = as_json if to is None else to.suffix in _LINES
        for one in _written(found, stream, is_lines=is_lines):
            n += 1
            n_problems += one.problem is not None
    if to is not None:
        say(f"wrote {n:,} predictions to {to}")
    if n_problems:
        say(f"{n_problems:,} of {n:,} could not be read; the column `problem` says why")


@contextmanager
def _opened(to: Path | None) -> Iterator[TextIO]:
    """Yield where predictions go; a file is there whole or not at all."""
    if to is None:
        yield sys.stdout
        return
    if to.exists():
        raise SourceError(f"{to} exists already; name a new file with --to")
    beside = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        with disk_errors("write the predictions", to):
            make_folder(to.absolute().parent)
            with beside.open("w", encoding="utf-8", newline="") as stream:
                yield stream
            put_in_place(beside, to)
    finally:
        beside.unlink(missing_ok=True)


def _written(found: Predictions, stream: TextIO, *, is_lines: bool) -> Iterator[SamplePrediction]:
    """Write each prediction as a row, and yield it."""
    table = csv.DictWriter(stream, _columns(found)) if not is_lines else None
    if table is not None:
        table.writeheader()
    for one in found.of_samples:
        if table is not None:
            table.writerow(_row(one))
        else:
            stream.write(json.dumps(asdict(one), ensure_ascii=False) + "\n")
        yield one


def _columns(found: Predictions) -> list[str]:
    return ["uri", "label", "confidence", *map(_column, found.labels.names), "problem"]


def _column(label: str) -> str:
    return f"probability of {label}"


def _row(one: SamplePrediction) -> dict[str, Any]:
    row = {"uri": inert(one.uri), "label": one.label and inert(one.label), "confidence": one.confidence}
    row |= {_column(label): value for label, value in (one.probabilities or {}).items()}
    return row | {"problem": one.problem}
