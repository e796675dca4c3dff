"""Live decisions: answered one by one, with the code of a batch, and recorded like one, whatever happens."""

from __future__ import annotations

import errno
import json
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from goldloop.adapters.memory import MemoryRegistry
from goldloop.core.errors import BusyError, ServiceUnreachableError, SettingsError, StorageError
from goldloop.loop.decide import RENEW_AFTER, LiveDecision, open_decisions
from goldloop.loop.ports import LoopPorts, Silent
from goldloop.loop.push import push
from goldloop.loop.score import score_files
from goldloop.routing.policies import Suspended, asked_for
from goldloop.scoring.journal import Journal
from goldloop.tables.counts import conservation
from goldloop.tables.model_log import read_models
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.predictions import newest_predictions
from tests.loop import FakeClock, Loop, texts
from tests.payments import made_payments, payment
from tests.record_loop import OWN_AMOUNTS, RecordLoop
from tests.texts import write_json


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> RecordLoop:
    """Return a workspace with a champion and a cost policy."""
    made = RecordLoop(tmp_path_factory.mktemp("live"), "lightgbm", OWN_AMOUNTS)
    push(made.ports)
    for _ in range(2):
        made.round()
    return made


def fresh(n: int, seed: int) -> list[dict[str, object]]:
    """Return payments that have not arrived yet."""
    return [row | {"id": f"{row['id']}-{seed}"} for row, _ in made_payments(n + 20, seed=seed)[:n]]


def test_a_live_decision_is_that_of_a_batch(loop: RecordLoop) -> None:
    """The same records in two workspaces of the same champion get the same lane, label and risk."""
    rows = fresh(30, seed=7)
    decisions = open_decisions(loop.ports)
    live = [decisions.decide(row) for row in rows]
    assert decisions.flush()

    kept = {
        row["sample_id"]: row
        for row in newest_predictions(loop.ports.tables, ["policy", "decided", "batch", "probs"]).to_pylist()
    }
    twin = write_json(loop.folder / "twin.jsonl", *(row | {"id": f"{row['id']}x"} for row in rows))
    score_files(loop.ports, str(twin))
    scored = {
        row["sample_id"]: row
        for row in newest_predictions(loop.ports.tables, ["policy", "decided", "batch", "probs"]).to_pylist()
        if row["batch"] not in ("decide",) and row["sample_id"] not in kept
    }
    assert sorted((row["lane"], row["decided"], row["probs"]) for row in scored.values()) == sorted(
        (kept[one.sample_id]["lane"], kept[one.sample_id]["decided"], kept[one.sample_id]["probs"])
        for one in live
    )
    for one in live:
        row = kept[one.sample_id]
        assert (one.label, one.policy) == (row["decided"], row["policy"])
        assert one.risk == pytest.approx(row["probs"][1], abs=1e-6)
        auto = {"genuine": "approve", "fraud": "decline"}[row["decided"]]
        assert one.action == {"auto": auto, "review": "quick review", "full": "full review"}[row["lane"]]
    assert conservation(loop.ports.tables).is_conserved


def test_the_same_record_again_gets_the_same_decision(loop: RecordLoop) -> None:
    """Before and after it is in the tables; nothing is recorded twice."""
    (row,) = fresh(1, seed=8)
    decisions = open_decisions(loop.ports)
    first, again = decisions.decide(row), decisions.decide(row)
    decisions.flush()
    later = decisions.decide(row)
    other_process = open_decisions(loop.ports).decide(row)

    assert not first.is_known
    assert list(first.costs or {}) == ["take for genuine", "take for fraud", "quick review", "full review"]
    assert "amount" in (first.reasons or {})
    assert again == later == other_process == replace(first, is_known=True)
    assert not Journal(decisions.journal.path).entries()
    samples = loop.ports.tables.samples.read(["sample_id"]).to_pylist()
    assert sum(one["sample_id"] == first.sample_id for one in samples) == 1


