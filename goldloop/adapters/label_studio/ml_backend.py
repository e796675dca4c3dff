"""The ML backend: answers the requests that Label Studio sends when somebody opens a task.

Label Studio 1.23 asks /health and /setup before each prediction, then sends whole tasks, with the answers of
others, to /predict. Of a task only its key counts; what it may show is `Suggest`'s to say. So a caller that
puts other data beside a key learns nothing more.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx

from goldloop.adapters.http_server import HttpServer
from goldloop.adapters.label_studio.client import LabelStudioClient, translated
from goldloop.adapters.label_studio.payload import choice_result
from goldloop.adapters.label_studio.project import labels_of
from goldloop.adapters.label_studio.task_keys import TaskKeys
from goldloop.core.errors import GoldloopError
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import Suggestion
from goldloop.settings.metrics import MetricsAddress

Suggest = Callable[[Collection[str]], Mapping[str, Suggestion]]
"""Returns the suggestions that tasks may show now, by key."""

NOTHING_SHOWN = "none yet"
"""Version of the suggestions before annotators see any; Label Studio needs a word."""
USER = "goldloop"
MARK = "goldloop: suggests when a task is opened"
"""Description by which goldloop finds its own backend among those of a project."""

_CONNECTED = "CO"  # state of a backend that has answered Label Studio
_MOST_BYTES = 64 << 20  # of one request; Label Studio sends tasks with all their answers
_TIMEOUT_S = 30
_Answer = tuple[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class MlBackend:
    """What the backend answers: `suggest` and `shown_version` of the workspace, for samples of `kind`."""

    suggest: Suggest
    shown_version: Callable[[], str | None]
    labels: LabelSet
    kind: str
    keys: TaskKeys

    def version(self) -> str:
        """Return the model whose suggestions annotators see, as Label Studio is told of it."""
        return self.shown_version() or NOTHING_SHOWN

    def answer(self, path: str, asked: Any) -> _Answer:
        """Return status and reply to the request `asked` at `path`."""
        known: dict[str, Callable[[Any], _Answer]] = {
            **dict.fromkeys(("/", "/health"), lambda _: (200, {"status": "UP", "model_class": "goldloop"})),
            **dict.fromkeys(("/webhook", "/train"), lambda _: (200, {"status": "ignored"})),
            "/versions": lambda _: (200, {"versions": [self.version()]}),
            "/setup": self._setup,
            "/predict": self._predict,
        }
        if path not in known:
            return 404, {"error": f"nothing is at {path}; /health, /setup and /predict are"}
        try:
            return known[path](asked)
        except GoldloopError as error:
            return 503, {"error": str(error)}
        except (AttributeError, KeyError, TypeError):
            return 400, {"error": f"a request to {path} that Label Studio 1.23 would not send"}

    def _setup(self, asked: Any) -> _Answer:
        shown = labels_of(asked["schema"])
        missing = [label for label in self.labels if label not in shown]
        if missing:
            return 400, {"error": f"the labelling interface of the project lacks the labels {missing}"}
        return 200, {"model_version": self.version()}

    def _predict(self, asked: Any) -> _Answer:
        """Return a list for each task, in order: its one prediction, or none for a task without one."""
        named = [task["data"].get("key") for task in asked["tasks"]]
        keys = [self.keys.opened(key) if isinstance(key, str) else "" for key in named]
        found = self.suggest(set(keys) - {""})
        results = [[_prediction(found[key], self.kind)] if key in found else [] for key in keys]
        return 200, {"results": results, "model_version": self.version()}


def _prediction(suggestion: Suggestion, kind: str) -> dict[str, Any]:
    return {
        "model_version": suggestion.model_version,
        "score": suggestion.score,
        "result": choice_result(suggestion.label, kind),
    }


class MlBackendServer(HttpServer):
    """Answers whoever knows `password` as `backend` does, in threads of this process, until it is closed."""

    def __init__(self, address: MetricsAddress, backend: MlBackend, *, password: str) -> None:
        """Listen at `address`.

        Raises:
            ServiceError: the address is taken, or is none of this machine.
        """

        class Handler(_Handler):
            answered = staticmethod(backend.answer)
            login = b"Basic " + base64.b64encode(f"{USER}:{password}".encode())

        super().__init__(address, Handler, what="suggestions", option="--suggestions")


class _Handler(BaseHTTPRequestHandler):
    answered: Callable[[str, Any], _Answer]
    login: bytes
    timeout = _TIMEOUT_S
    server_version, sys_version = "goldloop", ""

    def do_GET(self) -> None:
        """Answer what is asked without a body."""
        self._reply(*(self._refusal() or self.answered(self._place, {})))

    def do_POST(self) -> None:
        """Answer a request with a body of JSON."""
        refusal = self._refusal()
        if refusal is None:
            try:
                asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            except ValueError as error:
                refusal = 400, {"error": f"the body is no JSON: {error}"}
        self._reply(*(refusal or self.answered(self._place, asked)))

    @property
    def _place(self) -> str:
        return self.path.partition("?")[0].rstrip("/") or "/"

    def _refusal(self) -> _Answer | None:
        given = self.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, self.login):
            return 401, {"error": "only the Label Studio that goldloop connected is answered"}
        length = self.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            return 413, {"error": f"a request has at most {_MOST_BYTES} bytes, got {length}"}
        return None

    def _reply(self, status: int, content: Mapping[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="goldloop"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: Label Studio asks at every task."""


