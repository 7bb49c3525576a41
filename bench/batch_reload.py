"""One nginx with many certificates, all renewed in one pass while wrk asks it: how often it is reloaded, and what the
visitors notice.

    batch_reload.py [--count 50] [--rounds 3] [--certbot 10] [--connections 4]

The daemon runs and has all certificates; each has a deploy step that reloads nginx, and one that looks at what it
serves. The time is that of `evercert renew --force NAME...`, which ends when all are served. Then the same without
`batch`, and certbot with a hook of its own for each certificate, with fewer of them, for it needs seconds for each.

wrk runs twice beside each pass, as fast as it can: with connections that are kept, and with one for each request. A
request counts as failed when its connection broke, it got no answer in time, or the answer was not 2xx or 3xx. wrk does
not send a request again whose kept connection the server closed meanwhile (RFC 9112, section 9.3.1), as browsers do: so
there is curl too, one request after another on a connection that it keeps, which does. What a reload costs by itself is
measured as well: one SIGHUP by hand under the same load."""

import argparse
import json
import signal
import time

import clients
import meter
from common import Scene, middle, say, write
from nginx import Nginx
from peers import from_system
from ports import free_port

PASS_TIMEOUT_S = 180
AROUND_S = 1  # wrk runs so long before and after: the last reload's old workers belong to it

_SERVER = """server {{
        listen 127.0.0.1:{port} ssl;
        server_name {name};
        ssl_certificate {folder}/fullchain.pem; ssl_certificate_key {folder}/privkey.pem;
        access_log off;
        location / {{ return 200 "nginx over tls\\n"; }}
    }}
"""

# Figures instead of a text for people.
_DONE = """function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format('{"requests": %d, "connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\\n',
        summary.requests, e.connect, e.read, e.write, e.status, e.timeout))
end
"""


class Site:
    """A CA, and one nginx in front of who answers its challenges on `port`; its TLS servers come with serve()."""

    def __init__(self, scene):
        self.scene, self.port = scene, free_port()
        self.folder = scene.sub("site")
        self.nginx = Nginx(scene.processes, scene.sub("nginx"), proxy_to=self.port)
        self.ca = scene.pebble(http_port=self.nginx.http_port)
        self.nginx.start()
        self.counter = self.folder / "reloads"
        self.hook = f'echo "${{EVERCERT_NAMES:-$RENEWED_DOMAINS}}" >> {self.counter}; kill -HUP $(cat {self.nginx.pid_file})'
        self.script = self.folder / "done.lua"
        self.script.write_text(_DONE)

    def serve(self, folders):
        """One server for each name: {name: folder with its certificate}."""
        text = self.nginx.config_file.read_text().rstrip().removesuffix("}")
        servers = "".join(
            _SERVER.format(port=self.nginx.https_port, name=name, folder=folder) for name, folder in folders.items()
        )
        self.nginx.config_file.write_text(f"{text}{servers}}}\n")
        self.nginx.reload(30)

    def visitors(self, connections):
        """One wrk that keeps its connections, one that does not; and curl."""
        url = f"https://127.0.0.1:{self.nginx.https_port}/"
        started = {}
        for kind, more in (("kept", []), ("closed", ["-H", "Connection: close"])):
            words = ["-t", "1", "-c", connections, "-d", "600s", "-s", self.script, *more, url]
            log = self.scene.sub("wrk") / "log"
            started[kind] = self.scene.processes.start([from_system("wrk"), *words], log)
        # Standard error has no buffer that would be lost at the end.
        words = ["-q", "-s", "-k", "--noproxy", "*", "-o", "/dev/null", "-w", "%{stderr}%{http_code}\\n", f"{url}[1-99999999]"]
        log = self.scene.sub("curl") / "log"
        started["curl"] = self.scene.processes.start([from_system("curl"), *words], log)
        return started

    def during(self, connections, work):
        """Does work() under wrk; what it returned, with what nginx and the visitors saw."""
        reloads, hooks = self.nginx.reloads(), self.hooks_run()
        started = self.visitors(connections)
        time.sleep(AROUND_S)
        result = work()
        time.sleep(AROUND_S)
        seen = {}
        for kind, process in started.items():
            process.send(signal.SIGINT)
            process.wait()
            seen[kind] = answers(process.text()) if kind == "curl" else json.loads(process.text().splitlines()[-1])
        return {
            **result,
            "reloads": self.nginx.reloads() - reloads,
            "hooks": self.hooks_run() - hooks,
            "visitors": seen,
        }

    def hooks_run(self):
        return len(self.counter.read_text().splitlines()) if self.counter.exists() else 0

    def stop(self):
        self.nginx.stop()
        self.ca.stop()


