"""The switches of the misbehaving CA, each in one function, by name in TABLE. A module has those of some families."""

from switches import answers, chains, connections, documents, features, links  # noqa: F401  they fill the table
from switches.table import FAMILIES, TABLE, Switch, Turns

__all__ = ["FAMILIES", "TABLE", "Switch", "Turns"]
