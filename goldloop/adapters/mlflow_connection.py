"""The connection to MLflow: bounded retries, no pickle, no console output, and goldloop's errors."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.tracking.registry import UnsupportedModelRegistryStoreURIException
from urllib3.exceptions import HTTPError

from goldloop.core.errors import ServiceAuthError, ServiceError, ServiceUnreachableError
from goldloop.core.loopback import direct_loopback
from goldloop.core.server_words import in_one_line
from goldloop.services.full_disk import full_disk_under

ENVIRONMENT = {
    # MLflow's default, seven retries of two minutes each, would hide a stopped server for many minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0.2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",  # a lock file where the command runs says nothing of the model
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""MLflow reads these only from the environment; they are set during a call and restored after it."""

WORKSPACE_TAG = "goldloop.workspace"
"""Tag of registered models and experiments: the id of the workspace that they belong to."""

LOGIN = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
OTHER_LOGINS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_AUTH")
"""How MLflow logs in to servers; the embedded one is never shown what the user set for another server."""

Login = tuple[str, str]
"""User name and password."""

NOISE = (r".*Any type hint is inferred as AnyType", r".*An input example was not provided")
"""Warnings of MLflow about its own code, or about what goldloop gives it, which a user cannot act on."""

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
    """Return `error`, which MLflow raised while `doing` something, as an error of goldloop."""
    said = in_one_line(str(error)) or type(error).__name__
    full = full_disk_under(uri, str(error))
    is_lost = any(isinstance(cause, _NO_CONNECTION) for cause in _chain(error))
    # MLflow reports failed downloads as a text that lists the failures, without the exceptions.
    if is_lost or "Max retries exceeded" in str(error):
        return ServiceUnreachableError(
            f"MLflow at {uri} does not answer while {doing}: {said}. "
            f"{_sentence(full) or 'Run `goldloop up`, or check services.mlflow_url.'}"
        )
    if any(_status(cause) in (401, 403) for cause in _chain(error)):
        return ServiceAuthError(
            f"MLflow at {uri} refuses access while {doing}: {said}. Set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or add this host to the server's --allowed-hosts."
        )
    return ServiceError(f"MLflow at {uri} failed while {doing}: {said}. {_sentence(full) or 'See its log.'}")


def _sentence(step: str | None) -> str | None:
    return f"{step[0].upper()}{step[1:]}." if step else None


@contextmanager
def mlflow_at(uri: str, *, doing: str, login: Login | None = None) -> Iterator[MlflowClient]:
    """Yield a client of the server at `uri`; MLflow's functions use it too, and goldloop's errors are raised.

    Without `login`, MLflow's own environment variables log in.

    Raises:
        ServiceUnreachableError: the server does not answer within seconds.
        ServiceAuthError: the server refuses the credentials or the host.
        ServiceError: any other error of MLflow.
    """
    direct = direct_loopback(os.environ, uri)
    names = [*ENVIRONMENT, *direct, "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", *LOGIN, *OTHER_LOGINS]
    kept = {name: os.environ.get(name) for name in names}
    chatter = logging.getLogger("mlflow.utils.environment")  # warns of the pip that uv leaves out
    level = chatter.level
    try:
        os.environ.update(ENVIRONMENT | direct)
        if login is not None:
            os.environ.update(zip(LOGIN, login, strict=True))
            for name in OTHER_LOGINS:
                os.environ.pop(name, None)
        chatter.setLevel(logging.ERROR)
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        with warnings.catch_warnings():
            for message in NOISE:
                warnings.filterwarnings("ignore", message)
            yield MlflowClient(tracking_uri=uri, registry_uri=uri)
    except _FOREIGN as error:
        raise translated(error, uri=uri, doing=doing) from error
    finally:
        chatter.setLevel(level)
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
