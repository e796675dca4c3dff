"""The bench of faults: what its proxy does to requests, its library to writes, and how it judges the end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from scripts.bench.faults.command import Ended
from scripts.bench.faults.facts import difference
from scripts.bench.faults.harm import PRELOADED, compiled
from scripts.bench.faults.messages import advice, unclear
from scripts.bench.faults.proxy import Ill, Illness, Proxy, Ward

_CLEAR = "error: Label Studio at http://127.0.0.1:1 does not answer; run `goldloop up`, then run this again"


class Upstream(BaseHTTPRequestHandler):
    """A server that counts what it was asked to do."""

    done: Counter[str]

    def do_POST(self) -> None:
        """Do what is asked and say so."""
        self.done[self.path] += 1
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(201)
        self.end_headers()
        self.wfile.write(b'{"made": "a reply that can be cut"}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def done() -> Counter[str]:
    """How often the server did what was asked, by path."""
    return Counter()


@pytest.fixture
def ward() -> Ward:
    """What the proxy obeys."""
    return Ward()


@pytest.fixture
def proxied(done: Counter[str], ward: Ward) -> Iterator[httpx.Client]:
    """Yield a client of the server behind the proxy."""
    handler = type("Handler", (Upstream,), {"done": done})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        proxy = Proxy("server", f"http://127.0.0.1:{server.server_port}", ward)
        with httpx.Client(base_url=proxy.url, timeout=0.5) as client:
            yield client
        proxy.close()
        server.shutdown()


def test_the_nth_request_alone_falls_ill(proxied: httpx.Client, done: Counter[str], ward: Ward) -> None:
    """The second of three loses its reply, although the server did what it was asked."""
    illness = Illness(Ill.LOST, "server", 2)
    ward.begin(illness)

    assert proxied.post("/a", json={}).status_code == 201
    with pytest.raises(httpx.RemoteProtocolError):
        proxied.post("/b", json={})
    assert proxied.post("/c", json={}).status_code == 201

    assert done == {"/a": 1, "/b": 1, "/c": 1}
    assert illness.where == "POST /b"
    assert ward.end() == [("server", f"POST /{name}") for name in "abc"]


def test_an_illness_may_last(proxied: httpx.Client, done: Counter[str], ward: Ward) -> None:
    """From the first request on every answer is a 503 of something in between, until it is lifted."""
    ward.begin(Illness(Ill.STATUS, "server", 1, lasts=True))

    assert [proxied.post("/a", json={}).status_code for _ in range(2)] == [503, 503]
    ward.end()

    assert proxied.post("/a", json={}).status_code == 201
    assert done == {"/a": 1}


def test_answers_are_pages_or_halves(proxied: httpx.Client, ward: Ward) -> None:
    """A page comes with status 200; a body ends in the middle."""
    ward.begin(Illness(Ill.HTML, "server", 1))
    page = proxied.post("/a", json={})
    ward.begin(Illness(Ill.CUT, "server", 1))

    assert (page.status_code, page.text[:9]) == (200, "<!DOCTYPE")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        proxied.post("/a", json={})


def test_a_held_request_arrives_when_it_is_released(
    proxied: httpx.Client, done: Counter[str], ward: Ward
) -> None:
    """The client gives up first; the server hears of it later."""
    illness = Illness(Ill.HELD, "server", 1)
    ward.begin(illness)

    with pytest.raises(httpx.ReadTimeout):
        proxied.post("/late", json={})
    ward.end()
    assert done == {}
    ward.release(illness)

    assert done == {"/late": 1}


def test_the_disk_is_full_from_an_operation_on_and_the_clock_steps(tmp_path: Path) -> None:
    """Opening is the first operation on a file, writing the second; Rust's writer fails like Python's."""
    library = compiled(tmp_path)
    if library is None:
        pytest.skip("no C compiler")
    below = tmp_path / "below"
    below.mkdir()
    program = f"""
import time, pyarrow as pa
from pathlib import Path
from deltalake import write_deltalake
from scripts.bench.faults.harm import Deed, Harm, operations, plant
below = Path({str(below)!r})
plant(Harm(Deed.FULL, 4), below)
(below / "fits").write_text("x")
(below / "also").touch()
rows = pa.table({{"a": [1]}})
for write in (lambda: (below / "also").write_text("x"), lambda: write_deltalake(below / "t", rows)):
    try:
        write()
    except Exception as error:
        print("No space left" in str(error))
before = time.time()
plant(Harm(Deed.CLOCK, 1, 86_400), below)
(below / "clock").touch()
print(time.time() - before > 80_000, operations())
"""
    environment = {**os.environ, "LD_PRELOAD": str(library), PRELOADED: str(library)}

    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.split() == ["True", "True", "True", "1"]


@pytest.mark.parametrize(
    ("err", "wrong"),
    [
        (_CLEAR, []),
        ("error: something failed", ["no value", "no next step"]),
        ("error: 502: <html><body>Bad gateway</body></html>; run this again", ["HTML"]),
        (
            'Traceback (most recent call last):\n  File "x.py", line 3\nOSError',
            ["traceback", "no error line"],
        ),
        (f"--- Error logging to API ---\nServer error 502.{_CLEAR}", ["log"]),
        ("thread 'main' panicked at src/lib.rs:3", ["Rust stack", "no error line"]),
    ],
)
def test_a_message_needs_a_value_and_a_next_step(err: str, wrong: list[str]) -> None:
    """Code of any language is no message."""
    assert unclear(Ended(1, "", err, 1.0, 0)) == wrong


def test_advice_is_the_commands_that_a_message_names() -> None:
    """They are followed in their order, each once."""
    err = (
        "error: 3 tasks are gone. Run `goldloop pull --accept-lost`, or 'goldloop push'; see `goldloop push`"
    )

    assert advice(Ended(1, "", err, 1.0, 0)) == ["pull --accept-lost", "push"]
    err = "error: model 2 is lost. Run `goldloop rollback --to 2`, or `goldloop rollback --to VERSION`"
    assert advice(Ended(1, "", err, 1.0, 0)) == ["rollback --to 2"]


def test_what_is_missing_is_lost_and_what_is_more_is_doubled() -> None:
    """Facts are counted, so a second task of a key is seen."""
    calm = Counter({("task", "a"): 1, ("task", "b"): 1})

    apart = difference(calm, Counter({("task", "a"): 2}))

    assert apart.lost == ["('task', 'b')"]
    assert apart.doubled == ["('task', 'a')"]
