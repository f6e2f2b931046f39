"""``make run``: the server, a guarded API and an app that signs people in, on this machine."""

import argparse
import asyncio
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.places import Places
    from demo.processes import Processes


STARTED = time.monotonic()


def main() -> int:
    """Start everything, print one page, and end everything at Ctrl-C or SIGTERM."""
    asked = _arguments()
    # A signal is only noted, and looked for where we wait: if it broke in anywhere, it could
    # come between the start of a child and the note that there is one.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return _run(asked.port, asked.data, stop)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=_port, default=8000, help="and the two after it (8000)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="directory (./data)")
    return parser.parse_args()


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65533:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65533")
    return port


def _run(port: int, data: Path, stop: threading.Event) -> int:
    from demo.places import Places

    places = Places(port, data)
    taken = places.taken()
    if taken is not None:
        other = port + 1000 if port < 60_000 else 8000
        return _say(f"Port {taken} is taken. Choose three others: PORT={other} make run")
    from demo.processes import Ended, Stopped, running

    with running(stop) as processes:
        try:
            _start(processes, places)
            processes.watch()
        except Ended as ended:
            return _say(str(ended))
        except Stopped:
            print("\nEnding.", flush=True)
    return 0


def _start(processes: "Processes", places: "Places") -> None:
    from demo.processes import Ended, start_api, start_server, start_web
    from demo.provision import provision
    from demo.words import page

    from counterfoil.cli.invocation import sentence_of
    from counterfoil.server.settings import SettingsError

    try:
        demo = asyncio.run(provision(places))
    except Exception as error:
        sentence = str(error) if isinstance(error, SettingsError) else sentence_of(error)
        if sentence is None:
            raise
        raise Ended(sentence) from None
    server = start_server(processes, places)
    api, web = start_api(processes, places), start_web(processes, places, demo)
    server.wait_until_ready(f"{places.issuer}/health/ready")
    api.wait_until_ready(f"{places.api}/health")
    web.wait_until_ready(f"{places.web}/health")
    print(page(places, demo, time.monotonic() - STARTED), flush=True)


def _say(sentence: str) -> int:
    print(sentence, file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # recompiling at every start costs most
    sys.exit(main())
