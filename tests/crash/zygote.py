"""Starts server processes in milliseconds: everything is imported once, then it forks on demand.

Usage: python -m tests.crash.zygote DATA DATABASE ISSUER LISTENER LISTENER. A line on stdin, "0" or
"1", starts a server process on that listener; it says "started 0 PID" and, when it serves, "ready
0 PID". The listeners stay open here, so that whoever comes between two processes waits in the
queue.
"""

import os
import signal
import socket
import sys

from counterfoil.cli.serving import run
from counterfoil.server.settings import Settings, load


def main(data: str, database: str, issuer: str, *listeners: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    where = {"data": data, "database": database or None, "issuer": issuer}
    settings = load({}, {**where, "code_lifetime": 600, "refresh_window": 300})
    sockets = [socket.socket(fileno=int(number)) for number in listeners]
    dies_with_us, held = os.pipe()
    for line in sys.stdin:
        which = int(line)
        pid = os.fork()
        if pid == 0:
            os.close(held)
            serve(settings, sockets[which], which, dies_with_us)
        say(f"started {which} {pid}")


def serve(settings: Settings, listener: socket.socket, which: int, parent: int) -> None:
    try:
        run(settings, listener, lambda: say(f"ready {which} {os.getpid()}"), parent)
    finally:
        os._exit(0)


def say(words: str) -> None:
    os.write(1, f"{words}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
