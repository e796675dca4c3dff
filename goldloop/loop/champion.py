"""The champion: the model of goldloop's last decision, and what differs in the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from goldloop.core.errors import ModelError
from goldloop.core.modality import Modality
from goldloop.scoring.writer import Model
from goldloop.tables.model_log import read_models, save_model_event
from goldloop.training.evaluate import CHAMPION
from goldloop.training.model_history import ModelChange, ModelId
from goldloop.training.ports import RegisteredModel

if TYPE_CHECKING:
    from goldloop.loop.ports import LoopPorts


def champion_model(ports: LoopPorts) -> Model:
    """Return the model that scores today; none before the first decision.

    It is the model of goldloop's last promotion or rollback. The alias in the registry shows this decision to
    others; where it differs, that is a warning, and what it points at does not score.

    Raises:
        ModelError: the registry does not hold the champion, or its files are not those that were recorded.
    """
    champion = read_models(ports.tables).champion
    if champion is None:
        return Model(warnings=alias_warnings(ports, None))
    loaded = load_model(ports, champion)
    scorer = ports.trainer().scorer(loaded.folder)
    warnings = alias_warnings(ports, champion, loaded.version)
    return Model(champion.version, scorer, ports.settings.label_set, warnings)


def modality_for(ports: LoopPorts, model: Model) -> Modality:
    """Return the samples as `model` takes them; its preset may be an earlier one than the settings name."""
    return ports.modality.for_preset(model.scorer.preset if model.scorer else ports.settings.model.preset)


def load_model(ports: LoopPorts, model: ModelId) -> RegisteredModel:
    """Return the verified files of `model`.

    A model from before goldloop recorded digests is believed once; its digest is recorded then.
    """
    loaded = ports.open_registry().load(model.version, model.digest)
    if model.digest is None:
        seen = ModelId(model.version, loaded.digest)
        run_id, at = loaded.mlflow_run_id, ports.clock()
        save_model_event(ports.tables, seen, ModelChange.REGISTERED, at=at, mlflow_run_id=run_id)
    return loaded


def alias_warnings(ports: LoopPorts, champion: ModelId | None, number: str | None = None) -> tuple[str, ...]:
    """Return a sentence if the alias of the champion is not at `number`, the champion's in the registry."""
    alias = ports.open_registry().version_at(CHAMPION)
    if alias == number:
        return ()
    if champion is None:
        return (
            f"the alias {CHAMPION!r} in MLflow points at version {alias}, but goldloop has made no model "
            "champion here; that version does not score. Run `goldloop retrain` to train a model",
        )
    seen = f"points at version {alias}, which does not score" if alias else "is gone"
    return (
        f"the alias {CHAMPION!r} in MLflow {seen}; the champion by goldloop's last decision is {champion}. "
        f"Run `goldloop rollback --to {champion.version}` to set the alias again, or `goldloop rollback --to "
        "VERSION` to make another model champion",
    )


def check_champion(ports: LoopPorts, champion: ModelId | None) -> tuple[str, ...]:
    """Check that the registry still gives out the files of the champion; return warnings on the alias.

    Raises:
        ModelError: the champion, or its files, are not those of goldloop's last decision.
    """
    if champion is None:
        return alias_warnings(ports, None)
    loaded = load_model(ports, champion)
    if not ports.open_registry().is_whole(champion.version, loaded.digest):
        raise ModelError(
            f"The registry no longer gives out the files of the champion, {champion}: they were removed or "
            "changed there. Nothing was trained, as a challenger cannot be compared with it. Run `goldloop "
            f"rollback --to {champion.version}` to register goldloop's copy again."
        )
    return alias_warnings(ports, champion, loaded.version)


def champion_problem(ports: LoopPorts, champion: ModelId | None) -> str | None:
    """Return what is wrong with the champion in the registry, None if nothing is."""
    try:
        number = ports.open_registry().load(champion.version, champion.digest).version if champion else None
        warnings = alias_warnings(ports, champion, number)
    except ModelError as error:
        return str(error)
    return "; ".join(warnings) or None
