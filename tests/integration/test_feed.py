"""How the configuration's certificates reach the store: only what is new or changed is sealed and written, and who takes
what from whom is said."""

import json
import os
import signal
import sqlite3

from evercert import DONE
from processes import wait_until

# Nobody is asked, and nothing listens.
NOWHERE = {"authorities": {"none": {"directory": "https://127.0.0.1:9/dir"}}, "authority": "none", "webroot": "/srv/www"}


def permits(client):
    """{name: permit}; a permit that is made anew is another one."""
    with sqlite3.connect(f"file:{client.state}/evercert.db?mode=ro", uri=True) as database:
        return dict(database.execute("SELECT name, permit FROM certificate_long"))


def wait_permits(client, *names):
    """Of just these certificates, once the engine has written what it was told."""
    wait_until(lambda: sorted(permits(client)) == sorted(names), f"the certificates {names}")
    client.list()
    return permits(client)


def entries(*names, **more):
    return {**NOWHERE, "certificates": [{"domains": [name]} for name in names], **more}


def test_only_what_changed_is_sealed(evercert):
    client = evercert(config=entries("a.example", "b.example", "c.example"))
    client.run_daemon()
    first = wait_permits(client, "a.example", "b.example", "c.example")
    client.reload()
    client.stop_daemon()
    client.run_daemon()
    client.stop_daemon()
    assert permits(client) == first
    client.run_daemon()
    certificates = [{"domains": ["d.example"]}, {"domains": ["b.example"], "must-staple": True}, {"domains": ["a.example"]}]
    client.write_config({**NOWHERE, "certificates": certificates})
    client.reload()
    wait_until(lambda: permits(client).get("b.example") != first["b.example"], "the changed wish to be there")
    now = wait_permits(client, "a.example", "b.example", "d.example")
    assert now["a.example"] == first["a.example"] and now["b.example"] != first["b.example"]


def test_names_of_second_key_types_lie_between_others(evercert):
    both = {"domains": ["x"], "name": "x", "key-type": ["ecdsa-p256", "rsa-2048"]}
    others = [{"domains": ["y"], "name": name} for name in ("x-a", "x-rsa-b", "x.b", "w")]
    client = evercert(config={**NOWHERE, "certificates": [both, *others]})
    client.run_daemon()
    first = wait_permits(client, "w", "x", "x-a", "x-rsa", "x-rsa-b", "x.b")
    client.reload()
    assert wait_permits(client, *first) == first
    client.write_config({**NOWHERE, "certificates": [{**both, "key-type": "ecdsa-p256"}, *others]})
    client.reload()
    wait_permits(client, "w", "x", "x-a", "x-rsa-b", "x.b")


def test_processes_die_while_it_is_fed(evercert):
    names = [f"n{number}.example" for number in range(40)]
    client = evercert(config=entries(*names[:20]))
    client.run_daemon()
    for number, member in enumerate(("engine", "keeper", "engine")):
        wanted = names[number : 20 + number * 5]
        client.write_config(entries(*wanted))
        dying = client.pid_of(member)
        client.daemon.send(signal.SIGHUP)
        os.kill(dying, signal.SIGKILL)
        wait_until(lambda wanted=wanted: sorted(permits(client)) == sorted(wanted), f"the wishes, {member} having died")
    assert sorted(row["name"] for row in client.list()) == sorted(names[2:30])


def test_a_bad_configuration_is_known_to_who_looks(evercert):
    client = evercert(config=entries("a.example"))
    client.run_daemon()
    assert client.run("list", status=DONE).stderr == ""
    good = client.config_file.read_text()
    client.config_file.write_text(good + "no-such-key: 1\n")
    client.reload()
    line = len(good.splitlines()) + 1
    for words in (("list",), ("show", "a.example")):
        warning = client.run(*words, status=DONE).stderr.strip()
        assert warning.startswith(
            f"evercert: warning: the configuration in force is not that of {client.config_file}: "
            f"{client.config_file}:{line}:1: no-such-key"
        )
        assert "(since 2" in warning and warning.endswith("; mend it and reload")
    done = client.run("list", "--json", status=DONE)
    assert [row["name"] for row in json.loads(done.stdout)] == ["a.example"] and "warning" in done.stderr
    assert client.text().count("the configuration from before stays in force") == 1
    client.config_file.write_text(good)
    client.reload()
    assert client.run("list", status=DONE).stderr == ""


def test_of_one_name_there_is_one_certificate(evercert, pebble):
    ca = pebble()
    client = evercert(ca)
    client.run_daemon()
    client.issue("a.example")
    client.write_config({"certificates": [{"domains": ["a.example"]}]})
    client.reload()
    client.reload()
    taken = "a.example: there was a certificate of that name, asked for by command; from now on it is as the configuration"
    assert client.text().count(taken) == 1
    assert client.row("a.example")["source"] == "config" and client.row("a.example")["generation"] == 1
    refused = client.run("issue", "-d", "a.example")
    assert refused.status != DONE and "a.example is in the configuration already" in refused.stderr
    client.write_config({})
    client.reload()
    client.reload()
    assert client.text().count("a.example: no longer in the configuration") == 1
    assert client.row("a.example")["state"] == "released"
