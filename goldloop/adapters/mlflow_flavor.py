"""MLflow's flavor of a model of goldloop: the saved files, and a pyfunc that loads them without goldloop."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import Map

from goldloop.adapters.model_code import copy_code
from goldloop.training.ports import ServedModel

FILES, BESIDE = "extra_files", "beside"
"""Folders of a registered model: what the trainer saved, whose digest goldloop knows it by, and the rest."""

_ANSWERS = Schema(
    [
        ColSpec("string", "label", required=False),
        ColSpec("double", "confidence", required=False),
        ColSpec(Map(DataType.double), "probabilities", required=False),
        ColSpec("string", "problem", required=False),
    ]
)


class GoldloopFlavor:
    """A flavor in MLflow's sense, which `mlflow.models.Model.log` calls. Nothing is pickled."""

    @staticmethod
    def save_model(
        path: str, mlflow_model: Model, *, files: Sequence[str], served: ServedModel | None = None
    ) -> None:
        """Write the model to the folder `path`: the `files` that were saved, and how servers load them."""
        folder = Path(path)
        mlflow_model.add_flavor("goldloop", files=FILES)
        if served is not None:
            _save_pyfunc(folder, mlflow_model, served)
        (folder / FILES).mkdir(parents=True)
        for file in files:
            shutil.copy(file, folder / FILES)
        mlflow_model.save(str(folder / "MLmodel"))


def _save_pyfunc(folder: Path, mlflow_model: Model, served: ServedModel) -> None:
    import mlflow.pyfunc  # which warns of its own code outside a call

    with TemporaryDirectory() as staging:
        code_paths, requirements = copy_code(served.loader, Path(staging))
        mlflow.pyfunc.save_model(
            str(folder),
            mlflow_model=mlflow_model,
            loader_module=served.loader,
            code_paths=code_paths,
            pip_requirements=[f"mlflow=={mlflow.__version__}", *requirements],
            signature=_signature(served),
        )
    shutil.copytree(served.beside, folder / BESIDE)


def _signature(served: ServedModel) -> ModelSignature:
    columns: list[ColSpec | TensorSpec] = [
        ColSpec(one.type, one.name, required=not one.is_optional) for one in served.inputs
    ]
    return ModelSignature(inputs=Schema(columns), outputs=_ANSWERS)
