"""A network of one's own: only a loopback interface, all ports free (80 and 443 too), nothing outside reachable."""

import os
import shutil
import subprocess

_INSIDE = 'ip link set lo up && exec "$@"'


def command(argv):
    """`argv` as a command line that runs it in a new network namespace with lo up. A user who is not root becomes
    root of a new user namespace, which some systems forbid: see why_not()."""
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    return unshare + ["--", "sh", "-c", _INSIDE, "sh"] + [str(word) for word in argv]


def enter(pid, argv):
    """`argv` as a command line that runs it in the network namespace of a process started through command()."""
    ours = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    return ["nsenter", f"--target={pid}", "--net"] + ours + ["--"] + [str(word) for word in argv]


def why_not():
    """None where command() works, else the reason, to be said aloud by the test that needs it."""
    for program in ("unshare", "nsenter", "ip"):
        if shutil.which(program) is None:
            return f"{program} is missing; script/setup test installs it"
    tried = subprocess.run(command(["true"]), capture_output=True, text=True, timeout=10)
    return None if tried.returncode == 0 else f"no network namespaces here: {tried.stderr.strip()}"
