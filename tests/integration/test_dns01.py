"""dns-01 from end to end: Pebble validates through real name servers what evercert has put there."""

import os
import pathlib
import pwd
import shutil
import signal

import dns.exception
import dns.message
import dns.query
import pytest
from bind import Bind
from evercert import ROOT
from name_server import Key
from ports import free_port
from processes import wait_until

CHALLENGE = "_acme-challenge"


@pytest.fixture
def key():
    return Key("client")


@pytest.fixture
def bind(processes, tmp_path, key):
    def start(*zones, records=(), **options):
        server = Bind(processes, tmp_path / f"bind-{len(list(tmp_path.glob('bind-*')))}", **options)
        for zone in zones:
            server.zone(zone, key=key, records=records)
        return server

    return start


def entry(server, key, **more):
    """An entry of dns: for that server."""
    return {
        "provider": "rfc2136",
        "server": server.text,
        "key-name": key.name,
        "key-algorithm": key.algorithm,
        "key-secret": key.secret,
        "ttl": 1,
        "propagation": {"nameservers": [server.text]},
        **more,
    }


def config(resolver, entries, certificates, **more):
    return {
        "dns": entries,
        "propagation": {"resolvers": [resolver.text], "timeout": "20s"},
        "certificates": [{"challenge": "dns-01", **certificate} for certificate in certificates],
        **more,
    }


@pytest.fixture
def simple(bind, evercert, pebble, key):
    """One zone, one entry `corp`, and the names of one certificate."""

    def make(*domains, zone="a.example", **more):
        server = bind(zone).start()
        client = evercert(
            pebble(resolver=server.text),
            config=config(server, {"corp": entry(server, key)}, [{"domains": list(domains), "dns": "corp"}], **more),
        )
        return client, server

    return make


def issue(client, name="a.example"):
    client.run_daemon()
    return client.wait_live(name, timeout=30)


def wait_clean(server, *names):
    for name in names:
        server.wait_txt(f"{CHALLENGE}.{name}")


# What can be had


def test_wildcard_and_apex_in_one_order(simple):
    client, server = simple("a.example", "*.a.example", "www.a.example")
    assert sorted(issue(client).names) == ["*.a.example", "a.example", "www.a.example"]
    wait_clean(server, "a.example", "www.a.example")


def test_a_zone_of_three_labels(simple):
    client, server = simple("x.dept.a.example", zone="dept.a.example")
    assert issue(client, "x.dept.a.example").names == ["x.dept.a.example"]
    wait_clean(server, "x.dept.a.example")


def test_another_value_at_the_name_stays(simple):
    client, server = simple("a.example", "*.a.example")
    server.put("a.example", f"{CHALLENGE}.a.example", "another's value")
    issue(client)
    server.wait_txt(f"{CHALLENGE}.a.example", "another's value")


def test_a_chain_of_names_across_two_servers(bind, evercert, pebble, key):
    """The name is an alias of one that another server has: the entry is chosen by where the chain ends. The resolver
    that Pebble asks, too, has been asked before the record was there, and has to forget that."""
    records = [f"{CHALLENGE} CNAME one.deleg.example.", "x A 127.0.0.1"]
    first = bind("a.example", records=records).start()
    second = bind("deleg.example", records=["one CNAME two.deleg.example."]).start()
    resolver = bind(recursion=True).forward("a.example", first).forward("deleg.example", second).start()
    entries = {
        name: entry(server, key, propagation={"nameservers": [server.text], "check": "recursive"})
        for name, server in (("here", first), ("there", second))
    }
    dns = {"*.a.example": "here", "*.deleg.example": "there"}
    client = evercert(
        pebble(resolver=resolver.text),
        config=config(resolver, entries, [{"domains": ["a.example", "*.a.example", "www.a.example"], "dns": dns}]),
    )
    assert len(issue(client).names) == 3
    second.wait_txt("two.deleg.example")
    wait_clean(first, "www.a.example")
    assert second.serial("deleg.example") > 1 and first.serial("a.example") > 1


def test_two_entries_for_one_name(bind, evercert, pebble, key):
    """Two servers have the zone, each of itself: both are updated, and both are clean again."""
    one, two = bind("a.example").start(), bind("a.example").start()
    entries = {"east": entry(one, key), "west": entry(two, key)}
    client = evercert(
        pebble(resolver=two.text), config=config(one, entries, [{"domains": ["a.example"], "dns": ["east", "west"]}])
    )
    assert issue(client).names == ["a.example"]
    for server in (one, two):
        wait_clean(server, "a.example")
        assert server.serial("a.example") > 1


def test_twenty_names(simple):
    names = [f"n{number}.a.example" for number in range(20)]
    client, server = simple(*names)
    assert sorted(issue(client, names[0]).names) == sorted(names)
    wait_clean(server, *names)


