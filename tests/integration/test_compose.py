"""examples/compose: each example is brought up by docker-compose and does what it says (see tests/lib/compose.py for what is
changed in a copy of it so that it runs here)."""

import json

import moved_from
import pytest
from certificates import read_chain
from compose import ROOT, Example
from docker_engine import UnixConnection
from ports import free_port
from processes import wait_until


@pytest.fixture
def example(docker_engine, open_folder, pebble):
    def make(name):
        return Example(docker_engine, open_folder, name, pebble(), free_port())

    return make


def applications(one, *services):
    """Stand-ins for these services; returns {service: port}."""
    ports = {service: free_port() for service in services}
    for service, port in ports.items():
        one.application(service, port)
    return ports


def in_force(one, name):
    """The fingerprint of the certificate that is served, once it is one in force: for a moment after a reload an old
    worker of nginx may answer with the one before."""
    live = {row["fingerprint"] for row in json.loads(one.evercert("list", "--json"))}

    def served():
        fingerprint = one.wait_get(name)[1].fingerprint
        return fingerprint if fingerprint in live else None

    return wait_until(served, f"{name} with a certificate in force", 20)


def renewed(one, name, *others):
    """A renewal by command is served by nginx, and leaves the others alone."""
    before = {each: in_force(one, each) for each in (name, *others)}
    one.evercert("renew", "--force", name)
    assert one.wait_get(name, but=before[name])[1].names == [name]
    assert {each: in_force(one, each) for each in others} == {each: before[each] for each in others}


def test_webroot(example):
    """nginx starts before there is a certificate, serves both applications over https when there is, and a renewal is
    served without anybody's doing."""
    one = example("webroot")
    ports = applications(one, "shop", "blog")
    one.settings()
    one.ports("nginx/conf.d/default.conf")
    for service, port in ports.items():
        one.ports(f"nginx/https/{service}.conf")
        one.edit(f"nginx/https/{service}.conf", upstream=(f"http://{service}:8080", f"http://{service}:{port}"))
    one.up()
    for service in ports:
        name = f"{service}.example.com"
        assert one.wait_get(name)[0] == f"{service} {name} https"
        one.wait_redirect(name)
    renewed(one, "shop.example.com", "blog.example.com")
    asked = one.evercert("containers")
    assert "shop.example.com" in asked and "blog.example.com" in asked
    one.down()


TEMPLATE = "examples/templates/nginx-sites.conf.tmpl"


def own_template(one):
    """The template of the image with nginx's ports of this test, in its place."""
    file = one.folder / "nginx-sites.conf.tmpl"
    text = (ROOT / TEMPLATE).read_text()
    listens = 'local http, https = {"80", "[::]:80"}, {"443 ssl", "[::]:443 ssl"}'
    assert text.count(listens) == 1
    ours = f'local http, https = {{"127.0.0.1:{one.http_port}"}}, {{"127.0.0.1:{one.https_port} ssl"}}'
    file.write_text(text.replace(listens, ours))
    source = f"/usr/local/share/doc/evercert/{TEMPLATE}"
    assert source in (one.folder / "evercert/evercert.yaml").read_text()
    one.services["evercert"]["volumes"].append(f"{file}:{source}:ro")


