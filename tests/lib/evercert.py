"""evercert itself: the real binaries of the test build, with a state and a configuration of their own."""

import collections
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

import yaml

from certificates import read_chain
from processes import sanitizer_reports, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROCESSES = ("parent", "keeper", "engine", "responder", "solver", "watcher")
HELPERS = ("importer", "messenger", "primitive")  # beside them, and no members of a daemon

# Exit statuses, a promise to scripts.
DONE, FAILED, USAGE, LOCKED = 0, 1, 2, 3

Result = collections.namedtuple("Result", "status stdout stderr seconds")


def build_folder():
    """$EVERCERT_BUILD, else build/test."""
    return pathlib.Path(os.environ.get("EVERCERT_BUILD") or ROOT / "build/test")


def binary():
    path = build_folder() / "src/cli/evercert"
    if not os.access(path, os.X_OK):
        raise AssertionError(f"{path} is not built; script/test builds it")
    return path


def process_binary(name):
    """The executable of one process: src/processes/NAME in the build folder."""
    path = build_folder() / "src/processes" / name
    if not os.access(path, os.X_OK):
        raise AssertionError(f"{path} is not built; script/test builds it")
    return path


class NotifySocket:
    """What systemd is for a service of Type=notify. Paths of sockets are short, so it has a folder of its own."""

    def __init__(self, path):
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.messages = []

    def read(self):
        """All messages so far, each a dictionary: [{"READY": "1", "STATUS": "..."}, ...]."""
        while True:
            try:
                text = self._socket.recv(65536).decode(errors="replace")
            except BlockingIOError:
                return self.messages
            self.messages.append(dict(line.split("=", 1) for line in text.splitlines() if "=" in line))

    def count(self, key, value="1"):
        return sum(message.get(key) == value for message in self.read())

    def close(self):
        self._socket.close()


