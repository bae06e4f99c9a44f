"""What recognising a recording costs beside decoding its frames: python -m benchmarks.prediction.

Every frame of a GoPro-like clip is decoded, resized, stored, read, looked at by a small backbone
(MobileNetV3Small on LiteRT) and given to an LSTM. CPU seconds; starting programs and converting the
backbone, some 15 s whatever the length, are left out.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections import deque
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from benchmarks import clips
from benchmarks.measure import machine, table
from clapboard.labels.unlabelled import write_sample
from clapboard.pictures.frames import write_frames
from clapboard.settings.model_settings import Model
from clapboard.video.decoding import decode_frames
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index

SECONDS = 20
LIMIT = 1.25
BATCH = 8


def main() -> None:
    """Measure and print; fails where the promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    (clip,) = clips.gopro(1, chosen.seconds)
    with tempfile.TemporaryDirectory() as folder:
        costs = [_round(clip, Path(folder)) for _ in range(chosen.rounds)]
    names = list(costs[0])
    medians = {name: float(np.median([cost[name] for cost in costs])) for name in names}
    whole = sum(value for name, value in medians.items() if name != "decode alone")
    shares = [
        sum(v for n, v in cost.items() if n != "decode alone") / cost["decode alone"]
        for cost in costs
    ]
    ratio = float(np.median(shares))
    print(table(["step", "CPU seconds"], [[name, medians[name]] for name in names]))
    print(f"\nall steps {whole:.1f} s: {ratio:.2f} x decoding alone (limit {LIMIT})\n{machine()}")
    if ratio > LIMIT:
        raise SystemExit(1)


def _round(clip: str, folder: Path) -> dict[str, float]:
    """CPU seconds of each step for every frame of a clip."""
    from clapboard.learning import architectures, devices
    from clapboard.learning.backbones import make_backbone
    from clapboard.learning.features import OnCpu
    from clapboard.learning.prediction import stored_frames
    from clapboard.learning.sources import Pictures

    devices.prepare(1)
    shutil.rmtree(folder, ignore_errors=True)
    index_file, sample = folder / "index.parquet", folder / "sample.parquet"
    write_index("S1C1", [clip], "video", "", index_file, folder / "audit.json")
    write_sample(index_file, "all", sample)
    index = RecordingIndex.read(index_file)
    settings = {"backbone": "MobileNetV3Small", "weights": "none"}
    extract = OnCpu(make_backbone((224, 224, 3), settings))
    model = TypeAdapter(Model).validate_python({"architecture": "lstm"}).model_dump(mode="json")
    network = architectures.make_model((None, extract.size), 28, model)
    network.predict(np.zeros((1, len(index), extract.size), np.float32), verbose=0)  # compiles it
    costs, started = {}, time.process_time()

    def lap(name: str) -> None:
        nonlocal started
        costs[name] = time.process_time() - started
        started = time.process_time()

    deque(decode_frames(clip, index, 1, np.arange(1, len(index) + 1)), maxlen=0)
    lap("decode alone")
    store = folder / "resized" / "manifest.parquet"
    pixels = {"size": 224, "fit": "stretch", "quality": 2}
    write_frames("S1C1", 1, clip, "video", index_file, sample, pixels, store)
    lap("decode, resize, store")
    pictures = Pictures(stored_frames("S1C1", [store])["file"].tolist())
    vectors = [
        extract(pictures.fetch(np.arange(start, min(start + BATCH, len(index)))))
        for start in range(0, len(index), BATCH)
    ]
    lap("read, features")
    network.predict(np.concatenate(vectors)[None], verbose=0)
    lap("recognise")
    return costs


if __name__ == "__main__":
    main()