def test_template(example):
    """Applications with labels only are served over https; another one that comes up is, too, and one that goes is not any
    more. nginx checks each configuration, and loads renewed certificates."""
    one = example("template")
    ports = applications(one, "shop", "blog")
    one.settings()
    one.ports("nginx.conf")
    own_template(one)
    for service, port in ports.items():
        one.services[service]["environment"] = {"VIRTUAL_PORT": str(port)}  # in the host's network it exposes none
    one.up()
    made = one.evercert("template", "render", f"/usr/local/share/doc/evercert/{TEMPLATE}")
    assert "server_name shop.example.com;" in made
    for service, name in (("shop", "shop.example.com"), ("shop", "www.shop.example.com"), ("blog", "blog.example.com")):
        assert one.wait_get(name)[0] == f"{service} {name} https"
        one.wait_redirect(name)

    ports.update(third=free_port())
    one.services["third"] = {"labels": {"evercert.domains": "third.example.com"}}
    one.services["third"]["environment"] = {"VIRTUAL_PORT": str(ports["third"])}
    one.application("third", ports["third"])
    one.up("third")
    assert one.wait_get("third.example.com")[0] == "third third.example.com https"
    renewed(one, "blog.example.com", "shop.example.com")

    one.engine.rm(one.container("third"))
    del one.services["third"]
    sites = one.volume("sites") / "sites.conf"
    wait_until(lambda: "third" not in sites.read_text(), "the configuration without what is gone", 30)

    # Whatever labels say, nginx goes on; a restart asks for nothing that is there.
    orders = one.pebble.request_counts()["POST /order-plz"]
    labels = {"evercert.domains": "evil.example.com; } server { listen 1; server_name x"}
    one.engine.run("busybox", "sleep", "1000", labels={**labels, "com.docker.compose.project": one.name})
    wait_until(lambda: "evil.example.com" in sites.read_text(), "the label to be seen", 30)
    one.evercert("containers")
    one.engine.restart_container(one.container("evercert"))
    wait_until(lambda: one.log().count("ready, ") == 2, "evercert to be ready again", 30)
    wait_until(lambda: one.log().count(" containers\n") == 2, "evercert to know the containers again", 30)
    assert one.pebble.request_counts()["POST /order-plz"] == orders
    assert one.get("shop.example.com")[0] == "shop shop.example.com https"
    assert one.log("nginx").count("[emerg]") == 0
    for row in one.engine.containers(ancestor=["busybox"]):
        one.engine.rm(row["Id"])
    one.down()


def test_moved_from_certbot(example, tmp_path):
    """As docs/containers.md says: what certbot has is imported, the file that the import wrote is taken away, and from then on
    the labels are enough. Nothing is issued again; a renewal is served."""
    one = example("template")
    ports = applications(one, "shop", "blog")
    one.settings()
    one.ports("nginx.conf")
    own_template(one)
    for service, port in ports.items():
        one.services[service]["environment"] = {"VIRTUAL_PORT": str(port)}
    names = ("shop.example.com", "www.shop.example.com")
    config = moved_from.certbot(tmp_path, one.pebble, *names)
    old = read_chain(config / "live/shop.example.com/cert.pem")[0]
    one.write()
    orders = one.pebble.request_counts()["POST /order-plz"]
    words = ("evercert", "import", "certbot", "/etc/letsencrypt")
    one.compose("run", "--rm", "-v", f"{config}:/etc/letsencrypt:ro", *words)
    imported = one.folder / "evercert/evercert.d/imported-certbot.yaml"
    assert "shop.example.com" in imported.read_text()
    imported.unlink()
    one.up()
    assert one.wait_get("blog.example.com")[0] == "blog blog.example.com https"
    text, leaf = one.wait_get("www.shop.example.com")
    assert text == "shop www.shop.example.com https" and leaf.fingerprint == old.fingerprint
    assert one.pebble.request_counts()["POST /order-plz"] == orders + 1, "one for blog.example.com"
    shown = json.loads(one.evercert("list", "--json"))
    assert {row["name"]: row["source"] for row in shown} == {"shop.example.com": "label", "blog.example.com": "label"}
    one.evercert("renew", "--force", "shop.example.com")
    assert one.wait_get("shop.example.com", but=old.fingerprint)[1].names == sorted(names)
    one.down()


# Stands in for docker-gen in nginx-proxy: makes what its template would for the two hosts.
DOCKER_GEN = """\
test "$1" = /app/nginx.tmpl && test "$2" = /etc/nginx/conf.d/default.conf || exit 1
for one in {hosts}; do
    host=${{one%=*}} port=${{one#*=}}
    echo "server {{ listen 127.0.0.1:{http}; server_name $host;"
    echo "location ^~ /.well-known/acme-challenge/ {{ root /usr/share/nginx/html; default_type text/plain; }}"
    pages="location / {{ proxy_pass http://127.0.0.1:$port; proxy_set_header Host \\$http_host;"
    pages="$pages proxy_set_header X-Forwarded-Proto \\$scheme; }} }}"
    if test -e /etc/nginx/certs/$host.crt; then
        echo "location / {{ return 301 https://\\$host\\$request_uri; }} }}"
        echo "server {{ listen 127.0.0.1:{https} ssl; server_name $host;"
        echo "ssl_certificate /etc/nginx/certs/$host.crt; ssl_certificate_key /etc/nginx/certs/$host.key;"
        test -e /etc/nginx/certs/$host.chain.pem || exit 1
    fi
    echo "$pages"
done >$2
"""


