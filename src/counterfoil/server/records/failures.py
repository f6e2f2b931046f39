"""How a store fails, whatever engine keeps its promises."""


class StoreUnavailable(Exception):
    """The store could not commit or be read. Nothing was acknowledged; the answer is 503."""


class Overloaded(StoreUnavailable):
    """Too many wait for the store, or somebody has waited for too long: nothing was begun."""


class StoreShut(StoreUnavailable):
    """A fence stands: the records live elsewhere, or are not whole (``records/fence.py``)."""


class Conflict(Exception):
    """What was to be added stands there already, by a name that must be unique."""
