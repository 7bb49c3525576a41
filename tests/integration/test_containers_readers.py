"""Everything that a container can say, through the daemon to the certificate: the options of evercert's own labels, the
variables of acme-companion, the labels of Traefik and caddy-docker-proxy; and what the policy makes of it."""

import json
import time

import pytest
from bind import Bind
from name_server import Key

from processes import wait_until

SLEEPER = ("sh", "-c", "trap 'exit 0' TERM; echo started; while :; do sleep 0.1; done")
EVERYTHING = [{"allow": ["*"]}]


class Host:
    """A daemon that watches an engine; its containers are named as tests say."""

    def __init__(self, evercert, engine, ca):
        self.evercert, self.engine, self.ca = evercert, engine, ca

    def configure(self, policy=EVERYTHING, readers=None, **more):
        docker = {"socket": self.engine.host, "policy": policy, "wait": "100ms..1s"}
        self.evercert.write_config({"docker": {**docker, **({"readers": readers} if readers else {})}, **more})

    def start(self, **more):
        self.configure(**more)
        self.evercert.run_daemon()

    def run(self, name, labels=None, env=None, **more):
        container = self.engine.run("busybox", *SLEEPER, name=name, labels=labels, env=env, **more)
        self.engine.wait_running(container)
        return container

    def rows(self, kind):
        rows = json.loads(self.evercert.run("containers", "--json", status=None).stdout or "[]")
        return [row for row in rows if row["kind"] == kind]

    def wait_claims(self, container, number=1):
        """The claims of a container, once there are that many and none is undecided."""

        def found():
            rows = [row for row in self.rows("claim") if row["container"] == container]
            return rows if len(rows) == number and all(row["state"] in ("granted", "refused") for row in rows) else None

        return wait_until(found, f"{number} claims of {container}; the log:\n{self.evercert.text()[-3000:]}", 30)

    def wait_refused(self, container):
        (row,) = self.wait_claims(container)
        assert row["state"] == "refused" and row["certificate"] is None, row
        return row["reason"]

    def names(self):
        return {row["name"] for row in self.evercert.list()}


@pytest.fixture
def host(evercert, docker_engine, pebble):
    ca = pebble()
    return Host(evercert(pebble=ca), docker_engine, ca)


# --- evercert's own labels ---


def test_options_reach_the_certificate(evercert, docker_engine, pebble):
    """Name, types of key, profile and challenge, of the label and of the certificate."""
    ca = pebble("2.10", profiles={"default": "for tests", "shortlived": "for tests"})
    host = Host(evercert(pebble=ca), docker_engine, ca)
    host.start()
    labels = {
        "evercert.domains": "a.example b.example",
        "evercert.name": "pair",
        "evercert.key-type": "rsa-2048,ecdsa-p384",
        "evercert.profile": "shortlived",
        "evercert.challenge": "tls-alpn-01",
    }
    host.run("web", labels)
    row = host.evercert.wait_valid("pair")
    assert row["profile"] == "shortlived" and row["challenge"] == "tls-alpn-01", row
    shown = host.evercert.show("pair")
    assert {"rsa-2048", "ecdsa-p384"} <= set(json.dumps(shown).replace('"', " ").replace(",", " ").split()), shown
    assert host.evercert.leaf("pair").names == ["a.example", "b.example"]


def test_staging_is_the_staging_directory(evercert, docker_engine, pebble):
    """Of the label, and of acme-companion's variable: the other directory is never asked for an order."""
    ca, staging = pebble(), pebble()
    host = Host(evercert(pebble=ca), docker_engine, ca)
    listen = [f"127.0.0.1:{port}" for port in (ca.http_port, staging.http_port)]
    known = {"directory": ca.url, "staging": staging.url, "ca-file": str(ca.ca_file)}
    host.start(authorities={"test": known}, **{"http-01": {"listen": listen}})
    host.run("label", {"evercert.domains": "a.example", "evercert.staging": "true"})
    host.run("variable", env={"LETSENCRYPT_HOST": "b.example", "LETSENCRYPT_TEST": "true"})
    for name in ("a.example", "b.example"):
        host.evercert.wait_valid(name)
    assert staging.request_counts().get("POST /order-plz") == 2
    assert "POST /order-plz" not in ca.request_counts()


