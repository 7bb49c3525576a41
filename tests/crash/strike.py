"""An evercert that is killed at a point, and what must be true of it when it was started again."""

import os
import pathlib
import re
import signal
import sqlite3

import lineage
from certificates import read_chain
from processes import wait_until
from stage import public_bytes

# Where the CA may have placed an order whose URL is lost with the engine: only there is a second one placed.
ORDER_LOST = {"engine_new_order_answered", "engine_order_noted", "store_commit_ahead"}

REACHED = re.compile(r"^crash point (\w+)$", re.MULTILINE)
HEADER = pathlib.Path(__file__).resolve().parents[2] / "src/base/crash_point.h"


def compiled_points():
    """The names of the table."""
    return re.findall(r"^    X\((\w+),", HEADER.read_text(), re.MULTILINE)


def _state(pid):
    try:
        text = pathlib.Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return ""
    return text[text.rindex(")") + 2 :].split()[0]


class Strike:
    """One case: `point`, passed for the nth time, and whom to kill there: "alone", the process that passes it, or
    "all".

    .client (Evercert) .ca (stage.WatchedCa) .name
    """

    def __init__(self, processes, client, ca, name, point, nth, whom):
        self.processes = processes
        self.client, self.ca, self.name = client, ca, name
        self.point, self.nth, self.whom = point, nth, whom
        self.struck = None  # the name of the process that stopped at the point
        self.lost = 0  # orders that nobody knows of any more

    # Killing

    def start(self, *words):
        """A command or the daemon ("run"), which is to stop at the point."""
        env = {**self.client.environment(), "EVERCERT_CRASH_POINT": f"{self.point}:{self.nth}"}
        process = self.processes.start(self.client.argv(*words), self.client.log, env=env)
        if words[0] == "run":
            self.client.daemon = process
        return process

    def _stopped(self):
        return [(pid, name) for pid, name in self.processes.leftovers().items() if _state(pid) == "T"]

    def strike(self, process):
        """Waits until the point is reached, and kills."""

        def reached():
            if REACHED.search(self.client.text()):
                return True
            assert process.alive(), f"it ended ({process.status()}) before the point:\n{self.client.text()[-4000:]}"
            return False

        try:
            wait_until(reached, f"the point {self.point} to be reached", 20)
        except AssertionError as late:
            raise AssertionError(f"{late}:\n{self.client.text()[-4000:]}") from None
        [(pid, self.struck)] = wait_until(self._stopped, "it to have stopped", 5)
        self.lost = self._lost_orders()
        if self.whom == "all":
            self.client.kill_all()
        else:
            os.kill(pid, signal.SIGKILL)
        return self

    def _lost_orders(self):
        """The CA has an order and the store does not; looked at while the engine stands still."""
        known = self.row("order_url")
        begun = self.ca.orders() > 0 and "/authZ" not in self.ca.counts()
        return int(self.point in ORDER_LOST and begun and not (known and known[0]))

    def daemon(self):
        """The daemon is there again: the one whose member was killed, or else another one."""
        if self.struck in ("parent", "evercert") and self.whom == "alone":
            self.processes.expect_none_left()
        if not self.client.daemon or not self.client.daemon.alive():
            self.client.run_daemon()

    def over(self, process):
        """A command of which something was killed comes to its end, well or not."""
        process.wait(30)
        self.processes.expect_none_left()

    # Looking

    def row(self, what, name=None):
        """Columns of the certificate's row, read beside the daemon; None where there is none yet."""
        try:
            with sqlite3.connect(f"file:{self.client.state}/evercert.db?mode=ro", uri=True, timeout=5) as db:
                return db.execute(f"SELECT {what} FROM certificate WHERE name = ?", (name or self.name,)).fetchone()
        except sqlite3.OperationalError:
            return None

    def challenges(self):
        """What is noted as being shown by others."""
        with sqlite3.connect(f"file:{self.client.state}/evercert.db?mode=ro", uri=True, timeout=5) as db:
            return db.execute("SELECT identifier, note FROM challenge").fetchall()

    def wait_quiet(self, generation, name=None):
        """Waits until that generation is there, deployed, and nothing is under way."""

        def quiet():
            row = self.row("generation, order_url, deploy_due_at, failures", name)
            assert row is None or row[3] == 0, f"an attempt failed:\n{self.client.text()[-4000:]}"
            return row is not None and row[0] >= generation and not row[1] and not row[2] and not self.challenges()

        try:
            wait_until(quiet, f"generation {generation} to be in force and deployed", 30)
        except AssertionError as late:
            raise AssertionError(f"{late}:\n{self.row('*', name)}\n{self.client.text()[-4000:]}") from None

    # What must be true

    def half_written(self, *folders):
        return [
            path for folder in (self.client.state, *folders) for path in folder.rglob("*")
            if ".tmp-" in path.name or ".evercert-" in path.name
        ]  # fmt: skip

    def kept(self):
        """The certificates that are here with their keys, wherever."""
        found = []
        for top in (self.client.state / "live/.generations", self.client.state / "archive"):
            for path in (top / self.name).glob("*/cert.pem"):
                found.append(read_chain(path)[0])
                assert found[-1].has_key(path.parent / "privkey.pem"), path
        return found

    def check_live(self, generation):
        """live/ is whole; all that the CA issued and every key that it was sent is here, one for an order."""
        leaf = lineage.check(self.client, self.name)
        assert lineage.generation(self.client, self.name) == generation
        kept = self.kept()
        issued, keys = self.ca.issued(), self.ca.keys()
        assert issued and issued <= {one.serial for one in kept}, "a certificate that was issued is lost"
        assert keys <= {public_bytes(one.public_key) for one in kept}, "a key is lost that was in a CSR"
        assert len(keys) == 1, "the key of an order was made anew"
        assert self.ca.orders() == 1 + self.lost, self.ca.counts()
        assert self.half_written() == []
        return leaf

    def check_row(self, generation):
        row = self.client.row(self.name)
        assert (row["state"], row["generation"]) == ("valid", generation), row
        assert row["fingerprint"] == self.client.leaf(self.name).fingerprint
        return row
