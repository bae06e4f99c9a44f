"""How the time of a sheet becomes the time of a recording; found by `clapboard.sync`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction

from clapboard.artifacts import read_json


@dataclass(frozen=True)
class Placement:
    """Recording time = `clap` + sheet time x `scale`.

    Attributes:
        clap: seconds in the recording at which the sheet's zero is.
        scale: seconds of the recording per second of the sheet; 1 unless drift is corrected.
    """

    clap: Fraction
    scale: Fraction = Fraction(1)

    def recording_time(self, sheet: Fraction) -> Fraction:
        """Seconds in the recording of a time in the sheet."""
        return self.clap + sheet * self.scale


def read_placement(sync: str | os.PathLike[str]) -> Placement:
    """What `clapboard.sync_files.write_sync` decided."""
    facts = read_json(sync)
    return Placement(Fraction(facts["clap"]), Fraction(facts["scale"]))
