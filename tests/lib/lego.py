"""lego, another ACME client: shows that the peers work without evercert, and is a second account holder."""

import os
import subprocess

from peers import from_cache


class Lego:
    """http_port is where lego answers http-01 itself: Pebble's http_port, or the port a proxy passes on to."""

    def __init__(self, folder, pebble, http_port, email="lego@example.com"):
        self.folder, self.pebble, self.http_port, self.email = folder, pebble, http_port, email
        folder.mkdir(parents=True, exist_ok=True)

    def issue(self, *names, timeout=60):
        """(full chain file, key file) of a new certificate."""
        argv = [
            str(from_cache("lego-new", "lego")),
            *("--server", self.pebble.url, "--email", self.email, "--accept-tos", "--path", str(self.folder)),
            *("--http", "--http.port", f"127.0.0.1:{self.http_port}"),
            *(word for name in names for word in ("--domains", name)),
            "run",
        ]
        env = {**os.environ, "LEGO_CA_CERTIFICATES": str(self.pebble.ca_file)}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=timeout)
        if done.returncode != 0:
            raise AssertionError(f"lego ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        stem = self.folder / "certificates" / names[0].replace("*", "_")
        return stem.with_name(stem.name + ".crt"), stem.with_name(stem.name + ".key")
