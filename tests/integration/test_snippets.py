"""Fragments of `evercert snippet`: each is loaded by the server it is for, the challenge passes through it while everything
else goes to https where it says so, and the certificate is served.

Traefik is no package of Debian: its fragments are only read as YAML and compared with the keys that its manual has."""

import grp
import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess

import pytest
import yaml

from evercert import DONE, FAILED, ROOT, USAGE, binary, build_folder
from peers import from_system
from ports import free_port
from web_caddy import CaddyText
from web_nginx import NginxText

SERVERS = ("nginx", "apache", "haproxy", "caddy", "traefik", "lighttpd", "sudoers", "systemd", "cron")
EXAMPLES = ROOT / "examples"
NAMES = ["a.example", "www.a.example"]
CHALLENGE = "/.well-known/acme-challenge/"


def snippet(client, *words, status=DONE):
    return client.run("snippet", *words, status=status).stdout


def parts(text):
    """The parts of a fragment that goes to several places: each begins with "# --- WHERE"."""
    return [part.partition("\n")[2] for part in re.split(r"^# --- ", text, flags=re.M)[1:]]


def forms(client, server):
    return [row["form"] for row in json.loads(snippet(client, server, "--form", "list", "--json"))]


# A web server, evercert behind it, and Pebble that asks the web server


@pytest.fixture
def web(request, processes, open_folder):
    def make(kind, **options):
        if kind == "nginx":
            return NginxText(processes, open_folder / "nginx", **options)
        if kind == "caddy":
            return CaddyText(processes, open_folder / "caddy", admin_port=free_port(), **options)
        return request.getfixturevalue(kind)(**options)

    return make


class Site:
    """`server` in front, evercert with a responder on a port of its own or with a webroot."""

    def __init__(self, server, ca, evercert, open_folder, webroot, **more):
        self.server, self.ca = server, ca
        self.responder = free_port()
        certificate = {"domains": NAMES, **more}
        if webroot:
            certificate["webroot"] = str(open_folder / "web root")  # with a blank, as nobody should
            (open_folder / "web root").mkdir()
        # Said as many do; a proxy reaches it at 127.0.0.1.
        listen = [f"0.0.0.0:{self.responder}"]
        self.client = evercert(ca, folder=open_folder / "evercert", listen=listen, config={"certificates": [certificate]})

    def snippet(self, *words):
        return snippet(self.client, *words)

    def passes(self):
        """The server is asked by Pebble, and evercert has the certificate. Returns its Leaf."""
        before = sum(self.ca.request_counts().values())
        self.client.renew()
        assert sum(self.ca.request_counts().values()) > before
        leaf = self.client.leaf("a.example")
        assert leaf.names == NAMES
        return leaf

    def redirects(self, path="/page?a=b"):
        """Everything but the challenge goes to https; a challenge nobody knows is not found, or nobody is there."""
        status, location, _ = self.server.get(path)
        assert (status, location) == (301, f"https://a.example{path}")
        assert self.server.get(CHALLENGE + "x" * 22)[0] in (404, 502, 503)
        assert self.server.get("/.well-known/other")[0] == 301

    def serves(self, leaf):
        roots = self.ca.root()
        self.server.wait_served("a.example", roots, leaf.fingerprint)
        self.server.wait_served("www.a.example", roots, leaf.fingerprint)


@pytest.fixture
def site(web, pebble, evercert, open_folder):
    def make(kind, webroot=False, **more):
        server = web(kind)
        return Site(server, pebble(http_port=server.http_port), evercert, open_folder, webroot, **more)

    return make


CASES = [
    # server, form, with a webroot, everything else is redirected
    ("nginx", "webroot", True, False),
    ("nginx", "proxy", False, False),
    ("nginx", "redirect", True, True),
    ("nginx", "redirect", False, True),
    ("nginx", "return", False, True),
    ("nginx", "upstream", False, False),
    ("apache", "alias", True, False),
    ("apache", "proxy", False, False),
    ("apache", "redirect", True, True),
    ("apache", "redirect", False, True),
    ("haproxy", "proxy", False, True),
    ("caddy", "webroot", True, True),
    ("caddy", "proxy", False, True),
    ("lighttpd", "webroot", True, False),
    ("lighttpd", "proxy", False, False),
    ("lighttpd", "redirect", True, True),
    ("lighttpd", "redirect", False, True),
]


