"""A Docker engine of a test's own: dockerd with its containerd, in a process and a mount namespace that nothing leaves,
with all of its files below one folder. The system's engine is neither used nor seen. It needs root.

There is no network between containers (no bridge, no iptables): they run with the host's, so what listens in them gets
a loopback port of the test's choice. Images are made from folders, see images.py; nothing is downloaded."""

import contextlib
import http.client
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import urllib.parse

import images
from peers import from_system
from ports import free_port
from processes import Processes, wait_until

# What dockerd would share with an engine of the system's: containerd's socket, plugins, its own key and settings. In
# the engine's mount namespace there is something empty in these places. The init of its process namespace only reaps
# (ignored SIGCHLD: the kernel does it), and with it everything ends.
_INIT = """
for folder in /run/containerd /run/docker /etc/docker; do
    mkdir -p $folder && mount -t tmpfs -o mode=0711 tmpfs $folder || exit 1
done
trap '' CHLD
: >"$1"
exec sleep infinity
"""
_STOP_S = 1  # a container that ignores SIGTERM is killed after it


class ApiError(Exception):
    """The engine's answer is an error: .status, .message."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the socket at `path`."""

    def __init__(self, path, timeout):
        super().__init__("docker", timeout=timeout)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _demultiplexed(raw):
    """The text of a stream of frames: kind, three zeros, length, octets."""
    out, at = b"", 0
    while at + 8 <= len(raw):
        length = int.from_bytes(raw[at + 4 : at + 8], "big")
        out += raw[at + 8 : at + 8 + length]
        at += 8 + length
    return out.decode(errors="replace")


