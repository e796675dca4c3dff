"""score: files in, samples with predictions and lanes out."""

from __future__ import annotations

from prefect import flow, task

from flows.policy import policy_in_force, reroute_waiting
from flows.publish import publish_score
from goldloop.cli.progress import counting
from goldloop.core.clock import now
from goldloop.core.samples import SampleId
from goldloop.scoring.score import score_pool, score_source
from goldloop.scoring.writer import ScoreReport
from goldloop.wiring import Wiring, connect


def score_files(parts: Wiring, source: str) -> ScoreReport:
    """Read and score the files of `source` that are not known yet."""
    model = parts.champion()
    with parts.alone("score"), counting("files read") as advance:
        return score_source(
            source,
            reader=parts.reader,
            model=model,
            policy=policy_in_force(parts, model.version),
            tables=parts.tables,
            clock=now,
            audit_probabilities=parts.audit_probabilities,
            advance=advance,
        )


def score_waiting(parts: Wiring) -> ScoreReport:
    """Score or only route anew, by champion and policy, what nobody has been asked about."""
    taken, model = parts.taken(), parts.champion()

    def is_wanted(sample_id: SampleId) -> bool:
        return sample_id not in taken

    with parts.alone("score"), counting("pool scored") as advance:
        policy = policy_in_force(parts, model.version)
        moves = reroute_waiting(parts, model.version, policy)
        report = score_pool(
            reader=parts.reader,
            model=model,
            policy=policy,
            tables=parts.tables,
            clock=now,
            audit_probabilities=parts.audit_probabilities,
            is_wanted=is_wanted,
            advance=advance,
        )
    report.rerouted = moves
    return report


@task(name="read and score new files")
def score_files_task(workspace: str, source: str) -> ScoreReport:
    """Prefect task around `score_files`."""
    return score_files(connect(workspace), source)


@task(name="score the pool")
def score_waiting_task(workspace: str) -> ScoreReport:
    """Prefect task around `score_waiting`."""
    return score_waiting(connect(workspace))


@flow(name="score", validate_parameters=False)
def score(workspace: str, source: str | None = None) -> list[ScoreReport]:
    """Score new files of `source`, then whatever in the pool the champion has not scored yet."""
    reports = [score_files_task(workspace, source)] if source else []
    reports.append(score_waiting_task(workspace))
    publish_score(workspace, reports)
    return reports
