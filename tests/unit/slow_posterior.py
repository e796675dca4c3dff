"""The fit of the posterior by the formulas as they are written down, one annotation at a time: an oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.consensus import answer_model as prior_of
from goldloop.consensus import posterior as fitted
from goldloop.consensus.votes import VotedSample
from goldloop.core.labels import LabelSet
from goldloop.stats.calibration import TEMPERATURE_RANGE

Floats = npt.NDArray[np.float64]


def share(values: Floats) -> Floats:
    """Return `values` with a sum of 1 along the last axis."""
    return values / values.sum(axis=-1, keepdims=True)


@dataclass
class Vote:
    """One vote: the numbers of its sample and annotator, its label's column, and that of what was shown."""

    sample: int
    who: int
    label: int
    shown: int | None


class SlowFit:
    """Expectation maximisation by loops over votes; `truth` is the posterior, (n_samples, K)."""

    def __init__(self, samples: Sequence[VotedSample], labels: LabelSet) -> None:
        self.samples, self.k = samples, len(labels)
        people = sorted({who for sample in samples for who in sample.votes})
        self.votes = [
            Vote(
                number,
                people.index(who),
                labels.column(sample.votes[who]),
                labels.column(sample.shown[who]) if who in sample.shown else None,
            )
            for number, sample in enumerate(samples)
            for who in sorted(sample.votes)
        ]
        self.decided = {
            n: labels.column(one.decision) for n, one in enumerate(samples) if one.decision is not None
        }
        n, k = len(people), self.k
        given = [vote.label for vote in self.votes]
        self.popularity = (np.bincount(given, minlength=k) + 1.0) / (len(given) + k)
        self.accuracy, self.adoption = prior_of.PRIOR_ACCURACY, prior_of.PRIOR_ADOPTS
        self.shared = self._coin(self.accuracy)
        self.own = np.array([self.shared] * n).reshape(n, k, k)
        self.sources = np.array([self._sources(prior_of.PRIOR_LEANS)] * n).reshape(n, 4)
        tallies = np.zeros((n, k))
        for vote in self.votes:
            tallies[vote.who, vote.label] += 1
        self.habits = share(tallies + prior_of.PRIOR_VOTES * self.popularity)
        self.sharpness, self.bias, self.shares = 1.0, np.zeros(k), self.popularity
        self.truth = self._run()

    def _coin(self, accuracy: float) -> Floats:
        return accuracy * np.eye(self.k) + (1 - accuracy) * self.popularity

    def _sources(self, leans: float) -> Floats:
        knows, habit = prior_of.PRIOR_KNOWS, prior_of.PRIOR_HABIT
        return np.array([knows, 1 - knows - leans - habit, leans, habit])

    def _log_probs(self, sample: VotedSample) -> Floats:
        return np.log(share(np.maximum(np.array(sample.probs), fitted.LEAST_PROB)))

    def _seen(self) -> Floats:
        rows = []
        for sample in self.samples:
            if sample.probs is None:
                rows.append(self.shares)
            else:
                rows.append(share(np.exp(self.sharpness * self._log_probs(sample) + self.bias)))
        return np.array(rows).reshape(-1, self.k)

    def _parts(self, vote: Vote, look: int, seen: Floats) -> Floats:
        """Return P(source, vote | look) of the four sources, where nothing was adopted."""
        sources, k = self.sources[vote.who], float(look == vote.label)
        return np.array(
            [
                sources[prior_of.KNOWS] * k,
                sources[prior_of.ERRS] * self.own[vote.who, look, vote.label],
                sources[prior_of.LEANS] * seen[vote.sample, vote.label],
                sources[prior_of.HABIT] * self.habits[vote.who, vote.label],
            ]
        )

    def _run(self) -> Floats:
        truth = np.zeros((len(self.samples), self.k))
        for _ in range(fitted.MAX_ROUNDS):
            seen = self._seen()
            prior = seen.copy()
            for number, label in self.decided.items():
                prior[number] = np.eye(self.k)[label]
            likelihood = [
                [self._likelihood(vote, look, seen) for look in range(self.k)] for vote in self.votes
            ]
            evidence = np.ones_like(prior)
            for vote, row in zip(self.votes, likelihood, strict=True):
                evidence[vote.sample] *= row
            alike = fitted.MISTAKES_ALIKE
            appearance = (1 - alike) * np.eye(self.k) + alike * self.shared
            before, truth = truth, share(prior * (evidence @ appearance.T))
            if np.abs(truth - before).sum() <= fitted.TOLERANCE * len(truth):
                break
            looks = share(evidence * (prior @ appearance))
            self._update_annotators(seen, looks, likelihood)
            self._update_view(seen, truth)
        return truth

    def _likelihood(self, vote: Vote, look: int, seen: Floats) -> float:
        adopts = 0.0 if vote.shown is None else self.adoption
        return float((1 - adopts) * self._parts(vote, look, seen).sum() + adopts * (vote.shown == vote.label))

    def _update_annotators(self, seen: Floats, looks: Floats, likelihood: list[list[float]]) -> None:
        tally, parts, adopted = np.zeros_like(self.own), np.zeros_like(self.sources), 0.0
        for vote, row in zip(self.votes, likelihood, strict=True):
            adopts = 0.0 if vote.shown is None else self.adoption
            for look in range(self.k):
                weight = looks[vote.sample, look] / row[look]
                given = (1 - adopts) * weight * self._parts(vote, look, seen)
                parts[vote.who] += given
                tally[vote.who, look, vote.label] += given[prior_of.ERRS]
                adopted += adopts * (vote.shown == vote.label) * weight
        pseudo, n_shown = prior_of.PRIOR_VOTES, sum(vote.shown is not None for vote in self.votes)
        right = self.accuracy / (self.accuracy + (1 - self.accuracy) * self.popularity)
        all_errs = tally.sum(axis=0)
        known = pseudo * prior_of.PRIOR_ACCURACY + np.diag(all_errs) @ right
        self.accuracy = float(known / (pseudo + all_errs.sum()))
        self.shared = share(all_errs + pseudo * self._coin(self.accuracy))
        leans = parts[:, prior_of.LEANS].sum() + pseudo * prior_of.PRIOR_LEANS
        self.own = share(tally + prior_of.OWN_VOTES * self.shared)
        self.sources = share(parts + pseudo * self._sources(float(leans / (parts.sum() + pseudo))))
        self.adoption = float((adopted + pseudo * prior_of.PRIOR_ADOPTS) / (n_shown + pseudo))

    def _update_view(self, seen: Floats, truth: Floats) -> None:
        free = [truth[n] for n, sample in enumerate(self.samples) if sample.probs is None]
        self.shares = (np.sum(free, axis=0) + self.k * self.popularity) / (len(free) + self.k)
        known = [n for n, sample in enumerate(self.samples) if sample.probs is not None]
        if not known:
            return
        sharp, bias = fitted.SPREAD_LOG_T**-2, fitted.SPREAD_BIAS**-2
        slope = np.array([-sharp * np.log(self.sharpness) / self.sharpness, *(-bias * self.bias)])
        curve = np.diag([sharp / self.sharpness**2, *[bias] * self.k])
        for n in known:
            features = np.column_stack([self._log_probs(self.samples[n]), np.eye(self.k)])
            slope += features.T @ (truth[n] - seen[n])
            curve += features.T @ (np.diag(seen[n]) - np.outer(seen[n], seen[n])) @ features
        step = np.linalg.solve(curve, slope)
        step *= min(1.0, fitted.LARGEST_STEP / max(np.abs(step).max(), fitted.LARGEST_STEP))
        low, high = (1 / temperature for temperature in reversed(TEMPERATURE_RANGE))
        self.sharpness = float(np.clip(self.sharpness + step[0], low, high))
        self.bias = self.bias + step[1:]
