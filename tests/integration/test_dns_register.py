"""dns register: an account is made at a provider, and what it prints is all that is needed to use it."""

import json
import re

import pytest
import yaml
from bind import Bind
from dns_providers.acme_dns import AcmeDns

from evercert import DONE, FAILED, USAGE

ALIAS = "_acme-challenge.www.a.example"


@pytest.fixture
def server(processes, tmp_path):
    """What acme-dns is told becomes the content of auth.example here; a.example is the operator's."""
    server = Bind(processes, tmp_path / "bind")
    server.zone("a.example").zone("auth.example")
    return server.start()


@pytest.fixture
def api(server):
    with AcmeDns("auth.example", lambda name, value: server.put("auth.example", name, value)) as api:
        yield api


@pytest.fixture
def client(evercert, server, api):
    """Its only entry is `mine`, with no account. client.set(key=value) writes more into it."""
    propagation = {"resolvers": [server.text], "nameservers": [server.text], "timeout": "10s"}
    entry = {"provider": "acme-dns", "endpoint": api.url}
    broken = {"provider": "cloudflare", "api-token-file": "/does/not/exist"}
    settings = {"dns": {"mine": entry, "cloud": broken}, "propagation": propagation, "challenge": "dns-01"}
    one = evercert(config=settings)

    def write(**more):
        settings["dns"] = {"mine": {**entry, **{key.replace("_", "-"): value for key, value in more.items()}}}
        one.config_file.write_text(yaml.safe_dump(settings))

    one.set = write
    return one


def keep(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def test_what_it_prints_works(client, server, api, tmp_path):
    """The steps that it names, in their order, are all there is to do."""
    done = client.run("dns", "register", "mine", status=DONE)
    [account] = api.accounts.values()
    _, secret, *rest = re.split(r"\n\n(\{.*\})\n", done.stdout)
    assert json.loads(secret) == account and account["password"] not in "".join(rest)
    given = yaml.safe_load(re.search(r"^dns:\n(?: .*\n)+", done.stdout, re.M).group())
    assert given == {"dns": {"mine": {"accounts-file": "/etc/evercert/mine.accounts"}}}
    assert "/etc/evercert/mine.accounts holds" in done.stdout
    assert f"\n_acme-challenge.NAME. CNAME {account['fulldomain']}.\n" in done.stdout
    assert "`evercert dns test mine NAME`" in done.stdout and done.stderr == ""

    client.set(accounts_file=keep(tmp_path / "accounts", secret))
    server.put("a.example", ALIAS, account["fulldomain"] + ".", kind="CNAME")
    client.run("dns", "test", "mine", "www.a.example", status=DONE)
    assert len(api.values[account["fulldomain"]]) == 1


def test_a_file_that_is_named_already(client, server, api, tmp_path):
    """First one that is not there yet, then one more account in it."""
    path = tmp_path / "accounts"
    client.set(accounts_file=str(path))
    done = client.run("dns", "register", "mine", status=DONE)
    assert f"Let this be all that {path} holds" in done.stdout and "\ndns:" not in done.stdout
    keep(path, re.search(r"^\{.*\}$", done.stdout, re.M).group())
    row = json.loads(client.run("dns", "register", "mine", "--json", status=DONE).stdout)
    first, second = api.accounts.values()
    assert set(row) == {"entry", "provider", "settings", "cname"}
    assert (row["entry"], row["provider"], row["cname"]) == ("mine", "acme-dns", second["fulldomain"])
    keep(path, row["settings"]["accounts"])
    for account in (first, second):
        server.drop("a.example", ALIAS, kind="CNAME")
        server.put("a.example", ALIAS, account["fulldomain"] + ".", kind="CNAME")
        client.run("dns", "test", "mine", "www.a.example", status=DONE)
        assert len(api.values[account["fulldomain"]]) == 1


def test_what_cannot_be(client, api, tmp_path):
    def error(*words, status):
        done = client.run("dns", "register", *words, status=status)
        assert done.stdout == ""
        return done.stderr

    assert "cloud: provider cloudflare makes no accounts" in error("cloud", status=USAGE)
    assert "`evercert dns register ENTRY` makes an account" in client.run("dns", "list", "acme-dns", status=DONE).stdout
    assert "dns register" not in client.run("dns", "list", "cloudflare", status=DONE).stdout
    assert "there is no entry min of dns (did you mean mine?)" in error("min", status=USAGE)
    assert "mine,cloud is no name of one entry" in error("mine,cloud", status=USAGE)
    api.fail_next(403, body={"error": "forbidden"})
    assert f"mine: acme-dns: POST {api.url[7:]}/register: status 403" in error("mine", status=FAILED)
    secret = json.dumps({"password": "a secret that is not shown"})[:-1]
    client.set(accounts_file=keep(tmp_path / "accounts", secret))
    said = error("mine", status=FAILED)
    assert "accounts is no JSON" in said and "not shown" not in said
    client.set(accounts_fil="x")
    assert "did you mean accounts-file?" in error("mine", status=USAGE)
    assert api.accounts == {}


REGISTERING = """return {
    title = "Odd",
    settings = {
        { name = "token", type = "secret", help = "h" },
        { name = "user", type = "text", help = "h" },
        { name = "roots", type = "file", help = "h" },
    },
    present = function() end,
    cleanup = function() end,
    register = function() return %s end,
}
"""


@pytest.mark.parametrize(
    "given, problem",
    [
        ("nil", "register() has to give"),
        ("{ settings = {} }", "an object with some of its settings"),
        ("{ settings = { other = 'x' } }", "nothing but settings that it declares"),
        ("{ settings = { token = 7 } }", "token: expected a text of one line"),
        ("{ settings = { token = 'a\\27[2Jb' } }", "token: expected a text of one line"),
        ("{ settings = { roots = '/x' } }", "no list and no file"),
        ("{ settings = { token = 'x' }, cname = 'a b' }", "cname: expected"),
        ("{ settings = { token = ('x'):rep(50000) } }", "register() gave settings of"),
    ],
)
def test_what_a_provider_may_not_give(client, given, problem):
    folder = client.folder / "providers"
    folder.mkdir(mode=0o755)
    (folder / "odd.lua").write_text(REGISTERING % given)
    (folder / "odd.lua").chmod(0o644)
    client.config_file.write_text(yaml.safe_dump({"dns": {"odd": {"provider": "odd"}}}))
    assert problem in client.run("dns", "register", "odd", status=FAILED).stderr


def test_settings_that_are_no_secrets(client):
    folder = client.folder / "providers"
    folder.mkdir(mode=0o755)
    (folder / "odd.lua").write_text(REGISTERING % "{ settings = { token = 'x y', user = 'no: 1' } }")
    (folder / "odd.lua").chmod(0o644)
    entry = {"provider": "odd", "token": "before", "user": "before"}
    client.config_file.write_text(yaml.safe_dump({"dns": {"odd": entry}}))
    done = client.run("dns", "register", "odd", status=DONE)
    given = yaml.safe_load(re.search(r"^dns:\n(?: .*\n)+", done.stdout, re.M).group())
    assert given == {"dns": {"odd": {"token-file": "/etc/evercert/odd.token", "user": "no: 1"}}}
    assert "# in place of token\n" in done.stdout and "CNAME" not in done.stdout and "\nx y\n" in done.stdout
