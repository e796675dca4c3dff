"""Events of real flows reach a mail server, a webhook and Prefect, once each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.bench.faults.people import LABELS
from tests.e2e.coloured_samples import samples
from tests.e2e.commands import Loop
from tests.e2e.people import answer_all
from tests.e2e.prefect_api import PrefectApi
from tests.receivers import Mails, Posts, mail_server, webhook

pytestmark = pytest.mark.servers


@pytest.fixture
def mails() -> Iterator[Mails]:
    """Yield what a mail server takes."""
    with mail_server() as taken:
        yield taken


@pytest.fixture
def posts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Posts]:
    """Yield what a webhook takes whose address the environment holds."""
    with webhook() as taken:
        monkeypatch.setenv("GOLDLOOP_WEBHOOK_URL", taken.url)
        yield taken


def told_to(mails: Mails) -> dict[str, Any]:
    """Return the settings that tell a mail server and a webhook."""
    mail = {"email_to": ["ops@example.com"], "email_from": "goldloop@example.com", "smtp_security": "none"}
    return {"webhook": True, "smtp_host": "127.0.0.1", "smtp_port": mails.port, **mail}


def events_of(prefect: PrefectApi, loop: Loop) -> list[str]:
    """Return the names of the workspace's events that Prefect has, oldest first."""
    resource = {"id": [f"goldloop.workspace.{loop.parts.workspace.id}"]}
    found = prefect.post("/events/filter", filter={"any_resource": resource, "order": "ASC"}, limit=50)
    return [event["event"] for event in found["events"]]


def test_events_are_told_once_and_a_receiver_that_fails_fails_nothing(
    make_loop: Callable[..., Loop], prefect: PrefectApi, tmp_path: Path, mails: Mails, posts: Posts
) -> None:
    """A promotion, then lost tasks while the webhook is down, which hears of them when it is back."""
    truth = samples("text", tmp_path / "samples", 120)
    options = {"selection": {"budget_per_round": 60, "audit_rate": 0.3}, "gate": {"min_holdout": 5}}
    loop = make_loop(
        "told", labels=list(LABELS), kind="text", model={}, notifications=told_to(mails), **options
    )
    loop.run("notifications", "--test")
    assert (mails.subjects, len(posts.texts)) == (["[goldloop told] a test: nothing has happened"], 1)
    mails.raw.clear()
    posts.bodies.clear()
    loop.run("score", str(tmp_path / "samples"))
    loop.run("push")
    answer_all(loop.servers.label_studio, loop.parts.queue(), truth.__getitem__, kind="text")
    loop.run("pull")
    assert (mails.subjects, posts.texts) == ([], [])

    loop.run("retrain")
    loop.run("pull")

    assert mails.subjects == ["[goldloop told] round 0: model 1 promoted"]
    (text,) = posts.texts
    assert text.startswith("*round 0: model 1 promoted*\nthere is no champion yet; accuracy on holdout")

    posts.status = 500
    queue = loop.parts.queue()
    queue.delete(list(queue.all_tasks())[:10])
    for _ in range(2):
        lost = loop.run("pull", code=1)
        assert lost.err.count("not told: tasks or answers are gone") == 1
        assert "webhook: it answered 500" in lost.err
        assert posts.url not in lost.err
    assert mails.subjects[1:] == [
        "[goldloop told] tasks or answers are gone from the labelling server, and pulls wait for a decision"
    ]
    assert len(posts.texts) == 1
    (shown,) = [one for one in loop.json("notifications") if one["failed"]]
    assert list(shown["sent"]) == ["Prefect", "e-mail"]

    posts.status = 200
    loop.run("pull", "--keep-lost")
    assert len(posts.texts) == 2
    assert "--keep-lost" in posts.texts[1]
    loop.run("pull")
    assert (len(mails.subjects), len(posts.texts)) == (2, 2)
    assert events_of(prefect, loop) == ["goldloop.model.promoted", "goldloop.tasks.lost"]
    record = json.loads((loop.root / "notifications.json").read_text())
    assert posts.url not in json.dumps(record)
