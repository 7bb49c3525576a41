"""`list` and `log` of many certificates: what is chosen, in which order, and that nobody waits for who reads them."""

import datetime
import json
import shutil
import sqlite3
import subprocess

import pytest

from evercert import DONE, FAILED, USAGE, build_folder
from ports import free_port
from processes import wait_until

#: from 1970 on, long ago and far away
PAST, FUTURE = 1000000000, 4000000000


def fill(client, count):
    """A state of that many certificates, n000000.example.com and so on, of which none is due."""
    argv = [build_folder() / "tests/fill_state", client.state, str(count), "--authority", "letsencrypt-staging"]
    subprocess.run(argv, check=True)


def change(client, *statements):
    """Nothing of evercert may run."""
    with sqlite3.connect(client.state / "evercert.db") as store:
        for statement, *values in statements:
            store.execute(statement, values)
    store.close()


def name_of(number):
    return f"n{number:06}.example.com"


def listed(client, *words):
    return [row["name"] for row in json.loads(client.run("list", "--json", *words, status=DONE).stdout)]


def variant(client, first, other):
    """As if `first` had two key types, the second of which is the row `other`."""
    one, both = '"key-type":["ecdsa-p256"]', '"key-type":["ecdsa-p256","rsa-2048"]'
    name, wish = f"{name_of(first)}-rsa", "(SELECT wish FROM certificate WHERE name = ?)"
    return [
        ("UPDATE certificate SET wish = replace(wish, ?, ?) WHERE name = ?", one, both, name_of(first)),
        (
            f"UPDATE certificate SET name = ?, variant = 1, wish = {wish} WHERE name = ?",
            name,
            name_of(first),
            name_of(other),
        ),
        ("UPDATE certificate_long SET name = ? WHERE name = ?", name, name_of(other)),
    ]


@pytest.fixture
def ten(evercert):
    """Ten, each with something of its own; nothing is done about them, for there is no daemon."""
    client = evercert(listen=["127.0.0.1:1"])
    fill(client, 10)
    soon = int((datetime.datetime.now() + datetime.timedelta(days=5)).timestamp())
    looks = '"deploy":[{"verify":"a.example:443"}]'
    change(
        client,
        ("UPDATE certificate SET due_at = ? WHERE name = ?", PAST, name_of(1)),
        ("UPDATE certificate SET deploy_due_at = ? WHERE name = ?", PAST, name_of(2)),
        ("UPDATE certificate SET failures = 1, last_error = 'x' WHERE name = ?", name_of(3)),
        ("UPDATE certificate SET not_after = ? WHERE name = ?", PAST, name_of(4)),
        ("UPDATE certificate SET pause_link = 'https://ca.example/' WHERE name = ?", name_of(5)),
        ("UPDATE certificate SET deploy_failures = 1, deploy_due_at = ? WHERE name = ?", FUTURE, name_of(6)),
        ("UPDATE certificate SET wish = replace(wish, '\"deploy\":[]', ?) WHERE name = ?", looks, name_of(7)),
        ("UPDATE certificate SET served_at = 1, served_error = 'another' WHERE name IN (?, ?)", name_of(7), name_of(0)),
        ("UPDATE certificate SET not_after = ? WHERE name = ?", soon, name_of(8)),
    )
    return client


def test_filters(ten):
    def numbers(*words):
        return [int(name[1:7]) for name in listed(ten, *words)]

    assert numbers() == list(range(10))
    assert numbers("--due") == [1, 2]
    assert numbers("--failing") == [3, 4, 5, 6, 7]  # of 0 nobody wants to know what is served
    assert numbers("--expires-within", "7d") == [4, 8]
    assert numbers("--expires-within", "1d") == [4]
    assert numbers("--failing", "--expires-within", "7d") == [4]
    assert numbers("--match", "*00[3-5].EXAMPLE.*", "--match", "n000008*") == [3, 4, 5, 8]
    assert numbers("--match", "*00[3-5].*", "--due") == []
    assert numbers(name_of(7), name_of(2), name_of(7)) == [2, 7]
    assert numbers("--failing", name_of(7), name_of(2)) == [7]


def test_nothing_is_found(ten):
    done = ten.run("list", "--match", "nobody", status=DONE)
    assert done.stdout == "" and "no such certificates" in done.stderr
    assert ten.run("list", "--json", "--due", "--failing", status=DONE).stdout == "[]\n"
    done = ten.run("list", name_of(1), "nobody.example", status=FAILED)
    assert name_of(1) in done.stdout and "no certificate nobody.example" in done.stderr


@pytest.mark.parametrize("words", [("--expires-within", "soon"), ("--match", "[a"), ("--expires-within", "7")])
def test_bad_options_are_named(evercert, words):
    client = evercert()
    assert f"{words[0]} takes" in client.run("list", *words, status=USAGE).stderr
    assert not client.state.exists()


def test_domains_match_as_well(ten):
    was, more = '"domains":[', '"domains":["www.b.example",'
    change(ten, ("UPDATE certificate SET wish = replace(wish, ?, ?) WHERE name = ?", was, more, name_of(9)))
    assert listed(ten, "--match", "www.*") == [name_of(9)]


