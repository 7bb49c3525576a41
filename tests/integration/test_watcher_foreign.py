"""The parent takes no watcher's word: one that was taken over may render, and name engines and outputs of the
configuration, and no more. Here the watcher is a script that says what it should not."""

import json
import pathlib
import socket

import pytest

from processes import wait_until

LIB = pathlib.Path(__file__).resolve().parents[1] / "lib"
SCRIPT = """#!/usr/bin/python3
import json, os, pathlib, socket, sys
sys.path.insert(0, {lib!r})
from frames import Channel
fed, asked = [], json.loads(pathlib.Path({asked!r}).read_text())
channel = Channel(socket.socket(fileno=3), timeout=60)
while True:
    name, id, fields = channel.read()
    fed.append([name, {{key: value.decode() if isinstance(value, bytes) else value for key, value in fields.items()}}])
    if name == "watch_end":
        break
answers = []
for name, fields, answered in asked:
    fields = {{key: value.encode() if key in ("text", "lines") else value for key, value in fields.items()}}
    channel.request(name, **fields)
    while answered:
        name, id, fields = channel.read()
        if name in ("done", "engine_no_socket"):
            answers.append([name, fields])
            break
path = pathlib.Path({answers!r})
path.with_suffix(".new").write_text(json.dumps({{"fed": fed, "answers": answers}}))
path.with_suffix(".new").rename(path)
while channel.read()[0] != "stop":
    pass
"""


class Foreign:
    def __init__(self, evercert, folder):
        self.evercert, self.folder = evercert, folder
        self.answers = folder / "answers.json"

    def start(self, asked, **config):
        path = self.folder / "asked.json"
        path.write_text(json.dumps(asked))
        program = self.evercert.libexec() / "watcher"
        program.unlink()
        program.write_text(SCRIPT.format(lib=str(LIB), asked=str(path), answers=str(self.answers)))
        program.chmod(0o755)
        self.evercert.write_config(config)
        self.evercert.run_daemon()
        wait_until(self.answers.exists, f"the answers; the log:\n{self.evercert.text()[-3000:]}", 20)
        return json.loads(self.answers.read_text())


@pytest.fixture
def foreign(evercert, open_folder):
    return Foreign(evercert(), open_folder)


def template(folder, **more):
    source = folder / "a.tmpl"
    source.write_text("the template\n")
    return {"source": str(source), "output": str(folder / "a.txt"), **more}


def test_no_other_file_is_written(foreign, open_folder):
    elsewhere = open_folder / "elsewhere"
    asked = [
        ["template_output", {"output": str(elsewhere), "text": "evil"}, True],
        ["template_output", {"output": f"{open_folder}/./a.txt", "text": "evil"}, True],
        ["template_output", {"output": str(open_folder / "a.txt"), "text": "good\n"}, True],
    ]
    said = foreign.start(asked, templates=[template(open_folder)])["answers"]
    assert [fields["error"]["code"] for _, fields in said] == ["REFUSED", "REFUSED", ""]
    assert not elsewhere.exists() and (open_folder / "a.txt").read_text() == "good\n"


def test_line_numbers_that_are_none(foreign, open_folder):
    """Whatever stands in them, a failed check is a failed check."""
    check = open_folder / "check"
    check.write_text('#!/bin/sh\necho "$1:2: bad"; echo "$1:99999: bad"; exit 1\n')
    check.chmod(0o755)
    output = str(open_folder / "a.txt")
    asked = [["template_output", {"output": output, "text": "a\nb\n", "lines": "abcde"}, True]]
    said = foreign.start(asked, templates=[template(open_folder, check=[str(check), "{output}"])])["answers"]
    assert said[0][1]["error"]["code"] == "FAILED" and "bad" in said[0][1]["error"]["text"]


def test_a_newer_text_while_one_is_under_way(foreign, open_folder):
    """The newest is what stays; no request is left without an answer."""
    check = open_folder / "check"
    check.write_text("#!/bin/sh\nsleep 0.5\n")
    check.chmod(0o755)
    output = open_folder / "a.txt"
    texts = ["one\n", "two\n", "three\n"]
    asked = [["template_output", {"output": str(output), "text": text}, False] for text in texts]
    asked.append(["template_output", {"output": str(output), "text": "four\n"}, True])
    foreign.start(asked, templates=[template(open_folder, check=[str(check), "{output}"])])
    wait_until(lambda: output.exists() and output.read_text() == "four\n", "the newest", 20)


