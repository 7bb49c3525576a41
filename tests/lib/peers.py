"""Where the peers' programs are. script/setup puts them there; one that is missing fails the test that wants it."""

import os
import pathlib
import shutil


def cache():
    """The folder that script/setup.d/peers fills."""
    given = os.environ.get("EVERCERT_PEERS")
    if given:
        return pathlib.Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "evercert" / "peers"


def from_cache(folder, program):
    """A program of a peer that is not the system's, as "pebble-2.10", "pebble"."""
    path = cache() / folder / "usr/bin" / program
    if not os.access(path, os.X_OK):
        raise AssertionError(f"{path} is missing; script/setup test brings it")
    return path


def from_system(program):
    path = shutil.which(program, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if path is None:
        raise AssertionError(f"{program} is missing; script/setup test installs it")
    return pathlib.Path(path)
