"""Templates' files: written where they differ, checked, put in place, and who is to know is told. On the host alone
here; with containers in test_templates_containers.py."""

import json
import os
import stat
import subprocess

import pytest

from disk import SmallDisk
from evercert import DONE
from processes import wait_until


class Files:
    """A daemon with templates, and scripts that it runs for them."""

    def __init__(self, evercert, folder):
        self.evercert, self.folder = evercert, folder
        self.out = folder / "out"
        self.out.mkdir()
        self.told = folder / "told"
        self.settings = []

    def script(self, name, text):
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return [str(path)]

    def teller(self, word="told"):
        """Appends a line to .told."""
        return {"run": self.script(f"tell-{word}", f"echo {word} >>'{self.told}'")}

    def add(self, text, name="a.txt", **more):
        """One template more; its output's path."""
        source = self.folder / f"{name}.tmpl"
        source.write_text(text)
        output = self.out / name
        self.settings.append({"source": str(source), "output": str(output), "wait": "10ms", **more})
        return output

    def configure(self, **more):
        self.evercert.write_config({"templates": self.settings, **more})

    def start(self, **more):
        self.configure(**more)
        self.evercert.run_daemon()

    def change(self, text, name="a.txt"):
        (self.folder / f"{name}.tmpl").write_text(text)
        self.evercert.reload()

    def row(self, name="a.txt"):
        rows = json.loads(self.evercert.run("containers", "--json", status=None).stdout)
        return next(row for row in rows if row["kind"] == "template" and row["output"].endswith("/" + name))

    def wait_state(self, state, name="a.txt", error=""):
        def there():
            row = self.row(name)
            return row if row["state"] == state and error in row["error"] else None

        log = self.evercert.text
        return wait_until(there, f"{name} to be {state} ({error}); the log:\n{log()[-3000:]}", 20)

    def wait_text(self, output, text):
        wait_until(lambda: output.exists() and output.read_text() == text, f"{output} to be {text!r}", 20)

    def words(self):
        return self.told.read_text().split() if self.told.exists() else []

    def said(self, text):
        """Errors in the daemon's log."""
        return [line for line in self.evercert.text().splitlines() if "error: templates:" in line and text in line]

    def left_over(self):
        """What lies beside the outputs."""
        return [name for name in os.listdir(self.out) if name.startswith(".")]


@pytest.fixture
def files(evercert, tmp_path):
    return Files(evercert(), tmp_path)


def test_a_file_is_written_and_told_once(files):
    """With its mode from the start; what says the same again is neither written nor told."""
    output = files.add("host <%= host.name ~= nil %>\n", mode="0640", notify=[files.teller()])
    files.start()
    files.wait_text(output, "host true\n")
    wait_until(lambda: files.words() == ["told"], "to be told")
    files.wait_state("current")  # who is stopped while somebody is told tells it again
    assert stat.S_IMODE(output.stat().st_mode) == 0o640
    written = output.stat()
    files.evercert.reload()
    files.evercert.stop_daemon()
    files.evercert.run_daemon()
    files.wait_state("current")
    assert output.stat().st_mtime_ns == written.st_mtime_ns and output.stat().st_ino == written.st_ino
    assert files.words() == ["told"]
    files.change("other\n")
    files.wait_text(output, "other\n")
    wait_until(lambda: files.words() == ["told", "told"], "to be told again")
    assert files.left_over() == []


def test_what_somebody_else_changed_is_put_right(files):
    """At the next reload: text, mode and owner."""
    output = files.add("mine\n")
    files.start()
    files.wait_text(output, "mine\n")
    files.wait_state("current")
    output.write_text("theirs\n")
    files.evercert.reload()
    files.wait_text(output, "mine\n")
    files.wait_state("current")
    output.chmod(0o600)
    files.evercert.reload()
    wait_until(lambda: stat.S_IMODE(output.stat().st_mode) == 0o644, "the mode")


def test_a_failed_check_keeps_the_old_file_and_names_the_line(files):
    """The new one is checked beside the old one; nobody is told of it."""
    check = files.script("check", '! grep -n bad "$1" >/dev/null || { echo "error in $1:3: bad word"; exit 1; }')
    output = files.add("one\n", check=[*check, "{output}"], notify=[files.teller()])
    files.start()
    files.wait_text(output, "one\n")
    wait_until(lambda: files.words() == ["told"], "to be told")
    files.change("<% for _, w in ipairs({'a', 'b'}) do %>\n<%= w %>\n<% end %>\nbad\n")
    row = files.wait_state("failed", error="bad word")
    assert output.read_text() == "one\n"
    rendered = files.evercert.run("template", "render", files.folder / "a.txt.tmpl", status=DONE).stdout
    assert rendered == "a\nb\nbad\n" and "a.txt.tmpl:4:" in row["error"], row
    assert "exited with status 1" in row["error"] and row["since"]
    assert len(files.said("bad word")) == 1  # however often it is tried
    assert files.words() == ["told"]
    assert files.left_over() == []
    files.change("two\n")
    files.wait_text(output, "two\n")
    assert files.wait_state("current")["error"] == ""


