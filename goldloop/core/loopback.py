"""Addresses of this machine: no request to them goes through a proxy, and those with TLS are verified."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from ipaddress import ip_address
from typing import TypedDict
from urllib.parse import urlsplit

HOSTS = ("127.0.0.1", "localhost", "::1")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_EXCEPTIONS = ("no_proxy", "NO_PROXY")  # Python prefers the first; other programs read only one of them
_NO_PROXY_AT_ALL = "*"


def is_loopback(url: str) -> bool:
    """Return whether `url` leads to this machine.

    Raises:
        ValueError: it is no address.
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


class ClientOptions(TypedDict):
    """Options of a client of httpx: whether it reads the environment, and whom it trusts."""

    trust_env: bool
    verify: ssl.SSLContext | bool


def client_options(url: str) -> ClientOptions:
    """Return the options of a client of httpx for `url`; certificates are verified wherever it has TLS.

    A client of another machine reads the environment itself. For this machine it must not, because of the
    proxies there, so SSL_CERT_FILE, the file of authorities to trust, is read here; without it the machine's.

    Raises:
        ValueError: `url` is no address.
    """
    if not is_loopback(url):
        return {"trust_env": True, "verify": True}
    if urlsplit(url).scheme != "https":
        return {
            "trust_env": False,
            "verify": False,
        }  # there is no certificate, and reading authorities is slow
    return {
        "trust_env": False,
        "verify": ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or None),
    }


def direct_loopback(environment: Mapping[str, str], *urls: str) -> dict[str, str]:
    """Return the variables that keep proxies away from this machine; none if `environment` names no proxy.

    `urls` are addresses that the programs use; those of this machine are added to the usual names of it. If
    all of them are, a proxy that httpx cannot use is emptied: httpx would refuse to work at all.
    """
    proxies = {name: value for name, value in environment.items() if name.lower() in _PROXIES and value}
    if not proxies:
        return {}
    is_local = [is_loopback(url) for url in urls]
    useless = [
        name for name, value in proxies.items() if is_local and all(is_local) and not _is_usable(value)
    ]
    return dict.fromkeys(useless, "") | dict.fromkeys(_EXCEPTIONS, _exceptions(environment, urls))


def _exceptions(environment: Mapping[str, str], urls: Iterable[str]) -> str:
    given = [name.strip() for variable in _EXCEPTIONS for name in environment.get(variable, "").split(",")]
    if _NO_PROXY_AT_ALL in given:
        return _NO_PROXY_AT_ALL
    local = [urlsplit(url).hostname or "" for url in urls if is_loopback(url)]
    return ",".join(dict.fromkeys(name for name in [*given, *HOSTS, *local] if name))


def _is_usable(proxy: str) -> bool:
    """Return whether httpx can use this address of a proxy."""
    try:
        address = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        has_port = address.port is None or address.port > 0
    except ValueError:
        return False
    is_known = address.scheme in ("http", "https")
    return has_port and (
        is_known or (address.scheme.startswith("socks") and find_spec("socksio") is not None)
    )
