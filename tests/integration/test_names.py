"""Names: as people write them, as certificates have them."""

import pytest

import lineage
from evercert import DONE, USAGE


def test_any_case_any_dot_once(evercert, pebble, each_pebble):
    ca = pebble(each_pebble)
    client = evercert(ca)
    client.issue("A.Example", "b.EXAMPLE.", "a.example", "B.example", "a.example.")
    assert lineage.check(client, "a.example").names == ["a.example", "b.example"]
    assert client.show("a.example")["domains"] == ["a.example", "b.example"]
    assert ca.request_counts()["POST /authZ"] == 2
    # The same names, written in another way, are no change.
    done = client.issue("b.example", "a.example", name="a.example")
    assert "not due before" in done.stdout
    assert lineage.generation(client, "a.example") == 1


@pytest.mark.parametrize(
    "written, name",
    [
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("B\u00dcCHER.Example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("stra\u00dfe.example", "xn--strae-oqa.example"),
        ("\u4f8b\u3048.example", "xn--r8jz45g.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_names_of_all_scripts(evercert, pebble, written, name):
    client = evercert(pebble(), env={"LC_ALL": "C.UTF-8"})
    client.issue(written)
    assert lineage.check(client, name).names == [name]
    assert client.show(name)["domains"] == [name]


def test_names_of_all_scripts_in_any_locale(evercert, pebble, each_pebble):
    client = evercert(pebble(each_pebble), env={"LC_ALL": "C"})
    names = ["b\u00fccher.example", "B\u00dcCHER.example", "www.b\u00fccher.example"]
    client.write_config({"certificates": [{"domains": names}]})
    client.renew()
    leaf = lineage.check(client, "xn--bcher-kva.example")
    assert leaf.names == ["www.xn--bcher-kva.example", "xn--bcher-kva.example"]


def test_a_name_of_its_own(evercert, pebble):
    client = evercert(pebble())
    client.issue("a.example", "b.example", name="my_site@1.2-x")
    assert lineage.check(client, "my_site@1.2-x").names == ["a.example", "b.example"]
    client.renew("my_site@1.2-x", force=True)
    assert lineage.generation(client, "my_site@1.2-x") == 2


def test_two_certificates_of_one_name(evercert, pebble):
    client = evercert(pebble())
    client.issue("a.example", name="one")
    client.issue("a.example", name="two", key_type="ecdsa-p384")
    assert client.leaf("one").fingerprint != client.leaf("two").fingerprint
    assert [row["name"] for row in client.list()] == ["one", "two"]


def test_long_names(evercert, pebble):
    """63 octets in a label, 253 in all; a CSR without a common name has room for them."""
    label = "a" * 63
    name = ".".join([label, label, label, "a" * 53, "example"])
    assert len(name) == 253
    client = evercert(pebble())
    client.issue(name, "b.example", name="long")
    assert lineage.check(client, "long").names == sorted([name, "b.example"])


def test_a_hundred_names(evercert, pebble):
    names = [f"n{number:03}.example" for number in range(100)]
    client = evercert(pebble("2.4"))
    client.issue(*names, timeout=120)
    assert lineage.check(client, names[0]).names == names


NO_NAMES = [
    "a..example",
    ".example",
    "a b.example",
    "a_b.example!",
    "-a.example",
    "a-.example",
    "a" * 64 + ".example",
    ".".join(["a" * 63] * 4) + ".example",
    "10.0.0.0/8",
    "10.0.0",
    "10.0.0.1:443",
    "::ffff:10.0.0.1",
    "fe80::1%lo",
    "[::1]:443",
    "https://a.example",
    "a.example/x",
    "a.example:443",
    "user@a.example",
    "*",
    "a.*.example",
    "**.example",
    "xn--\u00fc.example",
    "a.example\n",
    "a.ex\x1b[31mample",
    "\u202ea.example",
    "'; rm -rf / #.example",
    "$(id).example",
    "../../etc.example",
]


def test_what_is_no_name(evercert, pebble):
    ca = pebble()
    client = evercert(ca)
    for name in NO_NAMES:
        done = client.run("issue", "-d", name, status=USAGE)
        assert done.stderr.startswith("evercert: error: ") and done.stderr.count("\n") == 1, (name, done.stderr)
        assert "\x1b" not in done.stderr
    assert ca.requests() == []
    assert client.list() == []


def test_what_is_no_name_of_a_certificate(evercert, pebble):
    ca = pebble()
    client = evercert(ca)
    for name in ("../up", ".hidden", "-x", "a/b", "", "a" * 201, "a b", "b\u00fccher"):
        client.run("issue", "-d", "a.example", f"--name={name}", status=USAGE)
    assert ca.requests() == []
    assert client.run("list", "--json", status=DONE).stdout == "[]\n"


def test_names_of_certificates_that_lead_elsewhere(evercert, pebble):
    client = evercert(pebble())
    client.issue("a.example")
    before = lineage.picture(client)
    for name in ("../../etc/passwd", "..", ".generations", "a/../b", "\x1b[31m"):
        for command in (["show"], ["renew"], ["renew", "--force"], ["revoke"], ["forget"]):
            done = client.run(*command, name)
            assert done.status in (1, 2) and "\x1b" not in done.stderr
    assert lineage.picture(client) == before
