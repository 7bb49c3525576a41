"""A hundred thousand certificates in a daemon, beside ten: until it is ready, its memory, a reload, and a pass with
nothing due. Once made by command (they are in the store alone) and once declared in evercert.yaml.

    hundred_thousand_start.py [--count 100000] [--rounds 5] [--rest 60] [--fill PROGRAM] [start memory reload pass]

PROGRAM makes a state directory: PROGRAM STATE N --source command|config, with STATE/evercert.yaml for the latter."""

import argparse
import os
import pathlib
import shutil
import subprocess
import threading
import time

import meter
from common import Scene, say, spread, write
from ports import free_port

FEW = 10
PARTS = ("start", "memory", "reload", "pass")


def filled(scene, program, source, count):
    """An Evercert whose state has so many certificates from there, none of them due."""
    client = scene.evercert(listen=[f"127.0.0.1:{free_port()}"])
    subprocess.run([str(program), str(client.state), str(count), "--source", source], check=True)
    if source == "config":
        entries = (client.state / "evercert.yaml").read_text()
        (client.folder / "evercert.d").mkdir()
        (client.folder / "evercert.d" / "many.yaml").write_text(entries)
    return client


def members(client):
    """{pid: name} of all processes of the daemon."""
    found, left = {}, [client.daemon.pid]
    while left:
        pid = left.pop()
        found[pid] = pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
        for task in os.listdir(f"/proc/{pid}/task"):
            left += map(int, pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii").split())
    return found


def pss(client):
    each = {}
    for pid, name in members(client).items():
        each[name] = each.get(name, 0) + meter.pss_kib(pid)["pss"]
    return {**each, "all": sum(each.values())}


def cpu_ms(client):
    return sum(meter.process_cpu_ms(pid) for pid in members(client))


def ready_ms(client):
    began = time.monotonic()
    client.run_daemon(timeout=300)
    return (time.monotonic() - began) * 1000, cpu_ms(client)


def start(client, options):
    found = {}
    for kind in ("clean stop", "SIGKILL"):
        walls, cpus = [], []
        for _ in range(options.rounds + 1):
            wall, cpu = ready_ms(client)
            walls.append(wall)
            cpus.append(cpu)
            if kind == "SIGKILL":
                client.kill_all()
                client.daemon.stop()
            else:
                client.stop_daemon()
        found[kind] = {"ready_ms": spread(walls[1:]), "cpu_ms": spread(cpus[1:])}  # the first came after another end
    return found


def memory(client, options):
    client.run_daemon(timeout=300)
    time.sleep(2)
    found = {"pss_kib": pss(client)}
    before = cpu_ms(client)
    time.sleep(options.rest)
    found["cpu_s_a_day"] = round((cpu_ms(client) - before) / 1000 * 86400 / options.rest, 2)
    client.stop_daemon()
    return found


def reload(client, options):
    """A command is given all the while; the longest it took is what somebody may feel."""
    client.run_daemon(timeout=300)
    time.sleep(1)
    before, waits, over = pss(client)["all"], [], threading.Event()

    def ask():
        while not over.is_set():
            waits.append(client.run("show", "n000003.example.com").seconds * 1000)

    client.run("show", "n000003.example.com", status=0)
    asker = threading.Thread(target=ask)
    asker.start()
    walls = []
    for _ in range(options.rounds):
        began = time.monotonic()
        client.reload(timeout=300)
        walls.append((time.monotonic() - began) * 1000)
    over.set()
    asker.join()
    time.sleep(1)
    after = pss(client)["all"]
    client.stop_daemon()
    return {
        "reload_ms": spread(walls),
        "command_meanwhile_ms": spread(waits),
        "longest_command_ms": round(max(waits), 1),
        "pss_kib": [before, after],
    }


def nothing_due(client, options):
    costs = [
        meter.run(client.argv("renew", "-q"), client.environment(), client.log) for _ in range(options.rounds)
    ]
    assert all(cost.status == 0 for cost in costs), client.text()[-2000:]
    return {"renew_ms": spread([c.wall_ms for c in costs]), "renew_cpu_ms": spread([c.cpu_ms for c in costs])}


def main():
    build = pathlib.Path(os.environ["EVERCERT_BUILD"])
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS))
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rest", type=int, default=60)
    parser.add_argument("--fill", default=build / "tests/fill_state")
    options = parser.parse_args()
    measures = dict(zip(PARTS, (start, memory, reload, nothing_due)))
    rows = []
    with Scene() as scene:
        for source in ("command", "config"):
            for count in (FEW, options.count):
                client = filled(scene, options.fill, source, count)
                for part in options.parts or PARTS:
                    found = measures[part](client, options)
                    rows.append({"source": source, "certificates": count, "part": part, **found})
                    say(f"{count} by {source}, {part}: {found}")
                shutil.rmtree(client.folder)
    write("hundred-thousand-start", {"rounds": options.rounds, "rows": rows})


if __name__ == "__main__":
    main()
