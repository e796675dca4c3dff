"""The weekly review: where machine and moderators differ, by label and rule, and what comes of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.reports.decisions import SKIPPED, LoggedDecision
from goldloop.reports.formatting import Cell, number, percent, percent_cell
from goldloop.reports.gallery import Gallery, Pick
from goldloop.reports.review_cases import ReviewCase, Verdict
from goldloop.reports.section import Row, Section, Table
from goldloop.stats.measures import share
from goldloop.stats.words import standing_out

NO_CASES = (
    "No case: no gold label of this time has a machine's label beside two agreeing moderators, or an "
    "adjudicator."
)
CHOSEN = (
    "Shares are of the samples that moderators saw, which goldloop chose because the model was unsure; "
    "the page of the round estimates all traffic from the audit."
)
_TITLES = {
    Verdict.FALSE_NEGATIVE: "False negatives: the machine would have let these through",
    Verdict.FALSE_POSITIVE: "False positives: the machine would have stopped these",
    Verdict.OTHER_LABEL: "Another label than the machine's",
}
_COUNTED = {
    Verdict.FALSE_NEGATIVE: "false negatives",
    Verdict.FALSE_POSITIVE: "false positives",
    Verdict.OTHER_LABEL: "with another label",
}


def difference_section(cases: Sequence[ReviewCase], labels: LabelSet) -> Section:
    """Return how often moderators agreed on another label than the machine's, by label."""
    if not cases:
        return Section("Machine and moderators", prose=(NO_CASES,))
    n = Counter(case.verdict for case in cases)
    wrong = [f"{n[verdict]:,} {words}" for verdict, words in _COUNTED.items() if n[verdict]]
    counted = f"Moderators agree on {len(cases):,} samples: {', '.join(wrong) or 'all as the machine said'}."
    rows = [_label_row(label, cases) for label in labels if _is_named(label, cases)]
    return Section(
        "Machine and moderators",
        prose=(counted,),
        tables=[Table(rows)],
        notes=(CHOSEN, training_words(cases)),
    )


def _is_named(label: str, cases: Sequence[ReviewCase]) -> bool:
    return any(label in (case.label, case.machine_label) for case in cases)


def _label_row(label: str, cases: Sequence[ReviewCase]) -> Row:
    agreed = [case for case in cases if case.label == label]
    said = [case for case in cases if case.machine_label == label]
    n_missed, n_wrong = (sum(case.verdict is not Verdict.RIGHT for case in some) for some in (agreed, said))
    return {
        "label": label,
        "moderators agreed": len(agreed),
        "of these, the machine said another": percent_cell(share(n_missed, len(agreed))),
        "machine said": len(said),
        "of these, moderators said another": percent_cell(share(n_wrong, len(said))),
    }


def training_words(cases: Sequence[ReviewCase]) -> str:
    """Return what becomes of the cases in which the machine was wrong."""
    wrong = [case for case in cases if case.verdict is not Verdict.RIGHT]
    n_train = sum(case.trains for case in wrong)
    n_out = sum(case.left_out is not None for case in wrong)
    n_judge = sum(case.split is not Split.TRAIN for case in wrong)
    return (
        f"Of the {len(wrong):,} samples on which the machine was wrong, {n_train:,} train the next model, "
        f"{n_judge:,} only judge it, {n_out:,} are left out. `goldloop review --leave-out SAMPLE --reason "
        "TEXT` takes one out of training, `--put-back SAMPLE` returns it."
    )


def rules_section(cases: Sequence[ReviewCase], log: Sequence[LoggedDecision]) -> Section:
    """Return rules with what the machine missed of each, and what made samples unclear."""
    by_rule: defaultdict[tuple[str, str], list[ReviewCase]] = defaultdict(list)
    for case in cases:
        if case.rule is not None:
            by_rule[case.label, case.rule].append(case)
    rules = [_rule_row(label, rule, some) for (label, rule), some in sorted(by_rule.items())]
    n_bare = sum(case.rule is None and case.severity is not None for case in cases)
    notes = [f"{n_bare:,} samples have a severity and no rule."] if n_bare else []
    tables = [Table(rules), Table(reason_rows(log), "What made samples unclear")]
    return Section("Rules", tables=[table for table in tables if table.rows], notes=notes)


def _rule_row(label: str, rule: str, cases: Sequence[ReviewCase]) -> Row:
    n_missed = sum(case.verdict is not Verdict.RIGHT for case in cases)
    compared = [case for case in cases if case.n_rules > 1]
    n_same = sum(case.n_same_rule == case.n_rules for case in compared)
    return {
        "label": label,
        "rule": rule,
        "samples": len(cases),
        "the machine said another label": percent_cell(share(n_missed, len(cases))),
        "all moderators named this rule": percent_cell(share(n_same, len(compared))),
    }


