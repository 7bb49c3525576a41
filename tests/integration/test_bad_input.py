"""What is wrong from outside: each ends with its exit status, one clear message, and the state as it was."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import pytest
import yaml

import lineage
from disk import SmallDisk
from evercert import DONE, FAILED, LOCKED, PROCESSES, USAGE, binary, process_binary
from ports import free_port
from processes import wait_until

ERROR = "evercert: error: "
NOBODY = 65534


def only_error(done, status):
    """The text of the one error of a command that must have ended with `status`."""
    assert done.status == status, done.stdout + done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith(ERROR)]
    assert len(errors) == 1, done.stderr
    assert done.stderr.splitlines() == errors, "nothing else is said"
    return errors[0][len(ERROR) :]


@pytest.fixture
def issued(evercert, pebble):
    """A client with a certificate a.example, whose files must be the same at the end of the test."""
    client = evercert(pebble())
    client.issue("a.example")
    before = lineage.picture(client)
    yield client
    assert lineage.picture(client) == before
    lineage.check(client, "a.example")


# Configuration


@pytest.mark.parametrize(
    "text, place",
    [
        ("a: [1, 2\nb: {", ":2:2: "),
        ("\tauthority: x", ":1:1: "),
        ("just text", ":1:1: "),
        ("- a\n- b\n", ":1:1: "),
        ("email: a@example.com\nemail: b@example.com\n", ":2:1: "),
        ("a: &x [*x]\n", ":1:8: "),
        (b"email: \xff\xfe", ":1:8: "),
        (b"email: a\x00b", ":1:9: "),
    ],
)
def test_no_yaml_or_none_of_ours(issued, text, place):
    issued.config_file.write_bytes(text if isinstance(text, bytes) else text.encode())
    for words in (["list"], ["renew"], ["run"], ["config", "check"]):
        error = only_error(issued.run(*words), USAGE)
        assert error.startswith(f"{issued.config_file}{place}")


def test_all_mistakes_in_one_go(issued):
    issued.config_file.write_text(
        "emial: ops@example.com\n"
        "authorities: {x: {directory: 'http://ca.example/dir'}}\n"
        "http-01: {listen: ['127.0.0.1:99999']}\n"
        "certificates:\n"
        "  - domain: [a.example]\n"
        "    key-typ: rsa-2048\n"
        "  - domains: [a b, 'https://b.example', 10.0.0.0/8]\n"
        "    key-type: rsa-1024\n"
        "    key-mode: '0644'\n"
        "    renew-before: soon\n"
    )
    for words in (["config", "check"], ["renew"], ["run"]):
        done = issued.run(*words, status=USAGE)
        errors = [line[len(ERROR) :] for line in done.stderr.splitlines()]
        assert all(line.startswith(ERROR) for line in done.stderr.splitlines())
        found = "\n".join(error.removeprefix(f"{issued.config_file}:") for error in errors)
        for wanted in (
            "1:1: emial: unknown key (did you mean email?)",
            "2:30: authorities.x.directory: ",
            "3:20: http-01.listen[0]: ",
            "5:5: certificates[0].domain: unknown key (did you mean domains?)",
            "6:5: certificates[0].key-typ: unknown key (did you mean key-type?)",
            "7:15: certificates[1].domains[0]: ",
            "7:20: certificates[1].domains[1]: ",
            "7:41: certificates[1].domains[2]: ",
            "8:15: certificates[1].key-type: ",
            "9:15: certificates[1].key-mode: ",
            "10:19: certificates[1].renew-before: ",
        ):
            assert wanted in found


IMPOSSIBLE = [
    ({"certificates": [{"domains": ["a.example"]}, {"domains": ["a.example"]}]}, "a.example"),
    ({"certificates": [{"name": "../up", "domains": ["a.example"]}]}, "certificates[0].name"),
    ({"certificates": [{"domains": ["a.example"], "webroot": "relative"}]}, "certificates[0].webroot"),
    ({"certificates": [{"domains": [f"n{n}.example" for n in range(101)]}]}, "100"),
    ({"certificates": [{"domains": ["a.example"], "authority": "nobody"}]}, "nobody"),
    ({"certificates": [{"domains": ["a.example"], "deploy": [{"run": "reload nginx"}]}]}, "deploy[0].run"),
    ({"certificates": [{"domains": ["a.example"], "renew-before": "0s"}]}, "renew-before"),
    ({"email": "no address"}, "email"),
    ({"agree-tos": "perhaps"}, "true or false"),
    ({"docker": {"socket": "/run/docker.sock"}}, "docker.socket: write the path of a socket as unix:///run/docker.sock"),
    ({"challenge": ["http-01", "dns-02"]}, "challenge[1]: expected one of http-01, "),
    ({"challenge": ["http-01", "dns-01"]}, "challenge: the challenge is one in the DNS, but nothing says how"),
    ({"authority": "zerossl"}, "https://app.zerossl.com/developer"),
    ({"authority": "letsencrypt", "authorities": {"zerossl": {"eab-kid": "k"}}}, "eab-hmac-file"),
    (
        {"authority": "letsencrypt", "authorities": {"google": {"eab-kid": "k", "eab-hmac": "not base64"}}},
        "authorities.google.eab-hmac",
    ),
    ({"key-type": ["rsa-2048", "rsa-4096"]}, "one ECDSA and one RSA"),
    ({"key-type": "ed25519"}, "account-key-type"),
    ({"certificates": [{"domains": ["::ffff:10.0.0.1"]}]}, "write 10.0.0.1"),
    ({"certificates": [{"domains": ["a.example"], "csr-file": "/does/not/exist"}]}, "csr-file"),
    ({"certificates": [{"domains": ["a.example"], "on-rejected-name": "ignore"}]}, "issue-without"),
]


def test_impossible_values(issued):
    for settings, wanted in IMPOSSIBLE:
        issued.write_config(settings)
        error = only_error(issued.run("config", "check"), USAGE)
        assert wanted in error, settings
        assert only_error(issued.run("renew"), USAGE) == error


def test_a_file_that_is_missing_or_none(issued, tmp_path):
    issued.config_file = tmp_path / "nowhere.yaml"
    assert "nowhere.yaml: No such file or directory" in only_error(issued.run("list"), USAGE)
    issued.config_file.mkdir()
    assert "is not a regular file" in only_error(issued.run("list"), USAGE)


def test_a_bad_file_at_a_reload_changes_nothing(evercert, pebble):
    client = evercert(pebble(), config={"certificates": [{"domains": ["a.example"]}]})
    client.run_daemon()
    wait_until(lambda: client.live("a.example").exists(), "the certificate", 30)
    client.config_file.write_text("certificates: [{domain: [b.example]}]\n")
    client.reload()
    assert "certificates[0].domain: unknown key (did you mean domains?)" in client.text()
    assert [row["name"] for row in client.list()] == ["a.example"]
    client.write_config({"certificates": [{"domains": ["a.example"]}, {"domains": ["b.example"]}]})
    client.reload()
    wait_until(lambda: client.live("b.example").exists(), "the second certificate", 30)
    client.stop_daemon()


# Usage


WRONG_USAGE = [
    (["frobnicate"], "unknown command frobnicate"),
    (["isue"], "did you mean issue?"),
    (["account", "shwo"], "did you mean account show?"),
    (["account"], "show, register, update"),
    (["schema"], "config schema"),
    ([], "no command"),
    (["issue"], "-d NAME"),
    (["issue", "a.example"], "-d a.example"),
    (["issue", "-d", "a.example,b.example"], "one name for each -d"),
    (["issue", "-d"], "--domain needs a value"),
    (["issue", "-d", "a.example", "--key-typ", "rsa-2048"], "did you mean --key-type?"),
    (["issue", "-d", "a.example", "--key-type", "dsa"], "ecdsa-p256, ecdsa-p384"),
    (["issue", "-d", "a.example", "--http-port", "70000"], "1 to 65535"),
    (["issue", "-d", "a.example", "--deploy", "a | b"], "no shell"),
    (["issue", "-d", "a.example", "--name", "../up"], "--name"),
    (["issue", "-d", "a.example", "--authority", "nobody"], "nobody"),
    (["issue", "-d", "a.example", "--staging"], "authorities.test.staging"),
    (["issue", "-d", "a.example", "--dry-run"], "authorities.test.staging"),
    (["issue", "-d", "a..example"], "a..example"),
    (["renew", "--force"], "--force needs the names"),
    (["revoke", "a.example", "--reason", "boredom"], "unspecified, keyCompromise"),
    (["revoke"], "CERT is missing"),
    (["forget"], "CERT is missing"),
    (["show"], "CERT is missing"),
    (["show", "a.example", "b.example"], "one CERT at a time"),
    (["run", "a.example"], "takes no arguments"),
    (["list", "-x"], "unknown option -x"),
]


def test_wrong_usage(issued):
    for words, wanted in WRONG_USAGE:
        assert wanted in only_error(issued.run(*words), USAGE), words


@pytest.mark.parametrize("daemon", [False, True])
def test_a_certificate_that_does_not_exist(issued, daemon):
    if daemon:
        issued.run_daemon()
    for words in (["show"], ["renew"], ["renew", "--force"], ["revoke"], ["forget"]):
        error = only_error(issued.run(*words, "b.example"), FAILED)
        assert error == "there is no certificate b.example; evercert list shows all", words


# The system


def test_a_port_in_use(evercert, pebble):
    ca = pebble()
    client = evercert(ca)
    with socket.create_server(("127.0.0.1", ca.http_port)):
        error = only_error(client.run("issue", "-d", "a.example"), FAILED)
        assert error.startswith(f"a.example: http-01: cannot listen on 127.0.0.1:{ca.http_port}: the port is in use")
        assert client.list() == []
        client.write_config({"certificates": [{"domains": ["a.example"]}]})
        done = client.run("run", status=FAILED)
        assert f"{ERROR}a.example: http-01: cannot listen on 127.0.0.1:{ca.http_port}: the port is in use" in done.stderr
    client.renew()
    lineage.check(client, "a.example")


def test_a_seal_key_that_others_can_read(issued):
    key = issued.state / "seal.key"
    key.chmod(0o644)
    for words in (["list"], ["renew", "--force", "a.example"]):
        error = only_error(issued.run(*words), FAILED)
        assert f"{issued.state}: seal.key" in error and "chmod 600 seal.key" in error
    done = issued.run("run", status=FAILED)
    assert done.stderr.splitlines()[-1].startswith(f"{ERROR}{issued.state}: seal.key")
    key.chmod(0o600)
    assert issued.run("list").status == DONE


def test_a_seal_key_that_is_gone_or_cut_short(issued):
    key = issued.state / "seal.key"
    secret = key.read_bytes()
    key.unlink()
    assert "seal.key is missing" in only_error(issued.run("list"), FAILED)
    assert not key.exists()
    key.touch(mode=0o600)
    key.write_bytes(secret[:16])
    assert "16 bytes instead of 32" in only_error(issued.run("list"), FAILED)
    key.write_bytes(secret)
    assert issued.run("list").status == DONE


def test_a_state_directory_that_others_can_write(issued):
    issued.state.chmod(0o777)
    error = only_error(issued.run("list"), FAILED)
    assert f"chmod go-w {issued.state}" in error
    issued.state.chmod(0o755)


def test_a_state_that_is_a_file(evercert, pebble, tmp_path):
    client = evercert(pebble())
    client.state = tmp_path / "file"
    client.state.touch()
    assert str(client.state) in only_error(client.run("list"), FAILED)


class SomeUser:
    """evercert as a user who is not root, in a folder that this user can reach."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="evercert-user-"))
        self.folder.chmod(0o755)
        self.home = self.folder / "home"
        self.home.mkdir()
        os.chown(self.home, NOBODY, NOBODY)
        # The build may be in a place of ours.
        for program in [binary(), *map(process_binary, PROCESSES)]:
            shutil.copy(program, self.folder / program.name)

    def run(self, *words, config="", groups="--clear-groups"):
        (self.folder / "evercert.yaml").write_text(config)
        argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", groups, "--", str(self.folder / "evercert")]
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "EVERCERT_LIBEXEC": str(self.folder),
            "ASAN_OPTIONS": "detect_leaks=0",
        }
        argv += ["-c", str(self.folder / "evercert.yaml"), *map(str, words)]
        done = subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, timeout=60)
        done.status = done.returncode
        return done