def test_two_key_types_are_one_row(ten):
    """Found by what is wrong with the second one; and that one by its own name."""
    change(ten, *variant(ten, 0, 9), ("UPDATE certificate SET failures = 1, last_error = 'x' WHERE variant = 1",))
    assert listed(ten) == [name_of(number) for number in range(9)]
    assert name_of(0) in listed(ten, "--failing")
    assert listed(ten, f"{name_of(0)}-rsa") == [f"{name_of(0)}-rsa"]
    first = ten.row(name_of(0))
    assert [(one["name"], one["state"]) for one in first["variants"]] == [
        (name_of(0), "valid"),
        (f"{name_of(0)}-rsa", "failing"),
    ]
    assert first["variants"] == ten.show(name_of(0))["variants"]
    # the first one does not want it any more
    change(ten, ("UPDATE certificate SET wish = replace(wish, ',\"rsa-2048\"', '') WHERE name = ?", name_of(0)))
    assert f"{name_of(0)}-rsa" in listed(ten)


def test_list_and_show_say_the_same(ten):
    fields = "last_error = ?, omitted = 'a b', ari_start = 1, ari_end = 2, live_generation = 3"
    change(ten, (f"UPDATE certificate SET {fields}", 'Ü "x"\n\x9b'))
    more = {"history", "chain", "webroot", "renew_before", "next"}
    for row in ten.list():
        whole = ten.show(row["name"])
        assert {key: value for key, value in whole.items() if key not in more} == row
        assert list(whole)[: len(row)] == list(row) and set(whole) == set(row) | more
    assert row["last_error"].startswith('Ü "x"')
    assert ten.run("list", "--json", status=DONE).stdout.isascii()


# Many, and a reader who takes his time

MANY = 3000


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Made once, for all who change it in a copy of their own."""
    state = tmp_path_factory.mktemp("many") / "state"
    subprocess.run([build_folder() / "tests/fill_state", state, str(MANY)], check=True)
    return state


@pytest.fixture
def many(evercert, filled):
    client = evercert(listen=[f"127.0.0.1:{free_port()}"])
    shutil.copytree(filled, client.state)
    client.run_daemon()
    return client


def reader(client, *words):
    """A command whose output nobody has read yet but for its first line."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True}
    one = subprocess.Popen(client.argv(*words), env=client.environment(), **pipes)
    one.stdout.readline()
    return one


def test_a_reader_that_stops_stops_nobody(many):
    slow = reader(many, "list", "--json")
    assert len(many.list()) == MANY  # the daemon has time for others
    many.run("list", "--match", name_of(1), status=DONE)
    rows = json.loads(b"[" + slow.stdout.read())
    assert slow.wait(10) == DONE
    assert [row["name"] for row in rows] == [name_of(number) for number in range(MANY)]
    many.stop_daemon()


def test_a_reader_that_goes_ends_it(many):
    for words in (("list", "--json"), ("list",), ("log", "--json"), ("log", "--follow")):
        gone = reader(many, *words)
        gone.kill()
        gone.communicate()
    assert len(many.list()) == MANY and len(many.log_rows()) == MANY
    many.stop_daemon()


def test_changes_while_it_is_read(many):
    """What is forgotten behind where the reader is may be missing; nothing is there twice or out of order."""
    slow = reader(many, "list", "--json")
    last = name_of(MANY - 1)
    many.run("forget", last, status=DONE)
    names = [row["name"] for row in json.loads(b"[" + slow.stdout.read())]
    assert slow.wait(10) == DONE
    assert names == sorted(set(names)) and names[: MANY - 1] == [name_of(number) for number in range(MANY - 1)]
    assert last not in listed(many)
    many.stop_daemon()


def test_log_of_many(many):
    """In order, each once; and it goes on with what happens then."""
    slow = reader(many, "log", "--json")
    rows = [json.loads(line) for line in slow.stdout.read().splitlines()]
    assert slow.wait(10) == DONE
    assert [row["certificate"] for row in rows] == [name_of(number) for number in range(1, MANY)]
    follower = reader(many, "log", "--json", "--follow")
    many.run("forget", name_of(7), status=DONE)
    for line in follower.stdout:
        row = json.loads(line)
        if row["event"] == "forgotten":
            break
    assert row["certificate"] == name_of(7)
    follower.kill()
    follower.communicate()
    many.stop_daemon()


def test_old_history_goes(evercert):
    client = evercert(listen=[f"127.0.0.1:{free_port()}"], config={"keep-history": "30d"})
    fill(client, 5)
    change(client, ("UPDATE history SET at = ? WHERE certificate IN (?, ?)", PAST, name_of(0), name_of(3)))
    client.run_daemon()
    kept = [name_of(number) for number in (1, 2, 4)]
    wait_until(lambda: [row["certificate"] for row in client.log_rows()] == kept, "what is old to be gone")
    client.stop_daemon()
