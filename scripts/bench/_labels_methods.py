"""Ways of making labels from votes, ours, the plain ones and the peers', and their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _common import say
from _labels_data import Votes
from _peers import run_peers
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from goldloop.consensus.fit import ConsensusFit, Method, VotedSample, fit_consensus
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

TARGET = 0.9
PEOPLE = ("1", "2", "3", "4", "5")
N_BINS = 15


@dataclass(frozen=True, slots=True)
class Labelling:
    """A label for each picture and how sure its method is of it, both (n,)."""

    label: Votes
    confidence: Floats

    @classmethod
    def of(cls, probability: Floats) -> Labelling:
        """Return the likeliest label of each row."""
        return cls(probability.argmax(axis=1), probability.max(axis=1))

    def accuracy(self, truth: Votes) -> float:
        """Return the share of right labels."""
        return float((self.label == truth).mean())

    def auroc(self, truth: Votes) -> float:
        """Return how well confidence tells right labels from wrong ones."""
        return float(roc_auc_score(self.label == truth, self.confidence))

    def ece(self, truth: Votes) -> float:
        """Return the mean gap between confidence and accuracy over equally wide bins [naeini2015]."""
        hits = (self.label == truth).astype(float)
        of_bin = np.minimum((self.confidence * N_BINS).astype(int), N_BINS - 1)
        gaps = np.bincount(of_bin, hits - self.confidence, minlength=N_BINS)
        return float(np.abs(gaps).sum() / len(truth))


def cases_of(
    votes: Votes,
    labels: LabelSet,
    *,
    probs: Floats | None,
    is_given: Flags | None = None,
    people: Votes | None = None,
) -> list[VotedSample]:
    """Return the votes (n, k) of each picture as cases: those that `is_given` (all), by `people` (1 to k)."""
    n, k = votes.shape
    given = np.ones((n, k), dtype=bool) if is_given is None else is_given
    whose = np.tile(np.arange(k), (n, 1)) if people is None else people
    return [
        VotedSample(
            sample_id=SampleId(f"{row:06d}"),
            votes={
                PEOPLE[whose[row, place]]: labels[votes[row, place]] for place in np.flatnonzero(given[row])
            },
            probs=None if probs is None else tuple(probs[row]),
        )
        for row in range(n)
    ]


def found(cases: Sequence[VotedSample], labels: LabelSet, method: Method = Method.POSTERIOR) -> ConsensusFit:
    """Return the consensus of `cases` at the target of the bench."""
    return fit_consensus(cases, labels, method=method, target=TARGET, overlap=1)


def majority(votes: Votes, n_labels: int, seed: int, is_given: Flags | None = None) -> Labelling:
    """Return the commonest label of each picture; here, where there must be one, ties fall at random."""
    given = np.ones(votes.shape, dtype=bool) if is_given is None else is_given
    counts = (np.eye(n_labels)[votes] * given[:, :, None]).sum(axis=1)
    noise = np.random.default_rng(seed).random(counts.shape) / 2
    return Labelling((counts + noise).argmax(axis=1), counts.max(axis=1) / np.maximum(given.sum(axis=1), 1))


def stacked_with_truth(votes: Votes, probs: Floats, truth: Votes) -> Labelling:
    """Return what a logistic regression makes of votes and probs that learns from true labels, 5-fold.

    No method may do this; it shows how much of what is missing is the aggregation's fault.
    """
    counts = np.eye(probs.shape[1])[votes].sum(axis=1)
    levels = [counts == level for level in range(1, votes.shape[1] + 1)]
    features = np.concatenate([np.log(probs + 1e-4) / 5, *levels], axis=1)
    regression = LogisticRegression(max_iter=1000)
    return Labelling.of(cross_val_predict(regression, features, truth, cv=5, method="predict_proba"))


def labels_of_peers(votes: dict[str, Votes], probs: dict[str, Floats]) -> dict[str, dict[str, Labelling]]:
    """Return what CROWDLAB and crowd-kit make of each set of votes, run in an environment of their own."""
    say("running cleanlab and crowd-kit")
    named = {f"votes_{name}": one for name, one in votes.items()}
    named_probs = {f"probs_{name}": one for name, one in probs.items()}
    said = run_peers(Path(__file__).with_name("_labels_peers.py"), named | named_probs)
    peers: dict[str, dict[str, Labelling]] = {}
    for key, label in said.items():
        name, peer, kind = key.removeprefix("votes_").split("/")
        if kind == "label":
            confidence = said[key.removesuffix("label") + "confidence"]
            peers.setdefault(name, {})[peer] = Labelling(label, np.clip(confidence, 0, 1))
    return peers
