"""Whatever Label Studio or the network do wrong becomes one of goldloop's errors."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from goldloop.adapters.label_studio import (
    LabelStudioQueue,
    Projects,
    add_annotator,
    ensure_projects,
)
from goldloop.adapters.label_studio.client import translated
from goldloop.adapters.label_studio.payload import local_image_url, read_result
from goldloop.core.errors import ServiceAuthError, ServiceError, ServiceUnreachableError
from goldloop.core.labels import LabelSet

LABELS = LabelSet.of(["cat", "dog"])
URL = "http://labels.example"


def made(kind: type[Exception]) -> Exception:
    """Return an instance of `kind`, whatever its constructor wants."""
    request = httpx.Request("GET", URL)
    candidates = [
        lambda: kind("told"),
        lambda: kind("told", request=request, response=httpx.Response(500, request=request)),  # type: ignore[call-arg]
        kind,
    ]
    for candidate in candidates:
        try:
            return candidate()
        except TypeError:
            continue
    raise AssertionError(f"do not know how to make {kind}")


LIBRARY_ERRORS = [
    kind for _, kind in inspect.getmembers(httpx, inspect.isclass) if issubclass(kind, Exception)
]


def test_the_library_has_exceptions_to_walk() -> None:
    """The walk below finds what httpx raises, so that it cannot pass by being empty."""
    names = {kind.__name__ for kind in LIBRARY_ERRORS}

    assert {"ConnectError", "ReadTimeout", "HTTPStatusError", "InvalidURL", "CookieConflict"} <= names


@pytest.mark.parametrize("kind", LIBRARY_ERRORS, ids=lambda kind: kind.__name__)
def test_every_library_exception_is_translated(kind: type[Exception]) -> None:
    """No exception of httpx leaves the adapter; the cause is kept, the address named."""
    cause = made(kind)

    with pytest.raises(ServiceError, match=URL) as caught, translated(URL, "do something"):
        raise cause

    assert caught.value.__cause__ is cause
    assert "do something" in str(caught.value)


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_no_answer_means_unreachable(kind: type[httpx.TransportError]) -> None:
    """A refused, broken or slow connection gives another error than a server that refuses."""
    with pytest.raises(ServiceUnreachableError, match="run this again"), translated(URL, "push"):
        raise kind("told")


@contextmanager
def server(status: int, body: bytes) -> Iterator[str]:
    """Yield the address of a server that answers everything with `status` and `body`."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815  # names the base class asks for

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}"
        finally:
            httpd.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "kind", "told"),
    [
        (
            401,
            b'{"detail": "Invalid token."}',
            ServiceAuthError,
            "answered 401.*Invalid token.*check that the token",
        ),
        (403, b"{}", ServiceAuthError, "answered 403.*check that the token"),
        (404, b"{}", ServiceError, "answered 404.*project was not deleted"),
        (429, b"slow", ServiceError, "answered 429.*slow; wait a minute"),
        (500, b'{"detail": "boom"}', ServiceError, "answered 500.*boom.*server's log"),
        (503, b"down for a minute", ServiceUnreachableError, "answered 503.*down for a minute"),
        (200, b"{}", ServiceError, "could not be understood|created 0 of 1 tasks"),
        (200, b"[]", ServiceError, "could not be understood"),
        (200, b"<html>not Label Studio</html>", ServiceError, "not Label Studio|could not be understood"),
    ],
)
def test_each_answer_gets_its_own_error(
    status: int, body: bytes, kind: type[ServiceError], told: str
) -> None:
    """Wrong token, missing project, server fault, gateway and a foreign page give different errors."""
    with server(status, body) as url:
        queue = LabelStudioQueue(url, "token", Projects(1, 2, 3), LABELS)

        for call in (
            queue.counts,
            queue.all_tasks,
            lambda: queue.push([]),
            lambda: list(queue.changed_since(None)),
            lambda: queue.ask({1: 2}),
        ):
            with pytest.raises(kind, match=f"(?s){url}.*({told})"):
                call()


def test_a_server_that_is_down_is_named_everywhere() -> None:
    """Creating the project and adding annotators fail with errors as clear as those of the queue."""
    with server(200, b"") as url:
        pass

    with pytest.raises(ServiceUnreachableError, match=url):
        ensure_projects(url, "token", name="a", labels=LABELS, images_root=None)
    with pytest.raises(ServiceUnreachableError, match="goldloop up"):
        add_annotator(url, "token", email="ann@example.com", password="long enough")


def test_a_short_password_is_refused_before_asking() -> None:
    """A short password fails without a request."""
    with pytest.raises(ServiceError, match="has 5 characters; choose one of 8 or more"):
        add_annotator("http://127.0.0.1:9", "token", email="ann@example.com", password="short")


def choice(*labels: str, from_name: str = "label") -> dict[str, object]:
    """Return one region of a result."""
    return {"from_name": from_name, "to_name": "image", "type": "choices", "value": {"choices": list(labels)}}


@pytest.mark.parametrize(
    ("result", "label", "problem"),
    [
        ([choice("cat")], "cat", None),
        ([choice("cat"), choice("x", from_name="other")], "cat", None),
        ([choice("unicorn")], None, "label 'unicorn' is not in the label set"),
        ([choice("cat", from_name="other")], None, "no answer from the control 'label', only from ['other']"),
        ([], None, "no answer from the control 'label'"),
        (None, None, "no answer from the control 'label'"),
        ("cat", None, "no answer from the control 'label'"),
        ([choice("cat", "dog")], None, "2 labels chosen in place of one: ['cat', 'dog']"),
        ([choice()], None, "0 labels chosen in place of one: []"),
        ([{"from_name": "label", "value": None}], None, "0 labels chosen in place of one: []"),
    ],
)
def test_only_one_known_label_is_an_answer(result: object, label: str | None, problem: str | None) -> None:
    """Label Studio takes any result over its API; a result without one known label has a problem."""
    assert read_result(result, LABELS) == (label, problem)


def test_image_urls_are_escaped_and_below_the_served_folder() -> None:
    """A path keeps its slashes, everything else that means something in an address is escaped."""
    assert local_image_url("ab/abc.png") == "/data/local-files/?d=images/ab/abc.png"
    assert local_image_url("display/a&b ?#.png") == "/data/local-files/?d=images/display/a%26b%20%3F%23.png"
