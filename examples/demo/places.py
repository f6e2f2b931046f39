"""Where the three servers of the demonstration stand, and whether there is room for them."""

import socket
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
WRITTEN = "# Written by `make run`, so that the command line knows where the server is."


@dataclass(frozen=True)
class Places:
    """The server's port; the notes API and the notes app take the two after it."""

    port: int
    data: Path

    @property
    def issuer(self) -> str:
        """Its name, for at an address browsers have no passkeys."""
        return f"http://localhost:{self.port}"

    @property
    def settings(self) -> dict[str, object]:
        return {"data": str(self.data), "port": self.port, "issuer": self.issuer}

    def note(self) -> None:
        """Tell the command line of the issuer, unless its owner has written settings there."""
        path = self.data / "counterfoil.toml"
        if not path.exists() or path.read_text().startswith(WRITTEN):
            path.write_text(f'{WRITTEN}\nissuer = "{self.issuer}"\nport = {self.port}\n')

    @property
    def api(self) -> str:
        return f"http://{HOST}:{self.port + 1}"

    @property
    def web(self) -> str:
        return f"http://{HOST}:{self.port + 2}"

    @property
    def ports(self) -> tuple[int, int, int]:
        return self.port, self.port + 1, self.port + 2

    def taken(self) -> int | None:
        """The first port that somebody else listens on."""
        return next((port for port in self.ports if not _is_free(port)), None)


def _is_free(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True
