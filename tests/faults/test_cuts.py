"""Connections that are cut at every request, before and after the CA acted: family 24. Whatever was lost, the next run
finishes the order that is there where the CA shows one, and the key of the certificate is that of the CSR."""

import concurrent.futures

import pytest

import issuing
import lineage
from ca import Ca
from conftest import NAME, REQUESTS_MAX, check_ca, files_beside, make_client
from evercert import DONE, FAILED

# More than an issue has requests, so that the last ones cut nothing: the number is found out by the test itself.
REQUESTS = 12
AT_ONCE = 4


def _finish(made, one):
    """Runs until there is a certificate; at most twice, as a cron job would. Returns how many runs failed."""
    for failed in range(3):
        done = made.run("issue", "-d", NAME)
        if done.status == DONE:
            return failed
        assert done.status == FAILED, done.stderr
        assert NAME in done.stderr and "127.0.0.1" in done.stderr, done.stderr
    raise AssertionError(f"no certificate after three runs: {one.requests}")


def _prepare(evercert, authority, folder, switch, number):
    """A CA that cuts request number `number`, and a client of it."""
    folder.mkdir()
    one = Ca(authority)
    one.requests_max = REQUESTS_MAX
    one.turn_on(switch, skip=number)
    made = make_client(evercert, one, folder, folder=folder / "evercert")
    made.libexec()
    return one, made


def _one(one, made, switch):
    """An issue with its cut. Returns the kind of the request that was cut; None: it had not so many."""
    try:
        before = files_beside(made)
        failed = _finish(made, one)
        leaf = lineage.check(made, NAME)
        cut = next((request for request in one.requests if request.cut), None)
        # Only an order whose making was lost is not known: everything else is found again.
        lost = cut is not None and cut.kind == "newOrder" and switch == "cut_after"
        assert len(one.orders) == 1 + lost, (cut, one.requests)
        assert failed <= 1, (cut, failed)
        assert len(one.accounts) == 1
        assert issuing.spki(leaf.public_key) == one.csr_keys[-1]
        assert len(set(one.csr_keys)) == 1
        assert len(one.certificates) == 1, (cut, one.requests)
        check_ca(one)
        assert files_beside(made) == before
        return None if cut is None else cut.kind
    finally:
        one.close()


@pytest.mark.parametrize("switch", ["cut_before", "cut_after"])
def test_first_issue(evercert, authority, tmp_path, switch):
    pairs = [_prepare(evercert, authority, tmp_path / str(n), switch, n) for n in range(REQUESTS)]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        cut = list(pool.map(lambda pair: _one(*pair, switch), pairs))
    kinds = ["directory", "newNonce", "newAccount", "newOrder", "authorization", "challenge", "finalize", "order"]
    assert [kind for kind in cut if kind][: len(kinds)] == kinds
    assert "certificate" in cut and cut[-1] is None, cut


@pytest.mark.parametrize("switch", ["cut_before", "cut_after"])
@pytest.mark.parametrize("kind", ["newOrder", "finalize", "certificate"])
def test_renewal(live, switch, kind):
    """The same where something is in force: it stays until there is another."""
    orders = len(live.ca.orders)
    live.ca.turn_on(switch, kinds=kind)
    if kind == "newOrder":
        live.expect_failure("127.0.0.1")
    live.expect_got()
    assert len(live.ca.orders) == orders + (2 if (kind, switch) == ("newOrder", "cut_after") else 1)
    assert len(set(live.ca.csr_keys)) == 1


@pytest.mark.parametrize("kind", ["newOrder", "authorization", "challenge", "finalize", "order", "certificate"])
def test_power_failure(ca, client, kind):
    """kill -9 while an answer is on its way: the next run goes on with the same order where its URL was known."""
    one = ca()
    one.turn_on("holds_back", kinds=[kind])
    made = client(one)
    made.start("issue", "-d", NAME)
    assert one.holding.wait(20)
    made.kill_all()
    one.let_go.set()
    made.issue(NAME)
    leaf = lineage.check(made, NAME)
    assert len(one.orders) == (2 if kind == "newOrder" else 1)
    assert issuing.spki(leaf.public_key) == one.csr_keys[-1]
    assert len(set(one.csr_keys)) == 1


def test_ca_starts_again(live):
    """All connections end in the middle, again and again, and all nonces are void."""
    live.ca.turn_on("nonces_die", kinds="authorization")
    live.ca.turn_on("nonces_die", kinds="finalize")
    for kind in ("authorization", "finalize", "order"):
        live.ca.turn_on("cut_before", kinds=kind)
    live.expect_got()
    assert live.ca.counts()["newOrder"] == 1
