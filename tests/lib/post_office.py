"""A mail server that keeps what it is given (aiosmtpd), and a server that takes webhooks."""

import email
import email.policy
import http.server
import json
import ssl
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from ports import free_port


class PostOffice:
    """An SMTP server on 127.0.0.1:.port for `with`; .mails is what it was given: EmailMessage with .sender and
    .recipients.

    certificate   files (certificate, key): it offers STARTTLS
    login         (user, password) that it wants, and only over TLS
    """

    def __init__(self, certificate=None, login=None):
        self.port = free_port()
        self.url = f"smtp://localhost:{self.port}"
        self.mails = []
        options = {}
        if certificate is not None:
            options["tls_context"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            options["tls_context"].load_cert_chain(*(str(file) for file in certificate))
        if login is not None:
            wanted = tuple(word.encode() for word in login)
            options["authenticator"] = lambda server, session, envelope, mechanism, data: AuthResult(
                success=(data.login, data.password) == wanted
            )
            options["auth_required"] = True
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)

    async def handle_DATA(self, server, session, envelope):  # the name that aiosmtpd looks for
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mail.sender, mail.recipients, mail.secure = envelope.mail_from, envelope.rcpt_tos, session.ssl is not None
        self.mails.append(mail)
        return "250 OK"

    def __enter__(self):
        self._controller.start()
        return self

    def __exit__(self, *_):
        self._controller.stop()


class Webhook:
    """An HTTPS server on 127.0.0.1:.port for `with`; .calls is what was POSTed: (headers, object). It answers `status`."""

    def __init__(self, certificate, status=200, answer=""):
        calls = self.calls = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                calls.append((dict(self.headers), json.loads(body)))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*(str(file) for file in certificate))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://localhost:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
