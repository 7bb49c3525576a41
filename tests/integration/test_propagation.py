"""Values that are waited for at every server of their zone, real ones, and at some that do what no real one does on
purpose."""

import random
import threading

import dns.flags
import dns.rcode
import pytest
from dns_questions import Run, run, watch
from odd_dns import OddServer, relay, reply

NAME, VALUE = "_acme-challenge.a.example", "what-the-challenge-wants"


def states(answer):
    """{name of the server: what it is}"""
    return {server["name"]: server["state"] for server in answer["servers"]}


def texts(answer):
    return {server["name"]: server["text"] for server in answer["servers"]}


@pytest.fixture
def address():
    """An address of this machine that no other test has, where port 53 is free."""
    return lambda: "127." + ".".join(str(random.randrange(1, 255)) for _ in range(3))


@pytest.fixture
def pair(knot, bind, address):
    """Primary and secondary at addresses of their own on port 53, as the zone says, and a resolver that knows."""

    def make(lags=True, records=()):
        one, two = address(), address()
        primary = knot(address=one, port=53).zone(
            "a.example", nameservers=[("ns1", one), ("ns2", two)], records=list(records)
        )
        secondary = knot(address=two, port=53).secondary("a.example", of=primary, lags=lags)
        primary.start(), secondary.start()
        return primary, secondary, bind(recursion=True).forward("a.example", primary).start()

    return make


def test_every_server_has_it(pair):
    primary, secondary, resolver = pair(lags=False)
    primary.put("a.example", NAME, VALUE)
    primary.put("a.example", NAME, "another")
    [answer] = run([resolver], watch(VALUE, recursive=True))
    assert answer["error"] is None
    assert states(answer) == {"ns1.a.example": "seen", "ns2.a.example": "seen", "the resolvers": "seen"}
    assert {server["address"] for server in answer["servers"]} == {
        primary.address,
        secondary.address,
        resolver.text,
    }


def test_secondary_that_lags_catches_up(pair):
    primary, secondary, resolver = pair()
    primary.put("a.example", NAME, VALUE)
    waiting = Run([resolver], watch(VALUE, timeout_ms=30000))
    secondary.refresh("a.example")
    [answer] = waiting.answers()
    assert answer["error"] is None
    assert states(answer) == {"ns1.a.example": "seen", "ns2.a.example": "seen"}


def test_secondary_that_stays_behind_is_named(pair):
    primary, secondary, resolver = pair()
    primary.put("a.example", NAME, VALUE)
    [answer] = run([resolver], watch(VALUE, timeout_ms=4000))
    assert answer["error"]["code"] == "ERR_TIMEOUT"
    assert states(answer) == {"ns1.a.example": "seen", "ns2.a.example": "missing"}
    assert f"ns2.a.example ({secondary.address}): has no such name (NXDOMAIN)" in answer["error"]["text"]
    assert "ns1.a.example" not in answer["error"]["text"]
    assert "1 of 2 addresses have it" in answer["error"]["text"]


def test_secondary_that_is_broken_is_named(knot, bind, address):
    """It has never had the zone: its primary is not there."""
    one, two = address(), address()
    primary = knot(address=one, port=53).zone(
        "a.example", nameservers=[("ns1", one), ("ns2", two)], records=[f"_acme-challenge TXT {VALUE}"]
    )
    gone = knot().zone("a.example")
    broken = knot(address=two, port=53).secondary("a.example", of=gone)
    broken._up = broken._answers
    primary.start(), broken.start()
    resolver = bind(recursion=True).forward("a.example", primary).start()
    [answer] = run([resolver], watch(VALUE, timeout_ms=4000))
    assert states(answer) == {"ns1.a.example": "seen", "ns2.a.example": "lame"}
    assert f"ns2.a.example ({two}): SERVFAIL: it has no usable copy of the zone" in answer["error"]["text"]


def test_only_those_that_lack_it_are_asked_again(knot):
    primary = knot().zone("a.example", records=[f"_acme-challenge TXT {VALUE}"])
    primary.start()
    answered = []

    def late(question, tcp):
        answered.append(1)
        if len(answered) > 3:
            return relay(primary)(question, tcp)
        return reply(question, [(NAME + ".", "TXT", "old", "older")])

    with OddServer(late) as behind, OddServer(relay(primary)) as front:
        [answer] = run([primary], watch(VALUE, nameservers=[front.text, behind.text], timeout_ms=30000))
        assert answer["error"] is None
        assert (front.count(NAME), behind.count(NAME)) == (1, 4)
        assert not any(flags & dns.flags.RD for _, _, flags, _ in behind.questions)


