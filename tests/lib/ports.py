"""Loopback ports for peers. Taken from below the range that the kernel gives to outgoing connections, so that one
chosen now is not somebody's source port a moment later."""

import os
import random
import socket

_given = set()

# Each of several pytest processes (pytest-xdist) has ports of its own: no other takes one between choice and use.
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def free_port():
    """A port that is free for TCP and UDP on every local address, and not given out before in this run."""
    for _ in range(1000):
        port = random.randrange(10000 + _WORKER, 32000, _WORKERS)
        if port in _given:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(
            socket.AF_INET, socket.SOCK_DGRAM
        ) as udp:
            try:
                tcp.bind(("", port))
                udp.bind(("", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError("no free port found")


def free_address():
    """An address of the loopback network, 127.A.B.C, where port 53 is free for TCP and UDP and which was not given out
    before in this run: for name servers that are found by delegations, which know no other port."""
    for _ in range(1000):
        address = f"127.{random.randrange(10, 250)}.{random.randrange(1, 250)}.{_WORKER + 1}"
        if address in _given:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(
            socket.AF_INET, socket.SOCK_DGRAM
        ) as udp:
            try:
                tcp.bind((address, 53))
                udp.bind((address, 53))
            except OSError:
                continue
        _given.add(address)
        return address
    raise RuntimeError("no free address found")
