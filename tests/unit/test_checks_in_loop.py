"""Behaviour checks in the routine: every challenger gets all cases, and the gate may ask that none fell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldloop.core.ports import Scores
from goldloop.loop.checks import checks_of_champion
from goldloop.loop.retrain import retrain
from goldloop.modalities.text.modality import TextModality
from goldloop.reports.checks import check_lines, checks_section
from goldloop.reports.page import Page, render_page
from goldloop.settings import Settings
from goldloop.tables.rounds import read_rounds
from tests.loop import FakeClock
from tests.memory_texts import LABELS, LengthScorer
from tests.texts import write_rows
from tests.unit.retraining_bench import HOLDOUT, TRAIN, Bench, FakeTrainer, text_id, train_record

HEADER = ("id", "text", "expected", "group")
N = 40


class DeafScorer(LengthScorer):
    """As the fake model, but every text that begins with "no" is spam: it reads over a negation."""

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores of a minibatch of texts."""
        spam = np.array([0.9 if text.startswith("no") else min(len(text), 100) / 100 for text in payloads])
        return Scores(np.stack([1 - spam, spam], axis=1), np.zeros((len(payloads), 1), dtype=np.float32))


@dataclass
class DeafTrainer(FakeTrainer):
    """Its first model is good; what it trains on more than four samples is deaf to a negation."""

    def scorer(self, folder: Path) -> LengthScorer:
        """Return a model by the number of samples that it was trained on."""
        self.loaded.append(folder)
        return LengthScorer() if (folder / "model.txt").read_text() == "4 samples" else DeafScorer()


