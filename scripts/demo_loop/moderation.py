"""What the rounds are worth to moderation, on the test: macro-F1, the share to people, harm let through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.probs import Probs
from goldloop.reports.formatting import number
from goldloop.reports.section import Row as TableRow
from goldloop.routing.policies import Band, Policy
from goldloop.stats.metrics import Estimate, share_estimate
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.rounds import read_rounds
from goldloop.wiring import Wiring
from scripts.demo_loop.comparison import Closing
from scripts.demo_loop.judge import Columns

LINE = Band(0.0, 0.85)
"""The plain rule: people see what the model is at most 0.85 sure of, and all else is accepted."""

N_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Ruled:
    """A rule on the test: the share of posts to people, of errors among the accepted, of harm let through.

    `let_through` is over all posts that are not harmless: how many were accepted under another label.
    `by_label` is the same for each label. What has no post is None.
    """

    to_people: Estimate
    wrong: Estimate | None
    let_through: Estimate | None
    by_label: dict[str, Estimate | None]


@dataclass(frozen=True, slots=True)
class ModerationRow:
    """One round: champion and random single labels in as many minutes, goldloop's rule and the plain one."""

    round: int
    minutes: float
    accuracy: Estimate
    macro_f1: Estimate
    random_accuracy: Estimate
    random_macro_f1: Estimate
    goldloop: Ruled
    plain: Ruled


def moderation_rows(parts: Wiring, found: Closing, *, harmless: int) -> list[ModerationRow]:
    """Return a row for each of the rounds; `harmless` is the column of the label that harms nobody.

    goldloop's rule is the policy that was in force after the round. The plain rule is LINE with the same
    champion, which was trained on the same labels, without a certificate.
    """
    labels = parts.settings.label_set
    policies = policies_after_rounds(parts)
    rows = []
    for row, models in zip(found.rows, found.models, strict=True):
        champion, random = models.champion, models.random
        rules = [
            ruled(champion.probs, champion.truth, policy, labels, harmless=harmless)
            for policy in (policies[row.round], LINE)
        ]
        rows.append(
            ModerationRow(
                row.round,
                row.minutes,
                champion.accuracy,
                macro_f1(champion.truth, champion.probs.argmax(axis=1), len(labels)),
                random.accuracy,
                macro_f1(random.truth, random.probs.argmax(axis=1), len(labels)),
                *rules,
            )
        )
    return rows


def policies_after_rounds(parts: Wiring) -> dict[int, Policy]:
    """Return the policy in force after each closed round, that is before the next one was closed."""
    entries, records = PolicyLog(parts.tables.policies).entries(), read_rounds(parts.tables.rounds)
    ends = [record.closed_at for record in records[1:]] + [None]
    return {
        record.round: settled[-1].policy
        for record, end in zip(records, ends, strict=True)
        if (settled := [entry for entry in entries if end is None or entry.settled_at < end])
    }


def ruled(probs: Probs, truth: Columns, policy: Policy, labels: LabelSet, *, harmless: int) -> Ruled:
    """Return what a policy does to posts with `probs` (n, n_labels) and true columns `truth` (n,)."""
    is_accepted = policy.lanes(probs) == str(Lane.AUTO)
    is_through = is_accepted & (probs.argmax(axis=1) != truth)
    return Ruled(
        to_people=share_estimate(~is_accepted),
        wrong=_share(is_through[is_accepted]),
        let_through=_share(is_through[truth != harmless]),
        by_label={name: _share(is_through[truth == column]) for column, name in enumerate(labels)},
    )


def macro_f1(truth: Columns, given: Columns, n_labels: int) -> Estimate:
    """Return the mean F1 of the labels, with a 95 % bootstrap interval [efrontibshirani1993]."""
    rng = np.random.default_rng(0)
    cells = truth * n_labels + given
    shape = (-1, n_labels, n_labels)
    drawn = rng.multinomial(
        len(cells), np.bincount(cells, minlength=n_labels**2) / len(cells), size=N_RESAMPLES
    )
    low, high = np.percentile(_macro(drawn.reshape(shape)), [2.5, 97.5])
    value = float(_macro(np.bincount(cells, minlength=n_labels**2).reshape(shape))[0])
    return Estimate(value, min(float(low), value), max(float(high), value), n=len(cells))


def _macro(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return macro-F1 (n,) of confusion matrices (n, n_labels, n_labels), without labels that are nowhere."""
    right = np.diagonal(counts, axis1=1, axis2=2)
    either = counts.sum(axis=1) + counts.sum(axis=2)
    scores = np.where(either > 0, 2 * right / np.maximum(either, 1), np.nan)
    return np.asarray(np.nanmean(scores, axis=1))


def _share(hits: npt.NDArray[np.bool_]) -> Estimate | None:
    return share_estimate(hits) if len(hits) else None


def harmless_label(truth: Columns, labels: LabelSet) -> int:
    """Return the column of the most frequent label, which the demo takes for the one that harms nobody."""
    return int(np.bincount(truth, minlength=len(labels)).argmax())


def model_rows(rows: Sequence[ModerationRow]) -> list[TableRow]:
    """Return the rows of a table of the models."""
    return [
        {
            "round": one.round,
            "minutes": number(one.minutes, 1),
            "champion, accuracy": str(one.accuracy),
            "champion, macro-F1": str(one.macro_f1),
            "random single labels in these minutes, accuracy": str(one.random_accuracy),
            "random single labels, macro-F1": str(one.random_macro_f1),
        }
        for one in rows
    ]


def rule_rows(rows: Sequence[ModerationRow]) -> list[TableRow]:
    """Return the rows of a table of what the rules do with the champion's confidence."""
    return [
        {
            "round": one.round,
            "rule": name,
            "to people": str(rule.to_people),
            "wrong among accepted": str(rule.wrong or "none accepted"),
            "let through": str(rule.let_through or "none to let through"),
        }
        for one in rows
        for name, rule in (("goldloop", one.goldloop), ("plain 0.85", one.plain))
    ]


def lines(row: ModerationRow, labels: LabelSet, *, harmless: int) -> list[str]:
    """Return in words what goldloop's rule and the plain one let through of each label after a round."""
    found = []
    for name, rule in (("goldloop", row.goldloop), ("the plain 0.85 rule", row.plain)):
        of_labels = [
            f"{label} {estimate}"
            for column, label in enumerate(labels)
            if column != harmless and (estimate := rule.by_label[label])
        ]
        found.append(
            f"{name} sends {rule.to_people}, of the test to people, and lets through under another label: "
            f"{'; '.join(of_labels)}"
        )
    return found
