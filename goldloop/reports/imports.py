"""Imports as rows and sentences: what became of a file of labels, and which files were imported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from goldloop.loop.import_list import Agreement, ImportTotals, ListedImport
from goldloop.loop.imports import ImportReport
from goldloop.reports.formatting import number, percent_cell
from goldloop.reports.section import Row, Section, Table

PROSE = (
    "Audits are drawn at random: how often their first blind answer agrees with the file is how often the "
    "file is right, as far as the annotator is. Others were asked because goldloop chose the sample, most "
    "often because its label is doubtful, so that they agree less.",
)
SHOWN = 10
"""Rows that a terminal names; the others are counted, and --json has all."""


def import_rows(report: ImportReport) -> list[Row]:
    """Return how many rows and samples became what."""
    figures = {
        "rows": report.n_rows,
        "new labels": report.n_added,
        "known before": report.n_known,
        "refused": len(report.refused),
        "left out by --label-map": report.n_left_out,
        "samples that came with the file": report.n_arrived,
        **{f"samples in {split}": n for split, n in sorted(report.splits.items())},
        "samples with as many rows for one label as for another": report.n_tied,
        "annotators say another label": len(report.differences),
        "changes of gold": report.n_gold_changes,
    }
    return [{"what": what, "n": n} for what, n in figures.items()]


def import_problems(report: ImportReport) -> Iterator[str]:
    """Yield a sentence for each row that was refused, and for each that annotators contradict."""
    refused = [f"{one.place}: {one.problem}" for one in report.refused]
    differences = [
        f"{one.place}: the file says {one.label!r} of {one.sample_id[:12]}, annotators say {one.people!r}"
        for one in report.differences
    ]
    for what, sentences in (("refused", refused), ("difference", differences)):
        for sentence in sentences[:SHOWN]:
            yield f"{what}: {sentence}"
        if len(sentences) > SHOWN:
            yield f"{what}: {len(sentences) - SHOWN:,} more; --json names each"
    n_withheld = report.splits.get("withheld", 0) - report.n_held_out
    if report.n_held_out:
        yield (
            f"withheld: {report.n_held_out:,} samples that the file has for validation or test neither "
            "train nor judge; --ignore-splits lets train what is imported for the first time"
        )
    if n_withheld > 0:
        yield (
            f"withheld: {n_withheld:,} samples neither train nor judge: chance reserved them for the audit, "
            "or they have a near-duplicate or author that judges"
        )


def listed_rows(listed: Sequence[ListedImport]) -> list[Row]:
    """Return a row for each import."""
    return [
        {
            "file": one.source,
            "format": one.format,
            "imported": f"{one.imported_at:%Y-%m-%d %H:%M:%S}Z",
            "rows": one.n_rows,
            "labels": one.n_labels,
            "gold by it": one.n_gold,
            "doubted": one.n_doubted,
            "audits agree": percent_cell(one.agreement.audited),
            "others agree": percent_cell(one.agreement.chosen),
        }
        for one in listed
    ]


def imports_section(listed: Sequence[ListedImport]) -> Section:
    """Return the imported files with what became of their labels; empty where nothing was imported."""
    title = "Imported labels"
    return Section(title, prose=PROSE, tables=(Table(listed_rows(listed)),)) if listed else Section(title)


def imports_line(totals: ImportTotals) -> str:
    """Return what was imported and what became of it, in one line.

    For example '60 rows of 1 file: 51 of 60 samples are gold by it; label errors doubt 3 (2 corrected to
    spam, 1 not sent); audits agree with 88.9 % [56.5, 98.0], n=9'.
    """
    files = "1 file" if totals.n_files == 1 else f"{number(totals.n_files)} files"
    n_doubted = sum(totals.doubted.values())
    states = ", ".join(f"{number(n)} {state}" for state, n in sorted(totals.doubted.items()))
    parts = [
        f"{number(totals.n_rows)} rows of {files}: {number(totals.n_gold)} of {number(totals.n_samples)} "
        "samples are gold by them",
        f"label errors doubt {number(n_doubted)}" + (f" ({states})" if states else ""),
        *_agreements(totals.agreement),
    ]
    return "; ".join(parts)


def _agreements(agreement: Agreement) -> Iterator[str]:
    for who, measure in (("audits", agreement.audited), ("other blind answers", agreement.chosen)):
        if measure.n:
            yield f"{who} agree: {percent_cell(measure)}"
