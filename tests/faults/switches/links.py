"""URLs and redirects that lead astray: family 16, and the directory, family 23."""

from switches.table import Turns, switch
from wire import Answer

# Where each URL of the CA stands: document, path of the member. Lists are taken as a whole.
PLACES = {
    "newNonce": ("directory", "newNonce"),
    "newAccount": ("directory", "newAccount"),
    "newOrder": ("directory", "newOrder"),
    "authorizations": ("order", "authorizations"),
    "finalize": ("order", "finalize"),
    "certificate": ("order", "certificate"),
    "challenge": ("challenge", "url"),
}


@switch(16)
def url_is(ca, place, change):
    """The URL at one of PLACES is change(URL) instead."""
    kind, member = PLACES[place]

    def document(of, thing, shown):
        if of == kind and member in shown:
            old = shown[member]
            shown[member] = [change(one) for one in old] if isinstance(old, list) else change(old)

    return {"document": document}


@switch(16)
def location_is(ca, kind, change):
    """The Location in answers to requests of that kind is change(Location); None: there is none."""

    def answer(request, answer):
        if request.kind == kind and answer.status < 300:
            answer.headers.set("Location", change(answer.headers.get("Location", "")))

    return {"answer": answer}


@switch(16)
def redirects(ca, kinds, to, status=302, times=None):
    """Answers such requests with a redirect there; to(request) where it is a function."""
    turns = Turns(kinds, times)

    def received(request):
        if not turns.take(request):
            return None
        target = to(request) if callable(to) else to
        return Answer(status, "elsewhere", "text/plain", [("Location", target)])

    return {"received": received}


@switch(23)
def directory_lacks(ca, members):
    """The directory has not these members."""

    def document(of, thing, shown):
        if of == "directory":
            for member in members:
                shown.pop(member, None)

    return {"document": document}


@switch(23)
def directory_has_also(ca, members):
    """The directory has these members, too, or instead."""

    def document(of, thing, shown):
        if of == "directory":
            shown.update(members)

    return {"document": document}


@switch(23)
def new_order_moves(ca):
    """newOrder is at another place from now on; the one that was given before is not found."""

    def received(request):
        if request.path == "/order":
            return Answer(404, "no such page", "text/plain")
        return None

    def document(of, thing, shown):
        if of == "directory":
            shown["newOrder"] = ca.url_of("/order?v2")

    return {"received": received, "document": document}
