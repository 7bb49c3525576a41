"""What is beside the way of a certificate: renewal information, profiles, binding, rollover: families 20, 21, 26,
27."""

import datetime

import issuing
from jose import Problem
from switches.table import Turns, switch


@switch(20)
def window_is(ca, start_s, length_s):
    """The suggested window begins that many seconds from when it is asked for, and is that long."""

    def document(of, thing, shown):
        if of == "renewalInfo":
            start = issuing.now() + datetime.timedelta(seconds=start_s)
            end = start + datetime.timedelta(seconds=length_s)
            shown["suggestedWindow"] = {"start": start.isoformat(), "end": end.isoformat()}

    return {"document": document}


@switch(20)
def window_texts(ca, start, end, **more):
    """The suggested window has these texts for its times."""

    def document(of, thing, shown):
        if of == "renewalInfo":
            shown["suggestedWindow"] = {"start": start, "end": end}
            shown.update(more)

    return {"document": document}


@switch(20)
def was_replaced(ca, times=None):
    """Calls every certificate that an order is to replace replaced already."""
    turns = Turns("newOrder", times)

    def accepted(request):
        if request.kind == "newOrder" and "replaces" in request.payload and turns.take(request):
            raise Problem(409, "alreadyReplaced", "the certificate was replaced already")

    return {"accepted": accepted}


@switch(21)
def profile_shown(ca, name):
    """Orders say that they are of this profile; None: of none."""

    def document(of, thing, shown):
        if of == "order":
            shown.pop("profile", None)
            if name is not None:
                shown["profile"] = name

    return {"document": document}


@switch(21)
def profile_refused(ca, names=None, kind="invalidProfile"):
    """Refuses orders of these profiles, or of all, although they are advertised."""

    def accepted(request):
        asked = request.payload.get("profile") if request.kind == "newOrder" else None
        if asked is not None and (names is None or asked in names):
            raise Problem(400, kind, f"the profile {asked} is not for you")

    return {"accepted": accepted}


@switch(27)
def key_in_use(ca):
    """Says at keyChange that the new key belongs to another account."""

    def accepted(request):
        if request.kind == "keyChange":
            raise Problem(409, "conflict", "the key is in use", [("Location", ca.url_of("/account/999"))])

    return {"accepted": accepted}


@switch(27)
def no_key_change(ca, status=501):
    """Has keyChange in the directory and does not do it."""

    def accepted(request):
        if request.kind == "keyChange":
            raise Problem(status, "serverInternal", "not implemented")

    return {"accepted": accepted}
