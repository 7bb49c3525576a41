"""What it costs to start: `evercert list` with an empty state (all processes but the responder are started for it),
beside the same command to a daemon and beside programs that do nothing but load libraries.

    start_up.py [--rounds 15]"""

import argparse
import os
import subprocess

import meter
from common import Scene, say, spread, write
from evercert import process_binary
from peers import from_cache, from_system


def loaders(folder):
    """Programs that only start: what the system's loader takes for them is nothing that evercert could save."""
    source = folder / "nothing.c"
    source.write_text("int main(void) { return 0; }\n")
    for name, library in (("no library", None), ("libcrypto", "crypto"), ("libcurl", "curl")):
        program = folder / name.replace(" ", "-")
        link = ["-Wl,--no-as-needed", f"-l{library}"] if library else []
        subprocess.run(["cc", "-O2", str(source), "-o", str(program), *link], check=True)
        yield f"a program with {name}", [str(program)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with Scene() as scene:
        alone, asking = scene.evercert(), scene.evercert()
        alone.run("list", status=0)
        asking.run_daemon()
        env = {**os.environ, **alone.environment()}
        tried = {
            "evercert list, one command": alone.argv("list"),
            "evercert list, daemon": asking.argv("list"),
            "evercert --version": alone.argv("--version"),
            "engine, loaded only": [str(process_binary("engine")), "--no-such-option"],
            "keeper, loaded only": [str(process_binary("keeper")), "--no-such-option"],
            "lego --version, Debian 12": [str(from_system("lego")), "--version"],
            "lego --version, current": [str(from_cache("lego-new", "lego")), "--version"],
            **dict(loaders(scene.sub("nothing"))),
        }
        figures = {name: [] for name in tried}
        for number in range(options.rounds):
            for name, argv in tried.items():
                figures[name].append(meter.run(argv, env, scene.folder / "log"))
            say(f"round {number + 1} of {options.rounds}")
        asking.stop_daemon()
    rows = {
        name: {"wall_ms": spread([c.wall_ms for c in costs]), "cpu_ms": spread([c.cpu_ms for c in costs])}
        for name, costs in figures.items()
    }
    write("start-up", {"rounds": options.rounds, "commands": rows})


main()
