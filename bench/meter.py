"""What running something costs: time on the wall, processor time of all processes that take part, memory."""

import ctypes
import json
import os
import resource
import time

_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None)


class Cost:
    """wall_ms   from the start of the command to its end
    cpu_ms    user and system time of the command and of all its descendants, whoever waited for them
    status    its exit status"""

    def __init__(self, wall_ms, cpu_ms, status):
        self.wall_ms, self.cpu_ms, self.status = wall_ms, cpu_ms, status


def run(argv, env, log):
    """Runs `argv` to its end, its output appended to the file `log`.

    A process in between makes itself the reaper of orphans and counts only when no descendant is left, so nothing
    is missed: neither a helper that outlives its starter nor one whose starter did not wait for it."""
    reading, writing = os.pipe()
    middle = os.fork()
    if middle == 0:
        status = 1
        try:
            os.close(reading)
            os.write(writing, json.dumps(_in_the_middle([str(word) for word in argv], env, log)).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        text = answer.read()
    os.waitpid(middle, 0)
    if not text:
        raise AssertionError(f"{argv[0]} could not be measured")
    return Cost(**json.loads(text))


def _in_the_middle(argv, env, log):
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError("no reaper of orphans on this system")
    log = str(log)
    files = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    began = time.monotonic()
    # Not fork: what the interpreter's copied pages cost is not the command's.
    pid = os.posix_spawn(argv[0], argv, env, file_actions=files)
    _, status = os.waitpid(pid, 0)
    wall = time.monotonic() - began
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "wall_ms": wall * 1000,
        "cpu_ms": (usage.ru_utime + usage.ru_stime) * 1000,
        "status": os.waitstatus_to_exitcode(status),
    }


def process_cpu_ms(pid):
    """Processor time of a running process so far (its threads too), in exact figures where the kernel keeps them."""
    try:
        total = 0
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as text:
                total += int(text.read().split()[0])
        return total / 1e6
    except FileNotFoundError:
        with open(f"/proc/{pid}/stat", encoding="ascii") as text:
            fields = text.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def pss_kib(pid):
    """Memory of a process: pss is each page divided by the number of processes that share it."""
    found = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as text:
        for line in text:
            key, _, value = line.partition(":")
            if key in ("Rss", "Pss", "Pss_Anon", "Private_Dirty"):
                found[key.lower()] = int(value.split()[0])
    return found
