"""Commands that change what is there, given again after the crash."""

import lineage
from certificates import read_chain
from evercert import DONE
from other_clients import Lineages
from stage import public_bytes

from scenarios.common import Scenario, WithWebsite


class Command(WithWebsite):
    WORDS = ()

    def act(self):
        words = [self.s.name if word is None else word for word in self.WORDS]
        command = self.s.start(*words)
        self.s.strike(command)
        self.s.over(command)
        self.again(words)

    def again(self, words):
        self.s.client.run(*words, status=DONE)


class Rollover(Command):
    """The account's key is changed: whatever is killed, one of the two keys is the account's, and is used."""

    WORDS = ("account", "rollover")

    def prepare(self):
        self.s.client.run("account", "register", status=DONE)
        self.before = self.account()

    def again(self, words):
        self.issued()

    def check(self):
        assert self.account()["url"] == self.before["url"], "the account was lost with its key"
        assert self.account()["status"] == "valid"
        self.s.check_live(1)
        assert self.account_keys() == 2
        marks = (self.s.client.state / "account-key").read_text().count("(pending)")
        assert marks == 1, "a second key was made"


class Update(Command):
    """Another address at the account."""

    WORDS = ("account", "update")

    def prepare(self):
        self.s.client.run("account", "register", status=DONE)
        self.before = self.account()
        self.s.client.write_config({"email": "other@example.com"})

    def check(self):
        account = self.account()
        assert account["url"] == self.before["url"] and account["contacts"] == ["mailto:other@example.com"]


class Deactivate(Command):
    WORDS = ("account", "deactivate", "--authority", "test", "--yes")

    def prepare(self):
        self.s.client.run("account", "register", status=DONE)

    def again(self, words):
        # Closed already, the CA takes no more requests of that account.
        self.done = self.s.client.run(*words)

    def check(self):
        shown = self.s.client.run("account", "show", "--json", "--authority", "test")
        text = self.done.stderr + shown.stdout + shown.stderr
        assert "deactivated" in text, text
        assert self.account_keys() == 1


class Revoke(Command):
    """Compromised: it is revoked, its key is never used again, and the next one has another."""

    WORDS = ("revoke", None, "--reason", "keyCompromise", "--keep")

    def prepare(self):
        self.issued()
        self.old = lineage.check(self.s.client, self.s.name)

    def check(self):
        assert self.s.ca.pebble.certificate_status(self.old.serial)["Status"] == "Revoked"
        assert self.s.client.row(self.s.name)["state"] == "revoked"
        burnt = (self.s.client.state / "burnt-keys").read_text().splitlines()
        assert len(burnt) == 1, "burnt once, and whole"
        self.s.client.run("renew", status=DONE)
        leaf = self.check_deployed(2)
        assert public_bytes(leaf.public_key) != public_bytes(self.old.public_key)


class Forget(Command):
    """No longer managed: nothing is lost, all of it is in the archive."""

    WORDS = ("forget", None)

    def prepare(self):
        self.s.client.issue(self.s.name, webroot=self.webroot)
        self.old = lineage.check(self.s.client, self.s.name)

    def again(self, words):
        if self.s.row("generation") is not None:
            self.s.client.run(*words, status=DONE)

    def check(self):
        client, name = self.s.client, self.s.name
        assert client.list() == [] and not client.live(name).is_symlink()
        assert not (client.state / "live/.generations" / name).exists()
        assert lineage.archived(client, name) == [1]
        kept = client.state / "archive" / name / "1"
        assert read_chain(kept / "cert.pem")[0].fingerprint == self.old.fingerprint
        assert self.old.has_key(kept / "privkey.pem")
        assert self.s.half_written() == []


class Import(Scenario):
    """Two certificates and their account from another client, and no CA is asked anything."""

    def prepare(self):
        self.names = [self.s.name, f"www.{self.s.name}"]
        self.document = Lineages().document("https://127.0.0.1:1/dir", self.names)
        self.s.client.importer(self.document)

    def act(self):
        command = self.s.start("import", "certbot", "/nowhere")
        self.s.strike(command)
        self.s.over(command)
        self.s.client.run("import", "certbot", "/nowhere", status=DONE)

    def check(self):
        client = self.s.client
        rows = {row["name"]: row for row in client.list()}
        assert {name: (row["state"], row["generation"]) for name, row in rows.items()} == {
            name: ("valid", 1) for name in self.names
        }
        for name in self.names:
            assert lineage.check(client, name).fingerprint == rows[name]["fingerprint"]
        assert len(list((client.folder / "evercert.d").iterdir())) == 1
        assert (client.state / "account-key").read_text().count("BEGIN PRIVATE KEY") == 1
        assert self.s.half_written(client.folder) == [] and self.s.ca.counts() == {}
