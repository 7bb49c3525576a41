"""What several scenarios have in common."""

import json
import re

from evercert import DONE
from stage import Website

class Scenario:
    """A scenario is prepared, killed while it acts, started again, and checked."""

    def __init__(self, strike, stage, folder):
        self.s, self.stage, self.folder = strike, stage, folder

    @staticmethod
    def authority(stage):
        return stage.web()

    def run(self):
        self.prepare()
        self.s.ca.begin()
        self.act()
        self.check()

    def account_keys(self):
        """How many different keys the ring holds."""
        keys = re.findall(r"-----BEGIN.*?-----END", (self.s.client.state / "account-key").read_text(), re.DOTALL)
        return len(set(keys))

    def account(self):
        (shown,) = json.loads(self.s.client.run("account", "show", "--json", "--authority", "test", status=DONE).stdout)
        return shown


class WithWebsite(Scenario):
    """A certificate that is proven by files in a webroot, is copied, and a command is told of it."""

    def __init__(self, strike, stage, folder):
        super().__init__(strike, stage, folder)
        self.webroot, self.copies, self.told = folder / "www", folder / "copies", folder / "told"
        self.webroot.mkdir()
        self.copies.mkdir()
        self.hook = folder / "hook"
        self.hook.write_text(f'#!/bin/sh\necho "$EVERCERT_FINGERPRINT $(readlink "$EVERCERT_DIR")" >>{self.told}\n')
        self.hook.chmod(0o755)

    def certificate(self, **more):
        publish = [{"format": form, "path": f"{self.copies}/{form}.pem"} for form in ("fullchain", "key")]
        deploy = [{"run": [str(self.hook)]}]
        one = {"domains": [self.s.name], "webroot": str(self.webroot), "publish": publish, "deploy": deploy, **more}
        return {key: value for key, value in one.items() if value is not None}

    def configure(self, **more):
        self.s.client.write_config({"certificates": [self.certificate(**more)]})

    def issued(self, **more):
        """A certificate in force, before anything is killed."""
        self.configure(**more)
        self.s.client.run("renew", status=DONE)

    def run(self):
        with Website(self.stage.http_port, self.webroot):
            super().run()

    def check_clean(self):
        assert self.s.half_written(self.copies, self.webroot) == []
        assert list(self.webroot.glob(".well-known/acme-challenge/*")) == []

    def check_told(self):
        """Whoever was told of a certificate found it in force."""
        told = [line.split() for line in self.told.read_text().splitlines()]
        generations = {fingerprint: set() for fingerprint, _ in told}
        for fingerprint, link in told:
            generations[fingerprint].add(link)
        assert all(len(links) == 1 for links in generations.values()), f"told of what was not in force: {told}"
        return told

    def check_deployed(self, generation):
        leaf = self.s.check_live(generation)
        self.s.check_row(generation)
        live = self.s.client.live(self.s.name)
        assert (self.copies / "fullchain.pem").read_bytes() == (live / "fullchain.pem").read_bytes()
        assert (self.copies / "key.pem").read_bytes() == (live / "privkey.pem").read_bytes()
        self.check_clean()
        assert self.check_told()[-1][0] == leaf.fingerprint
        return leaf
