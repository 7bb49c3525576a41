"""Names that are not there yet: the servers of their zone are asked, and no resolver comes to know that they are
missing."""

import time

import dns.flags
import dns.rcode
import pytest
from dns_questions import run
from odd_dns import OddServer, relay, reply
from ports import free_address

NAME = "_acme-challenge.a.example"
KEPT_S = 3600


@pytest.fixture
def zones(knot):
    """Starts a server of zones where delegations find it, on port 53."""

    def make(*names, records=(), **options):
        server = knot(address=free_address(), port=53)
        for name in names:
            server.zone(name, records=list(records), missing=KEPT_S, **options)
        return server.start()

    return make


@pytest.fixture
def watched(bind):
    """A resolver that keeps what is missing, behind a server that counts what it is asked: (front, resolver)."""

    def make(**servers):
        resolver = bind(recursion=True, missing=KEPT_S)
        for zone, server in servers.items():
            resolver.forward(zone.replace("_", "."), server)
        return OddServer(relay(resolver.start())), resolver

    return make


def asked_for(front, *names):
    """Which of these names, or names below them, it was asked for."""
    return sorted({one for one, *_ in front.questions for name in names if f".{one}".endswith(f".{name}")})


def place(found):
    return found.get("name"), found.get("zone")


def test_resolvers_are_not_asked_for_the_name(zones, watched):
    server = zones("a.example", records=["www A 127.0.0.1"])
    front, resolver = watched(a_example=server)
    with front:
        first, www, account, missing = run(
            [front],
            {"locate": NAME},
            {"locate": "_acme-challenge.www.a.example"},
            {"locate": f"_abcdefgh.{NAME}"},
            {"there": NAME},
        )
        assert place(first) == (NAME, "a.example")
        assert place(www) == ("_acme-challenge.www.a.example", "a.example")
        assert place(account) == (f"_abcdefgh.{NAME}", "a.example")
        assert missing["state"] == "no name"
        server.put("a.example", NAME, "value")
        [found] = run([front], {"there": NAME})
        assert [record["text"] for record in found["records"]] == ["value"]
        assert asked_for(front, NAME, "_acme-challenge.www.a.example") == []
        # which is what all this is for
        [seen] = run([front], {"ask": NAME})
        assert [record["text"] for record in seen["records"]] == ["value"]


def test_a_delegation_of_the_challenge_name(zones, watched):
    child = zones(NAME)
    parent = zones("a.example", records=["_acme-challenge NS ns.child", f"ns.child A {child.address}"])
    front, _ = watched(a_example=parent)
    with front:
        found, below, apex = run(
            [front],
            {"locate": NAME},
            {"locate": f"_abcdefgh.{NAME}"},
            {"there": NAME, "type": "SOA"},
        )
        assert place(found) == (NAME, NAME)
        assert place(below) == (f"_abcdefgh.{NAME}", NAME)
        assert apex["state"] == "found"
        assert asked_for(front, NAME) == []


def test_a_chain_across_servers_to_what_is_not_there_yet(zones, watched):
    """The last but one is of a zone that the parent's servers hold, too; the last is the apex of a zone elsewhere."""
    apex = zones("x.auth.example")
    second = zones(
        "auth.example",
        "own.auth.example",
        records=["two CNAME name.own.auth.example.", "x NS ns-x", f"ns-x A {apex.address}"],
    )
    first = zones(
        "a.example",
        records=[
            "_acme-challenge CNAME new.auth.example.",
            "_acme-challenge.www CNAME two.auth.example.",
            "_acme-challenge.apex CNAME x.auth.example.",
        ],
    )
    front, _ = watched(a_example=first, auth_example=second)
    with front:
        new, two, last = run(
            [front],
            {"locate": NAME},
            {"locate": "_acme-challenge.www.a.example"},
            {"locate": "_acme-challenge.apex.a.example"},
        )
        assert place(new) == ("new.auth.example", "auth.example")
        assert place(two) == ("name.own.auth.example", "own.auth.example")
        assert two["chain"] == ["two.auth.example", "name.own.auth.example"]
        assert place(last) == ("x.auth.example", "x.auth.example")
        names = ("new.auth.example", "two.auth.example", "name.own.auth.example")
        assert asked_for(front, NAME, *names) == []
        assert front.count("x.auth.example", "CNAME") == 0


def test_chains_without_an_end(zones, watched):
    records = ["_acme-challenge CNAME one", "one CNAME _acme-challenge"]
    records += [f"l{number} CNAME l{number + 1}" for number in range(20)]
    front, _ = watched(a_example=zones("a.example", records=records))
    with front:
        circle, many = run([front], {"locate": NAME}, {"locate": "l0.a.example"})
    assert circle["error"]["code"] == many["error"]["code"] == "ERR_LIMIT"
    assert f"{NAME} -> one.a.example -> {NAME}" in circle["error"]["text"]


