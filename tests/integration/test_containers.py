"""From a container's label to its certificate, and what becomes of it: a real engine, a real CA, the daemon."""

import json
import signal

import pytest

from evercert import DONE
from processes import wait_until

# Writes a line for each signal it gets, until it is ended.
LISTENER = (
    "trap 'echo HUP >>/told/signals' HUP; trap 'exit 0' TERM; echo started >>/told/signals; "
    "while :; do sleep 0.05; done"
)
SLEEPER = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
EVERYTHING = [{"allow": ["*"]}]


class Host:
    """A daemon that watches an engine."""

    def __init__(self, evercert, engine, ca, folder):
        self.evercert, self.engine, self.ca, self.folder = evercert, engine, ca, folder
        (folder / "told").mkdir()

    def configure(self, **more):
        docker = {"socket": self.engine.host, "policy": EVERYTHING, "wait": "100ms..1s", **more.pop("docker", {})}
        self.evercert.write_config({"docker": {k: v for k, v in docker.items() if v is not None}, **more})

    def start(self, **more):
        self.configure(**more)
        self.evercert.run_daemon()

    def run(self, name=None, listens=False, **labels):
        """A container with labels evercert.X; "_" in a word is "-", "__" is "."."""
        words = {key.replace("__", ".").replace("_", "-"): value for key, value in labels.items()}
        told = [f"{self.folder / 'told'}:/told"] if listens else []
        argv = ("sh", "-c", LISTENER) if listens else SLEEPER
        container = self.engine.run(
            "busybox", *argv, name=name, volumes=told, labels={f"evercert.{key}": text for key, text in words.items()}
        )
        self.engine.wait_running(container)
        return container

    def signals(self):
        file = self.folder / "told" / "signals"
        return file.read_text().split() if file.exists() else []

    def rows(self, kind=None):
        """`evercert containers --json`."""
        rows = json.loads(self.evercert.run("containers", "--json", status=None).stdout or "[]")
        return [row for row in rows if kind is None or row["kind"] == kind]

    def wait_claim(self, container, state, timeout=20.0):
        """The claim of a container by its name, once it has that state."""

        def found():
            for row in self.rows("claim"):
                if row["container"] == container and row["state"] == state:
                    return row
            return None

        return wait_until(found, f"a claim of {container} to be {state}; the log:\n{self.evercert.text()[-3000:]}", timeout)

    def orders(self):
        return self.ca.request_counts().get("POST /order-plz", 0)

    def row(self, name):
        return self.evercert.row(name)


@pytest.fixture
def host(evercert, docker_engine, pebble, tmp_path):
    ca = pebble()
    return Host(evercert(pebble=ca), docker_engine, ca, tmp_path)


def test_a_label_becomes_a_certificate(host):
    """And says so in list: where it came from, and who has it."""
    host.start()
    host.run("shop", domains="shop.example,www.shop.example")
    host.evercert.wait_live("shop.example")
    row = host.evercert.wait_valid("shop.example")
    assert row["source"] == "label"
    assert "shop" in row["holder"]
    assert host.evercert.leaf("shop.example").names == ["shop.example", "www.shop.example"]


def test_containers_that_run_already_are_found_at_start(host):
    host.run("early", domains="early.example")
    host.start()
    host.evercert.wait_live("early.example")


def test_several_certificates_of_one_container(host):
    host.start()
    host.run(
        "many",
        **{"1__domains": "one.example", "2__domains": "two.example", "2__key_type": "rsa-2048", "2__name": "second"},
    )
    host.evercert.wait_valid("one.example")
    assert host.evercert.wait_valid("second")["key_type"] == "rsa-2048"


def test_nothing_is_issued_until_the_policy_names_something(host):
    """The refusal says what to write."""
    host.start(docker={"policy": None})
    host.run("shop", domains="shop.example")
    row = host.wait_claim("shop", "refused")
    assert "docker" in row["reason"] and "allow" in row["reason"]
    assert host.evercert.list() == []
    assert host.orders() == 0
    host.configure()
    host.evercert.reload()
    host.evercert.wait_live("shop.example")


def test_names_outside_the_policy_are_refused_and_shown(host):
    """Container, label and reason stand in the log and in `containers`; other containers are served."""
    host.start(docker={"policy": [{"allow": ["*.good.example"]}]})
    host.run("bad", domains="a.bad.example")
    host.run("good", domains="a.good.example")
    host.evercert.wait_live("a.good.example")
    row = host.wait_claim("bad", "refused")
    assert row["key"] == "evercert.domains"
    assert "a.bad.example" in row["reason"]
    assert "bad" in host.evercert.text() and "a.bad.example" in host.evercert.text()
    assert host.row("a.bad.example") is None


