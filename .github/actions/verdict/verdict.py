"""Write the verdict on a workspace as Markdown: verdict.py FILE, with $GOLDLOOP_WORKSPACE and $RETRAIN.

It runs goldloop's own commands and adds no judgement: `goldloop check` says whether the data is sound, the
gate's last decision whether the model is good, `goldloop report` what it cost.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-c", "from goldloop.cli.main import main; main()")


def run(*arguments: str) -> tuple[int, str]:
    """Run a command of goldloop; return its exit code and what it printed, errors last."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def section(title: str, text: str) -> str:
    """Return output of a command as a part of the page that opens with a click."""
    return f"<details><summary>{title}</summary>\n\n````\n{text}\n````\n\n</details>"


def gate_line(last: dict[str, Any] | None) -> tuple[str, bool]:
    """Return what the gate decided last, and whether it refused."""
    if last is None:
        return "no round has been closed yet", False
    reasons = (last["decision"] or {}).get("reasons") or []
    model = f"round {last['round']}: model {last['model_version']} {last['outcome']}"
    return ": ".join([model, "; ".join(reasons)]) if reasons else model, last["outcome"] == "refused"


def verdict() -> tuple[str, str]:
    """Return the verdict in a word, and the page."""
    parts, is_broken = [], False
    if os.environ.get("RETRAIN") == "true":
        code, text = run("retrain")
        is_broken |= code != 0
        parts.append(section("goldloop retrain", text))
    code, text = run("check")
    is_broken |= code != 0
    sound = "sound" if code == 0 else "**not sound**, see `goldloop check` below"
    parts.append(section("goldloop check", text))
    code, status = run("status", "--json")
    is_broken |= code != 0
    line, is_refused = gate_line(json.loads(status)["last_round"]) if code == 0 else (status, False)
    parts.append(section("goldloop report", run("report")[1]))
    word = "broken" if is_broken else "refused" if is_refused else "good"
    lines = [f"## goldloop: {word}", "", f"- workspace: {sound}", f"- gate: {line}", "", *parts, ""]
    return word, "\n".join(lines)


def main() -> None:
    """Write the page to the file that is named, and to the summary of the job."""
    word, page = verdict()
    Path(sys.argv[1]).write_text(page, encoding="utf-8")
    for name, text in (("GITHUB_STEP_SUMMARY", page), ("GITHUB_OUTPUT", f"verdict={word}\n")):
        if path := os.environ.get(name):
            with Path(path).open("a", encoding="utf-8") as stream:
                stream.write(text)
    print(page)


if __name__ == "__main__":
    main()
