"""Measure the models of texts on real tweets: accuracy and macro-F1 by the number of labels.

Each draw takes a random quarter of the tweets as test and the first labels of the others, a fifth of which
calibrates. `ngrams` is the model from before `words`: characters at one fixed regularisation, not calibrated.
`embeddings` is the head of `minilm` alone, `averaged` the share of draws in which `minilm` takes words too.
`balanced F1` is macro-F1 of the label that is likeliest against its share among all labels: what the
probabilities are worth where each label costs as much as it is rare.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score, log_loss

from goldloop.adapters.feature_files import FeatureFiles
from goldloop.core.labels import LabelSet
from goldloop.core.samples import sample_id_of
from goldloop.core.splits import VALIDATION_FOLDS
from goldloop.stats.calibration import Calibration
from models.cross_fit import Fit, cross_fit
from models.text.frozen import open_backbone
from models.text.presets import FROZEN
from models.text.sentences import SentenceModel, SentenceRows
from models.text.words import WordModel, features_of
from scripts.bench.common import Report, options_of, say

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
VALIDATION = 0.2
AT_ONCE = 256
BEFORE = 30.0  # regularisation of `ngrams`

Columns = npt.NDArray[np.intp]
Measured = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Draw:
    """Texts to learn from, those of validation last, and texts to test on, with their labels' columns."""

    learnt: SentenceRows
    columns: Columns
    test: SentenceRows
    truth: Columns
    labels: LabelSet


def read_tweets(folder: Path) -> tuple[list[str], Columns, LabelSet]:
    """Return all different tweets, the columns of their labels, and the labels."""
    path = folder / "tweets_davidson" / "tweets.csv"
    if not path.is_file():
        raise SystemExit(f"no tweets in {path}; name the folder of tweets_davidson/ with --data")
    with path.open(encoding="utf-8", newline="") as file:
        label_of = {row["text"]: row["label"] for row in csv.DictReader(file)}
    labels = LabelSet.of(sorted(set(label_of.values())))
    return list(label_of), np.array([labels.column(label) for label in label_of.values()]), labels


def embeddings(texts: list[str], folder: Path) -> npt.NDArray[np.float32]:
    """Return the embeddings of `texts`, kept in `folder`."""
    preset = FROZEN["minilm"]
    kept = FeatureFiles(folder / preset.key, preset.n_features)
    rows = []
    for start in range(0, len(texts), AT_ONCE):
        part = {sample_id_of(text.encode()): text for text in texts[start : start + AT_ONCE]}
        found = {key: row for key in part if (row := kept.get(key)) is not None}
        missing = [key for key in part if key not in found]
        if missing:
            say(f"  embeddings of {start:,} of {len(texts):,} texts")
            made = open_backbone(preset).features([part[key] for key in missing])
            kept.add(dict(zip(missing, made, strict=True)))
            found |= dict(zip(missing, made, strict=True))
        rows += [found[key] for key in part]
    return np.array(rows, dtype=np.float32)


def measured(draw: Draw, characters: Draw) -> Measured:
    """Return what each model of a draw is worth; `characters` is the same draw without words."""
    n_labels, n = len(draw.labels), len(draw.columns)
    folds = np.arange(round(VALIDATION * n)) % VALIDATION_FOLDS
    fit = partial(cross_fit, weights=np.ones(len(folds)), labels=draw.labels, folds=folds)
    both = fit(SentenceModel.fitted, draw.learnt, draw.columns)
    words = both.model.words or WordModel.fitted(draw.learnt.words, draw.columns, n_labels)
    of_words = fit(lambda *_: words, draw.learnt.words, draw.columns)
    of_head = fit(lambda *_: both.model.head, draw.learnt.features, draw.columns)
    forced = fit(lambda *_: replace(both.model, words=words), draw.learnt, draw.columns)
    start = WordModel(np.zeros((0, n_labels)), np.zeros(n_labels), BEFORE)
    before = start.refitted(characters.learnt.words, draw.columns)
    models: dict[str, tuple[Fit, Calibration, Any]] = {
        "ngrams": (before, Calibration(), characters.test.words),
        "words": (of_words.model, of_words.calibration, draw.test.words),
        "embeddings": (of_head.model, of_head.calibration, draw.test.features),
        "always both": (forced.model, forced.calibration, draw.test),
        "minilm": (both.model, both.calibration, draw.test),
    }
    shares = np.bincount(draw.columns, minlength=n_labels) / n
    judged = {
        name: _judged(calibration.apply(model.logits(rows)), draw.truth, shares)
        for name, (model, calibration, rows) in models.items()
    }
    judged["minilm"]["averaged"] = float(both.model.words is not None)
    return judged


def _judged(
    probs: npt.NDArray[np.float64], truth: Columns, shares: npt.NDArray[np.float64]
) -> dict[str, float]:
    given = probs.argmax(axis=1)
    return {
        "accuracy": float(np.mean(given == truth)),
        "macro-F1": float(f1_score(truth, given, average="macro")),
        "balanced F1": float(f1_score(truth, (probs / shares).argmax(axis=1), average="macro")),
        "log loss": float(log_loss(truth, probs, labels=range(probs.shape[1]))),
    }


def run(report: Report, options: argparse.Namespace) -> None:
    """Draw, train and judge; report means over the draws with their intervals."""
    texts, columns, labels = read_tweets(options.data)
    features = embeddings(texts, options.cache)
    rows = SentenceRows(features, features_of(texts))
    characters = SentenceRows(features, features_of(texts, ()))
    for size in options.sizes:
        found: dict[tuple[str, str], list[float]] = defaultdict(list)
        for seed in range(options.seed, options.seed + options.n):
            order = np.random.default_rng(seed).permutation(len(texts))
            cut = len(texts) // 4
            test, learnt = order[:cut], order[cut : cut + size]
            with_words, without = (
                Draw(kind[learnt], columns[learnt], kind[test], columns[test], labels)
                for kind in (rows, characters)
            )
            for name, figures in measured(with_words, without).items():
                say(f"  {size:,} labels, draw {seed}, {name}: {figures}")
                for figure, value in figures.items():
                    found[name, figure].append(value)
        for (name, figure), values in found.items():
            report.mean(f"tweets/{size:,} labels/{name}/{figure}", values, "")


def main() -> None:
    """Read the options and run."""
    parser = options_of(__doc__, n=5, counted="draws")
    data = Path(os.environ.get("GOLDLOOP_TEST_DATA", BESIDE))
    parser.add_argument("--data", type=Path, default=data, metavar="FOLDER", help="tweets_davidson/")
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2000, 10_000], help="numbers of labels")
    parser.add_argument(
        "--cache", type=Path, required=True, metavar="FOLDER", help="keeps the embeddings of the tweets"
    )
    options = parser.parse_args()
    report = Report(options)
    run(report, options)
    report.close()


if __name__ == "__main__":
    main()
