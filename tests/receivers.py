"""Receivers of notifications on this machine: a real mail server and a webhook."""

from __future__ import annotations

import datetime
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Mails:
    """The mails that a mail server took; it refuses every one while it `refuses`."""

    port: int = 0
    refuses: bool = False
    raw: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail."""
        if self.refuses:
            return "451 the mailbox is full"
        assert isinstance(envelope.content, bytes)
        self.raw.append(envelope.content)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 taken"

    @property
    def messages(self) -> list[Message]:
        """The mails, parsed."""
        return [message_from_bytes(one) for one in self.raw]

    @property
    def subjects(self) -> list[str]:
        """The subjects of the mails."""
        return [" ".join(str(message["Subject"]).split()) for message in self.messages]


@contextmanager
def mail_server(
    *, certificate: tuple[Path, Path] | None = None, is_wrapped: bool = False, password: str = ""
) -> Iterator[Mails]:
    """Yield what a mail server on 127.0.0.1 takes; with a `certificate` (and its key) it is encrypted.

    With a `password` it wants the login `robot`.
    """
    mails = Mails()
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)

    def login(_: Any, __: Any, ___: Any, mechanism: str, data: Any) -> AuthResult:
        is_known = isinstance(data, LoginPassword) and data == LoginPassword(b"robot", password.encode())
        return AuthResult(success=is_known, handled=False)

    controller = Controller(
        mails,
        hostname="127.0.0.1",
        port=_free_port(),
        authenticator=login if password else None,
        auth_required=bool(password),
        ssl_context=context if is_wrapped else None,
        tls_context=None if is_wrapped else context,
        require_starttls=context is not None and not is_wrapped,
        auth_require_tls=not is_wrapped,  # aiosmtpd knows of TLS only where STARTTLS began it
    )
    controller.start()
    mails.port = controller.port
    try:
        yield mails
    finally:
        controller.stop()


@dataclass
class Posts:
    """What a webhook took, and the status with which it answers."""

    url: str = ""
    status: int = 200
    bodies: list[Any] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """The texts that were posted."""
        return [body["text"] for body in self.bodies]


@contextmanager
def webhook() -> Iterator[Posts]:
    """Yield what a webhook on 127.0.0.1 takes."""
    posts = Posts()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if posts.status == 200:
                posts.bodies.append(json.loads(body))
            self.send_response(posts.status)
            self.end_headers()
            self.wfile.write(b"ok" if posts.status == 200 else f"no_service {self.path}".encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        posts.url = f"http://127.0.0.1:{server.server_port}/services/T0/B0/secret-of-the-webhook"
        try:
            yield posts
        finally:
            server.shutdown()
            thread.join()


def certificate_of_localhost(folder: Path) -> tuple[Path, Path]:
    """Return a certificate for localhost, which signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