def answers(text):
    """What curl saw, from its lines; the last may be half a one."""
    codes = text.splitlines()[:-1]
    return {"requests": len(codes), "not 200": sum(code != "200" for code in codes)}


def failed(seen):
    return sum(count for kind, count in seen.items() if kind != "requests")


def tell(what, one):
    seen = ", ".join(f"{failed(row)} of {row['requests']} {kind}" for kind, row in one["visitors"].items())
    say(f"{what}: {one['wall_s']} s, {one['renewed']} renewed, {one['hooks']} hooks, {one['reloads']} reloads; failed {seen}")
    return one


def with_evercert(scene, options):
    """{"batch": rounds, "each": rounds, "by_hand": rounds} with one nginx."""
    names = [f"n{number}.example" for number in range(options.count)]
    site = Site(scene)
    client = scene.evercert(site.ca, listen=[f"127.0.0.1:{site.port}"])

    def configure(*steps):
        client.write_config(
            {"certificates": [{"domains": [name], "deploy": [step(name) for step in steps]} for name in names]}
        )

    configure()
    client.renew(timeout=PASS_TIMEOUT_S)
    site.serve({name: client.live(name) for name in names})
    client.run_daemon()

    def look(name):
        return {"verify": f"127.0.0.1:{site.nginx.https_port}", "server-name": name}

    def missing(before):
        rows = {row["name"]: row for row in client.list()}
        return [
            name
            for name in names
            if rows[name]["fingerprint"] == before[name]
            or (rows[name]["deploy"]["state"], rows[name]["served"]["state"]) != ("done", "yes")
        ]

    def renew():
        before = {name: client.leaf(name).fingerprint for name in names}
        done = client.renew(*names, force=True, timeout=PASS_TIMEOUT_S, status=None)
        failures.extend(missing(before))
        for line in done.stderr.splitlines():
            say(line)
        return {"wall_s": round(done.seconds, 3), "renewed": len(names) - len(failures)}

    def by_hand():
        began = time.monotonic()
        site.nginx.reload(30)
        return {"wall_s": round(time.monotonic() - began, 3), "renewed": 0}

    failures = []  # a reload can break the connection of a CA that validates
    rounds = {"batch": [], "each": [], "by_hand": []}
    for number in range(options.rounds):
        for kind, more in (("batch", {"batch": True}), ("each", {})):
            configure(lambda _, more=more: {"run": ["/bin/sh", "-c", site.hook], **more}, look)
            client.reload()
            rounds[kind].append(tell(f"{kind}, round {number + 1}", site.during(options.connections, renew)))
            if failures:
                client.renew(*failures, force=True)
                failures.clear()
        rounds["by_hand"].append(tell("one SIGHUP by hand", site.during(options.connections, by_hand)))
    client.stop_daemon()
    site.stop()
    return rounds


class Certbot(clients.Certbot):
    """Behind the site's nginx."""

    def __init__(self, site):
        super().__init__(site.scene, site.ca)
        self.site = site

    def argv(self, name):
        words = [str(word) for word in super().argv(name)]
        words[words.index("--http-01-port") + 1] = str(self.site.port)
        return words

    def renew_all(self):
        words = self.argv("-")
        words[words.index("certonly") : words.index("-n")] = ["renew", "--force-renewal", "--no-random-sleep-on-renew"]
        at = words.index("-d")
        words[at : at + 2] = ["--deploy-hook", self.site.hook]
        return meter.run(words, self.environment(), self.log)


def with_certbot(scene, options):
    if not options.certbot or not clients.extra("certbot"):
        return None
    names = [f"c{number}.example" for number in range(options.certbot)]
    site = Site(scene)
    client = Certbot(site)
    for name in names:
        client.issue(name)
    site.serve({name: client.folder / "config/live" / name for name in names})

    def renew():
        cost = client.renew_all()
        if cost.status != 0:
            say(client.log.read_text(errors="replace")[-2000:])
        return {"wall_s": round(cost.wall_ms / 1000, 3)}

    one = site.during(options.connections, renew)
    one["renewed"] = one["hooks"]  # it runs them for what it renewed
    tell("certbot", one)
    site.stop()
    return {"version": client.version, "count": options.certbot, "rounds": [one]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--certbot", type=int, default=10, help="certificates that certbot renews; 0: none")
    parser.add_argument("--connections", type=int, default=4, help="of each of the two wrk")
    options = parser.parse_args()
    with Scene() as scene:
        rounds = with_evercert(scene, options)
        result = {
            "count": options.count,
            "connections": options.connections,
            "rounds": rounds,
            "wall_s": {kind: middle([one["wall_s"] for one in rounds[kind]]) for kind in ("batch", "each")},
            "certbot": with_certbot(scene, options),
        }
    write("batch-reload", result)


main()
