"""Containers: what a thousand of them cost, what a storm of events costs, and how long it takes from `docker run` to a
web server that serves the certificate.

    containers.py [--containers 1000] [--events 1000] [--rounds 5] [--skip-engine]

  at start    a daemon with that many labelled containers in one engine (tests/lib/docker_stand_in.py, a process of its
              own): from its start until every label is a granted request, and until each has its permit and its row
              in the store; the memory of the watcher then. Beside
              it `docker ps` and `docker inspect` of all of them through the same stand-in, which is the least that any
              client of an engine takes.
  a storm     that many events within ten seconds, each a container with another label; a template over all of them.
  end to end  a real dockerd, Pebble without its sleeps, nginx in a container: from `docker run` of a container with a
              label until nginx serves that certificate. It needs root; --skip-engine leaves it away."""

import argparse
import json
import os
import ssl
import socket
import subprocess
import sys
import tempfile
import time

import meter
from common import ROOT, Scene, middle, say, spread, write
from docker_engine import DockerEngine
from docker_stand_in import DockerStandIn
from peers import from_system
from ports import free_port
from processes import wait_until

STORM_S = 10
# How many lines, and the last value: whether the last state was reached is one comparison.
_STORM = '<% for _, c in ipairs(containers) do if c.labels.turn then %><%= c.name %> <%= c.labels.turn %>\n<% end end %>'
_SITES = """\
<% for _, c in ipairs(certificates) do if c.ready then %>
server {
    listen 127.0.0.1:@PORT@ ssl;
    server_name <%= c.name %>;
    ssl_certificate <%= c.fullchain %>;
    ssl_certificate_key <%= c.privkey %>;
    location / { return 200 "ok\\n"; }
}
<% end end %>
"""


def short_folder():
    """Paths of sockets are short. For a `with`."""
    return tempfile.TemporaryDirectory(prefix="evb-", dir="/tmp")


# At start


def floor(scene, host, count):
    """`docker ps`, then `docker inspect` of everything."""
    env = {**os.environ, "DOCKER_HOST": host, "DOCKER_API_VERSION": "1.41", "DOCKER_CONFIG": str(scene.sub("client"))}
    docker = str(from_system("docker"))
    began = time.monotonic()
    ids = subprocess.run([docker, "ps", "-aq", "--no-trunc"], env=env, check=True, capture_output=True).stdout.split()
    listed = time.monotonic() - began
    text = subprocess.run([docker, "inspect", *ids], env=env, check=True, capture_output=True).stdout
    whole = time.monotonic() - began
    assert len(json.loads(text)) == count, "docker inspect did not give all of them"
    return {"ps_s": listed, "whole_s": whole}


def at_start(scene, count, rounds):
    with short_folder() as folder:
        return _at_start(scene, f"{folder}/d.sock", count, rounds)


def _at_start(scene, socket_path, count, rounds):
    program = ROOT / "tests/lib/docker_stand_in.py"
    engine = scene.processes.start([sys.executable, program, socket_path, str(count)], scene.folder / "stand-in", peer=True)
    wait_until(lambda: "unix://" in engine.text(), "the stand-in", 60)
    host = f"unix://{socket_path}"
    walls, managed, floors, pss, cpu = [], [], [], [], []
    for number in range(rounds):
        floors.append(floor(scene, host, count))
        # The CA is one that nobody answers for: what is measured ends where the order would begin.
        authority = {"directory": f"https://127.0.0.1:{free_port()}/dir"}
        config = {"docker": {"socket": host, "policy": [{"allow": ["*"]}]}, "authority": "none", "authorities": {"none": authority}}
        client = scene.evercert(listen=[f"127.0.0.1:{free_port()}"], config=config)
        began = time.monotonic()
        client.run_daemon()
        found = json.loads(client.run("containers", "--json", status=0).stdout)
        walls.append(time.monotonic() - began)
        granted = sum(row["kind"] == "claim" and row["state"] == "granted" for row in found)
        assert granted == count, f"{granted} of {count} requests were granted"
        wait_until(lambda client=client: len(client.list()) == count, "all of them to be managed", 60)
        managed.append(time.monotonic() - began)
        watcher = client.pid_of("watcher")
        pss.append(meter.pss_kib(watcher))
        cpu.append(meter.process_cpu_ms(watcher))
        client.stop_daemon()
        say(f"at start, round {number + 1}: {walls[-1]:.2f} s, managed {managed[-1]:.2f} s, watcher {pss[-1]['pss']} KiB; docker {floors[-1]['whole_s']:.2f} s")
    engine.stop()
    return {
        "containers": count,
        "rounds": rounds,
        "granted_s": spread(walls),
        "managed_s": spread(managed),
        "watcher_pss_kib": middle([one["pss"] for one in pss]),
        "watcher_rss_kib": middle([one["rss"] for one in pss]),
        "watcher_cpu_ms": round(middle(cpu)),
        "docker_ps_s": spread([one["ps_s"] for one in floors]),
        "docker_ps_and_inspect_s": spread([one["whole_s"] for one in floors]),
    }


# A storm