@pytest.fixture
def user():
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    someone = SomeUser()
    yield someone
    shutil.rmtree(someone.folder)


def test_someone_who_is_not_root(user, pebble):
    """Needs no rights but those to the own files and to a port above 1023."""
    ca = pebble()
    shutil.copy(ca.ca_file, user.folder / "root.pem")
    (user.folder / "root.pem").chmod(0o644)
    config = yaml.safe_dump(
        {
            "agree-tos": True,
            "authority": "test",
            "authorities": {"test": {"directory": ca.url, "ca-file": str(user.folder / "root.pem")}},
            "http-01": {"listen": [f"127.0.0.1:{ca.http_port}"]},
        }
    )
    done = user.run("issue", "-d", "a.example", config=config)
    assert (done.status, done.stderr) == (DONE, "")
    live = user.home / ".local/state/evercert/live/a.example"
    assert (live / "privkey.pem").stat().st_uid == NOBODY
    assert lineage.mode(live / "privkey.pem") == 0o600


def test_a_state_directory_of_somebody_else(user):
    state = user.folder / "state"
    state.mkdir(mode=0o755)
    error = only_error(user.run("list", "--state", state), FAILED)
    assert error.startswith(f"state directory {state} is not writable")
    error = only_error(user.run("list", "--state", user.folder / "new"), FAILED)
    assert error.startswith(f"state directory {user.folder}/new cannot be made")
    assert list(state.iterdir()) == []


