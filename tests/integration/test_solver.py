"""The solver alone, before real name servers: the test is its parent, its keeper and its engine."""

import json
import os
import threading

import pytest
from bind import Bind
from name_server import Key
from processes import sanitizer_reports, wait_until
from solver import DNS_ACCOUNT_01, UPDATE, Solver, token_of, value_of

RECORD = "_acme-challenge.a.example"
LABEL = "_ujmmovf2vn55tgye"


@pytest.fixture
def key():
    return Key("client")


@pytest.fixture
def bind(processes, tmp_path, key):
    """One server that has the zones and is asked for them."""

    def start(*zones, records=(), **options):
        server = Bind(processes, tmp_path / f"bind-{len(list(tmp_path.glob('bind-*')))}", **options)
        for zone in zones:
            server.zone(zone, key=key, records=records)
        return server

    return start


@pytest.fixture
def solver(processes, tmp_path):
    made = []

    def make(*servers, **propagation):
        """The first ones are asked instead of the system's resolvers, and instead of those that zones name: these
        would have to listen on port 53."""
        texts = [server.text for server in servers]
        one = Solver(processes, tmp_path / f"solver-{len(made)}", texts, **{"nameservers": texts, **propagation})
        made.append(one)
        return one.provider("update", UPDATE)

    yield make
    for one in made:
        if one.popen and one.popen.poll() is None:
            one.popen.kill()
            one.popen.wait(20)
        assert not sanitizer_reports(one.text()), one.text()


def settings(server, key):
    return {"server": server.text, "key-name": key.name, "secret": key.secret}


@pytest.fixture
def simple(bind, solver, key):
    """One zone, one entry."""
    server = bind("a.example").start()
    return server, solver(server).entry("corp", "update", settings(server, key)).start()


def told(asked, code, *texts):
    assert asked.error["code"] == code, asked.error
    for text in texts:
        assert text in asked.error["text"], asked.error
    return asked


def fine(asked):
    assert asked.error["code"] == "", asked.error
    return asked


# One record


def test_a_record_is_written_and_taken_out(simple):
    server, solver = simple
    asked = fine(solver.present("a.example", "corp"))
    assert server.txt(RECORD) == [asked.value]
    note = json.loads(asked.note)
    assert [(part["record"], part["zone"]) for part in note["parts"]] == [(RECORD, "a.example")]
    part = note["parts"][0]
    assert (part["entry"], part["handle"]) == ("corp", f"handle of {RECORD}")
    assert asked.steps == [
        f"finding the zone of {RECORD}",
        f"writing {RECORD} at corp",
        "written at corp",
        "waiting for the servers of a.example",
    ]
    fine(solver.withdraw("a.example", "corp", note=asked.note))
    assert server.txt(RECORD) == []
    solver.stop()


def test_without_its_note_it_is_found_again(simple):
    server, solver = simple
    fine(solver.present("a.example", "corp"))
    server.put("a.example", RECORD, "another's")
    fine(solver.withdraw("a.example", "corp"))
    assert server.txt(RECORD) == ["another's"]
    for note in ("{", '{"parts": 7}', "x" * 20000, '{"parts": [{"entry": "corp"}]}'):
        asked = fine(solver.present("a.example", "corp"))
        fine(solver.withdraw("a.example", "corp", note=note))
        assert server.txt(RECORD) == ["another's"], note
    assert asked.value not in server.txt(RECORD)


def test_values_of_two_orders_stand_beside_each_other(simple):
    server, solver = simple
    one = fine(solver.present("a.example", "corp", token="one"))
    two = fine(solver.present("a.example", "corp", domains=["*.a.example"], token="two"))
    assert server.txt(RECORD) == sorted([one.value, two.value])
    fine(solver.withdraw("a.example", "corp", token="one", note=one.note))
    assert server.txt(RECORD) == [two.value]


def test_the_label_of_an_account(simple):
    server, solver = simple
    asked = fine(solver.present("a.example", "corp", challenge=DNS_ACCOUNT_01, label=LABEL))
    assert server.txt(f"{LABEL}.{RECORD}") == [asked.value]
    fine(solver.withdraw("a.example", "corp", challenge=DNS_ACCOUNT_01, label=LABEL, note=asked.note))
    assert server.txt(f"{LABEL}.{RECORD}") == []


