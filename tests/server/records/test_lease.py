"""A lease is a value."""

from counterfoil.server.records.lease import Lease


def test_leases_are_compared_by_what_they_say():
    assert Lease("janitor", "a", 5) == Lease("janitor", "a", 5)
    assert Lease("janitor", "a", 5) != Lease("janitor", "b", 5)
