"""A certificate reaches every kind of server that uses it, and evercert knows that it did: each serves one of its own at
first, then what Pebble issues, then what a renewal brings, by nothing but the steps of its configuration."""

import imaplib
import os
import poplib
import pwd
import smtplib
import socket
import ssl
import stat
import struct

import pytest

from apache import Apache
from certificates import Leaf
from database import Postgres
from evercert import FAILED
from haproxy import Haproxy
from lighttpd import Lighttpd
from mail import Dovecot, Postfix
from ports import free_port
from processes import wait_until
from web_caddy import CaddyText
from web_nginx import NginxText

NAME = "a.example"


# What a client of that kind sees, with software that is not evercert's: the certificate in DER, verified


def by_tls(port, context):
    with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain, server_hostname=NAME) as tls:
        return tls.getpeercert(True)


def by_smtp(port, context):
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as smtp:
        smtp._host = NAME  # what the certificate must have
        smtp.starttls(context=context)
        return smtp.sock.getpeercert(True)


def by_imap(port, context):
    with imaplib.IMAP4("127.0.0.1", port, timeout=5) as imap:
        imap.host = NAME
        imap.starttls(context)
        return imap.sock.getpeercert(True)


def by_pop3(port, context):
    pop3 = poplib.POP3("127.0.0.1", port, timeout=5)
    try:
        pop3.host = NAME
        pop3.stls(context)
        return pop3.sock.getpeercert(True)
    finally:
        pop3.close()


def by_postgres(port, context):
    with socket.create_connection(("127.0.0.1", port), 5) as plain:
        plain.sendall(struct.pack("!ii", 8, 80877103))  # SSLRequest
        assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname=NAME) as tls:
            return tls.getpeercert(True)


CLIENTS = {"": by_tls, "smtp": by_smtp, "imap": by_imap, "pop3": by_pop3, "postgres": by_postgres}


# The servers. Each of the functions starts one that has the old certificate, and returns how evercert brings it others,
# {"publish": copies, "deploy": commands}, and where it is looked at, [(port, word of starttls)].


class Place:
    """Where a server has its certificate: a folder that copies go to, with the old one in it at first, and a link to that
    folder, which may be made one to what is live."""

    def __init__(self, processes, service, folder, old, live):
        self.processes, self.service, self.folder, self.old, self.live = processes, service, folder, old, live
        self.copies, self.link = folder / "copies", folder / "tls"
        self.copies.mkdir(mode=0o755)
        for name, source in (("fullchain.pem", old[0]), ("privkey.pem", old[1])):
            self.write(self.copies / name, source.read_bytes())
        self.link.symlink_to(self.copies)

    @staticmethod
    def write(path, content):
        path.touch(mode=0o600)
        path.write_bytes(content)

    def linked(self):
        """Paths for a server that is moved over to the files in live/, and the command that does it."""
        return (self.link / "fullchain.pem", self.link / "privkey.pem"), {"run": ["ln", "-sfn", str(self.live), str(self.link)]}

    def published(self):
        """Paths for a server that has copies, and the copies."""
        copies = [
            {"format": "fullchain", "path": str(self.copies / "fullchain.pem"), "mode": "0644"},
            {"format": "key", "path": str(self.copies / "privkey.pem"), "mode": "0600"},
        ]
        return (self.copies / "fullchain.pem", self.copies / "privkey.pem"), copies


def signal(server, word):
    return {"run": ["kill", f"-{word}", str(server.process.pid)]}


def nginx(place):
    files, switch = place.linked()
    server = NginxText(place.processes, place.folder / "nginx", certificate=files).start()
    return {"deploy": [switch, signal(server, "HUP")]}, [(server.https_port, "")]


def apache(place):
    files, switch = place.linked()
    server = Apache(place.processes, place.folder / "apache", certificate=files).start()
    return {"deploy": [switch, signal(server, "USR1")]}, [(server.https_port, "")]


def haproxy(place):
    """One file, of a name that is made of the certificate's."""
    file = place.copies / f"{NAME}.pem"
    place.write(file, place.old[0].read_bytes() + place.old[1].read_bytes())
    server = Haproxy(place.processes, place.folder / "haproxy", certificate=file).start()
    copy = {"format": "combined", "path": f"{place.copies}/{{name}}.pem", "group": "daemon", "mode": "0640"}
    return {"publish": [copy], "deploy": [signal(server, "USR2")]}, [(server.https_port, "")]


