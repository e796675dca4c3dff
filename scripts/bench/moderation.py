"""Measure the choice of posts and the cost policy on real tweets with their crowd's answers, draw by draw.

A draw keeps a random quarter of the tweets as test. Every answer is one of the real votes on its tweet, in an
order of chance. goldloop's side spends its answers in rounds. A share goes to audits, drawn at random, with
two answers each and a third where they differ; two thirds of the audits train nothing. The rest goes to
tweets that the strategy chooses, with one answer each. `without audits` spends all answers on the choice. The
random side spends as many answers on random tweets, one each.

The plain rule sends to people what a model is at most 0.85 sure of, and accepts all else. goldloop's rule is
the cost policy. Hate speech is made so dear that the policy sends the same share of the pool to people as the
plain rule, which takes no label: `people as random` is the plain rule on the random side's model, else on the
side's own model. Where audits are, the policy accepts only above the confidence that they certify for
--max-error. `over plain` is what it lets through of hate speech over what that plain rule lets through.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goldloop.core.error_costs import Matrix
from goldloop.core.lanes import Lane
from goldloop.core.probs import Probs
from goldloop.core.splits import VALIDATION_FOLDS
from goldloop.routing.certificate import certify
from goldloop.routing.cost_policy import Cost, Review
from goldloop.routing.policies import Policy, Supported
from goldloop.selection.pool import Pool
from goldloop.selection.strategies import STRATEGIES
from models.cross_fit import cross_fit
from scripts.bench.common import Report, options_of, repeated, say
from scripts.bench.labels.references import REFERENCES
from scripts.bench.tweets import LABELS, Tweets, read_tweets, shuffled_votes
from scripts.demo_loop.moderation import LINE, macro_f1, ruled

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
TEST_SHARE = 0.25
AUDIT_SHARE = 0.2  # of the answers of a round
VALIDATION = 0.2  # of the labels of a side without audits, to calibrate
DELTA = 0.05
HARMFUL = "hate speech"
DEAREST = 1e4  # price of taking hate speech for something else; any other error costs 1
CHOICES = {**STRATEGIES, **REFERENCES}
STEPS = 40  # of the search for that price

Columns = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Setting:
    """What all draws share."""

    data: Path
    kept: Path
    preset: str
    strategy: str
    rounds: int
    budget: int
    max_error: float


@dataclass(frozen=True, slots=True)
class Draw:
    """Places of the test and of the pool in the tweets, and the crowd's answers (n_tweets, 3)."""

    tweets: Tweets
    test: Columns
    pool: Columns
    answers: Columns


@dataclass(frozen=True, slots=True)
class Side:
    """A model's `test` probs and `pool` probs, and its holdout: confidence and whether it is right there."""

    test: Probs
    pool: Probs
    sure: npt.NDArray[np.float64]
    is_right: npt.NDArray[np.bool_]


@dataclass(slots=True)
class Labels:
    """The labels of a side so far, by place in the tweets: chosen ones, and those of audits."""

    chosen: dict[int, int]
    audits: dict[int, int]
    n_answers: int = 0

    def ask(self, place: int, answers: Columns) -> None:
        """Take one answer."""
        self.chosen[place] = int(answers[place, 0])
        self.n_answers += 1

    def audit(self, place: int, answers: Columns) -> None:
        """Take two answers, and a third where they differ."""
        first, second, third = answers[place].tolist()
        self.audits[place] = first if first == second else third
        self.n_answers += 2 if first == second else 3

    @property
    def places(self) -> Columns:
        """Everything that was asked about."""
        return np.array([*self.chosen, *self.audits], dtype=np.intp)