def test_the_older_of_two_has_the_name(host):
    """The other one is shown, and gets it when the older one is gone: the same certificate."""
    host.start()
    old = host.run("old", domains="both.example")
    host.evercert.wait_live("both.example")
    host.run("young", domains="both.example")
    assert "old" in host.wait_claim("young", "refused")["reason"]
    before = host.evercert.leaf("both.example").fingerprint
    host.engine.rm(old)
    host.wait_claim("young", "granted")
    wait_until(lambda: "young" in host.row("both.example")["holder"], "the other one to have it")
    assert host.evercert.leaf("both.example").fingerprint == before


def test_a_container_that_goes_leaves_its_certificate(host):
    """It is renewed for the time of grace, parked then, and used at once when the container is back."""
    host.start(docker={"grace": "2s"})
    container = host.run("shop", domains="shop.example")
    host.evercert.wait_valid("shop.example")
    before = host.evercert.leaf("shop.example").fingerprint
    host.engine.stop_container(container)
    assert host.evercert.wait_row("shop.example", lambda row: row["park_at"] is not None, "left")["state"] in ("valid", "parked")
    host.evercert.wait_row("shop.example", lambda row: row["state"] == "parked", "parked")
    orders = host.orders()
    host.engine.start_container(container)
    # Somebody stopped it: it is heard at once, as one that crashed would not be.
    row = host.evercert.wait_row("shop.example", lambda row: row["state"] == "valid", "valid", timeout=15)
    assert row["park_at"] is None
    assert host.evercert.leaf("shop.example").fingerprint == before
    assert host.orders() == orders


def test_a_parked_certificate_is_not_renewed(evercert, docker_engine, pebble, tmp_path):
    """What is due after the time of grace is parked instead: no order, a line in its history."""
    ca = pebble(validity=30)
    host = Host(evercert(pebble=ca), docker_engine, ca, tmp_path)
    host.start(docker={"grace": "1s"})
    container = host.run("shop", domains="shop.example")
    host.evercert.wait_live("shop.example")
    host.engine.rm(container)
    host.evercert.wait_row("shop.example", lambda row: row["state"] == "parked", "parked")
    fingerprint, orders = host.evercert.leaf("shop.example").fingerprint, host.orders()
    host.evercert.wait_row("shop.example", lambda row: row["next_renewal"] is None, "due no more", timeout=60)
    log = host.evercert.run("log", "shop.example", "--json", status=DONE).stdout
    assert '"parked"' in log and '"container-gone"' in log
    assert host.orders() == orders and host.evercert.leaf("shop.example").fingerprint == fingerprint


def test_a_container_that_was_never_served_leaves_nothing(host):
    host.ca.pause()
    host.start()
    container = host.run("shop", domains="shop.example")
    wait_until(lambda: host.row("shop.example") is not None, "the row")
    host.engine.rm(container)
    wait_until(lambda: host.row("shop.example") is None, "the row to go")
    host.ca.resume()


def test_a_container_that_comes_and_goes_waits_as_long_as_one_that_stays(host):
    """The CA is not asked again before its time because a container was started anew."""
    host.ca.dns("set-servfail", host="shop.example")
    host.start()
    container = host.run("shop", domains="shop.example")
    host.evercert.wait_row("shop.example", lambda row: row["failures"] == 1, "failing")
    orders = host.orders()
    host.engine.stop_container(container)
    host.evercert.wait_row("shop.example", lambda row: row["park_at"] is not None, "left")
    host.engine.start_container(container)
    assert host.evercert.wait_row("shop.example", lambda row: row["park_at"] is None, "back")["failures"] == 1
    assert host.orders() == orders


def test_a_container_that_comes_and_goes_is_one_line_of_history(host):
    host.start()
    container = host.run("shop", domains="shop.example")
    host.evercert.wait_valid("shop.example")
    for _ in range(2):
        host.engine.stop_container(container)
        host.evercert.wait_row("shop.example", lambda row: row["park_at"] is not None, "left")
        host.engine.start_container(container)
        host.evercert.wait_row("shop.example", lambda row: row["park_at"] is None, "back")
    assert host.evercert.events("shop.example").count("container-gone") == 1


