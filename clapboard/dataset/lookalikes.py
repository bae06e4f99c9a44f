"""Leakage that no file comparison finds: pictures of one split that look the same in another."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from clapboard import artifacts, fingerprint
from clapboard.arrow import numbers
from clapboard.dataset import likeness
from clapboard.dataset.leakage import DigestBook
from clapboard.pictures.addresses import find_in_shards
from clapboard.problems import Problem, refuse
from clapboard.problems import report as as_text

CACHE = ".signatures.parquet"

PORTION = 8_192
"""Pictures read between two steps of the progress bar."""

KEPT = 65_536
"""Thumbnails kept in memory, 3 KB each."""

NAMED = 3
"""Pictures and recordings that a message names."""


@dataclass(frozen=True)
class Pictures:
    """The pictures of the dataset, one a row.

    Attributes:
        table: columns ``path`` (address), ``split, subject, recording, frame, digest``.
        signatures: shape (rows, `likeness.SIGNATURE`).
    """

    table: pa.Table
    signatures: NDArray[np.float16]
    _kept: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def thumbnail(self, row: int) -> NDArray[np.float32]:
        """The thumbnail of a row's picture, shape (784,)."""
        found = self._kept.get(row)
        if found is None:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            found = self._kept[row] = likeness.thumbnail(self.table["path"][row].as_py())
        return found

    def thumbnails(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The thumbnails of some rows' pictures, shape (n, 784)."""
        return np.stack([self.thumbnail(row) for row in rows.tolist()])


def write_leakage(
    manifest: str | os.PathLike[str],
    apart: str,
    limit: float,
    allowed: int,
    report: str | os.PathLike[str],
    threads: int = 1,
    shards: Mapping[str, str] | None = None,
) -> None:
    """Look for pictures that two splits share by their looks, and report them.

    Signatures are kept beside the report, by digest, so that only new pictures are read again.
    Where subjects are kept apart, byte-identical pictures are looked for as well: the manifest was
    refused only if two splits shared some.

    Args:
        manifest: ``Data/manifest.parquet``.
        apart: what must have no picture in common: ``split`` or ``subject``.
        limit: distance in grey levels up to which pictures are the same; 0 looks for none.
        allowed: so many pictures of a recording may look like others.
        report: CSV file to write, columns as the fields of `Problem`.
        threads: pictures read side by side.
        shards: ``shards/{id}.parquet`` by recording id, where pictures are in shards.

    Raises:
        InputError: there is leakage.
    """
    problems = find_identical(Path(manifest)) if apart == "subject" else []
    if limit > 0 and not problems:
        pictures = load(Path(manifest), Path(report).with_name(CACHE), threads, shards)
        problems = find_lookalikes(pictures, apart, limit, allowed)
    columns = [one.name for one in fields(Problem)]
    artifacts.write_csv(report, columns, map(astuple, problems))
    refuse(problems)
    if problems:
        print(as_text(problems), flush=True)  # noqa: T201 - the job's log


def find_identical(manifest: Path) -> list[Problem]:
    """A problem for each two recordings of different subjects with byte-identical pictures."""
    columns = ["recording", "subject", "frame", "digest"]
    table = pq.read_table(manifest, columns=columns, read_dictionary=columns[:2])
    codes = table["recording"].combine_chunks().indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))  # the rows of a recording are together
    book = DigestBook("subject")
    for start, stop in zip(starts, [*starts[1:], len(codes)], strict=True):
        own = table.slice(start, stop - start)
        recording, subject = (own[name][0].as_py() for name in columns[:2])
        book.add(recording, subject, numbers(own["frame"]), own["digest"].to_pylist())
    return book.find_shared()


def load(
    manifest: Path, cache: Path, threads: int, shards: Mapping[str, str] | None = None
) -> Pictures:
    """The pictures of a manifest with their signatures, from the cache where it has them."""
    columns = ["path", "split", "subject", "recording", "frame", "digest"]
    table = pq.read_table(manifest, columns=columns, read_dictionary=columns[1:4])
    if shards:
        places = find_in_shards(shards, table["recording"].to_pylist(), table["frame"].to_pylist())
    else:
        places = [str(manifest.parent / path) for path in table["path"].to_pylist()]
    table = table.set_column(0, "path", pa.array(places, pa.string()))
    result = np.empty((len(table), likeness.SIGNATURE), np.float16)
    missing = np.arange(len(table))
    stored = _stored(cache)
    if stored is not None:
        place = pc.index_in(table["digest"], stored["digest"]).fill_null(-1).to_numpy()
        raw = stored["signature"].combine_chunks().buffers()[1]
        known = np.frombuffer(raw, np.float16).reshape(-1, likeness.SIGNATURE)
        result[place >= 0] = known[place[place >= 0]]
        missing = np.flatnonzero(place < 0)
    paths = table["path"].take(pa.array(missing)).to_pylist()
    for start in tqdm(range(0, len(missing), PORTION), desc="signatures", unit="portion"):
        part = slice(start, start + PORTION)
        result[missing[part]] = likeness.signatures(paths[part], threads)
    if len(missing):
        kind = pa.binary(result.itemsize * likeness.SIGNATURE)
        values = pa.Array.from_buffers(kind, len(result), [None, pa.py_buffer(result)])
        found = pa.table([table["digest"], values], ["digest", "signature"])
        artifacts.write_parquet(cache, found, {"code": fingerprint.code("check_leakage")})
    return Pictures(table, result)


