"""Processes that share one cache of tokens, and are killed all the time.

Usage: python -m tests.crash.holders ISSUER DIRECTORY. A line on stdin starts a process: "go" one
that refreshes without end, "die" one that is killed when its answer has come and is not yet kept.
It says "started PID", and "held PID" for each token that it was given.
"""

import os
import signal
import sys

from counterfoil.client import Client, Entry, FileCache


class Dying(FileCache):
    """The first writing shows that it can be done; before the second comes the end."""

    written = 0

    def write(self, entry: Entry, content: bytes) -> None:
        self.written += 1
        if self.written > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        super().write(entry, content)


def main(issuer: str, directory: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                hold(issuer, Dying(directory) if line == "die\n" else FileCache(directory))
            except BaseException as error:
                say(f"failed {os.getpid()} {type(error).__name__}: {error}")
                raise
            finally:
                os._exit(1)
        say(f"started {pid}")


def hold(issuer: str, cache: FileCache) -> None:
    holder = Client(issuer, "spa", cache=cache).holder()
    held = ""
    while True:
        held = holder.tokens(refused=held).access_token
        say(f"held {os.getpid()}")


def say(words: str) -> None:
    os.write(1, f"{words}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
