"""Models of records: what they learn, that a saved one says the same, and what damaged files say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from goldloop.core.assessments import N_REASONS
from goldloop.core.errors import ModelError
from goldloop.core.labels import LabelSet
from goldloop.core.ports import ReasonedScorer
from goldloop.core.samples import Decoded, SampleId
from goldloop.loop.briefing import strongest_reasons
from models.record.encoding import MOST_WORDS, Encoding, checked_records
from models.record.logistic import Logistic, expanded
from models.record.trainer import RecordTrainer
from tests.payments import made_payments, records_in
from tests.texts import write_json

LABELS = LabelSet(("genuine", "fraud", "dispute"))
PRESETS = ("lightgbm", "logistic")


@pytest.fixture(scope="module")
def payments(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], np.ndarray]:
    """Return what models learn from 800 payments, and the columns of their labels."""
    folder = tmp_path_factory.mktemp("payments")
    made = made_payments(800)
    source = write_json(folder / "payments.jsonl", *(row for row, _ in made))
    arrivals = records_in(folder).reader.cases(str(source))
    payloads = [arrival.decoded.payload for arrival in arrivals if arrival.decoded]
    return payloads, np.array([LABELS.column(label) for _, label in made])


def trained(preset: str, payments: tuple[list[Any], np.ndarray], folder: Path, n: int = 500) -> Any:
    """Return the scorer of a model of the first `n` payments, of which the last fifth is validation."""
    payloads, columns = payments
    pairs = [(SampleId(f"{row}"), int(columns[row])) for row in range(n)]
    trainer, cut = RecordTrainer(preset=preset), max(1, n * 4 // 5)
    trainer.train(
        pairs[:cut],
        pairs[cut:],
        labels=LABELS,
        load=lambda key: Decoded(payloads[int(key)]),
        folder=folder,
        folds=[row % 5 for row in range(n - cut)],
    )
    return trainer.scorer(folder)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_model_finds_frauds_and_says_how_sure_it_is(
    preset: str, payments: tuple[list[Any], np.ndarray], tmp_path: Path
) -> None:
    """On 300 others: better than the share of frauds, calibrated, nothing for a label without a sample."""
    scorer = trained(preset, payments, tmp_path / "model")
    scores = scorer(payments[0][500:])
    is_fraud = payments[1][500:] == 1

    assert (scores.probs.argmax(axis=1) == payments[1][500:]).mean() > 0.88
    assert abs(scores.probs[:, 1].mean() - is_fraud.mean()) < 0.06
    assert scores.probs[:, 2].max() < 0.01
    assert scores.embeddings.shape[0] == 300
    assert np.isfinite(scores.embeddings).all()


@pytest.mark.parametrize("preset", PRESETS)
def test_the_same_records_give_the_same_model_in_another_process(
    preset: str, payments: tuple[list[Any], np.ndarray], tmp_path: Path
) -> None:
    """Bit for bit, files and probabilities; the order of the rows that it scores does not matter."""
    first = trained(preset, payments, tmp_path / "a")
    trained(preset, payments, tmp_path / "b")
    files = [sorted((tmp_path / name).iterdir()) for name in "ab"]
    np.save(tmp_path / "probs.npy", first(payments[0][500:520]).probs)
    program = (
        "import json, sys, numpy as np; from models.record.saved import load_scorer;"
        "from pathlib import Path;"
        "rows = json.loads(sys.argv[2]); found = load_scorer(Path(sys.argv[1]))(rows).probs;"
        "assert (found == np.load(sys.argv[3])).all()"
    )
    rows = json.dumps(payments[0][500:520])
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a"), rows, str(tmp_path / "probs.npy")], check=True
    )

    assert [one.read_bytes() for one in files[0]] == [one.read_bytes() for one in files[1]]
    backwards = first(payments[0][500:520][::-1]).probs[::-1]
    assert (backwards == first(payments[0][500:520]).probs).all()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("n", [1, 4, 30])
def test_few_records_are_enough_for_a_model(
    preset: str, n: int, payments: tuple[list[Any], np.ndarray], tmp_path: Path
) -> None:
    """Even one record, or one label: probabilities are finite and sum to 1; what is new is missing."""
    scorer = trained(preset, payments, tmp_path / "model", n)
    strange = [{}, {"country": "XX", "colour": "red", "amount": -1e12}, {"at/hour": 3.0}]

    probs = scorer(strange).probs
    assert np.isfinite(probs).all()
    assert probs.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_model_of_three_labels_needs_no_validation(
    preset: str, payments: tuple[list[Any], np.ndarray], tmp_path: Path
) -> None:
    """As the search for wrong labels trains it."""
    payloads, columns = payments
    pairs = [(SampleId(f"{row}"), 2 if row % 9 == 0 else int(columns[row])) for row in range(200)]
    trainer = RecordTrainer(preset=preset)
    trainer.train(
        pairs, [], labels=LABELS, load=lambda key: Decoded(payloads[int(key)]), folder=tmp_path / "model"
    )
    scorer = trainer.scorer(tmp_path / "model")

    assert scorer(payloads[:5]).probs.sum(axis=1) == pytest.approx(1)
    assert scorer([]).probs.shape == (0, 3)


def test_a_category_keeps_its_most_frequent_words() -> None:
    """Rare words beyond the limit count as missing."""
    words = [f"w{number % 300:03d}" for number in range(450)]
    encoding = Encoding.fitted(checked_records([{"merchant": word} for word in words]))

    assert len(encoding.categories["merchant"]) == MOST_WORDS
    assert set(encoding.categories["merchant"]) >= {f"w{number:03d}" for number in range(150)}
    assert np.isnan(encoding.rows(checked_records([{"merchant": "w299"}]))).all()


@pytest.mark.parametrize(("preset", "file"), [("lightgbm", "trees.txt"), ("logistic", "weights.npz")])
def test_damaged_files_are_an_error_that_names_them(
    preset: str, file: str, payments: tuple[list[Any], np.ndarray], tmp_path: Path
) -> None:
    """Cut, empty and missing."""
    trained(preset, payments, tmp_path / "model", 100)
    path = tmp_path / "model" / file
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"not a model"):
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match=file):
            RecordTrainer(preset=preset).scorer(tmp_path / "model")
    path.unlink()
    with pytest.raises(ModelError, match=file):
        RecordTrainer(preset=preset).scorer(tmp_path / "model")


def test_a_payload_that_is_no_record_is_refused() -> None:
    """A picture or text in a workspace of records cannot be scored."""
    with pytest.raises(ModelError, match="values by field, got str"):
        checked_records(["text"])


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("n", [500, 1], ids=["two labels", "one label"])
def test_reasons_sum_to_the_calibrated_prediction(
    preset: str, n: int, payments: tuple[list[Any], np.ndarray], tmp_path: Path
) -> None:
    """Base and contributions of all fields are the logits of the probs, for missing and new values too."""
    scorer = trained(preset, payments, tmp_path / "model", n)
    rows = [*payments[0][500:], {}, {"amount": 1e6}, {"country": "XX", "n_last_hour": 3.0}]
    found, probs = scorer.contributions(rows), scorer(rows).probs

    assert isinstance(scorer, ReasonedScorer)
    assert found.fields == scorer.model.encoding.fields
    assert found.values.shape == (len(rows), len(LABELS), len(found.fields))
    assert softmax(found.base + found.values.sum(axis=2), axis=1) == pytest.approx(probs, abs=1e-9)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_strongest_reason_of_a_fraud_is_what_makes_it_one(
    preset: str, payments: tuple[list[Any], np.ndarray], tmp_path: Path
) -> None:
    """A burst of payments from a new device speaks for fraud, its contrary against it."""
    scorer = trained(preset, payments, tmp_path / "model")
    plain = {"amount": 12.0, "country": "ES", "is_new_device": 0.0, "n_last_hour": 0.0, "at/hour": 9.0}
    strange = plain | {"amount": 400.0, "is_new_device": 1.0, "n_last_hour": 6.0, "country": "RO"}
    high, low = strongest_reasons(scorer.contributions([strange, plain]), 0)

    assert sum(high.values()) > 0 > sum(low.values())
    assert {"n_last_hour", "is_new_device"} <= {name for name, added in high.items() if added > 0}
    assert list(map(abs, high.values())) == sorted(map(abs, high.values()), reverse=True)
    assert len(high) <= N_REASONS


def test_a_column_of_a_logistic_model_counts_for_its_own_field() -> None:
    """Numbers, their logarithms, whether they are missing, and words: one weight makes one reason."""
    records = checked_records([{"a": 1.0, "b": 5.0, "w": "x"}, {"a": 3.0, "w": "y"}, {"b": 2.0, "v": "z"}])
    encoding = Encoding.fitted(records)
    rows = encoding.rows(records)
    n_columns = expanded(encoding, rows).shape[1]
    owners = ["a", "b"] * 3 + ["v", "w", "w"]

    assert encoding.fields == ("a", "b", "v", "w")
    assert n_columns == len(owners)
    for column, owner in enumerate(owners):
        weights = np.zeros((2, n_columns))
        weights[1, column] = 2.0
        _, values = Logistic(encoding, weights, np.zeros(2), 1.0).contributions_of_rows(rows)
        assert {encoding.fields[place] for _, _, place in np.argwhere(values)} == {owner}
