"""A real nginx that includes one file, and plain web servers that say who they are: for rendered configurations."""

import http.client
import http.server
import os
import signal
import socket
import ssl
import subprocess
import threading

from peers import from_system
from ports import free_port
from processes import wait_until

_MAIN = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
{user}
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/temp/body;
    proxy_temp_path {folder}/temp/proxy;
    fastcgi_temp_path {folder}/temp/fastcgi;
    uwsgi_temp_path {folder}/temp/uwsgi;
    scgi_temp_path {folder}/temp/scgi;
    server {{ listen 127.0.0.1:{ready}; return 204; }}
    include {file};
}}
"""


class Sites:
    """nginx with what `write` puts into its one file: write(text), check(), start()."""

    def __init__(self, processes, folder):
        self._processes, self.folder = processes, folder
        (folder / "temp").mkdir(parents=True)
        self.file, self._main, self._ready = folder / "sites.conf", folder / "nginx.conf", free_port()
        user = "user root;" if os.geteuid() == 0 else ""
        self._main.write_text(_MAIN.format(folder=folder, user=user, ready=self._ready, file=self.file))
        self.process = None

    def _argv(self, *more):
        return [from_system("nginx"), "-p", self.folder, "-e", self.folder / "error.log", "-c", self._main, *more]

    def write(self, text):
        self.file.write_text(text)

    def check(self):
        """What `nginx -t` says; "" where it is content."""
        done = subprocess.run(self._argv("-t"), capture_output=True, timeout=60)
        return "" if done.returncode == 0 else done.stderr.decode(errors="replace")

    def start(self):
        self.process = self._processes.start(self._argv(), self.folder / "output.log", peer=True)
        wait_until(self._up, "nginx to start")

    def _up(self):
        assert self.process.alive(), (self.folder / "error.log").read_text(errors="replace")
        try:
            socket.create_connection(("127.0.0.1", self._ready), 1).close()
            return True
        except OSError:
            return False

    def reload(self):
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"

        def workers():
            with open(children, encoding="ascii") as file:
                return set(file.read().split())

        before = workers()
        self.process.send(signal.SIGHUP)
        wait_until(lambda: workers() and not workers() & before, "nginx to take the new configuration")


class Who(http.server.ThreadingHTTPServer):
    """Answers every request with its name and the path; `seen` are the headers of the requests."""

    def __init__(self, name):
        self.name, self.seen = name, []
        super().__init__(("127.0.0.1", 0), _Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def __exit__(self, *exception):
        self.shutdown()
        super().__exit__(*exception)


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append({name.lower(): value for name, value in self.headers.items()})
        body = f"{self.server.name} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def get(port, host, path="/", roots=None):
    """(status, body, header Location); over TLS, with the name checked, where `roots` (a file) are given."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        if roots:
            connection.sock = ssl.create_default_context(cadata=roots.read_text()).wrap_socket(
                socket.create_connection(("127.0.0.1", port), 10), server_hostname=host
            )
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers.get("Location")
    finally:
        connection.close()
