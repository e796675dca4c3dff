"""The embedded Label Studio, Prefect and MLflow servers of a workspace, and their addresses."""

from goldloop.services.endpoints import (
    Endpoints,
    LabelStudioEndpoint,
    MlflowEndpoint,
    PrefectEndpoint,
    endpoints,
)
from goldloop.services.lifecycle import down, up

__all__ = ["Endpoints", "LabelStudioEndpoint", "MlflowEndpoint", "PrefectEndpoint", "down", "endpoints", "up"]
