"""Labels come in from a project of a real Label Studio, over its API."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from goldloop.core.samples import sample_id_of
from goldloop.services import LabelStudioEndpoint
from tests.e2e.commands import Loop
from tests.images import encoded, noise

pytestmark = pytest.mark.servers

CONFIG = """
<View><{tag} name="shown" value="$content"/>
<Choices name="animal" toName="shown"><Choice value="cat"/><Choice value="dog"/></Choices>
<Choices name="mood" toName="shown"><Choice value="calm"/><Choice value="wild"/></Choices></View>
"""


class Foreign:
    """A project that somebody has made by hand, on the Label Studio of the test run."""

    def __init__(self, server: LabelStudioEndpoint, tag: str) -> None:
        headers = {"Authorization": f"Token {server.token}"}
        self.open = partial(httpx.Client, base_url=server.url, headers=headers, timeout=60, trust_env=False)
        made = {"title": f"foreign {tag}", "label_config": CONFIG.format(tag=tag)}
        self.id = self.asks("POST", "/api/projects/", json=made)["id"]
        self.address = f"{server.url}/projects/{self.id}/data?tab=1"

    def asks(self, method: str, path: str, **options: Any) -> Any:
        """Send a request and return the reply."""
        with self.open() as http:
            reply = http.request(method, path, **options).raise_for_status()
        return reply.json() if reply.content else None

    def has(self, content: str, *labels: str | None) -> None:
        """Add a task with an answer for each label; None is a skip."""
        task = self.asks("POST", "/api/tasks/", json={"project": self.id, "data": {"content": content}})
        for label in labels:
            said = [("animal", label), ("mood", "wild")] if label else []
            result = [
                {"from_name": name, "to_name": "shown", "type": "choices", "value": {"choices": [choice]}}
                for name, choice in said
            ]
            answer = {"result": result, "was_cancelled": label is None}
            self.asks("POST", f"/api/tasks/{task['id']}/annotations/", json=answer)

    def holds(self, picture: bytes) -> str:
        """Upload a picture as people do, which makes a task of it, and return its address there."""
        form = {"files": ("a picture.png", picture, "image/png")}
        self.asks("POST", f"/api/projects/{self.id}/import?commit_to_project=false", files=form)
        (upload,) = self.asks("GET", f"/api/projects/{self.id}/file-uploads", params={"all": "true"})
        return f"/data/{upload['file']}"


def test_texts_of_a_project_come_in(make_loop: Callable[..., Loop], server: LabelStudioEndpoint) -> None:
    """The first choices count, whatever their name; twice adds nothing, and an own project is refused."""
    foreign = Foreign(server, "Text")
    foreign.has("a purring text", "cat", "cat")
    foreign.has("a barking text", "dog")
    foreign.has("a text without an answer")
    foreign.has("a skipped text", None)
    loop = make_loop("foreign-texts", labels=["cat", "dog"], kind="text", model={})

    told = loop.json("import", foreign.address, "--format", "label-studio")
    assert (told["n_rows"], told["n_added"], told["n_arrived"]) == (4, 3, 2)
    assert [one["problem"] for one in told["refused"]] == [
        "it has no annotation; label the task, or remove it"
    ]
    gold = {row["sample_id"]: row["label"] for row in loop.json("gold", "show")["records"]}
    assert gold == {sample_id_of(b"a purring text"): "cat", sample_id_of(b"a barking text"): "dog"}
    (listed,) = loop.json("import", "--list")
    assert listed["source"] == f"{server.url}/projects/{foreign.id}"
    again = loop.json("import", foreign.address, "--format", "label-studio")
    assert (again["n_added"], again["n_known"]) == (0, 3)
    assert "rows of 1 file: 2 of 2 samples are gold by them" in loop.run("status").out

    loop.run("push")
    own = loop.parts.workspace.identity.projects[0].id
    refused = loop.run("import", f"{server.url}/projects/{own}", "--format", "label-studio", code=1)
    assert "is a project of this workspace; `goldloop pull` brings its answers" in refused.err


def test_pictures_of_a_project_come_in(
    make_loop: Callable[..., Loop],
    server: LabelStudioEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A picture that only the server has is read with the token; one that is lost refuses its row alone.

    A task names no file of the machine on which goldloop runs.
    """
    foreign, picture = Foreign(server, "Image"), encoded(noise(1), "PNG")
    foreign.has(foreign.holds(picture), "dog")
    foreign.has("/data/upload/1/lost.png", "cat")
    (tmp_path / "mine.png").write_bytes(encoded(noise(2), "PNG"))
    foreign.has(str(tmp_path / "mine.png"), "cat")
    foreign.has(f"file://{tmp_path}/mine.png", "cat")
    loop = make_loop("foreign-pictures", labels=["cat", "dog"])

    told = loop.json("import", foreign.address, "--format", "label-studio")
    assert (told["n_added"], told["n_arrived"], len(told["refused"])) == (1, 1, 3)
    assert loop.json("gold", "show")["records"][0]["sample_id"] == sample_id_of(picture)

    monkeypatch.setenv("GOLDLOOP_IMPORT_TOKEN", "0" * 40)
    refused = loop.run("import", foreign.address, "--format", "label-studio", code=1)
    assert "check that the token is one of this server" in refused.err
    assert "0" * 40 not in refused.err
    monkeypatch.delenv("GOLDLOOP_IMPORT_TOKEN")
    elsewhere = loop.run("import", "http://127.0.0.1:9/projects/1", "--format", "label-studio", code=1)
    assert "set GOLDLOOP_IMPORT_TOKEN to a token of http://127.0.0.1:9" in elsewhere.err
    nowhere = loop.run("import", "http://127.0.0.1:9/tasks", "--format", "label-studio", code=1)
    assert "is no project of Label Studio" in nowhere.err
