"""HAProxy in front of evercert, see web.py. `http` and `https` are lines of the frontends of the two ports, `top` is whole
sections. A certificate is one file with key and chain (combined.pem), or (file,)."""

import signal

from peers import from_system
from web import WebServer

_MAIN = """\
global
    log stderr format raw daemon notice
    maxconn 200
defaults
    mode http
    log global
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    errorfile 503 {folder}/hello.http
{top}
frontend plain
    bind 127.0.0.1:{http_port}
{http}
    default_backend hello
{tls}
backend hello
    http-request return status 200 content-type text/plain string "haproxy\\n"
"""
_TLS = """frontend tls
{bind}
{https}
    default_backend hello
"""


class Haproxy(WebServer):
    KIND = "haproxy"
    RELOAD = signal.SIGUSR2  # to the master process, which is the one that was started

    def prepare(self):
        (self.folder / "hello.http").write_text("HTTP/1.0 503 Service Unavailable\r\nContent-Length: 5\r\n\r\ndown\n")

    def configuration(self, http, https, top, certificate):
        if isinstance(certificate, (tuple, list)):
            certificate = certificate[0]
        bind = f"    bind 127.0.0.1:{self.https_port} ssl crt {certificate}" if certificate else ""
        tls = _TLS.format(bind=bind, https=https) if bind or https else ""
        return _MAIN.format(folder=self.folder, http_port=self.http_port, top=top, http=http, tls=tls)

    def command(self):
        return [from_system("haproxy"), "-W", "-f", self.config_file, "-p", self.pid_file]

    def check_command(self):
        return [from_system("haproxy"), "-c", "-f", self.config_file]
