"""vsftpd, as root."""

from peers import from_system
from service import Service

_CONFIG = """\
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=NO
local_enable=YES
ssl_enable={ssl}
rsa_cert_file={certificate}
rsa_private_key_file={key}
ssl_ciphers=HIGH
secure_chroot_dir={folder}/empty
seccomp_sandbox=NO
vsftpd_log_file={folder}/vsftpd.log
"""


class Vsftpd(Service):
    """It reads its certificate when it starts, so reload() starts it again."""

    NAME = "vsftpd"
    ssl = "YES"

    def configure(self):
        (self.folder / "empty").mkdir(exist_ok=True)
        names = ("folder", "certificate", "key", "port", "ssl")
        (self.folder / "vsftpd.conf").write_text(_CONFIG.format(**{name: getattr(self, name) for name in names}))

    def argv(self):
        return [from_system("vsftpd"), self.folder / "vsftpd.conf"]

    def reload(self):
        self.stop()
        self.start()

    @property
    def reload_command(self):
        raise NotImplementedError("vsftpd has to be started again")
