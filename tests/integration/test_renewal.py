"""Renewals by the daemon and by passes, and what happens when they fail."""

import datetime
import os
import time

import pytest

from evercert import DONE, FAILED
from ports import free_port
from processes import wait_until

MINUTE, DAY = 60, 86400
# The waits after a failure, in seconds; chance adds up to a fifth.
STEPS = (MINUTE, 10 * MINUTE, 100 * MINUTE, DAY, DAY)


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def wait_of(row):
    """Seconds from the failure to the next attempt, as the daemon wrote them down."""
    return (instant(row["next_renewal"]) - instant(row["last_error_at"])).total_seconds()


def is_due(row):
    return instant(row["next_renewal"]).timestamp() <= time.time()


def orders(ca):
    return ca.request_counts().get("POST /order-plz", 0)


def config(*entries, **more):
    return {"certificates": [{"domains": [entry]} if isinstance(entry, str) else entry for entry in entries], **more}


def test_the_daemon_renews_by_itself(evercert, pebble, each_pebble):
    ca = pebble(each_pebble, validity=30)
    client = evercert(ca, config=config({"domains": ["a.example"], "renew-before": "27s"}, "b.example"))
    client.run_daemon()
    leaves = [client.wait_live("a.example")]
    keys = [(client.live("a.example") / "privkey.pem").read_bytes()]
    for _ in range(2):
        leaves.append(client.wait_live("a.example", but=leaves[-1].fingerprint))
        keys.append((client.live("a.example") / "privkey.pem").read_bytes())
    row = client.wait_row("a.example", lambda row: row["generation"] >= 3, "renewed twice")
    assert row["state"] in ("valid", "renewing")
    assert len({leaf.serial for leaf in leaves}) == 3
    assert len(set(keys)) == 3  # a new key each time
    assert ca.request_counts()["POST /sign-me-up"] == 1
    events = client.events("a.example")
    assert events[:3] == ["issued", "renewed", "renewed"]
    assert (client.state / "archive/a.example/1/cert.pem").exists()


def test_a_third_of_the_lifetime(evercert, pebble):
    """Without renew-before: a third before the end, half for certificates of less than ten days."""
    for validity, reserve in ((90 * DAY, 30 * DAY), (6 * DAY, 3 * DAY)):
        client = evercert(pebble(validity=validity))
        client.issue("a.example")
        row = client.row("a.example")
        before = (instant(row["not_after"]) - instant(row["next_renewal"])).total_seconds()
        assert reserve - 1 <= before <= reserve + validity / 100 + 1


def test_a_pass_renews_what_is_due(evercert, pebble):
    # One without renewal information: 2.10 suggests any instant of the certificate's life, the next one too.
    ca = pebble("2.4", validity=300)
    client = evercert(ca, config=config({"domains": ["a.example"], "renew-before": "285s"}, "b.example"))
    client.renew()  # the first pass gets both
    other = client.leaf("b.example").fingerprint
    client.wait_row("a.example", is_due, "due", timeout=60)
    # Asked again: the row above may have been written in the second before it was due.
    assert client.row("a.example")["state"] == "renewing"
    ca.forget_requests()
    client.renew()
    assert client.row("a.example")["generation"] == 2
    assert client.leaf("b.example").fingerprint == other
    client.renew()
    assert client.row("a.example")["generation"] == 2
    assert orders(ca) == 1


def test_a_pass_through_the_daemon(evercert, pebble):
    ca = pebble()
    client = evercert(ca, config=config("a.example"))
    client.run_daemon()
    client.wait_live("a.example")
    client.wait_valid("a.example")
    ca.forget_requests()
    client.renew()
    client.renew("a.example")
    assert orders(ca) == 0
    client.renew("a.example", force=True)
    assert orders(ca) == 1
    client.renew("nobody.example", status=FAILED)


def test_backoff(evercert, pebble):
    """A minute, ten, a hundred, then daily; written down, so that a restart changes nothing."""
    ca = pebble()
    ca.dns("set-servfail", host="bad.example.")
    client = evercert(ca, config=config("bad.example"))
    client.run_daemon()
    for failures, step in enumerate(STEPS, 1):
        row = client.wait_row("bad.example", lambda row: row["failures"] == failures, f"failed {failures} times")
        assert row["state"] == "failing"
        assert step <= wait_of(row) <= step * 1.2
        assert "bad.example" in row["last_error"] and row["last_problem"]
        if failures < len(STEPS):
            client.renew("bad.example", force=True, status=FAILED)
    made = orders(ca)
    client.stop_daemon()
    client.write_config(config("bad.example", "good.example"))
    for _ in range(2):
        client.run_daemon()
        client.wait_live("good.example")
        again = client.row("bad.example")
        assert (again["next_renewal"], again["failures"]) == (row["next_renewal"], row["failures"])
        client.stop_daemon()
    client.run_daemon()
    client.kill_all()
    client.renew()
    assert client.row("bad.example")["next_renewal"] == row["next_renewal"]
    assert orders(ca) == made + 1


