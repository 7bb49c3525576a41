"""The messages between evercert's processes, spoken by a test: the table of src/ipc/messages.h read as it is.

    here, there = socket.socketpair()
    channel = Channel(here)
    channel.send("dns_begin", propagation="{}")
    id = channel.request("dns_present", permit=b"...", identifier="a.example")
    channel.answer(id, "permit_opened", wish="{}")
    name, id, fields = channel.read()               # ("dns_presented", 1, {"note": "...", "error": {...}})
    channel.send("peer", process="keeper", fd=other)

Fields that are not given are empty. An error is given as ("REFUSED", "text") and read as a dictionary, its code "" where
there is none."""

import pathlib
import re
import socket
import struct

_HEADER = pathlib.Path(__file__).resolve().parents[2] / "src/ipc/messages.h"
_EMPTY = {"u32": 0, "i64": 0, "flag": False, "text": "", "blob": b"", "list": [], "error": None}


def _table():
    text = _HEADER.read_text().replace("\\\n", " ")
    fields = {
        match[1]: re.findall(r"F\((\w+),\s*(\w+)\)", match[2])
        for match in re.finditer(r"#define MSG_FIELDS_(\w+)\(F\)(.*)", text)
    }
    names = re.findall(r"M\((\w+),", re.search(r"#define MESSAGES\(M\)(.*)", text)[1])
    return {name: (number, fields[name]) for number, name in enumerate(names, 1)}


def _codes():
    text = (_HEADER.parents[1] / "base/err.h").read_text()
    names = re.findall(r"X\((ERR_\w+),", text)
    return {name.removeprefix("ERR_"): number for number, name in enumerate(names, -999)}


MESSAGES = _table()
CODES = _codes()
_CODE_NAMES = {0: "", **{number: name for name, number in CODES.items()}}
_NAMES = {number: name for name, (number, _) in MESSAGES.items()}


def _bytes(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<I", len(data)) + data


def _error(value):
    code, text = (CODES[value[0]], value[1]) if value else (0, "")
    return struct.pack("<i", code) + _bytes(text) + _bytes("") + struct.pack("<q", 0)


_PUT = {
    "u32": lambda value: struct.pack("<I", value),
    "i64": lambda value: struct.pack("<q", value),
    "flag": lambda value: struct.pack("<B", value),
    "text": _bytes,
    "blob": _bytes,
    "list": lambda value: struct.pack("<I", len(value)) + b"".join(_bytes(one) for one in value),
    "error": _error,
}


class _Reader:
    def __init__(self, data):
        self.data = data

    def number(self, form):
        size = struct.calcsize(form)
        value = struct.unpack(form, self.data[:size])[0]
        self.data = self.data[size:]
        return value

    def octets(self):
        size = self.number("<I")
        value, self.data = self.data[:size], self.data[size:]
        return value

    def field(self, kind):
        if kind in ("u32", "i64", "flag"):
            return self.number({"u32": "<I", "i64": "<q", "flag": "<B"}[kind])
        if kind == "blob":
            return self.octets()
        if kind == "text":
            return self.octets().decode()
        if kind == "list":
            return [self.octets().decode() for _ in range(self.number("<I"))]
        error = {"code": _CODE_NAMES[self.number("<i")], "text": self.octets().decode(), "problem": self.octets().decode()}
        error["retry_at"] = self.number("<q")
        return error


class Channel:
    """One end of a socketpair; nothing is read before it is asked for. A read that waits for longer than `timeout`
    fails."""

    def __init__(self, sock, timeout=20):
        self._socket = sock
        sock.settimeout(timeout)
        self._data = b""
        self._last = 0

    def send(self, message, /, id=0, fd=None, **given):
        """`id`: of the request that it answers."""
        self._send(message, id, fd, given)

    def _send(self, message, id, fd, given):
        number, fields = MESSAGES[message]
        assert set(given) <= {field for _, field in fields}, (message, given)
        body = b"".join(_PUT[kind](given.get(field, _EMPTY[kind])) for kind, field in fields)
        frame = struct.pack("<IHI", len(body) + 6, number, id) + body
        if fd is None:
            self._socket.sendall(frame)
        else:
            socket.send_fds(self._socket, [frame], [fd])

    def request(self, message, /, **given):
        """Its number."""
        self._last += 1
        self._send(message, self._last, None, given)
        return self._last

    def _take(self, size):
        while len(self._data) < size:
            data = self._socket.recv(65536)
            if not data:
                raise EOFError("the other end is gone")
            self._data += data
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def read(self):
        """(name, id, fields) of the next message."""
        length, number, id = struct.unpack("<IHI", self._take(10))
        reader = _Reader(self._take(length - 6))
        name = _NAMES[number]
        fields = {field: reader.field(kind) for kind, field in MESSAGES[name][1]}
        assert not reader.data, f"{name} has more than its fields"
        return name, id, fields

    def close(self):
        self._socket.close()
