"""The jobs whose time benchmarks.prediction measures, each in a Python that imports only its own.

As in the workflow: a script imports what its job needs. A process of multiprocessing imports first
what the program has that started it, two seconds that are none of the job's.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any


def run(job: str, *given: Any) -> None:
    """Run a job in a process of its own.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", __name__]
    subprocess.run(command, input=pickle.dumps((job, given)), check=True)


def extract_frames(*given: Any) -> None:
    """One chapter: as `clapboard.pictures.frames.write_frames`."""
    from clapboard.pictures.frames import write_frames

    write_frames(*given)


def compute_features(*given: Any) -> None:
    """As `clapboard.learning.features.compute_features`."""
    from clapboard.learning.features import compute_features

    compute_features(*given)


def predict_recording(*given: Any) -> None:
    """As `clapboard.learning.prediction.predict`."""
    from clapboard.learning.prediction import predict

    predict(*given)


JOBS = {job.__name__: job for job in (extract_frames, compute_features, predict_recording)}

if __name__ == "__main__":
    name, known = pickle.load(sys.stdin.buffer)
    JOBS[name](*known)