def test_many_at_once(bind, solver, key):
    server = bind("a.example").start()
    one = solver(server).entry("corp", "update", settings(server, key)).start()
    names = [f"n{number}.a.example" for number in range(200)]
    asked = [one.begin("dns_present", name, "corp", domains=names[:100] if i < 100 else names[100:])
             for i, name in enumerate(names)]
    for request in asked:
        fine(one.wait(request))
    assert one.opened == 2  # permits are opened once
    assert all(server.txt(f"_acme-challenge.{name}") == [value_of(token_of(name))] for name in names[::20])
    done = [
        one.begin("dns_withdraw", name, "corp", domains=names[:100] if i < 100 else names[100:], note=asked[i].note)
        for i, name in enumerate(names)
    ]
    for request in done:
        fine(one.wait(request))
    assert all(server.txt(f"_acme-challenge.{name}") == [] for name in names)


# What the permit does not allow


@pytest.mark.parametrize(
    "identifier,more,code,text",
    [
        ("b.example", {}, "REFUSED", "b.example: it is no DNS name of certificate c"),
        ("www.a.example", {}, "REFUSED", "it is no DNS name of certificate c"),
        ("*.a.example", {}, "REFUSED", "it is no DNS name of certificate c"),
        ("a.example", {"challenge": 0}, "INPUT", "a.example: challenge number 0 is not answered in the DNS"),
        ("a.example", {"challenge": 99}, "INPUT", "challenge number 99"),
        ("a.example", {"label": LABEL}, "INPUT", "the label of the account is out of shape"),
        ("a.example", {"challenge": DNS_ACCOUNT_01}, "INPUT", "the label"),
        ("a.example", {"challenge": DNS_ACCOUNT_01, "label": "_UJMMOVF2VN55TGYE"}, "INPUT", "the label"),
        ("a.example", {"challenge": DNS_ACCOUNT_01, "label": "www"}, "INPUT", "the label"),
        ("a.example", {"key_authorization": "x"}, "INPUT", "a.example: this is no key authorization"),
        ("a.example", {"key_authorization": "another.y"}, "INPUT", "no key authorization"),
        ("a.example", {"token": "t", "key_authorization": "t.$(reboot)"}, "INPUT", "no key authorization"),
        ("a.example", {"permit": b"forged"}, "VERIFY", "a.example: this permit was not sealed"),
    ],
)
def test_not_allowed(simple, identifier, more, code, text):
    server, solver = simple
    more = {"domains": ["a.example"], "token": "t", **more}
    told(solver.present(identifier, "corp", **more), code, text)
    told(solver.withdraw(identifier, "corp", **more), code, text)
    assert server.txt(RECORD) == []


def test_a_name_that_is_too_long(simple):
    _, solver = simple
    name = ".".join(["a" * 60] * 4)[:235] + ".example"
    told(solver.present(name, "corp"), "INPUT", "its name is too long for a challenge in the DNS")


def test_a_note_that_was_changed(bind, solver, key):
    """Its names count only where the permit chooses them, its handle not at all."""
    server = bind("a.example", "b.example").start()
    one = solver(server).entry("corp", "update", settings(server, key))
    one.entry("other", "update", settings(server, key)).start()
    dns = {"a.example": "corp"}
    asked = fine(one.present("a.example", dns))
    server.put("b.example", "_acme-challenge.b.example", asked.value)
    note = json.loads(asked.note)
    for change in ({"record": "_acme-challenge.b.example", "zone": "b.example"}, {"entry": "other"}):
        forged = {**note, "parts": [{**note["parts"][0], **change}]}
        told(one.withdraw("a.example", dns, note=json.dumps(forged)), "REFUSED", "does not choose it for")
    assert server.txt("_acme-challenge.b.example") == [asked.value]
    assert server.txt(RECORD) == [asked.value]
    forged = {**note, "parts": [{**note["parts"][0], "handle": "another"}]}
    fine(one.withdraw("a.example", dns, note=json.dumps(forged)))
    assert server.txt(RECORD) == []


@pytest.mark.parametrize("record", ["x/../y.a.example", "x?y.a.example", "-x.a.example", "a.example.", "another"])
def test_a_note_with_what_is_no_name(simple, record):
    """Providers make URLs of it."""
    server, solver = simple
    asked = fine(solver.present("a.example", "corp"))
    note = json.loads(asked.note)
    forged = {**note, "parts": [{**note["parts"][0], "record": record}]}
    told(solver.withdraw("a.example", "corp", note=json.dumps(forged)), "REFUSED", "is no place for a challenge")
    assert server.txt(RECORD) == [asked.value]


def test_a_cname_to_what_is_no_name(bind, solver, key):
    """Whoever has a name may not choose what else is asked of the provider."""
    server = bind("a.example", records=["_acme-challenge CNAME x/y"]).start()
    one = solver(server).entry("corp", "update", settings(server, key)).start()
    told(one.present("a.example", "corp"), "REFUSED", '"x/y.a.example" in the zone', "is no place for a challenge")
    assert server.txt("x/y.a.example") == []