def fitted(draw: Draw, labels: Labels) -> Side:
    """Return the model of some labels, calibrated on a third of the audits, or on a share of the chosen."""
    audits = list(labels.audits.items())
    if audits:
        learnt, apart, holdout = (
            list(labels.chosen.items()),
            audits[::3],
            [pair for row, pair in enumerate(audits) if row % 3],
        )
    else:
        pairs = list(labels.chosen.items())
        n_apart = round(VALIDATION * len(pairs))
        learnt, apart, holdout = pairs[n_apart:], pairs[:n_apart], []
    places, columns = (np.array(part, dtype=np.intp) for part in zip(*learnt, *apart, strict=True))
    rows = draw.tweets.rows
    made = cross_fit(
        draw.tweets.fit,
        rows[places],
        columns,
        weights=np.ones(len(apart)),
        labels=LABELS,
        folds=np.arange(len(apart)) % VALIDATION_FOLDS,
    )

    def probs(of: Columns) -> Probs:
        return np.asarray(made.calibration.apply(made.model.logits(rows[of])))

    judged = probs(np.array([place for place, _ in holdout], dtype=np.intp)) if holdout else np.zeros((0, 3))
    is_right = judged.argmax(axis=1) == np.array([column for _, column in holdout])
    sure = judged.max(axis=1) if holdout else np.zeros(0)
    return Side(probs(draw.test), probs(draw.pool), sure, is_right)


def looped(draw: Draw, setting: Setting, rng: np.random.Generator, *, audit_share: float) -> Side:
    """Return goldloop's side after all rounds."""
    labels, side = Labels({}, {}), None
    for number in range(1, setting.rounds + 1):
        end = number * setting.budget
        for place in rng.permutation(np.setdiff1d(draw.pool, labels.places)).tolist():
            if labels.n_answers + 3 > end - (1 - audit_share) * setting.budget:
                break
            labels.audit(place, draw.answers)
        for place in _chosen(draw, labels, side, setting.strategy, rng, n=end - labels.n_answers).tolist():
            labels.ask(place, draw.answers)
        side = fitted(draw, labels)
    assert side is not None
    return side


def _chosen(
    draw: Draw, labels: Labels, side: Side | None, strategy: str, rng: np.random.Generator, *, n: int
) -> Columns:
    """Return the next `n` places to label, by the strategy where there is a model and by chance before."""
    asked = np.flatnonzero(np.isin(draw.pool, labels.places))
    if side is None:
        return rng.permutation(np.delete(draw.pool, asked))[:n]
    embedded = draw.tweets.embedded
    rows = np.sqrt(side.pool) if embedded is None else embedded[draw.pool]
    features = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return draw.pool[CHOICES[strategy](Pool(features, side.pool, asked, rng), n)]


def random_side(draw: Draw, n_answers: int, rng: np.random.Generator) -> Side:
    """Return the side of single answers to random tweets."""
    labels = Labels({}, {})
    for place in rng.permutation(draw.pool)[:n_answers].tolist():
        labels.ask(place, draw.answers)
    return fitted(draw, labels)


def dear_hate(side: Side, share: float, max_error: float) -> Policy:
    """Return the cost policy with errors about hate as dear as a `share` of the pool to people allows."""
    threshold = certify(side.sure, side.is_right, accuracy=1 - max_error, delta=DELTA).threshold

    def policy(price: float) -> Policy:
        cost = Cost(_errors(price), _review(1.0), _review(np.inf))
        return cost if not len(side.sure) else Supported(cost, threshold)

    low, high = 0.0, np.log(DEAREST)
    for _ in range(STEPS):
        middle = (low + high) / 2
        is_within = (policy(np.exp(middle)).lanes(side.pool) != str(Lane.AUTO)).mean() <= share
        low, high = (middle, high) if is_within else (low, middle)
    return policy(np.exp(low))


def _errors(price: float) -> Matrix:
    names = list(LABELS)
    return tuple(
        tuple(0.0 if true == taken else price if HARMFUL in (true, taken) else 1.0 for taken in names)
        for true in names
    )


def _review(price: float) -> Review:
    """Return a review whose answers are right, so that its price alone decides."""
    return Review(price, tuple(tuple(float(true == said) for said in LABELS) for true in LABELS))


