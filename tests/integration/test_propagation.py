"""Records that are waited for at the servers of their zone, and names that are followed to where they stand, at real
name servers; what these do not do on purpose is done by a server of the tests' own."""

import json
import os
import pathlib
import random
import subprocess
import threading

import dns.flags
import dns.rcode
import pytest
from bind import Bind
from knot import Knot
from name_server import quoted
from odd_dns import OddServer, relay, reply
from peers import from_system
from processes import sanitizer_reports

BUILD = pathlib.Path(os.environ.get("EVERCERT_BUILD", "build/test"))
NAME, VALUE = "_acme-challenge.a.example", "what-the-challenge-wants"


class Run:
    """build/tests/dns_run, which begins at once; answers() waits for its end."""

    def __init__(self, resolvers, *do):
        self.wanted = len(do)
        self._process = subprocess.Popen(
            [BUILD / "tests" / "dns_run"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._process.stdin.write(json.dumps({"resolvers": [getattr(r, "text", r) for r in resolvers], "do": do}))
        self._process.stdin.close()
        self._process.stdin = None

    def ended(self):
        return self._process.poll() is not None

    def answers(self):
        out, errors = self._process.communicate(timeout=60)
        assert self._process.returncode == 0 and not sanitizer_reports(errors), errors
        found = {line["n"]: line for line in map(json.loads, out.splitlines())}
        assert sorted(found) == list(range(self.wanted)), out
        return [found[n] for n in range(self.wanted)]


def run(resolvers, *do):
    return Run(resolvers, *do).answers()


def watch(zone="a.example", name=NAME, value=VALUE, **more):
    return {"watch": name, "zone": zone, "value": value, **more}


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
def knot(processes, tmp_path):
    def make(address="127.0.0.1", **options):
        return Knot(processes, tmp_path / f"knot-{len(list(tmp_path.iterdir()))}", address, **options)

    return make


@pytest.fixture
def bind(processes, tmp_path):
    def make(**options):
        return Bind(processes, tmp_path / f"bind-{len(list(tmp_path.iterdir()))}", **options)

    return make


@pytest.fixture
def resolver(bind):
    def make(**zones):
        """zones: {zone with _ for dots: server}"""
        server = bind(recursion=True)
        for zone, of in zones.items():
            server.forward(zone.replace("_", "."), of)
        return server.start()

    return make


# --- questions ---


def test_records(knot, resolver):
    server = knot().zone(
        "a.example",
        records=[
            'txt TXT "one" "two"',
            f"long TXT {quoted('x' * 700)}",
            "alias CNAME other",
            "other CNAME txt",
            "@ CAA 128 issue ca.example",
            "www A 127.0.0.1",
        ],
    )
    server.start()
    found = run(
        [resolver(a_example=server)],
        {"ask": "txt.a.example"},
        {"ask": "TXT.A.Example"},
        {"ask": "alias.a.example"},
        {"ask": "alias.a.example", "type": "CNAME"},
        {"ask": "a.example", "type": "NS"},
        {"ask": "a.example", "type": "SOA"},
        {"ask": "a.example", "type": "CAA"},
        {"ask": "www.a.example"},
        {"ask": "nobody.a.example"},
        {"ask": "long.a.example"},
        {"ask": "not..a.name"},
    )
    assert [answer["state"] for answer in found] == ["found"] * 7 + ["no data", "no name", "found", "failed"]
    assert [[record["text"] for record in answer["records"]] for answer in found[:6]] == [
        ["onetwo"],
        ["onetwo"],
        ["onetwo"],
        ["other.a.example"],
        ["ns.a.example"],
        ["a.example"],
    ]
    assert found[2]["owner"] == "txt.a.example"
    assert found[5]["records"][0]["serial"] == server.serial("a.example")
    assert found[6]["records"] == [{"flags": 128, "serial": 0, "tag": "issue", "text": "ca.example"}]
    assert found[9]["records"][0]["text"] == "x" * 700
    assert found[10]["error"]["code"] == "ERR_INPUT"


def test_many_values_come_over_tcp(knot, resolver):
    values = sorted(f"{number:03}-{'x' * 100}" for number in range(60))
    server = knot().zone("a.example", records=[f"many TXT {value}" for value in values])
    server.start()
    [found] = run([resolver(a_example=server)], {"ask": "many.a.example"})
    assert sorted(record["text"] for record in found["records"]) == values


def test_next_resolver_is_asked(knot, resolver):
    server = knot().zone("a.example", records=["txt TXT here"])
    server.start()
    good = resolver(a_example=server)

    def refuse(question, tcp):
        return reply(question, rcode=dns.rcode.REFUSED)

    def refer(question, tcp):
        return reply(question, authority=[("a.example.", "NS", "ns.a.example.")], authoritative=False)

    with OddServer(refuse) as refusing, OddServer(refer) as referring, OddServer(lambda *_: None) as silent:
        [found] = run([refusing, referring, silent, good], {"ask": "txt.a.example"})
        assert found["state"] == "found"
        assert refusing.count("txt.a.example") == referring.count("txt.a.example") == 1
        [found] = run([refusing, referring], {"ask": "txt.a.example"})
    assert found["state"] == "failed" and found["error"]["code"] == "ERR_NETWORK"
    assert f"{refusing.text}: REFUSED" in found["error"]["text"]
    assert f"{referring.text}: names other servers" in found["error"]["text"]


def test_server_of_before_edns():
    def answer(question, tcp):
        if question.edns >= 0:
            old = reply(question, rcode=dns.rcode.FORMERR)
            old.use_edns(-1)
            return old
        return reply(question, [("txt.a.example.", "TXT", "here")])

    with OddServer(answer) as old:
        first, second = run([old], {"ask": "txt.a.example"}, {"ask": "txt.a.example", "type": "CNAME"})
    assert (first["state"], second["state"]) == ("found", "no data")


def test_rubbish_is_no_answer():
    """What is cut off, or goes on without an end, or counts more than it has."""
    whole = [("txt.a.example.", "TXT", "a value")]

    def cut_off(question, tcp):
        return reply(question, whole).to_wire()[:-3]

    def counts_too_many(question, tcp):
        octets = bytearray(reply(question, whole).to_wire())
        octets[7] = 200
        return bytes(octets)

    def points_to_itself(question, tcp):
        head = reply(question).to_wire()
        octets = bytearray(head[: len(question.question[0].name.to_wire()) + 16])
        octets[7:12] = b"\x01\x00\x00\x00\x00"
        at = len(octets)
        return bytes(octets) + bytes([0xC0, at]) + b"\0\x10\0\1\0\0\0\0\0\2\1x"

    for odd in (cut_off, counts_too_many, points_to_itself):
        with OddServer(odd) as server:
            [found] = run([server], {"ask": "txt.a.example"})
        assert found["state"] == "failed"
        assert f"{server.text}: sent an answer that is broken" in found["error"]["text"]


# --- places ---


def test_place_of_a_name(knot, resolver):
    first = knot().zone(
        "a.example",
        records=[
            "_acme-challenge CNAME x.auth.b.example.",
            "_acme-challenge.sub CNAME step",
            "step CNAME _acme-challenge",
            "_acme-challenge.circle CNAME one",
            "one CNAME two",
            "two CNAME one",
            "cut NS ns.cut",
            "ns.cut A 127.0.0.1",
            "_acme-challenge.out CNAME _acme-challenge.gone.example.",
        ],
    )
    long = [f"l{number} CNAME l{number + 1}" for number in range(20)]
    second = knot().zone("b.example", records=long).zone("cut.a.example")
    for server in (first, second):
        server.start()
    places = run(
        [resolver(a_example=first, b_example=second, cut_a_example=second)],
        {"locate": "_acme-challenge.www.a.example"},
        {"locate": "_acme-challenge.a.example"},
        {"locate": "_acme-challenge.sub.a.example"},
        {"locate": "_acme-challenge.www.cut.a.example"},
        {"locate": "cut.a.example"},
        {"locate": "_acme-challenge.circle.a.example"},
        {"locate": "l0.b.example"},
        {"locate": "l10.b.example"},
        {"locate": "_acme-challenge.gone.example"},
        {"locate": "_acme-challenge.out.a.example"},
    )
    assert [(place.get("name"), place.get("zone")) for place in places[:5]] == [
        ("_acme-challenge.www.a.example", "a.example"),
        ("x.auth.b.example", "b.example"),
        ("x.auth.b.example", "b.example"),
        ("_acme-challenge.www.cut.a.example", "cut.a.example"),
        ("cut.a.example", "cut.a.example"),
    ]
    assert places[2]["chain"] == ["step.a.example", "_acme-challenge.a.example", "x.auth.b.example"]
    circle, many, few, gone, out = places[5:]
    assert circle["error"]["code"] == many["error"]["code"] == "ERR_LIMIT"
    assert (
        "_acme-challenge.circle.a.example -> one.a.example -> two.a.example -> one.a.example"
        in circle["error"]["text"]
    )
    assert "too many" in many["error"]["text"] and "l16.b.example" in many["error"]["text"]
    assert few["name"] == "l20.b.example" and len(few["chain"]) == 10
    assert gone["error"]["code"] == "ERR_NOT_FOUND"
    assert "the domain gone.example does not exist" in gone["error"]["text"]
    assert "propagation.resolvers" in gone["error"]["text"]
    assert "where the CNAMEs of _acme-challenge.out.a.example lead to" in out["error"]["text"]


def test_zone_without_word_of_it():
    """Some forwarders leave the authority section out: the zone is looked for from the name upwards."""

    def answer(question, tcp):
        asked = question.question[0]
        if asked.name.to_text() == "corp." and asked.rdtype == dns.rdatatype.SOA:
            return reply(question, [("corp.", "SOA", "ns.corp. h.corp. 1 1 1 1 1")])
        return reply(question, rcode=0 if asked.name.to_text() in ("host.corp.", "corp.") else 3)

    with OddServer(answer) as forwarder:
        places = run(
            [forwarder],
            {"locate": "_acme-challenge.host.corp"},
            {"locate": "_acme-challenge.nobody.corp"},
            {"locate": "_acme-challenge.corp"},
            {"locate": "_acme-challenge.example.org"},
        )
    # What is directly below a zone of one label has to be there, or it would be any TLD.
    assert [place.get("zone") for place in places] == ["corp", None, "corp", None]
    assert "the domain nobody.corp does not exist" in places[1]["error"]["text"]
    assert "the domain example.org does not exist" in places[3]["error"]["text"]


# --- DNSSEC ---


@pytest.fixture
def signed(bind, tmp_path):
    """A zone that is signed: server, and the data of its key."""
    server = bind().zone("a.example", records=["txt TXT here"])
    folder = tmp_path / "keys"
    folder.mkdir()
    options = ["-K", folder, "-a", "ECDSAP256SHA256"]
    made = subprocess.run(
        [from_system("dnssec-keygen"), *options, "-f", "KSK", "a.example"], check=True, capture_output=True, text=True
    )
    subprocess.run([from_system("dnssec-keygen"), *options, "a.example"], check=True, capture_output=True)
    plain = server.zone_text(server.zones["a.example"])
    (folder / "zone").write_text(plain)
    subprocess.run(
        [from_system("dnssec-signzone"), "-K", folder, "-S", "-o", "a.example", folder / "zone"],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    (folder / "signed").write_text((folder / "zone.signed").read_text())
    server.zone_text = lambda zone: (folder / "signed").read_text()
    server.start()
    key = next(line for line in (folder / f"{made.stdout.strip()}.key").read_text().splitlines() if line[0] != ";")
    return server, key.split("DNSKEY", 1)[1].strip()


def test_dnssec_that_verifies(signed, bind):
    server, key = signed
    resolver = bind(recursion=True).forward("a.example", server).trust("a.example", key).start()
    found, place = run([resolver], {"ask": "txt.a.example"}, {"locate": NAME})
    assert found["state"] == "found" and place["zone"] == "a.example"


def test_dnssec_that_does_not_verify(signed, bind):
    server, key = signed
    flags, protocol, algorithm, data = key.split(None, 3)
    wrong = "A" * 8 + "".join(data.split())[8:]
    resolver = bind(recursion=True).forward("a.example", server)
    resolver.trust("a.example", f"{flags} {protocol} {algorithm} {wrong}").start()
    found, absent, place, spread, caa = run(
        [resolver],
        {"ask": "txt.a.example"},
        {"ask": "nobody.a.example"},
        {"locate": NAME},
        watch(authoritative=False, recursive=True),
        {"caa": "www.a.example", "issuers": ["ca.example"]},
    )
    assert (found["state"], absent["state"]) == ("bogus", "bogus")
    for answer in (found, absent, place, spread, caa):
        assert answer["error"]["code"] == "ERR_REFUSED"
        assert "the zone a.example fails DNSSEC validation: CAs refuse it" in answer["error"]["text"]


def test_extended_errors_are_shown():
    def answer(error, unchecked=0):
        def said(question, tcp):
            if question.flags & dns.flags.CD:
                return reply(question, rcode=unchecked)
            return reply(question, rcode=dns.rcode.SERVFAIL, error=error)

        return said

    with OddServer(answer((7, "of example.org"))) as bogus, OddServer(answer((22, "all down"))) as down:
        [first] = run([bogus], {"ask": "a.example"})
        [second] = run([down], {"ask": "a.example"})
    assert first["state"] == "bogus" and "(signature expired: of example.org)" in first["error"]["text"]
    assert second["state"] == "failed"
    assert "SERVFAIL (no reachable authority: all down)" in second["error"]["text"]


# --- who may issue ---


def test_caa(knot, resolver):
    server = knot().zone(
        "a.example",
        records=[
            "@ CAA 0 issue ca.example",
            '@ CAA 0 issuewild ";"',
            "own CAA 0 issue other.example",
            "alias.below CNAME own",
        ],
    )
    server.start()

    def look(name, **more):
        return {"caa": name, "issuers": ["ca.example"], **more}

    found = run(
        [resolver(a_example=server)],
        look("x.y.a.example"),
        look("*.x.a.example"),
        look("own.a.example"),
        look("alias.below.a.example"),
        look("nobody.example"),
    )
    assert [answer.get("owner") for answer in found] == [
        "a.example",
        "a.example",
        "own.a.example",
        "alias.below.a.example",
        None,
    ]
    assert [answer["error"] is None for answer in found] == [True, False, False, False, True]
    assert "lets nobody issue for wildcards" in found[1]["error"]["text"]


# --- propagation ---


@pytest.fixture
def pair(knot, bind, address):
    """Primary and secondary at addresses of their own on port 53, as the zone says, and a resolver that knows."""

    def make(lags=True, records=()):
        one, two = address(), address()
        primary = knot(one, port=53).zone(
            "a.example", nameservers=[("ns1", one), ("ns2", two)], records=list(records)
        )
        secondary = knot(two, port=53).secondary("a.example", of=primary, lags=lags)
        primary.start(), secondary.start()
        return primary, secondary, bind(recursion=True).forward("a.example", primary).start()

    return make


def test_every_server_has_it(pair):
    primary, secondary, resolver = pair(lags=False)
    primary.put("a.example", NAME, VALUE)
    primary.put("a.example", NAME, "another")
    [answer] = run([resolver], watch(recursive=True))
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
    waiting = Run([resolver], watch(timeout_ms=30000))
    secondary.refresh("a.example")
    [answer] = waiting.answers()
    assert answer["error"] is None
    assert states(answer) == {"ns1.a.example": "seen", "ns2.a.example": "seen"}


def test_secondary_that_stays_behind_is_named(pair):
    primary, secondary, resolver = pair()
    primary.put("a.example", NAME, VALUE)
    [answer] = run([resolver], watch(timeout_ms=2000))
    assert answer["error"]["code"] == "ERR_TIMEOUT"
    assert states(answer) == {"ns1.a.example": "seen", "ns2.a.example": "missing"}
    assert f"ns2.a.example ({secondary.address}): has no such name (NXDOMAIN)" in answer["error"]["text"]
    assert "ns1.a.example" not in answer["error"]["text"]
    assert "1 of 2 addresses have it" in answer["error"]["text"]


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
        [answer] = run([primary], watch(nameservers=[front.text, behind.text], timeout_ms=30000))
        assert answer["error"] is None
        assert (front.count(NAME), behind.count(NAME)) == (1, 4)
        assert not any(flags & dns.flags.RD for _, _, flags, _ in behind.questions)
    # 500, 750 and 1,125 ms
    assert answer["elapsed_ms"] >= 2300


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
        [answer] = run([primary], watch(nameservers=[*(s.text for s in servers), closed], timeout_ms=6000))
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
    [answer] = run([resolver], watch(recursive=True))
    assert answer["error"] is None and set(states(answer).values()) == {"seen"}


def test_ipv6(knot):
    server = knot("::1").zone(
        "a.example", nameservers=[("ns", None)], records=["ns AAAA ::1", f"_acme-challenge TXT {VALUE}"]
    )
    server.text = f"[::1]:{server.port}"
    server.start()
    [answer] = run(["127.0.0.1"], watch(nameservers=[server.text]))
    assert answer["error"] is None
    assert answer["servers"] == [{"address": "::1", "name": server.text, "state": "seen", "text": "has it"}]


def test_no_way_to_ipv6_is_no_fault_of_a_server_that_answers(knot, bind, address):
    """fe80::1 is on no link that could be meant; a server that is silent by IPv6 alone, as all are, is excused too."""
    one, two = address(), address()
    # ns1 has no way to its IPv6, ns2 is silent there
    primary = knot(one, port=53).zone(
        "a.example",
        nameservers=[("ns1", one), ("ns2", two)],
        records=["ns1 AAAA fe80::1", "ns2 AAAA ::1", f"_acme-challenge TXT {VALUE}"],
    )
    secondary = knot(two, port=53).secondary("a.example", of=primary)
    primary.start(), secondary.start()
    resolver = bind(recursion=True).forward("a.example", primary).start()
    with OddServer(lambda *_: None, address="::1", port=53):
        [answer] = run([resolver], watch(timeout_ms=30000))
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
    [answer] = run([known], watch("b.example", place["name"], nameservers=[last.text], recursive=True))
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
        waiting = Run([resolver], watch(nameservers=[server.text], recursive=True, timeout_ms=30000))
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
            watch(nameservers=[server.text], recursive=True, timeout_ms=1500),
            watch(authoritative=False, recursive=True, timeout_ms=1500),
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
        [first] = run([failing], watch(timeout_ms=1500))
        [second] = run([empty], watch(timeout_ms=1500))
    assert first["error"]["code"] == "ERR_TIMEOUT"
    assert "servers of the zone a.example are not found" in first["error"]["text"]
    assert f"{failing.text}: SERVFAIL" in first["error"]["text"]
    assert second["error"]["code"] == "ERR_NOT_FOUND" and "propagation.nameservers" in second["error"]["text"]


def test_delay_alone():
    [answer] = run(["127.0.0.1"], watch(authoritative=False, delay_ms=300))
    assert answer["error"] is None and answer["servers"] == [] and answer["elapsed_ms"] >= 300


def test_many_at_once(pair):
    """Names of one zone: the servers' channels are shared."""
    primary, secondary, resolver = pair(lags=False)
    names = [f"_acme-challenge.n{number}.a.example" for number in range(50)]
    waiting = Run([resolver], *(watch(name=name, timeout_ms=30000) for name in names))
    adding = threading.Thread(target=lambda: [primary.put("a.example", name, VALUE) for name in names])
    adding.start()
    answers = waiting.answers()
    adding.join()
    assert [answer["error"] for answer in answers] == [None] * 50
