"""Hooks that were written for other clients run as they are: everything that those clients promise them is there. The
real clients say what that is, where they can be asked: they call the same recorder."""

import json
import os
import pathlib
import pwd
import shutil
import subprocess

import pytest

from evercert import DONE, FAILED
from peers import from_cache

# Writes down how it was called: one JSON line a call, in the file that the environment names.
RECORDER = """#!/usr/bin/python3 -I
import json, os, sys
row = {"program": os.path.basename(sys.argv[0]), "argv": sys.argv[1:], "env": dict(os.environ), "uid": os.geteuid()}
with open(os.environ["RECORD"], "a") as f:
    f.write(json.dumps(row) + "\\n")
"""

BLOCKED = "blocked-domain.example"
DEHYDRATED_EXAMPLE = pathlib.Path("/usr/share/doc/dehydrated/examples/hook.sh")


class Recorder:
    def __init__(self, folder):
        self.file = folder / "record"
        self.program = folder / "recorder"
        self.program.write_text(RECORDER)
        self.program.chmod(0o755)

    @property
    def env(self):
        return {"RECORD": str(self.file)}

    def step(self, dialect, *words, program=None, **more):
        return {"run": [str(program or self.program), *words], "dialect": dialect, "env": self.env, **more}

    def rows(self):
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    def take(self):
        rows = self.rows()
        self.file.unlink(missing_ok=True)
        return rows


@pytest.fixture
def recorder(tmp_path):
    return Recorder(tmp_path)


@pytest.fixture
def ca(pebble):
    return pebble(config={"domainBlocklist": [BLOCKED]})


def config(*steps, domains=("a.example", "www.a.example"), **more):
    return {"certificates": [{"domains": list(domains), "deploy": list(steps), **more}]}


def said(row, prefix):
    """The variables of a client's own."""
    return {name: value for name, value in row["env"].items() if name.startswith(prefix)}


def names_in(rows, prefix):
    return {name for row in rows for name in said(row, prefix)}


def same_files(row, names, client, files):
    for name in names:
        file = files[name]
        assert row["env"][name] == str(client.live("a.example") / file), name
        assert pathlib.Path(row["env"][name]).is_file(), name


# certbot


def make_folder(recorder, folder):
    """A /etc/letsencrypt/renewal-hooks as people have it."""
    hooks = folder / "renewal-hooks"
    for part, names in {"pre": ["stop"], "deploy": ["10-first", "20-second", "30-off", "10-first~"], "post": ["go"]}.items():
        (hooks / part).mkdir(parents=True)
        for name in names:
            shutil.copy(recorder.program, hooks / part / name)
    (hooks / "deploy" / "30-off").chmod(0o644)
    return hooks


def test_certbot_folder(evercert, ca, recorder, tmp_path):
    """pre, deploy and post, in their order; a script without #! is one, too."""
    hooks = make_folder(recorder, tmp_path)
    script = hooks / "deploy" / "15-script"
    script.write_text('set -e\nfor domain in $RENEWED_DOMAINS; do echo "$domain"; done > "$RECORD.script"\n'
                      'cat "$RENEWED_LINEAGE/fullchain.pem" "$RENEWED_LINEAGE/privkey.pem" > "$RECORD.pem"\n')  # fmt: skip
    script.chmod(0o755)
    client = evercert(ca, config=config(recorder.step("certbot", program=hooks)))
    client.renew()
    rows = recorder.take()
    assert [row["program"] for row in rows] == ["stop", "10-first", "20-second", "go"]
    pre, first, second, post = rows
    assert said(pre, "RENEWED_") == said(pre, "FAILED_") == {}
    for row in first, second:
        assert said(row, "RENEWED_") == {
            "RENEWED_LINEAGE": str(client.live("a.example")), "RENEWED_DOMAINS": "a.example www.a.example",
        }  # fmt: skip
    assert (post["env"]["RENEWED_DOMAINS"], post["env"]["FAILED_DOMAINS"]) == ("a.example www.a.example", "")
    assert all(row["argv"] == [] for row in rows)
    assert pathlib.Path(f"{recorder.file}.script").read_text().split() == ["a.example", "www.a.example"]
    assert "PRIVATE KEY" in pathlib.Path(f"{recorder.file}.pem").read_text()
    # One that fails does not keep the others from their work, and is told by its name.
    script.write_text("echo the mail server is away; exit 3\n")
    done = client.renew("a.example", force=True, status=FAILED)
    assert [row["program"] for row in recorder.take()] == ["stop", "10-first", "20-second", "go"]
    assert f"{script} exited with status 3: the mail server is away" in done.stderr
    script.unlink()
    client.renew("a.example")
    assert [row["program"] for row in recorder.take()] == ["10-first", "20-second"]
    assert client.row("a.example")["deploy"]["state"] == "done"


