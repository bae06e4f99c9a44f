"""All cameras of a session together, measured beside each by itself. No TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from clapboard import artifacts
from clapboard.learning import protocol, reporting
from clapboard.learning.answers import Judged, read_answers
from clapboard.learning.fusion import fused


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
        syncs: the JSON of `find_clap` by recording: where on the common clock it is, by `clap` and
            `scale`. A session of cameras of which one has no clap is refused before any work
            (`clapboard.checks.claps`).
        output: written; JSON with the figures of each camera by itself, of all cameras as they are,
            and of all together: figures with intervals over subjects (recordings, where there is
            one subject), baselines, each class and subject; and the paired difference.
        seed: of the intervals.
        background: label of the class for unlabelled frames; with it, all figures stand a second
            time without that class.
    """
    judged = read_answers(predictions, background)
    facts = {name: artifacts.read_json(file) for name, file in syncs.items()}
    claps, scales = (
        {name: float(Fraction(one[key])) for name, one in facts.items()}
        for key in ("clap", "scale")
    )
    # All frames are heard, those of classes that nothing could have learnt are not counted.
    together = replace(judged, model=fused(judged.model, claps, scales)).learnable()
    apart = judged.learnable()
    cameras, unit = apart.model.frames["camera"], reporting.resampled(apart)

    def side_figures(side: reporting.Side) -> dict[str, Any]:
        return {
            "together": _figures(together, unit, side, seed),
            "apart": _figures(apart, unit, side, seed),
            "cameras": {
                str(camera): _figures(
                    apart.chosen((cameras == camera).to_numpy()), unit, side, seed
                )
                for camera in sorted(cameras.unique())
            },
            "accuracy_above_apart": protocol.compared(
                protocol.tallies(together.model, side, unit),
                protocol.tallies(apart.model, side, unit),
                seed,
            ),
        }

    artifacts.write_json(
        output,
        {
            "untrainable": judged.untrainable(),
            "interval_over": unit,
            **reporting.both_sides(side_figures, judged.classes, background),
        },
    )


def _figures(judged: Judged, unit: str, side: reporting.Side, seed: int) -> dict[str, Any]:
    found = reporting.figures(judged, unit, seed, side)
    counted = sum(subject["frames"] for subject in found["per_subject"].values())
    return {"frames": int(counted), **found}
