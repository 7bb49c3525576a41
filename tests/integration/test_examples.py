"""The configurations among the examples are good ones, and that of Odoo is run."""

import json
import os
import pathlib
import re
import stat

import pytest
import yaml

from certificates import read_chain
from evercert import DONE, FAILED, ROOT, USAGE
from processes import wait_until

EXAMPLES = ROOT / "examples"
CONFIGURATIONS = sorted(path.relative_to(EXAMPLES) for path in EXAMPLES.rglob("*.yaml") if path.name != "compose.yaml")


def test_there_are_some():
    assert CONFIGURATIONS, f"no configuration in {EXAMPLES}"


def with_files(text, folder):
    """The secrets of DNS providers that it names are read, so they must be there."""
    for path in re.findall(r"^ *[a-z-]+-(?:token|secret)-file: (/etc/evercert/\S+)", text, re.M):
        secret = folder / pathlib.Path(path).name
        secret.write_text("c2VjcmV0\n")
        secret.chmod(0o600)
        text = text.replace(path, str(secret))
    return text


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=str)
def test_configuration_is_good(evercert, path):
    client = evercert()
    client.config_file.write_text(with_files((EXAMPLES / path).read_text(), client.folder))
    checked = client.run("config", "check", "--json", status=DONE)
    good = json.loads(checked.stdout)
    assert good["good"] and good["problems"] == []
    assert good["certificates"] == len(yaml.safe_load(client.config_file.read_text()).get("certificates", []))
    # What is in force by it is good, too, and means the same.
    shown = client.run("config", "show", status=DONE).stdout
    client.config_file.write_text(shown)
    assert client.run("config", "show", status=DONE).stdout == shown


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=str)
def test_the_check_of_a_configuration_can_fail(evercert, path):
    client = evercert()
    client.config_file.write_text((EXAMPLES / path).read_text() + "\nno-such-key: true\n")
    assert "no-such-key" in client.run("config", "check", status=USAGE).stderr


ODOO = 64901  # a user that nobody else is


def test_odoo(evercert, pebble, nginx, authority, open_folder):
    """Its words as they stand, in a mount namespace that has a user odoo, a service nginx, and no rule for sudo but ours."""
    folder = open_folder / "letsencrypt"
    folder.mkdir(mode=0o755)
    old = authority.leaf("old-erp.example", "erp.example.com")
    paths = (folder / "domain.crt", folder / "domain.key")
    for path, source in zip(paths, old):
        path.write_bytes(source.read_bytes())
    server = nginx(certificate=paths).start()
    ca = pebble()

    rules, users, service = (open_folder / name for name in ("sudoers.d", "passwd", "service"))
    rules.mkdir(mode=0o750)
    users.write_text(f"{pathlib.Path('/etc/passwd').read_text()}odoo:*:{ODOO}:{ODOO}::{folder}:/bin/sh\n")
    service.write_text(f'#!/bin/sh\n[ "$(id -u) $*" = "0 nginx reload" ] && kill -HUP "$(cat {server.pid_file})"\n')
    for path, mode in ((users, 0o644), (service, 0o755)):
        path.chmod(mode)
    for path in (folder, *paths):
        os.chown(path, ODOO, ODOO)
    mounts = {rules: "/etc/sudoers.d", users: "/etc/passwd", service: "/usr/sbin/service"}
    script = " && ".join(f"mount --bind {ours} {theirs}" for ours, theirs in mounts.items())
    through = ["unshare", "--mount", "sh", "-c", f'{script} && exec "$@"', "sh"]

    text = (EXAMPLES / "odoo/evercert.yaml").read_text()
    places = {"/srv/odoo/letsencrypt/{name}": f"{folder}/{{name}}", "erp.example.com:443": f"127.0.0.1:{server.https_port}"}
    for theirs, ours in places.items():
        assert f'"{theirs}' in text
        text = text.replace(f'"{theirs}', f'"{ours}')
    client = evercert(ca, through=through, config={"certificates": yaml.safe_load(text)["certificates"]})

    def published():
        """The flat layout, and nothing else in it."""
        assert sorted(path.name for path in folder.iterdir()) == ["domain.crt", "domain.key"]
        for path, file, mode in zip(paths, ("fullchain.pem", "privkey.pem"), (0o644, 0o600)):
            assert path.read_bytes() == (client.live("domain") / file).read_bytes()
            assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (ODOO, mode)

    def served(fingerprint, roots):
        wait_until(lambda: server.served("erp.example.com", roots).fingerprint == fingerprint, "it to be served")

    # The sudo rule is missing: told, and nginx goes on with what it has.
    done = client.renew(status=FAILED)
    assert "sudo" in done.stderr and "domain: the certificate is there" in done.stderr
    published()
    assert client.row("domain")["deploy"]["state"] == "failing"
    served(read_chain(old[0])[0].fingerprint, authority.ca_file)
    # The rule is there: the command is run again, and nothing is issued for it.
    (rules / "evercert").touch(mode=0o440)
    (rules / "evercert").write_text(client.run("snippet", "sudoers", status=DONE).stdout)
    orders = ca.request_counts()["POST /order-plz"]
    client.renew("domain")
    assert ca.request_counts()["POST /order-plz"] == orders
    for generation in (1, 2):
        row = client.row("domain")
        assert (row["generation"], row["deploy"]["state"], row["served"]["state"]) == (generation, "done", "yes")
        published()
        served(client.leaf("domain").fingerprint, ca.root())
        if generation == 1:
            client.renew("domain", force=True)


def _blocks(page):
    """(what the comment above it names, language, text) of each fenced block."""
    return re.findall(r"(?:^<!-- (\S+) -->\n)?^```(\w*)\n(.*?)^```$", page, re.M | re.S)


def test_the_page_on_containers_shows_the_files_that_are_tested():
    """Each block of docs/containers.md is the file that is named above it, or some of its lines; each link leads to a file."""
    file = ROOT / "docs/containers.md"
    page = file.read_text()
    blocks = _blocks(page)
    assert len(blocks) >= 8 and page.count("```") == 2 * len(blocks)
    for name, language, text in blocks:
        assert name and language, text
        assert f"\n{text}" in "\n" + (ROOT / name).read_text(), f"{name} has other lines now than the page:\n{text}"
    for link in re.findall(r"\]\(([^)#]+)\)", page):
        assert (file.parent / link).exists(), link
    wholes = [name for name, _, text in blocks if text == (ROOT / name).read_text()]
    assert {"examples/compose/template/compose.yaml", "examples/compose/template/evercert/evercert.yaml"} <= set(wholes)


@pytest.mark.parametrize("name", sorted(path.parent.parent.name for path in ROOT.glob("examples/compose/*/evercert/*.yaml")))
def test_a_compose_example_is_whole(name):
    """Its services are of images that are said, what it mounts is there, and a reader has to replace a domain and an e-mail
    address alone."""
    folder = ROOT / "examples/compose" / name
    compose = yaml.safe_load((folder / "compose.yaml").read_text())
    for service in compose["services"].values():
        assert service["image"] and "network_mode" not in service or service["network_mode"] == "none"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (folder / source).exists(), source
            elif not source.startswith("/"):
                assert source in compose["volumes"], source
    assert (folder / "README.md").read_text().startswith("# ")
    for path in folder.rglob("*"):
        if path.is_file():
            hosts = re.findall(r"[\w.-]+\.(?:com|org|net)\b", path.read_text())
            assert all(host.endswith("example.com") for host in hosts), f"{path}: {hosts}"