def test_one_more_replica_begins_nothing_anew(host):
    """What is under way for the service goes on: the CA sees one order."""
    host.start()
    host.run("first", domains="first.example")
    host.evercert.wait_valid("first.example")
    labels = {"com.docker.compose.project": "p", "com.docker.compose.service": "web", "evercert.domains": "web.example"}
    host.ca.pause()
    for i in range(3):
        host.engine.run("busybox", *SLEEPER, name=f"p-web-{i}", labels=labels)
        more = f"{i} more" if i > 0 else "p-web-0"
        wait_until(lambda more=more: more in (host.row("web.example") or {"holder": ""})["holder"], "the replica")
    host.ca.resume()
    host.evercert.wait_valid("web.example")
    assert host.orders() == 2


def test_what_the_configuration_left_is_not_for_other_names(host):
    """Servers may still read live/NAME: a container takes it over with all its names, or not at all."""
    host.start(certificates=[{"name": "site", "domains": ["a.example"]}])
    host.evercert.wait_valid("site")
    host.configure()
    host.evercert.reload()
    other = host.run("other", **{"1__domains": "b.example", "1__name": "site"})
    wait_until(lambda: "kept from an earlier configuration" in host.evercert.text(), "the refusal")
    assert host.evercert.leaf("site").names == ["a.example"]
    host.engine.rm(other)
    host.run("same", **{"1__domains": "a.example,c.example", "1__name": "site"})
    wait_until(lambda: host.evercert.leaf("site").names == ["a.example", "c.example"], "the new name", 30)


def test_a_container_that_crashes_again_and_again_causes_no_order(host):
    host.start(docker={"wait": "500ms..1s"})
    host.engine.run(
        "busybox", "sh", "-c", "exit 1", name="crash", labels={"evercert.domains": "crash.example"},
        host={"RestartPolicy": {"Name": "always"}},
    )  # fmt: skip
    wait_until(lambda: host.engine.inspect("crash")["RestartCount"] >= 4, "some crashes", timeout=60)
    host.run("well", domains="well.example")
    host.evercert.wait_live("well.example")
    assert host.row("crash.example") is None
    assert host.orders() == 1


def test_consumers_are_told_once_for_all_their_certificates(host):
    host.start(certificates=[{"domains": ["b.example"]}])
    host.evercert.wait_live("b.example")
    host.run("web", listens=True, domains="a.example", use="a.example,b.example", on_change="signal:HUP")
    host.evercert.wait_valid("a.example")
    wait_until(lambda: host.signals().count("HUP") >= 1, "the signal")
    before = host.signals().count("HUP")
    host.evercert.renew("a.example", "b.example", force=True)
    wait_until(lambda: host.signals().count("HUP") > before, "the next signal")
    host.evercert.wait_row("b.example", lambda row: row["deploy"]["state"] != "pending", "deployed")
    assert host.signals().count("HUP") == before + 1


def test_a_consumer_is_restarted(host):
    host.start()
    container = host.run("web", domains="a.example", on_change="restart")
    began = host.engine.inspect(container)["State"]["StartedAt"]
    host.evercert.wait_live("a.example")
    wait_until(lambda: host.engine.inspect(container)["State"]["StartedAt"] != began, "the restart")
    host.engine.wait_running(container)


def test_an_action_of_the_administrator(host):
    """exec in the container, as words: no shell reads them. An action that is not defined is shown."""
    actions = {"note": {"exec": ["sh", "-c", 'echo "$0" >/told/action', "$(id); a b"]}}
    host.start(actions=actions)
    host.run("web", listens=True, domains="a.example", on_change="action:note")
    told = host.folder / "told" / "action"
    wait_until(lambda: told.exists() and told.read_text() != "", "the action")
    assert told.read_text() == "$(id); a b\n"


def test_an_action_that_nobody_defined_is_shown(host):
    """Before there is anything to tell: in `containers` and in the log."""
    host.start(docker={"policy": [{"allow": ["nothing.example"]}]})
    host.run("web", use="a.example", on_change="action:nope")
    wait_until(lambda: any("action" in row["reason"] for row in host.rows("problem")), "the problem")
    assert "names an action" in host.evercert.text()


def test_a_consumer_that_cannot_be_told_is_a_failed_deployment(host):
    """It is shown and tried again; the certificate stays."""
    host.start(actions={"broken": {"exec": ["sh", "-c", "echo no such luck; exit 3"]}})
    host.run("web", domains="a.example", on_change="action:broken")
    row = host.evercert.wait_row("a.example", lambda row: row["deploy"]["state"] == "failing", "failing")
    assert "no such luck" in row["deploy"]["error"] or "3" in row["deploy"]["error"]
    assert row["state"] == "valid"