def storm(scene, events):
    with short_folder() as folder, DockerStandIn(f"{folder}/d.sock") as engine:
        return _storm(scene, engine, events)


def _storm(scene, engine, events):
    folder = scene.sub("storm")
    template, output = folder / "turns.tmpl", folder / "turns"
    template.write_text(_STORM)
    told = engine.add("told")
    ids = [engine.add(f"c{number}", quiet=True) for number in range(50)]
    notify = {"container": "told", "signal": "HUP"}
    config = {
        "docker": {"socket": engine.url},
        "templates": [{"source": str(template), "output": str(output), "notify": notify}],
    }
    client = scene.evercert(config=config)
    client.run_daemon()
    wait_until(output.exists, "the first output", 30)
    wait_until(lambda: engine.signals, "the first signal", 30)
    watcher = client.pid_of("watcher")
    before, cpu, asked = len(engine.signals), meter.process_cpu_ms(watcher), len(engine.requests)
    began = time.monotonic()
    for number in range(events):
        left = began + (number + 1) * STORM_S / events - time.monotonic()
        engine.update(ids[number % len(ids)], labels={"turn": str(number)})
        if left > 0:
            time.sleep(left)
    lasted = time.monotonic() - began
    last = sorted(
        (engine.containers[one]["Name"].lstrip("/"), engine.containers[one]["Config"]["Labels"]["turn"]) for one in ids
    )

    def reached():
        return sorted(tuple(line.split()) for line in output.read_text().splitlines()) == last

    wait_until(reached, "the output to have the last state", 60)
    after = time.monotonic() - began - lasted
    # Who is told is told after the file is there: of the last output, too.
    wait_until(lambda: len(engine.signals) > before and engine.signals[-1] == (told, "HUP"), "the signal", 30)
    result = {
        "events": events,
        "lasted_s": round(lasted, 2),
        "outputs": len(engine.signals) - before,
        "inspections": len(engine.requests) - asked,
        "last_state_after_s": round(after, 2),
        "watcher_cpu_ms": round(meter.process_cpu_ms(watcher) - cpu),
        "watcher_pss_kib": meter.pss_kib(watcher)["pss"],
    }
    client.stop_daemon()
    say(f"a storm: {result}")
    return result


# End to end


def served(port, name, context):
    """Whether a server shows a certificate for that name."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
            with context.wrap_socket(plain, server_hostname=name):
                return True
    except (OSError, ssl.SSLError):
        return False


def end_to_end(scene, rounds):
    engine = DockerEngine(scene.processes)
    try:
        return _end_to_end(scene, engine, rounds)
    finally:
        engine.end()


def _end_to_end(scene, engine, rounds):
    for image in ("nginx", "busybox"):
        engine.image(image)
    ca, port = scene.pebble(), free_port()
    folder, live = scene.sub("sites"), None
    conf = folder / "conf.d"
    conf.mkdir()
    template = folder / "sites.conf.tmpl"
    template.write_text(_SITES.replace("@PORT@", str(port)))
    config = {
        "docker": {"socket": engine.host, "policy": [{"allow": ["*.example"]}]},
        "templates": [
            {
                "source": str(template),
                "output": str(conf / "sites.conf"),
                "check": ["nginx", "-t"],
                "check-in": "nginx",
                "notify": {"container": "nginx", "signal": "HUP"},
            }
        ],
    }
    client = scene.evercert(ca, config=config)
    client.state.mkdir(mode=0o755, exist_ok=True)
    live = client.state
    engine.run("nginx", name="nginx", volumes=[f"{conf}:/etc/nginx/conf.d", f"{live}:{live}:ro"])
    engine.wait_running("nginx")
    client.run_daemon()
    context = ssl.create_default_context(cadata=ca.root())
    env = {**os.environ, **engine.env()}
    argv = [str(from_system("docker")), "run", "-d", "--network=host"]
    walls, started = [], []
    for number in range(rounds):
        name = f"app-{number}.example"
        began = time.monotonic()
        labels = ["--label", f"evercert.domains={name}", "--name", f"app-{number}"]
        subprocess.run([*argv, *labels, "busybox", "sleep", "600"], env=env, check=True, capture_output=True)
        started.append(time.monotonic() - began)
        wait_until(lambda name=name: served(port, name, context), f"{name} to be served; {client.text()[-3000:]}", 60)
        walls.append(time.monotonic() - began)
        say(f"end to end, round {number + 1}: {walls[-1]:.2f} s, of which docker run {started[-1]:.2f} s")
    client.stop_daemon()
    version = engine.api("GET", "/version")["Version"]
    return {"rounds": rounds, "docker": version, "served_s": spread(walls), "docker_run_s": spread(started)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--containers", type=int, default=1000)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--skip-engine", action="store_true", help="nothing that needs root")
    options = parser.parse_args()
    with Scene() as scene:
        result = {"at_start": at_start(scene, options.containers, options.rounds), "storm": storm(scene, options.events)}
        result["end_to_end"] = None if options.skip_engine else end_to_end(scene, options.rounds)
    write("containers", result)


main()
