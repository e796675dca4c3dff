"""Samples of each kind whose labels are colours, for tests of all kinds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from goldloop.core.samples import SampleId, sample_id_of
from scripts.bench.faults.people import LABELS, pictures

WORDS = {"red": "rose tomato blood", "green": "grass leaf frog", "blue": "sea sky plum"}


def posts(folder: Path, n: int) -> dict[SampleId, str]:
    """Write `n` posts of three kinds of words, some with a thread; return their labels."""
    rng = np.random.default_rng(0)
    rows, truth = [], {}
    for number in range(n):
        label = LABELS[number % len(LABELS)]
        words = [*rng.choice(WORDS[label].split(), 3), str(number), *rng.permutation(list("abcdefg"))]
        text = " ".join(words)
        rows.append({"id": number, "text": text, "author": f"author {number % 40}", "reports": number % 3})
        rows[-1] |= {"thread": ["What colour is it?"]} if number % 2 else {}
        truth[sample_id_of(text.encode())] = label
    folder.mkdir()
    (folder / "posts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return truth


def payments(folder: Path, n: int) -> dict[SampleId, str]:
    """Write `n` records of three shops; return their labels."""
    rng, rows, truth = np.random.default_rng(0), [], {}
    for number in range(n):
        label = LABELS[number % len(LABELS)]
        shop = str(rng.choice(WORDS[label].split()))
        known = {"amount": round(float(rng.random()) * 99, 2), "id": f"{number}", "shop": shop}
        rows.append(known | {"buyer": number % 60})
        truth[sample_id_of(json.dumps(known).encode())] = label
    folder.mkdir()
    (folder / "payments.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return truth


def samples(kind: str, folder: Path, n: int) -> dict[SampleId, str]:
    """Write `n` samples of a kind and one that is set aside; return the labels of the good ones."""
    if kind == "text":
        found = posts(folder, n)
        (folder / "bad.csv").write_text("id,text\n,no id\n")
    elif kind == "records":
        found = payments(folder, n)
        (folder / "bad.csv").write_text("id,amount\n,1.5\n")
    else:
        found = pictures(folder, n, seed=0)
        (folder / "bad.png").write_bytes(b"no picture")
    return found