def nginx_proxy(one, ports):
    """The service nginx-proxy by nginx and a stand-in for docker-gen."""
    hosts = " ".join(f"{service}.example.com={port}" for service, port in ports.items())
    file = one.folder / "docker-gen"
    file.write_text("#!/bin/sh\n" + DOCKER_GEN.format(hosts=hosts, http=one.http_port, https=one.https_port))
    file.chmod(0o755)
    generate = "docker-gen /app/nginx.tmpl /etc/nginx/conf.d/default.conf"
    proxy = one.services["nginx-proxy"]
    assert generate in (one.folder / "evercert/evercert.yaml").read_text()
    proxy.update(image="nginx", command=["sh", "-c", f"{generate} && exec nginx -g 'daemon off;'"])
    proxy["volumes"].append(f"{file}:/usr/local/bin/docker-gen:ro")


def home_of_acme_sh(one, folder, name):
    """What acme-companion leaves in its volume of acme.sh, with lego's account and key."""
    email = "lego@b.example"
    home = one.volume("acme") / email
    server, _, path = one.pebble.url.removeprefix("https://").partition("/")
    ca, own = home / "ca" / server.partition(":")[0] / path, home / name
    ca.mkdir(parents=True)
    own.mkdir()
    account = json.loads(next(folder.glob("accounts/*/*/account.json")).read_text())
    key = next(folder.glob("accounts/*/*/keys/*.key")).read_text()
    (ca / "account.key").write_text(key)
    (ca / "account.json").write_text(json.dumps({"contact": [f"mailto:{email}"]}))
    (ca / "ca.conf").write_text(f"ACCOUNT_URL='{account['registration']['uri']}'\nCA_EMAIL='{email}'\n")
    for target, source in ((f"{name}.key", f"{name}.key"), ("fullchain.cer", f"{name}.crt")):
        (own / target).write_text((folder / "certificates" / source).read_text())
    (own / f"{name}.conf").write_text(
        f"Le_Domain='{name}'\nLe_Alt='no'\nLe_Webroot='/usr/share/nginx/html'\nLe_Keylength='ec-256'\n"
        f"Le_API='{one.pebble.url}'\nLe_RealKeyPath='/etc/nginx/certs/{name}/key.pem'\n"
        f"Le_RealFullChainPath='/etc/nginx/certs/{name}/fullchain.pem'\n"
    )


def left_by_companion(one, folder, name):
    """What acme-companion leaves in its two volumes, with a certificate that another client got."""
    moved_from.lego(folder, one.pebble, name)
    home_of_acme_sh(one, folder, name)
    got = folder / "certificates"
    certs = one.volume("certs")
    own = certs / name
    own.mkdir()
    (own / ".companion").touch()
    full, chain = (got / f"{name}.crt").read_text(), (got / f"{name}.issuer.crt").read_text()
    assert full.endswith(chain)
    texts = {"fullchain": full, "chain": chain, "cert": full.removesuffix(chain), "key": (got / f"{name}.key").read_text()}
    for part, text in texts.items():
        (own / f"{part}.pem").write_text(text)
    (own / "key.pem").chmod(0o600)
    for suffix, part in ((".crt", "fullchain"), (".key", "key"), (".chain.pem", "chain")):
        (certs / f"{name}{suffix}").symlink_to(f"./{name}/{part}.pem")
    return read_chain(own / "fullchain.pem")[0]


def test_acme_companion(example, tmp_path):
    """In acme-companion's place: its variables are read, its files are kept up to date, nginx-proxy makes its configuration
    anew. A certificate that was there is moved in and not issued again."""
    one = example("acme-companion")
    ports = applications(one, "shop", "blog")
    one.settings()
    nginx_proxy(one, ports)
    old = left_by_companion(one, tmp_path / "lego", "blog.example.com")
    one.write()
    orders = one.pebble.request_counts()["POST /order-plz"]
    one.compose("run", "--rm", "evercert", "import", "companion", "/etc/nginx", "--publish-in-place")
    one.up()
    for service in ports:
        name = f"{service}.example.com"
        assert one.wait_get(name)[0] == f"{service} {name} https"
        one.wait_redirect(name)
    assert one.get("blog.example.com")[1].fingerprint == old.fingerprint
    assert one.pebble.request_counts()["POST /order-plz"] == orders + 1, "one for shop.example.com"
    renewed(one, "blog.example.com", "shop.example.com")
    renewed(one, "shop.example.com", "blog.example.com")
    one.down()