def caddy(place):
    """Its reload is a command that talks to it, and wants to know where it is at home."""
    (certificate, key), copies = place.published()
    site = f'https://{NAME} {{\n    tls {certificate} {key}\n    respond "caddy"\n}}'
    server = CaddyText(place.processes, place.folder / "caddy", admin_port=free_port(), top=site).start()
    home = {name: server.environment()[name] for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    reload = {"run": server.reload_command, "env": home}
    return {"publish": copies, "deploy": [reload]}, [(server.https_port, "")]


def lighttpd(place):
    files, copies = place.published()
    server = Lighttpd(place.processes, place.folder / "lighttpd", certificate=files).start()
    return {"publish": copies, "deploy": [signal(server, "USR1")]}, [(server.https_port, "")]


def postfix(place):
    files, copies = place.published()
    server = place.service(Postfix, *files)
    return {"publish": copies, "deploy": [{"run": server.reload_command}]}, [(server.port, "smtp"), (server.tls_port, "")]


def dovecot(place):
    files, switch = place.linked()
    server = place.service(Dovecot, *files)
    deploy = [switch, {"run": server.reload_command}]
    return {"deploy": deploy}, [(server.port, "imap"), (server.pop3_port, "pop3"), (server.tls_port, "")]


def postgres(place):
    """In the database's own folder, which is nobody else's; the command runs as the user of the database."""
    server = place.service(Postgres, *place.old)
    copies = [
        {"format": "key", "path": str(server.data / "server.key"), "owner": "postgres", "mode": "0600"},
        {"format": "fullchain", "path": str(server.data / "server.crt"), "owner": "postgres", "mode": "0600"},
    ]
    return {"publish": copies, "deploy": [{"run": server.reload_command, "user": "postgres"}]}, [(server.port, "postgres")]


KINDS = [nginx, apache, haproxy, caddy, lighttpd, postfix, dovecot, postgres]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_certificate_reaches(evercert, pebble, processes, service, authority, open_folder, kind):
    ca = pebble()
    client = evercert(ca)
    old = authority.leaf(f"old-{kind.__name__}.example", NAME)
    config, looks = kind(Place(processes, service, open_folder, old, client.live(NAME)))
    config["deploy"] += [
        {"verify": f"127.0.0.1:{port}", "starttls": word or "none", "timeout": "20s"} for port, word in looks
    ]
    client.write_config({"certificates": [{"domains": [NAME], **config}]})

    def seen(port, word, roots):
        return Leaf(CLIENTS[word](port, ssl.create_default_context(cadata=roots))).fingerprint

    def arrived(generation):
        row, leaf = client.row(NAME), client.leaf(NAME)
        assert (row["generation"], row["deploy"]["state"]) == (generation, "done")
        assert (row["served"]["state"], row["served"]["error"]) == ("yes", None)
        for copy in config.get("publish", []):
            found = os.stat(copy["path"].replace("{name}", NAME))
            assert stat.S_IMODE(found.st_mode) == int(copy["mode"], 8)
            assert found.st_uid == pwd.getpwnam(copy.get("owner", "root")).pw_uid
        for port, word in looks:
            # evercert saw it once; a process of the server from before its reload may still take a connection.
            def there():
                try:
                    return seen(port, word, ca.root()) == leaf.fingerprint
                except (OSError, EOFError, smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto):
                    return False

            wait_until(there, f"{kind.__name__} to serve generation {generation} at {port} {word}")
        return leaf.fingerprint

    for port, word in looks:
        assert seen(port, word, authority.ca_file.read_text())
    client.renew()
    first = arrived(1)
    client.renew(NAME, force=True)
    assert arrived(2) != first
    assert client.events(NAME).count("deployed") == 2


# Servers that are not as they should be


def test_bad_servers_are_told_and_the_others_are_served(evercert, pebble, processes, authority, open_folder, tmp_path):
    """One pass, and each server is wrong in a way of its own; what follows a look that failed is not done."""
    ca = pebble()
    client = evercert(ca)
    place = Place(processes, None, open_folder, authority.leaf("old-good.example", NAME), client.live(NAME))
    good, ((good_port, _),) = nginx(place)
    stranger = NginxText(processes, open_folder / "stranger", certificate=authority.leaf("stranger.example")).start()
    mute = socket.create_server(("127.0.0.1", free_port()))  # takes connections, and is never heard of again
    bad = {
        "stranger.example": (stranger.https_port, 'serves another certificate: "CN=stranger.example" by "CN=evercert test root"'),
        "closed.example": (free_port(), "cannot connect: Connection refused"),
        "plain.example": (stranger.http_port, "it speaks plain HTTP there"),
        "mute.example": (mute.getsockname()[1], "waited in vain for its part of the TLS handshake"),
    }
    followed = tmp_path / "followed"

    def steps(port, timeout="1s"):
        follow = {"run": ["/bin/sh", "-c", f'echo "$EVERCERT_NAME" >> {followed}']}
        return [{"verify": f"127.0.0.1:{port}", "starttls": "none", "timeout": timeout}, follow]

    config = [{"domains": [name], "deploy": steps(port)} for name, (port, _) in bad.items()]
    config.append({"domains": [NAME], "deploy": good["deploy"] + steps(good_port, "20s")})
    client.write_config({"certificates": config})
    orders = 2 * len(config)
    for generation in (1, 2):
        done = client.renew(*([NAME, *bad] if generation == 2 else []), force=generation == 2, status=FAILED)
        for name, (port, what) in bad.items():
            (line,) = [line for line in done.stderr.splitlines() if f" {name}: " in line]
            assert f"127.0.0.1:{port} does not serve the certificate: 127.0.0.1:{port}" in line and what in line
            row = client.row(name)
            assert (row["state"], row["generation"]) == ("valid", generation)
            assert (row["deploy"]["state"], row["served"]["state"]) == ("failing", "no") and what in row["served"]["error"]
        row = client.row(NAME)
        assert (row["generation"], row["deploy"]["state"], row["served"]["state"]) == (generation, "done", "yes")
        leaf = Leaf(by_tls(good_port, ssl.create_default_context(cadata=ca.root())))
        assert leaf.fingerprint == row["fingerprint"]
    assert followed.read_text().splitlines() == [NAME, NAME]
    # One that is put right is seen at once, and nothing is issued for any of them.
    assert ca.request_counts()["POST /order-plz"] == orders
    live = client.live("stranger.example")
    stranger.set_certificate((live / "fullchain.pem", live / "privkey.pem"))
    stranger.reload()
    stranger.wait_served("stranger.example", ca.root(), client.leaf("stranger.example").fingerprint)
    client.renew("stranger.example")
    assert client.row("stranger.example")["served"]["state"] == "yes"
    assert followed.read_text().splitlines()[2:] == ["stranger.example"]
    assert ca.request_counts()["POST /order-plz"] == orders
    mute.close()
