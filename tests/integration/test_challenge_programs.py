"""Programs that were written for other clients answer challenges of the DNS as they are: everything that those clients
tell them is there. The real clients say what that is, where they can be asked: they call the same recorder."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from evercert import DONE, FAILED
from zone_server import ZoneServer

SCRIPTS = pathlib.Path(__file__).parents[1] / "lib/dnsapi"

# Writes down how it was called: one JSON line a call. It prints something, and declines what it is told to.
RECORDER = """#!/usr/bin/python3 -I
import json, os, sys
row = {"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd(), "fds": sorted(os.listdir("/proc/self/fd"))}
with open(os.environ["RECORD"], "a") as f:
    f.write(json.dumps(row) + "\\n")
if set(sys.argv) & set(os.environ.get("DECLINE", "").split()):
    sys.exit("not mine")
print("printed\\nby it")
print("an error", file=sys.stderr)
"""

DOMAINS = ("a.example", "*.a.example")


class Recorder:
    def __init__(self, folder):
        self.file, self.program = folder / "record", folder / "recorder"
        self.program.write_text(RECORDER)
        self.program.chmod(0o755)
        self.env = {"RECORD": str(self.file)}

    def take(self, *only):
        """Its calls; with words, those with one of them as the first argument."""
        rows = [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []
        self.file.unlink(missing_ok=True)
        return [row for row in rows if not only or row["argv"][0] in only]


@pytest.fixture
def recorder(tmp_path):
    return Recorder(tmp_path)


@pytest.fixture
def ca(pebble):
    """It takes everybody's word: what is asked of the DNS is another test's business."""
    return pebble(env={"PEBBLE_VA_ALWAYS_VALID": "1"})


@pytest.fixture
def zones():
    with ZoneServer("a.example", "example.net") as server:
        yield server


def config(zones, **entries):
    return {"dns": entries, "propagation": {"check": "none", "resolvers": [zones.address]}}


def ours(evercert, ca, zones, recorder, provider, *domains, status=DONE, **settings):
    """What the recorder is told by evercert."""
    entry = {"provider": provider, "env": [f"{name}={value}" for name, value in recorder.env.items()], **settings}
    client = evercert(ca, config=config(zones, mine=entry))
    done = client.issue(*(domains or DOMAINS), dns="mine", status=status)
    return recorder.take(), done


def words(rows):
    """The arguments, without what differs from order to order."""
    # tokens, values and thumbprints have 43 characters each
    return sorted([re.sub(r"[A-Za-z0-9_-]{43}", "X", word) for word in row["argv"]] for row in rows)


def variables(row, prefix):
    return {name for name in row["env"] if name.startswith(prefix)}


def run(argv, **more):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_certbot(evercert, ca, zones, recorder, tmp_path):
    own = [word for key in ("config", "work", "logs") for word in (f"--{key}-dir", str(tmp_path / key))]
    hooks = ["--manual-auth-hook", str(recorder.program), "--manual-cleanup-hook", str(recorder.program)]
    run(
        ["certbot", "certonly", "-n", "--manual", "--preferred-challenges", "dns", "--server", ca.url, "--agree-tos",
         "-m", "ops@example.com", *own, *hooks, *(word for name in DOMAINS for word in ("-d", name))],
        env={**os.environ, **recorder.env, "REQUESTS_CA_BUNDLE": str(ca.ca_file)},
    )  # fmt: skip
    theirs = recorder.take()
    rows, _ = ours(evercert, ca, zones, recorder, "certbot", **{key: [str(recorder.program)] for key in ("auth-hook", "cleanup-hook")})
    assert len(theirs) == len(rows) == 4
    for mine, other in zip(rows, theirs):
        names = variables(other, "CERTBOT_")
        # Its fourth generation has other words for two of them.
        assert names | {"CERTBOT_IDENTIFIER", "CERTBOT_ALL_IDENTIFIERS"} == variables(mine, "CERTBOT_")
        for name in names - {"CERTBOT_VALIDATION", "CERTBOT_REMAINING_CHALLENGES"}:
            assert mine["env"][name] == other["env"][name], name
        assert mine["argv"] == other["argv"] == []
    # "0" is what hooks wait for, that do their work for all names at once.
    remaining = [[row["env"]["CERTBOT_REMAINING_CHALLENGES"] for row in part[:2]] for part in (rows, theirs)]
    assert remaining == [["1", "0"], ["1", "0"]]
    assert [row["env"].get("CERTBOT_AUTH_OUTPUT") for row in rows] == [None, None, "printed\nby it", "printed\nby it"]
    added, gone = ({row["env"]["CERTBOT_VALIDATION"] for row in part} for part in (rows[:2], rows[2:]))
    assert added == gone and len(added) == 2


def test_a_clean_surrounding(evercert, ca, zones, recorder, monkeypatch):
    """Nothing of evercert's own environment and descriptors, and the record itself in every dialect."""
    monkeypatch.setenv("AWS_SECRET", "x")
    rows, _ = ours(evercert, ca, zones, recorder, "mod_md", command=[str(recorder.program)])
    for row in rows:
        mine = {name: row["env"][name] for name in variables(row, "EVERCERT_")}
        assert mine.pop("EVERCERT_VALUE") == row["argv"][2]
        assert mine == {"EVERCERT_RECORD": "_acme-challenge.a.example", "EVERCERT_ZONE": "a.example"}
        assert set(row["env"]) - variables(row, "EVERCERT_") <= {"PATH", "HOME", "USER", "LANG", "LC_CTYPE", "RECORD"}
        assert row["cwd"] == "/"
        assert row["fds"] == ["0", "1", "2", "3"]  # the last is that of the folder it reads itself


def test_dehydrated(evercert, ca, zones, recorder, tmp_path):
    folder = tmp_path / "dehydrated"
    folder.mkdir()
    (folder / "config").write_text(f'CA="{ca.url}"\nCHALLENGETYPE="dns-01"\nBASEDIR="{folder}"\nHOOK="{recorder.program}"\n'
                                   f'CURL_OPTS="--cacert {ca.ca_file}"\n')  # fmt: skip
    (folder / "domains.txt").write_text(f"{' '.join(DOMAINS)}\n")
    for action in (["--register", "--accept-terms"], ["--cron"]):
        run(["dehydrated", "--config", folder / "config", *action], env={**os.environ, **recorder.env})
    theirs = recorder.take("deploy_challenge", "clean_challenge")
    rows, _ = ours(evercert, ca, zones, recorder, "dehydrated", hook=[str(recorder.program)])
    assert words(theirs) == words(rows)
    assert len(rows) == 4
    # What hooks read of it; the rest are its own settings.
    own = {"CONFIG", "BASEDIR", "WELLKNOWN", "ALPNCERTDIR", "PRIVATE_KEY_ROLLOVER"}
    assert set(theirs[0]["env"]) - set(os.environ) - own <= set(rows[0]["env"])
    for name in ("COMMAND", "CHALLENGETYPE", "altnames", "alias"):
        assert theirs[0]["env"][name] == rows[0]["env"][name], name


@pytest.mark.parametrize("mode", ["default", "raw"])
def test_lego(evercert, ca, zones, recorder, tmp_path, mode):
    run(
        ["lego", "--server", ca.url, "--accept-tos", "--email", "ops@example.com", "--path", tmp_path / "lego", "--dns",
         "exec", "--dns.disable-cp", "--dns.resolvers", zones.address, *(w for name in DOMAINS for w in ("-d", name)), "run"],
        env={**os.environ, **recorder.env, "LEGO_CA_CERTIFICATES": str(ca.ca_file), "EXEC_PATH": str(recorder.program),
             "EXEC_SEQUENCE_INTERVAL": "0", **({"EXEC_MODE": "RAW"} if mode == "raw" else {})},
    )  # fmt: skip
    theirs = recorder.take()
    rows, _ = ours(evercert, ca, zones, recorder, "exec", command=[str(recorder.program)], mode=mode)
    assert words(theirs) == words(rows)
    assert len(rows) == 4
    for name in ("EXEC_PATH", "EXEC_MODE"):
        assert {row["env"].get(name) for row in theirs} == {row["env"].get(name) for row in rows}


def test_uacme(evercert, pebble, zones, recorder, tmp_path):
    ca = pebble("2.4", env={"PEBBLE_VA_ALWAYS_VALID": "1"})  # it cannot read the challenges of newer ones
    trust = f"mount --bind '{ca.ca_file}' /etc/ssl/certs/ca-certificates.crt && exec \"$@\""
    before = ["unshare", "-rm", "sh", "-c", trust, "sh", "uacme", "-y", "-a", ca.url, "-c", tmp_path / "uacme"]
    env = {**os.environ, **recorder.env, "DECLINE": "http-01 tls-alpn-01"}
    run([*before, "new", "ops@example.com"], env=env)
    run([*before, "-h", recorder.program, "issue", *DOMAINS], env=env)
    theirs = [row for row in recorder.take() if "dns-01" in row["argv"]]
    rows, _ = ours(evercert, ca, zones, recorder, "uacme", hook=[str(recorder.program)])
    assert words(theirs) == words(rows)
    assert len(rows) == 4


def test_uacme_declines(evercert, ca, zones, recorder):
    """The next kind of challenge is taken, and the hook hears no more of that one."""
    recorder.env["DECLINE"] = "dns-01"
    env = [f"{name}={value}" for name, value in recorder.env.items()]
    entry = {"provider": "uacme", "hook": [str(recorder.program)], "env": env}
    wish = {"domains": ["a.example"], "challenge": ["dns-01", "http-01"], "dns": {"*": "mine"}}
    evercert(ca, config={**config(zones, mine=entry), "certificates": [wish]}).renew()
    assert [row["argv"][0] for row in recorder.take()] == ["begin"]


def test_odoo(evercert, ca, zones, recorder):
    rows, _ = ours(evercert, ca, zones, recorder, "odoo", "a.example", command=[str(recorder.program)])
    (row,) = rows  # the module takes nothing away
    assert row["env"]["LETSENCRYPT_DNS_DOMAIN"] == "a.example"
    assert row["env"]["LETSENCRYPT_DNS_CHALLENGE"] == row["env"]["EVERCERT_VALUE"]


def test_a_program_that_fails(evercert, ca, zones, recorder):
    recorder.env["DECLINE"] = "setup"
    rows, done = ours(evercert, ca, zones, recorder, "mod_md", "a.example", command=[str(recorder.program)], status=FAILED)
    assert re.search(r"mine.*recorder exited with status 1: not mine", done.stderr)
    assert [row["argv"][0] for row in rows][:1] == ["setup"]


def test_acme_sh(evercert, pebble, zones, tmp_path):
    """A script in the manner of acme.sh's, unchanged; what it keeps is there in the next run, though the configuration
    says it no more. The CA looks for the record itself."""
    ca = pebble()
    secrets = tmp_path / "secrets"
    secrets.write_text(f"RECORDER_Url='http://127.0.0.1:{ca.dns_management_port}'\nRECORDER_Key=hidden-key\n")
    secrets.chmod(0o600)
    entry = {"provider": "acme.sh", "script": str(SCRIPTS / "dns_recorder.sh")}
    client = evercert(ca, config=config(zones, mine={**entry, "env-file": str(secrets)}))
    client.issue("a.example", dns="mine")
    kept = client.state / "dns/mine.conf"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert {line.split("=")[0] for line in kept.read_text().splitlines()} == {"SAVED_RECORDER_Url", "SAVED_RECORDER_Key"}
    client.write_config(config(zones, mine=entry))
    client.renew("a.example", force=True)
    assert (client.state / "dns/mine.d/a.example.conf").read_text() == "RECORDER_Count=Mg\n"
    assert "hidden-key" not in client.text()
    kept.unlink()
    done = client.renew("a.example", force=True, status=FAILED)
    assert "You didn't specify a RECORDER_Url" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_acme_sh_as_another_user(evercert, pebble, zones, open_folder):
    """It has the rights of that user alone; what it keeps stays out of its reach."""
    ca = pebble()
    script = open_folder / "dns_recorder.sh"
    said = (SCRIPTS / script.name).read_text().replace("_recorder_init() {", '_recorder_init() {\n  id -un >>"$WHO"', 1)
    script.write_text(said)
    (open_folder / "who").touch()
    shutil.chown(open_folder / "who", "www-data")
    env = [f"RECORDER_Url=http://127.0.0.1:{ca.dns_management_port}", "RECORDER_Key=k", f"WHO={open_folder}/who"]
    entry = {"provider": "acme.sh", "script": str(script), "user": "www-data", "env": env}
    client = evercert(ca, folder=open_folder / "client", config=config(zones, mine=entry))
    for name in "primitive", "acme-sh-host":  # a build folder may be nobody else's to enter
        program = client.libexec() / name
        copy = program.resolve()
        program.unlink()
        shutil.copy(copy, program)
    client.issue("a.example", dns="mine")
    assert (open_folder / "who").read_text().split() == ["www-data", "www-data"]
    assert (client.state / "dns/mine.conf").stat().st_uid == 0


def test_acme_sh_variables_of_the_surrounding(evercert, pebble, zones):
    """What a script declares as its options may stand in evercert's own environment, as in a container."""
    ca = pebble()
    env = {"RECORDER_Url": f"http://127.0.0.1:{ca.dns_management_port}", "RECORDER_Key": "k"}
    entry = {"provider": "acme.sh", "script": str(SCRIPTS / "dns_recorder.sh")}
    evercert(ca, config=config(zones, mine=entry), env=env).issue("*.a.example", dns="mine")
