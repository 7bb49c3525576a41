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
import socket
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
    """A web server, evercert behind it, and the CA."""

    def __init__(self, server, client, ca=None):
        self.server, self.client, self.ca = server, client, ca

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
    """evercert with a responder on a port of its own, or with a webroot."""

    def make(kind, webroot=False):
        server = web(kind)
        ca = pebble(http_port=server.http_port)
        certificate = {"domains": NAMES}
        if webroot:
            certificate["webroot"] = str(open_folder / "web root")  # with a blank, as nobody should
            (open_folder / "web root").mkdir()
        # Said as many do; a proxy reaches it at 127.0.0.1.
        listen = [f"0.0.0.0:{free_port()}"]
        client = evercert(ca, folder=open_folder / "evercert", listen=listen, config={"certificates": [certificate]})
        return Site(server, client, ca)

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
    for path in (ROOT / "src/cli/snippet/forms").glob("*.in"):
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
    s = Site(web(kind), client, ca)
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
    assert "Only in the server of: a.example\n" in text and f"root {one};" in text and f"root {two};" in text
    assert "proxy_pass http://127.0.0.1:8403;" in text
    assert "proxy_pass" not in snippet(client, "nginx", "-d", "a.example")
    assert "root" not in snippet(client, "nginx", "c.example")
    server = web("nginx", http=snippet(client, "nginx", "-d", "b.example"))
    server.start()
    assert server.get(CHALLENGE + "token", host="b.example")[2] == "two"


@pytest.mark.parametrize("kind", ["nginx", "apache", "haproxy", "caddy", "lighttpd"])
def test_a_responder_at_an_address_in_brackets(evercert, web, kind):
    port = free_port()
    with socket.create_server(("::1", port), family=socket.AF_INET6) as responder:
        client = evercert(listen=[f"[::]:{port}"], config={"certificates": [{"domains": [*NAMES, "2001:db8::7"]}]})
        server = web(kind)
        server.set(**challenge_texts(Site(server, client), kind, "proxy", None))
        server.start()
        with socket.create_connection(("127.0.0.1", server.http_port), 10) as asking:
            asking.sendall(f"GET {CHALLENGE}x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n".encode())
            responder.settimeout(10)
            connection, _ = responder.accept()
            with connection:
                assert connection.recv(4096).startswith(f"GET {CHALLENGE}x ".encode())


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


# sudoers

ODD = ["a,b:c=d", "x y", "back\\slash", "*", "?[x]", "!no", "^re$", "#c", "it's"]


