"""Entries of dns:, what certificates choose of them, and what is said of providers."""

import json
import re

import pytest
import yaml

from evercert import DONE, FAILED, ROOT, USAGE, process_binary

# Of the operator: nothing that is shipped has to stay as it is for these tests.
MINE = """return {
    title = "Mine",
    settings = {
        { name = "token", type = "secret", required = true, help = "The token." },
        { name = "ttl", type = "number", default = 60, min = 30, max = 86400, help = "Seconds." },
    },
    present = function() end,
    cleanup = function() end,
}
"""

SHIPPED = sorted(path.stem for path in (ROOT / "providers").glob("*.lua"))


@pytest.fixture
def client(evercert, tmp_path):
    """A client with the providers of this source, and a folder for the operator's own."""
    own = tmp_path / "own-providers"
    own.mkdir(mode=0o755)
    (own / "mine.lua").write_text(MINE)
    one = evercert(env={"EVERCERT_PROVIDERS": str(ROOT / "providers"), "EVERCERT_LOCAL_PROVIDERS": str(own)})
    one.own = own
    solver = one.libexec() / "solver"
    if not solver.exists():
        solver.symlink_to(process_binary("solver"))
    return one


def secret(client, name, content="s3cret\n", mode=0o600):
    path = client.folder / name
    path.write_text(content)
    path.chmod(mode)
    return path


def checked(client, text, status=USAGE):
    """The errors of config check, without the file's name; nothing of a secret is in them."""
    client.config_file.write_text(text)
    done = client.run("config", "check", status=status)
    assert "s3cret" not in done.stdout + done.stderr
    errors = [line.removeprefix("evercert: error: ") for line in done.stderr.splitlines()]
    return [error.removeprefix(f"{client.config_file}:") for error in errors]


def test_all_mistakes_in_one_go(client):
    open_to_all = secret(client, "open", mode=0o644)
    found = checked(
        client,
        "dns:\n"
        "  a: {provider: minne, token: s3cret}\n"
        "  b: {provider: mine}\n"
        f"  c: {{provider: mine, token-file: {open_to_all}, ttl: 1, tokn: s3cret}}\n"
        "  d: {dialect: acme.sh, script: dns_xx.sh}\n"
        "certificates:\n"
        "  - {domains: [x.example, '*.x.example'], challenge: dns-01, dns: a}\n",
    )
    places = [re.match(r"\d+:\d+: [^ ]+:", error).group() for error in found]
    assert places == [
        "2:3: dns.a.provider:",
        "3:3: dns.b.token:",
        "4:35: dns.c.token-file:",
        f"4:{42 + len(str(open_to_all))}: dns.c.ttl:",
        f"4:{51 + len(str(open_to_all))}: dns.c.tokn:",
        "5:33: dns.d.script:",
    ]
    texts = "\n".join(found)
    assert '"minne" (did you mean mine?)' in texts
    assert "token-file: /etc/evercert/b.token" in texts
    assert "chmod" in texts and str(open_to_all) in texts
    assert "(did you mean token?)" in texts
    assert "`evercert dns list mine` shows them" in texts


@pytest.mark.parametrize(
    "certificate, wanted",
    [
        ("{domains: '*.x.example'}", "1:76: certificates[0].domains: the wildcard *.x.example cannot be proven by http-01"),
        ("{domains: x.example, challenge: dns-01}", "dns: is missing; there are several entries of dns"),
        ("{domains: x.example, challenge: dns-01, dns: aa}", "there is no entry aa of dns (did you mean a?)"),
        ("{domains: x.example, dns: a}", "set challenge: dns-01 as well"),
        ("{domains: 192.0.2.1, challenge: dns-01, dns: a}", "the address 192.0.2.1 cannot be proven by dns-01"),
        ("{domains: x.example, challenge: dns-01, dns: {192.0.2.1: a}}", 'expected "*" for all names'),
    ],
)
def test_choices_that_are_none(client, certificate, wanted):
    (error,) = checked(client, f"dns: {{a: {{provider: x}}, b: {{provider: x}}}}\ncertificates: [{certificate}]\n")
    assert wanted.split("certificates", 1)[-1] in error


def test_the_daemon_does_not_start_with_them(client):
    client.config_file.write_text("dns: {a: {provider: mine}}\n")
    done = client.run("run", status=USAGE)
    assert f"{client.config_file}:1:7: dns.a.token: is missing" in done.stderr


def test_what_is_shown_loads_again(client):
    token = secret(client, "token")
    client.config_file.write_text(
        "dns:\n"
        f"  a: {{provider: mine, token-file: {token}, propagation: {{check: none, delay: 2m}}}}\n"
        "  b: {provider: mine, token: s3cret, ttl: 60}\n"
        "certificates: [{domains: '*.x.example', challenge: dns-01, dns: {'*': a, y.example: [a, b]}}]\n"
    )
    shown = client.run("config", "show", status=DONE).stdout
    assert "s3cret" not in shown
    settings = yaml.safe_load(shown)
    assert settings["dns"]["a"]["token-file"] == str(token)
    assert settings["dns"]["a"]["propagation"]["delay"] == "2m"
    assert settings["dns"]["b"]["token"] == "(redacted)"
    assert settings["certificates"][0]["dns"] == {"*": "a", "y.example": ["a", "b"]}
    client.config_file.write_text(shown)
    assert client.run("config", "show", status=DONE).stdout == shown


