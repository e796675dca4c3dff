"""Score: files in, samples with predictions and lanes out."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from goldloop.core.errors import BusyError, ModelError
from goldloop.loop.champion import champion_model, modality_for
from goldloop.loop.journal import fold_journal_of
from goldloop.loop.let_through import let_through_of
from goldloop.loop.policy import audit_probabilities_of, policy_in_force, reroute_pool
from goldloop.loop.ports import LoopPorts
from goldloop.loop.preset import choose_from_samples, choose_from_source
from goldloop.modalities.content import is_database
from goldloop.scoring.blocks import BlockPlan, BlockScorer, score_with
from goldloop.scoring.passes import Scoring
from goldloop.scoring.score import batch_of, score_whole
from goldloop.scoring.score import score_pool as score_samples
from goldloop.scoring.shards import Shard, score_shard
from goldloop.scoring.writer import Model, ScoreReport
from goldloop.tables.snapshot import read_snapshot

_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Engine:
    """Where files are scored: by `n_workers` on Ray, in the cluster at `address` or else on this machine."""

    n_workers: int
    address: str | None = None


def score_files(
    ports: LoopPorts, source: str, shard: str | None = None, engine: Engine | None = None
) -> ScoreReport:
    """Read and score the files of `source` that are not known yet, or those of one `shard` of them ("1/4").

    The first pictures also decide the preset, where goldloop.toml leaves it to goldloop. Shards run beside
    each other, and beside nothing else that scores. With an `engine` workers score the files in blocks.

    Raises:
        SourceError: the source cannot be listed or is empty, or there is no such shard.
        BusyError: another process scores, and not a shard.
    """
    share = None if shard is None else Shard.of(shard)
    choice = choose_from_source(ports, source)
    model = champion_model(ports)
    lock = ports.alone if share is None else ports.beside
    with lock("score"), ports.progress.counting("samples read") as advance:
        scoring = scoring_of(ports, model)
        if engine is not None:
            plan = BlockPlan(batch_of(source), secrets.token_hex(8), model.version)
            workers = ports.open_workers(plan, engine.n_workers, engine.address)
            report = score_with(workers, scoring, source, advance=advance)
        elif share is None:
            report = score_whole(scoring, source, advance=advance)
        else:
            has_rows = is_database(source) or ports.modality.kind != "image"
            report = score_shard(scoring, source, share, has_rows=has_rows, advance=advance)
    report.preset = "" if choice is None else str(choice)
    return report


def scoring_of(ports: LoopPorts, model: Model) -> Scoring:
    """Return what a pass by `model` scores with now; first the journal of live decisions is brought in."""
    reader = modality_for(ports, model).reader
    fold_journal_of(ports, reader)
    return Scoring(
        reader=reader,
        model=model,
        policy=policy_in_force(ports, model.version),
        tables=ports.tables,
        clock=ports.clock,
        audit_probabilities=audit_probabilities_of(ports),
        let_through=let_through_of(ports),
    )


def block_scorer(ports: LoopPorts, plan: BlockPlan) -> BlockScorer:
    """Return what scores the blocks of `plan` in this process, a worker.

    Raises:
        ModelError: another model is champion by now.
    """
    model = champion_model(ports)
    if model.version != plan.model_version:
        raise ModelError(
            f"a worker found champion {model.version}, but the pass began with {plan.model_version}; run the "
            "same command again"
        )
    return BlockScorer(scoring_of(ports, model), plan.batch, plan.scored_in)


def score_pool(ports: LoopPorts, *, wait_s: float = 0.0) -> ScoreReport:
    """Score, or only route anew, what nobody has been asked about, by champion and policy.

    Raises:
        BusyError: another process scores, and still did after `wait_s` seconds.
    """
    choice = choose_from_samples(ports)
    taken, model = read_snapshot(ports.tables).taken, champion_model(ports)
    with _alone(ports, wait_s), ports.progress.counting("pool scored") as advance:
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


@contextmanager
def _alone(ports: LoopPorts, wait_s: float) -> Iterator[None]:
    """Hold the lock for scoring alone, at latest after `wait_s` seconds."""
    with ExitStack() as stack:
        left_s = wait_s
        while True:
            try:
                stack.enter_context(ports.alone("score"))
                break
            except BusyError:
                if left_s <= 0:
                    raise
            ports.sleep(_PAUSE_S)
            left_s -= _PAUSE_S
        yield