def test_odoo(example):
    """One certificate for two names of one Odoo, which sees the name that was asked for; challenges go through nginx to
    evercert. (Odoo itself is a stand-in here that answers with the name, and there is no database.)"""
    one = example("odoo")
    port = free_port()
    one.application("odoo", port)
    one.services["db"].update(image="busybox", command=["sleep", "1000"])
    responder = free_port()
    one.edit("evercert/evercert.yaml", listen=("0.0.0.0:8402", f"127.0.0.1:{responder}"))
    one.settings()
    one.ports("nginx/conf.d/default.conf", "nginx/https/odoo.conf")
    one.edit("nginx/conf.d/default.conf", responder=("set $evercert evercert:8402", f"set $evercert 127.0.0.1:{responder}"))
    one.edit("nginx/https/odoo.conf", pages=("http://odoo:8069", f"http://odoo:{port}"))
    one.up()
    for name in ("erp.example.com", "shop.example.com"):
        text, leaf = one.wait_get(name)
        assert text == f"odoo {name} https" and leaf.names == ["erp.example.com", "shop.example.com"]
        one.wait_redirect(name)
    listed = one.engine.exec(one.container("nginx"), "ls", "/var/lib/odoo/letsencrypt")
    assert listed.split() == ["domain.crt", "domain.key"]
    before = one.get("erp.example.com")[1].fingerprint
    one.evercert("renew", "--force", "domain")
    one.wait_get("erp.example.com", but=before)
    one.down()


def through(path, method, target):
    """The status of a request to an engine's socket."""
    connection = UnixConnection(path, 10)
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


REFUSED = [
    ("GET", "/images/json"),
    ("GET", "/v1.41/containers/json/../../images/json"),
    ("GET", "/v1.41/containers/x%2F..%2F..%2Fimages/json"),
    ("GET", "/v1.41/containers/{id}/archive?path=/etc/passwd"),
    ("GET", "/v1.41/containers/{id}/logs?stdout=1"),
    ("POST", "/v1.41/containers/create"),
    ("POST", "/v1.41/containers/{id}/stop"),
    ("POST", "/v1.41/containers/{id}/update"),
    ("DELETE", "/v1.41/containers/{id}?force=1"),
    ("PUT", "/v1.41/containers/{id}/archive?path=/"),
    ("GET", "/v1.41/secrets"),
    ("POST", "/v1.41/build"),
]


def test_socket_proxy(example):
    """Behind the proxy evercert gets a certificate for a container, tells it with a signal and by a command in it, and
    everything that is not listed is refused."""
    one = example("socket-proxy")
    proxy = one.services["socket-proxy"]
    assert proxy["network_mode"] == "none"
    actions = {"say": {"exec": ["sh", "-c", "echo told >/tmp/told"]}}
    one.settings(more={"http-01": {"listen": f"127.0.0.1:{one.http_port}"}, "actions": actions})
    trap = "trap 'echo got HUP' HUP; while :; do sleep 0.1; done"
    for name, change in (("signalled", "signal:HUP"), ("commanded", "action:say")):
        labels = {"evercert.domains": f"{name}.example.com", "evercert.on-change": change}
        one.services[name] = {"image": "busybox", "command": ["sh", "-c", trap.replace("$", "$$")], "labels": labels}
    one.up()
    one.engine.wait_log(one.container("signalled"), "got HUP", 60)
    told = ("cat", "/tmp/told")
    commanded = one.container("commanded")
    wait_until(lambda: one.engine.exec(commanded, *told, check=False)[0] == 0, "the command in the container", 60)
    path = one.volume("socket") / "docker.sock"
    assert through(path, "GET", "/v1.41/containers/json?all=1") == 200
    for method, target in REFUSED:
        assert through(path, method, target.format(id=commanded)) == 403, f"{method} {target}"
    assert one.engine.inspect(commanded)["State"]["Running"]
    one.down()
