"""Databases for tests: SQLite in a file, and a real PostgreSQL server as a process on a free port."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import OperationalError

from scripts.topology.programs import TopologyError, programs_of_postgresql, user_of_postgresql

_IS_REQUIRED = bool(os.environ.get("GOLDLOOP_REQUIRE_POSTGRESQL"))
_START_S = 60.0
PASSWORD = "pass-" + secrets.token_hex(8)


@dataclass(frozen=True)
class TestDatabase:
    """A database that a test fills: at `url`, which has the password; `source` is what a user types."""

    __test__ = False
    url: URL
    source: str

    def run(self, *statements: str, rows: Sequence[dict[str, Any]] = ()) -> list[Any]:
        """Run statements, the last one once for each of `rows`; return what it returns."""
        engine = create_engine(self.url)
        try:
            with engine.begin() as connection:
                for statement in statements[:-1]:
                    connection.execute(text(statement))
                result = connection.execute(text(statements[-1]), list(rows) or None)
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    def table(self, name: str) -> str:
        """Return the source that names a table."""
        return f"{self.source}?table={name}"


def sqlite_database(folder: Path) -> TestDatabase:
    """Return an empty SQLite database in a file of `folder`."""
    path = folder / "payments.db"
    path.touch()
    return TestDatabase(URL.create("sqlite", database=str(path)), f"sqlite:///{path}")


@contextmanager
def postgresql_server() -> Iterator[TestDatabase]:
    """Yield a database of a real PostgreSQL server with a password, which ends with the block."""
    programs = postgresql_programs()
    pytest.importorskip("psycopg", reason="no psycopg; install 'goldloop[postgresql]'")
    folder = Path(tempfile.mkdtemp(prefix="goldloop-postgresql-"))
    (folder / "password").write_text(PASSWORD)
    as_user = user_of_postgresql(folder)
    data = str(folder / "data")
    options = ("-U", "analyst", "-A", "scram-sha-256", f"--pwfile={folder / 'password'}", "--no-sync")
    locale = {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
    server = None
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-E", "UTF8", *options],
            check=True,
            capture_output=True,
            env=locale,
            cwd=folder,
            **as_user,
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
        }
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [
                    programs / "postgres",
                    "-D",
                    data,
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                env=locale,
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=log,
                **as_user,
            )
        url = URL.create("postgresql+psycopg", "analyst", PASSWORD, "127.0.0.1", port, "postgres")
        _wait_for(url, server, folder / "log")
        yield TestDatabase(url, f"postgresql://analyst@127.0.0.1:{port}/postgres")
    finally:
        if server is not None:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.send_signal(3)  # SIGQUIT: end at once, its children too
                server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def postgresql_programs() -> Path:
    """Return the folder of the server's programs; skip the test where there are none."""
    try:
        return programs_of_postgresql()
    except TopologyError as error:
        if _IS_REQUIRED:
            pytest.fail(str(error))
        pytest.skip(str(error))


def _wait_for(url: URL, server: subprocess.Popen[bytes], log: Path) -> None:
    engine = create_engine(url)
    deadline = time.monotonic() + _START_S
    while True:
        try:
            engine.connect().close()
            engine.dispose()
            return
        except OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")
            time.sleep(0.1)
