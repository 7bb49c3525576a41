"""The watcher and its engines: several of them, lost and back, removed and changed by a reload, and elsewhere."""

import pathlib
import ssl

from docker_stand_in import DockerStandIn
from ports import free_port
from processes import wait_until
from watcher import SIGNAL
from watching import folder, label, stand_in, watcher


def test_two_engines(stand_in, watcher):
    engines = {"one": stand_in("one"), "two": stand_in("two")}
    ids = {name: engine.add("web", label(domains=f"{name}.example")) for name, engine in engines.items()}
    assert ids["one"] == ids["two"]  # the same id: whose it is says the engine
    one = watcher(engines)
    told = one.wait_domains("one.example", "two.example")
    assert {(claim["engine"], claim["id"]) for claim in told.claims} == set(ids.items())
    assert told.complete and len(one.all_told) == 1
    engines["one"].remove(ids["one"])
    one.wait_domains("two.example")


def test_an_engine_lost_and_back(stand_in, watcher):
    """Nothing that was told is taken back while an engine is away; what happened meanwhile is told when it is there."""
    engine = stand_in()
    gone = engine.add("gone", label(domains="gone.example"))
    engine.add("stays", label(domains="stays.example"))
    one = watcher({"docker": engine})
    one.wait_domains("gone.example", "stays.example")
    engine.stop()
    one.wait(lambda: not one.states["docker"]["connected"], "the loss to be told")
    engine.remove(gone, quiet=True)
    engine.add("new", label(domains="new.example"), quiet=True)
    engine.begin()
    one.wait_domains("stays.example", "new.example")
    assert all("stays.example" in told.domains and told.complete for told in one.all_told)
    # Each change of an engine is a line, however often it was tried.
    log = one.text()
    assert log.count("docker: connected") == 2 and log.count("docker: connection lost") == 1


def test_an_engine_that_is_not_there(stand_in, watcher, folder):
    """The others are told of, and that it is not all; when it is there, it is."""
    here, there = stand_in("here"), stand_in("there")
    there.stop()
    here.add("web", label(domains="here.example"))
    there.add("web", label(domains="there.example"), quiet=True)
    one = watcher({"here": here, "there": there})
    told = one.wait_domains("here.example")
    assert not told.complete
    assert one.states["there"]["error"] and not one.states["there"]["connected"]
    there.begin()
    assert one.wait_domains("here.example", "there.example").complete
    # Away again, everything has been listed all the same.
    there.stop()
    here.add("more", label(domains="more.example"))
    assert one.wait_domains("here.example", "there.example", "more.example").complete


def test_an_engine_without_containers(stand_in, watcher, folder):
    """Complete is said even where there is nothing to be told, or no engine at all."""
    one = watcher({"docker": stand_in()})
    assert one.wait_complete().claims == []
    one.engines = {}
    one.feed()
    one.wait(lambda: len(one.all_told) == 2, "another round")
    assert one.told.complete and one.told.claims == []


def test_a_reload_keeps_engines_that_did_not_change(stand_in, watcher):
    """One is removed and its claims with it; the other keeps its connection, and is not even listed again."""
    stays, goes = stand_in("stays"), stand_in("goes")
    stays.add("web", label(domains="stays.example"))
    goes.add("web", label(domains="goes.example"))
    one = watcher({"stays": stays, "goes": goes})
    one.wait_domains("stays.example", "goes.example")
    wants, requests = list(one.wants), len(stays.requests)
    del one.engines["goes"]
    one.feed()
    told = one.wait_domains("stays.example")
    assert told.complete
    wait_until(lambda: goes.connections == 0, "its connections to be closed")
    assert one.wants == wants and len(stays.requests) == requests
    stays.add("more", label(domains="more.example"))
    one.wait_domains("stays.example", "more.example")


def test_a_reload_lists_anew(stand_in, watcher):
    """SIGHUP finds what no event told of."""
    engine = stand_in()
    engine.add("web", label(domains="a.example"))
    one = watcher({"docker": engine})
    one.wait_domains("a.example")
    engine.add("quiet", label(domains="quiet.example"), quiet=True)
    one.feed(rescan=True)
    one.wait_domains("a.example", "quiet.example")


def test_an_engine_that_changed_is_another(stand_in, watcher):
    """The same name, and another socket."""
    old, new = stand_in("old"), stand_in("new")
    old.add("web", label(domains="old.example"))
    new.add("web", label(domains="new.example"))
    one = watcher({"docker": old})
    one.wait_domains("old.example")
    one.engines["docker"] = new.url
    one.feed()
    assert one.wait_domains("new.example").complete
    wait_until(lambda: old.connections == 0, "its connections to be closed")


def test_an_engine_whose_settings_are_no_good(stand_in, watcher):
    engine = stand_in()
    engine.add("web", label(domains="a.example"))
    one = watcher({"docker": engine, "odd": "gopher://x"})
    assert not one.wait_domains("a.example").complete
    assert one.states["odd"]["error"]


def test_an_engine_whose_files_cannot_be_read(stand_in, watcher):
    """It is not connected; what it has is not known, so nothing that it asked for is taken for gone."""
    here, far = stand_in("here"), stand_in("far")
    here.add("web", label(domains="here.example"))
    far.add("web", label(domains="far.example"))
    one = watcher({"here": here, "far": {"url": far.url, "unfit": "key.pem: Permission denied"}})
    assert not one.wait_domains("here.example").complete
    assert "key.pem" in one.states["far"]["error"] and far.connections == 0
    one.engines["far"] = far.url
    one.feed()
    assert one.wait_domains("here.example", "far.example").complete
    one.engines["far"] = {"url": far.url, "unfit": "key.pem: Permission denied"}  # by a reload
    one.feed()
    assert not one.wait_domains("here.example").complete


def server_context(authority):
    """TLS that asks for a client's certificate, and the fields of an engine that may use it."""
    certificate, key = authority.leaf("localhost", "127.0.0.1")
    mine, my_key = authority.leaf("client.example", client=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    words = {"ca": authority.ca_file, "cert": mine, "key": my_key}
    return context, {word: pathlib.Path(file).read_bytes() for word, file in words.items()}


def test_an_engine_elsewhere(authority, watcher):
    """Over TCP with TLS, by address and by name, from inside the sandbox; the parent connects nothing."""
    context, words = server_context(authority)
    with DockerStandIn(port=free_port(), context=context) as engine:
        web = engine.add("web", label(domains="a.example"))
        by_name = {"url": engine.url.replace("127.0.0.1", "localhost"), **words}
        one = watcher({"address": {"url": engine.url, **words}, "name": by_name})
        told = one.wait_complete()
        assert {claim["engine"] for claim in told.claims} == {"address", "name"} and one.wants == []
        assert one.act("web", SIGNAL, signal="HUP", engine="name")["error"]["code"] == ""
        assert engine.signals == [(web, "HUP")]
        # A reload with the same words keeps them, one with another certificate does not.
        requests = len(engine.requests)
        one.feed()
        one.wait(lambda: len(one.all_told) == 2, "another round")
        assert len(engine.requests) == requests
        one.engines["name"]["ca"] += b"\n"
        one.feed()
        wait_until(lambda: len(engine.requests) > requests, "it to be asked anew")
        assert one.wait_told(lambda told: len(told.claims) == 2 and told.complete)
