"""What a push or pull of results did, as it is said to the user."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clapboard.s3.inventory import Artifact
from clapboard.s3.lineage import Passage

NAMED = 5
"""How many names are said; there may be thousands."""


@dataclass(frozen=True)
class Moved:
    """What a push or pull did, counted in artifacts.

    Attributes:
        moved: names of those that were transferred.
        bytes: in all of them.
        kept: those that were right already.
        newer: names left alone because the other side's is newer.
        held: names left alone because the other side keeps another version of what they were made
            from.
        stale: names of what the receiving side has, but made from what was replaced there.
        remedy: what to do about the last two.
        unrecorded: names left alone because only the bucket knows how it was made.
    """

    moved: tuple[str, ...]
    bytes: int
    kept: int
    newer: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    remedy: str = ""
    unrecorded: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{len(self.moved):,} artifacts, {self.bytes:,} bytes; {self.kept:,} in place"
        if self.newer:
            text += f"; {len(self.newer):,} not replaced, since they are newer"
        if self.held:
            text += (
                f"\nleft out, since made from another version than stays there: {_some(self.held)}"
            )
        if self.stale:
            text += f"\nto be made anew, since made from what is replaced: {_some(self.stale)}"
        if self.held or self.stale:
            text += f"\n{self.remedy}"
        if self.unrecorded:
            text += (
                "\nleft out, since Snakemake has no record here of how it was made: "
                f"{_some(self.unrecorded)}\nDelete it here, then run snakemake."
            )
        return text

    @classmethod
    def of(
        cls,
        some: Sequence[Artifact],
        kept: int = 0,
        passage: Passage | None = None,
        stale: Iterable[str] = (),
        remedy: str = "",
        unrecorded: Iterable[str] = (),
    ) -> Moved:
        """What was done with `some` artifacts; the others as in `Passage` and `Moved`."""
        return cls(
            tuple(one.path for one in some),
            sum(one.bytes for one in some),
            kept,
            tuple(sorted(passage.newer if passage else ())),
            tuple(sorted(passage.held if passage else ())),
            tuple(sorted(stale)),
            remedy,
            tuple(sorted(unrecorded)),
        )


def _some(names: Sequence[str]) -> str:
    """The first names of many, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
