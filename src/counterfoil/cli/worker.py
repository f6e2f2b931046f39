"""One of several workers: ``python -m counterfoil.cli.worker LISTENER READY PARENT``."""

import gc
import os
import socket
import sys


def main(listener: int, ready: int, parent: int) -> None:
    """Serve on a socket of the parent; all three are numbers of open files.

    ``ready`` is written to once, ``parent`` closes when the parent dies.
    """
    gc.disable()  # hardly anything that is loaded from here on is garbage; `serving` enables it
    from counterfoil.cli.output import Failure
    from counterfoil.cli.serving import run
    from counterfoil.cli.workers import SUPERSEDED
    from counterfoil.server.settings import SettingsError, load

    try:
        settings = load(os.environ, {})
    except SettingsError as error:
        sys.exit(f"counterfoil: {error}")
    try:
        run(settings, socket.socket(fileno=listener), lambda: _tell(ready), parent)
    except Failure:
        sys.exit(SUPERSEDED)  # the log has said why


def _tell(ready: int) -> None:
    os.write(ready, b".")
    os.close(ready)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
