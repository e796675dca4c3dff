"""Predict: the champion's labels for samples that do not become part of the workspace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from goldloop.core.errors import ModelError, SourceError
from goldloop.core.labels import LabelSet
from goldloop.loop import predict as module
from goldloop.loop.predict import predict
from goldloop.loop.retrain import retrain
from goldloop.modalities.text.modality import TextModality
from goldloop.settings import Settings
from tests.memory_texts import LABELS
from tests.texts import write_rows
from tests.unit.retraining_bench import HOLDOUT, TRAIN, Bench, text_id


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench with a champion, whose probability of spam is a hundredth of a text's length."""
    bench = Bench(tmp_path)
    texts = TextModality(tmp_path / "texts.sqlite")
    texts.store.rows.add({text_id(number): "x" * number for number in range(1, 101)}, {})
    settings = Settings(name="texts", kind="text", labels=LABELS.names, gate={"min_holdout": 1})
    bench.ports = replace(bench.ports, modality=texts, configured=settings)
    bench.commit(*TRAIN, *HOLDOUT)
    retrain(bench.ports, bench.notes)
    return bench


def test_each_row_gets_its_label_and_nothing_is_recorded(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of the sources, over minibatches, with a row between them that cannot be read."""
    monkeypatch.setattr(module, "MINIBATCH", 4)
    rows = [(str(number), "x" * number if number != 5 else "") for number in range(1, 11)]
    source = write_rows(tmp_path / "new.csv", rows)
    other = write_rows(tmp_path / "more.csv", [("a", "x" * 90)])
    before = {name: len(table.read()) for name, table in bench.tables.named.items()}

    told = list(predict(bench.ports, [str(source), str(other)]).of_samples)

    assert [one.uri.rpartition("=")[2] for one in told] == [*map(str, range(1, 11)), "a"]
    assert [number for number, one in enumerate(told, 1) if one.problem] == [5]
    assert told[4].label is None
    assert told[3].probabilities == pytest.approx({"ham": 0.96, "spam": 0.04})
    assert (told[3].label, told[3].confidence) == ("ham", pytest.approx(0.96))
    assert (told[10].label, told[10].confidence) == ("spam", pytest.approx(0.9))
    assert {name: len(table.read()) for name, table in bench.tables.named.items()} == before


def test_a_label_that_the_champion_has_not_learnt_has_no_probability(bench: Bench, tmp_path: Path) -> None:
    """The labels are those of the workspace, as `goldloop score` records them."""
    labels = LabelSet(("new", *LABELS.names))
    settings = bench.ports.configured.model_copy(update={"labels": labels.names})
    ports = replace(bench.ports, configured=settings)

    found = predict(ports, [str(write_rows(tmp_path / "new.csv", [("a", "x" * 30)]))])

    assert found.labels == labels
    assert next(found.of_samples).probabilities == pytest.approx({"new": 0, "ham": 0.7, "spam": 0.3})


def test_what_cannot_be_predicted_is_said_before_the_first_row(bench: Bench, tmp_path: Path) -> None:
    """A source that is not there, and a workspace without a champion."""
    good = str(write_rows(tmp_path / "new.csv", [("a", "x")]))
    with pytest.raises(SourceError, match=r"nowhere\.csv"):
        predict(bench.ports, [good, str(tmp_path / "nowhere.csv")])
    with pytest.raises(ModelError, match="no champion yet; label samples, then run `goldloop retrain`"):
        predict(Bench(tmp_path / "early").ports, [good])
