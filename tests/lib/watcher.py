"""The watcher alone: the test is its parent.

    watcher = Watcher(tmp_path, {"docker": stand_in.url}, wait=(50, 400))
    watcher.start()
    told = watcher.wait_told(lambda told: told.domains == {"a.example"})   # all that containers say, as it was sent last
    told.claims, told.consumers, told.problems, told.complete
    watcher.all_told                              # every time that it was sent
    watcher.template("sites.conf", "<% ... %>", kind="nginx"); watcher.feed()
    watcher.wait_output("sites.conf", "text")     # handed in, and taken; watcher.outputs["sites.conf"] has all
    watcher.take = lambda fields: ("FAILED", "nginx -t")          # what a text is answered with; None: it is taken
    watcher.act(container="web", verb=SIGNAL, signal="HUP")       # waits; the fields of its answer
    watcher.try_template("<%= 1 %>")
    watcher.states["docker"]                      # of that engine, the last one
    watcher.sockets = False                       # no sockets for engines any more
"""

import contextlib
import os
import pathlib
import socket
import subprocess
import threading

from evercert import process_binary
from frames import Channel
from processes import sanitizer_reports, wait_until

SIGNAL, RESTART, EXEC = 0, 1, 2
EVERCERT, COMPANION, TRAEFIK, CADDY = 1, 2, 4, 8  # readers
NONE, ON_SIGNAL, ON_RESTART, ON_ACTION = 0, 1, 2, 3  # of consumers
SETTINGS = '{"challenge": {}, "host": {"name": "test"}}'


class Told:
    """All that containers say, as it was sent once."""

    def __init__(self):
        self.claims, self.consumers, self.problems = [], [], []
        self.complete = None

    @property
    def domains(self):
        return {domain for claim in self.claims for domain in claim["domains"]}

    @property
    def containers(self):
        """Names of those that claim."""
        return {claim["container"] for claim in self.claims}


