"""The configurations among the examples are good ones."""

import json

import pytest
import yaml

from evercert import DONE, ROOT, USAGE

EXAMPLES = ROOT / "examples"
CONFIGURATIONS = sorted(path.relative_to(EXAMPLES) for path in EXAMPLES.rglob("*.yaml"))


def test_there_are_some():
    assert CONFIGURATIONS, f"no configuration in {EXAMPLES}"


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=str)
def test_configuration_is_good(evercert, path):
    client = evercert()
    client.config_file.write_text((EXAMPLES / path).read_text())
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
