"""The default lifetime of access tokens."""

from counterfoil.server.records.default_lifetime import DefaultLifetime


def test_before_it_was_ever_shortened_userinfo_has_the_generation_of_tokens_without_one():
    """A token without ``gen`` counts as 0: the first shortening limits it too."""
    assert DefaultLifetime(3600).generation == 0
