"""Certificates and chains that are wrong: families 12, 13, 14."""

import datetime

import issuing
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from switches.table import switch
from wire import Answer

# 12

LEAVES = {}


def _flaw(change):
    LEAVES[change.__name__] = change
    return change


@_flaw
def other_key(leaf):
    leaf.public_key = ec.generate_private_key(ec.SECP256R1()).public_key()


@_flaw
def other_name(leaf):
    leaf.names = [("dns", "other.example")]


@_flaw
def missing_name(leaf):
    leaf.names = leaf.names[:-1]


@_flaw
def no_names(leaf):
    leaf.names, leaf.common_name = [], leaf.names[0][1]


@_flaw
def extra_name(leaf):
    leaf.names = [*leaf.names, ("dns", "evil.example")]


@_flaw
def extra_address(leaf):
    leaf.names = [*leaf.names, ("ip", "127.0.0.1")]


@_flaw
def wildcard_name(leaf):
    leaf.names = [(kind, "*." + value.partition(".")[2]) for kind, value in leaf.names]


@_flaw
def expired(leaf):
    leaf.not_before, leaf.not_after = leaf.not_before - 2 * issuing.DAY, issuing.now() - issuing.DAY


@_flaw
def not_yet_valid(leaf):
    leaf.not_before = issuing.now() + datetime.timedelta(hours=5)


@_flaw
def is_a_ca(leaf):
    leaf.ca = True


@_flaw
def no_server_auth(leaf):
    leaf.server_auth = False


@_flaw
def forged_signature(leaf):
    leaf.signed_by = ec.generate_private_key(ec.SECP256R1())


@switch(12)
def leaf_is(ca, flaw):
    """Issues certificates with one of LEAVES."""
    return {"leaf": lambda order, leaf: LEAVES[flaw](leaf)}


@switch(25)
def issues_from(ca, hours):
    """Certificates are valid from that many hours from now."""

    def leaf(order, leaf):
        leaf.not_before = issuing.now() + datetime.timedelta(hours=hours)

    return {"leaf": leaf}


# 13

CHAINS = {}


def _form(change):
    CHAINS[change.__name__] = change
    return change


def _key_block():
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@_form
def shuffled(blocks):
    return blocks[::-1]


@_form
def leaf_only(blocks):
    return blocks[:1]


@_form
def no_leaf(blocks):
    return blocks[1:]


@_form
def leaf_twice(blocks):
    return [blocks[0], *blocks]


@_form
def seventeen(blocks):
    return [blocks[0], *(blocks[1] for _ in range(16))]


@_form
def with_key(blocks):
    return [*blocks, _key_block()]


@_form
def key_first(blocks):
    return [_key_block(), *blocks]


@_form
def crlf(blocks):
    return "".join(blocks).replace("\n", "\r\n")


@_form
def no_final_newline(blocks):
    return "".join(blocks).rstrip("\n")


@_form
def blank_lines(blocks):
    return "\n\n".join(["", *blocks, ""])


@_form
def with_text(blocks):
    return ["subject: CN=x\n", blocks[0], "rm -rf /\n", *blocks[1:]]


@_form
def with_nul(blocks):
    return "".join(blocks).encode() + b"\0\0\0"


@_form
def rubbish(blocks):
    return "-----BEGIN CERTIFICATE-----\n" + "QUJD" * 100 + "\n-----END CERTIFICATE-----\n"


@_form
def truncated(blocks):
    return "".join(blocks)[: len(blocks[0]) // 2]


@_form
def empty(blocks):
    return ""


@_form
def stranger(blocks):
    return [blocks[0], issuing.pem(issuing.Issuing().intermediate())]


@switch(13)
def chain_is(ca, form):
    """Sends chains in one of the forms of CHAINS."""
    return {"chain": lambda order, number, blocks: CHAINS[form](blocks)}


@switch(13)
def huge_chain(ca, certificates=10000):
    """Sends a chain of that many certificates."""
    return {"chain": lambda order, number, blocks: [blocks[0], *([blocks[1]] * certificates)]}


@switch(13)
def chain_type(ca, value):
    """Sends chains under this Content-Type."""

    def answer(request, answer):
        if request.kind == "certificate":
            answer.headers.set("Content-Type", value)

    return {"answer": answer}


# 14


@switch(14)
def alternates_at(ca, targets):
    """Points to these URLs as alternates of every chain; "self" is the chain itself."""

    def answer(request, answer):
        if request.kind == "certificate" and answer.status == 200:
            for target in targets:
                url = ca.url_of(request.path) if target == "self" else target
                answer.headers.append(("Link", f'<{url}>;rel="alternate"'))

    return {"answer": answer}


@switch(14)
def alternates_fail(ca, status=404):
    """Has no alternate chain where it says that there is one."""

    def received(request):
        if request.kind == "certificate" and request.path.count("/") == 3:
            return Answer(status, "no such page", "text/plain")
        return None

    return {"received": received}


@switch(14)
def alternate_leaf(ca):
    """Alternate chains are of another leaf: a new one with the same names and another key."""

    def chain(order, number, blocks):
        if number == 0:
            return None
        leaf = issuing.Leaf(
            ec.generate_private_key(ec.SECP256R1()).public_key(),
            list(order.identifiers),
            issuing.now() - issuing.DAY,
            issuing.now() + 90 * issuing.DAY,
        )
        return [issuing.pem(ca.issuing.sign(leaf)), *blocks[1:]]

    return {"chain": chain}
