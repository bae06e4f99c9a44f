"""All cameras of a session together, measured beside each by itself. No TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from clapboard import artifacts
from clapboard.learning import protocol
from clapboard.learning.comparison import read_answers
from clapboard.learning.fusion import fused
from clapboard.learning.protocol import Answers


def measure_fusion(
    predictions: Sequence[str | Path],
    syncs: Mapping[str, str | Path],
    output: str | Path,
    seed: int,
    background: str = "",
) -> None:
    """Average the probabilities of all cameras of a session and say what that is worth.

    Args:
        predictions: ``predictions.parquet`` of a model, several where subjects were left out.
        syncs: the JSON of `find_clap` by recording: where on the common clock it is.
        output: written; JSON with the figures of each camera by itself, of all cameras as they are,
            and of all together, with 95 % intervals over subjects, and the paired difference.
        seed: of the intervals.
        background: label of the class for unlabelled frames, left out of all figures.
    """
    answers, classes = read_answers(predictions)
    claps = {name: float(Fraction(artifacts.read_json(file)["clap"])) for name, file in
             syncs.items()}  # fmt: skip
    together = fused(answers, claps)
    left_out = classes.index(background) if background in classes else None
    cameras = answers.frames["camera"]
    artifacts.write_json(
        output,
        {
            "together": _figures(together, left_out, seed),
            "apart": _figures(answers, left_out, seed),
            "cameras": {
                str(camera): _figures(
                    answers.chosen((cameras == camera).to_numpy()), left_out, seed
                )
                for camera in sorted(cameras.unique())
            },
            "accuracy_above_apart": protocol.compared(
                protocol.tallies(together, left_out), protocol.tallies(answers, left_out), seed
            ),
        },
    )


def _figures(answers: Answers, background: int | None, seed: int) -> dict[str, Any]:
    parts = protocol.tallies(answers, background)
    return {
        "frames": len(answers.true),
        **protocol.measures(protocol.summed(parts.values())),
        "intervals": protocol.intervals(list(parts.values()), seed),
    }
