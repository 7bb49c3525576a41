"""Records, zones and permissions that are asked for at real name servers; what these do not do on purpose is done by a
server of the tests' own."""

import subprocess

import dns.flags
import dns.rcode
import dns.rdatatype
import pytest
from dns_questions import run, watch
from name_server import quoted
from odd_dns import OddServer, reply
from peers import from_system

NAME = "_acme-challenge.a.example"


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
            "moved DNAME b.example.",
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
        {"locate": "_acme-challenge.moved.a.example"},
        {"locate": "_acme-challenge.circle.a.example"},
        {"locate": "l0.b.example"},
        {"locate": "l10.b.example"},
        {"locate": "_acme-challenge.gone.example"},
        {"locate": "_acme-challenge.out.a.example"},
    )
    assert [(place.get("name"), place.get("zone")) for place in places[:6]] == [
        ("_acme-challenge.www.a.example", "a.example"),
        ("x.auth.b.example", "b.example"),
        ("x.auth.b.example", "b.example"),
        ("_acme-challenge.www.cut.a.example", "cut.a.example"),
        ("cut.a.example", "cut.a.example"),
        ("_acme-challenge.b.example", "b.example"),
    ]
    assert places[2]["chain"] == ["step.a.example", "_acme-challenge.a.example", "x.auth.b.example"]
    circle, many, few, gone, out = places[6:]
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


def test_zone_is_looked_for_once():
    def answer(question, tcp):
        asked = question.question[0]
        if asked.name.to_text() == "a.example." and asked.rdtype == dns.rdatatype.SOA:
            return reply(question, [("a.example.", "SOA", "ns.a.example. h.a.example. 1 1 1 1 1")])
        return reply(question)

    with OddServer(answer) as forwarder:
        places = run(
            [forwarder],
            {"locate": "_acme-challenge.a.example"},
            {"locate": "_acme-challenge.www.a.example"},
            {"locate": "_acme-challenge.a.example"},
            one_by_one=True,
        )
        assert [place["zone"] for place in places] == ["a.example"] * 3
        soa = [name for name, kind, _, _ in forwarder.questions if kind == "SOA"]
        assert forwarder.count("a.example", "NS") == 1
    # It knows no servers of the zone, so that it is asked for the names themselves.
    assert soa == ["a.example", "_acme-challenge.a.example", "www.a.example", "_acme-challenge.www.a.example"]


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
        watch("value", authoritative=False, recursive=True),
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
