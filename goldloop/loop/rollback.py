"""Rollback: another model becomes champion, and what the registry has lost of it is brought back."""

from __future__ import annotations

from goldloop.core.errors import ModelError
from goldloop.core.scratch import scratch_folder
from goldloop.loop.challenger import served_model
from goldloop.loop.champion import load_model
from goldloop.loop.ports import LoopPorts
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.model_log import read_models, save_model_event
from goldloop.training.evaluate import BASELINE, CHAMPION
from goldloop.training.model_description import model_description
from goldloop.training.model_history import NO_MODEL, ModelChange, ModelHistory, ModelId
from goldloop.training.ports import TrainingRecord, TrainingStart
from goldloop.training.verified_registry import GIVE_UP, VERSION_TAG


def rollback(ports: LoopPorts, notes: list[str], *, to: str | None = None) -> tuple[str, str]:
    """Make `to`, or the champion before the present one, champion; return (from, to).

    A model that the registry lost, or whose files were changed there, is registered again from goldloop's
    copy; so is the baseline. `to` may be the present champion, or "none", which gives up a champion that is
    lost for good: the next model is then promoted as the first. Sentences for the user are added to `notes`.

    Raises:
        ModelError: there is no champion, no champion before it, no such model, or its files are lost.
    """
    history, registry = read_models(ports.tables), ports.open_registry()
    present = history.champion
    before = present.version if present else NO_MODEL
    if present is None and history.find(to) is None:
        raise ModelError("There is no champion to roll back from. Run `goldloop retrain` first.")
    if to == NO_MODEL:
        nothing, at = ModelId(NO_MODEL, ""), ports.clock()
        save_model_event(ports.tables, nothing, ModelChange.ROLLBACK, at=at, mlflow_run_id="")
        notes.append("no model scores now; `goldloop retrain` promotes the next one without a comparison")
        return before, NO_MODEL
    target = _target(history, before, to)
    if bring_back(ports, history, target):
        notes.append(f"registered {target} again, from goldloop's copy")
    loaded = load_model(ports, target)
    registry.set_alias(CHAMPION, target.version, target.digest)
    if target != present:
        moved = ModelId(target.version, loaded.digest)
        run_id, at = loaded.mlflow_run_id, ports.clock()
        save_model_event(ports.tables, moved, ModelChange.ROLLBACK, at=at, mlflow_run_id=run_id)
    if (baseline := history.baseline) is not None:
        try:
            if bring_back(ports, history, baseline):
                notes.append(f"registered the baseline, {baseline}, again, from goldloop's copy")
            registry.set_alias(BASELINE, baseline.version, baseline.digest)
        except ModelError as error:
            notes.append(f"the baseline is not in the registry: {error}")
    return before, target.version


def _target(history: ModelHistory, present: str, to: str | None) -> ModelId:
    target = history.before_champion if to is None else history.find(to)
    if target is not None:
        return target
    if to is None:
        raise ModelError(f"No model was champion before version {present}. Name a version with --to VERSION.")
    known = ", ".join(history.models)
    raise ModelError(f"There is no version {to} of the model that goldloop registered. It knows {known}.")


def bring_back(ports: LoopPorts, history: ModelHistory, model: ModelId) -> bool:
    """Register goldloop's copy of `model` again if the registry lacks it; return whether it did.

    Raises:
        ModelError: neither the registry nor goldloop has its files.
    """
    registry = ports.open_registry()
    if model.digest is None or registry.is_whole(model.version, model.digest):
        return False
    folder = registry.copy_of(model.digest)
    if folder is None:
        raise ModelError(
            f"The files of {model} are neither in the registry nor in the workspace's folder models/. "
            f"Restore one of them from a backup, or {GIVE_UP}"
        )
    runs = ports.open_runs()
    run_id = runs.begin(_start(ports, history, model))
    trainer = ports.trainer(
        ports.trainer().scorer(folder).preset
    )  # its own preset, which settings may not name
    with scratch_folder("rollback") as scratch:
        served = served_model(ports, trainer, folder, scratch / "served")
        registry.register(folder, served=served, mlflow_run_id=run_id, tags={VERSION_TAG: model.version})
    for record in history.rounds:
        if record.model_version == model.version and record.decision is not None:
            runs.record(run_id, TrainingRecord(record.evaluations, record.decision))
            text = model_description(record.decision, record.evaluations)
            registry.describe(model.version, model.digest, text)
            break
    return True


def _start(ports: LoopPorts, history: ModelHistory, model: ModelId) -> TrainingStart:
    """Return the beginning of a run in which `model` is registered again, with the gold it was trained on."""
    newest = GoldStore(ports.tables.gold).read().version
    closed = [record for record in history.rounds if record.model_version == model.version]
    version, digest = newest.version, newest.digest
    if closed:
        version, digest = closed[0].gold_version, closed[0].gold_digest
    return TrainingStart(
        name=f"model {model.version} registered again",
        params={},
        gold_uri=ports.gold_uri,
        gold_version=version,
        gold_digest=digest,
        tags={VERSION_TAG: model.version},
    )