def reason_rows(log: Sequence[LoggedDecision]) -> list[Row]:
    """Return each reason with the number of answers and the notes beside it."""
    by_reason: defaultdict[str, list[LoggedDecision]] = defaultdict(list)
    for one in log:
        for reason in (one.reason or "").split("; "):
            if reason:
                by_reason[reason].append(one)
    return [
        {
            "reason": reason,
            "answers": len(some),
            "share": percent_cell(share(len(some), len(log))),
            "decisions": _counted(one.decision for one in some),
            "notes": " · ".join(dict.fromkeys(one.note for one in some if one.note)),
        }
        for reason, some in sorted(by_reason.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    ]


def _counted(words: Iterable[str]) -> str:
    return ", ".join(f"{word} ×{n}" for word, n in Counter(words).most_common())


def galleries(cases: Sequence[ReviewCase]) -> list[Gallery]:
    """Return the mistakes of the machine by verdict, the surest first."""
    return [
        Gallery(
            title,
            [_pick(case) for case in cases if case.verdict is verdict],
            words="The surest mistakes come first. Hover or focus a text to lift its veil.",
            nothing="None in this time.",
        )
        for verdict, title in _TITLES.items()
    ]


def _pick(case: ReviewCase) -> Pick:
    agreed = "an adjudicator decided" if case.is_adjudicated else f"{case.n_agree} of {case.n_answers} agree"
    why = [f"machine: {case.machine_label} {percent(case.confidence, 0)}", agreed]
    why += [text for text in (case.rule, case.severity) if text]
    why += [f"note: {note}" for note in case.notes]
    if case.left_out is not None:
        why.append(f"left out: {case.left_out}")
    elif case.split is not Split.TRAIN:
        why.append("judges models, trains none")
    else:
        why.append(f"--leave-out {case.sample_id[:12]}")
    return Pick(case.sample_id, case.label, why, is_marked=case.left_out is not None)


def words_section(cases: Sequence[ReviewCase], texts: Mapping[SampleId, str]) -> Section:
    """Return the words that stand out in the machine's mistakes against what it had right.

    `texts` holds the texts of the cases by sample_id; kinds of samples without text have none.
    """
    right = [
        texts[case.sample_id] for case in cases if case.verdict is Verdict.RIGHT and case.sample_id in texts
    ]
    rows: list[Row] = []
    for verdict in _TITLES:
        wrong = [
            texts[case.sample_id] for case in cases if case.verdict is verdict and case.sample_id in texts
        ]
        rows += [
            {"in": str(verdict), "word": one.word, "texts": one.n, "texts it had right": one.n_others}
            for one in standing_out(wrong, right)
        ]
    if not rows:
        return Section("")
    notes = ["Words in more of the machine's mistakes than chance explains, a text counting once."]
    return Section("Words that stand out", tables=[Table(rows)], notes=notes)


def exposure_section(log: Sequence[LoggedDecision], is_severe: Callable[[str | None], bool]) -> Section:
    """Return the minutes that each moderator spent on content that they called severe."""
    severe = [one for one in log if is_severe(one.severity)]
    if not severe:
        return Section("")
    rows: list[Row] = []
    for annotator in sorted({one.annotator for one in log}):
        mine = [one for one in severe if one.annotator == annotator]
        by_day = dict[date, float]()
        for one in mine:
            by_day[one.at.date()] = by_day.get(one.at.date(), 0.0) + (one.seconds or 0.0)
        rows.append(
            {
                "annotator": annotator,
                "answers": sum(one.annotator == annotator for one in log),
                "severe": len(mine),
                "minutes of severe content": Cell(number(sum(by_day.values()) / 60, 1)),
                "most in a day": Cell(number(max(by_day.values(), default=0.0) / 60, 1)),
            }
        )
    return Section(
        "Severe content", tables=[Table(rows)], notes=("Severe is what is worse than the mildest.",)
    )


def log_section(log: Sequence[LoggedDecision]) -> Section:
    """Return every answer as a table that the page filters."""
    rows: list[Row] = [
        {
            "at": f"{one.at:%Y-%m-%d %H:%M}",
            "sample": one.sample_id[:12],
            "machine": f"{one.machine_label} {one.confidence:.0%}" if one.machine_label else "",
            "decision": one.decision,
            "severity": one.severity or "",
            "rule": one.rule or "",
            "reason": one.reason or "",
            "note": one.note or "",
            "annotator": one.annotator,
            "agreed": f"{one.n_agree} of {one.n_answers}" if one.decision != SKIPPED else "",
            "gold": one.gold or "",
        }
        for one in log
    ]
    return Section(
        "Decisions", tables=[Table(rows, f"{len(rows):,} answers", is_filtered=True)] if rows else []
    )
