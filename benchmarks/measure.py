"""Fair timing of commands, and the tables in docs/performance.md.

What is compared runs in turns within one round, so that a busy machine slows all alike. CPU seconds
(user and system, of a command and all its children) are the primary figure; ratios are taken round
by round and their median is reported.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import av
from tqdm import tqdm

Result = TypeVar("Result")

DOCUMENT = Path(__file__).parents[1] / "docs/performance.md"


@dataclass(frozen=True)
class Cost:
    """What one run took: CPU and wall seconds, and peak memory of its largest process in MB."""

    cpu: float
    wall: float
    memory: float


@dataclass(frozen=True)
class Case:
    """One way to do the work.

    Attributes:
        command: argument list.
        prepare: called before each run, outside the timing.
        environment: added to the environment.
    """

    command: Sequence[str]
    prepare: Callable[[], None] = lambda: None
    environment: Mapping[str, str] | None = None


def run(case: Case) -> Cost:
    """Run a case once.

    Raises:
        RuntimeError: it failed.
    """
    case.prepare()
    with subprocess.Popen(
        [*case.command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **(case.environment or {})},
    ) as process:
        start = time.perf_counter()
        words = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{case.command[:4]} failed:\n{words.decode(errors='replace')[-3000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def called(work: Callable[[], object]) -> Cost:
    """What a call in this process takes (memory is not looked at)."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall, 0)


def apart(job: Callable[..., Result], *given: object) -> Result:
    """Run a job in a process of its own, which imports what it needs."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(job, *given).result()


def in_turns(cases: Mapping[str, Case], rounds: int) -> dict[str, list[Cost]]:
    """Run all cases once a round, in an order that turns from round to round."""
    costs: dict[str, list[Cost]] = {name: [] for name in cases}
    names = list(cases)
    with tqdm(total=rounds * len(names), unit="run") as progress:
        for turn in range(rounds):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                progress.set_description(name)
                costs[name].append(run(cases[name]))
                progress.update()
    return costs


def times(base: Sequence[Cost], other: Sequence[Cost], what: str = "cpu") -> float:
    """How many times as much `base` took as `other`: the median of the ratios of each round."""
    return statistics.median(
        getattr(a, what) / getattr(b, what) for a, b in zip(base, other, strict=True)
    )


def spread(costs: Sequence[Cost], what: str) -> str:
    """Median and range."""
    values = [getattr(cost, what) for cost in costs]
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; numbers with a fraction get two places."""
    cells = [[f"{c:.2f}" if isinstance(c, float) else str(c) for c in row] for row in rows]
    lines = [columns, ["---"] * len(columns), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> str:
    """Processor, cores, memory and versions, one line."""
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    library = ".".join(map(str, av.library_versions["libavcodec"]))
    return (
        f"{model[1] if model else platform.machine()}, {len(os.sched_getaffinity(0))} cores, "
        f"{pages:.0f} GiB, load {os.getloadavg()[1]:.1f}; Python {platform.python_version()}, "
        f"PyAV {av.__version__} (libavcodec {library})"
    )


def publish(topic: str, text: str, page: Path = DOCUMENT) -> None:
    """Print a result, and put it in its place in a page of docs/ if that has one.

    The place is between ``<!-- topic -->`` and ``<!-- /topic -->``.
    """
    body = f"{text}\n\nMeasured {time.strftime('%-d %B %Y')} on {machine()}."
    print(body)
    document = page.read_text(encoding="utf-8") if page.exists() else ""
    place = re.compile(rf"(<!-- {topic} -->\n).*?(<!-- /{topic} -->)", re.DOTALL)
    if place.search(document):
        filled = place.sub(lambda found: f"{found[1]}{body}\n{found[2]}", document)
        page.write_text(filled, encoding="utf-8")


def emptied(folder: Path) -> Callable[[], None]:
    """A preparation that leaves a folder there and empty.

    What was in it is removed when the program ends: for some seconds ext4 pays up to a millisecond
    for each new file if thousands have just been deleted.
    """

    def prepare() -> None:
        if folder.exists():
            waste = tempfile.mkdtemp(prefix=".waste-", dir=folder.parent)
            atexit.register(shutil.rmtree, waste)
            folder.rename(Path(waste) / folder.name)
        folder.mkdir(parents=True)

    return prepare


def python(module: str, *arguments: str) -> list[str]:
    """The command line of a benchmark module in this interpreter."""
    return [sys.executable, "-m", f"benchmarks.{module}", *arguments]
