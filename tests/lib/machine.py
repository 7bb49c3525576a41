"""A machine with faults: its disk, its descriptors and its clock, for all processes of an evercert at once.

The library of tests/lib/faulty_os stands between the real binaries and libc. A page of memory that is shared with
them says what is to happen, and can be changed while they run."""

import contextlib
import ctypes
import mmap
import os

from evercert import build_folder

# The order is that of faulty_os/page.h.
CALLS = (
    "open create read pread write pwrite send recv sync rename mkdir symlink link unlink truncate chmod chown accept "
    "socket pipe wait poll connect"
).split()
# What changes a disk, and so can find it full, read-only or broken.
WRITES = "create write pwrite sync rename mkdir symlink link truncate".split()
_OFF, _FAIL, _FAIL_OTHERS, _HALF, _COUNT = range(5)


class _Rule(ctypes.Structure):
    _fields_ = [
        ("mode", ctypes.c_uint32),
        ("first", ctypes.c_uint32),
        ("times", ctypes.c_uint32),
        ("error", ctypes.c_int32),
        ("calls", ctypes.c_uint64),
        ("process", ctypes.c_char * 16),
        ("path", ctypes.c_char * 256),
        ("seen", ctypes.c_uint32),
        ("hits", ctypes.c_uint32),
        ("last_call", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("last_path", ctypes.c_char * 256),
    ]


class _Page(ctypes.Structure):
    _fields_ = [
        ("magic", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("wall_s", ctypes.c_int64),
        ("boot_s", ctypes.c_int64),
        ("rules", _Rule * 16),
    ]


class Rule:
    """One thing that goes wrong, until off()."""

    def __init__(self, raw):
        self._raw = raw

    @property
    def seen(self):
        """How many such calls there were."""
        return self._raw.seen

    @property
    def hits(self):
        """How many of them went wrong."""
        return self._raw.hits

    @property
    def last(self):
        """The last that went wrong: ("write", path)."""
        return CALLS[self._raw.last_call], self._raw.last_path.decode()

    def off(self):
        self._raw.mode = _OFF


class Machine:
    """.env is what an Evercert gets as its `env`: evercert(ca, env=machine.env)."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "page"
        file.write_bytes(bytes(ctypes.sizeof(_Page)))
        with open(file, "r+b") as page:
            self._memory = mmap.mmap(page.fileno(), ctypes.sizeof(_Page))
        self._page = _Page.from_buffer(self._memory)
        self._page.magic, self._page.size = 0x66617531, ctypes.sizeof(_Page)
        os.mkfifo(f"{file}.set")
        self._set = os.open(f"{file}.set", os.O_RDWR | os.O_NONBLOCK)
        library = build_folder() / "tests/lib/faulty_os/faulty_os.so"
        assert library.exists(), f"{library} is not built; script/test builds it"
        asan = "detect_leaks=0:abort_on_error=0:exitcode=99:verify_asan_link_order=0"
        self.env = {"LD_PRELOAD": str(library), "FAULTY_OS": str(file), "ASAN_OPTIONS": asan}

    def _rule(self, mode, process, calls, path, error=0, first=1, times=0):
        raw = next(rule for rule in self._page.rules if rule.mode == _OFF)
        ctypes.memset(ctypes.byref(raw), 0, ctypes.sizeof(raw))
        raw.first, raw.times, raw.error = first, times, error
        raw.calls = sum(1 << CALLS.index(call) for call in ([calls] if isinstance(calls, str) else calls))
        raw.process, raw.path = process.encode(), str(path).encode()
        raw.mode = mode
        return Rule(raw)

    def count(self, process, calls, path=""):
        """From now on such calls of that process ("" any) are counted, whose path begins like that."""
        return self._rule(_COUNT, process, calls, path)

    def fail(self, process, calls, error, path="", first=1, times=0):
        """The first (1: the next) such call fails with this errno, and so do those behind it: `times` in all, 0 for
        as long as it lasts."""
        return self._rule(_FAIL, process, calls, path, error, first, times)

    def fail_others(self, process, calls, error, path=""):
        """Every second one fails, so that each is well when it is tried again at once."""
        return self._rule(_FAIL_OTHERS, process, calls, path, error)

    def halve(self, process, calls, path=""):
        """Only half of what was to be read or written is, each time."""
        return self._rule(_HALF, process, calls, path)

    def clear(self):
        """Everything works; the clock stays as it is."""
        for rule in self._page.rules:
            rule.mode = _OFF

    # The clock

    @property
    def wall_s(self):
        """So far is its wall clock from the real one."""
        return self._page.wall_s

    def move_clock(self, seconds):
        """Somebody sets the clock: it jumps, and the system tells who asked to be told."""
        self._page.wall_s += seconds
        self._tell()

    def sleep(self, seconds):
        """The machine was suspended for that long, and is awake again."""
        self._page.boot_s += seconds
        self.move_clock(seconds)

    def _tell(self):
        with contextlib.suppress(BlockingIOError):
            os.write(self._set, b"x")

    def close(self):
        os.close(self._set)
        del self._page
        with contextlib.suppress(BufferError):  # a Rule that somebody still holds
            self._memory.close()


__all__ = ["CALLS", "WRITES", "Machine", "Rule"]