def test_what_another_process_scored_meanwhile_is_known(loop: RecordLoop) -> None:
    """The index has what any process has scored, and its decision stands here too."""
    (row,) = fresh(1, seed=9)
    decisions = open_decisions(loop.ports)
    source = write_json(loop.folder / "meanwhile.jsonl", row)
    score_files(loop.ports, str(source))

    assert decisions.decide(row).is_known


def test_what_was_told_is_recorded_although_the_process_died(loop: RecordLoop) -> None:
    """The journal has it; the next decide or score brings it to the tables, once, as it was told."""
    for number, again in enumerate(("decide", "score")):
        (row,) = fresh(1, seed=20 + number)
        killed = open_decisions(loop.ports)
        told = killed.decide(row)
        if again == "decide":
            open_decisions(loop.ports)
        else:
            lone = write_json(loop.folder / f"lone{number}.jsonl", payment(f"lone{number}"))
            score_files(loop.ports, str(lone))
        rows = newest_predictions(loop.ports.tables, ["decided", "policy", "batch"]).to_pylist()
        (kept,) = (one for one in rows if one["sample_id"] == told.sample_id)
        assert (kept["decided"], kept["policy"], kept["batch"]) == (told.label, told.policy, "decide")
        assert loop.ports.modality.columns(kept["sample_id"])["id"] == row["id"]
        assert conservation(loop.ports.tables).is_conserved


def test_a_kill_between_tables_and_journal_records_nothing_twice(loop: RecordLoop) -> None:
    """The journal is read again, and what is in the tables stays."""
    (row,) = fresh(1, seed=30)
    decisions = open_decisions(loop.ports)
    told = decisions.decide(row)
    journal = decisions.journal.path.read_bytes()
    decisions.flush()
    decisions.journal.path.write_bytes(journal)

    open_decisions(loop.ports)

    for table in (loop.ports.tables.samples, loop.ports.tables.predictions):
        ids = table.read(["sample_id"])["sample_id"].to_pylist()
        assert ids.count(told.sample_id) == 1


def test_a_torn_line_of_the_journal_is_no_decision(tmp_path: Path) -> None:
    """It was never told: the line is forced to the disk before the answer."""
    journal = Journal(tmp_path / "journal" / "decisions.jsonl")
    journal.add({"sample": {"sample_id": "a"}})
    with journal.path.open("ab") as file:
        file.write(b'{"sample": {"sam')

    assert journal.entries() == [{"sample": {"sample_id": "a"}}]
    journal.add({"sample": {"sample_id": "b"}})
    assert [one["sample"]["sample_id"] for one in journal.entries()] == ["a", "b"]


