"""Tests of the whole: the real binaries against real peers (integration/), against a CA of our own that misbehaves
(faults/), killed in the middle (crash/) and on a machine that fails (machine/); their conftest.py have more. On loopback
ports that are chosen when a test runs.

    script/test integration|faults|crash|machine [-k EXPRESSION]

A test asks for what it needs by name:

    def test_issue(evercert, pebble):
        ca = pebble("2.10")                              # a Pebble of its own, for this test only
        client = evercert(ca)                            # a folder, a configuration that names the CA
        client.issue("a.example", "b.example")           # fails unless the exit status is 0
        assert client.leaf("a.example").names == ["a.example", "b.example"]
        assert sum(ca.request_counts().values()) <= 9

Fixtures
    pebble(version="2.10", **options)     starts a CA; see tests/lib/pebble.py: .url .ca_file .http_port .root()
                                          .requests() .request_counts() .dns() .management() .pause()
    evercert(pebble=None, **options)      the program; see tests/lib/evercert.py: .issue() .renew() .list() .run()
                                          .start() .run_daemon() .stop_daemon() .kill_all() .leaf(NAME) .text()
    gate(pebble)                          a proxy before that CA that can hold a request; see tests/lib/gate.py:
                                          .hold() .wait_held() .release() .drop(); evercert(gate(ca)) goes through it
    open_folder                           a folder that every user may enter (tmp_path is root's alone)
    nginx(**options)                      a server that is not started yet; see tests/lib/nginx.py: .start() .reload()
                                          .served(NAME, ROOTS) .http_port .https_port
    apache, haproxy, lighttpd(**options)  the same with other servers, see tests/lib/web.py: .set(https="...")
    service(CLASS, certificate, key)      another server, started; see tests/lib/service.py, and mail.py database.py
                                          directory.py ftp.py chat.py for what there is
    lego(pebble, http_port)               another ACME client; see tests/lib/lego.py
    knot(**options), bind(**options)      a name server that is not started yet; see tests/lib/name_server.py
    resolver(a_example=SERVER)            a BIND, started, that asks these servers for names of a.example
    other name servers                    no fixtures: Powerdns(processes, folder)
    docker_engine                         a Docker engine, see tests/lib/docker_engine.py: .run(IMAGE, ...) .exec() .logs()
                                          .compose() .host; images "busybox" and "nginx" are there, .image(NAME)
                                          makes others. It goes on for all tests; containers and volumes end with
                                          each. It needs root
    docker_engines(**options)             one for this test alone: tcp="tls", or to be stopped and killed
    authority                             a root for servers of your own; see tests/lib/certificates.py
    processes                             anything else: processes.start(argv, log, peer=True)
    each_pebble                           runs the test once for each version of Pebble; its value is that version

What every test gets without asking
    All files are below tmp_path (but for sockets, whose paths must be short). At the end of the test the daemon must
    stop when asked, nothing but peers may be left running, and no sanitizer may have said anything: each of these is
    a failure of the test. Then the peers are ended.

Rules
    Wait for a condition with a deadline (processes.wait_until), never sleep. Assert no durations. A missing tool is a
    failure: script/setup installs it. Names to use are below .example; every name resolves to 127.0.0.1.

Environment
    EVERCERT_BUILD    build folder with src/cli/evercert and src/processes/NAME; build/test when not set
    EVERCERT_PEERS    where script/setup put the newer peers, when not in its usual place
    The tests set EVERCERT_LIBEXEC for evercert: a folder with parent, keeper, engine and responder in it.
"""

import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))

from apache import Apache  # noqa: E402
from bind import Bind  # noqa: E402
from certificates import Authority  # noqa: E402
from docker_engine import Engines  # noqa: E402
from evercert import Evercert  # noqa: E402
from gate import Gate  # noqa: E402
from haproxy import Haproxy  # noqa: E402
from knot import Knot  # noqa: E402
from lego import Lego  # noqa: E402
from lighttpd import Lighttpd  # noqa: E402
from nginx import Nginx  # noqa: E402
from pebble import VERSIONS, Pebble  # noqa: E402
from processes import Processes, become_reaper  # noqa: E402


def pytest_configure(config):
    become_reaper()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def processes():
    all_of_test = Processes()
    yield all_of_test
    try:
        all_of_test.expect_none_left()
    finally:
        all_of_test.stop_all()


def _numbered(tmp_path, name):
    """tmp_path/name-1, tmp_path/name-2, ..."""
    return tmp_path / f"{name}-{1 + sum(1 for _ in tmp_path.glob(name + '-*'))}"


@pytest.fixture
def pebble(processes, tmp_path, authority):
    def start(version="2.10", **options):
        return Pebble(processes, _numbered(tmp_path, "pebble"), authority, version=version, **options)

    return start


@pytest.fixture(scope="session")
def _docker_engine():
    engines = Engines()
    engine = []

    def get():
        if not engine:
            engine.append(engines.make())
        return engine[0]

    yield get
    engines.end()


def _with_images(engine):
    for name in ("busybox", "nginx"):
        engine.image(name)
    return engine


@pytest.fixture
def docker_engine(_docker_engine):
    engine = _docker_engine()
    if not engine.running():
        engine.start()
    yield _with_images(engine)
    if not engine.running():
        engine.start()
    print(engine.describe())  # shown where the test failed
    engine.remove_all()


@pytest.fixture
def docker_engines():
    engines = Engines()
    yield lambda **options: _with_images(engines.make(**options))
    engines.end()


@pytest.fixture
def gate(authority):
    made = []

    def make(pebble):
        made.append(Gate(pebble, authority))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def open_folder():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="evercert-open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=VERSIONS)
def each_pebble(request):
    return request.param


@pytest.fixture
def nginx(processes, tmp_path):
    def make(**options):
        return Nginx(processes, _numbered(tmp_path, "nginx"), **options)

    return make


def _web_server(kind, name):
    @pytest.fixture(name=name)
    def fixture(processes, open_folder):
        def make(**options):
            return kind(processes, _numbered(open_folder, name), **options)

        return make

    return fixture


apache = _web_server(Apache, "apache")
haproxy = _web_server(Haproxy, "haproxy")
lighttpd = _web_server(Lighttpd, "lighttpd")


@pytest.fixture
def service(processes):
    made = []

    def start(kind, certificate, key, **options):
        made.append(kind(processes, certificate, key, **options))
        return made[-1].start()

    yield start
    for one in reversed(made):
        if one.process is not None:
            one.stop()
        one.remove()


@pytest.fixture
def knot(processes, tmp_path):
    def make(**options):
        return Knot(processes, _numbered(tmp_path, "knot"), **options)

    return make


@pytest.fixture
def bind(processes, tmp_path):
    def make(**options):
        return Bind(processes, _numbered(tmp_path, "bind"), **options)

    return make


@pytest.fixture
def resolver(bind):
    def make(**zones):
        server = bind(recursion=True)
        for zone, of in zones.items():
            server.forward(zone.replace("_", "."), of)
        return server.start()

    return make


@pytest.fixture
def lego(tmp_path):
    def make(pebble, http_port):
        return Lego(_numbered(tmp_path, "lego"), pebble, http_port)

    return make


@pytest.fixture
def evercert(processes, tmp_path, open_folder):  # which must outlive it
    made = []

    def make(pebble=None, folder=None, **options):
        made.append(Evercert(processes, folder or _numbered(tmp_path, "evercert"), pebble, **options))
        return made[-1]

    yield make
    for one in made:
        one.finish()