def test_staging_of_an_authority_without_one_is_refused(host):
    """And says what to write; nothing is asked of the real directory instead."""
    host.start()
    host.run("web", {"evercert.domains": "a.example", "evercert.staging": "true"})
    assert "authorities.test.staging" in host.wait_refused("web")
    assert host.names() == set() and "POST /order-plz" not in host.ca.request_counts()


def test_an_authority_must_be_allowed(evercert, docker_engine, pebble):
    """By name, and by the URL that acme-companion's variable has."""
    ca, other = pebble(), pebble()
    host = Host(evercert(pebble=ca), docker_engine, ca)
    listen = [f"127.0.0.1:{port}" for port in (ca.http_port, other.http_port)]
    known = {"test": {"directory": ca.url, "ca-file": str(ca.ca_file)}}
    known["other"] = {"directory": other.url, "ca-file": str(other.ca_file)}
    policy = [{"allow": ["poor.example"]}, {"allow": ["rich.example"], "authority": ["test", "other"]}]
    host.start(policy=policy, authorities=known, **{"http-01": {"listen": listen}})
    host.run("poor", {"evercert.domains": "a.poor.example", "evercert.authority": "other"})
    host.run("rich", {"evercert.domains": "a.rich.example", "evercert.authority": "other"})
    host.run("url", env={"ACME_HOST": "b.rich.example", "ACME_CA_URI": other.url})
    host.run("unknown", env={"ACME_HOST": "c.rich.example", "ACME_CA_URI": "https://elsewhere.example/dir"})
    for name in ("a.rich.example", "b.rich.example"):
        assert host.evercert.wait_valid(name)["authority"] == "other"
    assert "authority" in host.wait_refused("poor")
    host.wait_refused("unknown")
    assert other.request_counts().get("POST /order-plz") == 2


def test_a_wildcard_by_dns(evercert, docker_engine, pebble, processes, tmp_path):
    """evercert.dns names an entry of the configuration, one that the policy lets the container use."""
    key = Key("client")
    server = Bind(processes, tmp_path / "bind")
    server.zone("good.example", key=key)
    server.start()
    ca = pebble(resolver=server.text)
    host = Host(evercert(pebble=ca), docker_engine, ca)
    entry = {
        "provider": "rfc2136",
        "server": server.text,
        "key-name": key.name,
        "key-algorithm": key.algorithm,
        "key-secret": key.secret,
        "ttl": 1,
        "propagation": {"nameservers": [server.text]},
    }
    host.start(
        policy=[{"allow": ["good.example"], "dns": ["bind"]}],
        dns={"bind": entry, "secret": entry},
        propagation={"resolvers": [server.text], "timeout": "20s"},
    )
    host.run("web", {"evercert.domains": "*.good.example", "evercert.dns": "bind", "evercert.challenge": "dns-01"})
    host.run("thief", {"evercert.domains": "x.good.example", "evercert.dns": "secret", "evercert.challenge": "dns-01"})
    host.run("typo", {"evercert.domains": "y.good.example", "evercert.dns": "bnd", "evercert.challenge": "dns-01"})
    host.evercert.wait_valid("good.example", 60)
    assert host.evercert.leaf("good.example").names == ["*.good.example"]
    assert "secret" in host.wait_refused("thief") and "bnd" in host.wait_refused("typo")


# --- the others' words ---


@pytest.mark.parametrize("spelling", ["ACME", "LETSENCRYPT"])
def test_variables_of_acme_companion(host, spelling):
    """Names, key and restart, in both spellings; what is no option of a container is shown and holds nothing up."""
    host.start()
    env = {
        f"{spelling}_HOST": "a.example,b.example",
        f"{spelling}_KEYSIZE": "ec-384",
        f"{spelling}_RESTART_CONTAINER": "true",
        "ACME_PRE_HOOK": "touch /tmp/evercert-was-here",
        "ACMESH_DNS_API_CONFIG": "{'DNS_API': 'dns_cf', 'CF_Key': 'hush-hush'}",
    }
    container = host.run("web", env=env)
    began = host.engine.inspect(container)["State"]["StartedAt"]
    row = host.evercert.wait_valid("a.example")
    assert row["key_type"] == "ecdsa-p384"
    assert host.evercert.leaf("a.example").names == ["a.example", "b.example"]
    wait_until(lambda: host.engine.inspect(container)["State"]["StartedAt"] != began, "the restart", 30)
    host.engine.wait_running(container)
    wait_until(lambda: len(host.rows("problem")) == 2, "what is wrong with it to be shown again", 20)
    problems = {row["key"]: row["reason"] for row in host.rows("problem")}
    assert {*problems} == {"ACME_PRE_HOOK", "ACMESH_DNS_API_CONFIG"}
    assert "evercert.dns" in problems["ACMESH_DNS_API_CONFIG"]
    assert "hush-hush" not in host.evercert.text() + json.dumps(problems)
    (claim,) = host.wait_claims("web")
    assert (claim["reader"], claim["key"]) == ("companion", f"{spelling}_HOST")


