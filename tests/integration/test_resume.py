"""kill -9 at every step of an issuance: the next start goes on with the same order, and nothing is left behind."""

import pytest

from evercert import FAILED
from processes import wait_until

STEPS = (
    "/dir",
    "/nonce-plz",
    "/sign-me-up",
    "/order-plz",
    "/authZ",
    "/chalZ",
    "/finalize-order",
    "/my-order",
    "/certZ",
)


def new_orders(ca):
    return ca.request_counts().get("POST /order-plz", 0)


def challenge_files(webroot):
    return sorted(path.name for path in webroot.glob(".well-known/acme-challenge/*"))


def half_written(client):
    return [path for path in client.state.rglob("*") if ".tmp-" in path.name]


def kill_midway(client, gate, step, answered):
    """Everything is killed while that request, or its answer, is on its way."""
    gate.hold(step, answered)
    client.run_daemon()
    gate.wait_held()
    client.kill_all()
    gate.drop()


@pytest.mark.parametrize("answered", [False, True], ids=["asked", "answered"])
@pytest.mark.parametrize("step", STEPS)
def test_everything_is_killed_with_a_webroot(evercert, pebble, gate, nginx, tmp_path, step, answered):
    webroot = tmp_path / "www"
    webroot.mkdir()
    server = nginx(webroot=webroot).start()
    ca = gate(pebble(http_port=server.http_port))
    client = evercert(ca, config={"certificates": [{"domains": ["a.example", "b.example"], "webroot": str(webroot)}]})
    kill_midway(client, ca, step, answered)
    assert not client.live("a.example").exists()
    client.run_daemon()
    assert client.wait_live("a.example").names == ["a.example", "b.example"]
    # An answer with an order in it that nobody could read is lost; everything else is known.
    assert new_orders(ca) == (2 if (step, answered) == ("/order-plz", True) else 1)
    wait_until(lambda: not challenge_files(webroot), "challenge files to be removed")
    assert half_written(client) == []
    assert client.row("a.example")["generation"] == 1
    client.no_key_readable()


@pytest.mark.parametrize("answered", [False, True], ids=["asked", "answered"])
@pytest.mark.parametrize("step", ("/authZ", "/chalZ", "/finalize-order", "/my-order", "/certZ"))
def test_everything_is_killed_with_the_responder(evercert, pebble, gate, step, answered):
    ca = gate(pebble())
    client = evercert(ca, config={"certificates": [{"domains": ["a.example"]}]})
    kill_midway(client, ca, step, answered)
    client.run_daemon()
    row = client.wait_row("a.example", lambda row: row["generation"] > 0 or row["failures"] > 0, "over")
    if row["failures"] > 0:
        # The CA looked while nobody was there to answer: that order is lost, by the CA's word.
        assert (step, answered) == ("/chalZ", True)
        client.renew("a.example", force=True)
    assert client.leaf("a.example").names == ["a.example"]
    assert new_orders(ca) == 1 + row["failures"]
    assert half_written(client) == []


def test_a_renewal_is_killed(evercert, pebble, gate):
    ca = gate(pebble())
    client = evercert(ca, config={"certificates": [{"domains": ["a.example"]}]})
    client.run_daemon()
    first = client.wait_live("a.example")
    client.wait_valid("a.example")
    ca.forget_requests()
    ca.hold("/certZ")
    renewal = client.start("renew", "a.example", "--force")
    ca.wait_held()
    client.kill_all()
    ca.drop()
    assert renewal.wait() != 0
    assert client.leaf("a.example").fingerprint == first.fingerprint
    client.run_daemon()
    # The order that was forced is under way in the store, and nobody has to give the command again.
    client.wait_row("a.example", lambda row: row["generation"] == 2, "renewed")
    assert client.leaf("a.example").fingerprint != first.fingerprint
    assert new_orders(ca) == 1
    assert client.row("a.example")["generation"] == 2