def test_a_decision_that_the_disk_has_no_room_for_is_not_told(
    loop: RecordLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of its line was written; the next decision stands on a line of its own."""
    first, second = fresh(2, seed=80)
    decisions = open_decisions(loop.ports)
    decisions.decide(fresh(1, seed=81)[0])
    monkeypatch.setattr("os.fsync", no_room)
    with pytest.raises(StorageError, match="cannot record a decision"):
        decisions.decide(first)
    monkeypatch.undo()

    told = decisions.decide(second)
    assert [one["sample"]["sample_id"] for one in decisions.journal.entries()][1:] == [told.sample_id]
    assert not decisions.decide(first).is_known


def no_room(_: int) -> None:
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_bad_record_has_a_reason_and_is_not_recorded(loop: RecordLoop) -> None:
    """Whoever sent it can correct it; the next record is decided all the same."""
    decisions = open_decisions(loop.ports)
    bad = [payment("bad", amount="much"), payment("bad2", colour="red"), {"amount": 3}]
    told = [decisions.decide(row) for row in bad]

    assert [one.action for one in told] == [None] * 3
    assert str(told[0].problem).startswith("wrong type: the amount is 'much'")
    assert "'colour' is none of [records.fields]" in str(told[1].problem)
    assert str(told[2].problem).startswith("missing id")
    assert decisions.decide(fresh(1, seed=40)[0]).action is not None
    assert json.dumps(decisions.journal.entries()[0]["row"]["content"])


def later(ports: LoopPorts) -> LoopPorts:
    """Return the ports when some time has passed."""
    assert isinstance(ports.clock, FakeClock)
    ports.clock.sleep(2 * RENEW_AFTER.total_seconds())
    return ports


def test_a_new_champion_and_its_policy_decide_without_a_restart(tmp_path: Path) -> None:
    """What stays open for weeks takes over the model of a round that ends meanwhile, and a new policy."""
    own = RecordLoop(tmp_path, "lightgbm", OWN_AMOUNTS)
    decisions = open_decisions(own.ports)
    rows = fresh(4, seed=50)
    assert decisions.decide(rows[0]).action == "hold"
    push(own.ports)
    own.round()
    champion = read_models(own.ports.tables).champion
    assert champion is not None

    later(own.ports)
    decided = decisions.decide(rows[1])
    assert decided.model_version == champion.version
    assert replace(decided, is_known=True) == open_decisions(own.ports).decide(rows[1])

    log = PolicyLog(own.ports.tables.policies)
    entry = log.entries()[-1]
    log.settle(replace(entry, policy=Suspended(asked_for(entry.policy))))
    assert decisions.decide(rows[2]).policy == entry.policy.version
    later(own.ports)
    assert decisions.decide(rows[3]).policy == log.entries()[-1].policy.version != entry.policy.version


def test_a_champion_that_cannot_be_loaded_leaves_the_one_before(tmp_path: Path) -> None:
    """Records are decided on, and the user is told once in a while."""
    own = RecordLoop(tmp_path, "lightgbm", OWN_AMOUNTS)
    told: list[str] = []
    decisions = open_decisions(replace(own.ports, progress=Told(told)))
    push(own.ports)
    own.round()

    def unreachable() -> MemoryRegistry:
        raise ServiceUnreachableError("MLflow does not answer")

    decisions.ports = replace(decisions.ports, open_registry=unreachable)

    later(own.ports)
    rows = fresh(2, seed=60)
    assert [decisions.decide(row).action for row in rows] == ["hold", "hold"]
    assert len(told) == 1
    assert "goes on to decide" in told[0]


class Told(Silent):
    """Keeps the sentences for the user."""

    def __init__(self, sentences: list[str]) -> None:
        self.sentences = sentences

    def say(self, sentence: str) -> None:
        """Keep the sentence."""
        self.sentences.append(sentence)


def busy(work: str) -> AbstractContextManager[None]:
    """Fail as the lock does that another process holds."""
    raise BusyError(f"another process holds {work}")


def test_records_are_decided_while_another_process_scores(loop: RecordLoop) -> None:
    """What a killed process left in the journal is known, and nothing is lost or recorded twice."""

    left, new = fresh(2, seed=70)
    told = open_decisions(loop.ports).decide(left)
    decisions = open_decisions(replace(loop.ports, alone=busy))
    assert decisions.decide(left) == replace(told, is_known=True)
    assert not decisions.decide(new).is_known
    later(loop.ports)
    decisions.flush_if_due()
    assert len(decisions.journal.entries()) == 2

    open_decisions(loop.ports)
    assert not decisions.journal.entries()
    assert conservation(loop.ports.tables).is_conserved


def test_without_a_policy_nothing_is_decided_beside_a_score(tmp_path: Path) -> None:
    """The other process settles it now; the error says to try again."""

    own = RecordLoop(tmp_path, "lightgbm")
    with pytest.raises(BusyError):
        open_decisions(replace(own.ports, alone=busy))


def test_before_any_model_a_record_is_held(tmp_path: Path) -> None:
    """It waits in the pool, like a file that was scored before the first model."""
    young = RecordLoop(tmp_path, "lightgbm")
    told = open_decisions(young.ports).decide(payment("first"))

    assert told == LiveDecision(
        "Pfirst", "hold", policy=told.policy, model_version=told.model_version, sample_id=told.sample_id
    )


def test_files_are_not_decided_live(tmp_path: Path) -> None:
    """A picture is a file; the error names the command for it."""
    pictures = Loop(tmp_path, texts(5))

    with pytest.raises(SettingsError, match="goldloop decide takes texts and records"):
        open_decisions(pictures.ports())
