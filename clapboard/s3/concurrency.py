"""Many requests at once, with progress; the first failure stops the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def run(
    items: Sequence[Item],
    work: Callable[[Item], Awaitable[None]],
    connections: int,
    title: str,
    size: Callable[[Item], int] = lambda item: 0,
) -> None:
    """Do `work` for every item, at most `connections` of them at the same time.

    After a failure nothing new is begun; what is under way ends, then the first error is raised.

    Args:
        items: what to work on.
        work: a coroutine function of one item.
        connections: how many at a time.
        title: of the progress bar.
        size: bytes of an item, shown as a rate.
    """
    with tqdm(total=len(items), desc=title, unit="object") as bar:
        asyncio.run(_run(iter(items), work, connections, bar, size))


async def _run(
    items: Iterator[Item],
    work: Callable[[Item], Awaitable[None]],
    connections: int,
    bar: tqdm,
    size: Callable[[Item], int],
) -> None:
    failures, done = list[BaseException](), 0

    async def worker() -> None:
        nonlocal done
        for item in items:
            if failures:
                return
            try:
                await work(item)
            except Exception as error:
                failures.append(error)
                return
            done += size(item)
            if done:
                bar.set_postfix_str(f"{done / 1e6:,.0f} MB", refresh=False)
            bar.update()

    await asyncio.gather(*(worker() for _ in range(connections)))
    if failures:
        raise failures[0]
