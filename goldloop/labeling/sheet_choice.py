"""The choice of sheets: which sure suggestions and single answers pay on one, and who and what gets none."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from goldloop.consensus.clicks import FALSE_ALARMS
from goldloop.consensus.planted_errors import expected_missed, planted_errors
from goldloop.core.candidates import Candidates
from goldloop.core.chance import Arm, permanent_random, permanent_randoms
from goldloop.core.lanes import Lane
from goldloop.core.predictions import Candidate
from goldloop.core.probs import stored_probs
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, task_key
from goldloop.gold.records import GoldRecord
from goldloop.labeling.capacity import review_minutes
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.labeling.sheet_plans import ChosenSheet
from goldloop.routing.fit import error_costs
from goldloop.selection.select import draws_of
from goldloop.settings import Settings
from goldloop.sheets.composition import Pictures, SheetForm, compose
from goldloop.sheets.price import Looking, SheetPrices
from goldloop.sheets.switch import SheetSwitch, switched_off
from goldloop.tables.predictions import read_predictions

CANDIDATES_PER_PICTURE = 4
"""Candidates whose predictions and features are read for each picture that the answers pay for."""

SURE, MOST_PLANTED = 0.98, 5_000
"""Posterior from which a gold label is known well enough for a planted error; gold samples to draw from."""

LEAST_MARGIN = 0.5
"""Margin below which no suggestion is so sure that a sheet could pay: it is wrong for one in four or more."""


def sheet_switch(state: LoopState, settings: Settings) -> SheetSwitch:
    """Return who and what gets no sheets any more."""
    known = {record.sample_id: record.label for record in state.snapshot.gold.records}
    planted = planted_errors(state.outcomes.answers, known)
    return switched_off(planted, max_missed=settings.sheets.max_missed)


def is_off_for_all(state: LoopState, switch: SheetSwitch) -> bool:
    """Return whether everybody who has answered anything gets no sheets any more."""
    people = {answer.annotator for answer in state.outcomes.answers}
    return bool(people) and people <= switch.annotators


def rests_on_one_answer(record: GoldRecord, tasks: Container[str]) -> bool:
    """Return whether a gold label is that of one quick review, not quite sure, and nobody was asked again.

    `tasks` holds the key of every task there ever was. Samples that judge models do not count, nor do those
    that test what suggestions do to people, which have two answers.
    """
    return (
        record.purpose is Purpose.REVIEW
        and record.split is Split.TRAIN
        and record.n_votes == 1
        and record.posterior.get(record.label, 1.0) < SURE
        and task_key(record.sample_id, Purpose.REVIEW) in tasks
        and not any(task_key(record.sample_id, one) in tasks for one in Purpose if one is not Purpose.REVIEW)
    )


def why_no_sheets(settings: Settings) -> list[str]:
    """Return a sentence about each setting by which no sheet is ever made, though sheets are asked for."""
    policy, preset, found = settings.policy, settings.model.preset, list[str]()
    if not settings.sheets.enabled:
        return found
    if preset not in settings.feature_presets:
        found.append(
            f"no sheets: the preset {preset} keeps no features, which tell what pictures are alike; "
            f"set model.preset to one of {', '.join(settings.feature_presets)}, or sheets.enabled to false"
        )
    ends = (policy.band[1], *policy.thresholds.values())
    if policy.kind == "band" and max(ends) <= (1 + LEAST_MARGIN) / 2:
        found.append(
            f"no sheets: annotators review confidences up to {max(ends):g}, and goldloop accepts all "
            "that are sure enough for a sheet; raise policy.band, or use the policy target or cost"
        )
    return found


@dataclass(frozen=True, slots=True)
class SheetChoice:
    """Chooses sheets for a state of labeling; `is_shown` says whether people see suggestions of a label."""

    context: LabelingContext
    state: LoopState
    is_shown: Callable[[Arm, str], bool]

    def choose(self, pool: Candidates, n_answers: int) -> list[ChosenSheet]:
        """Return sheets for which `n_answers` would pay, each of one label, those of gold labels first.

        They show gold labels that rest on a single answer, and sure suggestions of the `pool` in the lane
        review. No sample that judges models is among them.
        """
        settings, sheets = self.context.settings, self.context.settings.sheets
        n_pictures = int(n_answers / sheets.share_of_review)
        if not sheets.enabled or n_pictures < sheets.pictures or not self.state.snapshot.has_model:
            return []
        switch = sheet_switch(self.state, settings)
        if is_off_for_all(self.state, switch):
            return []
        n_most = CANDIDATES_PER_PICTURE * n_pictures
        paying, gold = self._paying(self._least_sure_first(pool)[:n_most], switch), self._known()
        labelled = {one.sample_id: one for one in self._verifiable(switch)[:n_most]}
        label_columns = {one: settings.label_set.column(record.label) for one, record in labelled.items()}
        made = compose(
            self._pictures(label_columns | {one: column for one, (_, column) in paying.items()}, labelled),
            self._pictures({one: settings.label_set.column(record.label) for one, record in gold.items()}),
            SheetForm(sheets.pictures, sheets.planted_rate, settings.selection.seed),
            judging=self._judging(),
        )
        return [
            ChosenSheet(
                sheet,
                {one: paying[one][0] for one in sheet.pictures if one in paying},
                {one: gold[one] for one in sheet.planted},
                {one: labelled[one] for one in sheet.pictures if one in labelled},
            )
            for sheet in made
        ]

    def _least_sure_first(self, pool: Candidates) -> Candidates:
        """Return the candidates that may be on a sheet, the least sure first, equal ones by chance."""
        selection = self.context.settings.selection
        draws = draws_of(pool, audit_rate=selection.audit_rate, seed=selection.seed)
        may = pool.in_lanes(Lane.REVIEW) & ~(pool.flags("is_audit_only") | pool.flags("is_overdue"))
        rows = np.flatnonzero(may & ~(draws.reserved | draws.judging) & (pool.margins > LEAST_MARGIN))
        may_be = pool.at(rows)
        numbers = permanent_randoms(may_be.sample_ids, self._seed, "sheet")
        return may_be.at(np.lexsort((numbers, may_be.margins)))

    def _paying(self, pool: Candidates, switch: SheetSwitch) -> dict[SampleId, tuple[Candidate, int]]:
        """Return the candidates that cost less on a sheet than on a page, with their labels' columns."""
        settings, labels = self.context.settings, self.context.settings.label_set
        found = read_predictions(self.context.tables, pool.sample_ids)
        usable = {
            one.sample_id: (one, found[one.sample_id])
            for one in pool
            if one.sample_id in found and self._is_asked(found[one.sample_id].label, switch)
        }
        newest = [prediction for _, prediction in usable.values()]
        probs = stored_probs([one.probs or () for one in newest], [one.label_names for one in newest], labels)
        columns = np.array([labels.column(str(one.label)) for one in newest], dtype=np.intp)
        rows = np.arange(len(columns))
        costs = error_costs(settings.cost, labels).expected(probs)[rows, columns]
        pays = self._prices().pays(1 - probs[rows, columns], costs)
        return {
            sample_id: (candidate, column)
            for (sample_id, (candidate, _)), column, is_paying in zip(
                usable.items(), columns.tolist(), pays.tolist(), strict=True
            )
            if is_paying
        }

    def _verifiable(self, switch: SheetSwitch) -> list[GoldRecord]:
        """Return the gold labels of single answers for which a look on a sheet pays, the least sure first.

        Somebody but their author has to be left who gets sheets.
        """
        settings, labels = self.context.settings, self.context.settings.label_set
        people = {answer.annotator for answer in self.state.outcomes.answers} - switch.annotators
        records = [
            record
            for record in self.state.snapshot.gold.records
            if rests_on_one_answer(record, self.state.snapshot.tasks) and people - {*record.annotators}
            if self._is_asked(record.label, switch)
        ]
        probs = np.array(
            [[record.posterior.get(label, 0.0) for label in labels] for record in records]
        ).reshape(len(records), len(labels))
        rows, columns = np.arange(len(records)), [labels.column(record.label) for record in records]
        sure = probs[rows, columns]
        costs = error_costs(settings.cost, labels).expected(probs)[rows, columns]
        verifies = self._prices().verifies(1 - sure, costs)
        order = np.lexsort((permanent_randoms([one.sample_id for one in records], self._seed, "sheet"), sure))
        return [records[row] for row in order.tolist() if verifies[row]]

    def _is_asked(self, label: str | None, switch: SheetSwitch) -> bool:
        labels = self.context.settings.label_set
        return label in labels and switch.allows(str(label)) and self.is_shown(Arm.UNTESTED, str(label))

    def _prices(self) -> SheetPrices:
        settings, sheets = self.context.settings, self.context.settings.sheets
        quick_s = 60 * review_minutes(self.context.tables, settings)[Purpose.REVIEW]
        missed = expected_missed(planted_errors(self.state.outcomes.answers))
        return SheetPrices(
            settings.cost.minute,
            Looking(sheets.share_of_review * quick_s, missed, FALSE_ALARMS),
            Looking(quick_s, 1 - settings.cost.quick_accuracy),
            planted=sheets.planted_rate,
            twins=sheets.second_looks,
        )

    def _judging(self) -> set[SampleId]:
        """Return the gold samples that judge models."""
        records = self.state.snapshot.gold.records
        return {one.sample_id for one in records if one.split is not Split.TRAIN}

    def _known(self) -> dict[SampleId, GoldRecord]:
        """Return the gold samples that may be planted under another label: those known well, each once."""
        snapshot, labels, seed = self.state.snapshot, self.context.settings.label_set, self._seed
        usable = [
            record
            for record in snapshot.gold.records
            if record.split is Split.TRAIN
            and record.label in labels
            and record.posterior.get(record.label, 0.0) >= SURE
            and task_key(record.sample_id, record.purpose) in snapshot.tasks
            and task_key(record.sample_id, Purpose.PLANTED) not in snapshot.tasks
        ]
        usable.sort(key=lambda record: permanent_random(record.sample_id, seed, "planted"))
        return {record.sample_id: record for record in usable[:MOST_PLANTED]}

    @property
    def _seed(self) -> int:
        return self.context.settings.selection.seed

    def _pictures(
        self, columns: Mapping[SampleId, int], labelled: Mapping[SampleId, GoldRecord] = MappingProxyType({})
    ) -> Pictures:
        """Return the samples of which the preset keeps features, with the columns of their labels."""
        samples = self.context.modality.for_preset(self.context.settings.model.preset)
        features = samples.features(list(columns)) if columns else {}
        ids = [sample_id for sample_id in columns if sample_id in features]
        rows = np.array([features[one] for one in ids] or np.zeros((0, 1)), dtype=np.float32)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        unit = np.asarray(rows / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)
        authors = [labelled[one].annotators[0] if one in labelled else "" for one in ids]
        return Pictures(ids, np.array([columns[one] for one in ids], dtype=np.intp), unit, authors)
