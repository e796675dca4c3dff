"""E-mail and webhook, on a real mail server and a real web server of this machine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from goldloop.adapters.notification_receivers import receivers
from goldloop.core.errors import SettingsError
from goldloop.core.loop_events import EventName, LoopEvent, Receiver, ReceiverError
from goldloop.settings.notifications import SMTP_PASSWORD, WEBHOOK_URL, NotificationSettings
from goldloop.settings.toml import checked_settings
from tests.receivers import certificate_of_localhost, mail_server, webhook

REFUSED = LoopEvent(
    EventName.MODEL_REFUSED,
    "model.refused 3 4",
    datetime(2026, 3, 2, 6, 0, tzinfo=UTC),
    "round 3: model 4 refused",
    ("the 95 % interval still allows a drop of 4.0 points <!channel> & more", "zweite Zeile: Äpfel"),
)
MAIL: dict[str, Any] = {
    "email_to": ["ana@example.com", "ops@example.com"],
    "email_from": "goldloop@example.com",
}
PASSWORD = "correct horse"


def mailing(port: int, environment: dict[str, str] | None = None, **settings: Any) -> Receiver:
    """Return the receiver that these settings make."""
    values = {"smtp_host": "localhost", "smtp_port": port, **MAIL, **settings}
    made = NotificationSettings(**values)
    (receiver,) = receivers(made, environment or {}, workspace="shop", workspace_id="1" * 32)
    return receiver


def posting(url: str) -> Receiver:
    """Return the webhook at `url`."""
    made = NotificationSettings(webhook=True)
    (receiver,) = receivers(made, {WEBHOOK_URL: url}, workspace="shop", workspace_id="1" * 32)
    return receiver


def test_an_e_mail_says_what_happened() -> None:
    """All addresses get one mail with the reasons; sent again it has the same id, so it is shown once."""
    with mail_server() as mails:
        receiver = mailing(mails.port, smtp_security="none")
        receiver.send(REFUSED)
        receiver.send(REFUSED)

    first, second = mails.messages
    assert mails.recipients[0] == ["ana@example.com", "ops@example.com"]
    assert first["Subject"] == "[goldloop shop] round 3: model 4 refused"
    assert (first["From"], first["To"]) == ("goldloop@example.com", "ana@example.com, ops@example.com")
    assert first["Date"] == "Mon, 02 Mar 2026 06:00:00 +0000"
    assert first["Message-ID"] == second["Message-ID"]
    content = first.get_payload(decode=True)
    assert isinstance(content, bytes)
    lines = content.decode().splitlines()
    assert lines[1:3] == list(REFUSED.lines)
    assert lines[3] == "model.refused in the workspace shop, 2026-03-02 06:00 UTC"


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # of aiosmtpd, which does not see its own TLS
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_is_encrypted_and_the_server_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    """The password goes only to a server whose certificate is trusted."""
    certificate = certificate_of_localhost(tmp_path)
    with mail_server(certificate=certificate, is_wrapped=security == "tls", password=PASSWORD) as mails:
        login = {"smtp_security": security, "smtp_user": "robot"}
        receiver = mailing(mails.port, {SMTP_PASSWORD: PASSWORD}, **login)
        with pytest.raises(
            ReceiverError, match=r"localhost:\d+ did not take it: .*CERTIFICATE_VERIFY_FAILED"
        ):
            receiver.send(REFUSED)

        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        receiver.send(REFUSED)
        assert len(mails.messages) == 1

        with pytest.raises(ReceiverError, match=r"did not take it: .*535") as refused:
            mailing(mails.port, {SMTP_PASSWORD: "wrong horse"}, **login).send(REFUSED)
        assert "wrong horse" not in str(refused.value)
        with pytest.raises(ReceiverError, match="the environment variable GOLDLOOP_SMTP_PASSWORD is not set"):
            mailing(mails.port, **login).send(REFUSED)


def test_a_mail_server_that_fails(tmp_path: Path) -> None:
    """Whatever it does, the error is a sentence that names it."""
    with mail_server() as mails:
        mails.refuses = True
        with pytest.raises(ReceiverError, match=r"localhost:\d+ did not take it: .*the mailbox is full"):
            mailing(mails.port, smtp_security="none").send(REFUSED)
        with pytest.raises(ReceiverError, match=r"did not take it: STARTTLS extension not supported"):
            mailing(mails.port).send(REFUSED)
        port = mails.port
    with pytest.raises(ReceiverError, match=r"localhost:\d+ did not take it: .*refused"):
        mailing(port, smtp_security="none").send(REFUSED)


def test_a_webhook_takes_what_slack_takes() -> None:
    """The title is bold, and nothing in a sentence calls everybody or becomes a link."""
    with webhook() as posts:
        posting(posts.url).send(REFUSED)

    (text,) = posts.texts
    lines = text.splitlines()
    assert lines[0] == "*round 3: model 4 refused*"
    assert lines[1].endswith("a drop of 4.0 points &lt;!channel&gt; &amp; more")
    assert len(lines) == 4


def test_a_webhook_that_fails() -> None:
    """Status and words are told, and the address, which is a secret, is not."""
    with webhook() as posts:
        posts.status = 404
        with pytest.raises(ReceiverError, match="webhook: it answered 404: no_service") as refused:
            posting(posts.url).send(REFUSED)
        url = posts.url
    assert url not in str(refused.value)
    for address in (url, "http://[secret-address", "ftp://secret-address"):
        with pytest.raises(ReceiverError, match="webhook: it does not answer: ") as silent:
            posting(address).send(REFUSED)
        assert "secret" not in str(silent.value)
    with pytest.raises(ReceiverError, match="the environment variable GOLDLOOP_WEBHOOK_URL is not set"):
        posting("").send(REFUSED)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"email_to": ["ops"]}, "needs addresses such as 'ops@example.com', got 'ops'"),
        ({**MAIL}, "email_to needs the mail server in smtp_host"),
        ({**MAIL, "smtp_host": "mail", "email_from": ""}, "email_to needs a sender in email_from"),
        ({**MAIL, "smtp_host": "mail", "smtp_security": "none"}, "would send mail to 'mail' unencrypted;"),
        (
            {**MAIL, "smtp_host": "localhost", "smtp_security": "none", "smtp_user": "robot"},
            "unencrypted, with the password; set it to",
        ),
        ({"events": ["model.refused", "model.gone"]}, "events"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any], said: str) -> None:
    """The sentence names the setting."""
    with pytest.raises(SettingsError) as refused:
        checked_settings({"name": "shop", "labels": ["a", "b"], "notifications": wrong}, "goldloop.toml")
    assert said in str(refused.value)
    assert "notifications" in str(refused.value)


def test_nobody_is_told_by_default() -> None:
    """A new workspace sends nothing anywhere."""
    assert receivers(NotificationSettings(), {WEBHOOK_URL: "x"}, workspace="w", workspace_id="1") == []
