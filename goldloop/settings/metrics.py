"""The section [metrics] of goldloop.toml: where `goldloop serve` answers Prometheus."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated

from pydantic import Field, field_validator

from goldloop.core.errors import SettingsError
from goldloop.settings.sections import Section

METRICS_TOKEN = "GOLDLOOP_METRICS_TOKEN"
_SHORTEST_TOKEN = 16
_ADDRESS = re.compile(r"(?:(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]+):)?(\d{1,5})")


@dataclass(frozen=True, slots=True)
class MetricsAddress:
    """A host of this machine and a port."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine reach it."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False


def parsed_address(text: str, what: str = "metrics") -> MetricsAddress:
    """Return `text`, a port of 127.0.0.1 or HOST:PORT, as the address of `what`.

    Raises:
        SettingsError: it is none.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[2]) <= 65535:
        raise SettingsError(f"{what} need a port such as 9477, or host and port, got {text!r}")
    return MetricsAddress((found[1] or "127.0.0.1").strip("[]"), int(found[2]))


def check_token(address: MetricsAddress, token: str) -> None:
    """Check that `address` may be opened: beyond this machine only with a token.

    Raises:
        SettingsError: there is none, or it can be guessed; the message says what is needed.
    """
    if address.is_loopback or len(token) >= _SHORTEST_TOKEN:
        return
    seen = f"is shorter than {_SHORTEST_TOKEN} characters" if token else "is not set"
    raise SettingsError(
        f"other machines can reach metrics at {address.host}:{address.port}, and {METRICS_TOKEN} {seen}. "
        "Set it to a random secret that Prometheus sends (authorization: credentials), and put a proxy with "
        "TLS before the port; or take an address of this machine, such as 127.0.0.1:9477"
    )


class MetricsSettings(Section):
    """The figures that `goldloop serve` gives to Prometheus."""

    address: str = ""
    """Port of this machine, such as "9477", or host and port at which /metrics answers; empty: nowhere.
    Beyond this machine it needs the secret GOLDLOOP_METRICS_TOKEN."""
    refresh_s: Annotated[float, Field(ge=1)] = 60.0
    """Seconds between two looks at the tables; a scrape only reads what the last one found."""

    @field_validator("address")
    @classmethod
    def _is_address(cls, address: str) -> str:
        try:
            if address:
                parsed_address(address)
        except SettingsError as error:
            raise ValueError(str(error)) from error
        return address