def test_a_newer_text_is_checked_in_place_too(foreign, open_folder):
    """It waited for the check of the one before; when its own fails, that one comes back."""
    output = open_folder / "a.txt"
    check = open_folder / "check"
    check.write_text(f"#!/bin/sh\nsleep 0.5\n! grep bad '{output}'\n")
    check.chmod(0o755)
    asked = [
        ["template_output", {"output": str(output), "text": "good\n"}, False],
        ["template_output", {"output": str(output), "text": "bad\n"}, True],
    ]
    said = foreign.start(asked, templates=[template(open_folder, check=[str(check)])])["answers"]
    assert said[0][1]["error"]["code"] == ""  # the first answer is that to "good"
    # It is tried again, and in place for a moment each time.
    wait_until(
        lambda: "the check failed" in foreign.evercert.text() and output.read_text() == "good\n", "the good one", 20
    )


def test_no_other_socket_is_connected(foreign, open_folder):
    """And what is no socket is not; the reason says what to do."""
    plain, gone = open_folder / "plain", open_folder / "gone"
    plain.write_text("")
    left = open_folder / "left"
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(left))
    engines = {name: {"socket": f"unix://{path}"} for name, path in (("plain", plain), ("gone", gone), ("left", left))}
    asked = [["engine_want", {"engine": name}, True] for name in ("nobody", "", str(left), "plain", "gone", "left")]
    said = foreign.start(asked, docker={"engines": engines})
    errors = [fields["error"] for _, fields in said["answers"]]
    assert [error["code"] for error in errors] == ["REFUSED"] * 4 + ["NOT_FOUND"] * 2
    assert "is no socket" in errors[3]["text"]
    remedies = ("is the engine running", "mount it with -v")  # the latter where this very machine is a container
    assert any(remedy in errors[4]["text"] for remedy in remedies)
    assert "there is no" in errors[4]["text"] and "nobody listens" in errors[5]["text"]


def test_what_it_is_fed(foreign, open_folder):
    """Engines with their files, templates with their texts and waits, the labels that the policy looks at."""
    ca = open_folder / "ca.pem"
    ca.write_text("a root\n")
    key = open_folder / "key.pem"
    key.write_text("a key\n")
    key.chmod(0o644)
    engines = {
        "near": {"socket": f"unix://{open_folder}/d.sock"},
        "open-key": {
            "socket": "tcp://engine.example:2376", "ca-file": str(ca), "cert-file": str(ca), "key-file": str(key)
        },
    }
    policy = [{"allow": ["*.a.example"], "label": {"team": "a", "tier": "*"}}, {"allow": ["*"], "label": {"team": "b"}}]
    docker = {"engines": engines, "policy": policy, "wait": "2s..3s", "readers": ["evercert", "caddy"]}
    fed = foreign.start([], docker=docker, templates=[template(open_folder, wait="5ms..6s", kind="shell")])["fed"]
    begin = next(fields for name, fields in fed if name == "watch_begin")
    assert begin["readers"] == 0b1001 and sorted(begin["labels"]) == ["team", "tier"]
    assert (begin["wait_min"], begin["wait_max"]) == (2000, 3000)
    assert json.loads(begin["settings"])["challenge"]["path"] == "/.well-known/acme-challenge/"
    fed_engines = {fields["name"]: fields for name, fields in fed if name == "watch_engine"}
    assert fed_engines.keys() == {"near", "open-key"} and fed_engines["near"]["unfit"] == ""
    bare = fed_engines["open-key"]  # named, so that it is known to be missing, and without a key that others can read
    assert "key.pem" in bare["unfit"] and bare["ca"] == bare["cert"] == bare["key"] == ""
    assert "key.pem" in foreign.evercert.text() and "chmod 600" in foreign.evercert.text()
    made = next(fields for name, fields in fed if name == "watch_template")
    assert (made["text"], made["kind"], made["wait_min"], made["wait_max"]) == ("the template\n", "shell", 5, 6000)
