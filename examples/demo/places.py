"""Where the three servers of the demonstration stand, and whether there is room for them."""

import socket
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Places:
    """The server's port; the notes API and the notes app take the two after it."""

    port: int
    data: Path

    @property
    def issuer(self) -> str:
        return f"http://{HOST}:{self.port}"

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
