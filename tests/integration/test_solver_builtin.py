"""The answerer inside the solver, with its sandbox: for a delegated zone, and for the name itself."""

import socket

import dns.flags
import dns.message
import dns.query
import pytest
from bind import Bind
from knot import Knot
from ports import free_address
from processes import sanitizer_reports
from solver import Solver


@pytest.fixture
def solver(processes, tmp_path):
    made = []

    def make(resolver, address, zones, **propagation):
        one = Solver(processes, tmp_path / f"solver-{len(made)}", [resolver.text], **propagation)
        for number, zone in enumerate(zones):
            one.entry(f"own-{number}", "builtin", {"zone": zone, "nameservers": ["ns.example.net"]}, kind="builtin")
        one.sockets = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
        for bound in one.sockets:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setblocking(False)
            bound.bind((address, 53))
        one.sockets[1].listen(64)
        made.append(one)
        one.start()
        listen(one)
        return one

    def listen(one):
        one.listen(one.sockets[0], True)
        one.listen(one.sockets[1], False)

    make.listen = listen
    yield make
    for one in made:
        for bound in one.sockets:
            bound.close()
        if one.popen.poll() is None:
            one.popen.kill()
            one.popen.wait(20)
        assert not sanitizer_reports(one.text()), one.text()


def fine(asked):
    assert asked.error["code"] == "", asked.error
    return asked


@pytest.fixture
def world(processes, tmp_path):
    """A root that delegates to the solver's address, and a resolver."""
    root, here = free_address(), free_address()

    def make(*zones):
        records = [f"{zone} NS ns.example.net." for zone in zones] + [
            f"ns.example.net A {here}",
            "_acme-challenge.a.example CNAME one.auth.example.",
            "_acme-challenge.b.example CNAME two.auth.example.",
            "a.example A 127.0.0.1",
        ]
        Knot(processes, tmp_path / "root", address=root, port=53).zone(".", records=records).start()
        return Bind(processes, tmp_path / "resolver", recursion=True).hints(root).start(), here

    return make


def test_a_zone_for_many(world, solver):
    resolver, here = world("auth.example")
    one = solver(resolver, here, ["auth.example"])
    asked = fine(one.present("a.example", "own-0"))
    apex = fine(one.present("a.example", "own-0", domains=["*.a.example"], token="another"))
    resolver.wait_txt("one.auth.example", asked.value, apex.value)
    other = fine(one.present("b.example", "own-0"))
    resolver.wait_txt("two.auth.example", other.value)  # it may have asked before, for what was not there yet
    answer = resolver.ask("_acme-challenge.b.example")
    assert [str(rrset.name) for rrset in answer.answer] == ["_acme-challenge.b.example.", "two.auth.example."]
    # by TCP too, and with the flag of an authority
    said = dns.query.tcp(dns.message.make_query("two.auth.example", "TXT"), here, port=53, timeout=5)
    assert said.flags & dns.flags.AA and other.value in said.answer[0].to_text()
    for name, what, more in (("a.example", asked, {}), ("b.example", other, {})):
        fine(one.withdraw(name, "own-0", note=what.note, **more))
    resolver.wait_txt("two.auth.example")
    resolver.wait_txt("one.auth.example", apex.value)
    # values outlive a new configuration
    one.feed()
    solver.listen(one)
    resolver.wait_txt("one.auth.example", apex.value)
    fine(one.withdraw("a.example", "own-0", domains=["*.a.example"], token="another", note=apex.note))
    resolver.wait_txt("one.auth.example")
    one.stop()


def test_the_name_itself_is_delegated(world, solver):
    resolver, here = world("_acme-challenge.c.example")
    one = solver(resolver, here, ["_acme-challenge.c.example"])
    asked = fine(one.present("c.example", "own-0"))
    resolver.wait_txt("_acme-challenge.c.example", asked.value)
    fine(one.withdraw("c.example", "own-0", note=asked.note))
    resolver.wait_txt("_acme-challenge.c.example")
    one.stop()


def test_a_name_in_no_zone_of_it(world, solver):
    resolver, here = world("auth.example")
    one = solver(resolver, here, ["other.example"])
    asked = one.present("a.example", "own-0")
    assert asked.error["code"] != "" and "one.auth.example" in asked.error["text"], asked.error
    one.stop()