def test_servers_that_do_not_do_are_named(knot, bind, address):
    primary = knot().zone("a.example", records=[f"_acme-challenge TXT {VALUE}"])
    stranger = knot().zone("b.example")
    cache = bind(recursion=True).forward("a.example", primary)
    for server in (primary, stranger, cache):
        server.start()

    def fail(question, tcp):
        return reply(question, rcode=dns.rcode.SERVFAIL, authoritative=False, error=(14, "loading"))

    def refer(question, tcp):
        return reply(question, authority=[("sub.a.example.", "NS", "ns.sub.a.example.")], authoritative=False)

    def others(question, tcp):
        return reply(question, [(NAME + ".", "TXT", "old", "older")])

    def alias(question, tcp):
        return reply(question, [(NAME + ".", "CNAME", "x.b.example.")])

    def circle(question, tcp):
        return reply(question, [(NAME + ".", "CNAME", NAME + ".")])

    with (
        OddServer(lambda *_: None) as silent,
        OddServer(fail) as failing,
        OddServer(refer) as referring,
        OddServer(others) as old,
        OddServer(alias) as leading,
        OddServer(circle) as circling,
    ):
        servers = [primary, stranger, cache, silent, failing, referring, old, leading, circling]
        closed = address() + ":1"
        [answer] = run([primary], watch(VALUE, nameservers=[*(s.text for s in servers), closed], timeout_ms=8000))
    expected = {
        primary.text: ("seen", "has it"),
        stranger.text: ("lame", "REFUSED: it does not serve the zone (not authoritative)"),
        cache.text: ("lame", "lame: it answers without authority for the zone"),
        silent.text: ("silent", "no answer in 5 s"),
        failing.text: ("lame", "SERVFAIL: it has no usable copy of the zone (not ready)"),
        referring.text: ("lame", "lame: it refers to the servers of sub.a.example"),
        old.text: ("missing", "has 2 other values"),
        leading.text: ("missing", "has a CNAME to x.b.example there"),
        closed: ("silent", "cannot be reached (connection refused, or no route)"),
    }
    for server, (state, text) in expected.items():
        assert (states(answer)[server], texts(answer)[server]) == (state, text)
        if state != "seen":
            assert f"{server}: {text}" in answer["error"]["text"]
    assert states(answer)[circling.text] == "missing" and "have no end" in texts(answer)[circling.text]


def test_truncated_answer_is_taken_over_tcp(pair):
    crowd = [f"_acme-challenge TXT {number:03}-{'x' * 100}" for number in range(60)]
    primary, secondary, resolver = pair(records=[*crowd, f"_acme-challenge TXT {VALUE}"])
    [answer] = run([resolver], watch(VALUE, recursive=True))
    assert answer["error"] is None and set(states(answer).values()) == {"seen"}


def test_ipv6(knot):
    server = knot(address="::1").zone(
        "a.example", nameservers=[("ns", None)], records=["ns AAAA ::1", f"_acme-challenge TXT {VALUE}"]
    )
    server.text = f"[::1]:{server.port}"
    server.start()
    [answer] = run(["127.0.0.1"], watch(VALUE, nameservers=[server.text]))
    assert answer["error"] is None
    assert answer["servers"] == [{"address": "::1", "name": server.text, "state": "seen", "text": "has it"}]


def test_no_way_to_ipv6_is_no_fault_of_a_server_that_answers(knot, bind, address):
    """fe80::1 is on no link that could be meant; a server that is silent by IPv6 alone, as all are, is excused too."""
    one, two = address(), address()
    # ns1 has no way to its IPv6, ns2 is silent there
    primary = knot(address=one, port=53).zone(
        "a.example",
        nameservers=[("ns1", one), ("ns2", two)],
        records=["ns1 AAAA fe80::1", "ns2 AAAA ::1", f"_acme-challenge TXT {VALUE}"],
    )
    secondary = knot(address=two, port=53).secondary("a.example", of=primary)
    primary.start(), secondary.start()
    resolver = bind(recursion=True).forward("a.example", primary).start()
    with OddServer(lambda *_: None, address="::1", port=53):
        [answer] = run([resolver], watch(VALUE, timeout_ms=30000))
    assert answer["error"] is None
    said = {server["address"]: (server["state"], server["text"]) for server in answer["servers"]}
    assert said == {
        one: ("seen", "has it"),
        two: ("seen", "has it"),
        "fe80::1": ("silent", "no way to IPv6 from here"),
        "::1": ("silent", "no answer in 5 s"),
    }


