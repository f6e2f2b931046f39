"""The single-page app beside ``make run``, on the third port after the server's.

In another terminal than ``make run``:

    .venv/bin/python examples/bff/run.py
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

CLIENT_ID = "notes-spa"
COMMAND = [sys.executable, "-c", "from counterfoil.cli import main; main()", "client"]


def main() -> int:
    """Register the app where it is not known yet, and serve it."""
    import uvicorn

    from examples.bff.app import Setup, notes_spa

    asked = _arguments()
    hosts = ("localhost", "127.0.0.1", "127.0.0.1", "127.0.0.1")
    here = [f"http://{host}:{asked.port + place}" for place, host in enumerate(hosts)]
    client_id = f"{CLIENT_ID}-{asked.port}"
    secret = _secret_of(client_id, here[3], asked.data)
    if secret is None:
        return 1
    app = notes_spa(Setup(here[0], client_id, secret, here[3], here[1]))
    print(f"The notes app without tokens in the browser: {here[3]}", flush=True)
    uvicorn.run(app, host="127.0.0.1", port=asked.port + 3, log_level="warning")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="that of `make run` (8000)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="directory (./data)")
    return parser.parse_args()


def _secret_of(client_id: str, origin: str, data: Path) -> str | None:
    """Give the app a fresh secret; register it first, where it is new."""
    known = _counterfoil("rotate-secret", client_id, "--yes", "--json", "--data", str(data))
    if known.returncode != 0:
        known = _counterfoil(
            *("add", "Notes in one page", "--client-id", client_id, "--json", "--data", str(data)),
            *("--redirect-uri", f"{origin}/bff/callback"),
            *("--post-logout-redirect-uri", f"{origin}/"),
            *("--scope", "openid profile email notes:read notes:write"),
        )
    if known.returncode != 0:
        print(known.stderr, end="", file=sys.stderr)
        return None
    secret: str = json.loads(known.stdout)["client_secret"]
    return secret


def _counterfoil(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
