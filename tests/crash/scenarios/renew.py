"""Renewals that an operator asked for by command, without a daemon; who starts next is a daemon."""

import lineage
from evercert import DONE

from scenarios.common import WithWebsite


class Renew(WithWebsite):
    """The second generation."""

    FROM = 1

    def prepare(self):
        self.issued()

    def act(self):
        command = self.s.start("renew", self.s.name, "--force")
        self.s.strike(command)
        self.s.over(command)
        lineage.check(self.s.client, self.s.name)
        self.s.client.run_daemon()
        row = self.s.row("generation, order_url")
        if row == (self.FROM, ""):  # the command left no trace: it is given again
            self.s.client.renew(self.s.name, force=True)
        self.s.wait_quiet(self.FROM + 1)

    def check(self):
        self.check_deployed(self.FROM + 1)


class RenewTwice(Renew):
    """The third one, for which the first goes to the archive."""

    FROM = 2

    def prepare(self):
        self.issued()
        self.s.client.run("renew", self.s.name, "--force", status=DONE)

    def check(self):
        super().check()
        assert lineage.archived(self.s.client, self.s.name) == [1]


class PutBack(WithWebsite):
    """A renewal that nobody serves: the generation before is put back."""

    def prepare(self):
        self.issued()

    def act(self):
        look = {"verify": f"127.0.0.1:{self.stage.closed_port}", "timeout": "1s", "rollback": True}
        self.configure(deploy=[{"run": [str(self.hook)]}, look])
        command = self.s.start("renew", self.s.name, "--force")
        self.s.strike(command)
        self.s.over(command)
        lineage.check(self.s.client, self.s.name)
        # Deployed again, and not served again.
        self.s.client.run("renew", self.s.name)

    def check(self):
        live, row = lineage.generation(self.s.client, self.s.name), self.s.client.row(self.s.name)
        assert row["generation"] == 2 and row["rolled_back_to"] == (None if live == 2 else live), row
        self.s.check_live(live)
        self.check_clean()
        self.check_told()
