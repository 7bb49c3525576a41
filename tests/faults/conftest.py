"""Tests against a CA that misbehaves: ca.py is the CA, switches/ has what can be wrong with it.

    script/test faults [-k EXPRESSION]

Fixtures, beside those of tests/conftest.py
    ca(**settings)          a CA of its own; see ca.py
    client(ca, **options)   an evercert for it, as evercert() makes one, that is looked after (see below)
    live                    an evercert with a certificate a.example in force (a copy of one that was made once), whose
                            .ca is the CA that issued it, with no switch on and nothing recorded; .attempt() renews

What is checked at the end of every test, for each CA and each client
    The client sent nothing that a strict CA refuses for its form (ca.breaches), no nonce twice, nothing with GET that
    is to be read with POST, nothing to the traps, and not more requests than `ca.requests_max`. No process of it was
    ended by a signal, no sanitizer said anything, and no file is there that was not there before but below its state
    directory and in its log. A test whose switch makes the CA lie about the form of requests empties ca.breaches.
"""

import collections
import pathlib
import re
import shutil
import sys

import pytest

import lineage
from evercert import DONE, FAILED, Evercert
from processes import Processes

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from ca import Ca, Settings  # noqa: E402

# Enough for a hundred names is said where there are as many; an attempt for one has about ten.
REQUESTS_MAX = 60
NAME = "a.example"
_READ_WITH_GET = {"directory", "newNonce", "renewalInfo"}
# What the parent says of a process that did not end by itself (os/child.h).
_DIED = re.compile(r".*(killed by SIG|killed by signal|exited with status (99|134)).*")


def check_ca(ca):
    """What must be true of all that a CA was sent."""
    assert not ca.breaches, ca.breaches
    nonces = collections.Counter(one.protected["nonce"] for one in ca.requests if "nonce" in one.protected)
    assert all(times == 1 for times in nonces.values()), "a nonce was used twice"
    wrong = [one for one in ca.requests if one.method != "POST" and one.kind not in _READ_WITH_GET]
    assert not wrong, f"not read with POST: {wrong}"
    assert not ca.trap.connections(), f"walked into a trap: {ca.trap.connections()} {ca.trap.hits}"
    assert len(ca.requests) <= ca.requests_max, f"{len(ca.requests)} requests: {ca.counts()}"


def files_beside(client):
    """Every path that belongs to a client's test and is not its state or its log."""
    folder = client.folder.parent
    paths = {path for path in folder.rglob("*") if client.state not in path.parents}
    return paths - {client.log, client.state, client.folder / "libexec"} - set((client.folder / "libexec").glob("*"))


class Watched:
    """The clients of a test, and what was there beside them when they began."""

    def __init__(self):
        self._before = []

    def add(self, client):
        client.libexec()
        self._before.append((client, files_beside(client)))
        return client

    def check(self):
        for client, before in self._before:
            assert files_beside(client) == before
            died = _DIED.search(client.text())
            assert not died, died.group()


def make_client(evercert, ca, tmp_path, **options):
    """One that runs in a folder that must stay empty, which is also its home and its place for temporary files."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    env = {"HOME": str(elsewhere), "TMPDIR": str(elsewhere), **options.pop("env", {})}
    made = evercert(ca, env=env, through=("env", "-C", elsewhere), **options)
    made.ca = ca
    return made


@pytest.fixture
def watched():
    all_of_test = Watched()
    yield all_of_test
    all_of_test.check()


@pytest.fixture
def ca(authority):
    made = []

    def make(**settings):
        one = Ca(authority, **settings)
        one.requests_max = REQUESTS_MAX
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()
    for one in made:
        check_ca(one)


@pytest.fixture
def client(evercert, tmp_path, watched):
    def make(ca, **options):
        return watched.add(make_client(evercert, ca, tmp_path, **options))

    return make


@pytest.fixture(scope="session")
def _issued(tmp_path_factory, authority):
    """A CA, and the state of an evercert that has a certificate of it."""
    folder = tmp_path_factory.mktemp("issued")
    processes = Processes()
    one = Ca(authority)
    first = Evercert(processes, folder / "evercert", one)
    first.issue(NAME)
    first.finish()
    check = one.breaches
    assert not check, check
    yield one, first.state
    one.close()
    processes.stop_all()


class Live:
    """The client with a certificate in force: everything of Evercert, and attempt()."""

    def __init__(self, client):
        self._client = client
        self.before = lineage.picture(client)
        self.fingerprint = client.leaf(NAME).fingerprint

    def __getattr__(self, name):
        return getattr(self._client, name)

    def attempt(self, timeout=60):
        """Renews; returns the Result."""
        return self._client.run("renew", "--force", NAME, timeout=timeout)

    def expect_got(self, timeout=60):
        """Renews, and there is a new certificate in force. Returns the Leaf."""
        done = self.attempt(timeout)
        assert done.status == DONE, done.stdout + done.stderr
        leaf = lineage.check(self._client, NAME)
        assert leaf.fingerprint != self.fingerprint
        return leaf

    def expect_failure(self, words, timeout=60):
        """Renews, which fails with one error that has these words (a regular expression) and names the
        certificate; what was in force is untouched. Returns the error."""
        done = self.attempt(timeout)
        assert done.status == FAILED, done.stdout + done.stderr
        error = only_error(done.stderr)
        assert re.search(words, error, re.IGNORECASE), error
        assert NAME in error
        assert lineage.picture(self._client) == self.before
        return error


def only_error(text):
    """The one error on standard error, in one line, with nothing in it that a terminal would obey."""
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), repr(text)
    lines = [line for line in text.splitlines() if line.startswith("evercert: error: ")]
    assert len(lines) == 1, text
    return lines[0]


@pytest.fixture
def live(_issued, evercert, tmp_path, watched):
    one, state = _issued
    one.turn_off()
    one.settings = Settings()
    one.requests_max = REQUESTS_MAX
    folder = tmp_path / "evercert-live"
    folder.mkdir()
    shutil.copytree(state, folder / "state", symlinks=True)
    made = watched.add(make_client(evercert, one, tmp_path, folder=folder))
    one.forget()
    traps = one.trap.connections()
    assert not traps, traps
    yield Live(made)
    one.turn_off()
    one.cut_connections()
    check_ca(one)
