"""Objects of JSON that are not what they ought to be: families 3 to 7, 11, 15, 18, 21, 23, 29, 30."""

import json

from jose import Problem
from switches.table import Turns, switch

# any object


@switch(18)
def json_is(ca, kind, text, times=None):
    """Sends this instead of the object of that kind: text, octets, or a function that makes them of the object."""
    left = Turns(None, times)

    def document(of, thing, shown):
        if of != kind or not left.take(_NOBODY):
            return None
        return text(shown) if callable(text) else text

    return {"document": document}


class _Nobody:
    kind = None


_NOBODY = _Nobody()


@switch(18)
def member_is(ca, kind, name, value=None, drop=False, skip=0):
    """A member of objects of that kind has this value, or is not there. Dots lead further down."""
    turns = Turns(None, None, skip)
    *path, last = name.split(".")

    def document(of, thing, shown):
        if of != kind or not turns.take(_NOBODY):
            return
        for step in path:
            shown = shown[int(step) if step.isdigit() else step]
        if drop:
            shown.pop(last, None)
        else:
            shown[last] = value(shown.get(last)) if callable(value) else value

    return {"document": document}


@switch(18)
def raw_member(ca, kind, name, text):
    """A member of objects of that kind stands there as this very text, which need not be JSON."""

    def document(of, thing, shown):
        if of != kind:
            return None
        shown[name] = "@@"
        return json.dumps(shown).replace('"@@"', text)

    return {"document": document}


# 3, 4


@switch(3)
def old_order(ca, which):
    """Answers newOrder with an order that exists already: the first for which `which(order)` is true."""

    def accepted(request):
        if request.kind == "newOrder":
            return ca.show_order(201, next(order for order in ca.orders if which(order)))
        return None

    return {"accepted": accepted}


@switch(4)
def orders_are_for(ca, names, skip=0):
    """Orders are for these names, whatever was ordered; from the read after `skip` on."""
    value = [{"type": "dns", "value": name} for name in names]
    return member_is(ca, "order", "identifiers", value, skip=skip)


@switch(4)
def authorizations_are(ca, change, skip=0):
    """Orders list change(list) for their authorizations; from the read after `skip` on."""
    return member_is(ca, "order", "authorizations", change, skip=skip)


@switch(4)
def authorizations_are_for(ca, kind="dns", value="evil.example", wildcard=None):
    """Authorizations are for another identifier than the order's."""

    def document(of, thing, shown):
        if of == "authorization":
            shown["identifier"] = {"type": kind, "value": value or shown["identifier"]["value"]}
            if wildcard is not None:
                shown["wildcard"] = wildcard

    return {"document": document}


# 5, 6, 15, 29


@switch(5)
def offers_also(ca, challenges):
    """Authorizations have these challenges before the real ones."""

    def document(of, thing, shown):
        if of == "authorization":
            shown["challenges"] = [*challenges, *shown["challenges"]]

    return {"document": document}


@switch(5)
def offers_only(ca, challenges):
    """Authorizations have these challenges and no others."""
    return member_is(ca, "authorization", "challenges", list(challenges))


@switch(6)
def challenge_says(ca, status):
    """The answer to a challenge's answer says this status, whatever happens behind it."""

    def document(of, thing, shown):
        if of == "challenge" and thing.status == "processing":
            shown["status"] = status

    return {"document": document}


@switch(15)
def token_is(ca, token):
    """All challenges have this token."""
    return member_is(ca, "challenge", "token", token)


@switch(15)
def tokens_change(ca):
    """Every time that a challenge is shown it has another token."""
    count = iter(range(10**6))
    return member_is(ca, "challenge", "token", lambda old: f"{next(count):043}")


# 7, 11, 30


@switch(7)
def never_validates(ca):
    """Takes the answer to a challenge and does not look."""

    def accepted(request):
        if request.kind == "challenge" and request.payload == {}:
            number = int(request.path.rsplit("/", 1)[1])
            ca.challenges[number - 1].status = "processing"

    return {"accepted": accepted}


@switch(7)
def status_stays(ca, kind, status):
    """Objects of that kind have this status for ever."""
    return member_is(ca, kind, "status", status)


@switch(11)
def not_ready_once(ca, times=1):
    """Refuses finalize that many times, though the order is ready."""
    turns = Turns("finalize", times)

    def accepted(request):
        if turns.take(request):
            raise Problem(403, "orderNotReady", "the order is not ready here yet")

    return {"accepted": accepted}


@switch(11)
def finalize_shows(ca, body=None, location=True, status=None):
    """The answer to finalize has this body, or another status in the order, or no Location."""

    def answer(request, answer):
        if request.kind == "finalize" and answer.status < 300:
            if body is not None:
                answer.body = body
            elif status is not None:
                answer.body = json.dumps({**json.loads(answer.body), "status": status}).encode()
            if not location:
                answer.headers.set("Location", None)

    return {"answer": answer}


@switch(30)
def name_fails(ca, name, kind="unauthorized", detail="it answers with something else"):
    """Validation of this one name fails, whatever it answers."""

    def accepted(request):
        if request.kind == "challenge":
            challenge = ca.challenges[int(request.path.rsplit("/", 1)[1]) - 1]
            authorization = challenge.authorization
            if authorization.identifier[1] == name and authorization.status == "pending":
                authorization.fail(challenge, kind, f"{name}: {detail}")
                raise Problem(403, kind, f"{name}: {detail}")

    return {"accepted": accepted}


@switch(4)
def status_of_order_follows_first(ca):
    """An order is ready when the first of its authorizations is valid: the others are made so."""

    def accepted(request):
        for order in ca.orders:
            if order.authorizations and order.authorizations[0].status == "valid":
                for one in order.authorizations[1:]:
                    one.status = "valid"

    return {"accepted": accepted}


@switch(30)
def challenge_fails(ca, kind):
    """Challenges of that kind fail, whatever is answered to them."""

    def accepted(request):
        if request.kind == "challenge" and request.payload == {}:
            challenge = ca.challenges[int(request.path.rsplit("/", 1)[1]) - 1]
            if challenge.kind == kind and challenge.authorization.status == "pending":
                challenge.authorization.fail(challenge, "connection", f"nobody answers to {kind}")
                return ca.json(200, ca.show_challenge(challenge))
        return None

    return {"accepted": accepted}
