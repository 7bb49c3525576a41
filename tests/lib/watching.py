"""What the tests of the watcher have in common: `from watching import folder, stand_in, watcher` gives its fixtures."""

import pathlib
import tempfile

import pytest

from docker_stand_in import DockerStandIn
from watcher import Watcher

# Which containers there are, and in which state; which of them run.
NAMES = "<% for _, c in ipairs(containers) do %><%= c.name %>:<%= c.state %>\n<% end %>"
SITES = "<% for _, c in ipairs(containers) do if c.running then %>[<%= c.name %>]<% end end %>"


@pytest.fixture
def folder():
    """Paths of sockets are short."""
    with tempfile.TemporaryDirectory(prefix="evw-", dir="/tmp") as path:
        yield pathlib.Path(path)


@pytest.fixture
def stand_in(folder):
    """Makes engines, and begins them."""
    made = []

    def make(name="d", **options):
        made.append(DockerStandIn(folder / f"{name}.sock", **options).__enter__())
        return made[-1]

    yield make
    for engine in made:
        engine.__exit__()


@pytest.fixture
def watcher(tmp_path):
    """A watcher of these engines (objects, or URLs), started; it ends in good order, or the test fails."""
    made = []

    def make(engines=None, start=True, templates=None, **options):
        urls = {name: getattr(engine, "url", engine) for name, engine in (engines or {}).items()}
        made.append(Watcher(tmp_path, urls, **options))
        for output, words in (templates or {}).items():
            made[-1].template(output, *([words] if isinstance(words, str) else words))
        return made[-1].start() if start else made[-1]

    yield make
    for one in made:
        try:
            if one.popen is not None and one.popen.poll() is None:
                one.stop()
        finally:
            one.kill()


def label(**words):
    """evercert.X labels; "_" is "-"."""
    return {f"evercert.{name.replace('_', '-')}": text for name, text in words.items()}
