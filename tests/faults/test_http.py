"""HTTP that is none: family 17."""

import pytest

import lineage
from cases import GOT, on, play, play_first
from conftest import NAME, only_error

# Outcome of an answer of this shape to newOrder, which is not sent again.
SHAPED = {
    "endless": "larger",
    "gigabyte": "larger",
    "endless_chunks": "larger",
    "endless_header": "header of the answer is larger",
    "endless_interim": "header of the answer is larger",
    "long_line": "127.0.0.1",
    "gzip_bomb": "larger|JSON",
    "too_short": "127.0.0.1",
    "early_end": "127.0.0.1",
    "ends_in_header": "127.0.0.1",
    "negative_length": "127.0.0.1|JSON",
    "bad_chunk": "127.0.0.1",
    "http_0_9": "127.0.0.1|HTTP",
    "other_protocol": "127.0.0.1|HTTP",
    "http_1_0": GOT,
    "in_pieces": GOT,
}


@pytest.mark.parametrize("shape", SHAPED)
def test_new_order(live, shape):
    # What the CA did is not known, so it may be done again by the next attempt, not by this one.
    play(live, on("shaped", kinds="newOrder", shape=shape, times=1), SHAPED[shape])
    assert live.ca.counts()["newOrder"] == 1


@pytest.mark.parametrize("shape", ["endless", "gigabyte", "endless_header", "gzip_bomb", "too_long"])
def test_directory(client, ca, shape):
    outcome = "larger|JSON|127.0.0.1"
    play_first(client, ca(), on("shaped", kinds="directory", shape=shape), outcome, only_error)


@pytest.mark.parametrize("shape", ["http_1_0", "in_pieces", "endless", "early_end", "gigabyte"])
def test_certificate_once(live, shape):
    """An answer with the certificate that came to nothing is asked for again."""
    outcome = "larger" if shape in ("endless", "gigabyte") else GOT
    play(live, on("shaped", kinds="certificate", shape=shape, times=1), outcome)
    assert live.ca.counts()["newOrder"] == 1


def test_everything_once_broken(live):
    """Each answer after the order's own breaks off once, each in another way."""
    for kind, shape in {
        "authorization": "early_end",
        "challenge": "too_short",
        "finalize": "bad_chunk",
        "order": "ends_in_header",
        "certificate": "other_protocol",
    }.items():
        live.ca.turn_on("shaped", kinds=kind, shape=shape, times=1)
    live.expect_got()
    assert live.ca.counts()["newOrder"] == 1


@pytest.mark.parametrize("shape", ["http_1_0", "in_pieces"])
def test_everything_odd(live, shape):
    """Old or slow, but right."""
    live.ca.turn_on("shaped", kinds=None, shape=shape)
    live.expect_got()


@pytest.mark.parametrize("kind", ["newNonce", "newOrder", "finalize"])
def test_an_answer_that_never_ends_to_come(live, kind):
    """While an answer drips in, a command ends at once when it is asked to."""
    live.ca.turn_on("holds_back", kinds=[kind])
    running = live.start("renew", "--force", NAME)
    assert live.ca.holding.wait(20), "the CA was not asked"
    running.stop()
    live.ca.let_go.set()
    assert lineage.picture(live) == live.before
    live.ca.turn_off()
    live.expect_got()


def test_daemon_goes_on(client, ca):
    """One CA that holds everything up does not keep a daemon from another, nor from answering."""
    slow, good = ca(), ca()
    good.turn_off()
    made = client(
        slow,
        listen=[f"127.0.0.1:{good.http_port}"],
        config={
            "authorities": {
                "slow": {"directory": slow.url, "ca-file": str(slow.ca_file)},
                "good": {"directory": good.url, "ca-file": str(good.ca_file)},
            },
            "authority": "good",
            "certificates": [{"domains": ["slow.example"], "authority": "slow"}, {"domains": ["good.example"]}],
        },
    )
    slow.turn_on("holds_back", kinds=["directory"])
    made.run_daemon()
    assert slow.holding.wait(20)
    made.wait_valid("good.example")
    assert made.row("slow.example")["state"] != "valid"
    made.stop_daemon()
    slow.let_go.set()


def test_connections_that_end_between(live):
    """A CA that ends its connections whenever nothing is asked of it."""

    def cut(request, answer):
        answer.close = True

    live.ca._hooks["answer"].append(cut)
    live.expect_got()


def test_nothing_listens(client, ca):
    one = ca()
    made = client(one)
    made.issue(NAME)
    before = lineage.picture(made)
    one.close()
    error = only_error(made.renew(NAME, force=True, status=1).stderr)
    assert NAME in error and "127.0.0.1" in error
    assert lineage.picture(made) == before

