"""Where providers say that somebody has signed out (OpenID Connect Back-Channel Logout §2.5)."""

import logging
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.client.errors import NotTrusted
from counterfoil.net.http import HttpFailure
from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.server.endpoints.oauth import refused
from counterfoil.server.identity import provider_logout
from counterfoil.server.identity.provider_logout import NoProvider
from counterfoil.server.web.reading import form_of, origin_of
from counterfoil.server.web.server import Server

PATH: Final = "/backchannel-logout/{provider_id}"
_LOG: Final = logging.getLogger(__name__)
_WRONG: Final = "This is no logout token of this provider for this server."


async def take(server: Server, request: Request) -> Response:
    """``POST /backchannel-logout/{provider_id}``: ends what is named; says not what that was."""
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    provider_id = request.path_params["provider_id"]
    try:
        unverified = (await form_of(request)).require("logout_token")
        await provider_logout.take(server.authority, server.line, provider_id, unverified, origin)
    except OAuthError as error:
        return refused(server, request, error)
    except NoProvider:
        return refused(server, request, invalid_request("There is no such provider."))
    except NotTrusted as error:
        return refused(server, request, invalid_request(_WRONG, detail=str(error)))
    except HttpFailure as error:
        _LOG.warning(
            "provider %s has said something that cannot be checked: %s", provider_id, error
        )
        sentence = "The keys of the provider cannot be had now; try again."
        return refused(server, request, OAuthError("temporarily_unavailable", sentence))
    return Response(status_code=200, headers={"Cache-Control": "no-store"})