class DockerEngine:
    """A started engine.

    tcp         None, "plain" (http) or "tls" (client certificates are asked for): it listens on .tcp_port as well
    authority   of tests/lib/certificates.py, with tcp="tls"; .client_certificate and .client_key are for clients
    options     more words for dockerd

    .socket (path) .host ("unix:///path") .folder .data (its data root; volumes in .data/volumes/NAME/_data)
    """

    def __init__(self, processes, tcp=None, authority=None, options=()):
        if os.geteuid() != 0:
            raise AssertionError("a Docker engine needs root: run these tests as root")
        self._processes = processes
        # A path of a socket has 107 octets at most, and containerd makes longer ones of it.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="evd-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.socket = self.folder / "docker.sock"
        self.host = f"unix://{self.socket}"
        self.data = self.folder / "data"
        self.log = self.folder / "engine.log"
        self.tcp_port = free_port() if tcp else None
        self.process = None
        self._containerd = None
        self._group = f"/{self.folder.name}"  # of cgroups
        (self.folder / "daemon.json").write_text("{}")
        self._options = [*self._tcp_options(tcp, authority), *options]
        self._start_namespace()
        try:
            self._start_containerd()
            self.start()
        except BaseException:
            self.end()
            raise

    # Life

    def _tcp_options(self, tcp, authority):
        if tcp is None:
            return []
        listen = [f"--host=tcp://127.0.0.1:{self.tcp_port}"]
        if tcp == "plain":
            return [*listen, "--tls=false"]
        self.ca_file = authority.ca_file
        certificate, key = authority.leaf("engine.example", "localhost", "127.0.0.1")
        self.client_certificate, self.client_key = authority.leaf("client.of.engine.example", client=True)
        files = (f"--tlscacert={authority.ca_file}", f"--tlscert={certificate}", f"--tlskey={key}")
        return [*listen, "--tlsverify", *files]

    def _start_namespace(self):
        ready = self.folder / "ready"
        # unshare does not mind SIGTERM; a run of the tests that is killed must take the engine with it.
        argv = ["setpriv", "--pdeathsig=KILL", "--", "unshare", "--pid", "--fork", "--kill-child"]
        argv += ["--mount", "--mount-proc", "--propagation=private"]
        self._namespace = self._processes.start([*argv, "sh", "-c", _INIT, "sh", ready], self.log, peer=True)

        def there():
            if not self._namespace.alive():
                raise AssertionError(f"no namespaces for an engine:\n{self.text()}")
            return ready.exists()

        wait_until(there, "the namespace of the engine")
        self._init = self._child(self._namespace.pid)

    @staticmethod
    def _child(pid):
        """The pid of the one child."""
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        return int(wait_until(lambda: children.read_text().split(), f"a child of {pid}")[0])

    def inside(self, argv):
        """A command line that runs `argv` beside the engine: sees its processes and mounts."""
        return ["nsenter", f"--target={self._init}", "--pid", "--mount", "--", *(str(word) for word in argv)]

    def _start_containerd(self):
        """One of its own, as a system's service would be: an engine that is killed finds it again."""
        root = self.folder / "containerd"
        root.mkdir()
        self._containerd = root / "sock"
        (root / "config.toml").write_text(
            f'version = 2\nroot = "{root / "root"}"\nstate = "{root / "state"}"\n'
            'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            f'[grpc]\naddress = "{self._containerd}"\n'
        )
        argv = [from_system("containerd"), "--config", root / "config.toml", "--log-level", "warn"]
        process = self._processes.start(self.inside(argv), self.log, peer=True, env=self._daemon_env())

        def there():
            if not process.alive():
                raise AssertionError(f"containerd ended with {process.status()}:\n{self.text()[-4000:]}")
            return self._containerd.exists()

        wait_until(there, "containerd's socket", 30.0)

    @staticmethod
    def _daemon_env():
        # Beside the session's own PATH: an operator's has no sbin.
        env = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"}
        env.pop("DOCKER_HOST", None)
        return env

    def start(self):
        """Starts dockerd, and waits until it answers."""
        assert self.process is None, "the engine runs already"
        argv = [
            from_system("dockerd"),
            f"--host={self.host}",
            f"--containerd={self._containerd}",
            f"--config-file={self.folder / 'daemon.json'}",
            f"--data-root={self.data}",
            f"--exec-root={self.folder / 'exec'}",
            f"--pidfile={self.folder / 'pid'}",
            "--storage-driver=vfs",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
            "--userland-proxy=false",
            "--exec-opt=native.cgroupdriver=cgroupfs",
            f"--cgroup-parent={self._group}",
            f"--shutdown-timeout={_STOP_S}",
            *self._options,
        ]
        (self.folder / "pid").unlink(missing_ok=True)  # of an engine that was killed; its pid may be anybody's now
        self.process = self._processes.start(self.inside(argv), self.log, peer=True, env=self._daemon_env())
        self._dockerd = self._child(self.process.pid)
        wait_until(self._answers, f"dockerd to answer; its log:\n{self.text()[-4000:]}", 60.0)

    def _answers(self):
        if not self.process.alive():
            raise AssertionError(f"dockerd ended with {self.process.status()}:\n{self.text()[-4000:]}")
        try:
            self.api("GET", "/_ping")
            return True
        except (OSError, http.client.HTTPException, ApiError):
            return False

    def _signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._dockerd, number)

    def stop(self):
        """SIGTERM; its containers end with it."""
        if self.process is not None:
            self._signal(signal.SIGTERM)
            self.process.wait(30)
            self.process = None

    def kill(self):
        """kill -9; containers go on until it is started again, which ends them."""
        self._signal(signal.SIGKILL)
        self.process.wait(10)
        self.process = None

    def restart(self):
        self.stop()
        self.start()

    def running(self):
        return self.process is not None and self.process.alive()

    def end(self):
        """Ends everything, and removes every file. For the end of tests."""
        try:
            if self.running():
                self.stop()
        finally:
            # With the init of its namespace all of its processes end, and its mounts with the last of them.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._init, signal.SIGKILL)
            self._namespace.wait(10)
            self._remove_groups()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _remove_groups(self):
        base = pathlib.Path("/sys/fs/cgroup")
        for top in {*base.glob("*" + self._group), base / self.folder.name}:
            # From the bottom: a group is removed when it is empty.
            for folder, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)

    def text(self):
        """What the engine printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    # Requests

    def _connection(self, timeout):
        return UnixConnection(self.socket, timeout)

    def api(self, method, path, body=None, timeout=60, **query):
        """A request to its API. JSON is read, other answers are octets. ApiError where it says no."""
        kind = "application/json"
        if isinstance(body, bytes):
            kind = "application/x-tar"
        elif body is not None:
            body = json.dumps(body).encode()
        words = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in query.items()}
        target = path + ("?" + urllib.parse.urlencode(words, doseq=True) if words else "")
        connection = self._connection(timeout)
        try:
            with contextlib.suppress(BrokenPipeError):  # it says no without reading all of it
                connection.request(method, target, body, {"Content-Type": kind})
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                raise ApiError(answer.status, json.loads(raw)["message"])
            raise ApiError(answer.status, raw.decode(errors="replace"))
        if raw and answer.getheader("Content-Type", "").startswith("application/json"):
            if path == "/build":
                return raw
            return json.loads(raw.decode().splitlines()[-1] if path == "/images/create" else raw)
        return raw

    def env(self):
        """What clients get: the docker command, docker-compose."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "COMPOSE_"))}
        return {**env, "DOCKER_HOST": self.host, "DOCKER_CONFIG": str(self.folder / "client")}

    # Images

    def import_image(self, name, folder, changes=()):
        """Makes the image `name` of all files in `folder` with their owners and modes. `changes`: lines of a
        Dockerfile, as 'CMD ["sleep", "1"]'. Returns its id."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            tar.add(str(folder), arcname=".")
        repository, _, tag = name.partition(":")
        query = {"fromSrc": "-", "repo": repository, "tag": tag or "latest", "changes": list(changes)}
        answer = self.api("POST", "/images/create", buffer.getvalue(), **query)
        if "error" in answer:
            raise ApiError(500, answer["error"])
        return answer["status"]

    def build(self, name, context):
        """`docker build` of a tar archive with a Dockerfile, by the engine itself (without BuildKit)."""
        answer = self.api("POST", "/build", context, timeout=300, t=name, networkmode="host", rm="1", forcerm="1")
        lines = [json.loads(line) for line in answer.decode().splitlines()]
        failed = [line["error"] for line in lines if "error" in line]
        if failed:
            raise ApiError(500, failed[0] + "\n" + "".join(line.get("stream", "") for line in lines))

    def image(self, name):
        """Makes one of images.py ("busybox", "nginx", "evercert") where it is not there; returns its name."""
        return images.make(self, name)

    def has_image(self, name):
        try:
            self.api("GET", f"/images/{name}/json")
            return True
        except ApiError as error:
            if error.status != 404:
                raise
            return False

    # Containers

    def create(self, image, *args, name=None, labels=None, env=None, volumes=(), user=None, config=None, host=None):
        """A container that is not started; returns its id.

        args        its command; the image's own when there is none
        volumes     ["/host/path:/inside", "volume:/inside:ro"]
        config      more for the API's object ({"Entrypoint": [...]}), `host` more for its HostConfig
        """
        body = {
            "Image": image,
            "Labels": labels or {},
            "Env": [f"{key}={value}" for key, value in (env or {}).items()],
            "StopTimeout": _STOP_S,
            "HostConfig": {"NetworkMode": "host", "Binds": [str(volume) for volume in volumes], **(host or {})},
            **({"Cmd": [str(word) for word in args]} if args else {}),
            **({"User": user} if user is not None else {}),
            **(config or {}),
        }
        return self.api("POST", "/containers/create", body, **({"name": name} if name else {}))["Id"]

    def run(self, image, *args, **options):
        """create(), started: `docker run -d --network=host`."""
        container = self.create(image, *args, **options)
        self.api("POST", f"/containers/{container}/start")
        return container

    def start_container(self, container):
        self.api("POST", f"/containers/{container}/start")

    def stop_container(self, container):
        self.api("POST", f"/containers/{container}/stop", t=_STOP_S)

    def restart_container(self, container):
        self.api("POST", f"/containers/{container}/restart", t=_STOP_S)

    def kill_container(self, container, number="KILL"):
        self.api("POST", f"/containers/{container}/kill", signal=number)

    def rename(self, container, name):
        self.api("POST", f"/containers/{container}/rename", name=name)

    def rm(self, container):
        """With its anonymous volumes, also while it runs."""
        self.api("DELETE", f"/containers/{container}", force="1", v="1")

    def containers(self, everything=True, **filters):
        """The rows of `docker ps -a`; filters: label=["a=b"], name=["x"]."""
        return self.api("GET", "/containers/json", all=int(everything), filters=filters)

    def inspect(self, container):
        return self.api("GET", f"/containers/{container}/json")

    def logs(self, container):
        """What it printed, standard output and error."""
        return _demultiplexed(self.api("GET", f"/containers/{container}/logs", stdout=1, stderr=1))

    def exec(self, container, *argv, user=None, check=True):
        """Runs a command in it to its end; returns what it printed. Another status than 0 is an error with `check`;
        without, (status, text) is returned."""
        body = {"AttachStdout": True, "AttachStderr": True, "Cmd": [str(word) for word in argv]}
        made = self.api("POST", f"/containers/{container}/exec", {**body, **({"User": user} if user else {})})["Id"]
        text = _demultiplexed(self.api("POST", f"/exec/{made}/start", {"Detach": False, "Tty": False}))

        def ended():
            state = self.api("GET", f"/exec/{made}/json")
            return None if state["Running"] else state

        status = wait_until(ended, f"{argv} to end in {container}")["ExitCode"]
        if not check:
            return status, text
        if status != 0:
            raise AssertionError(f"{argv} in {container} ended with {status}:\n{text}")
        return text

    def wait_running(self, container, timeout=20.0):
        """Waits until it runs; one that ends meanwhile fails, with its log."""

        def state():
            now = self.inspect(container)["State"]
            if now["Status"] in ("exited", "dead"):
                raise AssertionError(f"{container} ended with {now['ExitCode']}:\n{self.logs(container)[-4000:]}")
            return now["Running"]

        wait_until(state, f"{container} to run", timeout)

    def wait_log(self, container, text, timeout=20.0):
        """Waits until it has printed `text`; returns its whole log."""

        def printed():
            running, found = self.inspect(container)["State"]["Running"], self.logs(container)
            if not running and text not in found:
                raise AssertionError(f"{container} ended without {text!r}:\n{found[-4000:]}")
            return found if text in found else None

        return wait_until(printed, f"{text!r} in the log of {container}", timeout)

    def volume(self, name, labels=None):
        """The folder of a named volume, which is made where there is none."""
        return pathlib.Path(self.api("POST", "/volumes/create", {"Name": name, "Labels": labels or {}})["Mountpoint"])

    def remove_all(self):
        """Every container, network and volume; images stay. Between tests."""
        for row in self.containers():
            with contextlib.suppress(ApiError):
                self.rm(row["Id"])
        self.api("POST", "/networks/prune")
        for volume in self.api("GET", "/volumes")["Volumes"] or []:
            self.api("DELETE", f"/volumes/{volume['Name']}", force="1")

    def describe(self):
        """Containers with the ends of their logs, for a test that failed."""
        lines = []
        for row in self.containers():
            lines.append(f"--- {row['Names']} {row['Image']} {row['Status']}")
            lines.append(self.logs(row["Id"])[-3000:])
        return "\n".join(lines)

    # docker-compose

    def compose(self, *words, project="test", files=(), folder=None, env=None, timeout=120):
        """`docker-compose -p PROJECT -f FILE... WORDS`; returns what it printed, and fails where it does. It is the
        distribution's: 1.29 (Python) on Debian 12, 2 (Go) on Debian 13."""
        argv = [str(from_system("docker-compose")), "-p", project]
        argv += [word for file in files for word in ("-f", str(file))]
        if folder is not None:
            argv += ["--project-directory", str(folder)]
        done = subprocess.run(
            [*argv, *(str(word) for word in words)],
            env={**self.env(), **(env or {})},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
        )
        if done.returncode != 0:
            said = f"{done.stdout}\n{self.describe()}"
            raise AssertionError(f"docker-compose {' '.join(map(str, words))} failed:\n{said}")
        return done.stdout


class Engines:
    """All engines of a run of the tests, one worker's. They outlive a test, so they belong to no test's processes."""

    def __init__(self):
        self._processes = Processes(lasting=True)
        self._made = []

    def make(self, **options):
        self._made.append(DockerEngine(self._processes, **options))
        return self._made[-1]

    def end(self):
        for engine in self._made:
            engine.end()
        self._made.clear()
        self._processes.stop_all()