def one_draw(seed: int, setting: Setting) -> dict[str, float]:
    """Return the figures of one draw."""
    tweets = read_tweets(setting.data, setting.preset, setting.kept)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(tweets.truth))
    cut = round(TEST_SHARE * len(order))
    draw = Draw(tweets, order[:cut], order[cut:], shuffled_votes(tweets.votes, rng))
    truth = tweets.truth[draw.test]
    random = random_side(draw, setting.rounds * setting.budget, np.random.default_rng([seed, 1]))
    sides = {"random": random}
    for name, audit_share in (("goldloop", AUDIT_SHARE), ("without audits", 0.0)):
        sides[name] = looped(draw, setting, np.random.default_rng([seed, 2]), audit_share=audit_share)
    found: dict[str, float] = {}
    for name, side in sides.items():
        found |= _worth(name, side, truth) | _rule(f"plain rule, {name}", side.test, truth, LINE)
        for whose in dict.fromkeys(("random", name)):
            share = float((LINE.lanes(sides[whose].pool) != str(Lane.AUTO)).mean())
            place = f"cost policy, {name}, people as {whose}"
            found |= _rule(place, side.test, truth, dear_hate(side, share, setting.max_error))
            found[f"{place}/over plain"] = _through(found, place) / _through(found, f"plain rule, {whose}")
    for name in ("goldloop", "without audits"):
        found[f"{name}/macro-F1 minus random"] = found[f"{name}/macro-F1"] - found["random/macro-F1"]
    say(f"  draw {seed}: " + ", ".join(f"{key} {value:.3f}" for key, value in found.items()))
    return found


def _through(found: dict[str, float], place: str) -> float:
    return found[f"{place}/{HARMFUL} let through"]


def _worth(name: str, side: Side, truth: Columns) -> dict[str, float]:
    given = side.test.argmax(axis=1)
    return {
        f"{name}/accuracy": float((given == truth).mean()),
        f"{name}/macro-F1": macro_f1(truth, given, len(LABELS)).value,
    }


def _rule(name: str, probs: Probs, truth: Columns, policy: Policy) -> dict[str, float]:
    rule = ruled(probs, truth, policy, LABELS, harmless=LABELS.column("neither"))
    harm = rule.by_label[HARMFUL]
    assert harm is not None
    return {
        f"{name}/to people": rule.to_people.value,
        f"{name}/wrong among accepted": rule.wrong.value if rule.wrong else 0.0,
        f"{name}/{HARMFUL} let through": harm.value,
    }


def main() -> None:
    """Read the options, run the draws, and report means over them with their intervals."""
    parser = options_of(__doc__, n=10, counted="draws")
    data = Path(os.environ.get("GOLDLOOP_TEST_DATA", BESIDE))
    parser.add_argument("--data", type=Path, default=data, metavar="FOLDER", help="tweets_davidson/")
    parser.add_argument("--cache", type=Path, required=True, metavar="FOLDER", help="keeps embeddings")
    parser.add_argument(
        "--preset", choices=("embeddings", "words", "minilm"), default="embeddings", help="of all models"
    )
    parser.add_argument("--strategy", choices=sorted(CHOICES), default="margin_kmeans", help="of the choice")
    parser.add_argument("--rounds", type=int, default=4, help="rounds of a draw")
    parser.add_argument("--budget", type=int, default=500, help="answers a round")
    parser.add_argument("--max-error", type=float, default=0.1, help="share that a certificate allows")
    parser.add_argument("--jobs", type=int, default=1, help="draws at a time")
    options = parser.parse_args()
    report, n = Report(options), options.n
    setting = Setting(
        options.data,
        options.cache,
        options.preset,
        options.strategy,
        options.rounds,
        options.budget,
        options.max_error,
    )
    found: dict[str, list[float]] = defaultdict(list)
    for figures in repeated(
        one_draw, range(options.seed, options.seed + n), [setting] * n, jobs=options.jobs
    ):
        for name, value in figures.items():
            found[name].append(value)
    n_answers = options.rounds * options.budget
    for name, values in found.items():
        place = f"moderation/{options.preset}, {options.strategy}, {n_answers:,} answers/{name}"
        report.mean(place, values, "" if "macro-F1" in name or "over" in name else "share")
    report.close()


if __name__ == "__main__":
    main()
