"""What the servers of mail, databases, directories, ... have in common: a folder of their own, ports, a certificate.

    server = service(Postfix, certificate_file, key_file)      # the fixture of conftest.py; it has started
    server.port                                                # on 127.0.0.1
    server.set_certificate(other_file, other_key); server.reload()
    server.reload_command                                      # the same for a deploy step: a list of words
"""

import os
import pathlib
import shutil
import signal
import socket
import tempfile

from ports import free_port
from processes import wait_until


def connects(port, address="127.0.0.1"):
    try:
        socket.create_connection((address, port), 1).close()
        return True
    except OSError:
        return False


class Service:
    """A server on 127.0.0.1. Its folder may be entered by every user, for many of them become another one, and has a
    short path, for they have sockets in it."""

    NAME = "service"

    def __init__(self, processes, certificate, key, **options):
        """options: attributes of the class that are to be others."""
        self._processes = processes
        for name, value in options.items():
            assert hasattr(self, name), f"{self.NAME} has no option {name}"
            setattr(self, name, value)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"evercert-{self.NAME}-"))
        self.folder.chmod(0o755)
        self.log = self.folder / "output.log"
        self.port = free_port()
        self.process = None
        self.set_certificate(certificate, key)

    def set_certificate(self, certificate, key):
        """Paths of a chain in PEM and of its key; in force with the next start() or reload()."""
        self.certificate, self.key = pathlib.Path(certificate), pathlib.Path(key)
        self.configure()

    def configure(self):
        """Writes the configuration."""

    def argv(self):
        raise NotImplementedError

    def environment(self):
        return None

    def ports(self):
        """All that have to be open before it counts as started."""
        return [self.port]

    def start(self):
        self.process = self._processes.start(
            self.argv(), self.log, peer=True, env=self.environment(), cwd=self.folder
        )
        wait_until(self._up, f"{self.NAME} to start ({self.log})", 20)
        return self

    def _up(self):
        if not self.process.alive():
            raise AssertionError(f"{self.NAME} ended with {self.process.status()}:\n{self.text()}")
        return all(connects(port) for port in self.ports())

    @property
    def reload_command(self):
        return ["/bin/kill", "-HUP", str(self.process.pid)]

    def reload(self):
        """Tells it that its files changed; when that is in force is for the caller to wait for."""
        self.process.send(signal.SIGHUP)

    def text(self):
        """What it said."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def stop(self):
        self.process.stop()

    def remove(self):
        """At the end of the test, when it has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)


def as_user(name):
    """Words before a command line that is not to be run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", "--"]