class ConnectedBackend:
    """goldloop's ML backend as one project of Label Studio knows it.

    Only `show` and `is_there` need the `address` of the backend, and `show` its `password`.
    """

    def __init__(
        self, url: str, token: str, project_id: int, *, address: str = "", password: str = ""
    ) -> None:
        self.url = url
        self._server = LabelStudioClient(url, token)
        self._project = f"/api/projects/{project_id}/"
        self._settings = {
            "project": project_id,
            "url": address,
            "description": MARK,
            "auth_method": "BASIC_AUTH",
            "basic_auth_user": USER,
            "basic_auth_pass": password,
            "is_interactive": False,
        }

    def show(self, version: str | None) -> None:
        """Connect the backend, which has to answer by now, as the source of the suggestions of `version`.

        Label Studio asks a backend about the next task only while its title is the version that it shows.

        Raises:
            ServiceError: Label Studio refuses the address, or does not reach it.
        """
        with translated(self.url, f"connect the suggestions at {self._settings['url']}"):
            wanted = self._settings | {"title": version or NOTHING_SHOWN}
            mine = self._mine()
            if mine is not None:
                self._server.patch(f"/api/ml/{mine['id']}", wanted)
                return
            try:
                self._server.post("/api/ml/", wanted)
            except httpx.HTTPStatusError:  # of an address that it sends no webhooks to, it keeps the backend
                self.remove()
                raise
            self._refuse_answers()

    def remove(self) -> None:
        """Disconnect the backend: from one that does not answer, Label Studio shows no suggestion."""
        with translated(self.url, "disconnect the suggestions"):
            mine = self._mine()
            if mine is not None:
                self._remove(mine)

    def is_there(self) -> bool:
        """Return whether Label Studio has this backend, at this address."""
        with translated(self.url, "look for the suggestions"):
            mine = self._mine()
            return mine is not None and mine["url"] == self._settings["url"]

    def remove_dead(self) -> str | None:
        """Disconnect the backend if Label Studio does not reach it any more; return where it was.

        Label Studio asks a backend for its state whenever it lists it.
        """
        with translated(self.url, "look for suggestions that do not answer"):
            mine = self._mine()
            if mine is None or mine["state"] == _CONNECTED:
                return None
            self._remove(mine)
            return str(mine["url"])

    def _remove(self, mine: Mapping[str, Any]) -> None:
        version = self._server.get(self._project)["model_version"]
        self._server.delete(f"/api/ml/{mine['id']}")  # and forgets whose suggestions it shows
        if version and version != NOTHING_SHOWN:
            self._server.patch(self._project, {"model_version": version})

    def _refuse_answers(self) -> None:
        """Remove the webhook that Label Studio made: it would wait for goldloop at every answer."""
        address = f"{self._settings['url']}/webhook"
        for webhook in self._server.get("/api/webhooks/", {"project": self._settings["project"]}):
            if webhook["url"] == address:
                self._server.delete(f"/api/webhooks/{webhook['id']}/")

    def _mine(self) -> dict[str, Any] | None:
        found: list[dict[str, Any]] = self._server.get("/api/ml/", {"project": self._settings["project"]})
        return next((one for one in found if one["description"] == MARK), None)
