"""The text classifier: it learns, repeats itself, and comes back from its files as it was."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from goldloop.core.errors import EmptyPoolError, LabelError, ModelError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, SampleId, sample_id_of
from goldloop.training.ports import TrainedModel
from models.linear import cross_validated
from models.saved_model import saving
from models.text.trainer import WordTrainer
from models.text.word_scorer import load_words
from models.text.words import N_EMBEDDING, WEIGHTS, WordCard, WordModel, features_of, load, write_weights
from tests.texts import real_texts
from tests.topics import TOPICS, sentences


def train(
    folder: Path,
    train: Sequence[tuple[str, str]],
    validation: Sequence[tuple[str, str]] = (),
    *,
    labels: LabelSet = TOPICS,
) -> TrainedModel:
    """Train on (text, label) pairs."""
    texts = {sample_id_of(text.encode()): text for text, _ in (*train, *validation)}

    def examples(pairs: Sequence[tuple[str, str]]) -> list[tuple[SampleId, int]]:
        return [(sample_id_of(text.encode()), labels.column(label)) for text, label in pairs]

    return WordTrainer().train(
        examples(train),
        examples(validation),
        labels=labels,
        load=lambda sample_id: Decoded(texts[sample_id]),
        folder=folder,
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small trained model."""
    folder = tmp_path_factory.mktemp("text") / "model"
    train(folder, sentences(90), sentences(60, seed=1))
    return folder


def test_a_trained_model_labels_new_texts(model: Path) -> None:
    """What was learned carries over to sentences never seen; probs sum to 1, embeddings are float32."""
    new = sentences(100, seed=2)

    scores = WordTrainer().scorer(model)([text for text, _ in new])

    right = [
        TOPICS[int(column)] == label for column, (_, label) in zip(scores.probs.argmax(1), new, strict=True)
    ]
    assert np.mean(right) > 0.95
    np.testing.assert_allclose(scores.probs.sum(axis=1), 1, atol=1e-9)
    assert (scores.embeddings.dtype, scores.embeddings.shape) == (np.float32, (100, N_EMBEDDING))


@pytest.mark.parametrize(
    ("name", "column"),
    [("messages_sms/messages.csv", "text"), ("conversations_convabuse/items.csv", "user")],
)
def test_500_real_texts_beat_the_majority_class(
    real_data: Path, tmp_path: Path, name: str, column: str
) -> None:
    """On a random draw the model is right more often than the commonest label, and finds the rare one."""
    pairs = list(dict(real_texts(real_data, name, column)).items())
    order = np.random.default_rng(0).permutation(len(pairs))
    drawn = [pairs[int(row)] for row in order]
    labels = LabelSet.of(sorted({label for _, label in drawn}))
    new = drawn[700:]

    train(tmp_path / "m", drawn[:500], drawn[500:700], labels=labels)
    probs = WordTrainer().scorer(tmp_path / "m")([text for text, _ in new]).probs

    truth = np.array([labels.column(label) for _, label in new])
    common, n_common = Counter(truth.tolist()).most_common(1)[0]
    assert np.mean(probs.argmax(axis=1) == truth) > n_common / len(new) + 0.02
    rare = truth != common
    assert np.mean(probs.argmax(axis=1)[rare] == truth[rare]) > 0.4
    assert abs(np.mean(probs.max(axis=1)) - np.mean(probs.argmax(axis=1) == truth)) < 0.03


def test_scores_do_not_depend_on_the_minibatch(model: Path) -> None:
    """A text has one score, alone or among others; no text gives no row."""
    texts = [text for text, _ in sentences(20, seed=3)]
    scorer = WordTrainer().scorer(model)

    together, none = scorer(texts), scorer([])

    for row, text in enumerate(texts):
        alone = scorer([text])
        np.testing.assert_allclose(alone.probs[0], together.probs[row], atol=1e-12)
        np.testing.assert_allclose(alone.embeddings[0], together.embeddings[row], atol=1e-6)
    assert (none.probs.shape, none.embeddings.shape) == ((0, 3), (0, N_EMBEDDING))


