"""Rows of a database: a table or a query at an SQLAlchemy URL, streamed in the order of their ids."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import URL, CursorResult, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from goldloop.core.digests import digest
from goldloop.core.errors import SourceError, UnreadableSampleError
from goldloop.core.server_words import in_one_line
from goldloop.modalities.rows.files import CheckHeader, RawRow

PASSWORD = "GOLDLOOP_SOURCE_PASSWORD"
"""The environment variable that holds the password of a database."""

_TABLE, _QUERY = "table", "query"
_ROWS = 1024  # rows that are fetched at a time
_EQUAL_IDS = 1000  # rows of one id that are put in order; there should be one
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_SECRET_NAME = re.compile(r"pass(?!file)|pwd|secret|token", re.I)
_SECRET_VALUE = re.compile(r"(password|pwd)\s*=", re.I)  # as in odbc_connect
_SERVERS = ("host", "service")  # options that name the server where the address does not


@dataclass(frozen=True, slots=True)
class Database:
    """What is read of a database: a `table`, perhaps with its schema, or else the rows of a `query`.

    `url` has no password: `engine` takes it from the environment.
    """

    url: URL
    table: str = ""
    query: str = ""

    @property
    def source(self) -> str:
        """The database and what is read of it as one URL, as `database_of` takes it."""
        chosen = {_TABLE: self.table} if self.table else {_QUERY: self.query}
        return self.url.update_query_dict(chosen).render_as_string()

    @property
    def place(self) -> str:
        """The database and what is read of it, without user and options: the same whoever reads.

        Of a query it has a digest, as each row's uri begins with the place.
        """
        of_query = digest(self.query).hex()[:12]
        server = self.url.host or next(
            (str(self.url.query[name]) for name in _SERVERS if name in self.url.query), None
        )
        port = str(self.url.port or self.url.query.get("port") or "")
        bare = URL.create(
            self.url.get_backend_name(),
            host=server,
            port=int(port) if port.isdigit() else None,
            database=self.url.database,
            query={_TABLE: self.table} if self.table else {_QUERY: of_query},
        )
        return bare.render_as_string()


def database_of(source: str, query: str | None = None) -> Database:
    """Return what `source` names: a table, or a query, which `query` may tell instead.

    The file of an SQLite database becomes absolute.

    Raises:
        SourceError: `source` is no URL, holds a password, or does not name one table or one query.
    """
    try:
        url = make_url(source)
    except (ArgumentError, ValueError):
        raise SourceError(
            f"the address of the database {_masked(source)!r} is no URL; write "
            "postgresql://user@host/database?table=payments or sqlite:///payments.db?table=payments"
        ) from None
    options = dict(url.query)
    chosen = {_TABLE: options.pop(_TABLE, ""), _QUERY: query or options.pop(_QUERY, "")}
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername), query=options)
    _refuse_secrets(url)
    named = {name: str(value).rstrip("; \n").strip() for name, value in chosen.items() if value}
    if len(named) != 1 or not all(named.values()):
        raise SourceError(
            f"{url.render_as_string()} names {'a table and a query' if named else 'no rows'}; add either "
            "?table=NAME or --query 'select ...'"
        )
    if url.get_backend_name() == "sqlite":
        url = url.set(database=_sqlite_file(url))
    return Database(url, **named)


def rows_of_database(database: Database, check_header: CheckHeader) -> Iterator[RawRow]:
    """Return an iterator over the rows, whose columns are checked by this call.

    The server keeps the rows until they are read, in one transaction that can only read. No row has a number:
    their order is that of their ids, and says nothing of those without one.

    Raises:
        SourceError: the database cannot be reached or read, or `check_header` refuses its columns; while
            iterating, the connection was lost.
    """
    engine = _engine(database)
    with _selected(engine, database, "WHERE 1 = 0") as selected:
        header = list(selected.keys())
    try:
        check_header(header)
    except UnreadableSampleError as error:
        raise SourceError(f"{database.place} cannot be read: {error.detail}") from error
    return _rows(engine, database)


def _rows(engine: Engine, database: Database) -> Iterator[RawRow]:
    order = f"ORDER BY {engine.dialect.identifier_preparer.quote('id')}"
    with _selected(engine, database, order) as selected:
        names = list(selected.keys())
        rows = (
            dict(zip(names, map(_plain, row), strict=True))
            for part in selected.partitions(_ROWS)
            for row in part
        )
        for row in _in_order(rows):
            yield None, row


def _in_order(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield rows that come by id; those of one id, which a database gives in any order, by what they say."""
    equal: list[dict[str, Any]] = []
    for row in rows:
        if equal and (row["id"] != equal[0]["id"] or row["id"] is None or len(equal) == _EQUAL_IDS):
            yield from sorted(equal, key=repr) if len(equal) > 1 else equal
            equal = []
        equal.append(row)
    yield from sorted(equal, key=repr)