class Watcher:
    def __init__(self, folder, engines=None, wait=(50, 400), readers=15, labels=()):
        self.folder = pathlib.Path(folder) / "watcher"
        self.folder.mkdir()
        self.log = self.folder / "watcher.log"
        self.engines = dict(engines or {})
        self.waits, self.readers, self.labels, self.settings = wait, readers, list(labels), SETTINGS
        self.templates, self.rows = {}, []
        self.all_told, self.outputs, self.states, self.state_log = [], {}, {}, []
        self.changes = 0  # of the world
        self.sockets, self.wants = True, []
        self.take = lambda fields: None
        self.popen = None
        self._draft, self._answers, self._lock = None, {}, threading.RLock()

    # --- what the parent says ---

    def template(self, output, text, kind="none", wait=(0, 0)):
        self.templates[output] = (text, kind, wait)
        return self

    def engine(self, name, url, ca=b"", cert=b"", key=b"", insecure=False, unfit=""):
        fields = {"socket": url, "ca": ca, "cert": cert, "key": key, "insecure": insecure, "unfit": unfit}
        self.parent.send("watch_engine", name=name, **fields)

    def feed(self, rescan=False):
        with self._lock:
            self.parent.send(
                "watch_begin",
                readers=self.readers,
                labels=self.labels,
                wait_min=self.waits[0],
                wait_max=self.waits[1],
                settings=self.settings,
            )
            for name, url in self.engines.items():
                self.engine(name, **(url if isinstance(url, dict) else {"url": url}))
            for output, (text, kind, wait) in self.templates.items():
                self.parent.send(
                    "watch_template",
                    output=output,
                    source=output + ".tmpl",
                    text=text.encode(),
                    kind=kind,
                    wait_min=wait[0],
                    wait_max=wait[1],
                )
            self.parent.send("watch_end", rescan=rescan)

    def model(self, rows=()):
        with self._lock:
            self.parent.send("model_begin")
            for row in rows:
                self.parent.send("model_row", json=row)
            self.parent.send("model_end")

    def start(self, feed=True, words=(), log_level="debug"):
        here, there = socket.socketpair()
        script = 'exec 3<&0 4<"$1" </dev/null; shift; exec "$@"'
        argv = ["sh", "-c", script, "sh", self.folder, process_binary("watcher")]
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0:exitcode=99"}
        env["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1:exitcode=99"
        argv += ["--identity=same", f"--log-level={log_level}", *words]
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                [str(word) for word in argv], env=env, stdout=log, stderr=log, stdin=there.fileno()
            )
        there.close()
        self.parent = Channel(here, None)
        threading.Thread(target=self._serve, daemon=True).start()
        if feed:
            self.feed()
            self.model(self.rows)
        return self

    def stop(self):
        """In good order; its exit status must be good."""
        with self._lock:
            self.parent.send("stop")
        assert self.popen.wait(20) == 0, self.text()
        assert not sanitizer_reports(self.text()), self.text()

    def kill(self):
        """For the end of a test, however it went."""
        if self.popen is not None and self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        assert not sanitizer_reports(self.text()), self.text()

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def pss(self):
        """Octets."""
        rollup = pathlib.Path(f"/proc/{self.popen.pid}/smaps_rollup").read_text()
        return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024

    # --- what it says ---

    def _serve(self):
        try:
            while True:
                name, id, fields = self.parent.read()
                getattr(self, "_on_" + name)(id, fields)
        except (EOFError, OSError):
            pass

    def _on_engine_want(self, _, fields):
        name = fields["engine"]
        self.wants.append(name)
        url = self.engines.get(name)
        sock = socket.socket(socket.AF_UNIX)
        try:
            if not self.sockets or not isinstance(url, str):
                raise OSError("there is no socket")
            sock.connect(url.removeprefix("unix://"))
            with self._lock:
                self.parent.send("engine_socket", engine=name, fd=sock.fileno())
        except OSError as error:
            with self._lock:
                self.parent.send("engine_no_socket", engine=name, error=("NOT_FOUND", str(error)))
        finally:
            sock.close()

    def _on_engine_state(self, _, fields):
        self.states[fields["engine"]] = fields
        self.state_log.append(fields)

    def _on_claims_begin(self, *_):
        assert self._draft is None, "claims within claims"
        self._draft = Told()

    def _on_claim(self, _, fields):
        self._draft.claims.append(fields)

    def _on_consumer(self, _, fields):
        self._draft.consumers.append(fields)

    def _on_claim_problem(self, _, fields):
        self._draft.problems.append(fields)

    def _on_claims_end(self, _, fields):
        self._draft.complete = fields["complete"]
        self.all_told.append(self._draft)
        self._draft = None

    def _on_world_changed(self, *_):
        self.changes += 1

    def _on_template_output(self, id, fields):
        self.outputs.setdefault(fields["output"], []).append(fields)
        threading.Thread(target=self._answer_output, args=[id, fields], daemon=True).start()

    def _answer_output(self, id, fields):
        error = self.take(fields)
        with self._lock, contextlib.suppress(OSError):  # it has ended meanwhile
            self.parent.send("done", id=id, error=error)

    def _on_acted(self, id, fields):
        self._answers[id] = fields

    _on_template_tried = _on_acted

    # --- asked and waited for ---

    def begin(self, message, **fields):
        with self._lock:
            return self.parent.request(message, **fields)

    def answer(self, id, timeout=30):
        wait_until(lambda: id in self._answers or self.popen.poll() is not None, f"an answer\n{self.text()[-3000:]}", timeout)
        assert id in self._answers, f"it ended with {self.popen.poll()}:\n{self.text()[-4000:]}"
        return self._answers.pop(id)

    def act(self, container="", verb=SIGNAL, **fields):
        return self.answer(self.begin("act", container=container, verb=verb, **fields))

    def try_template(self, text, kind="none", **fields):
        return self.answer(self.begin("template_try", source="try.tmpl", text=text.encode(), kind=kind), **fields)

    @property
    def told(self):
        return self.all_told[-1] if self.all_told else Told()

    def wait(self, condition, what, timeout=30.0):
        def now():
            assert self.popen.poll() is None, f"it ended with {self.popen.poll()}:\n{self.text()[-4000:]}"
            return condition()

        try:
            return wait_until(now, what, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()[-4000:]}") from None

    def wait_told(self, condition, what="claims", timeout=30.0):
        self.wait(lambda: self.all_told and condition(self.told), what, timeout)
        return self.told

    def wait_domains(self, *domains, timeout=30.0):
        try:
            return self.wait_told(lambda told: told.domains == set(domains), f"claims for {domains}", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\nlast: {self.told.domains}, {self.told.problems}") from None

    def wait_complete(self):
        return self.wait_told(lambda told: told.complete, "all engines to be listed")

    def output(self, name):
        """Its text, as it was handed in last; None before it was."""
        return self.outputs[name][-1]["text"].decode() if name in self.outputs else None

    def wait_output(self, name, text, timeout=30.0):
        try:
            self.wait(lambda: self.output(name) == text, f"{text!r} in {name}", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\nlast: {self.outputs.get(name, [None])[-1]}") from None
