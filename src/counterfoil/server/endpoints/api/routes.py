"""The routes of the admin API: made from its operations, and open to scripts with a token."""

from typing import Final

from counterfoil.server.endpoints.api.openapi import PATH, openapi
from counterfoil.server.endpoints.api.responding import handler_of
from counterfoil.server.endpoints.api.table import OPERATIONS
from counterfoil.server.web.admission import Use
from counterfoil.server.web.server import Caller, Route

_METHODS: Final = {"GET": ("GET", "HEAD"), "POST": ("POST",), "PATCH": ("PATCH",)}

API_ROUTES: Final = (
    Route(PATH, _METHODS["GET"], openapi, Caller.SCRIPT, Use.ADMINISTRATION),
    *(
        Route(
            each.path,
            _METHODS[each.method],
            handler_of(each),
            Caller.SCRIPT,
            Use.ADMINISTRATION,
        )
        for each in OPERATIONS
    ),
)
