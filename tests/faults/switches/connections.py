"""HTTP that is none, and connections that end: families 17 and 24."""

import gzip
import threading

from switches.table import Turns, switch
from wire import Cut

_PIECE = b"x" * 65536
_LINES = b"X-Filler: " + b"y" * 1000 + b"\r\n"


@switch(24)
def cut_before(ca, skip=0, kinds=None, times=1):
    """Ends the connection when a request has come, before anything is done about it."""
    turns = Turns(kinds, times, skip)

    def received(request):
        if turns.take(request):
            raise Cut()

    return {"received": received}


@switch(24)
def cut_after(ca, skip=0, kinds=None, times=1):
    """Does what is asked for, and ends the connection instead of answering."""
    turns = Turns(kinds, times, skip)

    def answer(request, answer):
        if turns.take(request):
            raise Cut()

    return {"answer": answer}


@switch(24)
def holds_back(ca, kinds):
    """Does what is asked for, and answers only an octet, so that the client hangs; .set() of the event that
    ca.let_go is then lets it go on to the end."""
    turns = Turns(kinds, 1)
    ca.let_go, ca.holding = threading.Event(), threading.Event()

    def answer(request, answer):
        if turns.take(request):
            answer.raw = _held(ca, answer.head(len(answer.body)) + answer.body)

    return {"answer": answer}


def _held(ca, octets):
    yield octets[:1]
    ca.holding.set()
    ca.let_go.wait(60)
    yield octets[1:]


# 17: each gives the octets of an answer, made from the right one

SHAPES = {}


def shape(make):
    SHAPES[make.__name__] = make
    return make


@shape
def endless(answer):
    """A body without length that goes on until the client has had enough."""
    yield answer.head()
    while True:
        yield _PIECE


@shape
def gigabyte(answer):
    """Says that a gigabyte comes, and sends it."""
    yield answer.head(1 << 30)
    for _ in range((1 << 30) // len(_PIECE)):
        yield _PIECE


@shape
def endless_chunks(answer):
    """Chunks without end."""
    answer.headers.append(("Transfer-Encoding", "chunked"))
    yield answer.head()
    while True:
        yield b"10000\r\n" + _PIECE + b"\r\n"


@shape
def endless_header(answer):
    """Header lines without end."""
    yield answer.head()[:-2]
    while True:
        yield _LINES


@shape
def endless_interim(answer):
    """Answers of 103 without end, and no final one."""
    while True:
        yield b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"


@shape
def long_line(answer):
    """A status line of a megabyte."""
    yield b"HTTP/1.1 200 " + b"O" * 1048576 + b"\r\n\r\n"


@shape
def gzip_bomb(answer):
    """A gigabyte in a megabyte of gzip, which nobody asked for."""
    body = gzip.compress(b"\0" * (1 << 26), 9) * 16
    answer.headers.append(("Content-Encoding", "gzip"))
    yield answer.head(len(body)) + body


@shape
def too_short(answer):
    """Says that more comes than there is, and ends the connection."""
    yield answer.head(len(answer.body) + 100) + answer.body


@shape
def too_long(answer):
    """Sends more than it says."""
    yield answer.head(max(len(answer.body) - 5, 0)) + answer.body + b"HTTP/1.1 200 OK\r\n\r\n"


@shape
def early_end(answer):
    """Ends the connection in the middle of the body."""
    yield answer.head(len(answer.body)) + answer.body[: len(answer.body) // 2]


@shape
def ends_in_header(answer):
    """Ends the connection in the middle of the header."""
    yield answer.head(len(answer.body))[:20]


@shape
def negative_length(answer):
    """A Content-Length below zero."""
    yield answer.head(-1) + answer.body


@shape
def bad_chunk(answer):
    """A chunk whose length is no number."""
    answer.headers.append(("Transfer-Encoding", "chunked"))
    yield answer.head() + b"zz\r\n" + answer.body


@shape
def http_1_0(answer):
    """HTTP/1.0: no length, and the end of the connection is the end of the body."""
    answer.version = "HTTP/1.0"
    yield answer.head() + answer.body


@shape
def http_0_9(answer):
    """Only the body, as it was in the beginning."""
    yield answer.body


@shape
def other_protocol(answer):
    """Something that is no HTTP at all."""
    yield b"220 mail.example ESMTP\r\n"


@shape
def in_pieces(answer):
    """The right answer, an octet at a time."""
    for octet in answer.head(len(answer.body)) + answer.body:
        yield bytes([octet])


@switch(17)
def shaped(ca, kinds, shape, times=None):
    """Answers to such requests have one of SHAPES; the CA has done what was asked for."""
    turns = Turns(kinds, times)

    def answer(request, answer):
        if turns.take(request):
            answer.raw = SHAPES[shape](answer)

    return {"answer": answer}
