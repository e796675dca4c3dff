"""The gallery of the workspace's page: samples by label, lane, confidence, annotator and round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from goldloop.core.lanes import Lane
from goldloop.core.modality import Preview
from goldloop.core.planned_tasks import Event, TaskStatus
from goldloop.core.samples import SampleId
from goldloop.labeling.context import LoopState
from goldloop.loop.ports import LoopPorts
from goldloop.reports.formatting import number, percent
from goldloop.reports.sample_facts import SampleFacts, read_facts
from goldloop.reports.section import Chooser, Facet, Section, Tile
from goldloop.tables.gallery import GalleryChoice, read_gallery

TITLE = "Gallery"
PER_PAGE = 48
"""Samples on a page that is served."""

MOST_IN_FILE = 240
"""Samples on a page that is a file, at most half of them labelled; at 5 KB each it can be mailed."""

CONFIDENCES: Mapping[str, tuple[float, float]] = {
    "0-40": (0.0, 0.4),
    "40-70": (0.4, 0.7),
    "70-90": (0.7, 0.9),
    "90-100": (0.9, 1.01),
}
NAMES = ("label", "lane", "confidence", "annotator", "round")

_PROSE = (
    "The label is that of gold, or else the model's. Annotator and round are those of answers.",
    "Open a task to look at it, and answer it elsewhere: who has seen here what gold and the model say is "
    "not blind.",
)

TaskLink = Callable[[TaskStatus], str]
"""The address of a task that was pushed, "" where it is not known."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was chosen, by facet, "" or missing for all; and the number of the page, from 1."""

    chosen: Mapping[str, str] = field(default_factory=dict)
    page: int = 1

    def get(self, name: str) -> str:
        """Return what was chosen of a facet."""
        return self.chosen.get(name, "")

    def address(self, page: int) -> str:
        """Return the address of a page of the same choice."""
        chosen = {name: value for name, value in self.chosen.items() if value}
        return f"/?{urlencode(chosen | {'page': str(page)})}#{TITLE.lower()}"


