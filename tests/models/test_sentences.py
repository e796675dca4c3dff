"""Models on sentence embeddings: words are averaged in where they help, and what is saved scores the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from goldloop.core.errors import ModelError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, SampleId, sample_id_of
from goldloop.modalities.features import WithFeatures
from goldloop.training.ports import FeatureTrainer, TrainedModel
from models.saved_model import read_card
from models.text.presets import FROZEN
from models.text.sentence_trainer import SentenceTrainer
from models.text.sentences import SentenceCard, load_sentences, rows_of

TOPICS = LabelSet.of(["fruit", "metal"])
WORDS = {0: ("apple", "pear", "plum"), 1: ("iron", "zinc", "tin")}
PRESET, N_FEATURES = FROZEN["minilm"], FROZEN["minilm"].n_features


def samples(
    n: int, *, seed: int, in_words: float, in_features: float
) -> dict[SampleId, tuple[WithFeatures, int]]:
    """Return n texts with features and columns; either tells the label in such a share of the texts."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(0, 1, (2, N_FEATURES))
    found = {}
    for number in range(n):
        column = int(rng.integers(2))
        told = [column if rng.random() < share else 1 - column for share in (in_words, in_features)]
        text = f"a {rng.choice(WORDS[told[0]])} of {number} and {seed}"
        features = centres[told[1]] + rng.normal(0, 2, N_FEATURES)
        row = (features / np.linalg.norm(features)).astype(np.float16)
        found[sample_id_of(text.encode())] = (WithFeatures(text, row), column)
    return found


def trained(folder: Path, known: dict[SampleId, tuple[WithFeatures, int]]) -> TrainedModel:
    """Train on two thirds, calibrated by folds of the last third."""
    pairs = [(sample_id, column) for sample_id, (_, column) in known.items()]
    cut = 2 * len(pairs) // 3
    return SentenceTrainer("minilm").train(
        pairs[:cut],
        pairs[cut:],
        labels=TOPICS,
        load=lambda sample_id: Decoded(known[sample_id][0]),
        folder=folder,
        folds=[number % 5 for number in range(len(pairs) - cut)],
    )


def test_words_are_averaged_in_where_they_help(tmp_path: Path) -> None:
    """Words that say more than the features join them, others stay out; notes and card say which."""
    told = trained(tmp_path / "both", samples(150, seed=0, in_words=0.95, in_features=0.8))
    alone = trained(tmp_path / "alone", samples(150, seed=0, in_words=0.5, in_features=0.97))
    cards = [read_card(tmp_path / name, SentenceCard) for name in ("both", "alone")]

    assert "averages sentence embeddings and hashed words: cross-validated log loss 0." in told.notes[0]
    assert cards[0].losses[1] < cards[0].losses[0]
    assert cards[0].notes == told.notes
    assert alone.notes == ()
    assert cards[1].words_regularisation is None
    assert cards[1].losses[1] >= cards[1].losses[0]
    assert not (tmp_path / "alone" / "words.npz").exists()


def test_both_together_are_better_than_each(tmp_path: Path) -> None:
    """On new texts, where words and features err independently; the mean is that of the log probabilities."""
    known, new = (samples(n, seed=n, in_words=0.85, in_features=0.85) for n in (300, 400))
    trained(tmp_path / "m", known)
    model = load_sentences(tmp_path / "m").model
    assert model.words is not None
    rows = rows_of([payload for payload, _ in new.values()], PRESET)
    truth = np.array([column for _, column in new.values()])
    logits = [model.logits(rows), model.head.logits(rows.features), model.words.logits(rows.words)]
    losses = [-log_softmax(one, axis=1)[np.arange(len(truth)), truth].mean() for one in logits]

    assert losses[0] < min(losses[1:])
    product = np.sqrt(softmax(logits[1], axis=1) * softmax(logits[2], axis=1))
    np.testing.assert_allclose(softmax(logits[0], axis=1), product / product.sum(axis=1, keepdims=True))


def test_a_saved_model_scores_new_texts(tmp_path: Path) -> None:
    """The same twice, alone or among others; embeddings are the features."""
    known, new = (samples(n, seed=n, in_words=0.95, in_features=0.9) for n in (150, 60))
    for name in ("first", "again"):
        trained(tmp_path / name, known)
    scorer, again = (SentenceTrainer("minilm").scorer(tmp_path / name) for name in ("first", "again"))
    payloads = [payload for payload, _ in new.values()]
    scores = scorer(payloads)

    assert scorer.preset == "minilm"
    assert np.mean(scores.probs.argmax(axis=1) == [column for _, column in new.values()]) > 0.85
    np.testing.assert_allclose(scores.probs.sum(axis=1), 1)
    assert np.array_equal(scores.embeddings, [payload.features for payload in payloads])
    assert np.array_equal(again(payloads).probs, scores.probs)
    np.testing.assert_allclose(scorer(payloads[7:8]).probs[0], scores.probs[7], atol=1e-7)
    assert scorer([]).probs.shape == (0, 2)


def test_few_samples_give_a_head_alone(tmp_path: Path) -> None:
    """With fewer than two samples a fold nothing is compared, and no words take part."""
    trained(tmp_path / "m", samples(9, seed=0, in_words=1.0, in_features=1.0))

    assert load_sentences(tmp_path / "m").model.words is None
    assert read_card(tmp_path / "m", SentenceCard).losses == ()


def test_strategies_are_simulated_on_the_embeddings() -> None:
    """The trainer fits on kept features, as `goldloop selection compare` needs it."""
    trainer = SentenceTrainer("minilm")
    assert isinstance(trainer, FeatureTrainer)
    found = samples(60, seed=1, in_words=0.5, in_features=1.0)
    features = np.stack([payload.features for payload, _ in found.values()])
    columns = np.array([column for _, column in found.values()])
    probs = trainer.fits(features, 2)()(np.arange(40), columns[:40])

    assert np.mean(probs.argmax(axis=1)[40:] == columns[40:]) > 0.8


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    """A text without features, features of another backbone, and a card of other weights."""
    known = samples(30, seed=0, in_words=1.0, in_features=1.0)
    trained(tmp_path / "m", known)
    scorer = load_sentences(tmp_path / "m")
    with pytest.raises(
        ModelError, match="payload 0 is a str, a model on 'minilm' takes texts with their features"
    ):
        scorer(["a text"])
    with pytest.raises(ModelError, match=r"payload 0 has the shape \(3,\)"):
        scorer([WithFeatures("a text", np.zeros(3, dtype=np.float16))])

    path = tmp_path / "m" / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "backbone_sha256": "0" * 64}))
    with pytest.raises(ModelError, match=r"a head on 'minilm' at size 256 \(cut\) with weights 000000000000"):
        load_sentences(tmp_path / "m")
