"""What a server said is quoted in one line, and a page of HTML never."""

from __future__ import annotations

import httpx
import pytest
from mlflow.exceptions import MlflowException

from flows.failures import prefect_failure
from goldloop.adapters.label_studio.client import translated
from goldloop.adapters.mlflow_connection import translated as mlflow_translated
from goldloop.core.errors import ServiceError
from goldloop.core.server_words import in_one_line

URL = "http://127.0.0.1:20001"
PAGE = "\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Welcome</h1></body></html>"


@pytest.mark.parametrize(
    ("said", "quoted"),
    [
        (PAGE, "an HTML page"),
        (f"no JSON. Response body: '{PAGE.strip()}'", "no JSON. Response body: an HTML page"),
        ("502: <html>\n<center>nginx</center>", "502: an HTML page"),
        ("database is\n locked", "database is locked"),
        ("3 < 5 and <urllib3.connection.HTTPConnection>", "3 < 5 and <urllib3.connection.HTTPConnection>"),
    ],
)  # fmt: skip
def test_a_page_is_named_and_not_quoted(said: str, quoted: str) -> None:
    """Also one that a library has put into its own message."""
    assert in_one_line(said) == quoted


def test_no_message_about_a_server_holds_a_page() -> None:
    """MLflow's client, Prefect's and Label Studio's put the body into their errors."""
    request = httpx.Request("GET", URL)
    error = httpx.HTTPStatusError(
        "", request=request, response=httpx.Response(500, text=PAGE, request=request)
    )
    with pytest.raises(ServiceError) as caught, translated(URL, "list tasks"):
        raise ValueError(f"no JSON: {PAGE}")
    body = MlflowException(f"API request failed. Response body: '{PAGE}'")
    told = [str(caught.value), str(mlflow_translated(body, uri=URL, doing="naming the champion"))]
    told.append(str(prefect_failure(error, URL)))

    assert all("an HTML page" in one and "<" not in one for one in told)
