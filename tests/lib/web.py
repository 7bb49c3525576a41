"""What web servers in front of evercert have in common here: one plain port, one TLS port where there is a certificate,
all on 127.0.0.1. A subclass says what its configuration looks like and how it is run."""

import http.client
import signal
import socket
import subprocess

from certificates import served_leaf
from ports import free_port
from processes import wait_until


class WebServer:
    """Writes a configuration and, with start(), runs it.

    http_port    plain port, chosen when not given: hand it to Pebble(http_port=...)
    https_port   the TLS port, chosen when not given
    http, https  more text of the configuration, for the server (or frontend) of that port
    top          more text outside of both
    certificate  files for the TLS port, as set_certificate() takes them

    folder       everything is in here      config_file  what the server reads
    pid_file     for a hook that reloads: kill -SIGNAL $(cat pid_file), see the subclass' RELOAD
    """

    KIND = "web"
    RELOAD = signal.SIGHUP  # what makes the process in pid_file read its configuration again

    def __init__(self, processes, folder, http_port=None, https_port=None, http="", https="", top="", certificate=None):
        self._processes = processes
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        self.http_port, self.https_port = http_port or free_port(), https_port or free_port()
        self.config_file = folder / f"{self.KIND}.conf"
        self.pid_file = folder / f"{self.KIND}.pid"
        self.process = None
        self._texts = {"http": http, "https": https, "top": top}
        self._certificate = certificate
        self.prepare()
        self.set()

    # What a subclass says

    def prepare(self):
        """Files besides the configuration, before it is written the first time."""

    def configuration(self, http, https, top, certificate):
        """The whole text. `https` and `certificate` may be empty: then there is no TLS port."""
        raise NotImplementedError

    def command(self):
        """argv of the server in the foreground."""
        raise NotImplementedError

    def check_command(self):
        """argv of its own check of the configuration."""
        raise NotImplementedError

    def environment(self):
        """Of both; None: that of the tests."""
        return None

    # What everybody does

    def set(self, **texts):
        """Other texts: set(https="..."), or another certificate. In force with the next start() or reload()."""
        if "certificate" in texts:
            self._certificate = texts.pop("certificate")
        self._texts.update(texts)
        self.config_file.write_text(self.configuration(**self._texts, certificate=self._certificate))

    def set_certificate(self, certificate):
        """(certificate file, key file) for the TLS port, or None."""
        self.set(certificate=certificate)

    def has_tls(self):
        return bool(self._certificate or self._texts["https"])

    def check(self):
        """The server's own check of the configuration must be content."""
        argv = [str(word) for word in self.check_command()]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, env=self.environment())
        assert done.returncode == 0, f"{self.KIND} does not like {self.config_file}:\n{done.stdout}{done.stderr}"

    def start(self):
        self.check()
        log = self.folder / "output.log"
        self.process = self._processes.start(self.command(), log, peer=True, env=self.environment())
        wait_until(self._up, f"{self.KIND} to start ({self.folder})")
        return self

    def _up(self):
        if not self.process.alive():
            raise AssertionError(f"{self.KIND} ended with {self.process.status()}:\n{self.errors()}")
        # Its pid file is what a server writes last; a port may be open a moment too early.
        if not self.pid_file.exists() or not self._connects(self.http_port):
            return False
        return not self.has_tls() or self._connects(self.https_port)

    @staticmethod
    def _connects(port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    def reload(self):
        """Makes it read its configuration again, and returns once the check was good and the signal sent: wait for
        what must come of it (wait_served)."""
        self.check()
        self.process.send(self.RELOAD)

    def errors(self):
        """What it printed and logged."""
        text = self.process.text() if self.process else ""
        log = self.folder / "error.log"
        return text + (log.read_text(errors="replace") if log.exists() else "")

    def get(self, path, host="a.example", port=None):
        """(status, Location or "", body) of a plain request."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.http_port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location", ""), answer.read().decode(errors="replace")
        finally:
            connection.close()

    def served(self, name, roots):
        """The Leaf that the TLS port serves for `name`, checked against the PEM text `roots`."""
        return served_leaf(self.https_port, name, roots)

    def wait_served(self, name, roots, fingerprint, timeout=10.0):
        """Waits until the TLS port serves the certificate with this fingerprint."""

        def there():
            try:
                return self.served(name, roots).fingerprint == fingerprint
            except OSError:
                return False  # between two generations of itself

        return wait_until(there, f"{self.KIND} to serve {fingerprint[:16]}", timeout)

    def stop(self):
        self.process.stop()
