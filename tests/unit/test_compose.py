"""docker-compose.yml, Dockerfile and .env.example, as far as they can be judged without Docker."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from scripts.topology.description import PUBLIC

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)([^}]*)\}")
IS_PINNED = re.compile(r":v?\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$")
STRINGS = {"type": "array", "items": {"type": "string"}, "minItems": 1}


def closed(**properties: Any) -> dict[str, Any]:
    """Return a schema of an object with these keys and no others."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


SCHEMA = closed(  # the part of the Compose specification that our file uses
    **{
        "name": {"type": "string"},
        "x-default": {"type": "object"},
        "x-patience": {"type": "object"},
        "configs": {"additionalProperties": closed(content={"type": "string"})},
        "secrets": {"additionalProperties": closed(file={"type": "string", "pattern": "^\\./tls/"})},
        "volumes": {"additionalProperties": {"type": "null"}},
        "services": {
            "additionalProperties": closed(
                image={"type": "string"},
                build=closed(context={"const": "."}, target={"type": "string"}),
                init={"type": "boolean"},
                user={"type": "string", "pattern": r"^[1-9]\d*:\d+$"},
                read_only={"const": True},
                tmpfs=STRINGS,
                cap_drop={"const": ["ALL"]},
                security_opt={"const": ["no-new-privileges:true"]},
                profiles=STRINGS,
                secrets=STRINGS,
                networks=closed(default=closed(aliases=STRINGS)),
                restart={"const": "unless-stopped"},
                shm_size={"type": "string"},
                command=STRINGS,
                ports=STRINGS,
                environment={"additionalProperties": {"type": "string"}},
                logging=closed(
                    driver={"type": "string"}, options={"additionalProperties": {"type": "string"}}
                ),
                depends_on={"additionalProperties": closed(condition={"const": "service_healthy"})},
                configs={
                    "type": "array",
                    "items": closed(source={"type": "string"}, target={"type": "string"}),
                },
                volumes={
                    "type": "array",
                    "items": {
                        "anyOf": [
                            {"type": "string", "pattern": "^[a-z-]+:/[^:]+$"},
                            closed(
                                type={"const": "volume"},
                                source={"type": "string"},
                                target={"type": "string"},
                                read_only={"type": "boolean"},
                                volume=closed(nocopy={"type": "boolean"}),
                            ),
                        ]
                    },
                },
                healthcheck={
                    **closed(
                        test={
                            "type": "array",
                            "prefixItems": [{"enum": ["CMD", "CMD-SHELL"]}],
                            "minItems": 2,
                        },
                        interval={"type": "string"},
                        timeout={"type": "string"},
                        retries={"type": "integer"},
                        start_period={"type": "string"},
                    ),
                    "required": ["test", "interval", "timeout", "retries", "start_period"],
                },
            )
        },
    }
)


def example_names() -> list[str]:
    """Return the variables in .env.example."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return [line.partition("=")[0] for line in lines if line and not line.startswith("#")]


def test_every_key_is_one_that_compose_knows() -> None:
    """No key is misspelt, and every value has the form Compose wants."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(COMPOSE, SCHEMA)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("healthcheck:", "healthchek:"), ("service_healthy", "service_heathy"), ("retries", "retry")],
)
def test_a_misspelt_key_is_found(right: str, wrong: str) -> None:
    """The schema refuses typing errors, so the test above can fail."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(TEXT.replace(right, wrong)), SCHEMA)


def test_all_parts_of_production_are_there() -> None:
    """Label Studio, MLflow, Prefect with a worker, a database, an object store, TLS and metrics."""
    servers = {"label-studio", "mlflow", "prefect", "postgres", "objects"}
    assert set(SERVICES) == servers | {"proxy", "worker", "metrics"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_health_check(name: str) -> None:
    """Whatever depends on a service can wait until it is well, and the worker is watched too."""
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_name_that_is_used_exists(name: str) -> None:
    """No dependency, volume, config or build target is missing, and nothing waits for itself."""
    service = SERVICES[name]
    assert set(service.get("depends_on", {})) <= set(SERVICES) - {name}
    for volume in service.get("volumes", []):
        source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
        assert source in COMPOSE["volumes"]
    assert {one["source"] for one in service.get("configs", [])} <= set(COMPOSE["configs"])
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    if "build" in service:
        assert f" AS {service['build']['target']}\n" in (ROOT / "Dockerfile").read_text()


def test_every_volume_and_config_is_used() -> None:
    """Nothing is declared in vain."""
    for kind in ("volumes", "configs"):
        for name in COMPOSE[kind]:
            assert re.search(rf"(- |source: ){name}\b", TEXT), name


@pytest.mark.parametrize("image", [one["image"] for one in SERVICES.values()])
def test_every_image_is_pinned(image: str) -> None:
    """A tag with a full version stands behind every image; scripts/pin-images adds the digest."""
    assert IS_PINNED.search(image)


def test_every_base_image_is_pinned() -> None:
    """The Dockerfile too starts from full versions only, the ones that compose and prefect.yaml name."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    bases = re.findall(r"^FROM (\S+)", dockerfile, flags=re.MULTILINE)
    assert len(bases) == 3
    assert all(IS_PINNED.search(base) for base in bases)
    versions = dict(re.findall(r"^ARG (\w+)_VERSION=(\S+)", dockerfile, flags=re.MULTILINE))
    assert any(base.startswith(f"prefecthq/prefect:{versions['PREFECT']}-") for base in bases)
    assert any(base.startswith(f"ghcr.io/mlflow/mlflow:v{versions['MLFLOW']}") for base in bases)


