"""Daemons: the built-in responder, the DNS, a reload, templates."""

from processes import wait_until

from scenarios.common import Scenario, WithWebsite


class Responder(Scenario):
    """The answer is shown by the responder, from memory."""

    def prepare(self):
        self.s.client.write_config({"certificates": [{"domains": [self.s.name]}]})

    def act(self):
        self.s.strike(self.s.start("run"))
        self.s.daemon()
        self.s.wait_quiet(1)

    def check(self):
        self.s.check_live(1)
        self.s.check_row(1)


class Records(Responder):
    """dns-01: a record in a zone, by signed updates."""

    @staticmethod
    def authority(stage):
        return stage.dns()

    def prepare(self):
        self.s.client.write_config(self.stage.world.config(certificates=[{"domains": [self.s.name]}]))

    def check(self):
        super().check()
        assert self.stage.world.values(self.s.name) == []
        assert self.s.challenges() == []


class Reload(WithWebsite):
    """One more certificate is asked for."""

    def prepare(self):
        self.configure()
        self.daemon = self.s.start("run")
        self.s.wait_quiet(1)
        self.other = self.s.name
        self.s.name = f"new.{self.other}"

    def act(self):
        more = {"domains": [self.s.name], "webroot": str(self.webroot)}
        first = {**self.certificate(), "domains": [self.other]}
        self.s.client.write_config({"certificates": [first, more]})
        self.daemon.send(1)
        self.s.strike(self.daemon)
        self.s.daemon()
        self.s.wait_quiet(1)

    def check(self):
        self.s.check_live(1)
        self.s.check_row(1)
        self.check_clean()
        assert self.s.client.row(self.other)["state"] == "valid"
        assert self.account_keys() == 1


class Template(Scenario):
    """The text of a template takes the place of another one before it is checked, and somebody is told."""

    def prepare(self):
        self.out, self.told = self.folder / "out", self.folder / "told"
        self.out.mkdir()
        (self.out / "a.txt").write_text("old\n")
        source, check, tell = self.folder / "a.tmpl", self.folder / "check", self.folder / "tell"
        source.write_text("new\n")
        check.write_text("#!/bin/sh\nexit 0\n")
        tell.write_text(f"#!/bin/sh\ncat {self.out}/a.txt >>{self.told}\n")
        for script in (check, tell):
            script.chmod(0o755)
        one = {"source": str(source), "output": f"{self.out}/a.txt", "wait": "10ms"}
        one.update(check=[str(check)], notify=[{"run": [str(tell)]}])
        self.s.client.write_config({"templates": [one]})

    def act(self):
        self.s.strike(self.s.start("run"))
        self.s.daemon()
        wait_until(lambda: self.told.exists() and self.told.read_text(), "somebody to be told", 20)

    def settled(self):
        return (self.out / "a.txt").read_text() == "new\n" and len(list(self.out.iterdir())) == 1

    def check(self):
        wait_until(self.settled, "the output to be alone", 20)
        assert set(self.told.read_text().split()) == {"new"}
        # What was told is noted, in a file that is written anew for it.
        wait_until(lambda: self.s.half_written(self.out) == [], "nothing to be half written", 20)

