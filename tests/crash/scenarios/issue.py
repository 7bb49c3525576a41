"""A daemon gets its first certificate: a challenge file in a webroot, copies, a command."""

from scenarios.common import WithWebsite


class Issue(WithWebsite):
    def prepare(self):
        self.configure()

    def act(self):
        self.s.strike(self.s.start("run"))
        self.s.daemon()
        self.s.wait_quiet(1)

    def check(self):
        self.check_deployed(1)
        assert self.account_keys() == 1, "a second account key"
