"""Postfix and Dovecot, as root."""

import grp
import os
import pwd

from peers import from_system
from ports import free_port
from service import Service

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = mail.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_tls_security_level = {level}
smtpd_tls_chain_files = {key}, {certificate}
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
"""
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{tls_port} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
cleanup unix n - n - 0 cleanup
bounce unix - - n - 0 bounce
"""
_QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "saved", "trace")


class Postfix(Service):
    """.port with STARTTLS, .tls_port with TLS from the first octet. It reads its certificate when a process of it
    starts, so after reload()."""

    NAME = "postfix"
    #: "none" for one that has no STARTTLS
    level = "may"

    def __init__(self, processes, certificate, key, **options):
        self.tls_port = free_port()
        super().__init__(processes, certificate, key, **options)

    def configure(self):
        config = self.folder / "config"
        postfix, postdrop = pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postdrop").gr_gid
        for name, owner, group, mode in (
            ("config", 0, 0, 0o755),
            ("data", postfix, 0, 0o700),
            ("queue", 0, 0, 0o755),
            ("queue/pid", 0, 0, 0o755),
            ("queue/private", postfix, 0, 0o700),
            ("queue/public", postfix, postdrop, 0o710),
            # Its reload looks after these first.
            *((f"queue/{name}", postfix, 0, 0o700) for name in _QUEUES),
            ("queue/maildrop", postfix, postdrop, 0o730),
        ):
            (self.folder / name).mkdir(exist_ok=True)
            os.chown(self.folder / name, owner, group)
            (self.folder / name).chmod(mode)
        values = {name: getattr(self, name) for name in ("folder", "certificate", "key", "level", "port", "tls_port")}
        (config / "main.cf").write_text(_MAIN.format(**values))
        (config / "master.cf").write_text(_MASTER.format(**values))

    def argv(self):
        # -d: stays in the foreground and in its session.
        return ["/usr/lib/postfix/sbin/master", "-d", "-c", self.folder / "config"]

    def ports(self):
        return [self.port, self.tls_port]

    @property
    def reload_command(self):
        return [str(from_system("postfix")), "-c", str(self.folder / "config"), "reload"]


_DOVECOT = """\
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = evercert-{port}
log_path = {folder}/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
ssl = {ssl}
ssl_cert = <{certificate}
ssl_key = <{key}
mail_location = maildir:{folder}/mail
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


class Dovecot(Service):
    """.port is IMAP with STARTTLS, .tls_port IMAP with TLS from the first octet, .pop3_port POP3 with STLS."""

    NAME = "dovecot"
    #: "no" for one that has no TLS
    ssl = "yes"

    def __init__(self, processes, certificate, key, **options):
        self.tls_port, self.pop3_port = free_port(), free_port()
        super().__init__(processes, certificate, key, **options)

    def configure(self):
        names = ("folder", "certificate", "key", "ssl", "port", "tls_port", "pop3_port")
        (self.folder / "dovecot.conf").write_text(_DOVECOT.format(**{name: getattr(self, name) for name in names}))

    def argv(self):
        return [from_system("dovecot"), "-F", "-c", self.folder / "dovecot.conf"]

    def ports(self):
        return [self.port, self.pop3_port] + ([self.tls_port] if self.ssl == "yes" else [])

    @property
    def reload_command(self):
        return [str(from_system("doveadm")), "-c", str(self.folder / "dovecot.conf"), "reload"]
