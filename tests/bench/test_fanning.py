"""What is measured at load is not measured at rest."""

import os
from pathlib import Path

import pytest

from bench.fanning import _load
from bench.generator import WrongAnswers
from bench.http_session import HttpSession
from bench.seeding import Registered, Seeded
from bench.server import Running

pytestmark = pytest.mark.wrk


def test_a_load_that_fails_ends_the_measurement(tmp_path: Path) -> None:
    """Nobody listens there: a thread that ends would have told nobody."""
    client = Registered("service", "secret")
    seeded = Seeded(client, client, HttpSession(1))
    server = Running(os.getpid(), 1, 0.0, tmp_path / "log")
    with pytest.raises(WrongAnswers), _load(seeded, server, 100.0, tmp_path):
        pass