def cases(n: int = N, *, expected: str = "ham") -> list[tuple[str, str, str, str]]:
    """Return `n` negated and `n` plain cases."""
    negated = [(f"n{number}", f"no {number}", expected, "negation") for number in range(n)]
    return [*negated, *((f"p{number}", f"ok {number}", "ham", "plain") for number in range(n))]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench with a champion, check files, and gold from which a deaf challenger will be trained."""
    bench = Bench(tmp_path, trainer=DeafTrainer())
    texts = TextModality(tmp_path / "texts.sqlite")
    texts.store.rows.add({text_id(number): "x" * number for number in range(1, 101)}, {})
    (tmp_path / "checks").mkdir()
    write_rows(tmp_path / "checks" / "tone.csv", cases(), HEADER)
    bench.ports = replace(bench.ports, modality=texts, checks_folder=tmp_path / "checks", clock=FakeClock())
    with_gate(bench)
    bench.commit(*TRAIN, *HOLDOUT)
    return bench


def with_gate(bench: Bench, **gate: Any) -> None:
    """Set the gate; it needs few holdout samples."""
    gate = {"min_holdout": 1, "max_class_fall": 1.0, "max_ece": 1.0} | gate
    settings = Settings(name="texts", kind="text", labels=LABELS.names, gate=gate)
    bench.ports = replace(bench.ports, configured=settings)


def crown(bench: Bench) -> None:
    """Make the good model champion, and add the gold that trains a deaf one."""
    retrain(bench.ports, bench.notes)
    bench.commit(*TRAIN, *HOLDOUT, train_record(30))


def test_without_the_setting_a_broken_group_is_reported_and_refuses_nothing(bench: Bench) -> None:
    """The challenger is promoted; record, run, lines and page tell the group that fell."""
    crown(bench)

    record = retrain(bench.ports, bench.notes)

    assert record is not None
    assert record.outcome == "promoted"
    assert record.checks is not None
    assert read_rounds(bench.tables.rounds)[-1].checks == record.checks
    of_file, negation, plain = record.checks.groups
    assert set(of_file.shares) == {"challenger", "champion", "baseline"}
    assert (negation.shares["challenger"].value, negation.shares["champion"].value) == (0, 1)
    assert negation.difference is not None
    assert negation.difference.high < -0.8
    assert plain.shares["challenger"].value == 1
    (line,) = check_lines(record.checks)
    assert line.startswith(
        "checks tone.csv: challenger as expected in 50.0 % [39.3, 60.7], n=80; −50.0 points"
    )
    assert "; worst of 2 groups: negation 0.0 % [0.0, 8.8], n=40; 1 of 2 groups fell by evidence" in line
    page = render_page(Page("round 1", record.closed_at, [checks_section(record.checks)]))
    assert page.index("negation") < page.index("plain")
    kept = bench.runs.recorded["run-2"]
    assert kept.checks == record.checks
    assert kept.artifacts["checks.csv"].decode("utf-8-sig").splitlines()[:2] == [
        "file,id,group,expected,label,probability,champion",
        "tone.csv,n0,negation,ham,spam,0.9,ham",
    ]
    assert b"no 0" not in kept.artifacts["checks.csv"]
    assert kept.artifacts["plots/a.svg"] == b"<svg/>"


def test_with_the_setting_a_broken_group_refuses_the_challenger(bench: Bench) -> None:
    """The reason names the group; the same challenger would pass but for it."""
    with_gate(bench, max_check_fall=0.1)
    crown(bench)

    record = retrain(bench.ports, bench.notes)

    assert record is not None
    assert record.outcome == "refused"
    assert record.decision is not None
    assert len(record.decision.reasons) == 2
    assert record.decision.reasons[1].startswith(
        "behaviour checks of tone.csv, group 'negation': the share as expected fell by 100.0 points, at "
    )


def test_an_edited_check_reopens_a_decision_that_asks_for_it(bench: Bench) -> None:
    """With the setting on, both models run on the corrected cases; untouched checks reopen nothing."""
    with_gate(bench, max_check_fall=0.1)
    crown(bench)
    refused = retrain(bench.ports, bench.notes)
    assert retrain(bench.ports, bench.notes) is None
    write_rows(bench.folder / "checks" / "tone.csv", cases(expected="spam"), HEADER)

    again = retrain(bench.ports, bench.notes)

    assert refused is not None
    assert again is not None
    assert again.checks is not None
    assert again.checks.digest != (refused.checks and refused.checks.digest)
    assert [group.shares["champion"].value for group in again.checks.groups] == [0.5, 0, 1]
    assert again.outcome == "promoted"


def test_an_edited_check_that_decides_nothing_reopens_nothing(bench: Bench) -> None:
    """With the setting off no decision rests on the checks, so there is no second training."""
    crown(bench)
    retrain(bench.ports, bench.notes)
    write_rows(bench.folder / "checks" / "tone.csv", cases(expected="spam"), HEADER)

    assert retrain(bench.ports, bench.notes) is None
    assert bench.trainer.n_trained == 2


def test_cases_that_the_challenger_learnt_from_are_counted(bench: Bench) -> None:
    """A text of train gold is no independent check, and it is said; one of the holdout is."""
    rows = [("1", "x" * 10, "ham", ""), ("2", "x" * 90, "spam", ""), ("3", "x" * 15, "ham", "")]
    write_rows(bench.folder / "checks" / "tone.csv", rows, HEADER)

    record = retrain(bench.ports, bench.notes)

    assert record is not None
    assert record.checks is not None
    assert [group.n_learnt for group in record.checks.groups] == [2]
    assert "2 cases equal to a sample it learnt from" in check_lines(record.checks)[0]
    assert any("no independent test" in note for note in checks_section(record.checks).notes)


def test_what_cannot_be_used_is_said_and_the_retrain_goes_on(bench: Bench) -> None:
    """A bad row, and a file that is gone since the last round; the page says how many rows are left out."""
    write_rows(
        bench.folder / "checks" / "other.csv", [("1", "ok", "ham", ""), ("2", "so so", "eggs", "")], HEADER
    )
    crown(bench)
    assert "other.csv, id 2: expects 'eggs', which is no label; name one of ham, spam" in bench.notes
    (bench.folder / "checks" / "tone.csv").unlink()

    record = retrain(bench.ports, bench.notes)

    assert record is not None
    assert "The last round ran 80 behaviour checks of tone.csv; now there is none of them." in bench.notes
    assert "other.csv: 1 row left out" in str(checks_section(record.checks).remarks[0])


def test_a_file_that_changes_between_two_models_is_noticed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models are compared on the same cases or not at all; the retrain goes on and says so."""

    def edited(folder: Path) -> LengthScorer:
        write_rows(bench.folder / "checks" / "tone.csv", cases(3), HEADER)
        return LengthScorer()

    monkeypatch.setattr(bench.trainer, "scorer", edited)

    record = retrain(bench.ports, bench.notes)

    assert record is not None
    assert record.checks is None
    assert "was changed while models were checked; run the command again" in bench.notes[-1]


def test_no_checks_leave_no_trace(bench: Bench) -> None:
    """Without files there is no report, no section, no artifact and no sentence."""
    (bench.folder / "checks" / "tone.csv").unlink()

    record = retrain(bench.ports, bench.notes)

    assert record is not None
    assert record.checks is None
    assert checks_section(record.checks).is_empty
    assert "checks.csv" not in bench.runs.recorded["run-1"].artifacts
    assert bench.notes == ["no pretrained weights"]


def test_a_limit_without_checks_refuses(bench: Bench) -> None:
    """Files that vanish do not open the gate."""
    with_gate(bench, max_check_fall=0.1)
    crown(bench)
    (bench.folder / "checks" / "tone.csv").unlink()

    record = retrain(bench.ports, bench.notes)

    assert record is not None
    assert record.outcome == "refused"
    assert record.decision is not None
    assert "no behaviour check could be run" in record.decision.reasons[-1]


def test_the_champion_is_checked_at_any_time(bench: Bench) -> None:
    """Before the first model the cases are counted; then the champion's failures are listed by id."""
    before = checks_of_champion(bench.ports)
    crown(bench)
    retrain(bench.ports, bench.notes)
    after = checks_of_champion(bench.ports)

    assert (before.model_version, before.failed) == (None, ())
    assert [(group.n, dict(group.shares)) for group in before.report.groups] == [(80, {}), (40, {}), (40, {})]
    assert after.model_version == "2"
    assert [case.id for case in after.failed] == [f"n{number}" for number in range(N)]