def test_chain_across_zones_and_servers(knot, bind, resolver):
    first = bind().zone("a.example", records=["_acme-challenge CNAME a.middle.example."])
    middle = knot().zone("middle.example", records=["a CNAME a-example.auth.b.example."])
    last = knot().zone("b.example")
    for server in (first, middle, last):
        server.start()
    known = resolver(a_example=first, middle_example=middle, b_example=last)
    [place] = run([known], {"locate": NAME})
    assert (place["name"], place["zone"]) == ("a-example.auth.b.example", "b.example")
    last.put("b.example", place["name"], VALUE)
    [answer] = run([known], watch(VALUE, "b.example", place["name"], nameservers=[last.text], recursive=True))
    assert answer["error"] is None
    [found] = run([known], {"ask": NAME})
    assert [record["text"] for record in found["records"]] == [VALUE] and found["owner"] == place["name"]


def test_resolvers_are_asked_when_the_servers_have_it(knot):
    """So that they do not keep that it is missing."""
    server = knot().zone("a.example").start()
    asked = []

    def resolve(question, tcp):
        asked.append(server.txt(NAME))
        if len(asked) < 3:
            return reply(question, rcode=dns.rcode.NXDOMAIN, authoritative=False)
        return relay(server)(question, tcp)

    with OddServer(resolve) as resolver:
        waiting = Run([resolver], watch(VALUE, nameservers=[server.text], recursive=True, timeout_ms=30000))
        server.put("a.example", NAME, VALUE)
        [answer] = waiting.answers()
    assert answer["error"] is None
    assert asked == [[VALUE]] * 3


def test_resolvers_that_never_see_it(knot):
    server = knot().zone("a.example", records=[f"_acme-challenge TXT {VALUE}"]).start()

    def resolve(question, tcp):
        return reply(question, rcode=dns.rcode.NXDOMAIN, authoritative=False)

    with OddServer(resolve) as resolver:
        both, alone = run(
            [resolver],
            watch(VALUE, nameservers=[server.text], recursive=True, timeout_ms=3000),
            watch(VALUE, authoritative=False, recursive=True, timeout_ms=3000),
        )
    for answer in (both, alone):
        assert answer["error"]["code"] == "ERR_TIMEOUT"
        assert f"the resolvers ({resolver.text}): know no such name (NXDOMAIN)" in answer["error"]["text"]
    assert "though all servers of its zone have it" in both["error"]["text"]
    assert states(alone) == {"the resolvers": "missing"}


def test_zone_whose_servers_are_not_known():
    def fail(question, tcp):
        return reply(question, rcode=dns.rcode.SERVFAIL)

    def nothing(question, tcp):
        return reply(question)

    with OddServer(fail) as failing, OddServer(nothing) as empty:
        [first] = run([failing], watch(VALUE, timeout_ms=1500))
        [second] = run([empty], watch(VALUE, timeout_ms=1500))
    assert first["error"]["code"] == "ERR_TIMEOUT"
    assert "servers of the zone a.example are not found" in first["error"]["text"]
    assert f"{failing.text}: SERVFAIL" in first["error"]["text"]
    assert second["error"]["code"] == "ERR_NOT_FOUND" and "propagation.nameservers" in second["error"]["text"]


def test_delay_alone():
    [answer] = run(["127.0.0.1"], watch(VALUE, authoritative=False, delay_ms=300))
    assert answer["error"] is None and answer["servers"] == [] and answer["elapsed_ms"] >= 300


def test_many_at_once(pair):
    """Names of one zone: the servers' channels are shared."""
    primary, secondary, resolver = pair(lags=False)
    names = [f"_acme-challenge.n{number}.a.example" for number in range(50)]
    waiting = Run([resolver], *(watch(VALUE, name=name, timeout_ms=30000) for name in names))
    adding = threading.Thread(target=lambda: [primary.put("a.example", name, VALUE) for name in names])
    adding.start()
    answers = waiting.answers()
    adding.join()
    assert [answer["error"] for answer in answers] == [None] * 50
