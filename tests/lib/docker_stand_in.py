"""A container engine that is none: it speaks as much of Docker's Engine API as evercert asks for, over a Unix socket or
TCP, fast enough for thousands of containers, and goes wrong where a test says so. What it answers follows the published
documentation of the API (its reference of v1.41 to v1.51); what real engines do is shown with these (docker_engine.py).

    with DockerStandIn(folder / "d.sock") as engine:          # or DockerStandIn(port=12345, context=SSLContext)
        web = engine.add("web-1", labels={"evercert.domains": "a.example"}, env={"A": "b"}, project="shop")
        engine.update(web, labels={...})                       # changes, with an event; quiet=True: without one
        engine.die(web); engine.start(web); engine.rename(web, "web-2"); engine.remove(web)
        engine.event("exec_start", web)                        # any event, and nothing changes
        engine.add_service("api", labels={...}); engine.remove_service(ID)   # DockerStandIn(..., swarm=True)
        engine.signals                                         # [(id, "HUP")] that were sent
        engine.restarts, engine.execs                          # [id], [(id, [word, ...], user)]
        engine.on_exec = lambda id, argv: (0, b"stdout", b"stderr")          # or None: never ends
        engine.requests                                        # ["GET /v1.41/containers/json?all=1"]
        engine.stop(); engine.begin()                          # goes away, and comes back; drop() cuts connections alone
        engine.fault("stall", "/events")                       # see FAULTS; times=None: until clear_faults()

`url` is what the configuration calls it. Containers are {"Id", "Name", ...} as GET /containers/ID/json says them; a test
may change engine.containers[ID] as it likes (then forget(ID), which drops the octets that are kept of it).
"""

import asyncio
import json
import os
import pathlib
import struct
import threading
import time
import urllib.parse

HTML = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body>Down for maintenance.</body></html>"

# What can be wrong with an answer.
FAULTS = {
    "rubbish": "octets that are no HTTP",
    "noise": "HTTP, and a body that is no JSON",
    "stall": "never answers",
    "half": "the half of a body, and then nothing",
    "cut": "the connection ends in the middle of the body",
    "close": "the connection ends without an answer",
    "long": "a Content-Length that is larger than the body, whose connection then ends",
    "short": "a Content-Length that is smaller than the body",
    "headers": "header lines without an end",
    "html": "a page for people, with status 200",
    "refuse": "403, as a proxy of the socket says it",
    "error": "500 with a message",
    "unavailable": "503 with a message",
    "missing": "404 with a message",
    "redirect": "302 to another host",
    "endless": "an array without an end",
    "huge": "one element of an array without an end",
    "deep": "brackets, 100,000 deep",
    "types": "JSON of another type",
    "null": "null",
}


def _hex(number):
    """An id as engines give them."""
    return f"{number:016x}" * 4


def _rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".123456789Z"


