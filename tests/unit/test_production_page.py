"""What docs/production.md tells people to type exists: commands, services, files and settings."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import typer.main

from goldloop.cli.main import app
from goldloop.settings import Settings
from scripts.topology.description import PUBLIC, read_compose

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, flags=re.M | re.S)
LINES = [line.strip() for kind, block in BLOCKS if not kind for line in block.splitlines() if line.strip()]
COMPOSE = read_compose()


def test_its_commands_of_goldloop_exist() -> None:
    """Alone, in a crontab or in a container, with options that they have."""
    group = typer.main.get_command(app)
    typed = [line[line.index("goldloop ") :] for line in LINES if re.search(r"(^|  |worker )goldloop ", line)]
    assert len(typed) >= 3
    for line in typed:
        _, name, *words = shlex.split(line)
        known = {option for one in group.commands[name].params for option in one.opts}  # type: ignore[attr-defined]
        assert {word for word in words if word.startswith("-")} <= known, line


def test_its_commands_of_compose_name_services() -> None:
    """What is run or stopped is in docker-compose.yml."""
    services = set(COMPOSE["services"])
    lines = [line for line in LINES if line.startswith("docker compose")]
    named = [re.findall(r"^docker compose (?:exec|run --rm|stop) ((?:[a-z-]+ ?)+)", line) for line in lines]
    words = [found[0].split() for found in named if found]
    assert len(lines) >= 5
    assert {one[0] for one in words} == {"worker", "postgres", "prefect", "mlflow"}
    assert {"worker", "metrics"} <= services
    assert {one[0] for one in words} <= services


def test_its_programs_of_the_project_exist() -> None:
    """A script or module that it starts is there."""
    scripts = {line.split()[0] for line in LINES if line.startswith("scripts/")}
    modules = {found for line in LINES for found in re.findall(r"python -m (\S+)", line)}
    assert scripts == {"scripts/pin-images"}
    assert modules == {"scripts.topology"}
    assert all((ROOT / script).exists() for script in scripts)
    assert all((ROOT / module.replace(".", "/") / "__main__.py").exists() for module in modules)


def test_its_settings_are_settings() -> None:
    """Each block of TOML is a part of a goldloop.toml that goldloop takes."""
    blocks = [tomllib.loads(block) for kind, block in BLOCKS if kind == "toml"]
    assert {name for block in blocks for name in block} == {"content", "notifications"}
    for block in blocks:
        elsewhere = {"services": {"label_studio_url": "https://labels.example.com"}}
        Settings.model_validate({"name": "shop", "labels": ["a", "b"], **elsewhere, **block})


def test_it_names_what_nginx_serves_and_reads() -> None:
    """The four names of the domain, and the files of the certificate."""
    assert re.findall(r"^\| `([a-z]+)` \| ", PAGE, flags=re.M)[: len(PUBLIC)] == [*PUBLIC]
    files = {one["file"].removeprefix("./") for one in COMPOSE["secrets"].values()}
    assert set(re.findall(r"^\| `(tls/\S+)` ", PAGE, flags=re.M)) == files
