"""The solver alone: the test is its parent, its keeper and its engine.

    solver = Solver(processes, tmp_path, resolvers=[bind.text])
    solver.provider("update", UPDATE)                       # a file in the operator's directory
    solver.entry("corp", "update", {"server": "127.0.0.1:5353", ...})
    solver.start()
    answer = solver.present("a.example", dns={"*": "corp"})       # waits; .value .note .error .steps
    solver.withdraw("a.example", dns={"*": "corp"}, note=answer.note)
    present = solver.begin("dns_present", "a.example", ...)       # does not wait; solver.wait(present)
"""

import base64
import hashlib
import json
import os
import pathlib
import socket
import subprocess
import threading

from evercert import process_binary
from frames import Channel

ROOT = pathlib.Path(__file__).resolve().parents[2]
THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
DNS_01, DNS_ACCOUNT_01 = 2, 3
PROPAGATION = {"check": "authoritative", "timeout": 10, "delay": 0, "resolvers": [], "nameservers": []}

# A provider of two settings, by dynamic updates without a signature.
UPDATE = """
local function change(request, add, remove)
    dns.update{server = request.settings.server, zone = request.zone, name = request.name, ttl = 1,
        add = add, remove = remove, key_name = request.settings["key-name"],
        key_algorithm = "hmac-sha256", key_secret = request.settings.secret}
end
return {
    title = "Updates",
    settings = {
        { name = "server", type = "text", required = true, help = "Server." },
        { name = "key-name", type = "text", help = "Key." },
        { name = "secret", type = "secret", help = "Secret." },
    },
    present = function(request)
        change(request, { request.value }, nil)
        return "handle of " .. request.name
    end,
    cleanup = function(request) change(request, nil, { request.value }) end,
}
"""


def token_of(identifier):
    return "token-" + identifier.replace(".", "-")[:60]


