"""Whether a message is of use: a cause, the value seen and a next step, in words and not in code."""

from __future__ import annotations

import re

from scripts.bench.faults.command import Ended

LONGEST = 1500  # characters that somebody still reads
_CODE = {
    "traceback": re.compile(r"Traceback \(most recent call last\)|^Exception in thread", re.M),
    "HTML": re.compile(r"<!doctype|<html|<body|<div", re.I),
    "log": re.compile(r"--- Error logging to API ---|Service 'EventsWorker' failed"),
    "Rust stack": re.compile(r"panicked at|stack backtrace|RUST_BACKTRACE|\x1b\[31m↳|↳"),
}
_VALUE = re.compile(r"\d|https?://|'[^']+'|`[^`]+`|/\w+/")
_STEP = re.compile(
    r"\b(run|start|wait|check|free|make (room|space)|see|restore|answer|set|remove|restart|choose|name|push|"
    r"pull|end|put|go on|try|look|repeat)\b",
    re.I,
)


def unclear(ended: Ended) -> list[str]:
    """Return what is wrong with the message of a command that was not killed; nothing if it is clear."""
    said = ended.out + ended.err
    wrong = [name for name, pattern in _CODE.items() if pattern.search(said)]
    if ended.code == 0 or ended.code is None or ended.code < 0:
        return wrong
    found = re.search(r"(?<!\w)error: (.*)", ended.err, re.S)
    if found is None:
        return [*wrong, "no error line"]
    message = found[1]
    if len(ended.err) > LONGEST:
        wrong.append(f"{len(ended.err)} characters")
    if not _VALUE.search(message):
        wrong.append("no value")
    if not _STEP.search(message):
        wrong.append("no next step")
    return wrong


def advice(ended: Ended) -> list[str]:
    """Return the goldloop commands that a message names, in order."""
    return list(dict.fromkeys(re.findall(r"[`']goldloop ([a-z][a-z0-9 -]*?)[`']", ended.err)))
