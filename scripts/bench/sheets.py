"""Measure sheets against single quick reviews in a real browser, with a simulated person.

The pictures are photographs of clothing, of which a share has a wrong suggestion. The person is simulated:
how long they look at a picture, how long a click takes, and which share of wrong suggestions they overlook
are options, and the defaults are from the literature on reading times. What Label Studio's pages take is
real: the clock runs from the moment a page is submitted until all pictures of the next one are there.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from goldloop.adapters.label_studio import LabelStudioQueue, ensure_projects
from goldloop.core.annotations import TaskState
from goldloop.core.labels import LabelSet
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.services import LabelStudioEndpoint, down, up
from goldloop.settings.workspace import Workspace
from scripts.bench.common import Report, add_picture_options, options_of, say
from scripts.bench.sheet_pages import (
    SHEET_READY,
    SINGLE_READY,
    Person,
    SheetProject,
    Timing,
    chromium,
    noticed,
)

LOOK_S, CLICK_S = 0.4, 0.8  # a thumbnail of a sheet; pointing at one and clicking it
RIGHT_S, WRONG_S = 1.8, 3.8  # a choice of ten labels, where it agrees and where it does not (CIFAR-10H)

PAGE_S = 0.5  # until Label Studio's next page is there, on a machine that has nothing else to do


def main() -> None:
    """Start the servers, work through both kinds of pages, report, end the servers."""
    parser = options_of(__doc__, n=10, counted="sheets")
    add_picture_options(parser)
    parser.add_argument("--on-a-sheet", type=int, default=24, help="pictures of a sheet")
    parser.add_argument("--singly", type=int, default=60, help="pictures with a page of their own")
    parser.add_argument("--precision", type=float, default=0.95, help="share of right suggestions")
    parser.add_argument("--missed", type=float, default=0.10, help="share of errors overlooked on sheets")
    parser.add_argument(
        "--adopted", type=float, default=0.05, help="share of errors accepted on single pages"
    )
    parser.add_argument("--planted", type=float, default=0.05, help="share of planted errors on sheets")
    parser.add_argument("--twins", type=float, default=0.05, help="share of unclicked pictures asked again")
    options = parser.parse_args()
    report = Report(options)
    with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as folder:
        workspace = Workspace.create(Path(folder) / "workspace", labels=["a", "b"])
        try:
            measure(up(workspace, say=say).label_studio, Path(folder), report, options)
        finally:
            down(workspace, say=say)
    report.close()


def measure(server: LabelStudioEndpoint, folder: Path, report: Report, options: argparse.Namespace) -> None:
    """Report seconds a picture and errors missed on sheets and on single pages."""
    shop = Shop(server, options)
    with chromium(folder / "chromium") as browser:
        person = Person(browser, server, "sheet@bench.example")
        on_sheets = on_sheets_of(shop, person, report)
        singly = singly_of(shop, person, report)
    report_throughput(on_sheets, singly, report, options)


def report_throughput(
    on_sheets: Sequence[Timing], singly: Sequence[Timing], report: Report, options: argparse.Namespace
) -> None:
    """Report how many pictures get done on sheets in the time of one on a page of its own.

    Where the machine is busy, waiting for pages would flatter sheets, so all waiting is scaled until a single
    page takes PAGE_S. A clicked picture and a twin are looked at again singly.
    """
    waiting, page = (float(np.median([one.waiting for one in timings])) for timings in (on_sheets, singly))
    working = float(np.mean([one.working for one in on_sheets]))
    a_page = float(np.mean([one.working for one in singly]))
    for what, quiet in (("as measured", 1.0), (f"where a page takes {PAGE_S} s", PAGE_S / page)):
        single = a_page + quiet * page
        shown = (working + quiet * waiting) / options.on_a_sheet
        clicked = (1 - options.precision) * (1 - options.missed)
        again = clicked * (WRONG_S + quiet * page)
        again += (1 - clicked) * options.twins * (RIGHT_S + quiet * page)
        report.add(f"sheets/{what}/a picture singly", single, "s", n=len(singly))
        report.add(f"sheets/{what}/a picture on a sheet", shown, "s", n=len(on_sheets))
        report.add(f"sheets/{what}/with planted errors", shown / (1 - options.planted), "s", n=len(on_sheets))
        whole = shown / (1 - options.planted) + again
        report.add(f"sheets/{what}/and with second looks", whole, "s", n=len(on_sheets))
        report.add(f"sheets/{what}/throughput", single / shown, "times", n=len(on_sheets))
        report.add(f"sheets/{what}/throughput, all included", single / whole, "times", n=len(on_sheets))


class Shop:
    """Photographs of clothing on the server's disk, in tasks whose suggestions are right or wrong."""

    def __init__(self, server: LabelStudioEndpoint, options: argparse.Namespace) -> None:
        self.server, self.options, self.rng = server, options, np.random.default_rng(options.seed)
        with (options.data / "clothing" / "labels.csv").open(encoding="utf-8") as file:
            self.true = {Path(row["file"]).name: row["label"] for row in csv.DictReader(file)}
        self.labels = LabelSet.of(sorted(set(self.true.values())))
        self.left = {
            label: [name for name, its in self.true.items() if its == label] for label in self.labels
        }
        for names in self.left.values():
            self.rng.shuffle(names)
        assert server.files_root is not None
        self.images = Path(server.files_root) / "images"
        (self.images / "shop").mkdir(parents=True, exist_ok=True)
        self.wrong: set[str] = set()

    def task(self, suggested: str) -> NewTask:
        """Return a task about a picture that no other task shows."""
        is_right = self.rng.random() < self.options.precision
        others = [label for label in self.labels if label != suggested and self.left[label]]
        name = self.left[suggested if is_right else str(self.rng.choice(others))].pop()
        shutil.copy(self.options.data / "clothing" / "images" / name, self.images / "shop" / name)
        sample_id = SampleId(f"{sum(map(len, self.left.values())):064x}")
        shown = Suggestion(suggested, 0.96, "1", f"Model suggests: {suggested} 96%")
        task = NewTask(sample_id, Purpose.REVIEW, BatchId("shop"), f"shop/{name}", shown)
        if not is_right:
            self.wrong.add(task.key)
        return task

    def sheets(self) -> list[list[NewTask]]:
        """Return the tasks of each sheet; the labels take turns."""
        n, frequent = self.options.on_a_sheet, sorted(self.labels, key=lambda label: -len(self.left[label]))
        return [[self.task(frequent[place % 5]) for _ in range(n)] for place in range(self.options.n)]

    def missed(self, states: Sequence[TaskState]) -> list[bool]:
        """Return of each wrong suggestion with an answer whether the answer agrees."""
        return [
            one.label == one.shown_label
            for state in states
            if state.key in self.wrong
            for one in state.annotations
        ]