class DockerStandIn:
    def __init__(
        self, path=None, port=None, context=None, version="20.10.24", api="1.41", min_api="1.12", podman=False, swarm=False
    ):
        self.path, self.port, self.context = path, port, context
        self.version, self.api, self.min_api, self.podman, self.swarm = version, api, min_api, podman, swarm
        self.containers, self.services, self.networks = {}, {}, {}
        self.signals, self.restarts, self.execs, self.requests = [], [], [], []
        self.service_updates = []  # [(id, version, spec)]
        self.on_exec = lambda container, argv: (0, b"", b"")
        self._exec_status, self._events, self._faults = {}, [], []
        self._octets, self._listed = {}, {}
        self._number = 0x1000
        self._connections, self._followers = set(), set()
        self._loop = self._server = self._thread = None

    # --- its life ---

    @property
    def url(self):
        return f"unix://{self.path}" if self.path else f"tcp://127.0.0.1:{self.port}"

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.begin()
        return self

    def __exit__(self, *_):
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, function, *args):
        """Runs a function in the server's thread, and returns what it does."""
        if threading.current_thread() is self._thread:
            return function(*args)
        done, box = threading.Event(), []

        def run():
            try:
                box.append((True, function(*args)))
            except Exception as error:  # handed to the caller
                box.append((False, error))
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(20)
        good, value = box[0]
        if not good:
            raise value
        return value

    def begin(self):
        """Listens (again)."""

        async def listen():
            if self.path:
                pathlib.Path(self.path).unlink(missing_ok=True)
                return await self._loop.create_unix_server(lambda: _Connection(self), str(self.path), backlog=1024)
            return await self._loop.create_server(
                lambda: _Connection(self), "127.0.0.1", self.port, ssl=self.context, backlog=1024
            )

        self._server = asyncio.run_coroutine_threadsafe(listen(), self._loop).result(20)

    def stop(self):
        """Listens no more, and cuts all connections."""

        def end():
            if self._server:
                self._server.close()
                self._server = None

        self._call(end)
        self.drop()
        if self.path:
            pathlib.Path(self.path).unlink(missing_ok=True)

    def drop(self):
        """Cuts all connections."""
        self._call(lambda: [connection.abort() for connection in list(self._connections)])

    @property
    def connections(self):
        return len(self._connections)

    @property
    def following(self):
        """How many read the events."""
        return len(self._followers)

    # --- what runs there ---

    def add(self, name, labels=None, env=None, image="busybox:latest", project=None, service=None, quiet=False, **fields):
        """A container that runs; its id. `fields`: networks {name: address}, ports {"80/tcp": 8080 or None}, mounts,
        hostname, network_mode, state, health, created, started."""
        self._number += 1
        container = _hex(self._number)
        labels = dict(labels or {})
        if project:
            labels["com.docker.compose.project"] = project
        if service:
            labels["com.docker.compose.service"] = service
        state, created = fields.get("state", "running"), fields.get("created", 1700000000 + self._number)
        networks = fields.get("networks", {"bridge": "172.17.0.2"})
        document = {
            "Id": container,
            "Created": _rfc3339(created),
            "Path": "sleep",
            "Args": ["infinity"],
            "State": {
                "Status": state,
                "Running": state == "running",
                "Paused": False,
                "Restarting": False,
                "OOMKilled": False,
                "Dead": False,
                "Pid": 4711,
                "ExitCode": 0,
                "Error": "",
                "StartedAt": _rfc3339(fields.get("started", created + 1)),
                "FinishedAt": "0001-01-01T00:00:00Z",
            },
            "Image": "sha256:" + "ab" * 32,
            "Name": "/" + name,
            "RestartCount": 0,
            "Driver": "overlay2",
            "Platform": "linux",
            "HostConfig": {
                "Binds": None,
                "NetworkMode": fields.get("network_mode", "bridge"),
                "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
                "Memory": 0,
            },
            "Mounts": fields.get("mounts", []),
            "Config": {
                "Hostname": fields.get("hostname", container[:12]),
                "Domainname": "",
                "User": "",
                "Env": [f"{key}={value}" for key, value in (env or {}).items()],
                "Cmd": ["sleep", "infinity"],
                "Image": image,
                "Volumes": None,
                "WorkingDir": "",
                "Labels": labels,
                "ExposedPorts": {port: {} for port in fields.get("ports", {})},
            },
            "NetworkSettings": {
                "Bridge": "",
                "Ports": {
                    port: [{"HostIp": "0.0.0.0", "HostPort": str(public)}] if public else None
                    for port, public in fields.get("ports", {}).items()
                },
                "Networks": {
                    network: {
                        "IPAMConfig": None,
                        "Links": None,
                        "Aliases": [name],
                        "NetworkID": "cd" * 32,
                        "EndpointID": "ef" * 32,
                        "Gateway": "172.17.0.1",
                        "IPAddress": address,
                        "IPPrefixLen": 16,
                        "IPv6Gateway": "",
                        "GlobalIPv6Address": "",
                        "GlobalIPv6PrefixLen": 0,
                        "MacAddress": "02:42:ac:11:00:02",
                        "DriverOpts": None,
                    }
                    for network, address in networks.items()
                },
            },
        }
        if "health" in fields:
            document["State"]["Health"] = {"Status": fields["health"], "FailingStreak": 0, "Log": []}

        def put():
            self.containers[container] = document
            if not quiet:
                self._tell("container", "create", container)
                self._tell("container", "start", container)

        self._call(put)
        return container

    def add_many(self, number, labels=None, name="many-{}", **fields):
        """`number` containers, without events; their ids. "{}" in name, and in values of labels, is their number."""
        return [
            self.add(
                name.replace("{}", str(i)),
                {key: value.replace("{}", str(i)) for key, value in (labels or {}).items()},
                quiet=True,
                **fields,
            )
            for i in range(number)
        ]

    def forget(self, container):
        """Its octets are made anew."""

        def drop():
            self._octets.pop(container, None)
            self._listed.pop(container, None)

        self._call(drop)

    def update(self, container, labels=None, env=None, state=None, health=None, quiet=False, action="update"):
        def change():
            document = self.containers[container]
            if labels is not None:
                document["Config"]["Labels"] = dict(labels)
            if env is not None:
                document["Config"]["Env"] = [f"{key}={value}" for key, value in env.items()]
            if state is not None:
                document["State"]["Status"], document["State"]["Running"] = state, state == "running"
            if health is not None:
                document["State"]["Health"] = {"Status": health, "FailingStreak": 0, "Log": []}
            self.forget(container)
            if not quiet:
                self._tell("container", f"health_status: {health}" if health else action, container)

        self._call(change)

    def start(self, container):
        self.update(container, state="running", action="start")

    def die(self, container):
        self.update(container, state="exited", action="die")

    def rename(self, container, name):
        def change():
            self.containers[container]["Name"] = "/" + name
            self.forget(container)
            self._tell("container", "rename", container)

        self._call(change)

    def remove(self, container, quiet=False):
        def change():
            self.forget(container)
            del self.containers[container]
            if not quiet:
                self._tell("container", "destroy", container)

        self._call(change)

    def event(self, action, subject, kind="container"):
        """Tells of that, whether it happened or not."""
        self._call(self._tell, kind, action, subject)

    def raw_event(self, octets):
        """These octets come by the event stream."""
        self._call(lambda: [follower.chunk(octets) for follower in list(self._followers)])

    def add_network(self, name, subject=None):
        self._number += 1
        subject = subject or f"net{self._number:022d}"
        self._call(self.networks.__setitem__, subject, {"Name": name, "Id": subject, "Scope": "swarm", "Driver": "overlay"})
        return subject

    def add_service(self, name, labels=None, container_labels=None, env=None, image="nginx:1", networks=(), quiet=False):
        """A service of the swarm; its id. `networks`: ids of add_network."""
        self._number += 1
        service = f"svc{self._number:022d}"
        document = {
            "ID": service,
            "Version": {"Index": 7},
            "CreatedAt": _rfc3339(1700000000),
            "UpdatedAt": _rfc3339(1700000001),
            "Spec": {
                "Name": name,
                "Labels": dict(labels or {}),
                "TaskTemplate": {
                    "ContainerSpec": {
                        "Image": image,
                        "Labels": dict(container_labels or {}),
                        "Env": [f"{key}={value}" for key, value in (env or {}).items()],
                    },
                    "Networks": [{"Target": network} for network in networks],
                    "ForceUpdate": 0,
                },
                "Mode": {"Replicated": {"Replicas": 1}},
            },
            "Endpoint": {"Spec": {}},
        }

        def put():
            self.services[service] = document
            if not quiet:
                self._tell("service", "create", service)

        self._call(put)
        return service

    def update_service(self, service, labels):
        def change():
            self.services[service]["Spec"]["Labels"] = dict(labels)
            self.services[service]["Version"]["Index"] += 1
            self._tell("service", "update", service)

        self._call(change)

    def remove_service(self, service):
        def change():
            del self.services[service]
            self._tell("service", "remove", service)

        self._call(change)

    # --- what goes wrong ---

    def fault(self, kind, where="/", times=1):
        """The next `times` requests whose path (without /vX.YY) begins with `where` are answered so."""
        assert kind in FAULTS
        self._call(self._faults.append, [kind, where, times])

    def clear_faults(self):
        self._call(self._faults.clear)

    # --- inside: in the server's thread ---

    def _tell(self, kind, action, subject):
        now = time.time_ns()
        message = {
            "Type": kind,
            "Action": action,
            "Actor": {"ID": subject, "Attributes": {"name": "name", "image": "image"}},
            "scope": "swarm" if kind == "service" else "local",
            "time": now // 10**9,
            "timeNano": now,
        }
        if kind == "container":
            message.update({"status": action, "id": subject, "from": "image"})
        self._events.append(message)
        del self._events[:-64]  # as many as Docker keeps
        octets = json.dumps(message).encode() + b"\n"
        for follower in list(self._followers):
            if kind in follower.kinds:
                follower.chunk(octets)

    def _fault_of(self, path):
        for fault in self._faults:
            if path.startswith(fault[1]):
                if fault[2] is not None:
                    fault[2] -= 1
                    if fault[2] == 0:
                        self._faults.remove(fault)
                return fault[0]
        return None

    def _inspected(self, container):
        if container not in self._octets:
            self._octets[container] = json.dumps(self.containers[container]).encode()
        return self._octets[container]

    def _summary(self, container):
        if container not in self._listed:
            document = self.containers[container]
            self._listed[container] = json.dumps(
                {
                    "Id": container,
                    "Names": [document["Name"]],
                    "Image": document["Config"]["Image"],
                    "ImageID": document["Image"],
                    "Command": "sleep infinity",
                    "Created": 1700000000,
                    "Ports": [],
                    "Labels": document["Config"]["Labels"],
                    "State": document["State"]["Status"],
                    "Status": "Up 2 hours",
                    "HostConfig": {"NetworkMode": document["HostConfig"]["NetworkMode"]},
                    "NetworkSettings": {"Networks": document["NetworkSettings"]["Networks"]},
                    "Mounts": document["Mounts"],
                }
            ).encode()
        return self._listed[container]

    def find(self, word):
        """The id of a container by its id, the start of it, or its name; None."""
        if word in self.containers:
            return word
        for container, document in self.containers.items():
            if document["Name"] == "/" + word or (len(word) >= 4 and container.startswith(word)):
                return container
        return None

    def _find_service(self, word):
        for service, document in self.services.items():
            if word in (service, document["Spec"]["Name"]):
                return service
        return None


