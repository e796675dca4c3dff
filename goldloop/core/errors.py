"""Every error goldloop raises on purpose.

GoldloopError
├── SettingsError                 goldloop.toml or an environment variable is wrong
│   └── WorkspaceError            no workspace here, or one is in the way
├── LabelError                    a label outside the label set, or a bad label set
├── InvalidProbabilitiesError     probs that are no probabilities
├── InvalidBandError              a band that is no interval inside [0, 1]
├── PolicyError                   a policy that contradicts itself, or that nobody knows
├── SourceError                   a batch that cannot be listed or is empty
├── UnreadableSampleError         one file that is no usable sample; carries a quarantine reason
├── EmptyPoolError                nothing to draw from, train on or judge with
├── HoldoutLeakError              a holdout sample, or a near-duplicate of one, in train
├── GoldVersionError              a gold version that does not exist or does not match its digest
├── TableConflictError            another writer kept winning the race for a table
├── BusyError                     another process holds the lock for this work
├── ModelError                    a model that cannot be loaded, trained or found
└── ServiceError                  Label Studio, Prefect or MLflow did not do what was asked
    ├── ServiceUnreachableError   it does not answer
    ├── ServiceAuthError          it answers, and refuses our credentials
    ├── TasksLostError            most tasks are gone from it at once
    └── ServiceStartError         an embedded server did not come up; carries the end of its log

A message says what was wrong, the value seen and what to do next.
"""

from __future__ import annotations


class GoldloopError(Exception):
    """Root of all errors that goldloop raises on purpose."""


class SettingsError(GoldloopError):
    """A setting is unknown, contradictory or out of range."""


class WorkspaceError(SettingsError):
    """There is no workspace where one was expected, or one where none may be."""


class LabelError(GoldloopError):
    """A label is not in the label set, or the label set itself is unusable."""


class InvalidProbabilitiesError(GoldloopError):
    """An array that should hold probabilities does not."""


class InvalidBandError(GoldloopError):
    """A band is not a closed interval inside [0, 1]."""


class PolicyError(GoldloopError):
    """A routing policy contradicts itself, does not fit the label set, or is not known."""


class SourceError(GoldloopError):
    """A batch cannot be listed, or holds no files."""


class UnreadableSampleError(GoldloopError):
    """One file is no usable sample; `reason` is the quarantine reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class EmptyPoolError(GoldloopError):
    """There is nothing to draw from, train on or judge with."""


class HoldoutLeakError(GoldloopError):
    """A holdout sample, or a near-duplicate of one, is about to be trained on."""


class GoldVersionError(GoldloopError):
    """A gold version does not exist, or its content does not match its digest."""


class TableConflictError(GoldloopError):
    """Other writers kept winning the race for a table."""


class BusyError(GoldloopError):
    """Another process is doing this work right now."""


class ModelError(GoldloopError):
    """A model cannot be loaded, trained or found."""


class ServiceError(GoldloopError):
    """Label Studio, Prefect or MLflow did not do what was asked."""


class ServiceUnreachableError(ServiceError):
    """A server does not answer."""


class ServiceAuthError(ServiceError):
    """A server answers and refuses our credentials."""


class TasksLostError(ServiceError):
    """Most tasks, and with them people's answers, are gone from the labelling server at once."""


class ServiceStartError(ServiceError):
    """An embedded server did not come up."""
