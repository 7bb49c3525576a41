"""Apache (Debian's apache2) in front of evercert, see web.py. Started by root, its children are www-data: the folder must
be one that every user may enter, as the fixture `apache` sees to. apachectl's questions are answered by
`apache2 -f CONFIG -S` and `-t`; command() begins with the program."""

import os
import signal

from peers import from_system
from web import WebServer

_MODULES = "mpm_event authz_core alias dir rewrite headers proxy proxy_http socache_shmcb ssl"
_MAIN = """\
ServerRoot {folder}
ServerName localhost
PidFile {pid_file}
DefaultRuntimeDir {folder}
Mutex file:{folder} default
ErrorLog {folder}/error.log
LogLevel info
LogFormat "%h %v \\"%r\\" %>s" short
CustomLog {folder}/access.log short
{modules}
{user}
Listen 127.0.0.1:{http_port}
{listen_tls}
StartServers 1
DocumentRoot {folder}/documents
<Directory />
    Require all denied
</Directory>
<Directory {folder}/documents>
    Require all granted
</Directory>
{top}
<VirtualHost 127.0.0.1:{http_port}>
    ServerName a.example
    ServerAlias *.example
    {http}
</VirtualHost>
{tls}
"""
_TLS = """<VirtualHost 127.0.0.1:{https_port}>
    ServerName a.example
    ServerAlias *.example
    SSLEngine on
    {certificate}
    {https}
</VirtualHost>
"""


class Apache(WebServer):
    KIND = "apache"
    RELOAD = signal.SIGUSR1  # graceful

    def prepare(self):
        documents = self.folder / "documents"
        documents.mkdir(mode=0o755, exist_ok=True)
        (documents / "index.html").write_text("apache\n")

    def configuration(self, http, https, top, certificate):
        pair = f"SSLCertificateFile {certificate[0]}\n    SSLCertificateKeyFile {certificate[1]}" if certificate else ""
        tls = _TLS.format(https_port=self.https_port, certificate=pair, https=https) if pair or https else ""
        return _MAIN.format(
            folder=self.folder,
            pid_file=self.pid_file,
            modules="\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in _MODULES.split()),
            # As root the children need somebody to be; Debian's name for that.
            user="User www-data\nGroup www-data" if os.geteuid() == 0 else "",
            http_port=self.http_port,
            listen_tls=f"Listen 127.0.0.1:{self.https_port}" if tls else "",
            top=top,
            http=http,
            tls=tls,
        )

    def command(self):
        return [from_system("apache2"), "-f", self.config_file, "-DFOREGROUND"]

    def check_command(self):
        return [from_system("apache2"), "-f", self.config_file, "-t"]
