"""Measure how long an annotator waits for the next picture, in a real browser on an embedded Label Studio.

Somebody accepts suggestions with Enter, after a pause in which a person would look. A script on the page
takes two moments, from the key on: the next picture is seen, and its task is on the page, ready for keys.
`--without` leaves the script that loads ahead out of the page.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from goldloop.adapters.label_studio import LabelStudioQueue, ensure_projects
from goldloop.core.labels import LabelSet
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.services import down, up
from goldloop.settings.workspace import Workspace
from scripts.bench.common import Report, add_picture_options, options_of, say
from scripts.bench.sheet_pages import Person, chromium

LABELS = LabelSet.of(["t-shirt", "dress", "shoes"])
HINT = f"Model suggests: {LABELS[0]} 58%"
AT_FIRST = 2  # pictures that warm browser and server up
WATCH = """
    const shown = () => document.querySelector('.lsf-current-task__task-id')?.innerText ?? '';
    const picture = () => document.querySelector('.gl-picture .lsf-image img');
    window.waits = [];
    window.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter') return;
        const [since, before, old, wait] = [performance.now(), shown(), picture()?.src, {}];
        const look = () => {
            const [now, seen] = [performance.now() - since, document.querySelector('.goldloop-ahead')];
            const one = picture();
            const isOther = shown() && shown() !== before && one?.src !== old;
            const isThere = isOther && one?.complete && one.naturalWidth;
            if (seen?.complete || isThere) wait.seen ??= now;
            if (!isThere) return requestAnimationFrame(look);
            window.waits.push({...wait, task: now});
        };
        requestAnimationFrame(look);
    }, true);
"""
IS_READY = """
    const chosen = [...document.querySelectorAll('.gl-answer input[type=radio]')].some(one => one.checked);
    return chosen && !document.querySelector('.goldloop-ahead');
"""


def main() -> None:
    """Start the servers, accept `n` suggestions, report, end the servers."""
    parser = options_of(__doc__, n=50, counted="pictures")
    add_picture_options(parser)
    parser.add_argument("--pause", type=float, default=1.5, help="seconds from a picture to its answer")
    parser.add_argument("--without", action="store_true", help="load nothing ahead")
    options = parser.parse_args()
    report = Report(options)
    with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as folder:
        workspace = Workspace.create(Path(folder) / "workspace", labels=list(LABELS))
        try:
            server = up(workspace, say=say).label_studio
            n = options.n + AT_FIRST
            paths = copied(options.data / "clothing", workspace.images / "clothing", n + 1)
            projects = ensure_projects(
                server.url,
                server.token,
                name="next picture",
                labels=LABELS,
                images_root=Path(str(server.files_root)) / "images",
                kind="image",
            )
            queue = LabelStudioQueue(server.url, server.token, projects, LABELS)
            queue.push([_task(number, path) for number, path in enumerate(paths)])
            with chromium(Path(folder) / "chromium") as browser:
                if options.without:
                    mark = {"source": "window.goldloopAhead = true"}
                    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", mark)
                person = Person(browser, server, "ana@example.org")
                browser.get(queue.project_urls()["labeling"])
                waits = accepted(person, browser, n, options.pause)[AT_FIRST:]
        finally:
            down(workspace, say=say)
    _report(report, waits)
    report.close()


def copied(source: Path, folder: Path, n: int) -> list[str]:
    """Copy the first `n` photographs of `source`; return their paths below the folder's parent."""
    if not source.is_dir():
        raise SystemExit(f"there are no photographs in {source}; name their parent folder with --data")
    folder.mkdir(parents=True)
    with (source / "labels.csv").open(encoding="utf-8", newline="") as rows:
        names = [next(iter(row.values())) for row in csv.DictReader(rows)][:n]
    for number, name in enumerate(names):
        Image.open(source / "images" / name).convert("RGB").save(folder / f"{number}.jpg", quality=90)
    return [f"{folder.name}/{number}.jpg" for number in range(len(names))]


def _task(number: int, path: str) -> NewTask:
    suggestion = Suggestion(LABELS[0], 0.58, "1", HINT)
    return NewTask(SampleId(f"{number:064x}"), Purpose.REVIEW, BatchId("bench"), path, suggestion)


def accepted(person: Person, browser: Any, n: int, pause: float) -> list[dict[str, float]]:
    """Accept `n` suggestions with Enter, each `pause` seconds after its task is there; return the waits."""
    from selenium.webdriver.common.keys import Keys

    person.wait(lambda: browser.execute_script(IS_READY))
    browser.execute_script(WATCH)
    for _ in range(n):
        person.wait(lambda: browser.execute_script(IS_READY))
        time.sleep(pause)
        n_waits = browser.execute_script("return window.waits.length")
        person.press(Keys.ENTER)
        person.wait(partial(_has_more, browser, n_waits))
    waits: list[dict[str, float]] = browser.execute_script("return window.waits")
    return waits


def _has_more(browser: Any, n_waits: int) -> bool:
    return bool(browser.execute_script("return window.waits.length") > n_waits)


def _report(report: Report, waits: Sequence[dict[str, float]]) -> None:
    for name, what in (("seen", "the next picture is seen"), ("task", "its task is on the page")):
        report.median(f"next picture/{what}", [wait[name] for wait in waits], "ms")


if __name__ == "__main__":
    main()