def test_many_names_of_one_zone(zones, watched):
    """Its servers are looked for once, at the same time or one after the other."""
    front, _ = watched(a_example=zones("a.example"))
    names = [f"_acme-challenge.n{number}.a.example" for number in range(40)]
    with front:
        found = run([front], *[{"locate": name} for name in names])
        assert {one["zone"] for one in found} == {"a.example"}
        assert front.count("a.example", "NS") == 1
        found = run([front], *[{"locate": name} for name in names], one_by_one=True)
        assert {one["zone"] for one in found} == {"a.example"}
        assert front.count("a.example", "NS") == 2


def listed(*addresses):
    """Options of a zone that says that these are its servers."""
    return {"nameservers": [(f"ns{number}", address) for number, address in enumerate(addresses)]}


def test_servers_that_do_not_do(knot, watched):
    """Silent, lame, a cache, one that names those above: the next one is asked."""
    holder = free_address()
    odd = {free_address(): None for _ in range(4)}
    servers = [*odd, holder]
    server = knot(address=holder, port=53).zone("a.example", missing=KEPT_S, **listed(*servers))
    server.start()

    def refuse(question, tcp):
        return reply(question, rcode=dns.rcode.REFUSED)

    def cached(question, tcp):
        return reply(question, authoritative=False)

    def refers_up(question, tcp):
        return reply(question, authority=[("example.", "NS", "ns.example.")], authoritative=False)

    front, _ = watched(a_example=server)
    answers = [lambda *_: None, refuse, cached, refers_up]
    made = [OddServer(answer, address=address, port=53) for answer, address in zip(answers, odd)]
    with front, made[0], made[1], made[2], made[3]:
        [found] = run([front], {"locate": NAME})
        assert place(found) == (NAME, "a.example")
        assert asked_for(front, NAME) == []
        assert not any(flags & dns.flags.RD for one in made for _, _, flags, _ in one.questions)


def test_referrals_are_followed_downwards_only(watched, knot):
    """To the zone itself, to others, to what the name is not in, and further and further down."""
    address = free_address()
    source = knot().zone("a.example", **listed(address)).start()
    deep = ".".join(["x"] * 30) + ".a.example"

    def refer(question, tcp):
        name = question.question[0].name.to_text()
        if not name.startswith("x."):
            others = ("a.example.", "example.", "b.example.", f"sub.{name}")
            return reply(
                question, authority=[(other, "NS", "ns0.a.example.") for other in others], authoritative=False
            )
        labels = name.split(".")
        below = ".".join(labels[-min(len(labels), 5 + len(referring.questions)) :])
        return reply(question, authority=[(below, "NS", "ns0.a.example.")], authoritative=False)

    front, _ = watched(a_example=source)
    with front, OddServer(refer, address=address, port=53) as referring:
        [first] = run([front], {"locate": NAME})
        assert place(first) == (NAME, "a.example")
        assert referring.count(NAME, "CNAME") == 1
        [second] = run([front], {"locate": deep})
        assert place(second) == (deep, "a.example")
        assert referring.count(deep, "CNAME") <= 10


@pytest.mark.parametrize("way", ("silent", "nobody listens"))
def test_where_no_server_is_in_reach_the_resolvers_are_asked(knot, watched, way):
    address, other = free_address(), free_address()
    records = ["_acme-challenge CNAME new.b.example.", "_validation-persist TXT standing"]
    source = knot().zone("a.example", records=records, **listed(address)).zone("b.example", **listed(address)).start()
    front, _ = watched(a_example=source, b_example=source)
    with front, OddServer(lambda *_: None, address=address if way == "silent" else other, port=53) as silent:
        found, again, there = run(
            [front],
            {"locate": NAME},
            {"locate": "_acme-challenge.www.a.example"},
            {"there": "_validation-persist.a.example"},
            one_by_one=True,
        )
        assert place(found) == ("new.b.example", "b.example")
        assert place(again) == ("_acme-challenge.www.a.example", "a.example")
        assert [record["text"] for record in there["records"]] == ["standing"]
        # They are left alone for a while.
        assert silent.count("_acme-challenge.www.a.example", "CNAME") == 0
        assert silent.count("_validation-persist.a.example") == 0


def test_that_nobody_listens_is_told_to_all_at_once(knot, watched):
    source = knot().zone("a.example", **listed(free_address())).start()
    front, _ = watched(a_example=source)
    with front:
        for many in (2, 5):
            began = time.monotonic()
            found = run([front], *[{"locate": f"_acme-challenge.n{number}.a.example"} for number in range(many)])
            assert {one["zone"] for one in found} == {"a.example"}
            assert time.monotonic() - began < 3.5, "what is refused is not waited for"


def test_domains_that_are_not_there(zones, watched):
    root = zones("example")
    front, _ = watched(example=root)
    with front:
        found = run(
            [front],
            {"locate": "_acme-challenge.gone.example"},
            {"locate": "_acme-challenge.www.gone.example"},
            {"locate": "gone.example"},
        )
    for one in found:
        assert one["error"]["code"] == "ERR_NOT_FOUND"
        assert "the domain gone.example does not exist" in one["error"]["text"]
