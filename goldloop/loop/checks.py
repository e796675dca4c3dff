"""Behaviour checks on models: the check files of the workspace are read, and every model gets all cases."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from goldloop.core.errors import SourceError
from goldloop.core.modality import Modality
from goldloop.core.ports import Scorer
from goldloop.core.probs import Probs
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.gold.enough import Labelled
from goldloop.labeling.context import read_state
from goldloop.loop.champion import champion_model
from goldloop.loop.ports import LoopPorts
from goldloop.modalities.content import uri_of
from goldloop.modalities.files import files_of
from goldloop.scoring.writer import Model
from goldloop.tables.model_log import read_models
from goldloop.training.check_files import CheckSuite, suite_of
from goldloop.training.checks import CheckReport, FailedCase, expected_columns, failed_cases, tally
from goldloop.training.evaluate import CHALLENGER, CHAMPION, scored

SHOWN_PROBLEMS = 3
"""Rows of a check file that a retrain names; `goldloop checks` names all that cannot be used."""


@dataclass(frozen=True, slots=True)
class CheckRun:
    """What models made of the cases: a report, the cases that the first model failed, and problems.

    `model_version` is that of the first model, None where there was none. `problems` are sentences about
    files and rows that cannot be used.
    """

    model_version: str | None
    report: CheckReport
    failed: tuple[FailedCase, ...]
    problems: tuple[str, ...]


def read_suite(ports: LoopPorts, modality: Modality) -> CheckSuite:
    """Return the cases of the workspace's check files, decoded as `modality` does; none without files.

    Raises:
        SourceError: the folder cannot be listed, or samples of this kind are no rows.
    """
    folder = ports.checks_folder
    if folder is None or not folder.is_dir():
        return CheckSuite()
    try:
        is_empty = all(name.startswith(".") for name in os.listdir(folder))  # noqa: PTH208
    except OSError as error:
        raise SourceError(f"{folder} cannot be listed: {error.strerror}; check its permissions") from error
    if is_empty:
        return CheckSuite()
    uri = uri_of(str(folder))
    arrivals = modality.reader.cases(uri)
    files = [file.uri for file in files_of(uri)]
    return suite_of(arrivals, folder=uri, files=files, labels=ports.settings.label_set)


def run_checks(
    ports: LoopPorts,
    suite: CheckSuite,
    roles: Mapping[str, str],
    scorer_of: Callable[[str], Scorer],
    *,
    learnt: Collection[SampleId],
) -> CheckRun:
    """Give all cases of `suite` to the models in `roles`, by role, and return what they made of them.

    `learnt` are the samples that the first model learnt from.

    Raises:
        SourceError: a check file was changed meanwhile.
    """
    labels, probs = ports.settings.label_set, dict[str, Probs]()
    payloads_for = cache(lambda preset: _payloads(ports, suite, preset))
    for version in dict.fromkeys(roles.values()) if suite.cases else ():
        scorer = scorer_of(version)
        probs[version] = scored(scorer, payloads_for(scorer.preset), labels).probs
    expected = expected_columns(suite.cases, labels)
    by_role = {role: probs[version] for role, version in roles.items() if version in probs}
    as_expected = {role: of_role.argmax(axis=1) == expected for role, of_role in by_role.items()}
    groups = tally(suite.cases, as_expected, learnt=learnt)
    first = next(iter(roles.values()), None)
    champion = by_role.get(CHAMPION) if CHALLENGER in roles else None
    failed = failed_cases(suite.cases, probs[first], labels, champion=champion) if first in probs else ()
    return CheckRun(
        first, CheckReport(suite.digest, groups, suite.n_left_out), failed, tuple(suite.sentences())
    )


def _payloads(ports: LoopPorts, suite: CheckSuite, preset: str) -> tuple[Any, ...]:
    """Return the cases of `suite` as models of `preset` take them."""
    decoded = read_suite(ports, ports.modality.for_preset(preset))
    if decoded.cases != suite.cases:
        raise SourceError(
            f"a file in {ports.checks_folder} was changed while models were checked; run the command again"
        )
    return decoded.payloads


def checks_of_retrain(
    ports: LoopPorts,
    roles: Mapping[str, str],
    scorer_of: Callable[[str], Scorer],
    *,
    learnt: Collection[SampleId],
    before: CheckReport | None,
    notes: list[str],
) -> CheckRun | None:
    """Return what the models of a retrain made of the cases; None where there is no usable case.

    `notes` gets sentences about rows that are left out, and about the files in `before`, the report of the
    last round, that have no case any more.
    """
    try:
        suite = read_suite(ports, ports.modality)
        run = run_checks(ports, suite, roles, scorer_of, learnt=learnt)
    except SourceError as error:
        notes.append(f"The behaviour checks were not run: {error}")
        return None
    notes += suite.sentences(SHOWN_PROBLEMS)
    present = {one.file for one in run.report.files}
    notes += [
        f"The last round ran {one.n} behaviour checks of {one.file}; now there is none of them."
        for one in (before.files if before else ())
        if one.file not in present
    ]
    return run if run.report.groups else None


def checks_of_champion(ports: LoopPorts) -> CheckRun:
    """Return what the champion makes of the present cases; before the first one they are only counted.

    Raises:
        SourceError: the check files cannot be read, or were changed meanwhile.
        ModelError: the champion cannot be loaded.
    """
    suite = read_suite(ports, ports.modality)
    is_there = bool(suite.cases) and read_models(ports.tables).champion is not None
    model = champion_model(ports) if is_there else Model()
    scorers = {} if model.scorer is None else {model.version: model.scorer}
    learnt = learnt_from(ports, read_state(ports.tables, ports.settings).labelled) if scorers else set()
    roles = {} if model.scorer is None else {CHAMPION: model.version}
    return run_checks(ports, suite, roles, scorers.__getitem__, learnt=learnt)


def checks_digest(ports: LoopPorts) -> str:
    """Return the digest of the present cases; that of no case where they cannot be read."""
    try:
        return read_suite(ports, ports.modality).digest
    except SourceError:
        return CheckSuite().digest


def learnt_from(ports: LoopPorts, labelled: Iterable[Labelled]) -> set[SampleId]:
    """Return those of `labelled` that a model learns from."""
    splits = {Split.TRAIN, Split.VALIDATION} if ports.trainer().cross_fits else {Split.TRAIN}
    return {one.sample_id for one in labelled if one.split in splits}