def test_a_certificate_for_each_name(host):
    host.start()
    host.run("web", env={"LETSENCRYPT_HOST": "a.example, b.example,", "LETSENCRYPT_SINGLE_DOMAIN_CERTS": "true"})
    for name in ("a.example", "b.example"):
        host.evercert.wait_valid(name)
        assert host.evercert.leaf(name).names == [name]


def test_routers_of_traefik(host):
    """Rules of http and tcp, domains that are said, and what asks for nothing."""
    host.start()
    web = {
        "traefik.http.routers.web.rule": "(Host(`a.example`) || Host(\"b.example\", `c.example`)) && !Host(`no.example`)",
        "traefik.http.routers.web.tls": "true",
        "traefik.http.routers.plain.rule": "Host(`plain.example`)",
        "traefik.tcp.routers.mail.rule": "HostSNI(`mail.example`)",
        "traefik.tcp.routers.mail.tls.certresolver": "le",
        "traefik.tcp.routers.through.rule": "HostSNI(`through.example`)",
        "traefik.tcp.routers.through.tls.passthrough": "true",
    }
    host.run("web", web)
    said = {
        "traefik.http.routers.shop.rule": "Host(`ignored.example`)",
        "traefik.http.routers.shop.tls.domains[0].main": "shop.example",
        "traefik.http.routers.shop.tls.domains[0].sans": "www.shop.example,pay.shop.example",
        "traefik.http.routers.shop.tls.domains[1].main": "second.example",
    }
    host.run("shop", said)
    host.run("off", {**said, "traefik.enable": "false", "traefik.http.routers.shop.tls.domains[0].main": "off.example"})
    for name, names in {
        "a.example": ["a.example", "b.example", "c.example"],
        "mail.example": ["mail.example"],
        "shop.example": ["pay.shop.example", "shop.example", "www.shop.example"],
        "second.example": ["second.example"],
    }.items():
        host.evercert.wait_valid(name)
        assert sorted(host.evercert.leaf(name).names) == names
    assert host.names() == {"a.example", "mail.example", "shop.example", "second.example"}
    assert host.rows("problem") == []


def test_sites_of_caddy(host):
    """With scheme, port and path; those that caddy serves with a certificate of its own ask for nothing."""
    host.start()
    labels = {
        "caddy": "https://a.example:8443/path b.example, http://plain.example",
        "caddy.reverse_proxy": "{{upstreams 80}}",
        "caddy_1": "c.example",
        "caddy_2": "inner.example",
        "caddy_2.tls": "internal",
        "caddy_3": "(snippet)",
        "caddy_4": "localhost, shop.local, :443",
    }
    host.run("web", labels)
    for name in ("a.example", "c.example"):
        host.evercert.wait_valid(name)
    assert host.evercert.leaf("a.example").names == ["a.example", "b.example"]
    assert host.names() == {"a.example", "c.example"} and host.rows("problem") == []


EACH = {
    "own": ({"evercert.domains": "own.example"}, {}),
    "companion": ({}, {"ACME_HOST": "companion.example"}),
    "traefik": ({"traefik.http.routers.r.rule": "Host(`traefik.example`)", "traefik.http.routers.r.tls": "true"}, {}),
    "caddy": ({"caddy": "caddy.example"}, {}),
}


def test_readers_that_are_switched_off(host):
    """What they would read is nothing to them; a reload with others takes their words up."""
    host.start(readers=["evercert", "caddy"])
    for name, (labels, env) in EACH.items():
        host.run(name, labels, env)
    for name in ("own", "caddy"):
        host.evercert.wait_valid(f"{name}.example")
    assert {row["container"] for row in host.rows("claim")} == {"own", "caddy"}
    host.configure(readers=["companion", "traefik"])
    host.evercert.reload()
    for name in ("companion", "traefik"):
        host.evercert.wait_valid(f"{name}.example")
    host.evercert.wait_row("own.example", lambda row: row["park_at"] is not None, "nobody's any more")
    assert {row["container"] for row in host.rows("claim")} == {"companion", "traefik"}


