"""How the web app calls the notes API: with the person's access token, and what a refusal says."""

from dataclasses import dataclass

import httpx2


@dataclass
class Refusal(Exception):
    """The API said no. ``reason`` is one of the words of a Counterfoil guard."""

    status: int
    reason: str
    sentence: str
    scope: str = ""
    fingerprint: str = ""


class NotesApi:
    """The notes API at an address."""

    def __init__(self, url: str) -> None:
        self._http = httpx2.AsyncClient(base_url=url, timeout=5, trust_env=False)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def read(self, access_token: str) -> list[str]:
        """The person's notes."""
        answer = await self._call("GET", access_token, None)
        return list(answer["notes"])

    async def write(self, access_token: str, text: str) -> None:
        """Add a note."""
        await self._call("POST", access_token, {"text": text})

    async def _call(self, method: str, access_token: str, body: dict[str, str] | None) -> dict:
        try:
            answer = await self._http.request(
                method, "/notes", json=body, headers={"Authorization": f"Bearer {access_token}"}
            )
        except httpx2.HTTPError:
            raise Refusal(503, "unreachable", "The notes API cannot be reached.") from None
        said = answer.json()
        if answer.is_success:
            return said
        raise Refusal(
            answer.status_code,
            said.get("error_reason") or said.get("error", ""),
            said.get("error_description", ""),
            said.get("scope", ""),
            said.get("fingerprint", ""),
        )