def test_a_one_shot_command(simple):
    """Without a daemon: when the command is over, nothing is left in the zone."""
    client, server = simple("b.a.example")
    client.issue("a.example", challenge="dns-01", dns="corp")
    assert client.leaf("a.example").names == ["a.example"]
    assert server.txt(f"{CHALLENGE}.a.example") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_of_its_own(bind, evercert, pebble, key, open_folder):
    """`games` stands in for evercert-dns: it has no capability, and no file that a provider's entry came from."""
    server = bind("a.example").start()
    secret = open_folder / "secret"
    secret.write_text(key.secret + "\n")
    secret.chmod(0o600)
    own = {**entry(server, key), "key-secret-file": str(secret)}
    del own["key-secret"]
    client = evercert(
        pebble(resolver=server.text),
        folder=open_folder / "e",
        env={"EVERCERT_PROVIDERS": str(copied_providers(open_folder))},
        config=config(server, {"corp": own}, [{"domains": ["a.example"], "dns": "corp"}], users={"solver": "games"}),
    )
    assert issue(client).names == ["a.example"]
    status = pathlib.Path(f"/proc/{client.pid_of('solver')}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    uid = pwd.getpwnam("games").pw_uid
    assert fields["Uid"].split() == [str(uid)] * 4
    assert (int(fields["CapEff"], 16), fields["NoNewPrivs"], fields["Seccomp"]) == (0, "1", "2")
    wait_clean(server, "a.example")


def copied_providers(folder):
    """Where every user may read them, as in an installed system."""
    shutil.copytree(ROOT / "providers", folder / "providers")
    return folder / "providers"


# What cannot


def test_a_provider_that_fails(bind, evercert, pebble, key):
    """It leaves nothing behind, is told of with name, entry and zone, and others go on."""
    server = bind("a.example", "b.example").start()
    entries = {"good": entry(server, key), "bad": entry(server, Key(key.name))}
    certificates = [{"domains": ["a.example"], "dns": "bad"}, {"domains": ["b.example"], "dns": "good"}]
    client = evercert(pebble(resolver=server.text), config=config(server, entries, certificates))
    client.run_daemon()
    assert client.wait_live("b.example", timeout=30).names == ["b.example"]
    row = wait_until(
        lambda: next((row for row in client.log_rows() if row["event"] == "failed"), None), "the failure", 30
    )
    assert "a.example: bad: rfc2136: " in row["text"] and "refused the update of a.example" in row["text"], row
    assert key.secret not in client.daemon.text()
    wait_clean(server, "a.example", "b.example")


def test_one_server_of_the_zone_never_has_it(bind, evercert, pebble, key):
    """What each server said stands in the error; the record is taken out again."""
    server, stale = bind("a.example").start(), bind("a.example").start()
    own = entry(server, key, propagation={"nameservers": [server.text, stale.text], "timeout": "2s"})
    client = evercert(
        pebble(resolver=server.text), config=config(server, {"corp": own}, [{"domains": ["a.example"], "dns": "corp"}])
    )
    client.run_daemon()
    row = wait_until(
        lambda: next((row for row in client.log_rows() if row["event"] == "failed"), None), "the failure", 30
    )
    assert stale.text in str(row), row
    wait_clean(server, "a.example")


# Deaths


def kill(client, member):
    pid = client.pid_of(member)
    os.kill(pid, signal.SIGKILL)
    return wait_until(lambda: next((p for p in [client.pid_of(member)] if p != pid), None), f"another {member}")


@pytest.mark.parametrize("member", ("solver", "engine", "keeper"))
@pytest.mark.parametrize("step", ("/chalZ", "/finalize-order"))
def test_killed_in_the_middle(bind, evercert, pebble, gate, key, member, step):
    """The order goes on, and in the end the zone is clean."""
    server = bind("a.example").start()
    ca = gate(pebble(resolver=server.text))
    client = evercert(
        ca, config=config(server, {"corp": entry(server, key)}, [{"domains": ["a.example"], "dns": "corp"}])
    )
    ca.hold(step)
    daemon = client.run_daemon()
    ca.wait_held(timeout=30)
    kill(client, member)
    ca.drop() if member == "engine" else ca.release()
    assert client.wait_live("a.example", timeout=30).names == ["a.example"]
    assert daemon.alive()
    assert ca.request_counts().get("POST /order-plz", 0) == 1
    wait_clean(server, "a.example")


def test_the_solver_is_killed_while_it_waits(bind, evercert, pebble, key):
    """Its record is in the zone, and a server of the zone does not have it yet."""
    server, slow = bind("a.example").start(), bind("a.example").start()
    own = entry(server, key, propagation={"nameservers": [server.text, slow.text], "timeout": "60s"})
    client = evercert(
        pebble(resolver=server.text), config=config(server, {"corp": own}, [{"domains": ["a.example"], "dns": "corp"}])
    )
    client.run_daemon()
    name = f"{CHALLENGE}.a.example"
    value = wait_until(lambda: server.txt(name), "the record")[0]
    kill(client, "solver")
    slow.put("a.example", name, value)
    assert client.wait_live("a.example", timeout=30).names == ["a.example"]
    server.wait_txt(name)


@pytest.fixture
def spreading(bind, evercert, pebble, key):
    """A daemon that has written its record and waits for a server of the zone to have it: (client, server, the slow one,
    the record's name, its value)."""
    server, slow = bind("a.example").start(), bind("a.example").start()
    own = entry(server, key, propagation={"nameservers": [server.text, slow.text], "timeout": "60s"})
    settings = config(server, {"corp": own}, [{"domains": ["a.example"], "dns": "corp"}])
    client = evercert(pebble(resolver=server.text), config={**settings, "stop-timeout": "20s"})
    client.run_daemon()
    name = f"{CHALLENGE}.a.example"
    return client, server, slow, name, wait_until(lambda: server.txt(name), "the record")[0]


def test_a_reload_while_a_record_spreads(spreading):
    """What waits goes on waiting, for the same record of the same order."""
    client, server, slow, name, value = spreading
    client.reload()
    client.reload()
    assert server.txt(name) == [value]
    slow.put("a.example", name, value)
    assert client.wait_live("a.example", timeout=30).names == ["a.example"]
    assert client.pebble.request_counts()["POST /order-plz"] == 1
    server.wait_txt(name)


def test_a_stop_while_a_record_spreads(spreading):
    """The record is taken out at once, and the same order goes on at the next start."""
    client, server, slow, name, value = spreading
    client.stop_daemon()
    assert server.txt(name) == []
    assert "a.example: its order goes on at the next start" in client.daemon.text()
    client.run_daemon()
    server.wait_txt(name, value)
    slow.put("a.example", name, value)
    assert client.wait_live("a.example", timeout=30).names == ["a.example"]
    assert client.pebble.request_counts()["POST /order-plz"] == 1
    server.wait_txt(name)


def test_all_are_killed_with_a_record_in_the_zone(bind, evercert, pebble, gate, key, processes):
    """The next start takes it out."""
    server = bind("a.example").start()
    ca = gate(pebble(resolver=server.text))
    client = evercert(
        ca, config=config(server, {"corp": entry(server, key)}, [{"domains": ["a.example"], "dns": "corp"}])
    )
    ca.hold("/chalZ")
    daemon = client.run_daemon()
    ca.wait_held(timeout=30)
    assert len(server.txt(f"{CHALLENGE}.a.example")) == 1
    daemon.send(signal.SIGKILL)
    daemon.wait()
    processes.expect_none_left()
    ca.drop()
    issue(client)
    wait_clean(server, "a.example")


@pytest.mark.parametrize("member", ("solver", "engine"))
def test_killed_while_evercert_itself_answers(bind, evercert, pebble, gate, member):
    """The built-in answerer has its records in memory alone: another solver is told of them again."""
    zone = f"{CHALLENGE}.a.example"
    listen = f"127.0.0.1:{free_port()}"
    outer = bind("a.example").start()
    resolver = bind(recursion=True).forward("a.example", outer).forward(zone, listen).start()
    ca = gate(pebble(resolver=resolver.text))
    own = {"provider": "builtin", "zone": zone, "nameservers": ["ns.a.example"], "listen": [listen]}
    own["propagation"] = {"nameservers": [listen]}
    client = evercert(
        ca, config=config(resolver, {"own": own}, [{"domains": ["a.example", "*.a.example"], "dns": "own"}])
    )
    ca.hold("/chalZ")
    client.run_daemon()
    ca.wait_held(timeout=30)
    kill(client, member)
    if member == "engine":
        ca.drop()
    else:
        wait_until(lambda: len(texts_at(listen, zone) or ()) == 2, "the records")
        ca.release()
    assert sorted(client.wait_live("a.example", timeout=30).names) == ["*.a.example", "a.example"]
    wait_until(lambda: texts_at(listen, zone) == [], "a clean zone")


def texts_at(server, name):
    host, port = server.rsplit(":", 1)
    try:
        answer = dns.query.udp(dns.message.make_query(name, "TXT"), host, port=int(port), timeout=1)
    except dns.exception.Timeout:  # asked between two lives of the server
        return None
    return [record for rrset in answer.answer for record in rrset]


# The configuration changes


def test_a_reload_brings_an_entry(simple, key):
    client, server = simple("a.example")
    issue(client)
    client.write_config(
        config(
            server,
            {"corp": entry(server, key), "new": entry(server, key)},
            [{"domains": ["a.example"], "dns": "corp"}, {"domains": ["b.a.example"], "dns": "new"}],
        )
    )
    client.daemon.send(signal.SIGHUP)
    assert client.wait_live("b.a.example", timeout=30).names == ["b.a.example"]
    wait_clean(server, "a.example", "b.a.example")


