"""Health checks: whether a server answers and accepts the credentials."""

from __future__ import annotations

import base64
import os

import httpx

from goldloop.core.errors import ServiceAuthError, ServiceUnreachableError
from goldloop.core.loopback import client_options
from goldloop.services.endpoints import Endpoints

_TIMEOUT_S = 10.0


def check_health(name: str, endpoints: Endpoints) -> None:
    """Return if the server `name` answers and accepts the credentials.

    Raises:
        ServiceUnreachableError: the server does not answer, or answers with an error.
        ServiceAuthError: the server refuses the credentials.
    """
    if name == "label_studio":
        server = endpoints.label_studio
        _request(f"{server.url}/health")
        _request(f"{server.url}/api/current-user/whoami", _label_studio_header(server.url, server.token))
    elif name == "prefect":
        _request(f"{endpoints.prefect.api_url}/health")
        _request(f"{endpoints.prefect.api_url}/admin/version", _basic(endpoints.prefect.auth))
    else:
        _request(f"{endpoints.mlflow.url}/health", _mlflow_header(endpoints.mlflow.auth))
        if endpoints.mlflow.auth:
            _check_login(f"{endpoints.mlflow.url}/version", endpoints.mlflow.auth)


def _basic(auth: str | None) -> str | None:
    return "Basic " + base64.b64encode(auth.encode()).decode() if auth else None


def _mlflow_header(own: str | None) -> str | None:
    """Return how MLflow's client logs in: by the environment, where the server is not goldloop's own.

    A proxy before MLflow may ask for a login at every address.
    """
    if own is not None:
        return None
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("USERNAME", "PASSWORD"))
    if user and password:
        return _basic(f"{user}:{password}")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return f"Bearer {token}" if token else None


def _check_login(url: str, auth: str) -> None:
    """Check that `url` answers with `auth`, and to nobody else: an earlier goldloop started MLflow open."""
    _request(url, _basic(auth))
    try:
        _request(url)
    except ServiceAuthError:
        return
    raise ServiceAuthError(f"{url} answers without a login; run `goldloop up` to start it again")


def _label_studio_header(url: str, token: str) -> str:
    if token.count(".") != 2:
        return f"Token {token}"
    address = f"{url}/api/token/refresh/"
    answer = _request(address, body={"refresh": token})  # a personal access token is a JWT
    try:
        return f"Bearer {answer.json()['access']}"
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceUnreachableError(
            f"{address} gives no access token; check that the address is a Label Studio 1.23 or later"
        ) from error


def _request(
    url: str, authorization: str | None = None, body: dict[str, str] | None = None
) -> httpx.Response:
    try:
        with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=True, **client_options(url)) as client:
            headers = {"Authorization": authorization} if authorization else {}
            answer = client.post(url, json=body) if body else client.get(url, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError) as error:
        raise ServiceUnreachableError(
            f"{url} does not answer ({error}); check that the server runs, and the proxy if there is one"
        ) from error
    if answer.status_code in (401, 403):
        raise ServiceAuthError(
            f"{url} refuses the credentials (HTTP {answer.status_code}); check the token or password"
        )
    if not answer.is_success:
        raise ServiceUnreachableError(f"{url} answers HTTP {answer.status_code}; see the log of that server")
    if answer.text.lstrip()[:1] == "<":
        raise ServiceUnreachableError(
            f"{url} answers with an HTML page; check the address, and that no login page stands before it"
        )
    return answer
