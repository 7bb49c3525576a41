"""How much an installation takes: the release build, stripped, installed into an empty folder."""

import pathlib
import subprocess
import tempfile

from clients import extra
from common import package_version, write
from evercert import build_folder
from peers import cache, from_system


def installed(folder):
    """{path: bytes} of the files below."""
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def main():
    with tempfile.TemporaryDirectory(prefix="evercert-bench-") as folder:
        argv = ["meson", "install", "-C", str(build_folder()), "--destdir", folder, "--strip", "--no-rebuild", "--quiet"]
        subprocess.run(argv, check=True)
        files = installed(pathlib.Path(folder))
    peers = {
        f"lego {package_version('lego')}": from_system("lego").stat().st_size,
        f"lego {(cache() / 'lego-new/version').read_text().strip()}": sum(installed(cache() / "lego-new/usr/bin").values()),
    }
    if extra("certbot"):
        peers["certbot and its Python modules (without Python)"] = sum(installed(extra("certbot")).values())
    write("size", {"bytes": sum(files.values()), "files": files, "peers": peers})


main()
