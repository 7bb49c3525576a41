"""examples/templates/nginx-sites.conf.tmpl, and the example of evercert-templates(7), with a real nginx before real servers."""

import contextlib
import re
import shutil

import pytest
from ports import free_port
from sites import Sites, Who, get
from templates import ROOT, certificate, container, render

EXAMPLE = ROOT / "examples/templates/nginx-sites.conf.tmpl"
CHALLENGE = "/.well-known/acme-challenge/token"


def of_the_manual():
    """The complete template of evercert-templates(7)."""
    text = (ROOT / "man/evercert-templates.7").read_text()
    part = text.split(".Sh EXAMPLES\n")[1].split(".Bd -literal\n")[1].split(".Ed\n")[0]
    return part.replace("\\e", "\\").replace("\\&", "")


class World:
    """nginx with what the template makes of `containers`, at two ports; `answer` is evercert's responder."""

    def __init__(self, processes, folder, template, answer):
        self.http, self.https = free_port(), free_port()
        self.folder, self.answer = folder, answer
        self.containers, self.certificates, self.webroot = [], [], ""
        self.sites = Sites(processes, folder / "nginx")
        changes = {
            '"80", "[::]:80"': f'"127.0.0.1:{self.http}"',
            '"443 ssl", "[::]:443 ssl"': f'"127.0.0.1:{self.https} ssl"',
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.https} ssl;",
        }
        for old, new in changes.items():
            template = template.replace(old, new)
        assert template.count(f"127.0.0.1:{self.http}") == 1 and template.count(f"127.0.0.1:{self.https}") == 1
        self.template = template

    def render(self):
        listen = [f"127.0.0.1:{self.answer.port}"]
        settings = {"challenge": {"kind": ["http-01"], "webroot": self.webroot, "http_listen": listen}}
        model = {"containers": self.containers, "certificates": self.certificates, "settings": settings}
        text = render(self.template, "nginx", model)
        self.sites.write(text)
        assert self.sites.check() == "", text
        return text

    def start(self):
        self.render()
        self.sites.start()

    def reload(self):
        self.render()
        self.sites.reload()

    def add_certificate(self, authority, *names):
        """Files as in live/NAME."""
        live = self.folder / "live" / names[0].replace("*", "_")
        live.mkdir(parents=True)
        chain, key = authority.leaf(*names)
        shutil.copy(chain, live / "fullchain.pem")
        shutil.copy(key, live / "privkey.pem")
        self.certificates.append(certificate(names[0], *names, live=live))


@pytest.fixture
def who():
    with contextlib.ExitStack() as stack:
        yield lambda name: stack.enter_context(Who(name))


@pytest.fixture(params=["example", "manual"])
def world(request, processes, tmp_path, who):
    template = EXAMPLE.read_text() if request.param == "example" else of_the_manual()
    return World(processes, tmp_path, template, who("evercert"))


@pytest.fixture
def example(processes, tmp_path, who):
    return World(processes, tmp_path, EXAMPLE.read_text(), who("evercert"))


def test_a_host_is_served_before_and_after_its_certificate(world, who, authority):
    """By http first; from the certificate on by https, with a redirect that leaves the challenge alone."""
    shop = who("shop")
    world.containers = [container("shop-1", "127.0.0.1", shop.port, labels={"web.host": "shop.example"})]
    world.certificates = [certificate("shop.example")]
    world.start()
    assert get(world.http, "shop.example", "/a?b=c") == (200, b"shop /a?b=c", None)
    assert get(world.http, "shop.example", CHALLENGE) == (200, b"evercert " + CHALLENGE.encode(), None)
    assert world.answer.seen[-1]["host"] == "shop.example"

    world.certificates = []
    world.add_certificate(authority, "shop.example")
    world.reload()
    assert get(world.http, "shop.example", "/a?b=c")[::2] == (301, "https://shop.example/a?b=c")
    assert get(world.http, "shop.example", CHALLENGE) == (200, b"evercert " + CHALLENGE.encode(), None)
    assert get(world.https, "shop.example", "/a", authority.ca_file)[:2] == (200, b"shop /a")
    assert shop.seen[-1]["x-forwarded-proto"] == "https"


def test_containers_of_one_host_share_its_visitors(world, who):
    """Both are asked in turn; one that has stopped is not."""
    one, two, gone = who("one"), who("two"), who("gone")
    world.containers = [
        container(server.name, "127.0.0.1", server.port, labels={"web.host": "a.example"}) for server in (one, two, gone)
    ]
    world.containers[2]["state"] = "exited"
    world.start()
    assert {get(world.http, "a.example")[1] for _ in range(6)} == {b"one /", b"two /"}


