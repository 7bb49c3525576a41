"""The matrix and the points: each has a place there, and a build that is not for tests has none of them."""

import json
import pathlib
import re
import shlex
import subprocess

from evercert import ROOT, build_folder
from matrix import CASES
from strike import compiled_points

# What comes after them is no argument of the compiler's that matters for names.
_NOT_NEEDED = ("-fsanitize", "-O", "-g", "-M")


def test_every_point_is_in_the_matrix():
    """And nothing else: that a scenario really passes its points is what each case fails for."""
    assert sorted({point for _, point, _, _ in CASES}) == sorted(compiled_points())


def test_every_point_is_passed_somewhere():
    """No row of the table without a place in the code."""
    code = "\n".join(path.read_text() for path in (ROOT / "src").glob("*/**/*.c") if path.stem != "crash_point")
    kinds = set(re.findall(r"= POINTS\((\w+)\)", code))
    by_kind = {f"engine_{kind}_{when}" for kind in kinds for when in ("leaves", "answered")}
    assert set(compiled_points()) == set(re.findall(r"crash_point\((\w+)\)", code)) | by_kind


def compile_without(command, source, output):
    """The object file of a source as a build makes it that is not for tests."""
    words = [word for word in shlex.split(command["command"]) if not word.startswith(_NOT_NEEDED)]
    assert "-DEVERCERT_CRASH_POINTS" in words, "the tests need a build with -Dcrash_points=true"
    words = words[: words.index("-o")] if "-o" in words else words
    words = [word for word in words if word not in ("-DEVERCERT_CRASH_POINTS", "-c", str(source), command["file"])]
    words = [word for word in words if not word.endswith((".o.d", ".o"))]
    done = subprocess.run(
        [*words, "-O0", "-c", str(source), "-o", str(output)], cwd=command["directory"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return output.read_bytes()


def test_a_build_for_use_has_no_points(tmp_path):
    """Neither the names nor the calls, in all files that have points; and such a build is what one gets unasked."""
    commands = json.loads((build_folder() / "compile_commands.json").read_text())
    found = set()
    for command in commands:
        source = (pathlib.Path(command["directory"]) / command["file"]).resolve()
        if source in found or (ROOT / "src") not in source.parents or "crash_point" not in source.read_text():
            continue
        found.add(source)
        content = compile_without(command, source, tmp_path / "out.o")
        assert b"crash_point_" not in content and b"crash_points_" not in content, source
        assert not [name for name in compiled_points() if b"\0" + name.encode() + b"\0" in content], source
    assert len(found) > 20
    with_them = (build_folder() / "src/processes/keeper").read_bytes()
    assert b"crash_point_pass" in with_them and all(name.encode() in with_them for name in compiled_points())
    options = (ROOT / "meson_options.txt").read_text()
    assert re.search(r"option\('crash_points', type: 'boolean', value: false", options)
    for folder in ("packaging", ".ci"):
        for path in (ROOT / folder).rglob("*"):
            assert not path.is_file() or b"crash_points" not in path.read_bytes(), path
