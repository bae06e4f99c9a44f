"""A server made distant: a relay on loopback that holds every answer back for some time.

    python -m benchmarks.distant TARGET_PORT SECONDS

prints the port it listens on, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

CHUNK = 2**16


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass on what comes, each part so many seconds after it has come; parts overlap."""
    now = asyncio.get_running_loop().time
    parts: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def send() -> None:
        while True:
            due, part = await parts.get()
            await asyncio.sleep(due - now())
            if not part:
                return
            writer.write(part)
            await writer.drain()

    sending = asyncio.create_task(send())
    # Whoever hangs up has all that he wants.
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        while part := await reader.read(CHUNK):
            await parts.put((now() + delay, part))
        await parts.put((now() + delay, b""))
        await sending


async def serve(port: int, delay: float) -> None:
    """Relay until standard input ends."""

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(asyncio.CancelledError):  # the relay ends, clients or not
            await asyncio.gather(_relay(reader, far_writer, 0), _relay(far_reader, writer, delay))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    async with server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
