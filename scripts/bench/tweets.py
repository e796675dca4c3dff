"""The tweets of tweets_davidson with the votes of their crowd, as the features of a preset."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from models.head import Head
from models.text.sentences import SentenceModel, SentenceRows
from models.text.words import WordModel, features_of
from scripts.bench.texts import embeddings

LABELS = LabelSet(("hate speech", "offensive", "neither"))
VOTES = ("votes_hate", "votes_offensive", "votes_neither")
"""Columns of the numbers of votes, in the order of LABELS."""

Columns = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Tweets:
    """Tweets as `rows` of a preset's features, `votes` (n, n_labels), and `truth` (n,), the majority's.

    `fit` makes a model of the preset. `embedded` (n, d) are rows of length 1, None where the preset has none.
    """

    rows: Any
    votes: npt.NDArray[np.intp]
    truth: Columns
    fit: Any
    embedded: npt.NDArray[np.float32] | None = None


@cache
def read_tweets(data: Path, preset: str, kept: Path) -> Tweets:
    """Return the tweets in the folder `data`; embeddings are kept in the folder `kept`.

    `preset` is words, minilm, or embeddings: the head of minilm alone, which is fitted in seconds.
    """
    path = data / "tweets_davidson" / "tweets.csv"
    if not path.is_file():
        raise SystemExit(f"no tweets in {path}; name the folder of tweets_davidson/ with --data")
    with path.open(encoding="utf-8", newline="") as file:
        found = list({row["text"]: row for row in csv.DictReader(file)}.values())
    texts = [row["text"] for row in found]
    votes = np.array([[int(row[name]) for name in VOTES] for row in found])
    truth = np.array([LABELS.column(row["label"]) for row in found])
    if preset == "words":
        return Tweets(features_of(texts), votes, truth, WordModel.fitted)
    features = embeddings(texts, kept)
    embedded = features / np.linalg.norm(features, axis=1, keepdims=True)
    if preset == "embeddings":
        return Tweets(features, votes, truth, partial(Head.fitted, roots=False), embedded)
    rows = SentenceRows(features, features_of(texts))
    return Tweets(rows, votes, truth, SentenceModel.fitted, embedded)


def shuffled_votes(votes: npt.NDArray[np.intp], rng: np.random.Generator, n: int = 3) -> Columns:
    """Return the columns (n_tweets, n) of the first `n` votes on each tweet, in an order of chance.

    A tweet with fewer votes begins again.
    """
    given = np.empty((len(votes), n), dtype=np.intp)
    for row, counts in enumerate(votes):
        said = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        given[row] = np.resize(said, n)
    return given
