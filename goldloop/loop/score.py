"""Score: files in, samples with predictions and lanes out."""

from __future__ import annotations

from goldloop.loop.champion import champion_model, modality_for
from goldloop.loop.journal import fold_journal_of
from goldloop.loop.let_through import let_through_of
from goldloop.loop.policy import audit_probabilities_of, policy_in_force, reroute_pool
from goldloop.loop.ports import LoopPorts
from goldloop.loop.preset import choose_from_samples, choose_from_source
from goldloop.scoring.score import score_pool as score_samples
from goldloop.scoring.score import score_source
from goldloop.scoring.writer import ScoreReport
from goldloop.tables.snapshot import read_snapshot


def score_files(ports: LoopPorts, source: str) -> ScoreReport:
    """Read and score the files of `source` that are not known yet.

    The first pictures also decide the preset, where goldloop.toml leaves it to goldloop.

    Raises:
        SourceError: the source cannot be listed or is empty.
    """
    choice = choose_from_source(ports, source)
    model = champion_model(ports)
    reader = modality_for(ports, model).reader
    with ports.alone("score"), ports.progress.counting("files read") as advance:
        fold_journal_of(ports, reader)
        report = score_source(
            source,
            reader=reader,
            model=model,
            policy=policy_in_force(ports, model.version),
            tables=ports.tables,
            clock=ports.clock,
            audit_probabilities=audit_probabilities_of(ports),
            let_through=let_through_of(ports),
            advance=advance,
        )
    report.preset = "" if choice is None else str(choice)
    return report


def score_pool(ports: LoopPorts) -> ScoreReport:
    """Score, or only route anew, what nobody has been asked about, by champion and policy."""
    choice = choose_from_samples(ports)
    taken, model = read_snapshot(ports.tables).taken, champion_model(ports)
    with ports.alone("score"), ports.progress.counting("pool scored") as advance:
        fold_journal_of(ports, ports.modality.reader)
        policy = policy_in_force(ports, model.version)
        moves = reroute_pool(ports, model.version, policy, taken)
        report = score_samples(
            reader=modality_for(ports, model).reader,
            model=model,
            policy=policy,
            tables=ports.tables,
            clock=ports.clock,
            audit_probabilities=audit_probabilities_of(ports),
            is_wanted=lambda sample_id: sample_id not in taken,
            advance=advance,
        )
    report.rerouted, report.preset = moves, "" if choice is None else str(choice)
    return report
