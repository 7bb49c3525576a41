"""What the benchmarks share: peers and evercert from tests/lib, the release build, results as JSON."""

import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/lib"))
os.environ.setdefault("EVERCERT_BUILD", str(ROOT / "build/release"))

from certificates import Authority  # noqa: E402
from evercert import Evercert  # noqa: E402
from pebble import Pebble  # noqa: E402
from processes import Processes, become_reaper  # noqa: E402

RESULTS = ROOT / "bench/results"


class Scene:
    """A folder, an authority and processes for one benchmark; everything is ended and removed with it."""

    def __enter__(self):
        become_reaper()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="evercert-bench-"))
        self.processes = Processes()
        self.authority = Authority(self.folder / "authority")
        self._made = []
        self._n = 0
        return self

    def __exit__(self, kind, value, traceback):
        for one in self._made:
            if one.daemon and one.daemon.alive():
                one.daemon.stop()
            shutil.rmtree(one.sockets, ignore_errors=True)
        self.processes.stop_all()
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print(f"what was left is in {self.folder}", file=sys.stderr)

    def sub(self, name):
        self._n += 1
        folder = self.folder / f"{name}-{self._n}"
        folder.mkdir()
        return folder

    def pebble(self, version="2.10", **options):
        """As in tests/lib/pebble.py, whose defaults are: no sleep, no refused nonces, no reused authorizations."""
        return Pebble(self.processes, self.sub("pebble"), self.authority, version=version, **options)

    def evercert(self, pebble=None, **options):
        self._made.append(Evercert(self.processes, self.sub("evercert"), pebble, **options))
        return self._made[-1]

    def members(self, daemon):
        """{name: pid} of a running daemon's processes."""
        found = {"parent": daemon.pid}
        for name in ("keeper", "engine", "responder", "solver", "watcher"):
            found.update({name: pid for pid, command in self.processes.leftovers().items() if command == name})
        return found


def middle(values):
    return statistics.median(values)


def spread(values):
    """[lower quartile, median, upper quartile], rounded for a file that people read."""
    low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
    return [round(low, 2), round(middle(values), 2), round(high, 2)]


def machine():
    """What the figures depend on. No names."""
    cpu = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if "model name" in line]
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo", encoding="ascii") if "MemTotal" in line)
    release = {}
    for line in open("/etc/os-release", encoding="utf-8"):
        key, _, value = line.strip().partition("=")
        release[key] = value.strip('"')
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": cpu[0] if cpu else platform.machine(),
        "memory_gib": round(memory / 2**20, 1),
        "system": release.get("PRETTY_NAME", "?"),
        "kernel": platform.release().split("-")[0],
        "load": round(os.getloadavg()[0], 1),
        "commit": _git("rev-parse", "--short", "HEAD"),
    }


def _git(*words):
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
    return done.stdout.strip() or "?"


def package_version(package):
    """Version of an installed Debian package, "" where it is not."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def write(name, data):
    """results/NAME.json; with the machine as it was."""
    RESULTS.mkdir(exist_ok=True)
    data = {"machine": machine(), "when": time.strftime("%Y-%m-%d", time.gmtime()), **data}
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(data, indent=1) + "\n")
    print(f"bench: {path.relative_to(ROOT)}")
    return data


def say(text):
    print(f"bench: {text}", flush=True)
