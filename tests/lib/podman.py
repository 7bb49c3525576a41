"""podman's service with files of its own, for one test.

    @pytest.fixture
    def podman(processes):
        with Podman(processes) as engine:
            yield engine

.host ("unix:///path") is its socket; run("run", "-d", ...) runs podman, and returns what it prints. The image
"busy:latest" has busybox, and OPTIONS are what a container needs here: the host's network, and no more limits than
this machine has. It needs root."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from peers import from_system
from processes import wait_until

OPTIONS = ("--network=host", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000")


class Podman:
    def __init__(self, processes):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="evd-", dir="/tmp"))  # paths of sockets must be short
        self.host = f"unix://{self.folder / 'p.sock'}"
        argv = [from_system("podman"), "--root", self.folder / "root", "--runroot", self.folder / "run"]
        argv += ["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file", "--tmpdir", self.folder / "t"]
        argv += ["--runtime=runc"]  # crun refuses machines with both kinds of cgroups
        self._argv = [str(word) for word in argv]
        self._service = processes.start(
            [*self._argv, "system", "service", "--time=0", self.host], self.folder / "p.log", peer=True
        )

    def __enter__(self):
        def listens():
            assert self._service.alive(), self._service.text()
            return (self.folder / "p.sock").exists()

        wait_until(listens, "podman's socket", 30)
        return self

    def __exit__(self, *_):
        for container in self.run("ps", "-aq").split():
            self.run("rm", "-f", "-t", "0", container)
        # The monitor of a command that was run by the API stays for minutes, in case somebody asks how it ended.
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = path.read_bytes()
                if b"conmon" in words and str(self.folder).encode() in words:
                    os.kill(int(path.parent.name), signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *words):
        done = subprocess.run([*self._argv, *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"podman {words}: {done.stderr}"
        return done.stdout.strip()

    def image(self):
        """Makes busy:latest; returns its name."""
        root = self.folder / "image"
        for name in ("bin", "etc", "proc", "sys", "dev", "tmp"):
            (root / name).mkdir(parents=True)
        shutil.copy(from_system("busybox"), root / "bin/busybox")
        for name in ("sh", "sleep", "echo"):
            (root / "bin" / name).symlink_to("busybox")
        archive = self.folder / "i.tar"
        subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
        self.run("import", str(archive), "busy:latest")
        return "busy:latest"
