"""An event loop that finds a host also when the process ends."""

import asyncio
import subprocess
import sys

from counterfoil.net.own_loop import OwnLoop

ENDS = """
import asyncio
import atexit
import threading

from counterfoil.net.own_loop import OwnLoop


async def look():
    answers = await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    print(bool(answers))


async def wait():
    global loop, told
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    await look()
    begun.set()
    await told.wait()
    await look()


def run():
    with asyncio.Runner(loop_factory=OwnLoop) as runner:
        runner.run(wait())
    print("closed")


def end():
    loop.call_soon_threadsafe(told.set)
    thread.join()


begun = threading.Event()
thread = threading.Thread(target=run, daemon=True)
thread.start()
begun.wait()
atexit.register(end)
"""


def test_it_finds_a_host_before_the_process_ends_and_then():
    ended = subprocess.run(
        [sys.executable, "-c", ENDS], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout.split() == ["True", "True", "closed"]
    assert ended.stderr == ""


def test_elsewhere_it_is_as_any_other():
    async def look() -> object:
        return await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)

    with asyncio.Runner(loop_factory=OwnLoop) as runner:
        assert runner.run(look())