def test_a_check_of_the_place_itself(files):
    """It names no file, as `nginx -t`: the new one is in place while it runs, and goes back when it fails."""
    output = files.out / "a.txt"
    check = files.script("check", f"! grep bad '{output}'")
    files.add("bad\n", check=check)
    files.start()
    files.wait_state("failed")
    assert not output.exists()  # there was none before
    files.change("good\n")
    files.wait_text(output, "good\n")
    files.wait_state("current")
    files.change("bad\n")
    files.wait_state("failed", error="bad")
    assert output.read_text() == "good\n"
    assert files.left_over() == []


def test_two_that_are_checked_in_place_are_not_blamed_for_each_other(files):
    both = files.out
    check = files.script("check", f"! grep bad '{both}/a.txt' '{both}/b.txt'")
    good, bad = files.add("fine\n", check=check), files.add("bad\n", "b.txt", check=check)
    files.start()
    files.wait_state("failed", "b.txt")
    files.wait_state("current", "a.txt")
    assert good.read_text() == "fine\n" and not bad.exists()


@pytest.mark.parametrize("before", ["old\n", None], ids=["a file before", "none before"])
def test_killed_between_put_in_place_and_check(files, before):
    """What was not checked is taken back by the next start, before anything else."""
    output = files.out / "a.txt"
    gate, verdict = files.folder / "gate", files.folder / "verdict"
    os.mkfifo(gate)
    verdict.write_text("wait\n")
    begun = files.folder / "begun"
    check = files.script(
        "check", f"read word <'{verdict}'; [ $word = wait ] && {{ : >'{begun}'; exec cat '{gate}'; }}; [ $word = good ]"
    )
    if before is not None:
        output.write_text(before)
    files.add("new\n", check=check, notify=[files.teller()])
    files.start()
    wait_until(begun.exists, "the check")
    files.evercert.kill_all()
    assert output.read_text() == "new\n"
    verdict.write_text("bad\n")
    files.evercert.run_daemon()
    files.wait_state("failed")
    assert (output.read_text() if output.exists() else None) == before
    assert "had not been checked when evercert ended" in files.evercert.text()
    assert files.words() == []
    verdict.write_text("good\n")
    files.evercert.reload()
    files.wait_text(output, "new\n")
    wait_until(lambda: files.words() == ["told"], "to be told")
    assert files.left_over() == []


def test_killed_before_everybody_was_told(files):
    """The file is as it should be then, but who is to know is told by the next start."""
    gate = files.folder / "gate"
    tell = files.script(
        "tell", f"[ -e '{gate}' ] || {{ echo begun >>'{files.told}'; exec sleep 100; }}; echo told >>'{files.told}'"
    )
    output = files.add("new\n", notify=[{"run": tell}])
    files.start()
    wait_until(lambda: files.words() == ["begun"], "the first to begin")
    assert output.read_text() == "new\n"
    files.evercert.kill_all()
    gate.touch()
    files.evercert.run_daemon()
    wait_until(lambda: files.words() == ["begun", "told"], "to be told")
    files.wait_state("current")
    files.evercert.reload()
    files.wait_state("current")
    assert files.words() == ["begun", "told"]


def test_the_same_target_is_told_once(files):
    """However many outputs changed together; and each of those that are different."""
    one, other = files.teller("one"), files.teller("other")
    files.add("a\n", "a.txt", notify=[one])
    files.add("b\n", "b.txt", notify=[one, other])
    files.add("c\n", "c.txt", notify=[one])
    files.start()
    for name in ("a.txt", "b.txt", "c.txt"):
        files.wait_state("current", name)
    assert sorted(files.words()) == ["one", "other"]


def test_who_could_not_be_told_is_tried_again(files):
    """Alone: the others have heard of it. It is shown meanwhile."""
    gate = files.folder / "gate"
    broken = files.script("broken", f"[ -e '{gate}' ] || {{ echo no such luck; exit 3; }}; echo late >>'{files.told}'")
    output = files.add("new\n", notify=[files.teller(), {"run": broken}])
    files.start()
    row = files.wait_state("failed", error="no such luck")
    assert output.read_text() == "new\n" and "status 3" in row["error"]
    gate.touch()
    wait_until(lambda: files.words() == ["told", "late"], "the second to be told", 30)
    files.wait_state("current")


