"""Say what the demo made and where to look.

usage: python examples/demo/tour.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from clapboard.artifacts import read_json, read_parquet

PLACES = {
    "videos": "what was filmed: two cameras per subject, chapters as a GoPro names them",
    "sheets": "what the annotators wrote: wall-clock times, zero at the CLAP row",
    "config": "recordings.tsv and config.yaml, the two files that describe a project",
    "results/framecsv": "the sheets as frame ranges of each recording",
    "results/video": "the chapters of each recording in one file",
    "results/Data": "the labelled frames, Data/{split}/{label}/",
    "results/models/cnn/ribbons.png": "true, predicted and wrong along the test recordings",
    "results/models/cnn/mistakes.png": "the most confident mistakes",
    "results/models/cnn/confusion.png": "which procedure is taken for which",
    "results/models/cnn/curves.png": "how the training went",
    "results/models/cnn/summary.txt": "the network",
}


def main(folder: Path) -> None:
    """Print the places and the figures of the test subject."""
    results = folder / "results"
    manifest, _ = read_parquet(results / "Data" / "manifest.parquet", ["split"])
    metrics = read_json(results / "models" / "cnn" / "metrics.json")
    model, baselines = metrics["model"], metrics["baselines"]
    print("\nThe demo is done. Where to look:\n")
    for place, meaning in PLACES.items():
        print(f"  {folder / place}\n      {meaning}")
    print(
        f"\n{manifest.num_rows:,} labelled frames. Of {metrics['frames']:,} frames of subject "
        f"{', '.join(metrics['subjects'])}, whom the model has never seen,\n"
        f"{model['accuracy']:.1%} got the right procedure "
        f"(always the commonest: {baselines['majority']['accuracy']:.1%}, "
        f"by chance: {baselines['chance']['accuracy']:.1%})."
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