def test_a_one_shot_is_killed(evercert, pebble, gate):
    ca = gate(pebble())
    client = evercert(ca)
    ca.hold("/finalize-order", answered=True)
    command = client.start("issue", "-d", "a.example")
    ca.wait_held()
    client.kill_all()
    ca.drop()
    assert command.wait() != 0
    assert client.row("a.example")["state"] == "pending"
    client.issue("a.example")
    assert client.leaf("a.example").names == ["a.example"]
    assert new_orders(ca) == 1


def test_stopping_in_good_order_keeps_the_order(evercert, pebble, gate):
    ca = gate(pebble())
    client = evercert(ca, config={"certificates": [{"domains": ["a.example"]}]})
    ca.hold("/certZ")
    client.run_daemon()
    ca.wait_held()
    client.stop_daemon()
    ca.drop()
    client.run_daemon()
    client.wait_live("a.example")
    assert new_orders(ca) == 1


def test_the_ca_forgot_the_order(evercert, pebble, gate, processes):
    """The next start finds another CA behind the same address: it begins anew instead of asking for ever."""
    ca = gate(pebble())
    client = evercert(ca, config={"certificates": [{"domains": ["a.example"], "retry": "1s"}]})
    kill_midway(client, ca, "/finalize-order", False)
    other = pebble(http_port=ca.http_port)
    ca.pebble = other
    client.run_daemon()
    client.wait_live("a.example")
    assert other.request_counts()["POST /finalize-order"] == 1


def test_what_a_crash_left_half_written_is_removed(evercert, pebble):
    ca = pebble()
    client = evercert(ca)
    client.issue("a.example")
    before = client.leaf("a.example").fingerprint
    generations = client.state / "live/.generations/a.example"
    (generations / ".tmp-1234").mkdir()
    (generations / ".tmp-1234/privkey.pem").write_text("half")
    (client.state / "live/.tmp-5678").symlink_to(".generations/a.example/9")
    client.run("list", status=0)
    assert half_written(client) == []
    assert client.leaf("a.example").fingerprint == before


def test_challenge_files_of_a_certificate_that_is_gone(evercert, pebble, gate, nginx, tmp_path):
    """Killed in the middle, then taken out of the configuration: its challenge file does not stay either, in whichever of
    the certificate's folders it is."""
    webroot, other = tmp_path / "www", tmp_path / "other"
    webroot.mkdir()
    other.mkdir()
    server = nginx(webroot=webroot).start()
    ca = gate(pebble(http_port=server.http_port))
    one = {"domains": ["a.example"], "webroot": str(other), "webroot-map": {"a.example": str(webroot)}}
    client = evercert(ca, config={"certificates": [one]})
    kill_midway(client, ca, "/chalZ", False)
    assert len(challenge_files(webroot)) == 1
    client.write_config({"certificates": []})
    client.run_daemon()
    wait_until(lambda: not challenge_files(webroot), "the challenge file to be removed")
    assert list(other.iterdir()) == []
    assert client.row("a.example") is None


def test_a_failed_order_leaves_no_challenge_file(evercert, pebble, nginx, tmp_path):
    webroot = tmp_path / "www"
    webroot.mkdir()
    server = nginx(webroot=webroot).start()
    ca = pebble(http_port=server.http_port)
    ca.dns("set-servfail", host="b.example.")
    client = evercert(ca)
    client.issue("a.example", "b.example", webroot=webroot, status=FAILED)
    assert challenge_files(webroot) == []


@pytest.mark.parametrize("member", ["keeper", "engine"])
def test_the_first_start_is_cut_short(evercert, pebble, member):
    """Whatever stood in the way of the first start, the next one is as good as the first."""
    client = evercert(pebble())
    program = client.libexec() / member
    target = program.readlink()
    program.unlink()
    program.symlink_to("/bin/false")
    client.run("list", status=FAILED)
    program.unlink()
    program.symlink_to(target)
    client.issue("a.example")
    assert client.leaf("a.example").names == ["a.example"]