def test_an_action_of_the_configuration(files):
    """By its name; it hears which one it is, and of no secret of ours."""
    act = files.script("act", f"env >'{files.told}.new'; mv '{files.told}.new' '{files.told}'")
    files.add("new\n", notify=[{"action": "note-it"}])
    files.start(actions={"note-it": {"run": act}})
    wait_until(files.told.exists, "the action")
    env = dict(line.split("=", 1) for line in files.told.read_text().splitlines())
    assert env["EVERCERT_EVENT"] == "action" and env["EVERCERT_ACTION"] == "note-it"
    assert {*env} <= {"PATH", "HOME", "USER", "LANG", "EVERCERT_EVENT", "EVERCERT_ACTION", "PWD", "SHLVL", "_"}


def test_a_template_that_fails_names_its_line(files):
    """Others are not held up; what was written before stays."""
    output = files.add("fine\n")
    other = files.add("also\n", "b.txt")
    files.start()
    files.wait_text(output, "fine\n")
    (files.folder / "b.txt.tmpl").write_text("changed\n")
    files.change("one\n<%= nothing.at_all %>\n")
    row = files.wait_state("failed", error="a.txt.tmpl:2:")
    files.wait_text(other, "changed\n")
    assert output.read_text() == "fine\n"
    assert len(files.said("a.txt.tmpl:2:")) == 1, row


def test_the_largest_output(files):
    """Two megabytes, in a million lines, arrive as they are; one octet more is an error with its line."""
    output = files.add("<%- ('x\\n'):rep(1048576) %>", notify=[files.teller()])
    files.start()
    files.wait_text(output, "x\n" * 1048576)
    files.wait_state("current")
    shown = files.evercert.run("template", "render", str(files.folder / "a.txt.tmpl"), status=DONE).stdout
    assert shown == "x\n" * 1048576
    files.change("<%- ('x\\n'):rep(1048576) %>!")
    files.wait_state("failed", error="a.txt.tmpl:1: the output has more than 2 MB")
    assert output.stat().st_size == 2 << 20 and files.words() == ["told"]


def test_a_template_that_is_not_there(files):
    """An error in the log and in what is shown; the others are made."""
    files.add("a\n")
    other = files.add("b\n", "b.txt")
    (files.folder / "a.txt.tmpl").unlink()
    files.start()
    files.wait_text(other, "b\n")
    files.wait_state("failed", error="a.txt.tmpl")
    files.change("back\n")
    files.wait_text(files.out / "a.txt", "back\n")
    assert files.wait_state("current")["error"] == ""


def test_a_template_that_others_may_change(files):
    """It would make files of root's: it is refused, and the text says what to do."""
    output = files.add("a\n")
    (files.folder / "a.txt.tmpl").chmod(0o666)
    files.start()
    row = files.wait_state("failed", error="can be written by others")
    assert "chmod go-w" in row["error"] and not output.exists()


def test_what_is_in_the_way(files):
    """A symbolic link is not followed, a directory not replaced, and one that is missing not made."""
    link, folder = files.add("a\n", "link.txt"), files.add("b\n", "folder.txt")
    missing = files.out / "missing"
    files.add("c\n", "c.txt", output=str(missing / "c.txt"))
    link.symlink_to(files.folder / "elsewhere")
    folder.mkdir()
    files.start()
    files.wait_state("failed", "link.txt", "symbolic link")
    files.wait_state("failed", "folder.txt", "a directory")
    files.wait_state("failed", "c.txt", "install -d")
    assert not (files.folder / "elsewhere").exists() and not missing.exists()
    missing.mkdir()
    files.wait_text(missing / "c.txt", "c\n")


def test_a_full_disk(evercert, processes, tmp_path):
    """Nothing half written, nothing left over; it is written when there is room again."""
    disk = SmallDisk(processes, tmp_path / "disk", tmp_path / "disk.log", 1024)
    assert disk.why_not() is None, disk.why_not()
    files = Files(evercert(through=disk.through), tmp_path)
    output, seen = disk.folder / "a.txt", disk.inside(disk.folder / "a.txt")
    files.add("small\n", output=str(output))
    files.start()
    files.wait_text(seen, "small\n")
    files.wait_state("current")
    disk.fill(0)
    large = "x" * 200_000 + "\n"
    files.change(large)
    files.wait_state("failed", error="No space left on device")
    assert seen.read_text() == "small\n"
    assert sorted(os.listdir(disk.inside(disk.folder))) == ["a.txt", "filler"]
    disk.empty()
    files.wait_text(seen, large)
    files.wait_state("current")


