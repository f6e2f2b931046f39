"""The list of what happened."""

from tests.cli.conftest import Installation


def test_events_are_listed_newest_first(installation: Installation):
    """S111: who, what, when, from where."""
    client_id = installation.json("client", "add", "Service")["client_id"]
    events = installation.json("event", "list", "--count", "2")["events"]
    assert [event["kind"] for event in events] == ["client_secret_added", "client_added"]
    newest = events[0]
    assert set(newest) == {
        "number", "at", "kind", "actor", "subject", "address", "user_agent", "detail",
    }  # fmt: skip
    assert (newest["actor"], newest["subject"]) == ("cli", client_id)
    assert newest["number"] == events[1]["number"] + 1
    assert client_id in installation.succeed("event", "list")
