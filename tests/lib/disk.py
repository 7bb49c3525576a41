"""A disk that is full when a test wants it to be."""

import errno
import os
import pathlib

from processes import wait_until


class SmallDisk:
    """A file system of its own that only processes started `through` it see; `.inside(path)` is how a test does."""

    def __init__(self, processes, folder, log, kilobytes):
        self.folder = folder
        folder.mkdir()
        script = 'mount -t tmpfs -o size="$1",mode=755 tmpfs "$2" && echo mounted && exec sleep 3600'
        argv = ["unshare", "--mount", "--", "sh", "-c", script, "sh", f"{kilobytes}k", folder]
        self.process = processes.start(argv, log, peer=True)
        wait_until(lambda: "mounted" in self.process.text() or not self.process.alive(), "the mount")
        self.through = ["nsenter", f"--target={self.process.pid}", "--mount", "--"]

    def why_not(self):
        return None if self.process.alive() else f"no mounts here: {self.process.text().strip()}"

    def inside(self, path):
        return pathlib.Path(f"/proc/{self.process.pid}/root{path}")

    def fill(self, leave):
        """Takes all room but `leave` kilobytes. Who runs there may take some of it at the same time."""
        room = os.statvfs(self.inside(self.folder))
        free = room.f_bavail * room.f_frsize - leave * 1024
        with open(self.inside(self.folder / "filler"), "wb", buffering=0) as filler:
            for _ in range(0, free, 4096):
                try:
                    filler.write(b"x" * 4096)
                except OSError as error:
                    assert error.errno == errno.ENOSPC
                    return

    def empty(self):
        self.inside(self.folder / "filler").unlink()
