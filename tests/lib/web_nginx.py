"""nginx as a web.py server: with whole texts in its servers, where nginx.py has choices."""

import os
import signal

from peers import from_system
from web import WebServer

_MAIN = """\
daemon off;
pid {pid_file};
error_log {folder}/error.log info;
{user}
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/temp/body;
    proxy_temp_path {folder}/temp/proxy;
    fastcgi_temp_path {folder}/temp/fastcgi;
    uwsgi_temp_path {folder}/temp/uwsgi;
    scgi_temp_path {folder}/temp/scgi;
{top}
    server {{
        listen 127.0.0.1:{http_port};
        server_name a.example *.example;
{http}
    }}
    {tls}
}}
"""
_TLS = """server {{
        listen 127.0.0.1:{https_port} ssl;
        server_name a.example *.example;
{certificate}
{https}
    }}"""


class NginxText(WebServer):
    KIND = "nginx"
    RELOAD = signal.SIGHUP

    def prepare(self):
        (self.folder / "temp").mkdir(exist_ok=True)

    def configuration(self, http, https, top, certificate):
        pair = f"ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]};" if certificate else ""
        tls = _TLS.format(https_port=self.https_port, certificate=pair, https=https) if pair or https else ""
        return _MAIN.format(
            folder=self.folder,
            pid_file=self.pid_file,
            user="user www-data;" if os.geteuid() == 0 else "",
            top=top,
            http=http,
            http_port=self.http_port,
            tls=tls,
        )

    def command(self):
        return [from_system("nginx"), "-p", self.folder, "-e", self.folder / "error.log", "-c", self.config_file]

    def check_command(self):
        return [*self.command(), "-t", "-q"]
