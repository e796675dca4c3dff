"""Addresses of this machine: no request to them goes through a proxy."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

HOSTS = ("127.0.0.1", "localhost", "::1")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_EXCEPTIONS = ("no_proxy", "NO_PROXY")  # Python prefers the first; other programs read only one of them
_NO_PROXY_AT_ALL = "*"


def is_loopback(url: str) -> bool:
    """Return whether `url` leads to this machine."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def direct_loopback(environment: Mapping[str, str], *urls: str) -> dict[str, str]:
    """Return the variables that keep proxies away from this machine; none if `environment` names no proxy.

    `urls` are addresses that the programs use; those of this machine are added to the usual names of it.
    """
    names = {name.lower() for name, value in environment.items() if value}
    if not names & set(_PROXIES):
        return {}
    given = [name for variable in _EXCEPTIONS for name in environment.get(variable, "").split(",")]
    if _NO_PROXY_AT_ALL in (name.strip() for name in given):
        return dict.fromkeys(_EXCEPTIONS, _NO_PROXY_AT_ALL)
    local = [urlsplit(url).hostname or "" for url in urls if is_loopback(url)]
    hosts = ",".join(dict.fromkeys(name.strip() for name in [*given, *HOSTS, *local] if name.strip()))
    return dict.fromkeys(_EXCEPTIONS, hosts)