def _statement(engine: Engine, database: Database, rest: str) -> str:
    quote = engine.dialect.identifier_preparer.quote
    rows = (
        ".".join(map(quote, database.table.split("."))) if database.table else f"({database.query}\n) rows_"
    )
    return f"SELECT * FROM {rows} {rest}"


def _plain(value: Any) -> Any:
    """Return what a file would hold: integers of any size as int, UUIDs as text, moments in UTC.

    The server shows moments in the time zone that is set there, which is no change of the row.
    """
    if isinstance(value, datetime) and value.tzinfo is not None:
        try:
            return value.astimezone(UTC)
        except OverflowError:
            return value
    if isinstance(value, Decimal) and value.is_finite() and value == (whole := int(value)):
        return whole if value.as_tuple().exponent == 0 else value
    return str(value) if isinstance(value, UUID) else value


def _engine(database: Database) -> Engine:
    url = database.url
    if word := os.environ.get(PASSWORD):
        url = url.set(password=word)
    with _errors_told(database):
        engine = create_engine(url, poolclass=NullPool)
        event.listen(engine, "connect", _prepare_sqlite if url.get_backend_name() == "sqlite" else _prepare)
        return engine


@contextmanager
def _selected(engine: Engine, database: Database, rest: str) -> Iterator[CursorResult[Any]]:
    """Yield the rows of `database`; the SELECT ends with `rest`."""
    options: dict[str, Any] = {"yield_per": _ROWS, "no_parameters": True}  # streamed, and % is no place
    if engine.dialect.name == "postgresql":
        options["postgresql_readonly"] = True
    with _errors_told(database), engine.connect() as connection:
        statement = _statement(engine, database, rest)
        with closing(connection.execution_options(**options).exec_driver_sql(statement)) as selected:
            yield selected


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Let nothing be written, and bytes that are not UTF-8 come as lone surrogates."""
    connection.execute("PRAGMA query_only = ON")
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")


def _prepare(connection: Any, _: Any) -> None:
    """Let psycopg hand out a time that Python cannot hold, such as infinity, as text."""
    adapters = getattr(connection, "adapters", None)
    if adapters is None or not hasattr(adapters, "register_loader"):
        return
    from psycopg import DataError
    from psycopg.types import datetime as times

    def bearing(loader: type[Any]) -> type[Any]:
        class Bearing(loader):  # type: ignore[misc]
            def load(self, data: Any) -> Any:
                try:
                    return super().load(data)
                except DataError:
                    return bytes(data).decode()

        return Bearing

    for name, loader in {
        "date": times.DateLoader,
        "timestamp": times.TimestampLoader,
        "timestamptz": times.TimestamptzLoader,
    }.items():
        adapters.register_loader(name, bearing(loader))


@contextmanager
def _errors_told(database: Database) -> Iterator[None]:
    """Turn what a database says into one sentence without a password.

    Raises:
        SourceError: the driver is not there, or the database cannot be reached or read.
    """
    try:
        yield
    except ImportError as error:
        raise SourceError(
            f"{database.place} needs a package that is not installed: {error}; for PostgreSQL install "
            "'goldloop[postgresql]'"
        ) from None
    except SQLAlchemyError as error:
        said = in_one_line(str(error.orig if isinstance(error, DBAPIError) else error))
        if word := os.environ.get(PASSWORD):
            said = said.replace(word, "***")
        raise SourceError(
            f"{database.place} cannot be read: {said}; check address, user and {PASSWORD}, then run the same "
            "command again: rows that arrived are not scored twice"
        ) from None


def _refuse_secrets(url: URL) -> None:
    """Refuse a password in the address: command lines and runs are kept where others can read them."""
    has_secret = any(
        _SECRET_NAME.search(name) or _SECRET_VALUE.search(str(value)) for name, value in url.query.items()
    )
    if url.password is None and not has_secret:
        return
    bare = URL.create(url.drivername, url.username, None, url.host, url.port, url.database)
    raise SourceError(
        f"the address of the database {bare.render_as_string()} holds a password, which others could read in "
        f"the list of processes and in Prefect; leave it out and set {PASSWORD}, or what the driver reads, "
        "such as PGPASSWORD or ~/.pgpass"
    )


def _masked(source: str) -> str:
    """Return `source` without what stands between its scheme and the last @, and without its options."""
    return re.sub(r"://.*@", "://***@", source.partition("?")[0], flags=re.S)


def _sqlite_file(url: URL) -> str:
    path = Path(url.database or "").expanduser().absolute()
    if not path.is_file():
        raise SourceError(
            f"{path} is not there; name the file of an SQLite database, as in sqlite:///payments.db"
        )
    return str(path)