def _stored(cache: Path) -> pa.Table | None:
    """Digests and signatures that the code of now has found, if there are any."""
    if not cache.exists():
        return None
    table, facts = artifacts.read_parquet(cache)
    return table if facts.get("code") == fingerprint.code("check_leakage") else None


def find_lookalikes(pictures: Pictures, apart: str, limit: float, allowed: int) -> list[Problem]:
    """A problem for each recording with pictures that look the same in another split or subject.

    Every picture is looked for among all that it has to be kept apart from, but for flat ones.

    Args:
        pictures: the dataset.
        apart: ``split`` or ``subject``.
        limit: distance in grey levels up to which pictures are the same.
        allowed: so many of a recording are a warning, more an error.
    """
    matches = find_matches(pictures, apart, limit)
    recordings = pictures.table["recording"].combine_chunks()
    owner = recordings.indices.to_numpy()
    totals = np.bincount(owner)
    rows = np.flatnonzero(matches >= 0)
    counts = np.bincount(owner[rows], minlength=len(totals))
    refused = (
        f"Open the pictures named. The same footage: give both recordings the same {apart}. A "
        "still scene that both recordings truly show, such as the empty room: leave it without a "
        f"label, or consent with `evaluation: {{lookalikes_allowed: {counts.max()}}}` (pictures of "
        "one recording). Scenes that only a small detail tells apart: lower `evaluation: "
        "lookalikes`."
    )
    consented = (
        f"`evaluation: {{lookalikes_allowed: {allowed}}}` consents to it. See that the pictures "
        "named are not of the same footage."
    )
    return [
        Problem(
            check="lookalikes",
            message=f"{counts[code]} of {totals[code]} pictures of "
            + _describe(pictures.table, apart, rows[owner[rows] == code], matches),
            remedy=refused if counts[code] > allowed else consented,
            column=apart,
            value=recordings.dictionary[code].as_py(),
            severity="error" if counts[code] > allowed else "warning",
        )
        for code in np.flatnonzero(counts)
    ]


def find_matches(pictures: Pictures, apart: str, limit: float) -> NDArray[np.int64]:
    """For each picture the row of one in another group that looks the same, -1 if none does.

    The arguments are those of `find_lookalikes`; a group is a split or subject.
    """
    groups = pictures.table[apart].combine_chunks()
    group = groups.indices.to_numpy()
    flat = np.isnan(pictures.signatures[:, 0])
    print(f"{flat.sum()} of {len(flat)} pictures are too flat to be compared")  # noqa: T201 - log
    matches = np.full(len(group), -1, np.int64)
    settled = np.zeros(len(group), bool)
    for code in range(1, len(groups.dictionary)):
        own = np.flatnonzero(~flat & (group == code))
        before = np.flatnonzero(~flat & (group < code))
        for row, others in likeness.candidates(pictures.signatures, own, before, limit, settled):
            far = likeness.distances(pictures.thumbnail(row), pictures.thumbnails(others))
            alike = others[far <= limit]
            if len(alike):
                matches[row] = alike[0] if matches[row] < 0 else matches[row]
                matches[alike[~settled[alike]]] = row
                settled[[row, *alike]] = True
    return matches


def _describe(
    table: pa.Table, apart: str, rows: NDArray[np.int64], matches: NDArray[np.int64]
) -> str:
    """What `rows` of one recording look the same as, with examples."""
    values = [table[name] for name in ("recording", apart, "frame", "path")]

    def named(row: int) -> tuple[str, str, int, str]:
        recording, group, frame, path = (value[row].as_py() for value in values)
        return recording, f"{recording} ({group})", frame, path

    partners = Counter(named(row)[1] for row in matches[rows].tolist())
    names = [name for name, _ in partners.most_common(NAMED)]
    if len(partners) > NAMED:
        names.append(f"{len(partners) - NAMED} more")
    shown = rows[np.unique(np.linspace(0, len(rows) - 1, NAMED).astype(int))].tolist()
    examples = []
    for row in shown:
        _, _, frame, path = named(row)
        recording, _, other, other_path = named(int(matches[row]))
        examples.append(f"frame {frame} ({path}) as frame {other} of {recording} ({other_path})")
    return (
        f"{named(shown[0])[1]} look the same as pictures of {', '.join(names)}, for example "
        + ", ".join(examples)
    )