def test_a_file_system_that_is_read_only(evercert, processes, tmp_path):
    """As /etc is under systemd: the error says what to do, and the file is there once it is done."""
    disk = SmallDisk(processes, tmp_path / "disk", tmp_path / "disk.log", 1024)
    assert disk.why_not() is None, disk.why_not()
    files = Files(evercert(through=disk.through), tmp_path)
    files.add("text\n", output=str(disk.folder / "a.txt"))
    subprocess.run([*disk.through, "mount", "-o", "remount,ro", disk.folder], check=True)
    files.start()
    row = files.wait_state("failed", error="Read-only file system")
    assert f"ReadWritePaths={disk.folder}/ in a drop-in" in row["error"]
    subprocess.run([*disk.through, "mount", "-o", "remount,rw", disk.folder], check=True)
    files.wait_text(disk.inside(disk.folder / "a.txt"), "text\n")
    files.wait_state("current")


def test_an_output_in_the_state_directory(files):
    """What lies there is evercert's, whatever way leads there."""
    link = files.folder / "link"
    link.symlink_to(files.evercert.state)
    outputs = [files.evercert.state / "evercert.db", link / "new.txt"]
    for number, output in enumerate(outputs):
        files.add("text\n", f"{number}.txt", output=str(output))
    files.start()
    files.wait_state("failed", "evercert.db", "state directory")
    files.wait_state("failed", "new.txt", "state directory")
    assert not outputs[1].exists()
    assert files.evercert.run("list", status=DONE)


def test_a_reload_that_changes_nothing_ends(files):
    """A template may make a part of evercert's own configuration: one change is one reload."""
    more = files.folder / "evercert.d"
    more.mkdir()
    files.add("email: made@example.com\n", output=str(more / "made.yaml"), notify=[{"reload": True}])
    files.evercert.write_config({"templates": files.settings, "email": None})
    files.evercert.run_daemon()
    files.wait_text(more / "made.yaml", "email: made@example.com\n")
    row = files.wait_state("current", "made.yaml")
    assert row["error"] == ""
    assert files.evercert.text().count("reloading") == 1


def test_a_reload_that_leads_to_the_next_is_slowed_down(files):
    """A template that says something else after each reload: the daemon goes on serving."""
    source = files.folder / "a.txt.tmpl"
    check = files.script("check", f"echo more >>'{source}'")
    files.add("begin\n", check=[*check, "{output}"], notify=[{"reload": True}])
    files.start()
    wait_until(lambda: "one reload after the other" in files.evercert.text(), "it to be slowed down", 60)
    reloads = files.evercert.text().count("reloading")
    assert reloads <= 11
    assert files.evercert.run("list", status=DONE)
    assert files.row()["state"] == "telling"


def test_a_watcher_that_dies_in_the_middle(files):
    """The check goes on, the next watcher hands the text in again, and all is as it should be."""
    gate = files.folder / "gate"
    os.mkfifo(gate)
    begun = files.folder / "begun"
    check = files.script("check", f"[ -e '{begun}' ] || {{ touch '{begun}'; cat '{gate}'; }}")
    output = files.add("new\n", check=[*check, "{output}"], notify=[files.teller()])
    files.start()
    wait_until(begun.exists, "the check")
    before = files.evercert.pid_of("watcher")
    files.evercert.kill_one(before)
    wait_until(lambda: files.evercert.pid_of("watcher") != before, "another watcher")
    gate.write_text("")
    files.wait_text(output, "new\n")
    wait_until(lambda: files.words() == ["told"], "to be told")
    files.wait_state("current")
    files.change("newer\n")
    files.wait_text(output, "newer\n")
    assert files.left_over() == []


def test_templates_that_come_and_go(files):
    """The watcher is started by the reload that brings the first template, and ended by the one that takes the last."""
    files.evercert.write_config()
    files.evercert.run_daemon()
    output = files.add("a\n")
    files.configure()
    files.evercert.reload()
    files.wait_text(output, "a\n")
    watcher = files.evercert.pid_of("watcher")
    files.evercert.write_config()
    files.evercert.reload()
    wait_until(lambda: not os.path.exists(f"/proc/{watcher}"), "the watcher to end")
    assert output.read_text() == "a\n"
    files.configure()
    files.evercert.reload()
    files.change("b\n")
    files.wait_text(output, "b\n")
