"""A workspace on the servers of docker-compose.yml, reached as from another machine: by TLS through nginx."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from goldloop.services import Endpoints, LabelStudioEndpoint, MlflowEndpoint, PrefectEndpoint
from scripts.topology.description import ROOT
from scripts.topology.processes import Topology, process_tree
from scripts.topology.programs import TopologyError, program_of_nginx
from tests.databases import postgresql_programs
from tests.e2e.commands import Loop

_NAMES = ("AWS_", "GOLDLOOP_", "MLFLOW_", "PREFECT_API_", "REQUESTS_", "SSL_")


def need_programs() -> None:
    """Skip the test where PostgreSQL or nginx is missing, or fail it where they are required."""
    postgresql_programs()
    try:
        program_of_nginx()
    except TopologyError as error:
        if os.environ.get("GOLDLOOP_REQUIRE_NGINX"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    pytest.importorskip("s3fs", reason="no s3fs; install 'goldloop[s3]'")


def enter(topology: Topology, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process the environment of the worker."""
    for name, value in topology.servers["worker"].environment.items():
        if name.startswith(_NAMES):
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("GOLDLOOP_LOG_FORMAT")


def endpoints(topology: Topology) -> Endpoints:
    """Return the public addresses of the servers, with the credentials of the worker."""
    here = topology.servers["worker"].environment
    return Endpoints(
        LabelStudioEndpoint(topology.public_url("labels"), here["GOLDLOOP_LABEL_STUDIO_TOKEN"]),
        PrefectEndpoint(topology.public_url("prefect"), here["GOLDLOOP_PREFECT_AUTH"]),
        MlflowEndpoint(topology.public_url("mlflow")),
    )


def workspace(topology: Topology, root: Path, **settings: Any) -> Loop:
    """Return a new workspace in `root`, whose pictures go through the object store."""
    content = {"content": {"base": f"s3://content/{root.name}"}}
    return Loop.create(root, endpoints(topology), **(content | settings))


def prefect(topology: Topology, *words: str) -> str:
    """Run a command of Prefect's as the worker's container would."""
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *words],
        env={**os.environ, **topology.servers["worker"].environment},
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def stored(topology: Topology, bucket: str) -> list[str]:
    """Return the names of the objects in a bucket of the store."""
    import boto3

    names = topology.servers["objects"].environment
    store = boto3.client(
        "s3",
        endpoint_url=topology.url("objects"),
        aws_access_key_id=names["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=names["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
    return [one["Key"] for one in store.list_objects_v2(Bucket=bucket).get("Contents", [])]


def pids(topology: Topology, name: str) -> tuple[int, ...]:
    """Return the process of a server and its children, of which nginx and MLflow have some."""
    return tuple(process.pid for process in process_tree(topology.processes[name].pid))


def key_pin(topology: Topology) -> str:
    """Return the digest of the key of the certificate, by which Chromium is told to trust this one."""
    content = (topology.places.folder / "secrets" / "tls_certificate").read_bytes()
    key = x509.load_pem_x509_certificate(content).public_key()
    return b64encode(
        sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    ).decode()