def _message(text):
    return json.dumps({"message": text}).encode() + b"\n"


class _Connection(asyncio.Protocol):
    def __init__(self, engine):
        self.engine, self.buffer, self.transport, self.kinds, self.busy = engine, b"", None, (), False

    # --- HTTP ---

    def connection_made(self, transport):
        self.transport = transport
        self.engine._connections.add(self)

    def connection_lost(self, _):
        self.engine._connections.discard(self)
        self.engine._followers.discard(self)

    def abort(self):
        self.transport.abort()

    def data_received(self, data):
        self.buffer += data
        while not self.busy and b"\r\n\r\n" in self.buffer:
            head, rest = self.buffer.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            length = int(headers.get("content-length", "0"))
            if len(rest) < length:
                return
            body, self.buffer = rest[:length], rest[length:]
            method, target, _ = lines[0].split(" ")
            self.engine.requests.append(f"{method} {target}")
            self.serve(method, target, body)

    def answer(self, status, body=b"", content="application/json"):
        reason = {200: "OK", 204: "No Content", 201: "Created"}.get(status, "Status")
        head = f"HTTP/1.1 {status} {reason}\r\nApi-Version: {self.engine.api}\r\nContent-Type: {content}\r\n"
        if not self.engine.podman:
            head += f"Ostype: linux\r\nServer: Docker/{self.engine.version} (linux)\r\n"
        head += f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime())}\r\n"
        if status != 204:
            head += f"Content-Length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"\r\n" + body)

    def begin_chunks(self):
        self.busy = True
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )

    def chunk(self, octets):
        if not self.transport.is_closing():
            self.transport.write(b"%x\r\n%s\r\n" % (len(octets), octets))

    def end_chunks(self):
        self.transport.write(b"0\r\n\r\n")
        self.busy = False

    # --- what goes wrong ---

    def pour(self, octets, pause=0.001):
        """The same octets again and again until the other side has enough."""
        if not self.transport.is_closing():
            if self.transport.get_write_buffer_size() < 1 << 20:
                self.transport.write(octets)
            self.engine._loop.call_later(pause, self.pour, octets, pause)

    def count(self, number):
        """Entries of a list, each another one."""
        if not self.transport.is_closing():
            if self.transport.get_write_buffer_size() < 1 << 20:
                self.chunk(b"".join(b'{"Id": "%064x"},' % (number + i) for i in range(500)))
                number += 500
            self.engine._loop.call_later(0.001, self.count, number)

    def go_wrong(self, kind):
        body = b'[{"Id": "' + b"a" * 64 + b'"}]'
        whole = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        write, close = self.transport.write, self.transport.close
        if kind == "rubbish":
            write(b"\x00\xff\x16\x03\x01 what?\r\n\r\n" * 10)
            close()
        elif kind == "noise":
            self.answer(200, b"\x00\xff{]" * 100)
        elif kind == "stall":
            self.busy = True
        elif kind == "half":
            self.busy = True
            write(whole + b"Content-Length: 1000\r\n\r\n" + body[:20])
        elif kind in ("cut", "long"):
            write(whole + b"Content-Length: 100000\r\n\r\n" + body)
            close()
        elif kind == "close":
            close()
        elif kind == "short":
            write(whole + b"Content-Length: 10\r\n\r\n" + body)
            close()
        elif kind == "headers":
            self.busy = True
            write(whole)
            self.pour(b"X-Filler: " + b"x" * 1000 + b"\r\n")
        elif kind == "html":
            self.answer(200, HTML, "text/html")
        elif kind == "refuse":
            write(b"HTTP/1.0 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<html><body><h1>403 Forbidden</h1></body></html>")
            close()
        elif kind == "error":
            self.answer(500, _message("something is \x1b[31mbroken"))
        elif kind == "unavailable":
            self.answer(503, _message("come back later"))
        elif kind == "missing":
            self.answer(404, _message("page not found"))
        elif kind == "redirect":
            write(b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n")
        elif kind == "endless":
            self.begin_chunks()
            self.chunk(b"[")
            self.count(0)
        elif kind == "huge":
            self.begin_chunks()
            self.chunk(b'[{"Id": "' + b"a" * 64 + b'", "Labels": {"a": "')
            block = b"x" * 65536
            self.pour(b"%x\r\n%s\r\n" % (len(block), block))
        elif kind == "deep":
            self.answer(200, b'[{"Id": "' + b"a" * 64 + b'", "x": ' + b"[" * 100000 + b"]" * 100000 + b"}]")
        elif kind == "types":
            self.answer(200, b'{"Id": 1, "ApiVersion": {}, "State": [], "Config": "x", "Version": -1, "message": 7}')
        elif kind == "null":
            self.answer(200, b"null")

    # --- the API ---

    def serve(self, method, target, body):
        engine = self.engine
        parts = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        words = parts.path.strip("/").split("/")
        if words[0].startswith("v1."):
            if tuple(map(int, words[0][1:].split("."))) < tuple(map(int, engine.min_api.split("."))):
                self.answer(400, _message(f"client version {words[0][1:]} is too old. Minimum supported API version is {engine.min_api}"))
                return
            words = words[1:]
        path = "/" + "/".join(words)
        kind = engine._fault_of(path)
        if kind:
            self.go_wrong(kind)
            return
        serve = getattr(self, f"{method.lower()}_{words[0].lstrip('_')}", None)
        if serve is None:
            self.answer(404, _message("page not found"))
        else:
            serve(words[1:], query, body)

    def get_ping(self, words, query, body):
        self.answer(200, b"OK", "text/plain")

    def get_version(self, words, query, body):
        engine = self.engine
        name = "Podman Engine" if engine.podman else "Engine"
        document = {
            "Platform": {"Name": "linux"},
            "Components": [{"Name": name, "Version": engine.version, "Details": {"ApiVersion": engine.api}}],
            "Version": engine.version,
            "ApiVersion": engine.api,
            "MinAPIVersion": engine.min_api,
            "Os": "linux",
            "Arch": "amd64",
        }
        self.answer(200, json.dumps(document).encode())

    def get_info(self, words, query, body):
        state = "active" if self.engine.swarm else "inactive"
        self.answer(
            200, json.dumps({"Swarm": {"LocalNodeState": state, "ControlAvailable": self.engine.swarm}}).encode()
        )

    def get_events(self, words, query, body):
        filters = json.loads(query.get("filters", "{}"))
        self.kinds = tuple(filters.get("type", ["container", "service"]))
        self.begin_chunks()
        since = float(query["since"]) if "since" in query else None
        for message in self.engine._events:
            if since is not None and message["timeNano"] / 10**9 >= since and message["Type"] in self.kinds:
                self.chunk(json.dumps(message).encode() + b"\n")
        self.engine._followers.add(self)

    def get_networks(self, words, query, body):
        if words and words[0] not in self.engine.networks:
            self.answer(404, _message(f"network {words[0]} not found"))
        else:
            self.answer(200, json.dumps(self.engine.networks[words[0]]).encode())

    def get_containers(self, words, query, body):
        engine = self.engine
        if words == ["json"]:
            chosen = list(engine.containers)
            labels = json.loads(query.get("filters", "{}")).get("label", [])
            for label in labels:
                key, _, value = label.partition("=")
                chosen = [c for c in chosen if engine.containers[c]["Config"]["Labels"].get(key) == value]
            if query.get("all") not in ("1", "true"):
                chosen = [c for c in chosen if engine.containers[c]["State"]["Running"]]
            self.answer(200, b"[" + b",".join(map(engine._summary, chosen)) + b"]\n")
            return
        container = engine.find(words[0])
        if container is None or words[1:] != ["json"]:
            self.answer(404, _message(f"No such container: {words[0]}"))
        else:
            self.answer(200, engine._inspected(container))

    def post_containers(self, words, query, body):
        engine = self.engine
        container = engine.find(words[0])
        if container is None:
            self.answer(404, _message(f"No such container: {words[0]}"))
        elif words[1] == "kill":
            if not engine.containers[container]["State"]["Running"]:
                self.answer(409, _message(f"Cannot kill container: {words[0]}: Container {container} is not running"))
                return
            engine.signals.append((container, query.get("signal", "KILL")))
            self.answer(204)
        elif words[1] == "restart":
            engine.restarts.append(container)
            for action in ("kill", "die", "stop", "start", "restart"):
                engine._tell("container", action, container)
            self.answer(204)
        elif words[1] == "exec":
            asked = json.loads(body)
            engine._number += 1
            subject = _hex(engine._number)
            engine._exec_status[subject] = (container, asked["Cmd"], None)
            engine.execs.append((container, asked["Cmd"], asked.get("User", "")))
            engine._tell("container", "exec_create: " + " ".join(asked["Cmd"]), container)
            self.answer(201, json.dumps({"Id": subject}).encode())
        else:
            self.answer(404, _message("page not found"))

    def post_exec(self, words, query, body):
        engine = self.engine
        container, argv, _ = engine._exec_status[words[0]]
        assert json.loads(body) == {"Detach": False, "Tty": False}
        engine._tell("container", "exec_start: " + " ".join(argv), container)
        self.busy = True
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n")
        result = engine.on_exec(container, argv)
        if result is None:
            return
        status, out, err = result
        for stream, octets in ((1, out), (2, err)):
            for at in range(0, len(octets), 1000):
                piece = octets[at : at + 1000]
                self.transport.write(struct.pack(">BxxxI", stream, len(piece)) + piece)
        engine._exec_status[words[0]] = (container, argv, status)
        engine._tell("container", "exec_die", container)
        self.transport.close()

    def get_exec(self, words, query, body):
        _, _, status = self.engine._exec_status[words[0]]
        self.answer(200, json.dumps({"ID": words[0], "Running": status is None, "ExitCode": status}).encode())

    def get_services(self, words, query, body):
        engine = self.engine
        if not engine.swarm:
            self.answer(503, _message("This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again."))
        elif not words:
            self.answer(200, json.dumps(list(engine.services.values())).encode())
        elif engine._find_service(words[0]) is None:
            self.answer(404, _message(f"service {words[0]} not found"))
        else:
            self.answer(200, json.dumps(engine.services[engine._find_service(words[0])]).encode())

    def post_services(self, words, query, body):
        engine = self.engine
        service = engine._find_service(words[0])
        if service is None:
            self.answer(404, _message(f"service {words[0]} not found"))
        elif int(query["version"]) != engine.services[service]["Version"]["Index"]:
            self.answer(500, _message("rpc error: code = Unknown desc = update out of sequence"))
        else:
            spec = json.loads(body)
            engine.service_updates.append((service, int(query["version"]), spec))
            engine.services[service]["Spec"] = spec
            engine.services[service]["Version"]["Index"] += 1
            engine._tell("service", "update", service)
            self.answer(200, b'{"Warnings": null}')


if __name__ == "__main__":
    import sys

    # docker_stand_in.py SOCKET [NUMBER]: an engine with that many containers, for looking at by hand
    with DockerStandIn(sys.argv[1]) as standing:
        standing.add_many(int(sys.argv[2]) if len(sys.argv) > 2 else 3, {"evercert.domains": "{}.example"})
        print(standing.url, os.getpid(), flush=True)
        threading.Event().wait()
