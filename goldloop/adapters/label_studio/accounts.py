"""Annotator accounts in Label Studio, created through the invitation link."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from goldloop.adapters.label_studio.client import LabelStudioClient, http_client, translated
from goldloop.core.errors import ServiceError
from labelstudio_config.interface import HOTKEYS

MIN_PASSWORD = 8  # characters, Label Studio's own rule


@dataclass(frozen=True, slots=True)
class Annotator:
    """An account that can log in; every annotation names its annotator by `user_id`."""

    user_id: str
    email: str
    token: str = field(repr=False)


def add_annotator(url: str, token: str, *, email: str, password: str, first_name: str = "") -> Annotator:
    """Return the account of `email`, created if missing; its hotkeys are Enter (submit) and S (skip).

    `token` belongs to an account that may read the invitation link, on the embedded server only goldloop's
    own; the new account joins its organization. `password` has at least 8 characters; for an existing account
    it must be that account's password.

    Raises:
        ServiceError: the server refused the account, or `password` is wrong for the existing account.
    """
    if len(password) < MIN_PASSWORD:
        raise ServiceError(
            f"the password for {email} has {len(password)} characters; choose one of {MIN_PASSWORD} or more"
        )
    with translated(url, f"add the annotator {email}"):
        server = LabelStudioClient(url, token)
        is_known = any(
            (account["email"] or "").lower() == email.lower() for account in server.get("/api/users/")
        )
        with http_client(url) as browser:
            if is_known:
                _submit(browser, "/user/login/", email, password)
            else:
                link = urlsplit(server.get("/api/invite")["invite_url"])
                _submit(browser, f"{link.path}?{link.query}", email, password)
            return _prepared(browser, email, first_name)


def _submit(browser: httpx.Client, address: str, email: str, password: str) -> None:
    """Submit the login or sign-up form as a browser does; status 302 is success."""
    browser.get(address).raise_for_status()
    form = {
        "csrfmiddlewaretoken": browser.cookies.get("csrftoken") or "",
        "email": email,
        "password": password,
        "allow_newsletters": "false",
    }
    reply = browser.post(address, data=form, headers={"Referer": str(browser.base_url)})
    if reply.status_code != httpx.codes.FOUND:
        raise ServiceError(
            f"Label Studio refused {email} with this password (status {reply.status_code}); for an existing "
            "account give its own password, for a new one a valid e-mail address and a less common password"
        )


def _prepared(browser: httpx.Client, email: str, first_name: str) -> Annotator:
    browser.headers["X-CSRFToken"] = browser.cookies.get("csrftoken") or ""
    browser.headers["Referer"] = str(browser.base_url)
    me = browser.get("/api/current-user/whoami").raise_for_status().json()
    browser.patch("/api/current-user/hotkeys/", json={"custom_hotkeys": HOTKEYS}).raise_for_status()
    if first_name:
        browser.patch(f"/api/users/{me['id']}/", json={"first_name": first_name}).raise_for_status()
    return Annotator(user_id=str(me["id"]), email=email, token=_token(browser, email))


def _token(browser: httpx.Client, email: str) -> str:
    """Return the user's legacy token if the server accepts legacy tokens, else a new access token."""
    settings = browser.get("/api/jwt/settings").raise_for_status().json()
    if settings["legacy_api_tokens_enabled"]:
        return str(browser.get("/api/current-user/token").raise_for_status().json()["token"])
    if browser.get("/api/token/").raise_for_status().json():
        raise ServiceError(
            f"{email} has an access token already, and Label Studio shows each only once; use that one, or "
            "revoke it on the account's Account & Settings page, then run this again"
        )
    return str(browser.post("/api/token/").raise_for_status().json()["token"])
