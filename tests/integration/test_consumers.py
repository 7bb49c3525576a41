"""Containers that use certificates are told of new ones: each once, those that failed again, and no others."""

import json

import pytest

from docker_stand_in import DockerStandIn
from evercert import DONE, FAILED
from processes import wait_until

LISTENER = (
    "trap 'echo {0}-HUP >>/told/words' HUP; trap 'exit 0' TERM; echo {0}-started >>/told/words; "
    "while :; do sleep 0.05; done"
)


class Host:
    """A daemon with a certificate "a.example" of its configuration, and containers that use it."""

    def __init__(self, evercert, engine, folder):
        self.evercert, self.engine, self.folder = evercert, engine, folder
        self.told = folder / "told"
        self.told.mkdir()

    def start(self, certificates=("a.example",), **more):
        docker = {"socket": self.engine.host, "wait": "50ms..1s", "policy": [{"allow": ["*"]}]}
        configured = [{"domains": [name]} for name in certificates]
        self.evercert.write_config({"docker": docker, "certificates": configured, **more})
        self.evercert.run_daemon()
        for name in certificates:
            self.evercert.wait_valid(name)

    def consumer(self, name, on_change, use="a.example", **more):
        labels = {"evercert.use": use, "evercert.on-change": on_change}
        labels.update({f"evercert.{word}": text for word, text in more.items()})
        container = self.engine.run(
            "busybox", "sh", "-c", LISTENER.format(name), name=name, volumes=[f"{self.told}:/told"], labels=labels
        )
        self.engine.wait_running(container)
        wait_until(lambda: f"{name}-started" in self.words(), f"{name} to listen")
        return container

    def words(self):
        file = self.told / "words"
        return file.read_text().split() if file.exists() else []

    def count(self, word):
        return self.words().count(word)

    def script(self, text):
        path = self.folder / "act"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return [str(path)]

    def known(self, *containers):
        """Waits until the daemon knows that these use certificates."""

        def there():
            shown = self.evercert.run("containers", "--json", status=DONE).stdout
            return all(f'"container":"{name}"' in shown.replace(" ", "") for name in containers)

        wait_until(there, f"{containers} to be known", 20)

    def renew(self, status=DONE):
        return self.evercert.renew("a.example", force=True, status=status)


@pytest.fixture
def host(evercert, docker_engine, pebble, open_folder):
    return Host(evercert(pebble()), docker_engine, open_folder)


def test_only_those_that_failed_are_told_again(host):
    """One cannot be told at first: it is tried again until it can be, and the other is left in peace."""
    gate = host.told / "gate"
    actions = {"broken": {"exec": ["sh", "-c", "[ -e /told/gate ] || exit 3; echo late >>/told/words"]}}
    host.start(actions=actions)
    host.consumer("good", "signal:HUP")
    host.consumer("bad", "action:broken")
    host.known("good", "bad")
    assert "container bad" in host.renew(FAILED).stderr
    wait_until(lambda: host.count("good-HUP") == 1, "the signal")
    gate.touch()
    wait_until(lambda: host.count("late") == 1, "the other", 60)
    assert host.count("good-HUP") == 1
    host.renew()
    wait_until(lambda: host.count("good-HUP") == 2 and host.count("late") == 2, "both, of the next one", 30)


def test_an_action_for_no_container_in_particular_is_carried_out_once(host):
    """However many name it; one that names it alone is told by its name."""
    act = host.script(f'echo "$EVERCERT_ACTION:${{EVERCERT_CONTAINER:-nobody}}" >>\'{host.told}/words\'')
    host.start(actions={"host": {"run": act}, "first": {"container": "one", "signal": "HUP"}})
    host.consumer("one", "action:host")
    host.known("one")
    host.renew()
    wait_until(lambda: host.count("host:one") == 1, "the program", 30)
    host.consumer("two", "action:host")
    host.consumer("three", "action:first")
    host.consumer("four", "action:first")
    host.known("one", "two", "three", "four")
    host.renew()
    wait_until(lambda: host.count("host:nobody") == 1 and host.count("one-HUP") == 1, "both", 30)
    host.evercert.wait_row("a.example", lambda row: row["generation"] == 3, "renewed")
    assert host.count("host:nobody") == 1 and host.count("one-HUP") == 1 and host.count("host:one") == 1


def test_a_look_is_for_the_certificates_of_who_wants_it_alone(host):
    """Others that are deployed together are not looked for there; and a label sends nobody to servers of others."""
    host.start(certificates=("a.example", "b.example", "c.example"))
    host.consumer("web", "signal:HUP", verify="9")
    host.consumer("curious", "signal:HUP", use="b.example,victim.example", verify="victim.example:9")
    host.known("web", "curious")
    renewing = host.evercert.start("renew", "a.example", "b.example", "c.example", "--force")
    for name in ("b.example", "c.example"):
        host.evercert.wait_row(
            name, lambda row: row["generation"] == 2 and row["deploy"]["state"] == "none", "deployed", 50
        )
    host.evercert.wait_row("a.example", lambda row: "127.0.0.1:9" in (row["deploy"]["error"] or ""), "looked for", 90)
    assert "victim" not in json.dumps(host.evercert.log_rows("b.example"))
    renewing.wait()


