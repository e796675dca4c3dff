"""The pictures of a round's page: the map and galleries of samples, described from the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from goldloop.audit.audited import Audited
from goldloop.core.lanes import Lane
from goldloop.core.tasks import Purpose
from goldloop.gold.records import GoldRecord
from goldloop.labeling.context import LoopState
from goldloop.loop.ports import LoopPorts
from goldloop.loop.relabel import relabels_of
from goldloop.reports.chosen import chosen_gallery
from goldloop.reports.error_analysis import (
    disputes_gallery,
    gold_gallery,
    label_error_gallery,
    least_sure_gallery,
    mistaken,
    mistakes_gallery,
)
from goldloop.reports.gallery import MOST_TILES, Gallery, gallery_section
from goldloop.reports.sample_facts import read_facts
from goldloop.reports.sample_map import map_section
from goldloop.reports.section import Section
from goldloop.tables.gold_store import read_label_issues
from goldloop.tables.predictions import read_least_confident
from goldloop.tables.traffic import evaluated_holdout
from goldloop.training.evaluate import CHALLENGER, CHAMPION
from goldloop.training.promotion import RoundRecord, winner


def picture_sections(ports: LoopPorts, state: LoopState, rounds: Sequence[RoundRecord]) -> list[Section]:
    """Return the map and the galleries of the newest of `rounds` (oldest first).

    An empty one says so in a sentence.
    """
    gold, labels = state.snapshot.gold.records, ports.settings.label_set
    models = judged_models(ports, gold, rounds)
    galleries = _galleries(ports, state, models)
    shown = {pick.sample_id for gallery in galleries for pick in gallery.shown}
    facts = read_facts(ports.tables, shown, labels=labels, gold=gold, outcomes=state.outcomes.samples)
    in_force = next(iter(models.values()), None)
    samples = map_section(
        ports,
        {record.sample_id: record.label for record in gold},
        mistakes=() if in_force is None else mistaken(in_force),
        shown=shown,
    )
    return [samples, *(gallery_section(gallery, facts, ports.modality.preview) for gallery in galleries)]


def _galleries(ports: LoopPorts, state: LoopState, models: Mapping[str, Audited]) -> list[Gallery]:
    tables, gold, labels = ports.tables, state.snapshot.gold.records, ports.settings.label_set
    without = {record.sample_id for record in gold}
    least_sure, n_accepted = read_least_confident(tables, Lane.AUTO, without=without, n=MOST_TILES)
    return [
        mistakes_gallery(models, labels),
        least_sure_gallery(least_sure, n_accepted),
        disputes_gallery(state.outcomes.samples),
        label_error_gallery(relabels_of(read_label_issues(tables.label_errors), state.snapshot)),
        chosen_gallery(state.snapshot.tasks.values(), labels),
        gold_gallery([one for one in gold if one.purpose not in (Purpose.OUTCOME, Purpose.IMPORT)]),
    ]


def judged_models(
    ports: LoopPorts, gold: Sequence[GoldRecord], rounds: Sequence[RoundRecord]
) -> dict[str, Audited]:
    """Return the holdout as champion and challenger of the newest round judged it, the one in force first."""
    if not rounds:
        return {}
    newest, labels = rounds[-1], ports.settings.label_set
    in_force = winner(newest.evaluations, newest.decision)
    is_promoted = newest.is_promoted
    roles = {CHALLENGER: "now champion" if is_promoted else "refused", CHAMPION: "champion before"}
    if not is_promoted:
        roles[CHAMPION] = "champion"
    models = [
        (f"model {evaluation.model_version} ({standing})", evaluation)
        for role, standing in roles.items()
        if (evaluation := newest.evaluations.get(role)) is not None
    ]
    models.sort(key=lambda model: model[1] is not in_force)
    judged = {
        who: evaluated_holdout(ports.tables, gold, labels, evaluation.model_version)
        for who, evaluation in models
    }
    return {who: audited for who, audited in judged.items() if len(audited)}