def test_no_image_of_ours_runs_as_root() -> None:
    """Each stage of the Dockerfile ends as a user of its own."""
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")[1:]
    users = [re.findall(r"^USER (\S+)", stage, flags=re.MULTILINE) for stage in stages]
    assert [one[-1:] for one in users] == [["mlflow"], ["prefect"], ["goldloop"]]


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_can_do_what_it_need_not(name: str) -> None:
    """None runs as root, has a capability, gains one, or ends for good; only Label Studio writes its code."""
    service = SERVICES[name]
    assert service["user"].partition(":")[0] != "0"
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert service["restart"] == "unless-stopped"
    assert service.get("read_only", False) is (name != "label-studio")
    assert all(entry.endswith(":mode=1777") for entry in service["tmpfs"])


def test_nginx_is_the_only_way_in() -> None:
    """Another machine reaches nginx and nothing else, and this one only Prometheus' port besides."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"proxy": ["443:443"], "metrics": ["127.0.0.1:9477:9477"]}


def test_each_name_of_the_domain_has_tls() -> None:
    """nginx answers for the names that containers find it by, and sends none of them on in the clear."""
    content = COMPOSE["configs"]["proxy"]["content"]
    names = re.findall(r"listen 443 ssl;\s+server_name ([a-z]+)\.\$\{DOMAIN", content)
    aliases = SERVICES["proxy"]["networks"]["default"]["aliases"]
    assert names == [alias.partition(".")[0] for alias in aliases] == [*PUBLIC]
    assert len(re.findall(r"^ *listen ", content, flags=re.MULTILINE)) == len(names) + 1  # and its own health


def test_the_key_of_label_studio_reads_the_pictures_only() -> None:
    """Every account there can use its key for any bucket that the key opens."""
    identities = json.loads(COMPOSE["configs"]["objects"]["content"])["identities"]
    actions = {one["name"]: one["actions"] for one in identities}
    assert actions["label-studio"] == ["Read:content", "List:content"]
    keys = {one["name"]: one["credentials"][0]["accessKey"] for one in identities}
    assert keys["label-studio"] == SERVICES["label-studio"]["environment"]["AWS_ACCESS_KEY_ID"]
    assert keys["goldloop"] == SERVICES["worker"]["environment"]["AWS_ACCESS_KEY_ID"]


def test_nothing_switches_off_the_check_of_certificates() -> None:
    """Whoever speaks TLS is told whom to trust."""
    assert not re.search(r"insecure|skip_verify|verify(=|: )\W?(false|0|no)\b", TEXT, flags=re.IGNORECASE)
    for name in ("worker", "metrics"):
        environment = SERVICES[name]["environment"]
        told = {environment[key] for key in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE")}
        assert told == {"/run/secrets/tls_authority"}
        assert "tls_authority" in SERVICES[name]["secrets"]


def test_there_are_no_default_secrets() -> None:
    """Every variable is named in .env.example, has no value there, and is required, but for two."""
    used = VARIABLE.findall(TEXT)
    assert len(used) > 10
    optional = {name for name, rest in used if rest == ":-"}
    assert optional == {"GOLDLOOP_WEBHOOK_URL", "GOLDLOOP_SMTP_PASSWORD"}
    assert all(rest.startswith(":?") for name, rest in used if name not in optional)
    assert {name for name, _ in used} == set(example_names())
    assert re.findall(r"^[A-Z_]+=(.+)", (ROOT / ".env.example").read_text(), flags=re.MULTILINE) == []


def test_every_secret_comes_from_a_variable() -> None:
    """No password, key, token or login is written into the file."""
    secret = re.compile(r"(PASSWORD|SECRET|TOKEN|_KEY|AUTH|ACCESS_KEY_ID|USERNAME)(_STRING|_ID)?$")
    values = {
        (name, key): value
        for name, service in SERVICES.items()
        for key, value in service.get("environment", {}).items()
        if secret.search(key) and "ENABLE" not in key and key != "MLFLOW_TRACKING_USERNAME"
    }
    assert len(values) > 12
    assert all(VARIABLE.fullmatch(value) for value in values.values())
    addresses = [
        value
        for service in SERVICES.values()
        for value in service.get("environment", {}).values()
        if "@" in value
    ]
    assert len(addresses) == 2
    assert all(re.search(r"://\w+:\$\{[A-Z_]+:\?[^}]*\}@postgres:", address) for address in addresses)


def test_the_database_script_makes_three_databases(tmp_path: Path) -> None:
    """Read with `source`, as Postgres does, the script asks for a role and a database of each server."""
    bash = shutil.which("bash")
    assert bash
    psql = tmp_path / "psql"
    psql.write_text('#!/bin/sh\necho "$@"\ncat\n')
    psql.chmod(0o755)
    script = tmp_path / "databases.sh"
    script.write_text(COMPOSE["configs"]["databases"]["content"].replace("$$", "$"))
    passwords = {f"{name}_DB_PASSWORD": f"secret-{name}" for name in ("LABEL_STUDIO", "PREFECT", "MLFLOW")}
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "POSTGRES_USER": "postgres", **passwords}

    run = [bash, "-c", f"source {script}; echo still $undefined here"]
    said = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout

    for name in ("label_studio", "prefect", "mlflow"):
        assert f"--set=name={name} --set=password=secret-{name.upper()}" in said
    assert said.count("CREATE DATABASE") == said.count("CREATE ROLE") == 3
    assert said.endswith("still here\n")