def test_a_configuration_that_may_not_be_read(user):
    (user.folder / "evercert.yaml").touch()
    (user.folder / "evercert.yaml").chmod(0o600)
    for words in (["list"], ["config", "check"], ["run"]):
        error = only_error(user.run(*words), USAGE)
        assert f"{user.folder}/evercert.yaml" in error and "Permission denied" in error


def test_a_state_that_is_held(evercert, pebble):
    client = evercert(pebble())
    client.run_daemon()
    error = only_error(client.run("run"), LOCKED)
    assert f"another evercert (process {client.daemon.pid}) holds {client.state}" in error
    assert client.list() == []
    client.stop_daemon()


def test_a_state_that_a_command_holds(evercert, pebble):
    """A command without a daemon in the way of another: the second one says so and asks nobody."""
    ca = pebble()
    client = evercert(ca)
    client.run("account", "register", status=DONE)
    ca.pause()
    first = client.start("issue", "-d", "a.example")
    client.pid_of("engine")  # so the state is taken
    error = only_error(client.run("issue", "-d", "b.example"), LOCKED)
    assert "another evercert (process " in error and str(client.state) in error
    ca.resume()
    assert first.wait(30) == DONE
    lineage.check(client, "a.example")


# The CA


def test_a_ca_that_is_not_there(evercert, pebble):
    client = evercert(pebble())
    port = free_port()
    client.write_config({"authorities": {"test": {"directory": f"https://127.0.0.1:{port}/dir"}}})
    error = only_error(client.run("issue", "-d", "a.example"), FAILED)
    assert error.startswith(f"a.example: authority test: 127.0.0.1:{port}: cannot connect: Connection refused; ")
    assert "tries again after 20" in error and "(in " in error
    row = client.show("a.example")
    assert (row["state"], row["failures"]) == ("failing", 1)
    assert "Connection refused" in row["last_error"] and row["next_renewal"] is not None
    client.write_config()
    done = client.renew("a.example")
    assert "failed last time, not due before" in done.stdout
    client.renew("a.example", force=True)
    lineage.check(client, "a.example")
    assert client.show("a.example")["last_error"] is None


