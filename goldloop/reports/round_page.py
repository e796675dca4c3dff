"""The page of a round: its sections, in order."""

from __future__ import annotations

from pathlib import Path

from goldloop.reports.annotators import annotator_sections
from goldloop.reports.costs import cost_section
from goldloop.reports.formatting import Cell
from goldloop.reports.gallery import gallery_section, label_error_section
from goldloop.reports.inputs import PageInputs
from goldloop.reports.page import Page, save_page
from goldloop.reports.rounds import facts, round_plots, round_rows, rounds_section
from goldloop.reports.routing import routing_section
from goldloop.reports.section import Section
from goldloop.tables.counts import Conservation

NO_MODEL = "No model yet: too little gold to train and judge one."


def write_page(inputs: PageInputs, folder: Path) -> Path:
    """Write the page of the newest round into `folder`; return where it lies."""
    return save_page(round_page(inputs), folder, f"round-{_newest(inputs):03d}.html")


def _newest(inputs: PageInputs) -> int:
    return inputs.rounds[-1].round if inputs.rounds else 0


def round_page(inputs: PageInputs) -> Page:
    """Return the page of the newest round; its first section is that of the rounds."""
    rows = round_rows(inputs.rounds)
    notes = (None if rows else NO_MODEL, inputs.unsettled)
    remarks = tuple(Cell(note) for note in notes if note)
    sections = [
        rounds_section(rows, round_plots(inputs.rounds)),
        *([routing_section(inputs.routing)] if inputs.routing else []),
        *([cost_section(inputs.costs)] if inputs.costs.whole.n_answers else []),
        *annotator_sections(inputs.annotators),
        label_error_section(inputs.relabels, inputs.thumbnails),
        gallery_section(inputs.gold, inputs.thumbnails),
        conservation_section(inputs.conservation),
        Section("Notes", remarks=remarks),
    ]
    return Page(
        title=f"{inputs.name}: round {_newest(inputs)}",
        generated_at=inputs.generated_at,
        sections=sections,
        facts=facts(rows),
        links=inputs.links,
    )


def conservation_section(files: Conservation) -> Section:
    """Return where every file is, and whether the sum adds up."""
    verdict = Cell("conserved", tone="good") if files.is_conserved else Cell("does not add up", tone="bad")
    quarantine = ", ".join(f"{reason} {n:,}" for reason, n in files.reasons.items())
    return Section(
        title="Every file counted once",
        prose=(str(files),),
        remarks=(verdict, *([Cell(f"in quarantine: {quarantine}")] if quarantine else [])),
    )
