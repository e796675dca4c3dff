"""The section [notifications] of goldloop.toml: who is told what, by e-mail and by webhook."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from goldloop.core.loop_events import EventName
from goldloop.settings.sections import Section

SMTP_PASSWORD = "GOLDLOOP_SMTP_PASSWORD"
WEBHOOK_URL = "GOLDLOOP_WEBHOOK_URL"
_ADDRESS = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")


class NotificationSettings(Section):
    """Who is told, once for each event. Secrets come from GOLDLOOP_SMTP_PASSWORD and GOLDLOOP_WEBHOOK_URL."""

    events: tuple[EventName, ...] = tuple(EventName)
    """Events that are told."""
    webhook: bool = False
    """Whether events are posted to the address in GOLDLOOP_WEBHOOK_URL, as Slack and Mattermost take them."""
    email_to: tuple[str, ...] = ()
    """Addresses that get an e-mail for each event; empty: nobody."""
    email_from: str = ""
    """Sender of the e-mails."""
    smtp_host: str = ""
    """Name of the mail server."""
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    """Port of the mail server."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted. none is for a mail server on this machine, and never with a login."""
    smtp_user: str = ""
    """Login at the mail server, with the password in GOLDLOOP_SMTP_PASSWORD; empty: no login."""

    @field_validator("email_to")
    @classmethod
    def _addresses(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            if not _ADDRESS.fullmatch(address):
                raise ValueError(f"needs addresses such as 'ops@example.com', got {address!r}")
        return addresses

    @model_validator(mode="after")
    def _mail_is_complete(self) -> Self:
        if not self.email_to:
            return self
        if not self.smtp_host:
            raise ValueError("email_to needs the mail server in smtp_host")
        if not _ADDRESS.fullmatch(self.email_from):
            raise ValueError(f"email_to needs a sender in email_from, got {self.email_from!r}")
        if self.smtp_security == "none" and (self.smtp_user or not _is_here(self.smtp_host)):
            raise ValueError(
                f"smtp_security 'none' would send mail to {self.smtp_host!r} unencrypted"
                f"{', with the password' if self.smtp_user else ''}; set it to 'starttls' or 'tls'"
            )
        return self


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
