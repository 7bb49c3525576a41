"""nginx in front of evercert: challenges on a plain port, the certificate on a TLS port. No root needed."""

import os
import pathlib
import re
import signal
import socket

from certificates import served_leaf
from peers import from_system
from ports import free_port
from processes import wait_until

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/nginx/tls-alpn-01.conf"
STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"

_MAIN = """\
{stream}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
{user}
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/temp/body;
    proxy_temp_path {folder}/temp/proxy;
    fastcgi_temp_path {folder}/temp/fastcgi;
    uwsgi_temp_path {folder}/temp/uwsgi;
    scgi_temp_path {folder}/temp/scgi;
    server {{
        listen 127.0.0.1:{http_port};
        location / {{ return 200 "nginx\\n"; }}
        {challenges}
    }}
    {tls}
}}
"""
_PROXY = "location /.well-known/acme-challenge/ {{ proxy_pass http://127.0.0.1:{port}; proxy_set_header Host $host; }}"
_WEBROOT = "location /.well-known/acme-challenge/ {{ root {folder}; default_type text/plain; }}"
_TLS = """server {{
        listen 127.0.0.1:{port} {how};
        {certificates}
        location / {{ return 200 "nginx over tls\\n"; }}
    }}"""


class Nginx:
    """Writes a configuration and, with start(), runs it.

    http_port    plain port, chosen when not given: hand it to Pebble(http_port=...)
    proxy_to     port that /.well-known/acme-challenge/ is passed on to (evercert's responder), or
    webroot      folder it is served from
    certificate  (certificate file, key file) for the TLS port; set_certificate() does it later
    alpn_to      port that connections for tls-alpn-01 are passed on to (evercert's), as in examples/nginx

    https_port   the TLS port         pid_file   for a hook that reloads: kill -HUP $(cat pid_file)
    """

    def __init__(self, processes, folder, http_port=None, proxy_to=None, webroot=None, certificate=None, alpn_to=None):
        self._processes = processes
        self.folder = folder
        (folder / "temp").mkdir(parents=True, exist_ok=True)
        self.http_port = http_port or free_port()
        self.https_port = free_port()
        self.pid_file = folder / "nginx.pid"
        self.config_file = folder / "nginx.conf"
        self._proxy_to, self._webroot = proxy_to, webroot
        self._alpn_ports = {443: self.https_port, 8443: alpn_to, 8444: free_port(), 4443: free_port()} if alpn_to else {}
        self.process = None
        self.set_certificate(certificate)

    def set_certificate(self, certificate, *more):
        """(certificate file, key file), or None for no TLS port; more such pairs are of other key types. In force with
        the next start() or reload()."""
        challenges = ""
        if self._proxy_to:
            challenges = _PROXY.format(port=self._proxy_to)
        elif self._webroot:
            challenges = _WEBROOT.format(folder=self._webroot)
        port, how = self.https_port, "ssl"
        if self._alpn_ports:
            port, how = self._alpn_ports[4443], "ssl proxy_protocol; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol"
        values = {"port": port, "how": how}
        pairs = "\n        ".join(
            f"ssl_certificate {one}; ssl_certificate_key {key};" for one, key in ((certificate, *more) if certificate else ())
        )
        tls = _TLS.format(certificates=pairs, **values) if certificate else ""
        self.config_file.write_text(
            _MAIN.format(
                folder=self.folder,
                stream=self._stream(),
                # Workers of a root master would become nobody, who can't read a test's folder.
                user="user root;" if os.geteuid() == 0 else "",
                http_port=self.http_port,
                challenges=challenges,
                tls=tls,
            )
        )
        self._tls = bool(certificate)

    def _stream(self):
        """The example as it stands, included, with ports of ours in the place of its own."""
        if not self._alpn_ports:
            return ""
        example = EXAMPLE.read_text()
        for port in self._alpn_ports:
            assert f":{port}" in example or f" {port};" in example, f"{EXAMPLE} has no port {port}"
        file = self.folder / "tls-alpn-01.conf"
        file.write_text(re.sub(r"(?<=[ :])(443|8443|8444|4443)\b", lambda m: str(self._alpn_ports[int(m[0])]), example))
        return f"load_module {STREAM_MODULE};\ninclude {file};"

    def start(self):
        self.process = self._processes.start(
            [from_system("nginx"), "-p", self.folder, "-e", self.folder / "error.log", "-c", self.config_file],
            self.folder / "output.log",
            peer=True,
        )
        # The pid file is written last, after the ports are bound.
        wait_until(self._up, f"nginx to start ({self.folder}/error.log)")
        return self

    def _up(self):
        if not self.process.alive():
            raise AssertionError(f"nginx ended with {self.process.status()}:\n{self.process.text()}{self.errors()}")
        return self.pid_file.exists() and self._connects(self.http_port)

    @staticmethod
    def _connects(port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    def workers(self):
        """pids of the workers."""
        try:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as children:
                return {int(pid) for pid in children.read().split()}
        except OSError:
            return set()

    def reload(self, timeout=10.0):
        """As `nginx -s reload`, and waits until the old workers are gone, so that the next connection meets the new
        configuration. A configuration that nginx refuses fails the test."""
        before, errors = self.workers(), len(self.errors())
        self.process.send(signal.SIGHUP)

        def done():
            if "[emerg]" in self.errors()[errors:]:
                raise AssertionError(f"nginx refused the configuration:\n{self.errors()[errors:]}")
            now = self.workers()
            return now and not now & before

        wait_until(done, "nginx to take the new configuration", timeout)

    def reloads(self):
        """How many times it was told to reload, by whoever."""
        return self.errors().count("(SIGHUP) received")

    def errors(self):
        path = self.folder / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def accesses(self):
        """Lines of the access log."""
        path = self.folder / "access.log"
        return path.read_text(errors="replace").splitlines() if path.exists() else []

    def served(self, name, roots):
        """The Leaf that the TLS port serves for `name`, checked against the PEM text `roots`."""
        return served_leaf(self.https_port, name, roots)

    def wait_served(self, name, roots, fingerprint, timeout=10.0):
        """Waits until the TLS port serves the certificate with this fingerprint."""
        return wait_until(
            lambda: self.served(name, roots).fingerprint == fingerprint, f"nginx to serve {fingerprint[:16]}", timeout
        )

    def stop(self):
        self.process.stop()