def test_the_configuration_wins_over_labels(host):
    host.start(certificates=[{"domains": ["a.example"]}])
    host.evercert.wait_valid("a.example")
    host.run("web", domains="a.example")
    assert "configuration" in host.wait_claim("web", "refused")["reason"]
    assert host.row("a.example")["source"] == "config"


def test_an_engine_that_restarts(host, docker_engines):
    """Nothing that is managed is lost meanwhile, and what started in between is found."""
    host.engine = docker_engines()
    host.start()
    host.run("first", domains="first.example")
    host.evercert.wait_valid("first.example")
    host.engine.kill()
    wait_until(lambda: not host.rows("engine")[0]["connected"], "the loss to be seen")
    assert host.row("first.example")["park_at"] is None
    host.engine.start()
    host.run("second", domains="second.example")
    host.evercert.wait_valid("second.example")


def test_no_engine_at_first(host, docker_engines):
    """The daemon runs without, says what is wrong, and goes on once there is one; nothing is given up meanwhile."""
    host.engine = docker_engines()
    host.start()
    host.run("shop", domains="shop.example")
    host.evercert.wait_valid("shop.example")
    host.evercert.stop_daemon()
    host.engine.stop()
    host.evercert.run_daemon()
    wait_until(lambda: any(row["error"] for row in host.rows("engine")), "the reason")
    assert host.row("shop.example")["park_at"] is None
    host.engine.start()
    wait_until(lambda: all(row["connected"] for row in host.rows("engine")), "the engine", timeout=60)


@pytest.mark.parametrize("process", ["watcher", "engine", "keeper"])
def test_a_process_that_dies_changes_nothing(host, process):
    """What containers ask for is handed to the next one, and nothing is issued again."""
    host.start()
    host.run("one", domains="one.example")
    host.evercert.wait_valid("one.example")
    orders = host.orders()
    before = host.evercert.pid_of(process)
    host.evercert.kill_one(before)
    wait_until(lambda: host.evercert.pid_of(process) != before, f"another {process}")
    host.run("two", domains="two.example")
    host.evercert.wait_live("two.example")
    assert host.row("one.example")["park_at"] is None
    assert host.orders() == orders + 1


def test_a_second_start_issues_nothing(host):
    host.start()
    host.run("one", domains="one.example")
    host.evercert.wait_valid("one.example")
    orders = host.orders()
    host.evercert.stop_daemon()
    host.evercert.run_daemon()
    host.wait_claim("one", "granted")
    host.run("two", domains="two.example")
    host.evercert.wait_live("two.example")
    assert host.orders() == orders + 1


def test_hostile_labels(host):
    """Metacharacters, newlines, quotes, megabytes, ten thousand names: nothing runs, the others are served."""
    host.start()
    many = ",".join(f"n{i}.example" for i in range(10000))
    evil = {
        "shell": "$(touch /tmp/evercert-was-here).example",
        "quote": "a.example'; touch /tmp/evercert-was-here; '",
        "newline": "a.example\ntouch /tmp/evercert-was-here",
        "path": "../../../etc/passwd",
        "many": many,
        "escape": "\x1b]0;title\x07.example",
    }
    for name, text in evil.items():
        host.run(name, domains=text)
    host.run("name", **{"domains": "fine.example", "1__domains": "other.example", "1__name": "../../fine"})
    host.run("good", domains="good.example")
    host.evercert.wait_live("good.example")
    problems = {row["container"]: row for row in host.rows("problem")}
    assert {*evil, "name"} <= {*problems}
    assert "\x1b" not in host.evercert.text() and "\x1b" not in host.evercert.run("containers", status=None).stdout
    assert {row["name"] for row in host.evercert.list()} == {"fine.example", "good.example"}


def test_hup_reads_rescans_and_does_what_is_due(host):
    """As the signal of old: what the policy of the new configuration allows is issued."""
    host.start(docker={"policy": [{"allow": ["*.other.example"]}]})
    host.run("shop", domains="shop.example")
    host.wait_claim("shop", "refused")
    host.configure()
    host.evercert.daemon.send(signal.SIGHUP)
    host.evercert.wait_live("shop.example")


def test_docker_that_is_taken_out_of_the_configuration(host):
    """What containers asked for is theirs no more: renewed for the time of grace."""
    host.start()
    host.run("shop", domains="shop.example")
    host.evercert.wait_valid("shop.example")
    host.evercert.write_config()
    host.evercert.reload()
    host.evercert.wait_row("shop.example", lambda row: row["park_at"] is not None, "left")
