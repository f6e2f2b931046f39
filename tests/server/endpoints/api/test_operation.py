"""What an operation is made of."""

import msgspec
import pytest

from counterfoil.server.endpoints.api import clients, endings
from counterfoil.server.endpoints.api.operation import Asked, Nothing, Shape
from counterfoil.server.endpoints.api.paging import Paging
from counterfoil.server.endpoints.api.table import OPERATIONS
from tests.administration import Administrator

pytestmark = pytest.mark.anyio


def test_an_operation_is_shaped_as_its_handler_says() -> None:
    shapes = {each.name: each.shape for each in OPERATIONS}
    assert shapes["list_clients"] == Shape(Paging, Nothing, clients.ClientPage)
    assert shapes["end"] == Shape(endings.DryRun, endings.EndingAsked, endings.EndingAnswer)


def test_whatever_is_asked_knows_all_its_fields() -> None:
    """A field that is not known is refused, whichever operation it is (mass assignment)."""
    for operation in OPERATIONS:
        for kind in (operation.shape.query, operation.shape.body):
            assert issubclass(kind, Asked), operation.name
            assert msgspec.inspect.type_info(kind).forbid_unknown_fields, operation.name


async def test_an_unknown_parameter_is_refused(admin: Administrator) -> None:
    answer = await admin.ask("GET", "/api/clients", params={"limt": 5})
    assert answer.status_code == 400
    assert "limt" in answer.json()["error_description"]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1e9", "99999999999999999999999"])
async def test_a_limit_out_of_bounds_is_refused(admin: Administrator, limit: str) -> None:
    refused = await admin.refused("GET", "/api/events", params={"limit": limit})
    assert refused == (400, "invalid_request")
