"""The http-01 responder beside nginx, and true challenges while others hold connections.

    responder.py [--rounds 3] [--seconds 1]

Both serve the same challenge, nginx from a webroot with one worker and without an access log. The server is pinned to
one core and wrk to another; the two take turns. Where the machine does other work, requests a second say little: what
counts then is the processor time of a request. The responder is the process itself, as the daemon starts it; what it
tells the engine of each hit is read and thrown away.

Then 10,000 connections that say nothing and 1,000 that send an octet now and then, held open again and again as the
responder closes them, while each of some true challenges is asked on a connection of its own."""

import argparse
import os
import re
import resource
import selectors
import socket
import subprocess
import threading
import time

import meter
from common import Scene, middle, package_version, say, spread, write
from evercert import process_binary
from frames import Channel
from peers import from_system
from ports import free_port

CORE, OTHER_CORE = "0", "1"
CONNECTIONS = (1, 16, 64, 256)
PATH = "/.well-known/acme-challenge/"
TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJyPCt92wr-oA"
VALUE = TOKEN + ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
IDLE, DRIPPING = 10000, 1000
CHALLENGES = 200
BETWEEN_S = 0.05
FIRST_FILL_S = 30
HTTP_01 = 0  # acme/challenge.h

_NGINX = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
worker_processes 1;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location {path} {{ root {folder}; default_type text/plain; }}
    }}
}}
"""


class Responder:
    """The process, with the bench as its parent and its engine."""

    name = "evercert"

    def __init__(self, folder, files=None):
        self.port = free_port()
        here, there = socket.socketpair()
        limit = f"ulimit -n {files}; " if files else ""
        script = f'{limit}exec 3<&0 4<"$1" </dev/null; shift; exec "$@"'
        argv = ["taskset", "-c", CORE, "sh", "-c", script, "sh", folder, process_binary("responder"), "--identity=same"]
        with open(folder / "responder.log", "ab") as log:
            self.popen = subprocess.Popen([str(word) for word in argv], stdin=there.fileno(), stdout=log, stderr=log)
        there.close()
        self.parent = Channel(here)
        mine, its = socket.socketpair()
        its.setblocking(False)
        self.parent.send("peer", process="engine", fd=its.fileno())
        its.close()
        self._engine = mine
        engine = Channel(mine)
        engine.request("token_put", token=TOKEN, value=VALUE)
        engine.read()
        listening = socket.create_server(("127.0.0.1", self.port), backlog=4096)
        listening.setblocking(False)
        self.parent.send("listen", address=f"127.0.0.1:{self.port}", challenge=HTTP_01, fd=listening.fileno())
        listening.close()
        mine.settimeout(None)
        threading.Thread(target=self._throw_away, daemon=True).start()

    def _throw_away(self):
        while self._engine.recv(1 << 20):
            pass

    def cpu_ms(self):
        return meter.process_cpu_ms(self.popen.pid)

    def stop(self):
        self.parent.send("stop")
        self.popen.wait(20)


class Nginx:
    name = "nginx"

    def __init__(self, folder):
        self.port = free_port()
        (folder / PATH.strip("/")).mkdir(parents=True)
        (folder / PATH.strip("/") / TOKEN).write_text(VALUE)
        folder.chmod(0o755)
        user = "user root;" if os.geteuid() == 0 else ""
        config = folder / "nginx.conf"
        config.write_text(_NGINX.format(folder=folder, port=self.port, path=PATH, user=user))
        argv = ["taskset", "-c", CORE, from_system("nginx"), "-p", folder, "-e", folder / "error.log", "-c", config]
        self.popen = subprocess.Popen([str(word) for word in argv])

    def cpu_ms(self):
        with open(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children", encoding="ascii") as children:
            return sum(meter.process_cpu_ms(int(pid)) for pid in children.read().split())

    def stop(self):
        self.popen.terminate()
        self.popen.wait(20)


def ask(port, timeout=20):
    """Seconds until the challenge was answered, from before the connection; an answer that is another one fails."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        s.settimeout(timeout)
        s.sendall(f"GET {PATH}{TOKEN} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while data := s.recv(4096):
            answer += data
    if not answer.startswith(b"HTTP/1.1 200") or not answer.endswith(VALUE.encode()):
        raise AssertionError(f"the answer was {answer!r}")
    return time.monotonic() - began


def wait_up(server):
    end = time.monotonic() + 20
    while True:
        try:
            return ask(server.port)
        except OSError:
            if time.monotonic() > end:
                raise


def wrk(server, connections, kept, seconds):
    """{requests_s, cpu_us}: requests a second, processor time of the server for each."""
    argv = ["taskset", "-c", OTHER_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    argv += [] if kept else ["-H", "Connection: close"]
    argv.append(f"http://127.0.0.1:{server.port}{PATH}{TOKEN}")
    before = server.cpu_ms()
    text = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    used = server.cpu_ms() - before
    if "Non-2xx" in text:
        raise AssertionError(text)
    count = int(re.search(r"(\d+) requests in", text)[1])
    return {"requests_s": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), "cpu_us": used * 1000 / count}


def beside_nginx(scene, rounds, seconds):
    servers = [Responder(scene.sub("responder")), Nginx(scene.sub("nginx"))]
    for server in servers:
        wait_up(server)
    rows = []
    for kept in (False, True):
        for connections in CONNECTIONS:
            seen = {server.name: [] for server in servers}
            for _ in range(rounds):
                for server in servers:
                    seen[server.name].append(wrk(server, connections, kept, seconds))
            ours, theirs = (seen[server.name] for server in servers)
            row = {"kept": kept, "connections": connections}
            for name, values in seen.items():
                row[name] = {what: spread([one[what] for one in values]) for what in ("requests_s", "cpu_us")}
            row["ratio"] = round(middle([a["requests_s"] / b["requests_s"] for a, b in zip(ours, theirs)]), 2)
            row["cpu_ratio"] = round(middle([b["cpu_us"] / a["cpu_us"] for a, b in zip(ours, theirs)]), 2)
            what = "kept" if kept else "new"
            say(f"{what}, {connections}: {row['ratio']} of nginx, by processor time {row['cpu_ratio']}")
            rows.append(row)
    for server in servers:
        server.stop()
    return rows


class Crowd:
    """Connections in a process of their own, each made again when it is closed."""

    def __init__(self, port):
        self.reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.sched_setaffinity(0, {int(OTHER_CORE)})
                _hold(port, writing)
            finally:
                os._exit(1)
        os.close(writing)

    def wait_full(self):
        """Until each was opened once."""
        os.read(self.reading, 1)

    def stop(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.reading)


def _open(selector, port, drips):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(("127.0.0.1", port))
    selector.register(s, selectors.EVENT_READ, drips)
    return s


def _hold(port, writing):
    selector = selectors.EpollSelector()
    line = f"GET {PATH}{TOKEN} HTTP/1.1\r\nX: ".encode()
    dripping = {}
    for n in range(IDLE + DRIPPING):
        drips = n >= IDLE
        s = _open(selector, port, drips)
        if drips:
            dripping[s] = 0
        if n % 200 == 0:
            time.sleep(0.01)
    os.write(writing, b"1")
    turn = 0
    while True:
        for key, _ in selector.select(0.02):
            selector.unregister(key.fileobj)
            key.fileobj.close()
            s = _open(selector, port, key.data)
            if dripping.pop(key.fileobj, None) is not None:
                dripping[s] = 0
        turn += 1
        for n, s in enumerate(dripping):
            if n % 10 == turn % 10:
                try:
                    s.send(line[dripping[s] : dripping[s] + 1] or b"x")
                    dripping[s] += 1
                except OSError:
                    pass


def in_a_crowd(scene, files):
    server = Responder(scene.sub("responder"), files)
    wait_up(server)
    crowd = Crowd(server.port)
    crowd.wait_full()
    before, began = server.cpu_ms(), time.monotonic()
    took, failed = [], 0
    for _ in range(CHALLENGES):
        try:
            took.append(ask(server.port))
        except (OSError, AssertionError):
            failed += 1
        time.sleep(BETWEEN_S)
    cpu = (server.cpu_ms() - before) / (time.monotonic() - began) / 1000
    pss = meter.pss_kib(server.popen.pid)["pss"]
    crowd.stop()
    server.stop()
    took_ms = [one * 1000 for one in took]
    return {
        "asked": CHALLENGES,
        "failed": failed,
        "descriptors": files,
        "took_ms": spread(took_ms) if took_ms else None,
        "longest_ms": round(max(took_ms), 1) if took_ms else None,
        "within_a_second": sum(one < 1 for one in took),
        "cpu_share": round(cpu, 2),
        "pss_kib": pss,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=1)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with Scene() as scene:
        rows = beside_nginx(scene, options.rounds, options.seconds)
        crowds = []
        for files in (1024, 16384):
            crowds.append(in_a_crowd(scene, files))
            say(f"in a crowd, {files} descriptors: {crowds[-1]}")
    versions = {"nginx": package_version("nginx"), "wrk": package_version("wrk")}
    data = {"rows": rows, "crowds": crowds, "idle": IDLE, "dripping": DRIPPING, "rounds": options.rounds}
    write("responder", {"versions": versions, "seconds": options.seconds, **data})


main()
