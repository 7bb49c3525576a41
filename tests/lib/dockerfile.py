"""The Dockerfile of packaging/container, read, and run where nothing can be downloaded.

What its first stage makes (`meson install` of the build that is tested) and its base image (Debian's) are put together here
of this machine's files; every instruction of its last stage but the one that calls apt-get is then executed by the engine
as it stands in the file, so neither can drift from the other."""

import collections
import io
import pathlib
import re
import subprocess
import tarfile
import tempfile

import images
from evercert import build_folder
from peers import from_system

FILE = pathlib.Path(__file__).resolve().parents[2] / "packaging/container/Dockerfile"

# What the users of Debian's base image have that the last stage calls, besides busybox.
_BASE_PROGRAMS = ("useradd",)

Instruction = collections.namedtuple("Instruction", "word rest")


def instructions(text):
    """The instructions of a Dockerfile in their order; continued lines are one, comments are left out."""
    found, line = [], ""
    for one in text.splitlines():
        if not one.strip() or one.lstrip().startswith("#"):
            continue
        line += one
        if line.endswith("\\"):
            line = line[:-1]
            continue
        word, _, rest = line.strip().partition(" ")
        found.append(Instruction(word.upper(), rest.strip()))
        line = ""
    return found


def stages(text):
    """What stands before the first FROM, and the instructions of each stage (FROM first)."""
    before, each = [], []
    for one in instructions(text):
        if one.word == "FROM":
            each.append([one])
        else:
            (each[-1] if each else before).append(one)
    return before, each


def staged(folder):
    """`meson install` of the build into folder/stage, as the first stage does; the libraries that its programs need,
    beside it in folder/libraries."""
    stage = folder / "stage"
    done = subprocess.run(
        ["meson", "install", "--quiet", "-C", build_folder(), "--no-rebuild", "--destdir", stage],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise AssertionError(f"meson install failed:\n{done.stdout}{done.stderr}")
    for program in programs(stage):  # what a sanitizer reports needs names, but not lines
        subprocess.run(["strip", "--strip-debug", program], check=False, stderr=subprocess.DEVNULL)
    (stage / "packages").write_text("")
    return stage


def programs(stage):
    return [path for part in ("bin", "libexec") for path in (stage / "usr/local" / part).rglob("*") if path.is_file()]


def _make_base(root, stage):
    """Debian's slim image, as far as evercert and the last stage need it: a shell, a few commands, the libraries that
    apt-get would bring, roots for TLS."""
    root.busybox()
    for name in _BASE_PROGRAMS:
        root.program(from_system(name), f"/usr/sbin/{name}")
    for program in programs(stage):
        for library in images.libraries(program):
            if not (root.folder / library.lstrip("/")).exists():
                root.file(library, strip=True)
    root.file("/etc/ssl/certs/ca-certificates.crt")
    root.file("/etc/login.defs")
    root.text("etc/shadow", "root:*:19000:0:99999:7:::\n", 0o600)
    root.directory("var/lib")


# Instructions that change no file: they come first, while the image is empty, for each makes the engine copy all of it.
_ABOUT = ("ENV", "EXPOSE", "LABEL", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD")


def _dockerfile(stage_image, base_image):
    """The file with its stages on stand-ins; apt-get is what base_image is for."""
    _, (build, last) = stages(FILE.read_text())
    name = re.fullmatch(r"\S+ AS (\w+)", build[0].rest)[1]
    apt = [one for one in last if one.word == "RUN" and one.rest.startswith("apt-get ")]
    assert len(apt) == 1, "one instruction calls apt-get"
    rest = [one for one in last[1:] if one not in apt]
    lines = [f"FROM {stage_image} AS {name}", "FROM scratch"]
    lines += [f"{one.word} {one.rest}" for one in rest if one.word in _ABOUT]
    lines += [f"COPY --from={base_image} / /"]
    lines += [f"{one.word} {one.rest}" for one in rest if one.word not in _ABOUT]
    return "\n".join(lines) + "\n"


def build(engine, name="evercert"):
    """Makes the image, as `docker build` would."""
    with tempfile.TemporaryDirectory(prefix="evercert-image-") as folder:
        folder = pathlib.Path(folder)
        stage = staged(folder)
        root = folder / "root"
        root.mkdir()
        _make_base(images.Root(root), stage)
        engine.import_image("stand-in-base", root)
        top = folder / "top"
        top.mkdir()
        stage.rename(top / "stage")
        engine.import_image("stand-in-build", top)
    text = _dockerfile("stand-in-build", "stand-in-base").encode()
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    engine.build(name, context.getvalue())
