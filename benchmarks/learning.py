"""Frames to training: pictures a second, memory, and whether the network waits for its input.

    python -m benchmarks learning [--images 3000] [--rounds 3] [--tables input memory ...]

Every figure comes from a process of its own (`benchmarks.learning_runs`), as a training job is one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

from benchmarks.measure import publish, python, table

CACHE_MB = 512


def measured(call: str, *arguments: object, **environment: str) -> dict[str, Any]:
    """What a function of `benchmarks.learning_runs` finds in a process of its own."""
    command = [*python("learning_runs"), call, json.dumps(arguments)]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, **environment}
    done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


def in_rounds(ways: dict[str, Callable[[], dict[str, Any]]], rounds: int) -> dict[str, list[Any]]:
    """Results of all ways, once a round."""
    found: dict[str, list[Any]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    return found


def median(values: list[float]) -> float:
    """Of an even number the lower one, so that it has been measured."""
    return sorted(values)[(len(values) - 1) // 2]


def reading(images: int, rounds: int) -> str:
    """Table: images a second of Clapboard's and Keras' input."""
    ways = {
        "Keras image_dataset_from_directory": lambda: measured("read_keras", images),
        "Clapboard": lambda: measured("read_clapboard", images, 4096),
        "Clapboard, nothing kept": lambda: measured("read_clapboard", images, 0),
    }
    found = in_rounds(ways, rounds)
    base = found["Keras image_dataset_from_directory"]
    rows = []
    for name, runs in found.items():
        for epoch in (0, 1):
            row: list[object] = [name, ("first", "second")[epoch]]
            for what in ("wall", "cpu"):
                own = [run["epochs"][epoch][what] for run in runs]
                ratios = [a / b["epochs"][epoch][what] for a, b in zip(own, base, strict=True)]
                row += [f"{median(own):,.0f}", f"x {median(ratios):.1f}"]
            rows.append(row)
    columns = ["input", "epoch", "images/s", "of Keras'", "images/CPU s", "of Keras'"]
    return f"{images:,} pictures, {rounds} rounds.\n\n" + table(columns, rows)


def memory() -> str:
    """Table: memory of the reading process by number of images and budget."""
    rows = []
    for images, cache_mb in ((3_000, CACHE_MB), (20_000, CACHE_MB), (200_000, CACHE_MB)):
        found = measured("remember", images, cache_mb, 600)
        before, after = found["before"], found["after"]
        grown = after["RssAnon"] - before["RssAnon"]
        kept = after["RssFile"] - before["RssFile"]
        rows.append([f"{images:,}", cache_mb, *(f"{v:.0f}" for v in (after["VmHWM"], grown, kept))])
    columns = ["images", "cache_mb", "peak MB", "grown by MB", "kept pictures in memory, MB"]
    return "600 batches of 32.\n\n" + table(columns, rows)


def manifests() -> str:
    """Table: memory of a process that reads its examples from a manifest, by number of them."""
    rows = []
    for images in (20_000, 200_000, 2_000_000):
        found = measured("read_manifest", images, 600)
        before, after = found["before"], found["after"]
        grown = after["RssAnon"] - before["RssAnon"]
        figures = (found["seconds"], before["VmRSS"], after["VmHWM"], grown)
        rows.append([f"{images:,}", *(f"{value:.0f}" for value in figures)])
    columns = ["frames", "read in CPU s", "then MB", "peak MB", "grown by MB in 600 batches"]
    return table(columns, rows)


def shards() -> str:
    """Tables: an epoch over shards of tiny pictures, what it takes and how well it is shuffled."""
    runs = {images: measured("read_shards", images) for images in (20_000, 200_000, 2_000_000)}
    costs = [
        [
            f"{images:,}",
            f"{run['gigabytes']:.2f}",
            *(f"{run[what]:.0f}" for what in ("packed", "read", "peak", "grown")),
            *(f"{run[what]:,.0f}" for what in ("wall", "cpu")),
        ]
        for images, run in runs.items()
    ]
    columns = ["pictures", "GB of tar", "packed in CPU s", "listed in CPU s", "peak MB"]
    columns += ["grown by MB in the epoch", "pictures/s", "pictures/CPU s"]
    orders = [
        [f"{images:,}", *(f"{run[what]:.4f}" for what in ("moved", "alike_stored", "alike"))]
        for images, run in runs.items()
    ]
    titles = ["pictures", "moved by, of the set", "neighbours alike, as stored", "in the epoch"]
    return table(columns, costs) + "\n\n" + table(titles, orders)


def training(images: int, rounds: int) -> str:
    """Table: the step of the network `cnn` by what feeds it."""
    ways = {
        way: (lambda way=way: measured("step", way, images, 1))
        for way in ("array", "Clapboard", "one batch")
    }
    found = in_rounds(ways, rounds)
    rates = {
        way: {what: [run["epochs"][0][what] for run in runs] for what in ("wall", "cpu")}
        for way, runs in found.items()
    }

    def ratio(way: str, base: str, what: str) -> float:
        pairs = zip(rates[way][what], rates[base][what], strict=True)
        return median([a / b for a, b in pairs])

    names = {
        "array": "a NumPy array in memory",
        "Clapboard": "Clapboard",
        "one batch": "one batch again and again",
    }
    rows = [
        [
            names[way],
            f"{median(rates[way]['wall']):.0f}",
            ratio(way, "array", "wall"),
            f"{median(rates[way]['cpu']):.0f}",
            ratio(way, "array", "cpu"),
        ]
        for way in ways
    ]
    columns = ["fed by", "images/s", "of the array's", "images/CPU s", "of the array's"]
    bound = max(0.0, 1 - ratio("Clapboard", "one batch", "wall"))
    note = f"\n\nInput-bound share of a step: {bound:.0%}."
    return f"{images} pictures, {rounds} rounds.\n\n" + table(columns, rows) + note


def settings(images: int) -> str:
    """Table: threads and oneDNN."""
    rows = []
    for threads in ("0", "1", "2", "4"):
        for onednn in ("1", "0"):
            if onednn == "0" and threads != "0":
                continue
            environment = {"THREADS": threads, "TF_ENABLE_ONEDNN_OPTS": onednn}
            rate = measured("step", "array", images, 1, **environment)["epochs"][0]
            name = "all" if threads == "0" else threads
            on = "on" if onednn == "1" else "off"
            rows.append([name, on, f"{rate['wall']:.0f}", f"{rate['cpu']:.0f}"])
    return table(["threads", "oneDNN", "images/s", "images/CPU s"], rows)


TABLES = {
    "input": lambda options: reading(options.images, options.rounds),
    "memory": lambda options: memory(),
    "manifest": lambda options: manifests(),
    "shards": lambda options: shards(),
    "step": lambda options: training(options.trained, options.rounds),
    "threads": lambda options: settings(options.trained),
}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks learning", description=__doc__)
    parser.add_argument("--images", type=int, default=3_000)
    parser.add_argument("--trained", type=int, default=320, help="pictures of a training epoch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tables", nargs="*", default=list(TABLES), help=", ".join(TABLES))
    options = parser.parse_args()
    for name in options.tables:
        publish(f"learning-{name}", TABLES[name](options))


if __name__ == "__main__":
    main()