def test_a_renewal_that_fails_leaves_what_there_is(issued):
    issued.pebble.stop()
    error = only_error(issued.run("renew", "--force", "a.example"), FAILED)
    assert error.startswith("a.example: ") and "Connection refused" in error
    row = issued.show("a.example")
    assert (row["state"], row["generation"]) == ("failing", 1)


def test_a_ca_whose_root_is_not_known(evercert, pebble):
    ca = pebble()
    client = evercert(ca)
    client.write_config({"authorities": {"test": {"directory": ca.url}}})
    error = only_error(client.run("issue", "-d", "a.example"), FAILED)
    assert "its certificate is not trusted" in error and "ca-file" in error
    assert ca.requests() == []


def test_a_ca_file_that_is_none(evercert, pebble, tmp_path):
    ca = pebble()
    client = evercert(ca)
    file = tmp_path / "root.pem"
    client.write_config({"authorities": {"test": {"directory": ca.url, "ca-file": str(file)}}})
    for content, wanted in ((None, "No such file"), (b"", "no certificate"), (b"not PEM at all\n", "no certificate")):
        if content is not None:
            file.write_bytes(content)
        done = client.run("issue", "-d", "a.example")
        assert done.status in (FAILED, USAGE)
        assert "ca-file of authority test: " in done.stderr and str(file) in done.stderr and wanted in done.stderr
    assert ca.requests() == []