def on_sheets_of(shop: Shop, person: Person, report: Report) -> list[Timing]:
    """Report the errors that the person missed on sheets; return the seconds of all but the first page."""
    options, sheets = shop.options, shop.sheets()
    project = SheetProject(shop.server, "sheets of the bench", shop.labels, options.on_a_sheet)
    project.push(sheets)
    pages = [partial(_look_over, person, shop, sheet) for sheet in sheets]
    timings = person.work(project.address, SHEET_READY, pages)[1:]  # the first opens the page
    report_missed("on sheets", shop.missed(project.states()), report)
    return timings


def _look_over(person: Person, shop: Shop, sheet: Sequence[NewTask]) -> None:
    time.sleep(LOOK_S * len(sheet))
    seen = noticed([task.key in shop.wrong for task in sheet], shop.options.missed, shop.rng)
    for place, is_seen in enumerate(seen, 1):
        if is_seen:
            time.sleep(CLICK_S)
            person.click(place)


def singly_of(shop: Shop, person: Person, report: Report) -> list[Timing]:
    """Report the errors that the person missed singly; return the seconds of all but the first page."""
    server, labels = shop.server, shop.labels
    projects = ensure_projects(
        server.url, server.token, name="singles of the bench", labels=labels, images_root=shop.images
    )
    queue = LabelStudioQueue(server.url, server.token, projects, labels)
    frequent = sorted(labels, key=lambda label: -len(shop.left[label]))
    tasks = [shop.task(frequent[place % 5]) for place in range(shop.options.singly)]
    queue.push(tasks)
    pages: list[Callable[[], Any]] = [partial(_look_at, person, shop, task) for task in tasks]
    timings = person.work(queue.project_urls()["labeling"], SINGLE_READY, pages)[1:]
    states = [state for page in queue.changed_since(None) for state in page]
    report_missed("singly", shop.missed(states), report)
    return timings


def report_missed(what: str, missed: Sequence[bool], report: Report) -> None:
    """Report which share of the wrong suggestions got an answer that agrees, where there were any."""
    if missed:
        report.share(f"sheets/{what}/errors missed", missed)


def _look_at(person: Person, shop: Shop, task: NewTask) -> None:
    assert task.suggestion is not None
    is_wrong = task.key in shop.wrong
    time.sleep(WRONG_S if is_wrong else RIGHT_S)
    (is_seen,) = noticed([is_wrong], shop.options.adopted, shop.rng)
    if is_seen:
        true = shop.labels.column(shop.true[Path(task.path).name])
        person.press("1234567890"[true])


if __name__ == "__main__":
    main()
