"""The scenario that faults are tried with: everything that writes, from the account to a deploy hook."""

import functools
import http.server
import re
import shutil
import threading

import lineage

NAME = "a.example"
# What the parent says of a process that did not end by itself (os/child.h).
_DIED = re.compile(r".*(killed by SIG|killed by signal|exited with status (99|134)).*")


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Site:
    def __init__(self, webroot):
        self.webroot = webroot
        webroot.mkdir()
        self._server = _Server(("127.0.0.1", 0), functools.partial(_Handler, directory=str(webroot)))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def challenges(self):
        return sorted(self.webroot.glob(".well-known/acme-challenge/*"))

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class World:
    """A certificate a.example by http-01 with a webroot, published beside, with a deploy hook; of a CA that all worlds
    of a test have in common. `state`: a copy of that is what it begins with."""

    def __init__(self, evercert, ca, machine, site, folder, state=None):
        self.ca, self.machine, self.site, self.folder = ca, machine, site, folder
        self.copy, self.told = folder / "copy", folder / "told"
        self.copy.mkdir(parents=True)
        hook = folder / "hook"
        hook.write_text(f'#!/bin/sh\necho "$EVERCERT_EVENT" >>{self.told}\n')
        hook.chmod(0o755)
        entry = {
            "domains": [NAME],
            "webroot": str(site.webroot),
            "publish": [{"format": form, "path": str(self.copy / file)}
                for form, file in (("fullchain", "full.pem"), ("key", "key.pem"))],
            "deploy": [{"run": [str(hook)]}],
        }
        if state is not None:
            shutil.copytree(state, folder / "client/state", symlinks=True)
        self.client = evercert(ca, folder=folder / "client", env=machine.env, config={"certificates": [entry]})

    def orders(self):
        return self.ca.request_counts().get("POST /order-plz", 0)

    def finalized(self):
        """How many orders came to their end: an order that is gone on with does so once."""
        return self.ca.request_counts().get("POST /finalize-order", 0)

    def renew(self, *words):
        return self.client.run("renew", *words)

    def temporary(self):
        """What was made on the way to something else and forgotten."""
        tops = (self.client.state, self.copy, self.site.webroot)
        return sorted(path for top in tops for path in top.rglob(".tmp-*"))

    def expect_alive(self):
        """Nothing died of it, and no sanitizer had anything to say (which finish() looks at)."""
        died = _DIED.search(self.client.text())
        assert not died, died.group()

    def expect_whole(self):
        """A certificate is in force, with its copy, and nothing lies about. Returns the Leaf."""
        leaf = lineage.check(self.client, NAME)
        assert (self.copy / "full.pem").read_text() == (self.client.live(NAME) / "fullchain.pem").read_text()
        assert (self.copy / "key.pem").read_text() == (self.client.live(NAME) / "privkey.pem").read_text()
        assert self.temporary() == []
        assert self.site.challenges() == []
        return leaf
