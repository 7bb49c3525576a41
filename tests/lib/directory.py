"""slapd, without any entries."""

from peers import from_system
from service import Service

_CONFIG = """\
pidfile {folder}/slapd.pid
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
"""


class Slapd(Service):
    """It reads its certificate when it starts, so reload() starts it again."""

    NAME = "slapd"
    tls = True

    def configure(self):
        text = _CONFIG.format(folder=self.folder, certificate=self.certificate, key=self.key)
        if not self.tls:
            text = text.splitlines(True)[0]
        (self.folder / "slapd.conf").write_text(text)

    def argv(self):
        # A level of debugging, if only 0, keeps it in the foreground.
        url = f"ldap://127.0.0.1:{self.port}/"
        return [from_system("slapd"), "-d", "0", "-h", url, "-f", self.folder / "slapd.conf"]

    def reload(self):
        self.stop()
        self.start()

    @property
    def reload_command(self):
        raise NotImplementedError("slapd with a file of configuration has none")