def test_one_that_has_stopped_holds_up_nobody(host):
    """It reads the new certificate when it is started again; that is no failure."""
    host.start()
    host.consumer("here", "signal:HUP")
    gone = host.consumer("gone", "signal:HUP")
    host.known("here", "gone")
    host.engine.stop_container(gone)
    host.renew()
    wait_until(lambda: host.count("here-HUP") == 1, "the signal", 30)
    host.evercert.wait_row("a.example", lambda row: row["generation"] == 2 and row["deploy"]["error"] is None, "deployed")


def test_a_start_after_a_crash_waits_until_it_knows_whom_to_tell(host):
    """A deployment that was under way goes on: with the containers that the engine has yet to name."""
    gate = host.told / "gate"
    wait = "[ -e /told/gate ] || { echo begun >>/told/words; exec sleep 100; }; echo told >>/told/words"
    host.start(actions={"slow": {"exec": ["sh", "-c", wait]}})
    host.consumer("web", "action:slow")
    host.known("web")
    renewing = host.evercert.start("renew", "a.example", "--force")
    wait_until(lambda: host.count("begun") == 1, "the first try", 30)
    host.evercert.kill_all()
    renewing.wait()
    gate.touch()
    host.evercert.run_daemon()
    wait_until(lambda: host.count("told") >= 1, "to be told", 60)


def test_a_watcher_that_dies_while_somebody_is_told(host):
    """What it was asked for has failed, and is done again by the next one."""
    gate = host.told / "gate"
    wait = "[ -e /told/gate ] || { echo begun >>/told/words; exec sleep 100; }; echo told >>/told/words"
    host.start(actions={"slow": {"exec": ["sh", "-c", wait]}})
    host.consumer("web", "action:slow")
    host.known("web")
    renewing = host.evercert.start("renew", "a.example", "--force")
    wait_until(lambda: host.count("begun") == 1, "the first try", 30)
    gate.touch()
    host.evercert.kill_one(host.evercert.pid_of("watcher"))
    wait_until(lambda: host.count("told") == 1, "to be told", 60)
    renewing.wait(30)


def test_an_engine_that_comes_with_a_reload(host):
    """Nobody is told before it is known who there is, and everybody after."""
    host.start()
    host.consumer("web", "signal:HUP")
    host.known("web")
    with DockerStandIn(host.folder / "d.sock") as more:
        more.add("elsewhere")
        engines = {"more": {"socket": more.url}}
        docker = {"socket": host.engine.host, "wait": "50ms..1s", "engines": engines, "policy": [{"allow": ["*"]}]}
        host.evercert.write_config({"docker": docker, "certificates": [{"domains": ["a.example"]}]})
        host.evercert.reload()
        host.renew()
        wait_until(lambda: host.count("web-HUP") == 1, "the signal", 30)
        assert "engine more: " in host.evercert.text()
    host.evercert.write_config({"certificates": [{"domains": ["a.example"]}]})
    host.evercert.reload()
    host.renew()
    assert host.count("web-HUP") == 1


def test_without_a_daemon(host):
    """A renewal of cron tells them as well."""
    host.start()
    host.consumer("web", "signal:HUP")
    host.evercert.stop_daemon()
    host.renew()
    wait_until(lambda: host.count("web-HUP") == 1, "the signal", 30)


def test_a_failure_is_that_of_the_certificates_it_concerns(host):
    """Two that are deployed together: who cannot be told of the one says nothing about the other."""
    actions = {"broken": {"exec": ["sh", "-c", "echo no such luck; exit 3"]}}
    host.start(certificates=("a.example", "b.example"), actions=actions)
    host.consumer("bad", "action:broken")
    host.consumer("good", "signal:HUP", use="b.example")
    host.known("bad", "good")
    host.evercert.renew("a.example", "b.example", force=True, status=FAILED)
    wait_until(lambda: host.count("good-HUP") == 1, "the signal", 30)
    errors = {name: host.evercert.row(name)["deploy"]["error"] for name in ("a.example", "b.example")}
    assert "no such luck" in errors["a.example"], errors
    assert errors["b.example"] is None, errors
    failed = [row for row in host.evercert.log_rows("b.example") if "failed" in row["event"]]
    assert failed == [], failed


def test_both_types_of_key_are_what_is_used(host):
    """Each has its own renewals, and who uses the certificate is told of either."""
    docker = {"socket": host.engine.host, "wait": "50ms..1s", "policy": [{"allow": ["*"]}]}
    pair = {"domains": ["a.example"], "key-type": ["ecdsa-p256", "rsa-2048"]}
    host.evercert.write_config({"docker": docker, "certificates": [pair]})
    host.evercert.run_daemon()
    host.evercert.wait_live("a.example-rsa")
    host.evercert.wait_valid("a.example")
    host.consumer("web", "signal:HUP")
    host.known("web")
    before = host.count("web-HUP")
    host.evercert.renew("a.example-rsa", force=True)
    wait_until(lambda: host.count("web-HUP") > before, "the signal", 30)
