"""Certificates and chains that are wrong: families 12 to 14."""

import pytest

import issuing
from cases import GOT, both, each, is_like, late, on, play
from conftest import NAME, only_error
from evercert import FAILED
from switches.chains import LEAVES

LEAF_ERRORS = {
    "other_key": "key",
    "other_name": "other.example|lacks",
    "missing_name": "lacks",
    "no_names": "lacks",
    "extra_name": "evil.example",
    "extra_address": "address|asked for",
    "wildcard_name": r"lacks|\*",
    "expired": "expired",
    "not_yet_valid": "not valid before",
    "is_a_ca": "CA",
    "no_server_auth": "server",
    "forged_signature": "signature",
}


@pytest.mark.parametrize("flaw", LEAVES)
def test_leaf(live, flaw):
    """None of these comes into force; and the order is not asked for the same again."""
    play(live, on("leaf_is", flaw=flaw), LEAF_ERRORS[flaw])
    live.ca.turn_off()
    live.expect_got()


def test_first_leaf(client, ca):
    """Where there was nothing in force there is nothing afterwards."""
    one = ca()
    one.turn_on("leaf_is", flaw="extra_name")
    made = client(one)
    error = only_error(made.issue(NAME, status=FAILED).stderr)
    assert "evil.example" in error
    assert not made.live(NAME).exists()


CHAINS = {
    "shuffled": "key|lacks|CA",
    "leaf_only": GOT,
    "no_leaf": "key|lacks|CA",
    "leaf_twice": "twice|chain",
    "seventeen": "certificates",
    "with_key": "PRIVATE KEY",
    "key_first": "PRIVATE KEY",
    "crlf": GOT,
    "no_final_newline": GOT,
    "blank_lines": GOT,
    "with_text": "no certificate",
    "with_nul": "certificate|line",
    "rubbish": "certificate",
    "truncated": "does not end|base64|certificate",
    "empty": "no certificate",
    "stranger": "signature|chain",
}


@pytest.mark.parametrize("form", CHAINS)
def test_chain(live, form):
    play(live, on("chain_is", form=form), CHAINS[form])


OTHERS = {
    "ten thousand": (on("huge_chain"), "larger|certificates"),
    "a thousand": (on("huge_chain", certificates=1000), "certificates"),
    "as text": (on("chain_type", value="text/plain"), "text/plain"),
    "as a program": (on("chain_type", value="application/x-sh"), "application/x-sh"),
    "with a colour": (on("chain_type", value="\x1b[31m"), "expected"),
    "as nothing": (on("chain_type", value=None), "expected"),
    "in capitals": (on("chain_type", value="Application/PEM-Certificate-Chain; charset=utf-8"), GOT),
    "never there": (on("speaks_html", kinds="certificate", status=404, times=2), GOT),
}


@each(OTHERS)
def test_download(live, wrong, outcome):
    play(live, wrong, outcome)


# Where nobody has a preference, alternates are of no interest, however many there are.
ALTERNATES = {
    "one": is_like(alternates=1),
    "a hundred": is_like(alternates=100),
    "itself": on("alternates_at", targets=["self"] * 3),
    "elsewhere": on("alternates_at", targets=late(lambda ca: [ca.trap.url("https"), ca.trap.url("http")])),
    "nonsense": on("alternates_at", targets=["", ">", "file:///etc/passwd", "\x01"]),
    "not there": both(is_like(alternates=1), on("alternates_fail")),
}


@each({name: (wrong, GOT) for name, wrong in ALTERNATES.items()})
def test_alternates_nobody_asked_for(live, wrong, outcome):
    play(live, wrong, outcome)
    assert live.ca.counts()["certificate"] == 1


def test_keys_are_fresh(live):
    """Every certificate has a key of its own, also after attempts that came to nothing."""
    live.ca.turn_on("leaf_is", flaw="expired")
    live.expect_failure("expired")
    live.ca.turn_off()
    leaf = live.expect_got()
    assert len(live.ca.csr_keys) == len(set(live.ca.csr_keys)) == 2
    assert issuing.spki(leaf.public_key) == live.ca.csr_keys[-1]