@dataclass(frozen=True)
class GallerySource:
    """What galleries of one state of the workspace are made from; `link` leads to tasks."""

    ports: LoopPorts
    state: LoopState
    link: TaskLink = lambda _: ""

    def filed(self) -> Section:
        """Return the gallery of a page that is a file: labelled samples, newest first, and others drawn."""
        gold = self.state.snapshot.gold.records
        newest = sorted(gold, key=lambda record: (record.labelled_at, record.sample_id), reverse=True)
        labelled = [record.sample_id for record in newest[: MOST_IN_FILE // 2]]
        drawn, n_all = self._read(Wanted(), 0, MOST_IN_FILE)
        others = [sample_id for sample_id in drawn if sample_id not in set(labelled)]
        shown = [*labelled, *others[: MOST_IN_FILE - len(labelled)]]
        said = f"All {number(n_all)} samples."
        if len(shown) < n_all:
            said = (
                f"{number(len(shown))} of {number(n_all)} samples: the {number(len(labelled))} labelled "
                "last, and a random draw. Served by goldloop serve --page, the page shows all."
            )
        chooser = Chooser(self._facets(Wanted()), said, is_served=False)
        return self._section(shown, chooser)

    def served(self, wanted: Wanted) -> Section:
        """Return one page of the samples that fit what is `wanted`."""
        page = max(1, wanted.page)
        shown, n_all = self._read(wanted, (page - 1) * PER_PAGE, PER_PAGE)
        pages = {}
        if page > 1:
            pages["Samples before"] = wanted.address(page - 1)
        if page * PER_PAGE < n_all:
            pages["More samples"] = wanted.address(page + 1)
        first = (page - 1) * PER_PAGE + 1
        said = f"Samples {number(first)} to {number(first + len(shown) - 1)} of {number(n_all)} that fit."
        if not shown:
            said = "No sample fits." if page == 1 else "No sample is left; go back to those before."
        chooser = Chooser(self._facets(wanted), said, is_served=True, pages=pages)
        return self._section(shown, chooser)

    @property
    def _labels(self) -> dict[str, str]:
        """The labels by the number that stands for them, as a label may be any text."""
        return {str(column): label for column, label in enumerate(self.ports.settings.label_set)}

    def _read(self, wanted: Wanted, start: int, n: int) -> tuple[list[SampleId], int]:
        choice = GalleryChoice(
            label=self._labels.get(wanted.get("label")),
            lane=wanted.get("lane") or None,
            confidence=CONFIDENCES.get(wanted.get("confidence")),
        )
        gold = {record.sample_id: record.label for record in self.state.snapshot.gold.records}
        return read_gallery(self.ports.tables, choice, gold, among=self._among(wanted), start=start, n=n)

    def _among(self, wanted: Wanted) -> set[SampleId] | None:
        """Return the samples with an answer of the annotator and the round that were chosen, None: all."""
        annotator, round_ = wanted.get("annotator"), wanted.get("round")
        if not annotator and not round_:
            return None
        return {
            answer.sample_id
            for answer in self.state.outcomes.answers
            if annotator in ("", answer.annotator) and round_ in ("", str(answer.round))
        }

    def _facets(self, wanted: Wanted) -> list[Facet]:
        answers = self.state.outcomes.answers
        people = sorted({answer.annotator for answer in answers}, key=lambda who: (len(who), who))
        rounds = sorted({answer.round for answer in answers})
        values = {
            "label": self._labels,
            "lane": {str(lane): str(lane) for lane in Lane},
            "confidence": {name: _span(*ends) for name, ends in CONFIDENCES.items()},
            "annotator": {who: f"annotator {who}" for who in people},
            "round": {str(one): f"round {one}" for one in rounds},
        }
        return [Facet(name, name.capitalize(), values[name], wanted.get(name)) for name in NAMES]

    def _section(self, shown: list[SampleId], chooser: Chooser) -> Section:
        facts = read_facts(
            self.ports.tables,
            shown,
            labels=self.ports.settings.label_set,
            gold=self.state.snapshot.gold.records,
            outcomes=[one for one in self.state.outcomes.samples if one.evidence.sample_id in set(shown)],
        )
        answered = self._answered(set(shown))
        links, labels = self._links(set(shown)), self.ports.settings.label_set
        tiles = []
        for sample_id in shown:
            answers = sorted(answered[sample_id])
            facets = _facets_of(facts, sample_id, list(labels), answers)
            preview = self.ports.modality.preview(sample_id, facts.uris(sample_id))
            tiles.append(
                _tile(
                    facts, sample_id, preview, answers=answers, facets=facets, link=links.get(sample_id, "")
                )
            )
        return Section(TITLE, prose=_PROSE, tiles=tiles, chooser=chooser)

    def _answered(self, shown: set[SampleId]) -> defaultdict[SampleId, set[tuple[str, int]]]:
        """Return who answered each of the samples, in which round."""
        found = defaultdict[SampleId, set[tuple[str, int]]](set)
        for answer in self.state.outcomes.answers:
            if answer.sample_id in shown:
                found[answer.sample_id].add((answer.annotator, answer.round))
        return found

    def _links(self, shown: set[SampleId]) -> dict[SampleId, str]:
        """Return the address of the first task of each sample that annotators have or had."""
        found: dict[SampleId, str] = {}
        for task in self.state.snapshot.tasks.values():
            if task.sample_id in shown and task.event is Event.PUSHED and task.task_id is not None:
                found.setdefault(task.sample_id, self.link(task))
        return found


def _span(low: float, high: float) -> str:
    if low == 0:
        return f"below {percent(high, 0)}"
    return f"from {percent(low, 0)}" if high > 1 else f"{percent(low, 0)} to {percent(high, 0)}"


def _facets_of(
    facts: SampleFacts, sample_id: SampleId, labels: Sequence[str], answers: Sequence[tuple[str, int]]
) -> dict[str, str]:
    """Return the values by which a gallery chooses a sample, of what the model, gold and annotators say."""
    gold, prediction = facts.gold.get(sample_id), facts.predictions.get(sample_id)
    label = gold.label if gold else prediction.label if prediction else None
    confidence = prediction.confidence if prediction else None
    spans = [
        name
        for name, (low, high) in CONFIDENCES.items()
        if confidence is not None and low <= confidence < high
    ]
    return {
        "label": str(labels.index(label)) if label in labels else "",
        "lane": str(prediction.lane) if prediction else "",
        "confidence": "".join(spans),
        "answers": " ".join(f"{who}/{round_}" for who, round_ in answers),
    }


def _counted(name: str, values: Sequence[str]) -> str:
    """Return values with what they are, for example 'annotators 2, 5'."""
    return f"{name}{'s' if len(values) > 1 else ''} {', '.join(values)}"


def _tile(
    facts: SampleFacts,
    sample_id: SampleId,
    preview: Preview | None,
    *,
    answers: Sequence[tuple[str, int]],
    facets: Mapping[str, str],
    link: str,
) -> Tile:
    """Return the tile of a sample: its label and whose it is, its lane, and who answered it."""
    gold, prediction = facts.gold.get(sample_id), facts.predictions.get(sample_id)
    label = gold.label if gold else prediction.label if prediction else None
    whose = "gold" if gold else "model"
    people, rounds = sorted({who for who, _ in answers}), sorted({str(round_) for _, round_ in answers})
    asked = f"{_counted('annotator', people)}, {_counted('round', rounds)}" if answers else ""
    lane = f"lane {prediction.lane}" if prediction else "not scored yet"
    return Tile(
        preview=preview,
        title=f"{label} ({whose})" if label else "no label yet",
        lines=[line for line in (lane, asked, *facts.lines(sample_id)) if line],
        name=facts.file_name(sample_id),
        sample_id=sample_id,
        opinions=facts.opinions(sample_id),
        link=link,
        facets=facets,
    )
