"""PostgreSQL: a cluster of its own."""

import os
import pathlib
import pwd
import shutil
import subprocess

from service import Service, as_user


def _program(name):
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found:
        raise AssertionError(f"PostgreSQL's {name} is missing; script/setup test installs it")
    return found[-1]


class Postgres(Service):
    """Takes its certificate from server.crt and server.key in its own folder .data, which only it may read: start() and
    reload() copy them there. reload_command is for its user, postgres, and copies nothing."""

    NAME = "postgres"
    #: "off" for one without TLS
    ssl = "on"

    def __init__(self, processes, certificate, key, **options):
        self.data = None
        super().__init__(processes, certificate, key, **options)

    def start(self):
        self.data = self.folder / "data"
        owner = pwd.getpwnam("postgres")
        if os.geteuid() == 0:
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            [*as_user("postgres"), _program("initdb"), "--no-sync", "--auth=trust", "--no-locale", "-D", self.data],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            timeout=60,
        )
        self._install()
        return super().start()

    def _install(self):
        for source, name in ((self.certificate, "server.crt"), (self.key, "server.key")):
            to = self.data / name
            new = to.with_suffix(".new")
            new.touch(mode=0o600)
            shutil.copyfile(source, new)
            if os.geteuid() == 0:
                owner = pwd.getpwnam("postgres")
                os.chown(new, owner.pw_uid, owner.pw_gid)
            new.rename(to)

    def argv(self):
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "port": self.port,
            "ssl": self.ssl,
            "fsync": "off",
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [*as_user("postgres"), _program("postgres"), "-D", self.data, *words]

    @property
    def reload_command(self):
        return [str(_program("pg_ctl")), "reload", "-D", str(self.data)]

    def reload(self):
        self._install()
        super().reload()
