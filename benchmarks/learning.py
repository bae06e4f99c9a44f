"""Frames to training: pictures a second, memory, and whether the network waits for its input.

    python -m benchmarks learning [--images 3000] [--rounds 3]

Every figure comes from a process of its own, as a training job is one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import clips
from benchmarks.measure import publish, table

SIDE, CLASSES, BATCH = 224, 6, 32
WORK = clips.HOME / "work/learning"
CACHE_MB = 512


def pictures(count: int) -> list[str]:
    """Frames of the GoPro-like clip as the store has them, in a folder for each class."""
    import av

    from clapboard.video.pixels import JpegEncoder, PixelSettings, Resizer

    files = [WORK / f"pictures/{n % CLASSES}/{n:06d}.jpg" for n in range(count)]
    missing = [file for file in files if not file.exists()]
    if missing:
        resize, encode = Resizer(PixelSettings()), JpegEncoder(PixelSettings().quality)
        with av.open(clips.gopro(seconds=30)[0]) as container:
            made = [encode(resize(picture)) for picture in container.decode(video=0)]
        for place, file in enumerate(missing):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(made[place % len(made)])
    return list(map(str, files))


# -- what one process measures --------------------------------------------------------------------


def batches(images: int, cache_mb: int) -> tuple[Any, int]:
    """Clapboard's endless training batches, and how many are an epoch."""
    import numpy as np

    from clapboard.learning.data import training_batches
    from clapboard.learning.sources import Pictures, kept_within

    distinct = pictures(min(images, 3_000))
    files = [distinct[n % len(distinct)] for n in range(images)]
    with tempfile.NamedTemporaryFile(dir=WORK) as cache:
        source = kept_within(Pictures(files), images, cache_mb, Path(cache.name))
    targets = np.arange(images) % CLASSES
    return training_batches(source, np.arange(images), targets, BATCH, 1), -(-images // BATCH)


def epochs(dataset: Any, steps: int, count: int) -> Iterator[dict[str, float]]:
    """Images a second, wall and CPU, of each epoch."""
    taken = iter(dataset)
    for _ in range(count):
        wall, cpu, images = time.perf_counter(), time.process_time(), 0
        for _ in range(steps):
            images += len(next(taken)[0])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        yield {"wall": images / wall, "cpu": images / cpu}


def read_clapboard(images: int, cache_mb: int) -> dict[str, Any]:
    """Two epochs of Clapboard's input."""
    return {"epochs": list(epochs(*batches(images, cache_mb), 2))}


def read_keras(images: int) -> dict[str, Any]:
    """Two epochs of Keras' loader, shuffled as it comes."""
    import keras

    pictures(images)
    loader = keras.utils.image_dataset_from_directory(
        WORK / "pictures", image_size=(SIDE, SIDE), batch_size=BATCH, seed=1, verbose=False
    )
    return {"epochs": list(epochs(loader.repeat(), -(-images // BATCH), 2))}


def remember(images: int, cache_mb: int, steps: int) -> dict[str, Any]:
    """Memory of a process that reads some batches of a set, MB."""
    dataset, epoch = batches(images, cache_mb)
    taken = iter(dataset)
    next(taken)
    before = _resident()
    for _ in range(min(steps, 2 * epoch)):
        next(taken)
    after = _resident()
    return {"before": before, "after": after}


def _resident() -> dict[str, float]:
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":\t") for line in lines if line.startswith(("Rss", "VmHWM")))
    return {name: int(value.split()[0]) / 1024 for name, value in fields.items()}


def step(way: str, images: int, rounds: int) -> dict[str, Any]:
    """Epochs of the network `cnn`, fed by Clapboard, from an array in memory, or by one batch."""
    import numpy as np
    import tensorflow as tf

    from clapboard.learning import devices
    from clapboard.learning.architectures import make_model
    from clapboard.learning.learner import make_learner
    from clapboard.settings.config import load

    devices.prepare(1, int(os.environ.get("THREADS", "0")))
    settings = load({"models": {"cnn": {"architecture": "cnn"}}}).section("models")["cnn"]
    network = make_model((SIDE, SIDE, 3), CLASSES, settings)
    learner = make_learner(network, settings, np.ones(CLASSES, np.int64), -(-images // BATCH))
    steps = images // BATCH
    dataset, _ = batches(steps * BATCH, 4096)
    if way == "one batch":
        first = next(iter(dataset))
        dataset = tf.data.Dataset.from_tensors(first).repeat()
    elif way == "array":
        taken = iter(dataset)
        parts = [next(taken) for _ in range(steps)]
        data, target = (np.concatenate([part[k].numpy() for part in parts]) for k in (0, 1))
    rates = []
    for number in range(rounds + 1):  # the first compiles, and fills the cache
        wall, cpu = time.perf_counter(), time.process_time()
        if way == "array":
            learner.fit(data, target, batch_size=BATCH, verbose=0)
        else:
            learner.fit(dataset, steps_per_epoch=steps, verbose=0)
        if number:
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            rates.append({"wall": steps * BATCH / wall, "cpu": steps * BATCH / cpu})
    return {"epochs": rates}


# -- what is reported -----------------------------------------------------------------------------


def measured(call: str, *arguments: object, **environment: str) -> dict[str, Any]:
    """What a function above finds in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.learning", "run", call, json.dumps(arguments)]
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


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks learning", description=__doc__)
    parser.add_argument("--images", type=int, default=3_000)
    parser.add_argument("--trained", type=int, default=320, help="pictures of a training epoch")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    pictures(options.images)
    publish("learning-input", reading(options.images, options.rounds))
    publish("learning-memory", memory())
    publish("learning-step", training(options.trained, options.rounds))
    publish("learning-threads", settings(options.trained))


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        print(json.dumps(globals()[sys.argv[2]](*json.loads(sys.argv[3]))))
    else:
        main()