def test_a_directory_that_is_none(evercert, pebble):
    ca = pebble()
    client = evercert(ca)
    client.write_config({"authorities": {"test": {"directory": ca.url + "x", "ca-file": str(ca.ca_file)}}})
    error = only_error(client.run("issue", "-d", "a.example"), FAILED)
    assert "is this an ACME directory?" in error


def test_a_name_the_ca_refuses(evercert, pebble, each_pebble):
    ca = pebble(each_pebble, config={"domainBlocklist": ["blocked.example"]})
    client = evercert(ca)
    error = only_error(client.run("issue", "-d", "a.example", "-d", "blocked.example"), FAILED)
    assert error.startswith("a.example: ")
    assert "blocked.example" in error and "rejectedIdentifier" in error
    assert client.list() == [] and not client.live("a.example").exists()
    failed = [entry for entry in log(client) if entry["event"] == "failed"]
    assert [entry["detail"]["problem"] for entry in failed] == ["rejectedIdentifier"]


def log(client):
    return [json.loads(line) for line in client.run("log", "--json", status=DONE).stdout.splitlines()]


def test_nothing_listens_where_the_ca_looks(evercert, pebble, each_pebble):
    ca = pebble(each_pebble)
    client = evercert(ca, listen=[f"127.0.0.1:{free_port()}"])
    error = only_error(client.run("issue", "-d", "a.example"), FAILED)
    assert error.startswith("a.example: the CA could not validate the name")
    assert "connection refused" in error and "port 80" in error
    assert client.list() == []


def test_a_name_that_is_not_in_the_dns(evercert, pebble):
    ca = pebble()
    ca.dns("set-servfail", host="gone.example.")
    client = evercert(ca)
    error = only_error(client.run("issue", "-d", "a.example", "-d", "gone.example"), FAILED)
    assert "could not validate 1 of 2 names" in error and "gone.example: " in error