def value_of(token):
    digest = hashlib.sha256(f"{token}.{THUMBPRINT}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Asked:
    """A request to the solver, and what became of it."""

    def __init__(self, value):
        self.value = value
        self.steps, self.notes = [], []
        self.note, self.error, self.fields = "", None, None
        self.over = threading.Event()


class Solver:
    def __init__(self, processes, folder, resolvers=(), **propagation):
        self.folder = folder / "solver"
        self.providers = self.folder / "providers"
        self.providers.mkdir(parents=True)
        self.log = self.folder / "solver.log"
        self.propagation = {**PROPAGATION, "resolvers": list(resolvers), **propagation}
        self.entries = []
        self.wishes = {}
        self.opened = 0  # permits that the keeper was asked for
        self.holds = threading.Event()
        self.holds.set()
        self.programs = []  # what the parent was asked to run
        self.run_program = lambda fields: {"output": ""}
        self._processes = processes
        self._asked = {}
        self._lock = threading.RLock()
        self._handle = 0
        self.popen = None

    # what the parent says

    def provider(self, name, text):
        (self.providers / f"{name}.lua").write_text(text)
        return self

    def entry(self, name, provider, settings=None, kind="lua", propagation=None):
        self.entries.append((name, provider, kind, settings or {}, propagation))
        return self

    def feed(self):
        with self._lock:
            self.parent.send("dns_begin", propagation=json.dumps(self.propagation))
            for name, provider, kind, settings, propagation in self.entries:
                own = json.dumps({**self.propagation, **propagation}) if propagation else ""
                self.parent.send(
                    "dns_entry",
                    name=name,
                    provider=provider,
                    kind=kind,
                    settings=json.dumps(settings),
                    propagation=own,
                )
            self.parent.send("dns_end")

    def start(self):
        here, there = socket.socketpair()
        script = 'exec 3<&0 4<"$1" </dev/null; shift; exec "$@"'
        argv = ["sh", "-c", script, "sh", self.folder, process_binary("solver")]
        env = {**os.environ, "EVERCERT_LOCAL_PROVIDERS": str(self.providers)}
        env["EVERCERT_PROVIDERS"] = str(ROOT / "providers")
        env["ASAN_OPTIONS"] = "detect_leaks=0:exitcode=99"
        env["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1:exitcode=99"
        argv += ["--identity=same", "--log-level=debug"]
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                [str(word) for word in argv], env=env, stdout=log, stderr=log, stdin=there.fileno()
            )
        there.close()
        self.parent = Channel(here, None)
        self.feed()
        self.new_keeper()
        self.new_engine()
        threading.Thread(target=self._serve_parent, daemon=True).start()
        return self

    def listen(self, sock, udp):
        self.parent.send("dns_listen", address="{}:{}".format(*sock.getsockname()), udp=udp, fd=sock.fileno())

    def _peer(self, name):
        here, there = socket.socketpair()
        self.parent.send("peer", process=name, fd=there.fileno())
        there.close()
        return Channel(here, None)

    def new_keeper(self):
        self.keeper = self._peer("keeper")
        threading.Thread(target=self._serve_keeper, args=[self.keeper], daemon=True).start()

    def new_engine(self):
        if getattr(self, "engine", None):
            self.engine.close()
        self.engine = self._peer("engine")
        threading.Thread(target=self._serve_engine, args=[self.engine], daemon=True).start()

    def stop(self):
        """In good order; its exit status must be good."""
        self.parent.send("stop")
        assert self.popen.wait(20) == 0, self.text()

    def text(self):
        return self.log.read_text(errors="replace")

    # the others

    def _serve_keeper(self, channel):
        try:
            while True:
                name, id, fields = channel.read()
                assert name == "permit_open"
                self.opened += 1
                self.holds.wait(20)
                wish = self.wishes.get(fields["permit"])
                error = None if wish else ("VERIFY", "this permit was not sealed by this evercert")
                channel.send("permit_opened", id=id, wish=wish or "", error=error)
        except (EOFError, OSError):
            pass

    def _serve_parent(self):
        try:
            while True:
                name, id, fields = self.parent.read()
                assert name == "challenge_run", (name, fields)
                self.programs.append(fields)
                threading.Thread(target=self._answer_program, args=[id, fields], daemon=True).start()
        except (EOFError, OSError):
            pass

    def _answer_program(self, id, fields):
        answer = self.run_program(fields)
        with self._lock:
            self.parent.send("challenge_ran", id=id, **answer)

    def _serve_engine(self, channel):
        try:
            while True:
                name, id, fields = channel.read()
                if name == "dns_step":
                    asked = self._asked[fields["handle"]]
                    asked.steps.append(fields["step"])
                    asked.notes += [fields["note"]] if fields["note"] else []
                    continue
                asked = self._asked.pop((id, channel))
                asked.fields, asked.error = fields, fields["error"]
                asked.note = fields.get("note", "")
                asked.over.set()
        except (EOFError, OSError):
            pass

    # what the engine says

    def permit(self, dns, domains):
        pairs = dns if isinstance(dns, dict) else {"*": dns}
        wish = json.dumps(
            {"name": "c", "domains": domains, "authorities": ["a"], "challenge": ["dns-01"], "dns": pairs}
        )
        permit = f"permit {hashlib.sha256(wish.encode()).hexdigest()}".encode()
        self.wishes[permit] = wish
        return permit

    def begin(self, message, identifier, dns=None, domains=None, token=None, **more):
        token = token or token_of(identifier)
        permit = more.pop("permit", None) or self.permit(dns, domains or [identifier])
        asked = Asked(value_of(token))
        fields = {
            "permit": permit,
            "challenge": DNS_01,
            "identifier": identifier,
            "token": token,
            "key_authorization": f"{token}.{THUMBPRINT}",
            **more,
        }
        with self._lock:
            if message == "dns_present":
                self._handle += 1
                fields["handle"] = self._handle
                self._asked[self._handle] = asked
            id = self.engine._last + 1
            self._asked[(id, self.engine)] = asked
            self.engine.request(message, **fields)
        return asked

    def wait(self, asked, timeout=30):
        assert asked.over.wait(timeout), f"no answer; steps: {asked.steps}\n{self.text()}"
        return asked

    def present(self, identifier, dns=None, **more):
        return self.wait(self.begin("dns_present", identifier, dns, **more))

    def withdraw(self, identifier, dns=None, **more):
        return self.wait(self.begin("dns_withdraw", identifier, dns, **more))

    def look(self, identifier, issuers, account_uris, wildcard=False, domains=None):
        asked = Asked("")
        with self._lock:
            self._asked[(self.engine._last + 1, self.engine)] = asked
            self.engine.request(
                "persist_look",
                permit=self.permit("none", domains or [identifier]),
                identifier=identifier,
                issuers=issuers,
                account_uris=account_uris,
                wildcard=wildcard,
            )
        return self.wait(asked)