def test_embeddings_tell_like_texts_from_others(model: Path) -> None:
    """A text lies nearer to its near-copy than to another text, whatever the labels."""
    first, copy, other = (
        WordTrainer().scorer(model)(
            ["the parcel arrives on monday", "the parcels arrive on monday", "who won last night?"]
        )
    ).embeddings

    assert np.linalg.norm(first - copy) < 0.7 * np.linalg.norm(first - other)


def test_the_same_samples_give_the_same_model(model: Path, tmp_path: Path) -> None:
    """Training repeats itself bit for bit."""
    train(tmp_path / "again", sentences(90), sentences(60, seed=1))

    first, again = (np.load(folder / "weights.npz") for folder in (model, tmp_path / "again"))

    assert all(np.array_equal(first[name], again[name]) for name in ("columns", "weights", "intercepts"))


def test_a_saved_model_scores_the_same_in_another_process(model: Path) -> None:
    """The folder is all that is needed, without torch."""
    script = (
        "import sys; from pathlib import Path; from models.text.trainer import WordTrainer\n"
        "probs = WordTrainer().scorer(Path(sys.argv[1]))(['an apple and a pear']).probs\n"
        "assert 'torch' not in sys.modules\n"
        "print(probs.tobytes().hex())"
    )

    read = subprocess.run(
        [sys.executable, "-c", script, str(model)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    assert read.stdout.strip() == WordTrainer().scorer(model)(["an apple and a pear"]).probs.tobytes().hex()


def test_calibration_and_history_come_from_validation(tmp_path: Path) -> None:
    """With 20 validation samples the temperature is fitted; with fewer it stays 1 and a note says so."""
    few = train(tmp_path / "few", sentences(60), sentences(19, seed=1))
    enough = train(tmp_path / "enough", sentences(60), sentences(60, seed=1))
    none = train(tmp_path / "none", sentences(60))

    temperatures = [load(tmp_path / name)[1].temperature for name in ("few", "none", "enough")]
    assert temperatures[:2] == [1.0, 1.0]
    assert temperatures[2] != 1.0
    assert "19 validation samples, 20 are needed" in few.notes[0]
    assert enough.notes == ()
    assert set(enough.history) == {"validation/accuracy", "validation/loss"}
    assert none.history == {}


@pytest.mark.parametrize("present", [("metal",), ("fruit", "river")])
def test_a_label_without_samples_is_never_given(tmp_path: Path, present: tuple[str, ...]) -> None:
    """One or two labels of three are enough to train on; the others get hardly any probability."""
    pairs = [(text, label) for text, label in sentences(90) if label in present]

    train(tmp_path / "m", pairs)
    probs = WordTrainer().scorer(tmp_path / "m")([text for text, _ in pairs]).probs

    absent = [TOPICS.column(label) for label in TOPICS if label not in present]
    assert probs[:, absent].max() < 0.01
    assert (
        np.mean([TOPICS[int(row.argmax())] == label for row, (_, label) in zip(probs, pairs, strict=True)])
        > 0.9
    )


def test_nothing_to_train_on_and_wrong_columns_are_refused(tmp_path: Path) -> None:
    """Each is an error that says what to do or which sample it is."""
    sample = sample_id_of(b"a")

    def attempt(examples: list[tuple[SampleId, int]]) -> None:
        WordTrainer().train(examples, [], labels=TOPICS, load=lambda _: Decoded("a"), folder=tmp_path / "m")

    with pytest.raises(EmptyPoolError, match="0 samples to train on"):
        attempt([])
    with pytest.raises(LabelError, match=f"{sample} has column 3"):
        attempt([(sample, 3)])


def test_a_payload_that_is_no_text_is_refused(model: Path) -> None:
    """A picture handed to a text model is an error that names the row."""
    with pytest.raises(ModelError, match="payload 1 is a ndarray"):
        WordTrainer().scorer(model)(["a", np.zeros(3)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ngrams": [1, 3]}, r"features of \(1, 3\) characters and \(1, 2\) words, this goldloop has"),
        ({"words": [1, 3]}, r"characters and \(1, 3\) words, this goldloop has"),
        ({"labels": ["fruit", "metal"]}, r"weights\.npz does not hold weights of 2 labels"),
        ({"temperature": 0}, "temperature must be a positive number, got 0"),
        ({"size": 32}, "is no card of a model: TypeError: .*size"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    model: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    """Each way in which card and weights can disagree is an error that names it."""
    card = json.loads((model / "card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps({**card, **change}))
    (tmp_path / "weights.npz").write_bytes((model / "weights.npz").read_bytes())

    with pytest.raises(ModelError, match=message):
        WordTrainer().scorer(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"no archive", "cut", "pickle"])
def test_weights_that_are_not_whole_are_refused(
    model: Path, tmp_path: Path, content: bytes | str | None
) -> None:
    """Missing, cut or foreign weights are an error that names the file, and nothing in them is run."""
    (tmp_path / "card.json").write_text((model / "card.json").read_text())
    path = tmp_path / "weights.npz"
    if content == "pickle":
        objects = {name: np.array([print], dtype=object) for name in ("columns", "weights", "intercepts")}
        np.savez(path, **objects)  # type: ignore[arg-type]
    elif content == "cut":
        path.write_bytes((model / "weights.npz").read_bytes()[:-100])
    elif isinstance(content, bytes):
        path.write_bytes(content)

    with pytest.raises(ModelError, match=r"weights\.npz"):
        WordTrainer().scorer(tmp_path)


def test_a_model_of_the_older_preset_goes_on_scoring(tmp_path: Path) -> None:
    """A folder that was saved as `ngrams` counts characters alone, with its own weights."""
    pairs, new = sentences(90), [text for text, _ in sentences(20, seed=4)]
    columns = np.array([TOPICS.column(label) for _, label in pairs])
    model = WordModel.fitted(features_of([text for text, _ in pairs], ()), columns, 3)
    card = WordCard(labels=TOPICS.names, preset="ngrams", temperature=1.0, seed=0, n_train=90, n_validation=0)
    with saving(tmp_path, card):
        write_weights(tmp_path / WEIGHTS, model)
    values = json.loads((tmp_path / "card.json").read_text())
    del values["words"], values["inverse_regularisation"]
    (tmp_path / "card.json").write_text(json.dumps(values))

    scorer = WordTrainer().scorer(tmp_path)

    assert scorer.preset == "words"
    logits = model.logits(features_of(new, ()))
    np.testing.assert_allclose(scorer(new).probs, softmax(logits, axis=1), atol=1e-6)


def test_the_regularisation_is_that_of_cross_validation(model: Path) -> None:
    """The card says which, and another of the same samples would have lost more."""
    features = features_of([text for text, _ in sentences(90)])
    columns = np.array([TOPICS.column(label) for _, label in sentences(90)])

    assert (
        load(model)[1].inverse_regularisation == cross_validated(features, columns, 3).inverse_regularisation
    )


def test_a_calibrated_model_learns_from_validation_too(tmp_path: Path) -> None:
    """With folds, the labels of validation train the model, and models without their fold calibrate it."""
    known, more = sentences(30), sentences(120, seed=1)
    texts = {sample_id_of(text.encode()): text for text, _ in (*known, *more)}
    first, second = (
        [(sample_id_of(text.encode()), TOPICS.column(label)) for text, label in pairs]
        for pairs in (known, more)
    )
    folds = [number % 5 for number in range(len(second))]
    losses = {}
    for name, given in (("apart", None), ("crossed", folds)):
        WordTrainer().train(
            first,
            second,
            labels=TOPICS,
            load=lambda sample_id: Decoded(texts[sample_id]),
            folder=tmp_path / name,
            folds=given,
        )
        new = sentences(200, seed=7)
        probs = load_words(tmp_path / name)([text for text, _ in new]).probs
        losses[name] = -np.log(probs[np.arange(200), [TOPICS.column(label) for _, label in new]]).mean()

    assert losses["crossed"] < losses["apart"]