def test_an_authority_that_left_the_configuration(evercert, pebble):
    ca = pebble(validity=120)
    client = evercert(ca)
    entry = {"directory": ca.url, "ca-file": str(ca.ca_file)}
    client.write_config({"authorities": {"test": entry, "other": entry | {"directory": ca.url + "?x"}}})
    client.issue("a.example", authority="other", renew_before="300s")
    client.write_config()
    for words in (["renew"], ["renew", "--force", "a.example"]):
        error = only_error(client.run(*words), FAILED)
        assert error.startswith("a.example: authority other is not configured")
    lineage.check(client, "a.example")


# No room


@pytest.mark.parametrize("leave", [0, 8, 32, 64])
def test_a_full_disk(evercert, pebble, processes, tmp_path, leave):
    disk = SmallDisk(processes, tmp_path / "disk", tmp_path / "disk.log", 4096)
    if disk.why_not():
        pytest.skip(disk.why_not())
    client = evercert(pebble(), through=disk.through)
    seen = evercert(client.pebble)  # looks on from outside
    client.state, seen.state = tmp_path / "disk/state", disk.inside(tmp_path / "disk/state")
    client.issue("a.example")
    client.run("list", status=DONE)
    before = lineage.picture(seen)
    disk.fill(leave)
    done = client.run("renew", "--force", "a.example", timeout=120)
    after = lineage.picture(seen)
    disk.empty()
    error = only_error(done, FAILED)
    assert "the disk is full: " in error and "1048 kB are needed; free some space" in error
    if lineage.generation(seen, "a.example") == 1:
        assert after == before
    lineage.check(seen, "a.example")
    client.renew("a.example", force=True)
    lineage.check(seen, "a.example")
    assert lineage.generation(seen, "a.example") >= 2


def test_a_full_disk_below_a_daemon(evercert, pebble, processes, tmp_path):
    """It says so and goes on when there is room; whoever asks in between gets an answer."""
    disk = SmallDisk(processes, tmp_path / "disk", tmp_path / "disk.log", 4096)
    if disk.why_not():
        pytest.skip(disk.why_not())
    client = evercert(pebble(), through=disk.through)
    seen = evercert(client.pebble)
    client.state, seen.state = tmp_path / "disk/state", disk.inside(tmp_path / "disk/state")
    client.run_daemon()
    client.issue("a.example")
    before = lineage.picture(seen)
    disk.fill(0)
    error = only_error(client.run("issue", "-d", "b.example"), FAILED)
    assert "disk is full; free some space" in error
    assert [row["name"] for row in client.list() if row["generation"]] == ["a.example"]
    assert lineage.picture(seen) == before
    disk.empty()
    wait_until(lambda: "the store can be written again" in client.text(), "the daemon to see the room", 30)
    client.issue("b.example")
    lineage.check(seen, "b.example")


# Text of a key of external account binding; found wherever it leaks.
EAB_KEY = "bXktc2VjcmV0LWtleQ"


def test_secrets_of_the_configuration_stay_there(issued, tmp_path):
    key = tmp_path / "eab.key"
    key.write_text(EAB_KEY + "\n")
    key.chmod(0o600)
    entries = {
        "google": {"eab-kid": "kid", "eab-hmac-file": str(key)},
        "zerossl": {"eab-kid": "kid", "eab-hmac": EAB_KEY},
    }
    issued.write_config({"authority": "google", "authorities": entries})
    shown = issued.run("config", "show", status=DONE).stdout
    assert EAB_KEY not in shown and "(redacted)" in shown and str(key) in shown
    assert "https://dv.acme-v02.api.pki.goog/directory" in shown
    key.chmod(0o644)
    error = only_error(issued.run("config", "check"), USAGE)
    assert "authorities.google.eab-hmac-file: " in error and "chmod 600" in error and EAB_KEY not in error
    issued.write_config({"authority": "letsencrypt", "authorities": None})
    words = ("account", "register", "--authority", "google", "--eab-kid", "kid", "--eab-hmac-file", str(key))
    error = only_error(issued.run(*words), USAGE)
    assert error.startswith("--eab-hmac-file: ") and EAB_KEY not in error
