"""The ids of recordings as a short regular expression, for Snakemake.

Snakemake writes what a wildcard may be into every pattern that has it, and reads through all of the
pattern whenever it fills one in, some dozen times a job. With ids side by side (`S1C1|S1C2|...`) a
job would take the longer to plan the more recordings there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def one_of(names: Iterable[str]) -> str:
    """A regular expression that matches these names and nothing else (with `re.fullmatch`).

    What names begin with is written once, and so is what they end with where it follows one of
    several characters: S1C1, S1C2, S2C1, S2C2 become `S[12]C[12]`.

    Args:
        names: any text; of numbered names thousands take a few hundred characters.
    """
    return _folded(frozenset(names))


def _folded(names: frozenset[str]) -> str:
    tails: dict[str, set[str]] = {}
    for name in names - {""}:
        tails.setdefault(name[0], set()).add(name[1:])
    heads: dict[frozenset[str], list[str]] = {}
    for head in sorted(tails):
        heads.setdefault(frozenset(tails[head]), []).append(re.escape(head))
    ways = [
        (f"[{''.join(alike)}]" if len(alike) > 1 else alike[0]) + _folded(after)
        for after, alike in heads.items()
    ]
    if "" in names:
        return f"(?:{'|'.join(ways)})?" if ways else ""
    return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"