def test_certbot_post_hook_knows_what_failed(evercert, ca, recorder):
    step = recorder.step("certbot", on=["finished"])
    ours = config(step)["certificates"] + config(step, domains=[BLOCKED])["certificates"]
    client = evercert(ca, config={"certificates": ours})
    client.renew(status=FAILED)
    good = " ".join(row["env"]["RENEWED_DOMAINS"] for row in recorder.rows()).split()
    bad = " ".join(row["env"]["FAILED_DOMAINS"] for row in recorder.rows()).split()
    assert (good, bad) == (["a.example", "www.a.example"], [BLOCKED])
    assert any(BLOCKED in row["env"].get("EVERCERT_ERROR", "") for row in recorder.rows())


def test_certbot_itself_promises_no_more(evercert, ca, recorder, tmp_path):
    own = [("--config-dir", "c"), ("--work-dir", "w"), ("--logs-dir", "l")]
    subprocess.run(
        ["certbot", "certonly", "-n", "--standalone", "--http-01-port", str(ca.http_port), "--server", ca.url,
         "--agree-tos", "-m", "ops@example.com", *(word for key, name in own for word in (key, str(tmp_path / name))),
         "-d", "a.example", "-d", "www.a.example", "--deploy-hook", str(recorder.program)],
        env={**os.environ, **recorder.env, "REQUESTS_CA_BUNDLE": str(ca.ca_file)}, check=True, capture_output=True,
        timeout=60,
    )  # fmt: skip
    (theirs,) = recorder.take()
    client = evercert(ca, config=config(recorder.step("certbot")))
    client.renew()
    (ours,) = recorder.take()
    assert set(said(theirs, "RENEWED_")) == {"RENEWED_LINEAGE", "RENEWED_DOMAINS"} == set(said(ours, "RENEWED_"))
    assert ours["env"]["RENEWED_DOMAINS"] == theirs["env"]["RENEWED_DOMAINS"]
    files = {path.name for path in pathlib.Path(theirs["env"]["RENEWED_LINEAGE"]).glob("*.pem")}
    assert files <= {path.name for path in pathlib.Path(ours["env"]["RENEWED_LINEAGE"]).glob("*.pem")}


# dehydrated


def example_hook(recorder, folder):
    """The hook that comes with dehydrated, which tells the recorder first."""
    lines = DEHYDRATED_EXAMPLE.read_text().splitlines()
    lines.insert(1, f'{recorder.program} "$@"')
    hook = folder / "hook.sh"
    hook.write_text("\n".join(lines) + "\n")
    hook.chmod(0o755)
    return hook


def test_dehydrated(evercert, ca, recorder, tmp_path):
    """All functions of a hook that evercert calls, as dehydrated itself calls them."""
    hook = example_hook(recorder, tmp_path)
    client = evercert(ca, config=config(recorder.step("dehydrated", program=hook), domains=["a.example"]))
    client.renew()
    live = client.live("a.example")
    start, deploy, end = recorder.take()
    assert start["argv"] == ["startup_hook"]
    files = [str(live / name) for name in ("privkey.pem", "cert.pem", "fullchain.pem", "chain.pem")]
    assert deploy["argv"][:6] == ["deploy_cert", "a.example", *files]
    assert deploy["argv"][6].isdecimal() and len(deploy["argv"]) == 7
    assert end["argv"] == ["exit_hook"]
    # The real one, of the same certificate: all it tells is told.
    theirs = run_dehydrated(ca, hook, recorder, tmp_path / "dehydrated")
    (their_deploy,) = [row for row in theirs if row["argv"][0] == "deploy_cert"]
    assert [pathlib.Path(word).name for word in their_deploy["argv"][:6]] == [
        pathlib.Path(word).name for word in deploy["argv"][:6]
    ]
    assert len(their_deploy["argv"]) == len(deploy["argv"])
    for name in ("altnames", "alias", "COMMAND"):
        assert their_deploy["env"][name] == deploy["env"][name]
    assert [row["argv"] for row in theirs if row["argv"][0] in ("startup_hook", "exit_hook")] == [["startup_hook"], ["exit_hook"]]
    # And what fails.
    client.write_config(config(recorder.step("dehydrated", program=hook), domains=[BLOCKED]))
    client.renew(status=FAILED)
    told = {row["argv"][0]: row["argv"][1:] for row in recorder.take()}
    assert list(told) in (["startup_hook", "request_failure", "exit_hook"], ["startup_hook", "exit_hook", "request_failure"])
    assert BLOCKED in told["exit_hook"][0]
    assert len(told["request_failure"]) == 4 and BLOCKED in told["request_failure"][1]


