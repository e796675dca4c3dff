"""What changed in several Label Studio projects comes as one stream in which nothing is overtaken."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from goldloop.adapters.label_studio.changes import CHANGED_TASKS, ChangeStream, Row, merged_pages

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def listed(task_id: int, at: datetime) -> Row:
    """Return a task as the server lists it."""
    return {"id": task_id, "updated_at": at}


@dataclass
class Server:
    """Projects whose tasks are changed, each time anything is listed, by a busy annotator."""

    tasks: list[dict[int, datetime]]
    random: Random
    changes_per_listing: int = 0
    now: datetime = START
    listings: int = 0
    log: list[Row] = field(default_factory=list)

    def change(self, project: int, task_id: int) -> None:
        """Change one task, a second after the change before."""
        self.now += timedelta(seconds=1)
        self.tasks[project][task_id] = self.now
        self.log.append(listed(task_id, self.now))

    def stream(self, project: int, since: datetime | None) -> ChangeStream:
        """Return the changes of one project."""

        def fetch(moment: datetime, size: int) -> list[Row]:
            self.listings += 1
            rows = sorted((at, task_id) for task_id, at in self.tasks[project].items() if at >= moment)
            page = [listed(task_id, at) for at, task_id in rows[:size]]
            for _ in range(self.changes_per_listing):
                busy = self.random.randrange(len(self.tasks))
                self.change(busy, self.random.choice(sorted(self.tasks[busy])))
            return page

        return ChangeStream(fetch, since)

    def pages(self, since: datetime | None = None) -> list[list[Row]]:
        """Return the pages of all projects."""
        return list(merged_pages([self.stream(number, since) for number in range(len(self.tasks))]))


def made(sizes: list[int], seed: int, changes_per_listing: int = 0) -> Server:
    """Return projects of so many tasks each, changed in random order."""
    random = Random(seed)
    server = Server([{} for _ in sizes], random, changes_per_listing)
    pairs = [(project, 10_000 * project + n) for project, size in enumerate(sizes) for n in range(size)]
    random.shuffle(pairs)
    for project, task_id in pairs:
        server.change(project, task_id)
    return server


@given(st.lists(st.integers(0, 1200), min_size=3, max_size=3), st.integers(0, 99))
def test_everything_comes_once_and_in_order(sizes: list[int], seed: int) -> None:
    """Pages of several projects are one stream by time of change, none too long."""
    server = made(sizes, seed)

    pages = server.pages()

    rows = [row for page in pages for row in page]
    assert rows == sorted(server.log, key=lambda row: row["updated_at"])
    assert all(1 <= len(page) <= CHANGED_TASKS for page in pages)


@given(st.lists(st.integers(1, 700), min_size=3, max_size=3), st.integers(0, 99), st.integers(1, 5))
def test_a_reader_that_stops_after_a_page_misses_nothing(
    sizes: list[int], seed: int, changes_per_listing: int
) -> None:
    """While tasks change, no page goes past a change that was not yielded yet."""
    server = made(sizes, seed, changes_per_listing)
    before = server.now
    told: dict[int, datetime] = {}
    cursor = START

    for page in merged_pages([server.stream(number, None) for number in range(len(sizes))]):
        assert len({row["id"] for row in page}) == len(page)
        for row in page:
            assert row["updated_at"] >= cursor
            cursor, told[row["id"]] = row["updated_at"], row["updated_at"]
        now = {task_id: at for project in server.tasks for task_id, at in project.items()}
        assert all(told.get(task_id, START) == at for task_id, at in now.items() if at <= cursor)

    assert cursor >= before - timedelta(seconds=1)
    assert {row["id"] for row in server.log if row["updated_at"] <= before} == set(told)


def test_nothing_new_costs_one_listing_of_each_project() -> None:
    """A pull without changes sends one request for each project."""
    server = made([5, 5, 5], seed=0)
    server.listings = 0

    assert server.pages(server.now + timedelta(seconds=1)) == []
    assert server.listings == 3


def test_more_changes_of_one_moment_than_fit_on_a_page() -> None:
    """An import stamps all its tasks alike; they are listed whole."""
    tasks = dict.fromkeys(range(3 * CHANGED_TASKS), START)
    server = Server([tasks, {9999: START}], Random(0))

    rows = [row["id"] for page in server.pages() for row in page]

    assert sorted(rows) == [*range(3 * CHANGED_TASKS), 9999]
