"""The errors that goldloop raises. A message says what was wrong, the value seen and what to do."""

from __future__ import annotations


class GoldloopError(Exception):
    """Base class of all errors of goldloop."""


class SettingsError(GoldloopError):
    """A setting is unknown, contradictory or out of range."""


class WorkspaceError(SettingsError):
    """There is no workspace in the folder, or the folder is already one."""


class LabelError(GoldloopError):
    """A label is not in the label set, or the label set is unusable."""


class InvalidProbabilitiesError(GoldloopError):
    """An array does not hold probabilities, logits or weights as required."""


class InvalidBandError(GoldloopError):
    """A band is not a closed interval inside [0, 1]."""


class PolicyError(GoldloopError):
    """A routing policy contradicts itself, does not fit the label set, or is not known."""


class SelectionError(GoldloopError):
    """A selection strategy is not known, or what it is to choose from is unusable."""


class SourceError(GoldloopError):
    """A batch cannot be listed, or holds no files."""


class UnreadableSampleError(GoldloopError):
    """A file is not a usable sample; `reason` is the quarantine reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class EmptyPoolError(GoldloopError):
    """There are no samples to draw, train on or evaluate."""


class HoldoutLeakError(GoldloopError):
    """A holdout sample, or a near-duplicate of one, is about to be trained on."""


class GoldVersionError(GoldloopError):
    """A gold version does not exist, or its content does not match its digest."""


class StoredValueError(GoldloopError):
    """A stored value does not describe what it should."""


class TableConflictError(GoldloopError):
    """Every attempt to write a table lost to another writer."""


class StorageError(GoldloopError):
    """The disk refused a read or a write, or a power cut or another program has damaged a file."""


class BusyError(GoldloopError):
    """Another process holds the lock for this work."""


class ModelError(GoldloopError):
    """A model cannot be loaded, trained or found."""


class ServiceError(GoldloopError):
    """Label Studio, Prefect or MLflow failed, or their files in the workspace are damaged."""


class ServiceUnreachableError(ServiceError):
    """A server does not answer."""


class ServiceAuthError(ServiceError):
    """A server refuses the credentials."""


class TasksLostError(ServiceError):
    """More than a few tasks or answers are gone from Label Studio, and the user has to decide."""


class ServiceStartError(ServiceError):
    """An embedded server did not start; the message ends with the end of its log."""
