"""evercert install at an nginx that is there: all of it, or nothing."""

from evercert import DONE
from processes import wait_until
from site_servers import NginxServer

from scenarios.common import Scenario


class Install(Scenario):
    def run(self):
        self.folder.chmod(0o755)  # nginx's workers go there
        self.s.client.folder.chmod(0o755)
        super().run()

    def prepare(self):
        folder = self.folder / "nginx"
        folder.mkdir()
        self.web = NginxServer(self.s.processes, folder, self.stage.http_port)
        self.web.add("shop", self.s.name)
        self.web.start()
        self.before = self.web.snapshot()
        self.words = ["install", *self.web.words(self.s.name)]

    def act(self):
        command = self.s.start(*self.words)
        self.s.strike(command)
        self.s.over(command)
        self.s.client.run(*self.words, status=DONE)

    def check(self):
        client, ca = self.s.client, self.s.ca.pebble
        leaf = self.s.check_live(1)
        assert client.row(self.s.name)["state"] == "valid"
        wait_until(lambda: self.web.leaf(self.s.name, ca).fingerprint == leaf.fingerprint, "it to be served")
        assert not (client.state / "install.journal").exists()
        client.run("uninstall", *self.words[1:], status=DONE)
        assert self.web.snapshot() == self.before
        assert self.s.half_written(self.folder / "nginx") == []
        self.web.process.stop()
