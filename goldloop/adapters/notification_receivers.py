"""Receivers of notifications: a mail server by SMTP, and a webhook that takes what Slack takes."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime

import httpx

from goldloop.core.loop_events import LoopEvent, Receiver, ReceiverError
from goldloop.core.loopback import is_loopback
from goldloop.core.server_words import in_one_line
from goldloop.settings.notifications import SMTP_PASSWORD, WEBHOOK_URL, NotificationSettings

TIMEOUT_S = 10.0
_MOST_LINES = 40


@dataclass(frozen=True, slots=True)
class EmailReceiver:
    """A mail server. Satisfies `goldloop.core.loop_events.Receiver`.

    `workspace` names the workspace in the subject and its id in the Message-ID, which is the same when an
    event is sent again, so that mail programs show it once.
    """

    settings: NotificationSettings
    workspace: str
    workspace_id: str
    password: str = field(default="", repr=False)
    name: str = "e-mail"

    def send(self, event: LoopEvent) -> None:
        """Send one e-mail to all addresses."""
        where = f"{self.settings.smtp_host}:{self.settings.smtp_port}"
        if self.settings.smtp_user and not self.password:
            raise ReceiverError(f"e-mail: the environment variable {SMTP_PASSWORD} is not set")
        try:
            with self._connected() as server:
                if self.settings.smtp_user:
                    server.login(self.settings.smtp_user, self.password)
                refused = server.send_message(self._message(event))
        except (OSError, smtplib.SMTPException) as error:
            said = in_one_line(str(error)).replace(self.password or "\0", "[secret]")
            raise ReceiverError(f"e-mail: the mail server {where} did not take it: {said}") from None
        if refused:
            raise ReceiverError(f"e-mail: the mail server {where} refused {', '.join(sorted(refused))}")

    def _connected(self) -> smtplib.SMTP:
        host, port, security = (
            self.settings.smtp_host,
            self.settings.smtp_port,
            self.settings.smtp_security,
        )
        if security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=context)
        server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
        if security == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server

    def _message(self, event: LoopEvent) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = in_one_line(f"[goldloop {self.workspace}] {event.title}", 180)
        message["From"], message["To"] = self.settings.email_from, ", ".join(self.settings.email_to)
        message["Date"] = format_datetime(event.at)
        digest = hashlib.sha256(f"{self.workspace_id} {event.key}".encode()).hexdigest()[:32]
        message["Message-ID"] = f"<{digest}@goldloop>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content("\n".join(_text(event, self.workspace)) + "\n")
        return message


@dataclass(frozen=True, slots=True)
class WebhookReceiver:
    """A Slack-compatible webhook, whose address is a secret. Satisfies `core.loop_events.Receiver`."""

    url: str = field(repr=False)
    workspace: str
    name: str = "webhook"

    def send(self, event: LoopEvent) -> None:
        """Post the event as JSON with a `text`."""
        if not self.url:
            raise ReceiverError(f"webhook: the environment variable {WEBHOOK_URL} is not set")
        title, *lines = _text(event, self.workspace)
        content = {"text": "\n".join([f"*{_escaped(title)}*", *map(_escaped, lines)])}
        try:
            is_local = is_loopback(self.url)
            with httpx.Client(timeout=TIMEOUT_S, trust_env=not is_local) as client:
                answer = client.post(self.url, json=content)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            said = in_one_line(str(error).replace(self.url, "its address")) or type(error).__name__
            raise ReceiverError(f"webhook: it does not answer: {said}") from None
        if not answer.is_success:
            said = in_one_line(answer.text.replace(self.url, "its address"))
            raise ReceiverError(f"webhook: it answered {answer.status_code}: {said or 'nothing'}")


def receivers(
    settings: NotificationSettings, environment: Mapping[str, str], *, workspace: str, workspace_id: str
) -> list[Receiver]:
    """Return the receivers that the settings ask for, with the secrets of the environment."""
    found: list[Receiver] = []
    if settings.email_to:
        password = environment.get(SMTP_PASSWORD, "")
        found.append(EmailReceiver(settings, workspace, workspace_id, password))
    if settings.webhook:
        found.append(WebhookReceiver(environment.get(WEBHOOK_URL, ""), workspace))
    return found


def _text(event: LoopEvent, workspace: str) -> list[str]:
    """Return the lines of a notification, its title first."""
    lines = [in_one_line(line, 600) for line in event.lines]
    more = [f"and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    what = f"{event.name} in the workspace {workspace}, {event.at:%Y-%m-%d %H:%M} UTC"
    return [in_one_line(event.title, 300), *lines[:_MOST_LINES], *more, what]


def _escaped(text: str) -> str:
    """Return `text` without what Slack reads as a link or as a call to everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
