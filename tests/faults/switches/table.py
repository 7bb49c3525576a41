"""What a switch is: a function that is given the CA and options and returns {stage: function}; ca.py has the stages."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Switch:
    name: str
    family: int  # the kind of misbehaviour that it belongs to, one of FAMILIES
    make: typing.Callable
    text: str


TABLE = {}

FAMILIES = {
    1: "refused nonces",
    2: "nonces that are none",
    3: "orders that begin further on",
    4: "authorizations that do not fit the order",
    5: "challenges that nobody knows",
    6: "the answer to the answer of a challenge",
    7: "work that never ends",
    8: "Retry-After",
    9: "rate limits and failures of the server",
    10: "sub-problems",
    11: "finalize",
    12: "wrong certificates",
    13: "wrong chains",
    14: "alternate chains",
    15: "tokens",
    16: "URLs and redirects",
    17: "HTTP",
    18: "JSON",
    19: "texts",
    20: "renewal information",
    21: "profiles",
    22: "accounts",
    23: "the directory",
    24: "connections that are cut",
    25: "clocks",
    26: "external account binding",
    27: "key rollover",
    28: "strictness",
    29: "dns-persist-01",
    30: "one name of many",
}


def switch(family):
    """Puts a function into the table, under its own name, with its docstring as the text."""

    def register(make):
        assert family in FAMILIES and make.__doc__ and make.__name__ not in TABLE, make
        TABLE[make.__name__] = Switch(make.__name__, family, make, make.__doc__)
        return make

    return register


class Turns:
    """Which requests a switch is for: those of the given kinds (all where none is named), after the first `skip` of
    them, and not more than `times`."""

    def __init__(self, kinds=None, times=None, skip=0):
        self._kinds = {kinds} if isinstance(kinds, str) else kinds and set(kinds)
        self._times, self._skip = times, skip

    def take(self, request):
        if self._kinds and request.kind not in self._kinds:
            return False
        if self._skip > 0:
            self._skip -= 1
            return False
        if self._times is not None:
            if self._times <= 0:
                return False
            self._times -= 1
        return True