class Evercert:
    """One evercert: a folder with evercert.yaml and state/, and everything that it prints.

    pebble      the CA: becomes the configuration's authority "test" and the default
    listen      addresses of the built-in responder; Pebble's http port when not given
    config      more for the configuration file, over what stands in configuration()
    env         more environment
    through     words before every command line, as a sudo: to run it as somebody else, or somewhere else
    user        uid and gid to run as, without groups and capabilities; needs root, and a folder that user may enter
    leaks       let LeakSanitizer look at the end of each process; it can't where a process forbids ptrace

    .config_file .state (the state directory) .control (the control socket) .log (everything printed, all runs)
    """

    def __init__(
        self, processes, folder, pebble=None, listen=None, config=None, env=None, through=(), user=None, leaks=False
    ):
        self._processes = processes
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        # A socket's path has 107 octets at most, and a test's folder can be longer than that.
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="evercert-"))
        self.state = folder / "state"
        self.config_file = folder / "evercert.yaml"
        self.control = self.state / "control.sock"
        self.log = folder / "evercert.log"
        self.log.touch()
        self.pebble = pebble
        self.listen = listen or ([f"127.0.0.1:{pebble.http_port}"] if pebble else None)
        self.daemon = None
        self.notify = None
        self._env = env or {}
        self._user = user
        become = [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]
        self.through = [*become, *(str(word) for word in through)]
        self._user = user
        self._leaks = leaks
        self.write_config(config)
        if user is not None:
            for path in (folder, self.sockets, self.config_file):
                os.chown(path, user, user)

    # Set-up

    def configuration(self):
        """The configuration that a test starts from."""
        # A daemon of a test is not to be waited for: its hooks and orders may hang on purpose.
        settings = {"agree-tos": True, "email": "ops@example.com", "stop-timeout": "2s"}
        if self.pebble:
            settings["authority"] = "test"
            settings["authorities"] = {"test": {"directory": self.pebble.url, "ca-file": str(self.pebble.ca_file)}}
            settings["tls-alpn-01"] = {"listen": f"127.0.0.1:{self.pebble.tls_port}"}
        if self.listen:
            settings["http-01"] = {"listen": self.listen}
        return settings

    def write_config(self, more=None):
        """Writes evercert.yaml: configuration() with the keys of `more` over it; a key that is None is left out."""
        settings = {**self.configuration(), **(more or {})}
        self.config_file.write_text(yaml.safe_dump({key: value for key, value in settings.items() if value is not None}))
        self.config_file.chmod(0o600)

    def libexec(self):
        """A folder with all executables, for EVERCERT_LIBEXEC: in an installed system they are beside each other, in a
        build folder they are not."""
        folder = self.folder / "libexec"
        if not folder.exists():
            folder.mkdir()
            for name in (*PROCESSES, *HELPERS):
                (folder / name).symlink_to(process_binary(name))
            (folder / "acme-sh-host").symlink_to(build_folder() / "src/processes/acme-sh-host")
        return folder

    def importer(self, document):
        """From now on an importer that prints this, whatever it is asked for: an object, or any text."""
        program, answer = self.libexec() / "importer", self.folder / "importer.json"
        answer.write_text(document if isinstance(document, str) else json.dumps(document))
        program.unlink()
        program.write_text(f"#!/bin/sh\ncat '{answer}'\n")
        program.chmod(0o755)

    def environment(self):
        env = {name: value for name, value in os.environ.items() if name not in ("NOTIFY_SOCKET", "NO_COLOR")}
        env["EVERCERT_LIBEXEC"] = str(self.libexec())
        env["EVERCERT_PROVIDERS"] = str(ROOT / "providers")
        env.setdefault("EVERCERT_LOCAL_PROVIDERS", str(self.folder / "providers"))
        env["ASAN_OPTIONS"] = f"detect_leaks={int(self._leaks)}:abort_on_error=0:exitcode=99"
        env["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1:exitcode=99"
        env.update(self._env)
        return env

    def argv(self, *words):
        own = [str(binary()), "-c", str(self.config_file), "--state", str(self.state)]
        return [*self.through, *own, *(str(word) for word in words)]

    # Commands

    def run(self, *words, timeout=60, status=None, stdin="", env=None):
        """Runs one command to its end: run("renew", "--force", "example.com"). With `status`, another exit status
        fails the test. Returns Result(status, stdout, stderr, seconds)."""
        began = time.monotonic()
        try:
            done = subprocess.run(
                self.argv(*words),
                input=stdin,
                env={**self.environment(), **(env or {})},
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as late:
            self._write_log(words, "killed", late.stdout, late.stderr)
            raise AssertionError(f"evercert {' '.join(map(str, words))} took over {timeout} s:\n{late.stderr}") from None
        self._write_log(words, done.returncode, done.stdout, done.stderr)
        if status is not None and done.returncode != status:
            raise AssertionError(
                f"evercert {' '.join(map(str, words))} ended with {done.returncode}, not {status}:\n"
                f"{done.stdout}{done.stderr}"
            )
        return Result(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def start(self, *words):
        """Starts one command and does not wait: a Process, whose output goes to .log; for kill_all() midway, or for
        several at once."""
        return self._processes.start(self.argv(*words), self.log, env=self.environment())

    def _write_log(self, words, status, *texts):
        texts = [text.decode(errors="replace") if isinstance(text, bytes) else text or "" for text in texts]
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(f"$ evercert {' '.join(map(str, words))}\n{''.join(texts)}[{status}]\n")

    @staticmethod
    def options(options):
        """{"key_type": "rsa-2048", "dry_run": True, "deploy": ["a", "b"]} as words of the command line."""
        words = []
        for name, value in options.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                if one is not False and one is not None:
                    words += [f"--{name.replace('_', '-')}"] + ([] if one is True else [str(one)])
        return words

    def issue(self, *names, timeout=60, status=DONE, **options):
        """`evercert issue -d NAME...`, which must end with `status` (None: any)."""
        words = [word for name in names for word in ("-d", name)]
        return self.run("issue", *words, *self.options(options), timeout=timeout, status=status)

    def renew(self, *certificates, timeout=60, status=DONE, **options):
        """`evercert renew [CERT...]`; force=True for the named ones now."""
        return self.run("renew", *certificates, *self.options(options), timeout=timeout, status=status)

    def list(self):
        """`evercert list --json`, read."""
        return json.loads(self.run("list", "--json", status=DONE).stdout)

    def show(self, certificate):
        """`evercert show CERT --json`, read."""
        return json.loads(self.run("show", certificate, "--json", status=DONE).stdout)

    # Daemon

    def run_daemon(self, *words, timeout=20):
        """Starts `evercert run` as systemd would, and waits until it says that it is ready. Returns the Process; its
        output goes to .log too."""
        assert self.daemon is None or not self.daemon.alive(), "the daemon runs already"
        if self.notify:
            self.notify.close()
        path = self.sockets / "notify"
        path.unlink(missing_ok=True)
        self.notify = NotifySocket(path)
        if self._user is not None:
            os.chown(path, self._user, self._user)
        env = {**self.environment(), "NOTIFY_SOCKET": str(path)}
        self.daemon = self._processes.start(self.argv("run", *words), self.log, env=env)

        def ready():
            if not self.daemon.alive():
                raise AssertionError(f"the daemon ended with {self.daemon.status()}:\n{self.daemon.text()[-4000:]}")
            return self.notify.count("READY") > 0

        wait_until(ready, f"the daemon to be ready; its log:\n{self.text()[-4000:]}", timeout)
        return self.daemon

    def reload(self, timeout=10):
        """SIGHUP, and waits until it is ready again. (That it also is when the new configuration was refused.)"""
        before = self.notify.count("READY")
        self.daemon.send(signal.SIGHUP)
        wait_until(lambda: self.notify.count("READY") > before, "the daemon to have reloaded", timeout)

    def stop_daemon(self, timeout=15, status=DONE):
        """SIGTERM, as systemd does; it must end by itself, with `status`."""
        ended = self.daemon.stop(timeout)
        assert ended == status, f"the daemon ended with {ended}, not {status}:\n{self.text()[-4000:]}"

    @staticmethod
    def kill_one(pid):
        """kill -9 of one process."""
        os.kill(pid, signal.SIGKILL)

    def kill_all(self):
        """kill -9 of every process that is no peer, as a power failure would."""
        for pid in self._processes.leftovers():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._processes.expect_none_left()

    def pid_of(self, name, timeout=10):
        """The pid of one process of the running daemon, as "keeper"."""

        def find():
            return [pid for pid, command in self._processes.leftovers().items() if command == name]

        return wait_until(find, f"a process named {name}", timeout)[0]

    # What it left

    def live(self, name):
        """The folder with the certificate's files."""
        return self.state / "live" / name

    def leaf(self, name):
        """The certificate in force, read (a Leaf); checked to have the key beside it, and to be the same in all
        files. One generation is read whole, although another may come into force meanwhile."""
        link = self.live(name)
        folder = link.parent / os.readlink(link)
        leaf = read_chain(folder / "cert.pem")[0]
        assert leaf.has_key(folder / "privkey.pem"), f"{folder}: the key is not the certificate's"
        for file in ("fullchain.pem", "combined.pem"):
            assert read_chain(folder / file)[0].fingerprint == leaf.fingerprint, f"{folder}/{file} has another leaf"
        return leaf

    def wait_live(self, name, but=None, timeout=30.0):
        """Waits until there is a certificate in force whose fingerprint is not `but`; returns its Leaf."""

        def other():
            try:
                return read_chain(self.live(name) / "cert.pem")[0].fingerprint != but
            except (OSError, IndexError):
                return False

        wait_until(other, f"a certificate of {name}", timeout)
        return self.leaf(name)

    def wait_valid(self, name, timeout=30.0):
        """Waits until list says that it is valid, which it does a moment after the files are there. Its row."""
        return self.wait_row(name, lambda row: row["state"] == "valid", "valid", timeout)

    def row(self, name):
        """What list says about one certificate; None where it is not there."""
        return next((row for row in self.list() if row["name"] == name), None)

    def wait_row(self, name, condition, what, timeout=30.0):
        """Waits until condition(row(name)) is true; returns the row."""

        def good():
            row = self.row(name)
            return row if row is not None and condition(row) else None

        return wait_until(good, f"{name} to be {what}", timeout)

    def log_rows(self, name=None):
        """`evercert log --json [NAME]`, read."""
        words = [name] if name else []
        return [json.loads(line) for line in self.run("log", "--json", *words, status=DONE).stdout.splitlines()]

    def events(self, name):
        """What happened to a certificate, by kind, without the notes that Pebble lost what was to be replaced."""
        rows = self.log_rows(name)
        return [row["event"] for row in rows if "could not find order" not in row["text"]]

    def text(self):
        """Everything printed so far."""
        return self.log.read_text(errors="replace")

    def no_key_readable(self):
        """Fails when a file below the state that holds a private key could be read by others."""
        for path in self.state.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_mode & stat.S_IROTH:
                assert b"PRIVATE KEY" not in path.read_bytes(), f"{path} holds a key and is readable by all"

    def finish(self):
        """What must be true at the end of every test: the daemon ends when asked, nothing is left running, no
        sanitizer had anything to say."""
        try:
            if self.daemon and self.daemon.alive():
                self.stop_daemon()
            self._processes.expect_none_left()
            report = sanitizer_reports(self.text())
            assert not report, f"a sanitizer reports:\n{report}"
        finally:
            if self.notify:
                self.notify.close()
            shutil.rmtree(self.sockets, ignore_errors=True)


__all__ = ["DONE", "FAILED", "LOCKED", "USAGE", "Evercert", "NotifySocket", "Result", "binary", "build_folder"]
