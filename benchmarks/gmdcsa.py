"""Four people, activities and falls, pretrained features: ``python -m benchmarks.gmdcsa``.

Writes the part of docs/results.md about gmdcsa24. The workflow makes the dataset; heads and
sequence models learn from the features of EfficientNet-Lite0, everybody left out once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.folds import Study, run
from benchmarks.results import publish, report
from clapboard import artifacts, fingerprint

ROOT = Path(__file__).parents[1]
BACKBONE = {"backbone": "efficientnet-lite0", "weights": "imagenet", "mixed_precision": "off"}
# Of four people one who only validates would be much to leave out: all three others teach, and the
# last epoch is kept.
COMMON = {
    "epochs": 20,
    "keep": "last",
    "teach_validation": True,
    "schedule": "cosine",
    "weight_decay": 0.01,
    "label_smoothing": 0.1,
}
MODELS = {
    "transfer": {"architecture": "transfer", **COMMON, "dropout": 0.5},
    "lstm": {
        "architecture": "lstm",
        **COMMON,
        "dropout": 0.5,
        "window": 32,
        "stride": 8,
        "units": 64,
        "batch_size": 8,
    },
    "tcn": {
        "architecture": "tcn",
        **COMMON,
        "dropout": 0.5,
        "stages": 2,
        "layers": 6,
        "units": 32,
        "batch_size": 2,
    },
}


def prepare(data: Path, work: Path, cores: int) -> Path:
    """Lay out the clips and let the workflow make the dataset; its folder of results."""
    place = work / "gmdcsa24"
    script = ROOT / "examples" / "real" / "lay_out.py"
    subprocess.run([sys.executable, str(script), str(data), str(work)], check=True)
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    options = ["--directory", str(place), "--cores", str(cores), "dataset"]
    subprocess.run([*snakemake, *options], check=True)
    return place / "results"


def compute(results: Path, folder: Path, threads: int) -> dict[str, str]:
    """The feature file of every recording, made where it is missing."""
    from clapboard.learning.features import compute_features

    files = {}
    for recording in sorted((results / "resized").iterdir()):
        file = folder / f"{recording.name}.npy"
        if not file.exists():
            chapters = sorted(recording.glob("*/manifest.parquet"))
            compute_features(chapters, {**BACKBONE, "seed": 1}, file, threads)
        files[recording.name] = str(file)
    return files


def main() -> None:
    """Make, train, evaluate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    chosen = parser.parse_args()
    results = prepare(chosen.data.resolve(), chosen.work.resolve(), chosen.threads)
    folder = chosen.work / "gmdcsa24"
    made_by = fingerprint.code("compute_features") + artifacts.digest(repr(BACKBONE).encode())
    features = compute(results, folder / "features" / made_by, chosen.threads)
    study = Study("gmdcsa24", results / "Data", MODELS, folder / "folds", features)
    seeds = range(1, chosen.seeds + 1)
    run(study, seeds, chosen.threads)
    publish(study, report(study, seeds))


if __name__ == "__main__":
    main()
