"""A daemon gets its first certificate: a challenge file in a webroot, copies, a command."""

from stage import Website

# Where the CA has placed an order and nobody knows its URL yet: it is placed again.
ORDER_LOST = {("engine_new_order_answered", 1), ("engine_order_noted", 1), ("store_commit_ahead", 4)}


class Issue:
    GENERATION = 1

    def __init__(self, strike, stage, folder):
        self.s, self.stage = strike, stage
        self.webroot, self.copies, self.told = folder / "www", folder / "copies", folder / "told"
        self.hook = folder / "hook"

    def certificate(self):
        publish = [{"format": form, "path": f"{self.copies}/{form}.pem"} for form in ("fullchain", "key")]
        deploy = [{"run": [str(self.hook)]}]
        return {"domains": [self.s.name], "webroot": str(self.webroot), "publish": publish, "deploy": deploy}

    def prepare(self):
        self.webroot.mkdir()
        self.copies.mkdir()
        self.hook.write_text(f'#!/bin/sh\necho "$EVERCERT_FINGERPRINT" >>{self.told}\n')
        self.hook.chmod(0o755)
        self.s.client.write_config({"certificates": [self.certificate()]})

    def act(self):
        self.s.strike(self.s.start("run"))
        self.s.daemon()
        self.s.wait_quiet(self.GENERATION)

    def run(self):
        with Website(self.stage.http_port, self.webroot):
            self.prepare()
            self.act()
            self.check()

    def orders(self):
        return 2 if (self.s.point, self.s.nth) in ORDER_LOST else 1

    def check(self):
        leaf = self.s.check_live(self.GENERATION, self.orders())
        self.s.check_row(self.GENERATION)
        live = self.s.client.live(self.s.name)
        assert (self.copies / "fullchain.pem").read_bytes() == (live / "fullchain.pem").read_bytes()
        assert (self.copies / "key.pem").read_bytes() == (live / "privkey.pem").read_bytes()
        assert self.s.half_written(self.copies, self.webroot) == []
        assert list(self.webroot.glob(".well-known/acme-challenge/*")) == []
        assert self.told.read_text().split()[-1] == leaf.fingerprint
        ring = (self.s.client.state / "account-key").read_text()
        assert ring.count("BEGIN PRIVATE KEY") == 1, "a second account key"
