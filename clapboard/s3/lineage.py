"""Which artifacts may pass from one side to the other so that what is there belongs together.

Two machines may have made the same artifacts from different input, and Snakemake judges what it
finds by dates: a model that is later than the labels beside it passes for made from them. So of an
artifact that differs the later version wins only if both are made from what will be beside them;
what was made from another version neither passes nor stays as if nothing had happened.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import Any

from clapboard import provenance


@dataclass(frozen=True)
class Side:
    """What one side has.

    Attributes:
        times: of its artifacts, by name: when they were made, in nanoseconds.
        record: Snakemake's record of how an artifact, or anything else that was made, was made.
        inputs: what such a record says that it was made from, by name.
    """

    times: Mapping[str, int]
    record: Callable[[str], Mapping[str, Any] | None]
    inputs: Callable[[Mapping[str, Any] | None], Collection[str]]


def local_side(results: Path, times: Mapping[str, int]) -> Side:
    """This machine.

    Args:
        results: the folder, as the configuration names it.
        times: of its artifacts, in nanoseconds.
    """
    one = cache(partial(provenance.read_record, results))
    record = cache(partial(provenance.record_around, one))
    return Side(times, record, partial(provenance.inputs, results))


def bucket_side(results: Path, times: Mapping[str, int], records: provenance.Records) -> Side:
    """The bucket, by what its manifest says.

    Args:
        results: the folder here: where it has another name, Snakemake makes everything anew.
        times: of the artifacts that are listed, in nanoseconds.
        records: Snakemake's, by output.
    """
    record = partial(provenance.record_around, records.get)
    return Side(times, record, partial(provenance.inputs, results))


class Fate(Enum):
    """What becomes of an artifact of the giver."""

    PASSES = auto()
    NEWER = auto()
    HELD = auto()


@dataclass
class Passage:
    """The decision on every artifact that is not the same on both sides.

    Args:
        giver: from whom artifacts pass.
        receiver: to whom.
        same: names of those that are the same on both sides, which are good for both.

    Attributes:
        passing: names of those that pass, and replace what the receiver has of that name.
        newer: those of which the receiver has a later version, which stays.
        held: those that do not pass, since the receiver keeps another version of what they were
            made from.
        stale: those that the receiver keeps though what they were made from is replaced; with the
            time of what replaces it, in nanoseconds.
    """

    giver: Side
    receiver: Side
    same: Collection[str]
    passing: set[str] = field(default_factory=set)
    newer: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    stale: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._fates = dict[str, Fate]()
        self._replaced = dict[str, int]()
        self._other = dict[str, bool]()
        self._members = defaultdict[str, set[str]](set)
        given, received = self.giver.times.keys(), self.receiver.times.keys()
        for name in given | received:
            for parent in [*PurePosixPath(name).parents][:-1]:
                self._members[parent.as_posix()].add(name)
        of_fate = {Fate.PASSES: self.passing, Fate.NEWER: self.newer, Fate.HELD: self.held}
        for name in given - {*self.same}:
            of_fate[self._fate(name)].add(name)
        for name in received - {*self.same} - self.passing:
            if moment := self._inputs_replaced(name):
                self.stale[name] = moment

    def _inputs(self, side: Side, name: str) -> set[str]:
        """What something was made from; instead of a folder the artifacts in it."""
        return {
            member
            for found in side.inputs(side.record(name))
            for member in (self._members.get(found) or {found})
            if member != name
        }

    def _fate(self, name: str) -> Fate:
        """What becomes of the giver's version of an artifact that is not the same."""
        if name not in self._fates:
            self._fates[name] = Fate.NEWER  # should records name one another in a circle
            self._fates[name] = self._decide(name)
        return self._fates[name]

    def _decide(self, name: str) -> Fate:
        mine, theirs = self.giver.times[name], self.receiver.times.get(name)
        later = theirs is None or mine >= theirs
        if any(map(self._stays_other, self._inputs(self.giver, name))):
            return Fate.HELD if later else Fate.NEWER
        return Fate.PASSES if later or self._inputs_replaced(name) else Fate.NEWER

    def _stays_other(self, name: str) -> bool:
        """Whether the receiver will have another version than the giver made results from."""
        if name not in self._other:
            self._other[name] = False
            self._other[name] = self._is_other(name)
        return self._other[name]

    def _is_other(self, name: str) -> bool:
        if name in self.same:
            return False
        if name in self.giver.times:
            return self._fate(name) != Fate.PASSES
        if name in self.receiver.times:
            return self._recorded_otherwise(name) or bool(self._inputs_replaced(name))
        return any(map(self._stays_other, self._inputs(self.giver, name)))

    def _is_replaced(self, name: str) -> int:
        """When what replaces the receiver's version of something was made; 0 if nothing does."""
        if name in self.same:
            return 0
        passes = name in self.giver.times and self._fate(name) == Fate.PASSES
        if passes and (name in self.receiver.times or self._recorded_otherwise(name)):
            return self.giver.times[name]
        return 0 if passes else self._inputs_replaced(name)

    def _inputs_replaced(self, name: str) -> int:
        """When the latest was made of what replaces that which the receiver's was made from."""
        if name not in self._replaced:
            self._replaced[name] = 0
            inputs = self._inputs(self.receiver, name)
            self._replaced[name] = max(map(self._is_replaced, inputs), default=0)
        return self._replaced[name]

    def _recorded_otherwise(self, name: str) -> bool:
        """Whether both sides know of different versions of what only one of them has."""
        return self.giver.record(name) != self.receiver.record(name)
