"""The page of the workspace: where it stands, its rounds, people, policy and costs, and its samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from goldloop.annotators.report import annotator_report
from goldloop.costs.report import cost_report
from goldloop.labeling.context import LoopState, read_state
from goldloop.loop.import_list import list_imports
from goldloop.loop.ports import LoopPorts
from goldloop.reports.annotators import NOBODY, annotator_sections
from goldloop.reports.costs import cost_section, read_cost_inputs
from goldloop.reports.imports import imports_section
from goldloop.reports.outlook import outlook_section
from goldloop.reports.page import Page, render_page, save_page
from goldloop.reports.round_page import routing_of
from goldloop.reports.rounds import facts, round_plots, round_rows, rounds_section
from goldloop.reports.section import Format, Picture, Row, Section, Table
from goldloop.reports.sheets import sheet_sections
from goldloop.reports.status import Status
from goldloop.reports.workspace_gallery import GallerySource, TaskLink, Wanted
from goldloop.tables.rounds import read_rounds

FILE = "workspace.html"
FIRST_OF_MODEL = "champion"
"""Name of the first line of the status that is about the model."""

NO_MODEL = "No policy is in force before the first model: samples wait for annotators."
NO_COST = "No answer has been given yet, so nothing was spent."


@dataclass(frozen=True)
class WorkspacePage:
    """The page of a moment, which `file` and `served` complete with a gallery."""

    page: Page
    gallery: GallerySource

    def file(self, folder: Path) -> Path:
        """Write the page into `folder`; return where it lies."""
        return save_page(self._with(self.gallery.filed()), folder, FILE)

    def served(self, wanted: Wanted) -> str:
        """Return the page as HTML, with the samples that are wanted."""
        return render_page(self._with(self.gallery.served(wanted)))

    def _with(self, gallery: Section) -> Page:
        return replace(self.page, sections=[*self.page.sections, gallery])


def workspace_page(
    ports: LoopPorts, status: Status, *, links: Mapping[str, str], task_link: TaskLink
) -> WorkspacePage:
    """Return the page of now; `status` is what `goldloop status` shows, `links` are addresses by name."""
    settings, rounds = ports.settings, read_rounds(ports.tables.rounds)
    state = read_state(ports.tables, settings)
    rows = round_rows(rounds)
    moderation = settings.moderation
    sections = [
        now_section(status),
        outlook_section(rounds[-1].outlook if rounds else None),
        rounds_section(rows, round_plots(rounds)),
        *_people(ports, state),
        imports_section(list_imports(ports, state) if state.snapshot.imported else []),
        _or_words(routing_of(ports, state, rounds), "Policy", NO_MODEL),
        _cost(ports, state),
    ]
    page = Page(
        title=settings.name,
        generated_at=ports.clock(),
        sections=[_drawn_once(section) for section in sections],
        facts=facts(rows),
        links=links,
        is_veiled=bool(moderation and moderation.veil),
        has_contents=True,
    )
    return WorkspacePage(page, GallerySource(ports, state, task_link))


def now_section(status: Status) -> Section:
    """Return what the status says, a row for each line."""
    labeling: list[Row] = []
    deciding: list[Row] = []
    for name, value in status.lines().items():
        (deciding if deciding or name == FIRST_OF_MODEL else labeling).append({"what": name, "now": value})
    return Section(
        "Now", tables=(Table(labeling, "samples and answers"), Table(deciding, "model and rounds"))
    )


def _people(ports: LoopPorts, state: LoopState) -> Sequence[Section]:
    report = annotator_report(state.outcomes, state.snapshot.requests.requests, ports.settings)
    people = annotator_sections(report) or [Section("Annotators", prose=(NOBODY,))]
    return [*people, *sheet_sections(state, ports.settings)]


def _cost(ports: LoopPorts, state: LoopState) -> Section:
    settings = ports.settings
    inputs = read_cost_inputs(ports.tables, state, settings)
    costs = cost_report(inputs, settings, now=ports.clock())
    return cost_section(costs) if costs.whole.n_answers else Section("Costs", prose=(NO_COST,))


def _or_words(section: Section, title: str, words: str) -> Section:
    return Section(title, prose=(words,)) if section.is_empty else section


def _drawn_once(section: Section) -> Section:
    """Return the section with plots that are drawn when they are first shown, and kept."""
    return replace(section, plots=[replace(plot, picture=_kept(plot.picture)) for plot in section.plots])


def _kept(picture: Picture) -> Picture:
    drawn: dict[Format, bytes] = {}

    def draw(kind: Format) -> bytes:
        if kind not in drawn:
            drawn[kind] = picture(kind)
        return drawn[kind]

    return draw