def run_dehydrated(ca, hook, recorder, folder):
    """With a small web server for the answers to its challenges."""
    webroot = folder / "www/.well-known/acme-challenge"
    webroot.mkdir(parents=True)
    (folder / "config").write_text(
        f"CA={ca.url}\nBASEDIR={folder}\nWELLKNOWN={webroot}\nHOOK={hook}\nCONTACT_EMAIL=ops@example.com\n"
        f"KEYSIZE=2048\nKEY_ALGO=prime256v1\nCURL_OPTS='--cacert {ca.ca_file}'\n"
    )
    (folder / "domains.txt").write_text("a.example\n")
    server = subprocess.Popen(
        ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", str(ca.http_port)],
        cwd=folder / "www", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for words in (["--register", "--accept-terms"], ["--cron"]):
            done = subprocess.run(
                ["dehydrated", "--config", str(folder / "config"), *words],
                env={**os.environ, **recorder.env}, capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
    finally:
        server.terminate()
        server.wait()
    return recorder.take()


# lego


LEGO_FILES = {
    "CERT_PATH": "fullchain.pem",
    "CERT_KEY_PATH": "privkey.pem",
    "ISSUER_CERT_PATH": "chain.pem",
    "CERT_PEM_PATH": "combined.pem",
}


def lego_hook(program, option, ca, recorder, folder):
    before = [program, "--server", ca.url, "--email", "ops@example.com", "--accept-tos", "--path", str(folder)]
    names = ["--domains", "a.example", "--domains", "www.a.example", "--http", "--http.port", f":{ca.http_port}", "--pem"]
    done = subprocess.run(
        [*before, *names, "run", option, str(recorder.program)],
        env={**os.environ, **recorder.env, "LEGO_CA_CERTIFICATES": str(ca.ca_file)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = recorder.take()
    return row


def test_lego(evercert, ca, recorder, tmp_path):
    """The variables of both generations; the real one says those of the first."""
    theirs = lego_hook(str(from_cache("lego-new", "lego")), "--run-hook", ca, recorder, tmp_path / "lego")
    client = evercert(ca, config=config(recorder.step("lego")))
    client.renew()
    (ours,) = recorder.take()
    promised = set(said(theirs, "LEGO_")) - {"LEGO_CA_CERTIFICATES"}
    assert promised and promised <= set(said(ours, "LEGO_"))
    for name in promised - {f"LEGO_{key}" for key in LEGO_FILES}:
        assert ours["env"][name] == theirs["env"][name], name
    for prefix in ("LEGO_", "LEGO_HOOK_"):
        names = {prefix + key: file for key, file in LEGO_FILES.items()}
        if prefix == "LEGO_HOOK_":
            names["LEGO_HOOK_ISSUER_CERT_PATH"] = "chain.pem"
        same_files(ours, names, client, names)
    for name in ("CERT_PATH", "CERT_KEY_PATH"):  # how many things are in it
        counts = [pathlib.Path(row["env"][f"LEGO_{name}"]).read_text().count("-----BEGIN") for row in (ours, theirs)]
        assert counts[0] == counts[1], name
    assert said(ours, "LEGO_HOOK_") == {
        **said(ours, "LEGO_HOOK_"),
        "LEGO_HOOK_ACCOUNT_ID": "ops@example.com",
        "LEGO_HOOK_ACCOUNT_EMAIL": "ops@example.com",
        "LEGO_HOOK_ACCOUNT_SERVER": ca.url,
        "LEGO_HOOK_CERT_NAME": "a.example",
        "LEGO_HOOK_CERT_NAME_SANITIZED": "a.example",
        "LEGO_HOOK_CERT_KEY_TYPE": "EC256",
        "LEGO_HOOK_CERT_DOMAINS": "a.example,www.a.example",
    }


# mod_md, acme.sh


def test_mod_md(evercert, ca, recorder, tmp_path):
    """MDMessageCmd: its own words, the reason, the name. `renewed` is called until it succeeds, then `installed`."""
    command = tmp_path / "md-message"
    refuse = tmp_path / "refuse"
    command.write_text(f'#!/bin/sh\n{recorder.program} "$@"\n[ "$2" != renewed ] || [ ! -e {refuse} ]\n')
    command.chmod(0o755)
    refuse.touch()
    client = evercert(ca, config=config(recorder.step("mod_md", "fred", program=command)))
    client.renew(status=FAILED)
    assert [row["argv"] for row in recorder.take()] == [
        ["fred", "renewing", "a.example"], ["fred", "renewed", "a.example"], ["fred", "errored", "a.example"],
    ]  # fmt: skip
    refuse.unlink()
    client.renew("a.example")
    assert [row["argv"] for row in recorder.take()] == [
        ["fred", "renewed", "a.example"], ["fred", "installed", "a.example"],
    ]  # fmt: skip
    client.write_config(config(recorder.step("mod_md", "fred", program=command), domains=[BLOCKED]))
    client.renew(status=FAILED)
    assert [row["argv"][1] for row in recorder.take()] == ["renewing", "errored"]


def test_acme_sh_reload_command(evercert, ca, recorder, tmp_path):
    script = f'{recorder.program}; cat "$CERT_FULLCHAIN_PATH" "$CERT_KEY_PATH" > {tmp_path}/"$Le_Domain".pem'
    client = evercert(ca, config=config(recorder.step("acme.sh", "-c", script, program="/bin/sh")))
    client.renew()
    (row,) = recorder.take()
    files = {
        "CERT_PATH": "cert.pem", "CERT_KEY_PATH": "privkey.pem", "CA_CERT_PATH": "chain.pem",
        "CERT_FULLCHAIN_PATH": "fullchain.pem",
    }  # fmt: skip
    same_files(row, files, client, files)
    assert (row["env"]["Le_Domain"], row["env"]["Le_Alt"]) == ("a.example", "www.a.example")
    assert "PRIVATE KEY" in (tmp_path / "a.example.pem").read_text()


# Of evercert's own


def test_batch(evercert, ca, recorder):
    """One call for all of them, that says nothing of a single one."""
    step = recorder.step("evercert", batch=True)
    names = ["a.example", "b.example", "c.example"]
    certificates = [certificate for name in names for certificate in config(step, domains=[name])["certificates"]]
    client = evercert(ca, config={"certificates": certificates})
    client.renew()
    rows = recorder.take()
    told = sorted(name for row in rows for name in row["env"]["EVERCERT_NAMES"].split())
    assert told == names
    for row in rows:
        assert set(said(row, "EVERCERT_")) == {"EVERCERT_EVENT", "EVERCERT_NAMES", "EVERCERT_LIVE"}
        assert "RENEWED_LINEAGE" not in row["env"]
        for name in row["env"]["EVERCERT_NAMES"].split():
            assert (pathlib.Path(row["env"]["EVERCERT_LIVE"]) / name / "fullchain.pem").is_file()


def test_environment_of_a_step(evercert, ca, recorder):
    step = recorder.step("evercert")
    step["env"] = {**step["env"], "RELOAD_URL": "http://[::1]/?a=b c", "LANG": "de_DE.UTF-8"}
    client = evercert(ca, config=config(step))
    client.renew()
    (row,) = recorder.take()
    assert (row["env"]["RELOAD_URL"], row["env"]["LANG"]) == ("http://[::1]/?a=b c", "de_DE.UTF-8")


@pytest.mark.skipif(os.geteuid() != 0, reason="files of others are made here")
def test_a_program_that_others_may_change_is_not_run(evercert, ca, recorder, open_folder):
    """Whoever may write it would become root; the error says where, and what helps."""
    folder = open_folder / "hooks"
    folder.mkdir()
    program = folder / "hook"
    shutil.copy(recorder.program, program)
    client = evercert(ca, config=config(recorder.step("evercert", program=program)))
    link = open_folder / "link"
    link.symlink_to(program)
    cases = [
        (lambda: program.chmod(0o757), f"chmod go-w {program}", program),
        (lambda: (program.chmod(0o755), os.chown(program, 0, 33), program.chmod(0o775)), f"chmod g-w {program}", program),
        (lambda: (program.chmod(0o755), folder.chmod(0o777)), f"chmod go-w {folder}", program),
        (lambda: (folder.chmod(0o755), os.chown(program, 65534, 0)), f"chown root {program}", program),
        (lambda: (os.chown(program, 0, 0), os.chown(folder, 65534, 0)), f"chown root {folder}", link),
    ]
    for spoil, remedy, named in cases:
        spoil()
        client.write_config(config(recorder.step("evercert", program=named)))
        done = client.renew("a.example", status=FAILED) if client.live("a.example").exists() else client.renew(status=FAILED)
        assert remedy in done.stderr, done.stderr
    assert recorder.rows() == []
    os.chown(folder, 0, 0)
    client.renew("a.example")
    assert len(recorder.take()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="sudo's rules and other users are made here")
def test_sudo(evercert, ca, recorder, open_folder):
    """A daemon of a normal user runs a hook as another one where a rule of sudo says so."""
    nobody, other = 65534, pwd.getpwnam("www-data")
    (open_folder / "root.pem").write_bytes(pathlib.Path(ca.ca_file).read_bytes())
    script = open_folder / "hook"
    script.write_text('#!/bin/sh\necho "as $(id -u) of $EVERCERT_NAME: $1"\n')
    script.chmod(0o755)
    rules = open_folder / "sudoers.d"
    rules.mkdir(mode=0o750)
    rule = rules / "evercert"
    rule.write_text(
        f"nobody ALL=(www-data) NOPASSWD: {script} now\n"
        f'Defaults!{script} env_keep += "EVERCERT_*"\n'
    )
    rule.chmod(0o440)
    # The rule is there for this evercert alone.
    through = ["unshare", "--mount", "sh", "-c", f'mount --bind {rules} /etc/sudoers.d && exec "$@"', "sh",
               "setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups", "--"]  # fmt: skip
    client = evercert(ca, folder=open_folder / "e", through=through)
    for path in (client.folder, client.sockets, client.config_file, client.log):
        os.chown(path, nobody, nobody)

    def configure(word):
        step = {"run": [str(script), word], "user": "www-data"}
        authority = {"directory": ca.url, "ca-file": str(open_folder / "root.pem")}
        client.write_config({**config(step), "authorities": {"test": authority}})
        os.chown(client.config_file, nobody, nobody)

    def steps():
        rows = json.loads(client.run("check", "--json").stdout)
        return [row for row in rows if row["check"] == "steps"]

    configure("now")
    client.renew()
    assert [row["ok"] for row in steps()] == [True]
    (entry,) = [row for row in client.log_rows("a.example") if row["event"] == "deployed"]
    assert f"as {other.pw_uid} of a.example: now" in json.dumps(entry)
    configure("never")
    done = client.renew("a.example", force=True, status=FAILED)
    assert "sudo:" in done.stderr and "`evercert snippet sudoers` prints it" in done.stderr
    assert client.row("a.example")["state"] == "valid"
    assert client.run("list", status=DONE).status == DONE
    # check says which rule is missing; with it the hook runs.
    (missing,) = steps()
    assert not missing["ok"] and "sudo refuses to run it for www-data without a password" in missing["text"]
    missing_rule = f"nobody ALL = (www-data) NOPASSWD: {script} never"
    assert f"the rule is: {missing_rule};" in missing["remedy"] and "sudoers.d/evercert" in missing["remedy"]
    rule.chmod(0o640)
    rule.write_text(f"{rule.read_text()}{missing_rule}\n")
    rule.chmod(0o440)
    assert [row["ok"] for row in steps()] == [True]
    client.renew("a.example", force=True)
