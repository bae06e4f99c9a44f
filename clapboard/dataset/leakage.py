"""Nothing of the training set may be in the validation or test set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from clapboard.problems import Problem


def find_divided(recordings: Sequence[Mapping[str, str]]) -> list[Problem]:
    """A problem for each recording or subject that is in more than one split."""
    problems = []
    for key, name in (("id", "recording"), ("subject", "subject")):
        splits: dict[str, list[str]] = defaultdict(list)
        for recording in recordings:
            if recording["split"] not in splits[recording[key]]:
                splits[recording[key]].append(recording["split"])
        problems += [
            Problem(
                check=f"{name}-in-two-splits",
                message=f"The {name} is in {' and '.join(found)}, so the model would be judged by "
                "what it has seen in training",
                remedy="Give all recordings of a subject the same split.",
                column="split",
                value=value,
            )
            for value, found in splits.items()
            if len(found) > 1
        ]
    return problems


class DigestBook:
    """Digests of all frames, 16 bytes each, to find those that groups of recordings share."""

    def __init__(self, apart: str = "split") -> None:
        """Begin empty.

        Args:
            apart: what a group is: ``split``, or ``subject`` where each is left out once.
        """
        self._apart = apart
        self._names: list[str] = []
        self._groups: list[str] = []
        self._digests: list[NDArray[np.uint64]] = []
        self._frames: list[NDArray[np.int32]] = []

    def add(
        self, recording: str, group: str, frames: NDArray[np.int64], digests: Iterable[str]
    ) -> None:
        """Take in a recording's frames.

        Args:
            recording: its id.
            group: the split or subject that it belongs to.
            frames: frame numbers.
            digests: digest of each frame's file, 32 hexadecimal digits.
        """
        self._names.append(recording)
        self._groups.append(group)
        raw = bytes.fromhex("".join(digests))
        self._digests.append(np.frombuffer(raw, dtype=np.uint64).reshape(-1, 2))
        self._frames.append(frames.astype(np.int32))

    def find_shared(self) -> list[Problem]:
        """A problem for each two recordings of different groups with byte-identical frames."""
        if len(set(self._groups)) < 2:
            return []
        digests = np.concatenate(self._digests)
        order = np.lexsort((digests[:, 1], digests[:, 0]))
        same = np.all(digests[order[1:]] == digests[order[:-1]], axis=1)
        suspects = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
        del digests
        group = np.cumsum(np.insert(~same, 0, True))[suspects]
        places = order[suspects]
        frames = np.concatenate(self._frames)[places]
        ends = np.cumsum([len(numbers) for numbers in self._frames])
        owner = np.searchsorted(ends, places, side="right")

        found: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for members in np.split(np.arange(len(group)), np.flatnonzero(np.diff(group)) + 1):
            first = {int(owner[at]): int(frames[at]) for at in reversed(members)}
            for one, other in combinations(sorted(first), 2):
                if self._groups[one] != self._groups[other]:
                    found[one, other].append((first[one], first[other]))
        return [self._problem(*pair, examples) for pair, examples in found.items()]

    def _problem(self, one: int, other: int, examples: list[tuple[int, int]]) -> Problem:
        """The problem of two recordings; `examples` are pairs of frame numbers."""
        return Problem(
            check=f"frame-in-two-{self._apart}s",
            message=f"{len(examples)} pictures of {self._names[one]} ({self._groups[one]}) are "
            f"also in {self._names[other]} ({self._groups[other]}), for example its frame "
            f"{examples[0][0]} as frame {examples[0][1]}",
            remedy="See whether both recordings list the same video, and give all that show the "
            f"same scene the same {self._apart}.",
            column=self._apart,
            value=f"{self._names[one]}, {self._names[other]}",
        )