# Which entry


def test_no_entry_fits(simple):
    _, solver = simple
    told(
        solver.present("a.example", {"*.b.example": "corp", "c.example": "corp"}),
        "CONFIG",
        f"a.example: no pattern of the certificate's dns: fits {RECORD}; there are *.b.example, c.example",
    )
    told(solver.present("a.example", {"*": "gone"}), "CONFIG", "a.example: gone: there is no such entry under dns:")


def test_a_chain_of_names_leads_to_another_zone(bind, solver, key):
    """The end of the chain chooses: the first zone's own entry is not even asked."""
    first = bind("a.example", records=["_acme-challenge CNAME one.deleg.example."])
    second = bind("deleg.example", records=["one CNAME two.deleg.example."]).start()
    resolver = bind(recursion=True).forward("a.example", first.start()).forward("deleg.example", second).start()
    one = solver(resolver, nameservers=[second.text])
    one.entry("here", "update", settings(first, key)).entry("there", "update", settings(second, key)).start()
    dns = {"a.example": "here", "*.deleg.example": "there"}
    asked = fine(one.present("a.example", dns, domains=["*.a.example"]))
    assert second.txt("two.deleg.example") == [asked.value]
    fine(one.withdraw("a.example", dns, domains=["*.a.example"], note=asked.note))
    assert second.txt("two.deleg.example") == []


def test_two_entries_for_one_name(bind, solver, key):
    """Two servers of the same zone, which know nothing of each other."""
    one, two = bind("a.example"), bind("a.example")
    for server in (one, two):
        server.zones["a.example"].nameservers = [("ns1", one.address), ("ns2", two.address)]
    one.start(), two.start()
    both = solver(one, nameservers=[one.text, two.text])
    both.entry("east", "update", settings(one, key)).entry("west", "update", settings(two, key)).start()
    asked = fine(both.present("a.example", "east,west"))
    assert one.txt(RECORD) == two.txt(RECORD) == [asked.value]
    assert [part["entry"] for part in json.loads(asked.note)["parts"]] == ["east", "west"]
    fine(both.withdraw("a.example", "east,west", note=asked.note))
    assert one.txt(RECORD) == two.txt(RECORD) == []


def test_one_of_two_entries_fails(bind, solver, key):
    one, two = bind("a.example").start(), bind("b.example").start()
    both = solver(one).entry("east", "update", settings(one, key)).entry("west", "update", settings(two, key)).start()
    asked = told(both.present("a.example", "east,west"), "REFUSED", "a.example: west: ")
    assert one.txt(RECORD) == [asked.value]
    fine(both.withdraw("a.example", "east,west", note=asked.note))  # who was refused has nothing to take out
    assert one.txt(RECORD) == []


def test_an_entry_with_resolvers_of_its_own(bind, solver, key):
    """The DNS looks different from inside: what everybody else asks has no such zone."""
    outside, inside = bind("other.example").start(), bind("a.example").start()
    one = solver(outside).entry(
        "corp", "update", settings(inside, key), propagation={"resolvers": [inside.text], "nameservers": [inside.text]}
    )
    one.entry("plain", "update", settings(inside, key)).start()
    asked = fine(one.present("a.example", "corp"))
    assert inside.txt(RECORD) == [asked.value]
    fine(one.withdraw("a.example", "corp", note=asked.note))
    assert inside.txt(RECORD) == []
    assert one.present("a.example", "plain").error["text"].startswith(f"a.example: finding the zone of {RECORD}: ")


# Whether it has spread


def test_it_has_not_spread(bind, solver, key):
    """A server of the zone that never has it: the record is there to be taken out again."""
    stale = bind("a.example").start()
    server = bind("a.example").start()
    one = solver(server, nameservers=[server.text, stale.text], timeout=2)
    one.entry("corp", "update", settings(server, key)).start()
    asked = told(one.present("a.example", "corp"), "TIMEOUT", "a.example: corp: zone a.example: ", stale.text)
    assert server.txt(RECORD) == [asked.value]
    fine(one.withdraw("a.example", "corp", note=asked.note))
    assert server.txt(RECORD) == []


def test_nobody_looks(bind, solver, key):
    stale = bind("a.example").start()
    server = bind("a.example").start()
    one = solver(server, nameservers=[stale.text], check="none", delay=1)
    one.entry("corp", "update", settings(server, key)).start()
    asked = fine(one.present("a.example", "corp"))
    assert "waiting 1 s for a.example" in asked.steps
    assert server.txt(RECORD) == [asked.value]