def test_a_failing_name_does_not_stop_others(evercert, pebble):
    ca = pebble()
    ca.dns("set-servfail", host="bad.example.")
    names = ["a.example", "bad.example", "c.example"]
    client = evercert(ca, config=config(*names))
    client.run_daemon()
    client.wait_live("a.example")
    client.wait_live("c.example")
    assert client.wait_row("bad.example", lambda row: row["failures"] == 1, "failing")["generation"] == 0
    assert not client.live("bad.example").exists()
    assert client.renew(status=DONE).status == DONE  # nothing is due


def test_retry_is_what_the_operator_says(evercert, pebble):
    ca = pebble()
    ca.dns("set-servfail", host="a.example.")
    client = evercert(ca, config=config({"domains": ["a.example"], "retry": "2s"}))
    client.run_daemon()
    row = client.wait_row("a.example", lambda row: row["failures"] >= 1, "failing")
    assert 2 <= wait_of(row) <= 3
    client.wait_row("a.example", lambda row: row["failures"] >= 2, "tried again")
    ca.dns("clear-servfail", host="a.example.")
    client.wait_live("a.example")
    row = client.wait_valid("a.example")
    assert (row["failures"], row["last_error"], row["generation"]) == (0, None, 1)


def test_a_ca_that_is_down(evercert, pebble, gate):
    ca = gate(pebble())
    client = evercert(ca, config=config({"domains": ["a.example"], "retry": "1s"}))
    port, ca.pebble.port = ca.pebble.port, free_port()  # nobody listens there
    client.run_daemon()
    row = client.wait_row("a.example", lambda row: row["failures"] >= 1, "failing")
    assert row["state"] == "failing" and row["last_error"]
    ca.pebble.port = port
    client.wait_live("a.example")


def test_a_failed_renewal_keeps_the_old_certificate(evercert, pebble):
    ca = pebble(validity=7 * DAY)
    client = evercert(ca, config=config("a.example"))
    client.run_daemon()
    first = client.wait_live("a.example")
    client.wait_valid("a.example")
    ca.dns("set-servfail", host="a.example.")
    result = client.renew("a.example", force=True, status=FAILED)
    assert "a.example" in result.stderr and "tried again at" in result.stderr
    row = client.row("a.example")
    assert (row["state"], row["failures"], row["generation"]) == ("failing", 1, 1)
    assert client.leaf("a.example").fingerprint == first.fingerprint == row["fingerprint"]
    client.stop_daemon()
    client.run_daemon()
    assert client.row("a.example")["state"] == "failing"
    ca.dns("clear-servfail", host="a.example.")
    client.renew("a.example", force=True)
    row = client.row("a.example")
    assert (row["state"], row["failures"], row["generation"]) == ("valid", 0, 2)
    assert client.leaf("a.example").fingerprint != first.fingerprint


def test_others_are_renewed_while_one_hangs(evercert, pebble, gate):
    """A request that gets no answer, and a hook that does not end, keep nobody else from being renewed."""
    ca = gate(pebble(validity=60))
    settings = {"domains": ["a.example"], "renew-before": "50s"}
    hangs = {"domains": ["b.example"], "deploy": [{"run": ["/bin/sleep", "1000"], "timeout": "30m"}]}
    client = evercert(ca, config=config(settings, hangs))
    client.run_daemon()
    first = client.wait_live("a.example")
    client.wait_live("b.example")
    client.wait_row("b.example", lambda row: row["deploy"]["state"] == "pending", "being deployed")
    client.wait_live("a.example", but=first.fingerprint, timeout=60)


def test_expired_is_said(evercert, pebble):
    ca = pebble(validity=4)
    client = evercert(ca)
    client.issue("a.example")
    client.wait_row("a.example", lambda row: row["state"] == "expired", "expired")
    client.renew()
    assert client.row("a.example")["generation"] == 2


@pytest.mark.parametrize("hook_user", [None, "root"])
def test_nginx_serves_the_new_certificate(evercert, pebble, nginx, hook_user):
    """The whole corridor: nginx passes challenges on, the daemon renews, its hook reloads nginx, a client sees it."""
    if hook_user and os.geteuid() != 0:
        pytest.skip("only root can run hooks as a user")
    behind = free_port()
    server = nginx(proxy_to=behind).start()
    ca = pebble(http_port=server.http_port, validity=60)
    deploy = {"run": ["nginx", "-p", str(server.folder), "-e", str(server.folder / "error.log"), "-c",
                      str(server.config_file), "-s", "reload"]}
    if hook_user:
        deploy["user"] = hook_user
    client = evercert(ca, listen=[f"127.0.0.1:{behind}"], config=config(
        {"domains": ["a.example", "www.a.example"], "renew-before": "52s", "deploy": [deploy]}))
    client.run_daemon()
    first = client.wait_live("a.example")
    client.wait_row("a.example", lambda row: row["deploy"]["state"] == "done", "deployed")
    live = client.live("a.example")
    server.set_certificate((live / "fullchain.pem", live / "privkey.pem"))
    server.reload()
    reloads = server.reloads()  # before the next renewal can have come
    assert server.served("www.a.example", ca.root()).fingerprint == first.fingerprint
    second = client.wait_live("a.example", but=first.fingerprint)
    served = wait_until(
        lambda: (leaf := server.served("a.example", ca.root())).fingerprint != first.fingerprint and leaf,
        "nginx to serve another",
    )
    assert served.names == ["a.example", "www.a.example"]
    assert second.names == served.names
    assert server.reloads() > reloads
