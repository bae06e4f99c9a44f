"""What `benchmarks.learning` measures, each function in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf

from benchmarks import clips
from clapboard.artifacts import write_csv, write_parquet
from clapboard.dataset.shards import _Tar
from clapboard.learning import devices
from clapboard.learning.architectures import make_model
from clapboard.learning.data import training_batches
from clapboard.learning.inputs import make_inputs
from clapboard.learning.kept import MEBIBYTE, kept_within
from clapboard.learning.learner import make_learner
from clapboard.learning.manifest import read_examples
from clapboard.learning.sources import Pictures
from clapboard.settings.config import load
from clapboard.video.pixels import JpegEncoder, PixelSettings, Resizer

SIDE, CLASSES, BATCH = 224, 6, 32
TINY, RECORDED, STRETCH = 16, 54_000, 900
"""Pixels of a picture, and frames of a recording and of a stretch of one label, in shards."""
WORK = clips.HOME / "work/learning"


def pictures(count: int) -> list[str]:
    """Frames of the GoPro-like clip as the store has them, in a folder for each class."""
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


def batches(images: int, cache_mb: int) -> tuple[Any, int]:
    """Clapboard's endless training batches, and how many are an epoch."""
    distinct = pictures(min(images, 3_000))
    files = [distinct[n % len(distinct)] for n in range(images)]
    source, _ = kept_within(Pictures(files), images, cache_mb * MEBIBYTE, WORK)
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
    pictures(images)
    loader = keras.utils.image_dataset_from_directory(
        WORK / "pictures", image_size=(SIDE, SIDE), batch_size=BATCH, seed=1, verbose=False
    )
    return {"epochs": list(epochs(loader.repeat(), -(-images // BATCH), 2))}


def remember(images: int, cache_mb: int, steps: int) -> dict[str, Any]:
    """Memory of a process that reads some batches of a set, MB."""
    return _remembered(*batches(images, cache_mb), steps)


def read_manifest(images: int, steps: int) -> dict[str, Any]:
    """The same of a process that reads its examples from a manifest, as a training does."""
    folder = written_manifest(images)
    start = time.process_time()
    examples = read_examples(folder / "manifest.parquet", folder / "labels.csv", WORK / "pictures")
    inputs = make_inputs(examples, _cnn())
    seconds = time.process_time() - start
    del examples
    taken = training_batches(inputs.source, inputs.items, inputs.targets, BATCH, 1)
    return _remembered(taken, inputs.batches, steps) | {"seconds": seconds}


def written_manifest(images: int) -> Path:
    """A manifest of recordings of half an hour, whose frames take turns with the same pictures."""
    folder = WORK / f"manifest-{images}"
    if not (folder / "manifest.parquet").exists():
        names = [str(Path(file).relative_to(WORK / "pictures")) for file in pictures(3_000)]
        of = np.arange(images) // 54_000
        take = np.arange(images) % len(names)
        classes = [str(number) for number in range(CLASSES)]
        write_csv(folder / "labels.csv", ["index", "label", "folder"], [[k, k, k] for k in classes])
        columns = {
            "path": np.array(names)[take],
            "split": np.full(images, "Training"),
            "label": np.array(classes)[take % CLASSES],
            "recording": np.char.add("R", of.astype(str)),
            "subject": np.char.add("S", (of // 2).astype(str)),
            "session": np.full(images, ""),
            "camera": np.char.add("C", (of % 2).astype(str)),
            "frame": np.arange(images) % 54_000 + 1,
            "seconds": np.arange(images) % 54_000 / 30,
        }
        write_parquet(folder / "manifest.parquet", pa.table(columns))
    return folder


def read_shards(images: int) -> dict[str, Any]:
    """One epoch over shards of tiny pictures: memory, rate, and how well it is shuffled.

    The target of a picture is its row, so that the order in which they come is known.
    """
    folder, tiny = WORK / f"shards-{images}", _tiny_pictures()
    packed = time.process_time()
    shards = _packed(folder, images, tiny)
    packed = time.process_time() - packed
    start = time.process_time()
    examples = read_examples(
        folder / "manifest.parquet", folder / "labels.csv", folder, shards=shards
    )
    inputs = make_inputs(examples, _cnn())
    read = time.process_time() - start
    labels = inputs.targets
    del examples
    batch = iter(training_batches(inputs.source, inputs.items, inputs.items, BATCH, 1))
    order = np.empty(images, np.int64)
    before = None
    wall, cpu = time.perf_counter(), time.process_time()
    for start_row in range(0, images, BATCH):
        pictures, rows = next(batch)
        order[start_row : start_row + len(pictures)] = rows.numpy()
        before = before or _resident()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    after = _resident()
    assert (np.bincount(order, minlength=images) == 1).all(), "not every picture came once"
    size = sum(file.stat().st_size for file in folder.glob("*.tar"))
    shutil.rmtree(folder)
    return {
        "gigabytes": size / 1e9,
        "packed": packed,
        "read": read,
        "peak": after["VmHWM"],
        "grown": after["RssAnon"] - (before or after)["RssAnon"],
        "wall": images / wall,
        "cpu": images / cpu,
        "moved": float(np.abs(order - np.arange(images)).mean() / images),
        "alike_stored": _alike(labels),
        "alike": _alike(labels[order]),
    }


def _alike(labels: Any) -> float:
    """Share of neighbours with the same class."""
    return float((labels[1:] == labels[:-1]).mean())


def _tiny_pictures() -> list[bytes]:
    """Frames of the GoPro-like clip as a store of tiny pictures has them."""
    pixels = PixelSettings(size=TINY)
    resize, encode = Resizer(pixels), JpegEncoder(pixels.quality)
    with av.open(clips.gopro(seconds=30)[0]) as container:
        return [encode(resize(picture)) for picture in container.decode(video=0)]


def _packed(folder: Path, images: int, made: list[bytes]) -> dict[str, str]:
    """Shards of recordings of half an hour, labelled in stretches of half a minute, by recording.

    Written by what packs shards, without a store of two million files before it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    classes = [str(number) for number in range(CLASSES)]
    write_csv(folder / "labels.csv", ["index", "label", "folder"], [[k, k, k] for k in classes])
    shards, tables = dict[str, str](), list[pa.Table]()
    for number, first in enumerate(range(0, images, RECORDED)):
        name, frames = f"R{number}", np.arange(1, min(RECORDED, images - first) + 1)
        labels = np.array(classes)[frames // STRETCH % CLASSES]
        offsets, sizes = list[int](), list[int]()
        with (folder / f"{name}.tar").open("wb") as file:
            tar = _Tar(file)
            for frame, label in zip(frames.tolist(), labels.tolist(), strict=True):
                data = made[(first + frame) % len(made)]
                offsets.append(tar.add(f"{name}{frame:06d}.jpg", data))
                tar.add(f"{name}{frame:06d}.json", json.dumps({"label": label}).encode())
                sizes.append(len(data))
            tar.close()
        table = pa.table({"frame": frames, "offset": offsets, "bytes": sizes})
        shards[name] = str(folder / f"{name}.parquet")
        write_parquet(shards[name], table, {"shard": f"{name}.tar"})
        columns = {"recording": name, "subject": f"S{number}", "session": "", "camera": "C1"}
        columns |= {"path": "", "split": "Training"}
        same = {key: np.full(len(frames), value) for key, value in columns.items()}
        own = {"label": labels, "frame": frames, "seconds": frames / 30}
        tables.append(pa.table(same | own))
    write_parquet(folder / "manifest.parquet", pa.concat_tables(tables))
    return shards


def _remembered(dataset: Any, epoch: int, steps: int) -> dict[str, Any]:
    taken = iter(dataset)
    next(taken)
    before = _resident()
    for _ in range(min(steps, 2 * epoch)):
        next(taken)
    return {"before": before, "after": _resident()}


def _resident() -> dict[str, float]:
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":\t") for line in lines if line.startswith(("Rss", "VmHWM", "VmRSS")))
    return {name: int(value.split()[0]) / 1024 for name, value in fields.items()}


def step(way: str, images: int, rounds: int) -> dict[str, Any]:
    """Epochs of the network `cnn`, fed by Clapboard, from an array in memory, or by one batch."""
    devices.prepare(1, int(os.environ.get("THREADS", "0")))
    settings = _cnn()
    network = make_model((SIDE, SIDE, 3), CLASSES, settings).learning
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


def _cnn() -> dict[str, Any]:
    """The settings of the network `cnn`."""
    return load({"models": {"cnn": {"architecture": "cnn"}}}).section("models")["cnn"]


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*json.loads(sys.argv[2]))))