def sudoers_of(client, tmp_path, *words):
    """The fragment, taken by visudo."""
    text = snippet(client, "sudoers", *words)
    file = tmp_path / "sudoers"
    file.write_text(text)
    file.chmod(0o440)
    done = subprocess.run([from_system("visudo"), "-c", "-f", file], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{text}"
    return text


def rules(text):
    """{(who, as): [commands]} of the fragment."""
    joined = text.replace("\\\n", "")
    aliases = {name: re.split(r"(?<!\\), +", commands) for name, commands in re.findall(r"^Cmnd_Alias (\w+) = (.*)$", joined, re.M)}
    users = re.findall(r"^(\S+) ALL = \((.*?)\) NOPASSWD: (\w+)$", joined, re.M)
    assert {alias for _, _, alias in users} == set(aliases)
    return {(who, whom): aliases[alias] for who, whom, alias in users}


def test_sudoers_has_what_the_configuration_runs(evercert, tmp_path, open_folder):
    folder = open_folder / "renewal-hooks"
    folder.mkdir()
    steps = [
        {"run": ["sudo", "/usr/sbin/service", "nginx", "reload"], "user": "odoo"},
        {"run": ["/usr/bin/sudo", "-n", "-u", "mail", "--group=adm", "--", "/bin/echo", *ODD], "env": {"MINE": "x"}},
        {"run": ["sudo", "-n", "THEIRS=1", "-umail", "id"]},
        {"run": ["id"], "user": "mail"},
        {"run": ["/bin/hook.sh", "-v"], "user": "mail", "dialect": "dehydrated"},
        {"run": [str(folder)], "user": "backup", "dialect": "certbot"},
        {"run": ["/bin/true"]},
        {"run": ["sudo", "-E", "/bin/true"]},
        {"run": ["sudo", "-s"]},
        {"run": ["sudo", "no-such-program-of-ours"]},
        {"run": ["sudo", "/bin/echo", ""]},
        {"run": ["sudo"]},
        {"verify": "127.0.0.1:443"},
    ]
    more = {"name": "more", "domains": ["b.example"], "deploy": steps[3:4]}
    client = evercert(config={"certificates": [{"domains": NAMES, "deploy": steps}, more]})
    text = sudoers_of(client, tmp_path, "--user", "evercert")
    plain = shutil.which("id", path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin")
    assert rules(text) == {
        ("evercert", "odoo"): [shutil.which("sudo") + " /usr/sbin/service nginx reload"],
        ("odoo", "root"): ["/usr/sbin/service nginx reload"],
        ("evercert", "mail:adm"): [r"/bin/echo a\,b\:c\=d x\ y back\\\\slash \* \?\[x\] \!no \^re$ \#c it's"],
        ("evercert", "mail"): [f'{plain} ""', "/bin/hook.sh -v *"],
        ("evercert", "backup"): [f"{folder}/{name}/" for name in ("pre", "deploy", "post")],
    }
    assert text.count('env_keep += "EVERCERT_* RENEWED_* MINE"') == 1
    assert text.count('env_keep += "EVERCERT_* RENEWED_* THEIRS COMMAND CERTDIR KEY_ALGO altnames alias"') == 1
    assert re.findall(r"^# Left out: (.*)$", text, re.M) == [
        "sudo -E /bin/true", "sudo -s", "no-such-program-of-ours", "/bin/echo ", "sudo",
    ]  # fmt: skip
    # A daemon that is root needs no sudo to become somebody; root's own `sudo` neither.
    assert list(rules(sudoers_of(client, tmp_path, "--user", "root"))) == [("odoo", "root")]
    assert list(rules(sudoers_of(client, tmp_path, "more", "--user", "evercert"))) == [("evercert", "mail")]
    assert rules(sudoers_of(client, tmp_path, "more", "--user", "mail")) == {}


def test_sudo_takes_the_rules(evercert, pebble, tmp_path, open_folder):
    """sudo itself, with the fragment as its only rules: evercert runs the steps as somebody else, with their variables;
    other words are refused."""
    if os.geteuid() != 0:
        return  # visudo takes them, as above; only root can lend sudo a rule
    nobody, whom = pwd.getpwuid(65534), pwd.getpwuid(1).pw_name
    hook = open_folder / "hook"
    hook.write_text('#!/bin/sh\nprintf "[%s]" "$(id -un)" "$EVERCERT_NAME" "$RENEWED_DOMAINS" "$MINE" "$@"\n')
    hook.chmod(0o755)
    steps = [
        {"run": [str(hook), *ODD], "user": whom, "env": {"MINE": "x"}},
        {"run": ["sudo", "-n", "-u", whom, "--", str(hook)]},
        {"run": [str(hook), "post"], "user": whom, "dialect": "dehydrated"},
    ]
    ca, rules_folder = pebble(), open_folder / "sudoers.d"
    rules_folder.mkdir(mode=0o750)
    # The rules are there for what is started through this alone.
    private = ["unshare", "--mount", "sh", "-c", f'mount --bind {rules_folder} /etc/sudoers.d && exec "$@"', "sh",
               "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]  # fmt: skip
    (open_folder / "root.pem").write_bytes(pathlib.Path(ca.ca_file).read_bytes())
    authorities = {"test": {"directory": ca.url, "ca-file": str(open_folder / "root.pem")}}
    config = {"certificates": [{"domains": NAMES, "deploy": steps}], "authorities": authorities}
    client = evercert(ca, folder=open_folder / "evercert", config=config, through=private)
    for path in (client.folder, client.sockets, client.config_file, client.log):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    text = sudoers_of(client, tmp_path)  # for whoever runs the command, when that is not root
    assert set(rules(text)) == {(nobody.pw_name, whom)}
    (rules_folder / "evercert").touch(mode=0o440)
    (rules_folder / "evercert").write_text(text)
    client.renew()
    (entry,) = [row for row in client.log_rows("a.example") if row["event"] == "deployed"]
    said = f"[{whom}][a.example][a.example www.a.example]"
    output = json.dumps(entry, ensure_ascii=False)
    assert json.dumps(f"{said}[x]" + "".join(f"[{word}]" for word in ODD), ensure_ascii=False)[1:-1] in output
    assert f"{said}[]" in output and f"{said}[][post][deploy_cert][a.example][" in output

    def sudo(*words):
        argv = [*private, "sudo", "-n", "-u", whom, "--", str(hook), *words]
        return subprocess.run(argv, capture_output=True, timeout=30).returncode

    assert (sudo(*ODD), sudo()) == (0, 0)
    for others in (ODD[:-1], [*ODD, "more"], ["a,b:c=d", "x y", "back\\slash", "any", *ODD[4:]], ["other"]):
        assert sudo(*others) == 1


# systemd and cron


def unit(text):
    """{section: [(key, value)]}; every line is a comment, a section, or a setting."""
    sections, now = {}, None
    for line in text.splitlines():
        if line.startswith("["):
            now = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals and now is not None and re.fullmatch(r"[A-Z][A-Za-z0-9]*", key), line
            now.append((key, value))
    return sections


def verified(folder, **units):
    """By systemd itself, where it is: script/setup does not install it."""
    for name, text in units.items():
        # Its program is not installed where it will be, only built.
        built = text.replace(str(installed()), str(binary()))
        (folder / name.replace("_", ".")).write_text(built)
    program = shutil.which("systemd-analyze")
    if program:
        files = [str(folder / name.replace("_", ".")) for name in units]
        done = subprocess.run([program, "verify", "--man=no", *files], capture_output=True, text=True, timeout=60)
        about_these = [line for line in done.stderr.splitlines() if str(folder) in line]
        assert done.returncode == 0 and not about_these, done.stderr


def installed():
    options = json.loads((build_folder() / "meson-info/intro-buildoptions.json").read_text())
    prefix, bindir = (next(row["value"] for row in options if row["name"] == name) for name in ("prefix", "bindir"))
    return pathlib.Path(prefix, bindir, "evercert")


def test_systemd(evercert, tmp_path):
    client = evercert()
    options = f"-c {client.config_file} --state {client.state}"
    text = snippet(client, "systemd")
    # With the defaults it would be the unit that is installed.
    real = (build_folder() / "packaging/evercert.service").read_text()
    assert text == real.replace("/evercert run", f"/evercert {options} run")
    client.config_file.unlink()
    default = subprocess.run(
        [binary(), "snippet", "systemd", "--state", "/var/lib/evercert"], env=client.environment(), capture_output=True, text=True
    )
    assert default.stdout == real
    client.write_config()
    service, timer = parts(snippet(client, "systemd", "--form", "timer"))
    verified(tmp_path, evercert_service=text, **{"evercert-renew_service": service, "evercert-renew_timer": timer})
    settings = dict(unit(service)["Service"])
    assert settings["Type"] == "oneshot" and settings["ExecStart"] == f"{installed()} {options} renew"
    # It must not take the daemon's runtime directory away when it ends, and tells no watchdog; all else of the daemon's
    # confinement holds.
    daemon = dict(unit(text)["Service"])
    own = {"Type", "NotifyAccess", "ExecStart", "ExecReload", "Restart", "RestartSec", "RuntimeDirectory", "WatchdogSec"}
    assert {key: value for key, value in daemon.items() if key not in own}.items() <= settings.items()
    assert "RuntimeDirectory" not in settings
    when = dict(unit(timer)["Timer"])
    assert re.fullmatch(r"\*-\*-\* ([1-9]|1[01]),(1[3-9]|2[0-3]):([1-9]|[1-5]\d):00", when["OnCalendar"])
    assert when["RandomizedDelaySec"] == "1h" and when["Persistent"] == "yes"


def test_cron(evercert):
    client = evercert()
    lines = [line for line in snippet(client, "cron").splitlines() if not line.startswith("#")]
    assert lines[0] == "MAILTO=root" and len(lines) == 2
    minute, hours, *rest = lines[1].split(None, 6)
    assert 1 <= int(minute) <= 59
    first, second = map(int, hours.split(","))
    assert 1 <= first <= 11 and second == first + 12
    command = f"{installed()} -q -c {client.config_file} --state {client.state} renew"
    assert rest == ["*", "*", "*", "root", command]
    # The same in a user's table, at the same minute, and it is a command that works.
    own = snippet(client, "cron", "--form", "crontab").splitlines()[-1]
    assert own == f"{minute} {hours} * * * {command}"
    words = ["/bin/sh", "-c", command.replace(str(installed()), str(binary()))]
    assert subprocess.run(words, env=client.environment(), capture_output=True, timeout=60).returncode == DONE


# Words, choices, configurations that are not as usual


@pytest.mark.parametrize(
    "words, said",
    [
        ([], "SERVER [CERT]... is missing"),
        (["ngnix"], "unknown server ngnix (did you mean nginx?): " + ", ".join(SERVERS)),
        (["nginx", "--form", "webrot"], "(did you mean webroot?): webroot, proxy, redirect, return, upstream, "),
        (["nginx", "a.exmple"], "unknown certificate a.exmple (did you mean a.example?): a.example, other"),
        (["nginx", "-d", "ww.a.example"], "unknown name ww.a.example (did you mean www.a.example?): a.example, "),
        (["nginx", "-d", "a b"], "-d a b: "),
        (["nginx", "--user", "x"], "--user is for sudoers"),
        (["cron", "a.example"], "cron is for all certificates; name none"),
    ],
)
def test_wrong_words(evercert, words, said):
    client = evercert(config={"certificates": [{"domains": NAMES}, {"name": "other", "domains": ["b.example"]}]})
    done = client.run("snippet", *words, status=USAGE)
    assert done.stdout == "" and said in done.stderr


def test_a_bad_configuration(evercert):
    client = evercert(config={"certificates": [{"domain": NAMES}]})
    assert "certificates[0].domain: unknown key" in client.run("snippet", "nginx", status=USAGE).stderr


def test_every_form_of_every_server(evercert):
    """With several certificates, with one, and with none: no template lacks a value, and no line is left of it."""
    certificates = [
        {"domains": ["a.example", "b.example", "192.0.2.7", "2001:db8::7"], "key-type": ["ecdsa-p256", "rsa-2048"]},
        {"domains": ["c.example"], "webroot": "/srv/c"},
        {"domains": ["d.example"], "challenge": "tls-alpn-01"},
    ]
    for more in (certificates, certificates[1:2], certificates[2:], []):
        client = evercert(config={"certificates": more})
        for server in SERVERS:
            for form in forms(client, server):
                text = snippet(client, server, "--form", form)
                assert text and not re.search(r"@[a-z_ !]+@", text) and "\n\n\n" not in text
                if server not in ("sudoers", "systemd", "cron"):
                    assert ("example.com stands for your names" in text) == (not more)


def test_what_is_not_in_the_configuration(evercert, pebble, open_folder):
    client = evercert(pebble())
    # Nothing yet: the fragment is needed before the first certificate.
    assert "/live/new.example/fullchain.pem" in snippet(client, "nginx", "--form", "certificate", "-d", "new.example")
    assert "with -d NAME" in client.run("snippet", "nginx", "new.example", status=USAGE).stderr
    client.issue("b.example", name="mine")
    assert f"crt {client.state}/live/mine/combined.pem\n" in snippet(client, "haproxy", "mine", "--form", "certificate")
    answer = json.loads(snippet(client, "haproxy", "mine", "--form", "crt-list", "--json"))
    assert (answer["server"], answer["forms"]) == ("haproxy", ["crt-list"]) and "/live/mine/combined.pem" in answer["text"]


def test_where_the_responder_has_the_port_of_the_server(evercert):
    """A server can't pass on to an address that is its own: another is proposed."""
    for listen in (["[::]:80", "0.0.0.0:80"], [":80"], ["127.0.0.1:80"]):
        text = snippet(evercert(listen=listen), "nginx")
        assert 'http-01: {listen: "127.0.0.1:8402"}' in text and "proxy_pass http://127.0.0.1:8402;" in text
    for listen, reached in (
        (["0.0.0.0:80", "[::]:8402"], "[::1]:8402"),
        (["[::1]:8402", "0.0.0.0:8403"], "127.0.0.1:8403"),
        ([":8404"], "127.0.0.1:8404"),
        (["192.0.2.9:80"], "192.0.2.9:80"),
    ):
        text = snippet(evercert(listen=listen), "nginx")
        assert f"proxy_pass http://{reached};" in text and "http-01:" not in text


@pytest.mark.parametrize("character", list("\"'$\\`%{}"))
def test_paths_that_a_server_would_read_otherwise(evercert, character):
    config = {"certificates": [{"domains": NAMES, "webroot": f"/srv/x{character}y"}]}
    client = evercert(config=config)
    said = client.run("snippet", "nginx", status=FAILED).stderr
    assert f"/srv/x{character}y: configurations of servers take '{character}' for more than itself" in said


def test_too_many_for_a_line_of_haproxy(evercert, haproxy):
    certificates = [{"name": f"cert{n}", "domains": [f"c{n}.example"]} for n in range(40)]
    client = evercert(config={"certificates": certificates})
    assert "--form crt-list" in client.run("snippet", "haproxy", "--form", "certificate", status=FAILED).stderr
    assert len(re.findall("^/.*combined.pem c\\d+.example$", parts(snippet(client, "haproxy", "--form", "crt-list"))[0], re.M)) == 40


# Examples


def test_examples_are_what_the_command_prints(evercert):
    """examples/SERVER/FORM.* is every form for the configuration of examples/web-servers.yaml."""
    found = sorted(path for path in EXAMPLES.glob("*/*") if path.parent.name in SERVERS)
    client = evercert()
    web = {(server, form) for server in SERVERS[:6] for form in forms(client, server)}
    assert web == {(path.parent.name, path.stem) for path in found}
    environment = client.environment()
    for path in found:
        argv = [binary(), "-c", EXAMPLES / "web-servers.yaml", "--state", "/var/lib/evercert", "snippet", path.parent.name]
        done = subprocess.run([*argv, "--form", path.stem], env=environment, capture_output=True, text=True, timeout=30)
        assert done.stdout == path.read_text(), path