# --- the policy ---


def test_rows_select_containers(host):
    """By project, service, network, image and label; what no row is for is refused, with the lines to write."""
    policy = [
        {"allow": ["=project.example"], "project": "shop"},
        {"allow": ["=service.example"], "project": "shop", "service": ["web", "api*"]},
        {"allow": ["=network.example"], "network": "no*"},
        {"allow": ["=image.example"], "image": "busybox*"},
        {"allow": ["=label.example"], "label": {"tier": "gold*"}},
        {"allow": ["=elsewhere.example"], "network": "bridge"},
        {"allow": ["=another.example"], "image": "nginx"},
    ]
    host.start(policy=policy)
    compose = {"com.docker.compose.project": "shop", "com.docker.compose.service": "api-1"}
    good = {
        "project": {"com.docker.compose.project": "shop"},
        "service": compose,
        "network": {},
        "image": {},
        "label": {"tier": "golden"},
    }
    bad = {
        "project": {"com.docker.compose.project": "shop2"},
        "service": {**compose, "com.docker.compose.service": "db"},
        "network": {},
        "label": {"tier": "silver"},
        "elsewhere": {},
        "another": {},
    }
    for name, labels in bad.items():
        host.run(f"bad-{name}", {"evercert.domains": f"{name}.example", **labels})
    for name, labels in good.items():
        more = {"host": {"NetworkMode": "none"}} if name == "network" else {}
        host.run(f"good-{name}", {"evercert.domains": f"{name}.example", **labels}, **more)
    for name in good:
        assert f"good-{name}" in host.evercert.wait_valid(f"{name}.example")["holder"]
    for name in bad:
        reason = host.wait_refused(f"bad-{name}")
        assert f"{name}.example" in reason and "allow" in reason, reason
    assert host.names() == {f"{name}.example" for name in good}


def test_names_are_counted(host):
    """max-names: the older ones have them; when one goes, the next in age gets what it left."""
    host.start(policy=[{"allow": ["*"], "max-names": 3}])
    first = host.run("first", {"evercert.domains": "a.example,b.example"})
    host.evercert.wait_valid("a.example")
    second = int(time.time())
    wait_until(lambda: int(time.time()) > second, "the next second: of containers of the same one ids decide")
    host.run("second", {"evercert.domains": "c.example,d.example"})
    assert "max-names" in host.wait_refused("second")
    host.run("third", {"evercert.domains": "e.example"})
    host.evercert.wait_valid("e.example")
    host.engine.rm(first)
    host.evercert.wait_valid("c.example")
    assert host.evercert.leaf("c.example").names == ["c.example", "d.example"]


def test_nobody_is_called_like_anothers_site(host):
    """evercert.name is the name of a folder: one that looks like a site must be allowed as one."""
    host.start(policy=[{"allow": ["good.example"]}])
    host.run("thief", {"evercert.domains": "a.good.example", "evercert.name": "www.bank.example"})
    assert "www.bank.example" in host.wait_refused("thief")
    host.run("honest", {"evercert.domains": "b.good.example", "evercert.name": "mine"})
    host.evercert.wait_valid("mine")
    assert host.names() == {"mine"}


def test_one_certificate_of_a_service_with_several_containers(host):
    """As compose scales it: they ask for the very same certificate and share it, and it stays with the last one."""
    host.start()
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web", "evercert.domains": "a.example"}
    one = host.run("shop-web-1", labels)
    host.run("shop-web-2", labels)
    host.evercert.wait_valid("a.example")
    for name in ("shop-web-1", "shop-web-2"):
        (claim,) = host.wait_claims(name)
        assert (claim["state"], claim["certificate"]) == ("granted", "a.example")
    host.engine.rm(one)
    wait_until(lambda: "shop-web-2" in host.evercert.row("a.example")["holder"], "the other one to have it", 20)
    assert host.evercert.row("a.example")["park_at"] is None
    assert host.ca.request_counts().get("POST /order-plz") == 1
