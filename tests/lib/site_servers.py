"""Web servers with a configuration of several files, for evercert install to change: an nginx and an Apache."""

import os
import socket

from certificates import served_leaf
from peers import from_system
from ports import free_port
from processes import wait_until

NGINX = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
{user}
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/temp/body;
    proxy_temp_path {folder}/temp/proxy;
    fastcgi_temp_path {folder}/temp/fastcgi;
    uwsgi_temp_path {folder}/temp/uwsgi;
    scgi_temp_path {folder}/temp/scgi;
    include sites-enabled/*;
}}
"""
DEFAULT = """\
# the first one, which answers for whom nobody else does
server {{
    listen 127.0.0.1:{http} default_server;
    server_name _;
    return 404 "nobody\\n";
}}
"""
SITE = """\
server {{   # the shop; "quoted", {{ and so on
    listen 127.0.0.1:{http};
    server_name {names};
    rewrite ^/old$ /new last;
    location / {{ return 200 "{text}\\n"; }}
}}
"""

APACHE = """\
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
Mutex file:{folder} default
ErrorLog {folder}/error.log
{modules}
{user}
Listen 127.0.0.1:{http}
StartServers 1
DocumentRoot {folder}/documents
<Directory {folder}/documents>
    Require all granted
</Directory>
{more}
"""
VHOST = """\
<VirtualHost 127.0.0.1:{http}>
    ServerName {name}
    ServerAlias {aliases}
    # a comment that stays
    DocumentRoot {folder}/documents
</VirtualHost>
"""


class Server:
    """A server with a configuration of several files, which are compared whole."""

    def __init__(self, processes, folder, http_port):
        self.processes, self.folder, self.http = processes, folder, http_port
        self.https = free_port()
        folder.chmod(0o755)
        (folder / "sites-available").mkdir()
        (folder / "sites-enabled").mkdir()
        (folder / "temp").mkdir()
        (folder / "documents").mkdir()
        (folder / "documents/index.html").write_text("apache\n")

    def site(self, file, text):
        """In sites-available, with a link to it."""
        path = self.folder / "sites-available" / file
        path.write_text(text)
        path.chmod(0o640)
        (self.folder / "sites-enabled" / file).symlink_to(f"../sites-available/{file}")
        return path

    def start(self):
        argv = [str(word) for word in self.command()]
        self.process = self.processes.start(argv, self.folder / "output.log", peer=True)
        pid_file = self.folder / f"{self.kind}.pid"
        wait_until(lambda: pid_file.exists() and self._connects() or self._alive(), f"{self.kind} to start")
        return self

    def _alive(self):
        assert self.process.alive(), self.process.text() + (self.folder / "error.log").read_text()

    def _connects(self):
        try:
            socket.create_connection(("127.0.0.1", self.http), 1).close()
            return True
        except OSError:
            return False

    def snapshot(self):
        """{path: what it is} of everything that configures it."""
        found = {}
        for path in sorted([self.config, *self.folder.glob("sites-*/*"), *self.folder.glob("evercert/**/*")]):
            try:
                kind = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "folder"
                found[str(path)] = (kind, path.lstat().st_mode, path.lstat().st_uid)
            except FileNotFoundError:
                return self.snapshot()  # in the middle of a change
        return found

    def words(self, *names):
        return [
            self.word, *(word for name in names for word in ("-d", name)), "--server-command", str(from_system(self.program)),
            "--server-config", str(self.config), "--http-port", str(self.http), "--tls-port", str(self.https),
        ]  # fmt: skip

    def leaf(self, name, ca):
        return served_leaf(self.https, name, ca.root())

    def wait_leaf(self, name, ca, fingerprint):
        wait_until(lambda: self.leaf(name, ca).fingerprint == fingerprint, f"{fingerprint[:16]} to be served")


class NginxServer(Server):
    kind = word = program = "nginx"

    def __init__(self, processes, folder, http_port):
        super().__init__(processes, folder, http_port)
        self.config = folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        self.config.write_text(NGINX.format(folder=folder, user=user))
        self.site("0-default", DEFAULT.format(http=self.http))

    def add(self, file, *names, text="shop"):
        return self.site(file, SITE.format(http=self.http, names=" ".join(names), text=text))

    def command(self):
        return [from_system("nginx"), "-e", self.folder / "error.log", "-c", self.config]


class ApacheServer(Server):
    kind = word = "apache"
    program = "apache2"
    modules = "mpm_event authz_core alias dir rewrite socache_shmcb ssl"

    def __init__(self, processes, folder, http_port, more="IncludeOptional sites-enabled/*.conf", without=()):
        super().__init__(processes, folder, http_port)
        self.config = folder / "apache.conf"
        names = [name for name in self.modules.split() if name not in without]
        load = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in names)
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        self.config.write_text(APACHE.format(folder=folder, modules=load, user=user, http=self.http, more=more))

    def vhost(self, name, aliases):
        return VHOST.format(http=self.http, name=name, aliases=aliases, folder=self.folder)

    def add(self, file, name, *aliases):
        return self.site(f"{file}.conf", self.vhost(name, " ".join(aliases) or "alias.invalid"))

    def command(self):
        return [from_system("apache2"), "-f", self.config, "-DFOREGROUND"]


KINDS = {"nginx": NginxServer, "apache": ApacheServer}
