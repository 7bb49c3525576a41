"""lighttpd in front of evercert, see web.py. `http` and `https` are text inside $SERVER["socket"] of the two ports, `top` is
text of the whole server."""

import signal

from peers import from_system
from web import WebServer

_MAIN = """\
server.modules = ( "mod_access", "mod_alias", "mod_redirect", "mod_proxy", "mod_accesslog", "mod_openssl" )
server.document-root = "{folder}/documents"
server.pid-file = "{pid_file}"
server.errorlog = "{folder}/error.log"
accesslog.filename = "{folder}/access.log"
server.bind = "127.0.0.1"
server.port = {http_port}
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html" )
{top}
$SERVER["socket"] == "127.0.0.1:{http_port}" {{
{http}
}}
{tls}
"""
_TLS = """$SERVER["socket"] == "127.0.0.1:{https_port}" {{
    ssl.engine = "enable"
{certificate}
{https}
}}
"""


class Lighttpd(WebServer):
    KIND = "lighttpd"
    RELOAD = signal.SIGUSR1  # graceful restart

    def prepare(self):
        documents = self.folder / "documents"
        documents.mkdir(mode=0o755, exist_ok=True)
        (documents / "index.html").write_text("lighttpd\n")

    def configuration(self, http, https, top, certificate):
        pair = f'    ssl.pemfile = "{certificate[0]}"\n    ssl.privkey = "{certificate[1]}"' if certificate else ""
        tls = _TLS.format(https_port=self.https_port, certificate=pair, https=https) if pair or https else ""
        return _MAIN.format(
            folder=self.folder, pid_file=self.pid_file, http_port=self.http_port, top=top, http=http, tls=tls
        )

    def command(self):
        return [from_system("lighttpd"), "-D", "-f", self.config_file]

    def check_command(self):
        return [from_system("lighttpd"), "-tt", "-f", self.config_file]
