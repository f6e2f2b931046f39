"""A provider that is not ours tells us that somebody has signed out there (S114)."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from counterfoil.server.opening import open_authority
from counterfoil.server.records.linked_identity import LinkedIdentity, UpstreamSession
from counterfoil.server.settings import load
from tests.installation import hidden_fields
from tests.interop.serving import EMAIL, PASSWORD, Serving
from tests.ports import free_port

pytestmark = pytest.mark.npm
HERE = Path(__file__).parent


class Theirs:
    """The provider: ``issuer``, and how to have it tell us."""

    def __init__(self, issuer: str, process: "subprocess.Popen[str]") -> None:
        self.issuer = issuer
        self._process = process

    def tell(self, sub: str, sid: str) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"sub": sub, "sid": sid}) + "\n")
        stdin.flush()
        return stdout.readline().strip()


@contextmanager
def provider(uri: str) -> Iterator[Theirs]:
    port = free_port()
    with subprocess.Popen(
        ["node", HERE / "oidc_provider_logout.mjs", str(port), uri],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Theirs(f"http://127.0.0.1:{port}", process)
        process.kill()


async def remember(server: Serving, issuer: str, sid: str) -> str:
    """Say of Ada's newest session that it was begun there; gives it."""
    authority = await open_authority(load({}, {"data": str(server.data), "issuer": server.issuer}))

    async def work(tx: Any) -> str:
        user = await tx.users.find_by_email(EMAIL)
        session = (await tx.sessions.of_user(user.id))[0]
        identity = LinkedIdentity(
            id="i",
            provider_id="theirs",
            issuer=issuer,
            subject="ada-there",
            user_id=user.id,
            label="Ada",
            linked_at=tx.now,
            last_used_at=tx.now,
        )
        if await tx.identities.find("i") is None:
            await tx.identities.add(identity)
        await tx.identities.note_session(UpstreamSession(session.id, "i", sid, session.expires_at))
        return str(session.id)

    try:
        return await authority.store.transact(work)
    finally:
        await authority.store.close()


def signed_in(browser: httpx2.Client) -> bool:
    return browser.get("/account/apps").status_code == 200


def test_oidc_provider_signs_somebody_out_here(server: Serving):
    """S114: Its own logout token, by its own post; the session it names ends, and no other."""
    with provider(f"{server.issuer}/backchannel-logout/theirs") as theirs:
        server.counterfoil(
            "provider", "add", "oidc", "--id", "theirs", "--name", "Theirs", "--client-id", "us",
            "--issuer", theirs.issuer, "--secret-stdin", given="a-secret-of-some-length",
        )  # fmt: skip
        with httpx2.Client(base_url=server.issuer, trust_env=False) as browser:
            page = browser.get("/account/apps", follow_redirects=True)
            form = hidden_fields(page.text) | {"email": EMAIL, "password": PASSWORD}
            browser.post("/sign-in", data=form, follow_redirects=True)
            assert signed_in(browser)
            asyncio.run(remember(server, theirs.issuer, "one"))
            assert theirs.tell("ada-there", "another") == "told"
            assert theirs.tell("somebody else", "one") == "told"
            assert signed_in(browser)
            assert theirs.tell("ada-there", "one") == "told"
            assert not signed_in(browser)
        server.counterfoil("provider", "disable", "theirs")
        assert theirs.tell("ada-there", "one").startswith("refused")
