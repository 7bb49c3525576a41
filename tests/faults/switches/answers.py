"""Answers that refuse, and header fields: families 1, 2, 8, 9, 10, 19, 22, 25."""

import email.utils
import json
import time

from jose import URN, Problem
from switches.table import Turns, switch
from wire import Answer


def problem(status, kind, detail, headers=(), **fields):
    """An answer that refuses, to be sent without the CA doing anything."""
    document = {"type": URN + kind, "detail": detail, "status": status, **fields}
    return Answer(status, json.dumps(document), "application/problem+json", headers)


# 1, 2


@switch(1)
def bad_nonce(ca, times=None, kinds=None):
    """Refuses the nonce of so many requests, or of all, and gives a new one each time."""
    turns = Turns(kinds, times)

    def accepted(request):
        if request.method == "POST" and turns.take(request):
            raise Problem(400, "badNonce", "the nonce is not to our liking")

    return {"accepted": accepted}


@switch(1)
def bad_nonce_without_another(ca, times=1):
    """Refuses nonces and gives no new one with the refusal."""
    turns = Turns(None, times)

    def answer(request, answer):
        if answer.status == 400 and b"badNonce" in answer.body:
            answer.headers.set("Replay-Nonce", None)

    def accepted(request):
        if request.method == "POST" and turns.take(request):
            raise Problem(400, "badNonce", "the nonce is not to our liking")

    return {"accepted": accepted, "answer": answer}


@switch(1)
def nonces_die(ca, kinds):
    """Forgets all nonces it has given whenever such a request comes, as a CA that was started again does."""
    turns = Turns(kinds, 1)

    def received(request):
        if turns.take(request):
            ca.forget_nonces()

    return {"received": received}


@switch(2)
def nonce_missing(ca, errors_only=False, everywhere=False):
    """Gives no nonce with its answers to POST: to all, or to those that refuse; `everywhere`: nor from newNonce."""

    def answer(request, answer):
        if (request.method == "POST" or everywhere) and (answer.status >= 400 or not errors_only):
            answer.headers.set("Replay-Nonce", None)

    return {"answer": answer}


@switch(2)
def nonce_is(ca, values, everywhere=False):
    """Gives these as nonces, all in one answer; `everywhere`: also from newNonce."""

    def answer(request, answer):
        if request.method == "POST" or (everywhere and request.kind == "newNonce"):
            answer.headers.set("Replay-Nonce", None)
            for value in values:
                answer.headers.append(("Replay-Nonce", value))

    return {"answer": answer}


# 8


@switch(8)
def retry_after(ca, value, kinds, more=()):
    """Sends this Retry-After (and more of them), and no other, with every good answer of these kinds."""
    turns = Turns(kinds)

    def answer(request, answer):
        if answer.status < 300 and turns.take(request):
            answer.headers.set("Retry-After", None)
            for one in (value, *more):
                answer.headers.append(("Retry-After", one() if callable(one) else one))

    return {"answer": answer}


def http_date(seconds):
    """For retry_after: that many seconds from when it is sent."""
    return lambda: email.utils.formatdate(time.time() + seconds, usegmt=True)


# 9, 10, 19, 22


@switch(9)
def refuses(ca, status, kinds, kind="serverInternal", times=None, skip=0, retry=None, detail="come back later"):
    """Refuses requests of these kinds with this problem, and with Retry-After where `retry` says so."""
    turns = Turns(kinds, times, skip)

    def received(request):
        if turns.take(request):
            return problem(status, kind, detail, [] if retry is None else [("Retry-After", retry)])
        return None

    return {"received": received}


@switch(9)
def refuses_each_once(ca, status, kinds, kind="serverInternal", retry=None):
    """Refuses the first request of each of these kinds, with this problem."""
    turns = {one: Turns(one, 1) for one in kinds}

    def received(request):
        if request.kind in turns and turns[request.kind].take(request):
            return problem(status, kind, "come back later", [] if retry is None else [("Retry-After", retry)])
        return None

    return {"received": received}