def challenge_texts(site, kind, form, authority):
    """The fragment where it says that it goes, and around it what a site has."""
    text = site.snippet(kind, "--form", form)
    if kind == "nginx":
        rest = 'location / { return 200 "page\\n"; }\n location ~ /\\. { deny all; }\n'
        if form == "upstream":
            http, locations = parts(text)
            return {"top": http, "http": rest + locations}
        if form == "redirect":  # a server of both ports
            cert, key = authority.leaf("a.example")
            rest += f"listen 127.0.0.1:{site.server.https_port} ssl; ssl_certificate {cert}; ssl_certificate_key {key};"
        return {"http": text if form == "return" else rest + text}
    if kind == "haproxy":
        frontend, backend = parts(text)
        return {"http": frontend, "top": backend}
    return {"top": text} if kind == "caddy" else {"http": text}


@pytest.mark.parametrize("kind, form, webroot, redirects", CASES, ids=lambda v: {True: "yes", False: "no"}.get(v, v))
def test_the_challenge_passes(site, authority, kind, form, webroot, redirects):
    s = site(kind, webroot)
    s.server.set(**challenge_texts(s, kind, form, authority))
    s.server.start()
    s.passes()
    if redirects:
        s.redirects()
    else:
        assert s.server.get("/")[0] == 200
    if form == "redirect" and kind == "nginx":  # whoever came by https stays
        url = f"https://127.0.0.1:{s.server.https_port}/page"
        asked = subprocess.run(["curl", "-sk", "-H", "Host: a.example", url], capture_output=True, text=True, timeout=10)
        assert asked.stdout == "page\n"


def test_every_form_with_a_challenge_is_run():
    """The list above has all forms that a server has for the challenge."""
    found = set()
    for path in (ROOT / "src/cli/snippets").glob("*.in"):
        for name, place in re.findall(r"^@form (\S+) (webroot|proxy|any) ", path.read_text(), re.M):
            found.add((path.stem, name))
    assert found - {("traefik", "proxy")} == {case[:2] for case in CASES}


# Certificates


def certificate_texts(site, kind, form):
    text = site.snippet(kind, "--form", form)
    if kind == "haproxy":
        at = f"bind 127.0.0.1:{site.server.https_port}"
        if form == "crt-list":
            listed, bind = parts(text)
            file = site.server.folder / "evercert.list"
            file.write_text(listed)
            return {"https": bind.replace("bind :443", at).replace("/etc/haproxy/evercert.list", str(file))}
        return {"https": parts(text)[0].replace("bind :443", at)}
    if kind == "caddy":
        return {"top": text}
    if form == "server-name":
        top, https = parts(text)
        return {"top": top, "https": https}
    return {"https": text}


@pytest.mark.parametrize(
    "kind, form",
    [
        ("nginx", "certificate"),
        ("nginx", "server-name"),
        ("apache", "certificate"),
        ("haproxy", "certificate"),
        ("haproxy", "crt-list"),
        ("caddy", "certificate"),
        ("lighttpd", "certificate"),
    ],
)
def test_the_certificate_is_served(web, pebble, evercert, open_folder, kind, form):
    """Two certificates, each for its names; one has an RSA sibling. Where nginx chooses by name the workers are not
    root, as the fragment says."""
    group = "www-data" if os.geteuid() == 0 else grp.getgrgid(os.getgid()).gr_name
    readable = {"key-group": group, "key-mode": "0640"} if form == "server-name" else {}
    both = {} if kind == "lighttpd" else {"key-type": ["ecdsa-p256", "rsa-2048"]}
    certificates = [{"domains": NAMES, **both, **readable}, {"name": "other", "domains": ["b.example"], **readable}]
    ca = pebble()
    client = evercert(ca, folder=open_folder / "evercert", config={"certificates": certificates})
    client.renew()
    s = Site.__new__(Site)
    s.server, s.ca, s.client = web(kind), ca, client
    s.server.set(**certificate_texts_of_each(s, kind, form))
    s.server.start()
    s.serves(client.leaf("a.example"))
    s.server.wait_served("b.example", ca.root(), client.leaf("other").fingerprint)
    # And the next generation, after what the fragment says to run: nginx that chooses by name needs nothing.
    client.renew("other", force=True)
    if form != "server-name":
        s.server.reload()
    s.server.wait_served("b.example", ca.root(), client.leaf("other").fingerprint)


