"""Is a server well: does it answer, and does it know us."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urlsplit

from goldloop.core.errors import ServiceAuthError, ServiceUnreachableError
from goldloop.services.endpoints import Endpoints

_TIMEOUT_S = 10.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_DIRECT = urllib.request.build_opener(
    urllib.request.ProxyHandler({})
)  # a proxy knows nothing of our loopback


def check_health(name: str, endpoints: Endpoints) -> None:
    """Return when the server `name` answers and accepts our credentials.

    Raises:
        ServiceUnreachableError: it does not answer, or not as that server would.
        ServiceAuthError: it refuses our credentials.
    """
    if name == "label_studio":
        server = endpoints.label_studio
        _get(f"{server.url}/health")
        _get(f"{server.url}/api/current-user/whoami", _label_studio_header(server.url, server.token))
    elif name == "prefect":
        auth = endpoints.prefect.auth
        header = "Basic " + base64.b64encode(auth.encode()).decode() if auth else None
        _get(f"{endpoints.prefect.api_url}/health")
        _get(f"{endpoints.prefect.api_url}/admin/version", header)
    else:
        _get(f"{endpoints.mlflow.url}/health")


def _label_studio_header(url: str, token: str) -> str:
    if token.count(".") != 2:
        return f"Token {token}"
    answer = _get(f"{url}/api/token/refresh/", body={"refresh": token})  # a personal access token is a JWT
    return f"Bearer {json.loads(answer)['access']}"


def _get(url: str, authorization: str | None = None, body: dict[str, str] | None = None) -> bytes:
    request = urllib.request.Request(url, data=json.dumps(body).encode() if body else None)
    if body:
        request.add_header("Content-Type", "application/json")
    if authorization:
        request.add_header("Authorization", authorization)
    send = _DIRECT.open if urlsplit(url).hostname in _LOOPBACK else urllib.request.urlopen
    try:
        with send(request, timeout=_TIMEOUT_S) as response:
            content: bytes = response.read()
            return content
    except urllib.error.HTTPError as error:
        with error:
            if error.code in (401, 403):
                raise ServiceAuthError(
                    f"{url} refuses our credentials (HTTP {error.code}); check the token or password"
                ) from error
            raise ServiceUnreachableError(
                f"{url} answers HTTP {error.code}; look into that server's log"
            ) from error
    except (OSError, HTTPException) as error:
        raise ServiceUnreachableError(f"{url} does not answer ({error}); is the server up?") from error