def test_the_schema_knows_them(client):
    schema = json.loads(client.run("config", "schema", status=DONE).stdout)
    entry = schema["properties"]["dns"]["additionalProperties"]
    assert {"provider", "dialect", "propagation"} <= set(entry["properties"])
    assert "string" in entry["additionalProperties"]["type"]
    certificate = schema["properties"]["certificates"]["items"]["properties"]
    assert len(certificate["dns"]["anyOf"]) == 3
    assert "dns-persist-01" in json.dumps(certificate["challenge"])


def test_providers_are_listed(client):
    client.config_file.write_text("dns: {first: {provider: mine}}\n")
    done = client.run("dns", "list", status=DONE)
    lines = [line.split() for line in done.stdout.splitlines()]
    head = lines.index([])
    assert [line[0] for line in lines[1:head]] == sorted([*SHIPPED, "mine"])
    assert lines[head + 1 :] == [
        ["ENTRY", "PROVIDER", "WRITTEN", "AT"],
        ["first", "mine", f"{client.config_file}:1:7"],
    ]
    listed = json.loads(client.run("dns", "list", "--json", status=DONE).stdout)
    assert [provider["name"] for provider in listed["providers"]] == sorted([*SHIPPED, "mine"])
    assert listed["entries"] == [{"name": "first", "provider": "mine", "where": f"{client.config_file}:1:7"}]
    assert listed["problems"] == []


def test_a_list_without_a_good_configuration(client):
    client.config_file.write_text("dns: [x]\n")
    done = client.run("dns", "list", status=DONE)
    assert "digitalocean" in done.stdout and "ENTRY" not in done.stdout
    assert f"the entries of {client.config_file} are not shown" in done.stderr


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_said_of_a_provider(client, name):
    """Each setting is told, and the entry to paste is a good one as soon as its files are there."""
    provider = json.loads(client.run("dns", "list", name, "--json", status=DONE).stdout)
    text = client.run("dns", "list", name, status=DONE).stdout
    assert provider["name"] == name and provider["title"] in text and provider["documentation"] in text
    for setting in provider["settings"]:
        assert re.search(rf"^{re.escape(setting['name'])} +{setting['type']} ", text, re.M), setting
        assert setting["help"] in text
    assert text.endswith(provider["example"])
    example = provider["example"]
    for path in re.findall(r"/etc/evercert/\S+", example):
        example = example.replace(path, str(secret(client, path.rsplit("/", 1)[1])))
    example = example.replace("[...]", "[x]")
    client.config_file.write_text(example)
    client.run("config", "check", status=DONE)


def test_a_provider_that_is_none(client):
    assert "there is no provider digitalocan (did you mean digitalocean?)" in client.run("dns", "list", "digitalocan", status=USAGE).stderr


def test_an_own_provider_counts_and_a_broken_one_is_told(client):
    (client.own / "digitalocean.lua").write_text('return { title = "Mine", present = function() end, cleanup = function() end }\n')
    (client.own / "broken.lua").write_text("return {\n}}\n")
    done = client.run("dns", "list", status=DONE)
    assert re.search(r"^digitalocean +Mine$", done.stdout, re.M)
    assert f"{client.own}/broken.lua:2:" in done.stderr
    (error,) = checked(client, "dns: {a: {provider: broken}}\n")
    assert error.startswith("1:7: dns.a.provider: broken cannot be used: ") and "broken.lua:2:" in error
    assert checked(client, "dns: {a: {provider: digitalocean}}\n", status=DONE) == []


def test_a_provider_instead_of_an_entry(client):
    """The error says what to write."""
    client.config_file.write_text("dns: {a: {provider: mine, token: s3cret}}\n")
    done = client.run("issue", "-d", "*.x.example", "--dns", "hetzner", status=USAGE)
    wanted = json.loads(client.run("dns", "list", "hetzner", "--json", status=DONE).stdout)["example"]
    key = [line.split(":")[0].strip() for line in wanted.splitlines() if "-file: " in line][0]
    assert "hetzner is a provider" in done.stderr and f"dns: {{hetzner: {{provider: hetzner, {key}: " in done.stderr
    done = client.run("issue", "-d", "*.x.example", "--dns", "b", status=USAGE)
    assert "--dns: there is no entry b of dns" in done.stderr
    assert "there is no entry b of dns" in client.run("dns", "test", "b", "x.example", status=USAGE).stderr


def test_without_a_solver(client):
    solver = client.libexec() / "solver"
    solver.unlink()
    assert "dns/solver" not in client.run("config", "check", status=DONE).stderr  # nobody needs it
    assert "cannot start" in client.run("dns", "list", status=FAILED).stderr
    client.config_file.write_text("dns: {a: {provider: mine, token: s3cret}}\n")
    assert "which DNS providers there are cannot be found out" in client.run("config", "check", status=USAGE).stderr
    solver.write_text("#!/bin/sh\necho '{\"providers\": 1}'\n")
    solver.chmod(0o755)
    assert "catalogue of providers: providers: expected a list" in client.run("config", "check", status=USAGE).stderr