# Programs


def test_a_program(bind, solver):
    server = bind("a.example").start()
    one = solver(server, check="none").entry("script", "exec", {}, kind="program").start()
    one.run_program = lambda fields: {"output": "" if fields["cleanup"] else "what it printed"}
    asked = fine(one.present("a.example", "script"))
    ran = one.programs[0]
    assert (ran["entry"], ran["cleanup"], ran["identifier"], ran["remaining"]) == ("script", 0, "a.example", 0)
    assert (ran["record"], ran["zone"], ran["value"]) == (RECORD, "a.example", asked.value)
    fine(one.withdraw("a.example", "script", note=asked.note))
    assert (one.programs[1]["cleanup"], one.programs[1]["output"]) == (1, "what it printed")
    one.run_program = lambda fields: {"output": "", "error": ("FAILED", "it exited with status 3")}
    told(one.present("a.example", "script"), "FAILED", "a.example: script: it exited with status 3")


def test_programs_are_told_how_many_are_to_come(bind, solver):
    """In whatever order the names are found: some act upon the last one."""
    server = bind("a.example").start()
    one = solver(server, check="none").entry("script", "exec", {}, kind="program").start()
    asked = [one.begin("dns_present", "a.example", "script", token=token) for token in ("one", "two", "three")]
    for each in asked:
        fine(one.wait(each))
    assert [ran["remaining"] for ran in one.programs] == [2, 1, 0]


def test_an_output_that_is_too_long_is_left_out(bind, solver):
    server = bind("a.example").start()
    one = solver(server, check="none")
    names = [f"script{number}" for number in range(4)]
    for name in names:
        one.entry(name, "exec", {}, kind="program")
    one.start()
    one.run_program = lambda fields: {"output": "\t" * 3000 if fields["entry"] == "script1" else "short"}
    asked = fine(one.present("a.example", ",".join(names)))
    handles = [part["handle"] for part in json.loads(asked.note)["parts"]]
    assert handles == ["short", "\t" * 3000, "short", "short"]
    one.run_program = lambda fields: {"output": "\t" * (3000 if fields["entry"] == "script1" else 2500)}
    asked = fine(one.present("a.example", ",".join(names), token="again"))
    parts = json.loads(asked.note)["parts"]
    assert len(asked.note) <= 12 * 1024 and parts[1]["handle"] == "" and len(parts) == 4
    fine(one.withdraw("a.example", ",".join(names), token="again", note=asked.note))
    assert sum(ran["cleanup"] for ran in one.programs) == 4


# In the middle of it




@pytest.fixture
def held(processes, tmp_path, solver):
    """A program that ends when it is told to."""
    server = Bind(processes, tmp_path / "held").zone("a.example").start()
    one = solver(server, check="none").entry("script", "exec", {}, kind="program").start()
    one.go = threading.Event()

    def run(fields):
        if not fields["cleanup"]:
            one.go.wait(20)
        return {"output": "handle"}

    one.run_program = run
    return one


def test_withdrawn_while_it_is_written(held):
    """The present ends at once; what was asked for happens, and is taken out then."""
    present = held.begin("dns_present", "a.example", "script")
    wait_until(lambda: held.programs, "the program")
    withdraw = held.begin("dns_withdraw", "a.example", "script")
    told(held.wait(present), "CANCELLED", "a.example: it is no longer wanted")
    assert not withdraw.over.wait(0.2) and len(held.programs) == 1
    held.go.set()
    fine(held.wait(withdraw))
    assert [(ran["cleanup"], ran["output"]) for ran in held.programs] == [(0, ""), (1, "handle")]


def test_withdrawn_while_it_spreads(bind, solver, key):
    stale, server = bind("a.example").start(), bind("a.example").start()
    one = solver(server, nameservers=[stale.text], timeout=60).entry("corp", "update", settings(server, key)).start()
    present = one.begin("dns_present", "a.example", "corp")
    wait_until(lambda: "waiting for the servers of a.example" in present.steps, "the wait")
    fine(one.withdraw("a.example", "corp"))
    told(one.wait(present), "CANCELLED")
    assert server.txt(RECORD) == []
    fine_again = one.begin("dns_present", "a.example", "corp")
    server_has = lambda: server.txt(RECORD) == [fine_again.value]  # noqa: E731
    wait_until(server_has, "the record")


