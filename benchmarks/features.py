"""What a pretrained network sees, on a CPU: LiteRT, as compute_features takes it, and TensorFlow.

    python -m benchmarks features [--pictures 512] [--rounds 5] [--backbones NAME ...]

Every figure comes from a process of its own; getting the network ready is not counted. The pictures
are noise in memory: what a network computes takes the same time for any.
"""

from __future__ import annotations

import argparse
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.measure import Cost, apart, called, publish, spread, table, times
from clapboard.settings.backbones import BLOCKS, LITE

SIDE = 224
WAYS = ("LiteRT", "TensorFlow")


def seeing(way: str, backbone: str, count: int) -> Cost:
    """Seconds for `count` pictures on all cores, the network being ready."""
    # Not on top: only the process that measures needs TensorFlow.
    from clapboard.learning import devices
    from clapboard.learning.backbones import make_backbone
    from clapboard.learning.features import OnCpu, OnGpu

    devices.prepare(1, 0)
    settings = {"backbone": backbone, "seed": 1}
    settings["weights"] = "imagenet" if backbone == LITE else "none"
    network = make_backbone((SIDE, SIDE, 3), settings)
    extract = OnCpu(network) if way == "LiteRT" else OnGpu(network, "float32")
    at_once = extract.at_once if way == "LiteRT" else 1  # TensorFlow takes all cores for one batch
    noise = np.random.default_rng(1).integers(0, 256, (extract.batch, SIDE, SIDE, 3), np.uint8)

    def run(batches: int) -> None:
        with ThreadPoolExecutor(at_once) as pool:
            deque(pool.map(lambda _: extract(noise), range(batches)), maxlen=0)

    run(at_once)
    return called(lambda: run(count // extract.batch))


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks features", description=__doc__)
    parser.add_argument("--pictures", type=int, default=512, help="a multiple of 64")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--backbones", nargs="+", choices=BLOCKS, default=[LITE, "MobileNetV3Small"]
    )
    chosen = parser.parse_args()
    rows = []
    for backbone in chosen.backbones:
        costs = dict[str, list[Cost]]({way: [] for way in WAYS})
        for turn in range(chosen.rounds):
            for way in WAYS[:: -1 if turn % 2 else 1]:
                costs[way].append(apart(seeing, way, backbone, chosen.pictures))
        base = costs["TensorFlow"]
        rows += [
            [backbone, way, *(spread(own, what) for what in ("wall", "cpu"))]
            + [times(base, own, what) for what in ("wall", "cpu")]
            for way, own in costs.items()
        ]
    columns = ["backbone", "by", "seconds", "of processor"]
    columns += ["TensorFlow's / own", "of processor"]
    title = f"{chosen.pictures} pictures of {SIDE} x {SIDE} pixels, {chosen.rounds} rounds.\n\n"
    publish("features", title + table(columns, rows))


if __name__ == "__main__":
    main()
