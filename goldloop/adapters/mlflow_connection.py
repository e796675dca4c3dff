"""One way to speak with MLflow: bounded retries, no pickle, no chatter, our errors."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
import requests
from mlflow.exceptions import MlflowException
from mlflow.tracking.registry import UnsupportedModelRegistryStoreURIException
from urllib3.exceptions import HTTPError

from goldloop.core.errors import ServiceAuthError, ServiceError, ServiceUnreachableError

ENVIRONMENT = {
    # Seven retries with doubling pauses and two minutes each would hide a stopped server for many minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0.2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""MLflow takes these only from the environment; they hold during a call and are put back after it."""

NOISE = (r".*Any type hint is inferred as AnyType",)
"""Warnings of MLflow about its own parts, of no use to anybody here."""

_NO_CONNECTION = (requests.ConnectionError, requests.Timeout, requests.exceptions.RetryError)
_FOREIGN = (MlflowException, UnsupportedModelRegistryStoreURIException, requests.RequestException, HTTPError)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return int(error.response.status_code)
    if isinstance(error, MlflowException):
        return int(error.get_http_status_code())  # type: ignore[no-untyped-call]  # MLflow's own gap
    return None


def translated(error: Exception, *, uri: str, doing: str) -> ServiceError:
    """Return `error`, raised by MLflow or its HTTP client while `doing` something, as one of ours."""
    first_line = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    is_lost = any(isinstance(one, _NO_CONNECTION) for one in _chain(error))
    # Failed downloads come as a text that lists the failures, without the exceptions themselves.
    if is_lost or "Max retries exceeded" in str(error):
        return ServiceUnreachableError(
            f"MLflow at {uri} does not answer while {doing}: {first_line}; "
            "run 'goldloop up', or check services.mlflow_url"
        )
    if any(_status(one) in (401, 403) for one in _chain(error)):
        return ServiceAuthError(
            f"MLflow at {uri} refuses us while {doing}: {first_line}; set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or name this host in the server's --allowed-hosts"
        )
    return ServiceError(f"MLflow at {uri} failed while {doing}: {first_line}; its log says more")


@contextmanager
def mlflow_at(uri: str, *, doing: str) -> Iterator[None]:
    """Make MLflow's functions speak to the server at `uri`, and raise our errors, inside the block.

    Raises:
        ServiceUnreachableError: it does not answer, seconds after the first attempt.
        ServiceAuthError: it refuses us.
        ServiceError: anything else MLflow complains about.
    """
    names = [*ENVIRONMENT, "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"]
    kept = {name: os.environ.get(name) for name in names}
    chatter = logging.getLogger("mlflow.utils.environment")  # warns of the pip that uv leaves out
    level = chatter.level
    try:
        os.environ.update(ENVIRONMENT)
        chatter.setLevel(logging.ERROR)
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        with warnings.catch_warnings():
            for message in NOISE:
                warnings.filterwarnings("ignore", message)
            yield
    except _FOREIGN as error:
        raise translated(error, uri=uri, doing=doing) from error
    finally:
        chatter.setLevel(level)
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