@switch(9)
def speaks_html(ca, kinds, status=502, times=None):
    """Answers with a page for people, as a proxy in front of a CA does."""
    turns = Turns(kinds, times)
    page = "<html><body><h1>502 Bad Gateway</h1>" + "x" * 4096 + "</body></html>"

    def received(request):
        return Answer(status, page, "text/html") if turns.take(request) else None

    return {"received": received}


@switch(10)
def rejects_names(ca, names, kind="rejectedIdentifier"):
    """Refuses an order that has any of these names, with a sub-problem for each."""

    def accepted(request):
        if request.kind != "newOrder":
            return
        asked = [one["value"] for one in request.payload["identifiers"]]
        bad = [
            {
                "type": URN + kind,
                "detail": f"policy forbids {name}",
                "identifier": {"type": "dns", "value": name},
            }
            for name in names
            if name in asked
        ]
        if bad:
            raise Problem(400, kind, f"{len(bad)} of {len(asked)} names are refused", subproblems=bad)

    return {"accepted": accepted}


@switch(10)
def odd_subproblems(ca, subproblems):
    """Refuses every order with this in the place of its sub-problems."""

    def accepted(request):
        if request.kind == "newOrder":
            raise Problem(403, "compound", "several things are wrong", subproblems=subproblems)

    return {"accepted": accepted}


@switch(19)
def says(ca, text, kinds="newOrder", **fields):
    """Refuses with this text for the detail, and these further members."""
    turns = Turns(kinds)

    def accepted(request):
        if turns.take(request):
            raise Problem(403, "rejectedIdentifier", text, **fields)

    return {"accepted": accepted}


@switch(22)
def forgets_account(ca, kinds, times=1):
    """Knows nothing of an account when such a request comes, though it is there."""
    turns = Turns(kinds, times)

    def accepted(request):
        if turns.take(request):
            raise Problem(400, "accountDoesNotExist", "there is no such account")

    return {"accepted": accepted}


@switch(22)
def loses_account(ca, kinds):
    """Loses all accounts for good before such a request is looked at, as a CA whose database was set up anew."""
    turns = Turns(kinds, 1)

    def received(request):
        if turns.take(request):
            ca.accounts.clear()

    return {"received": received}


@switch(22)
def moves_account(ca, kinds):
    """Gives the account another URL before such a request is looked at; the old one is not known any more."""
    turns = Turns(kinds, 1)

    def received(request):
        if turns.take(request):
            for account in ca.accounts:
                account.url += "0"
                account.number *= 10

    return {"received": received}


@switch(22)
def wants_action(ca, kinds):
    """Refuses such requests until somebody agrees to new terms on a web page."""
    turns = Turns(kinds)

    def accepted(request):
        if turns.take(request):
            raise Problem(
                403,
                "userActionRequired",
                "the terms have changed",
                [("Link", '<https://ca.example/terms/2>;rel="terms-of-service"')],
                instance="https://ca.example/agree/17",
            )

    return {"accepted": accepted}


@switch(22)
def account_without(ca, header="Location", value=None, status=None):
    """The answer to newAccount lacks this field, or has this value for it, or this status."""

    def answer(request, answer):
        if request.kind == "newAccount" and answer.status < 300:
            answer.headers.set(header, value)
            answer.status = status or answer.status

    return {"answer": answer}


# 25


@switch(25)
def clock(ca, hours):
    """Has the time of that many hours from now in Date."""

    def answer(request, answer):
        answer.headers.set("Date", http_date(3600 * hours)())

    return {"answer": answer}


@switch(10)
def rejects_first(ca):
    """Rejects the first name of every order, with a sub-problem."""

    def accepted(request):
        if request.kind == "newOrder":
            name = request.payload["identifiers"][0]["value"]
            identifier = {"type": "dns", "value": name}
            sub = {"type": URN + "rejectedIdentifier", "detail": f"not {name}", "identifier": identifier}
            raise Problem(400, "rejectedIdentifier", "one name is refused", subproblems=[sub])

    return {"accepted": accepted}