def test_hosts_have_their_own_servers(example, who, authority):
    """Names by label, by variable and by evercert.domains; ports by label and variable; a wildcard; another case."""
    one, two, three = who("one"), who("two"), who("three")
    example.containers = [
        container("one", "127.0.0.1", 1, labels={"web.host": "A.example, www.a.example", "web.port": str(one.port)}),
        container("two", "127.0.0.1", env={"VIRTUAL_HOST": "b.example", "VIRTUAL_PORT": str(two.port)}),
        container("three", network_mode="host", labels={"evercert.domains": "*.w.example", "web.port": str(three.port)}),
        container("lost", labels={"web.host": "lost.example"}),
    ]
    example.add_certificate(authority, "*.w.example")
    example.start()
    assert get(example.http, "a.example")[1] == b"one /"
    assert get(example.http, "www.a.example")[1] == b"one /"
    assert get(example.http, "b.example")[1] == b"two /"
    assert get(example.http, "x.w.example")[::2] == (301, "https://x.w.example/")
    assert get(example.https, "x.w.example", "/", authority.ca_file)[1] == b"three /"
    assert get(example.http, "lost.example")[0] == 503
    assert get(example.http, "lost.example", CHALLENGE)[0] == 200


def test_challenges_in_a_webroot(example, who):
    """With a webroot nginx serves the files itself."""
    shop = who("shop")
    example.webroot = str(example.folder / "web root")
    folder = example.folder / "web root/.well-known/acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token").write_text("key authorization")
    example.containers = [container("shop", "127.0.0.1", shop.port, labels={"web.host": "a.example"})]
    example.start()
    assert get(example.http, "a.example", CHALLENGE)[:2] == (200, b"key authorization")
    assert not example.answer.seen


def test_both_key_types(example, who, authority):
    """A certificate with variants gives nginx all that are there."""
    shop = who("shop")
    example.containers = [container("shop", "127.0.0.1", shop.port, labels={"web.host": "a.example"})]
    example.add_certificate(authority, "a.example")
    live = example.folder / "live"
    shutil.copytree(live / "a.example", live / "a.example-rsa")
    example.certificates[0]["variants"] = [
        {"name": "a.example", "fingerprint": "ab"},
        {"name": "a.example-rsa", "fingerprint": "cd"},
        {"name": "a.example-third", "fingerprint": None},
    ]
    text = example.render()
    assert re.findall(r"ssl_certificate (\S+);", text) == [f"{live}/a.example/fullchain.pem", f"{live}/a.example-rsa/fullchain.pem"]


def test_one_bad_container_spoils_nothing(world, who):
    """Names that are none, addresses and ports that are none: nginx takes the file, and the good one is served."""
    good = who("good")
    bad = ["a;b", "}", "$host", "~.*", "a b", "include /etc/passwd;", '"', "x" * 5000, "-a.example", "a..b", "*", "ä.example", "#", "\n}"]
    world.containers = [container("good", "127.0.0.1", good.port, labels={"web.host": "good.example"})]
    for i, text in enumerate(bad):
        world.containers.append(container(text[:200], "127.0.0.1", 80, labels={"web.host": text}))
        world.containers.append(container(f"p{i}", "127.0.0.1", 80, labels={"web.host": f"p{i}.example", "web.port": text}))
        world.containers.append(container(f"l{i}", "127.0.0.1", 80, labels={"web.host": ".".join(["x" * 60] * 3 + [f"l{i}"])}))
        world.containers.append(container(f"v{i}", labels={"web.host": f"v{i}.example"}, env={"VIRTUAL_PORT": text}))
    for i in range(100):
        world.containers.append(container(f"{i}-" + "x" * 200, "127.0.0.1", 81 + i, labels={"web.host": "many.example"}))
    world.start()
    assert get(world.http, "good.example")[1] == b"good /"


def test_without_containers(world):
    """An empty model is a configuration, too."""
    world.start()


def test_a_thousand_containers(world):
    """With labels and variables as they come with compose: nginx takes all hosts."""
    labels = {f"com.docker.compose.label-{i}": f"some value {i}" for i in range(19)}
    env = {f"VARIABLE_{i}": f"some value {i}" for i in range(15)}
    for i in range(1000):
        own = {**labels, "web.host": f"h{i}.example"}
        world.containers.append(container(f"c{i}", f"127.0.{i // 250}.{i % 250 + 1}", 80, labels=own, env=env))
        world.certificates.append(certificate(f"h{i}.example"))
    text = world.render()
    assert len(re.findall(r"server_name h\d+\.example;", text)) == 1000
