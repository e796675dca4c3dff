"""A workspace after ten rounds, made by goldloop's own loop: files, tasks, answers, gold, models, policies.

Posts arrive in ten files, one a round. The samples of a round are scored, some are pushed to a labelling
server in memory, five people answer, the pull makes gold, and a model closes the round; every second one
is promoted. Only training is left out: a model draws the probs of a post from a hash of its text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from goldloop.adapters.memory import MemoryLabelingServer
from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from goldloop.core.splits import Split
from goldloop.loop.policy import policy_in_force, settle
from goldloop.loop.ports import LoopPorts
from goldloop.loop.pull import pull
from goldloop.loop.push import push
from goldloop.routing.policies import Band
from goldloop.scoring.score import score_pool, score_source
from goldloop.scoring.writer import Model
from goldloop.settings.workspace import Workspace
from goldloop.tables.counts import conservation
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.model_log import read_models, save_model_event
from goldloop.tables.rounds import save_round
from goldloop.tables.traffic import save_evaluation
from goldloop.training.evaluate import CHALLENGER, CHAMPION, evaluate_on_holdout
from goldloop.training.model_history import ModelChange, ModelId
from goldloop.training.promotion import RoundRecord
from goldloop.wiring import Wiring

LABELS = LabelSet.of(["fine", "spam"])
N_ROUNDS, N_MODELS = 10, 5
PEOPLE = ("1", "2", "3", "4", "5")
SKILL = 0.93  # the share of right answers
START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def tasks_of(size: int) -> int:
    """Return how many tasks a workspace of `size` samples has had: a tenth at first, later one in twenty."""
    return min(size // 10, 50_000) if size < 500_000 else size // 20


class Chance:
    """Draws the probs of a post from a hash of its text, so that they cost next to nothing."""

    preset, labels = "chance", LABELS

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores of a minibatch of texts."""
        spam = np.array([_spam(str(text)) for text in payloads])
        return Scores(np.stack([1 - spam, spam], axis=1), np.zeros((len(payloads), 4), dtype=np.float32))


def _spam(text: str) -> float:
    """Return the probability that a post is spam, drawn from a hash of its text; most are near 0 or 1."""
    drawn = _drawn(text)
    return drawn**4 / (drawn**4 + (1 - drawn) ** 4)


def _drawn(text: str) -> float:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest()) / 2**32


def write_posts(file: Path, first: int, n: int) -> Path:
    """Write `n` posts, numbered from `first`; no two are equal."""
    with file.open("w", encoding="utf-8") as lines:
        for number in range(first, first + n):
            words = hashlib.blake2b(str(number).encode()).hexdigest()
            text = " ".join(words[place : place + 8] for place in range(0, 128, 8))
            lines.write(json.dumps({"id": f"P{number:09}", "text": text}) + "\n")
    return file


def model_of(round_: int) -> Model:
    """Return the model that scores in a round."""
    return Model(str(1 + round_ * N_MODELS // N_ROUNDS), Chance())


def scoring(ports: LoopPorts, round_: int = N_ROUNDS - 1) -> dict[str, Any]:
    """Return what scoring needs in a round."""
    return {
        "reader": ports.modality.reader,
        "model": model_of(round_),
        "policy": Band(0.4, 0.7) if round_ == 0 else policy_in_force(ports, model_of(round_).version),
        "tables": ports.tables,
        "clock": ports.clock,
    }


def make(root: Path, size: int) -> None:
    """Make a workspace of `size` samples in the folder `root`, as it is on a morning after ten rounds."""
    Workspace.create(root, labels=list(LABELS), kind="text")
    toml, budget = root / "goldloop.toml", tasks_of(size) * 5 // (4 * N_ROUNDS)
    toml.write_text(toml.read_text().replace("budget_per_round = 200", f"budget_per_round = {budget}"))
    wiring = Wiring(Workspace.open(root))
    if wiring.settings.selection.budget_per_round != budget:
        raise SystemExit(
            "goldloop.toml does not name the budget as expected; look at scripts/bench/speed/grown.py"
        )
    ports, server = _with_people(wiring)
    rng = np.random.default_rng(size)
    for number in range(N_ROUNDS):
        server.now = START + timedelta(weeks=number)
        posts = write_posts(root.parent / f"posts-{number}.jsonl", number * size, size // N_ROUNDS)
        score_source(str(posts), **scoring(ports, number))
        posts.unlink()
        push(ports)
        _answer_all(ports, server, rng)
        pull(ports)
        _close_round(ports, number)
        settle(ports)
    score_pool(**scoring(ports))
    push(ports)
    server.now += timedelta(days=1)
    pull(ports)  # compacts the tables, as the first one of a day does


def offline(wiring: Wiring) -> LoopPorts:
    """Return the ports of a workspace, with a labelling server in memory that has no task."""
    return _with_people(wiring)[0]


def _with_people(wiring: Wiring) -> tuple[LoopPorts, MemoryLabelingServer]:
    server = MemoryLabelingServer(LABELS)
    server.now = START + timedelta(weeks=N_ROUNDS)
    return replace(wiring.ports, open_queue=lambda: server, clock=lambda: _tick(server)), server


def _tick(server: MemoryLabelingServer) -> datetime:
    server.now += timedelta(milliseconds=1)
    return server.now


def _answer_all(ports: LoopPorts, server: MemoryLabelingServer, rng: np.random.Generator) -> None:
    """Let people answer until nothing is open; each answer is right with the probability SKILL."""
    while True:
        n_open = 0
        for task_id, task in server.tasks.items():
            if not task.is_open:
                continue
            text = str(ports.modality.store.load(task.pushed.sample_id).payload)
            is_spam = _drawn(f"{text} truth") < _spam(text)
            for who in rng.permutation(PEOPLE).tolist():
                if task.is_open and not task.knows(who):
                    label = LABELS[int(is_spam == (rng.random() < SKILL))]
                    server.answer(task_id, who, label, lead_time_s=float(rng.lognormal(2, 0.5)))
                    n_open += 1
        if not n_open:
            return
        pull(ports)


def _close_round(ports: LoopPorts, number: int) -> None:
    """Close the round as a retrain does; a model of another version than the champion is promoted."""
    tables, gold = ports.tables, GoldStore(ports.tables.gold).read()
    version = model_of(number + 1 if number + 1 < N_ROUNDS else number).version
    champion = read_models(tables).champion
    model = ModelId(version, hashlib.sha256(version.encode()).hexdigest())
    is_new = champion is None or champion.version != version
    if is_new:
        save_model_event(tables, model, ModelChange.REGISTERED, at=ports.clock(), mlflow_run_id="")
    evaluation = evaluate_on_holdout(
        roles={CHALLENGER: version, CHAMPION: champion.version if champion else None},
        holdout=[record for record in gold.records if record.split is Split.HOLDOUT],
        version=gold.version,
        settings=ports.settings,
        scorer_of=lambda _: Chance(),
        modality=ports.modality,
        current=set(),
    )
    save_evaluation(tables.evaluations, evaluation, LABELS, at=ports.clock())
    record = RoundRecord(
        round=number,
        closed_at=ports.clock(),
        gold_version=gold.version.version,
        gold_digest=gold.version.digest,
        n_gold=gold.version.n_records,
        n_annotations=gold.version.n_records,
        model_version=version,
        outcome="promoted" if is_new else "refused",
        decision=replace(evaluation.decision, is_promoted=is_new),
        evaluations=evaluation.evaluations,
        mlflow_run_id=None,
        lanes=conservation(tables).lanes,
        model_digest=model.digest,
    )
    save_round(tables.rounds, record)