def test_the_engine_goes(held):
    """What it asked for is ended, and the next engine is served; nothing is said to it that it did not ask."""
    held.begin("dns_present", "a.example", "script")
    wait_until(lambda: held.programs, "the program")
    held.new_engine()
    again = held.begin("dns_present", "a.example", "script")
    withdraw = held.begin("dns_withdraw", "a.example", "script")
    held.go.set()
    told(held.wait(again), "CANCELLED")
    fine(held.wait(withdraw))
    assert held.programs[-1]["cleanup"]


def test_the_keeper_goes(simple):
    """Another one is asked what the first did not answer."""
    server, solver = simple
    solver.holds.clear()
    asked = solver.begin("dns_present", "a.example", "corp")
    wait_until(lambda: solver.opened == 1, "the question")
    solver.keeper.close()
    solver.holds.set()
    solver.new_keeper()
    fine(solver.wait(asked))
    assert server.txt(RECORD) == [asked.value]


def test_a_reload(bind, solver, key):
    """What is under way goes on with the entries it began with, and what did not change is not begun anew."""
    server = bind("a.example").start()
    one = solver(server, check="none").entry("script", "exec", {}, kind="program")
    one.entry("corp", "update", settings(server, key)).start()
    go = threading.Event()
    one.run_program = lambda fields: (go.wait(20), {"output": ""})[1]
    present = one.begin("dns_present", "a.example", "script")
    wait_until(lambda: one.programs, "the program")
    one.entries = [entry for entry in one.entries if entry[0] == "corp"]
    one.entry("new", "update", settings(server, key))
    one.feed()
    fine(one.present("a.example", "new", token="new"))
    go.set()
    fine(one.wait(present))
    told(one.withdraw("a.example", "script", note=present.note), "CONFIG", "there is no such entry", present.value)
    fine(one.withdraw("a.example", "new", token="new"))
    one.stop()


def test_providers_that_are_none(bind, solver, key):
    """Each is named, and the others are as good as before."""
    server = bind("a.example").start()
    one = solver(server)
    one.provider("broken", "return {").provider("no-table", "return 7")
    one.entry("a", "broken").entry("b", "no-table").entry("c", "missing").entry("corp", "update", settings(server, key))
    one.start()
    assert one.present("a.example", "a").error["text"].startswith("a.example: a: ")
    assert "broken.lua" in one.present("a.example", "a").error["text"]
    assert "no-table.lua" in one.present("a.example", "b").error["text"]
    assert "missing" in one.present("a.example", "c").error["text"]
    fine(one.present("a.example", "corp"))


# Standing records


ISSUER, ACCOUNT = "ca.example", "https://ca.example/acct/1"
PERSIST = "_validation-persist.a.example"


def test_a_standing_record(simple):
    server, solver = simple
    look = lambda **more: solver.look("a.example", [ISSUER], [ACCOUNT], **more)  # noqa: E731
    told(look(), "NOT_FOUND", f"a.example: {PERSIST}: there is no TXT record for {ISSUER}")
    server.put("a.example", PERSIST, "v=spf1 -all")
    server.put("a.example", PERSIST, f"{ISSUER}; accounturi=https://ca.example/acct/2")
    told(look(), "VERIFY", "of another account: https://ca.example/acct/2")
    record = f"{ISSUER}; accounturi={ACCOUNT}; persistUntil=4000000000"
    server.put("a.example", PERSIST, record)
    found = fine(look()).fields
    assert (found["until"], found["record"]) == (4000000000, record)
    told(look(wildcard=True, domains=["*.a.example"]), "VERIFY", "policy=wildcard")
    told(solver.look("b.example", [ISSUER], [ACCOUNT], domains=["a.example"]), "REFUSED", "it is no DNS name")


def test_a_standing_record_that_a_server_lacks(bind, solver):
    record = f"{ISSUER}; accounturi={ACCOUNT}"
    stale = bind("a.example").start()
    server = bind("a.example", records=[f'_validation-persist TXT "{record}"']).start()
    one = solver(server, nameservers=[server.text, stale.text], timeout=2).start()
    told(one.look("a.example", [ISSUER], [ACCOUNT]), "TIMEOUT", stale.text)


# Itself


def test_it_cannot_be_looked_into(simple):
    _, solver = simple
    fine(solver.present("a.example", "corp"))
    with open(f"/proc/{solver.popen.pid}/status", encoding="ascii") as status:
        text = status.read()
    assert "\nSeccomp:\t2\n" in text and "\nNoNewPrivs:\t1\n" in text
    assert os.stat(f"/proc/{solver.popen.pid}/mem").st_uid == 0
    assert "deny-list" in solver.text() and "undumpable" in solver.text()


def test_secrets_are_in_no_log(simple, key):
    _, solver = simple
    fine(solver.present("a.example", "corp"))
    solver.stop()
    assert key.secret not in solver.text()
