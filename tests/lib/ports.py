"""Loopback ports for peers. Taken from below the range that the kernel gives to outgoing connections, so that one
chosen now is not somebody's source port a moment later."""

import random
import socket

_given = set()


def free_port():
    """A port that is free for TCP and UDP on every local address, and not given out before in this run."""
    for _ in range(1000):
        port = random.randrange(10000, 32000)
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