def certificate_texts_of_each(s, kind, form):
    """Servers that choose by a block of theirs get a block for the second certificate; the fragment for both must at
    least be taken by those that choose by the certificate."""
    if (kind, form) not in (("nginx", "certificate"), ("apache", "certificate")):
        return certificate_texts(s, kind, form)
    first, second = (s.snippet(kind, "--form", form, name) for name in ("a.example", "other"))
    if kind == "nginx":
        block = f"server {{ listen 127.0.0.1:{s.server.https_port} ssl; server_name b.example;\n{second}\n}}"
    else:
        block = f"<VirtualHost 127.0.0.1:{s.server.https_port}>\nServerName b.example\n{second}\n</VirtualHost>"
    return {"https": first, "top": block}


def test_several_ways_in_one_configuration(evercert, open_folder, lighttpd, web):
    """Names with a webroot of their own, and others: the fragment has both, and says which is whose."""
    one, two = open_folder / "one", open_folder / "two"
    for folder in (one, two):
        (folder / CHALLENGE.strip("/")).mkdir(parents=True)
        (folder / CHALLENGE.strip("/") / "token").write_text(folder.name)
    certificates = [{"domains": ["a.example"], "webroot": str(one)}, {"domains": ["b.example"], "webroot": str(two)}]
    client = evercert(listen=["[::]:8402", "127.0.0.1:8403"], config={"certificates": certificates + [{"domains": ["c.example"]}]})
    server = lighttpd(http=snippet(client, "lighttpd", "--form", "redirect")).start()
    assert server.get(CHALLENGE + "token", host="a.example")[2] == "one"
    assert server.get(CHALLENGE + "token", host="b.example:80")[2] == "two"
    assert server.get("/", host="b.example")[:2] == (301, "https://b.example/")
    # Without a form: that of the webroots and that of the others.
    text = snippet(client, "nginx")
    assert "Names: a.example\n" in text and f"root {one};" in text and f"root {two};" in text
    assert "proxy_pass http://127.0.0.1:8403;" in text
    assert "proxy_pass" not in snippet(client, "nginx", "-d", "a.example")
    assert "root" not in snippet(client, "nginx", "c.example")
    server = web("nginx", http=snippet(client, "nginx", "-d", "b.example"))
    server.start()
    assert server.get(CHALLENGE + "token", host="b.example")[2] == "two"


# Traefik

ROUTER = {"entryPoints", "middlewares", "rule", "ruleSyntax", "priority", "service", "tls", "observability"}


def test_traefik_by_its_keys(evercert):
    client = evercert(listen=["[::1]:8402"], config={"certificates": [{"domains": NAMES, "key-type": ["rsa-2048", "ecdsa-p256"]}]})
    document = yaml.safe_load(snippet(client, "traefik"))
    assert set(document) == {"http"} and set(document["http"]) == {"routers", "services"}
    ((_, router),) = document["http"]["routers"].items()
    assert set(router) <= ROUTER
    assert router["rule"] == f"PathPrefix(`{CHALLENGE}`)" and isinstance(router["priority"], int)
    balancer = document["http"]["services"][router["service"]]["loadBalancer"]
    assert balancer == {"passHostHeader": True, "servers": [{"url": "http://[::1]:8402"}]}
    document = yaml.safe_load(snippet(client, "traefik", "--form", "certificate"))
    live = [client.state / "live" / name for name in ("a.example", "a.example-ecdsa")]
    assert document == {
        "tls": {"certificates": [{"certFile": f"{one}/fullchain.pem", "keyFile": f"{one}/privkey.pem"} for one in live]}
    }
