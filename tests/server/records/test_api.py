"""An API as it is registered."""

from counterfoil.server.records.api import Api


def test_an_api_has_the_usual_lifetime_unless_it_says_otherwise():
    """S22: what an API is worth may be said at the API."""
    api = Api(uri="https://notes.example", name="Notes", created_at=1, scopes={"a": "Do a"})
    assert api.token_lifetime is None
    assert api.generation == 1
