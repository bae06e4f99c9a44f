"""Leakage that no file comparison finds: pictures of one split that look the same in another."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from clapboard import artifacts
from clapboard.arrow import numbers
from clapboard.dataset import likeness
from clapboard.dataset.leakage import DigestBook
from clapboard.pictures.addresses import find_in_shards
from clapboard.problems import Problem, refuse

CACHE = ".signatures.parquet"
ORDER = ("Training", "Validation", "Test")

PORTION = 8_192
"""Pictures read between two steps of the progress bar."""

SAMPLED = 400
"""Pictures of a recording that are looked for, spread over it."""

SOME, SHARE = 3, 0.02
"""From so many lookalikes, and this part of the sampled pictures, it is an error."""


@dataclass(frozen=True)
class Pictures:
    """The pictures of the dataset, one a row.

    Attributes:
        table: columns ``path`` (address), ``split, subject, recording, frame, digest``.
        signatures: shape (rows, `likeness.SIGNATURE`).
    """

    table: pa.Table
    signatures: NDArray[np.float16]

    def thumbnail(self, row: int) -> NDArray[np.float32]:
        """The thumbnail of a row's picture."""
        return likeness.thumbnail(self.table["path"][row].as_py())


def write_leakage(
    manifest: str | os.PathLike[str],
    apart: str,
    limit: float,
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
        report: CSV file to write, columns as the fields of `Problem`.
        threads: pictures read side by side.
        shards: ``shards/{id}.parquet`` by recording id, where pictures are in shards.

    Raises:
        InputError: there is leakage.
    """
    problems = find_identical(Path(manifest)) if apart == "subject" else []
    if limit > 0 and not problems:
        pictures = load(Path(manifest), Path(report).with_name(CACHE), threads, shards)
        problems = find_lookalikes(pictures, apart, limit)
    columns = [field.name for field in fields(Problem)]
    artifacts.write_csv(report, columns, map(astuple, problems))
    refuse(problems)


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
    if cache.exists():
        stored, _ = artifacts.read_parquet(cache)
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
        artifacts.write_parquet(cache, pa.table([table["digest"], values], ["digest", "signature"]))
    return Pictures(table, result)


def find_lookalikes(pictures: Pictures, apart: str, limit: float) -> list[Problem]:
    """A problem for each two recordings, of different splits or subjects, that share pictures.

    Up to `SAMPLED` pictures of each recording are looked for among all pictures of the groups
    before it (Training, Validation, Test; subjects by name).

    Args:
        pictures: the dataset.
        apart: ``split`` or ``subject``.
        limit: distance in grey levels up to which pictures are the same.
    """
    groups = pictures.table[apart].combine_chunks()
    names = groups.dictionary.to_pylist()
    ranked = sorted(names, key=ORDER.index) if apart == "split" else sorted(names)
    rank = np.array([ranked.index(name) for name in names])[groups.indices.to_numpy()]
    recordings = pictures.table["recording"].combine_chunks()
    owner = recordings.indices.to_numpy()
    problems = []
    for code, recording in enumerate(tqdm(recordings.dictionary.to_pylist(), desc="compare")):
        own = np.flatnonzero(owner == code)
        stock = np.flatnonzero(rank < rank[own[0]])
        sample = own[np.unique(np.linspace(0, len(own) - 1, min(SAMPLED, len(own))).astype(int))]
        if not len(stock):
            continue
        candidates = likeness.nearest(
            pictures.signatures[sample], pictures.signatures[stock], limit
        )
        pairs: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for row, places in zip(sample.tolist(), candidates, strict=True):
            match = _first_alike(pictures, row, stock[places].tolist(), limit)
            if match is not None:
                pairs[int(owner[match])].append((row, match))
        problems += [
            _problem(pictures.table, recording, found, len(sample)) for found in pairs.values()
        ]
    return problems


def _first_alike(
    pictures: Pictures, row: int, candidates: Sequence[int], limit: float
) -> int | None:
    """The first candidate that looks the same as a row's picture in full."""
    if not candidates:
        return None
    own = pictures.thumbnail(row)
    alike = (
        other for other in candidates if likeness.distance(own, pictures.thumbnail(other)) <= limit
    )
    return next(alike, None)


def _problem(
    table: pa.Table, recording: str, found: Sequence[tuple[int, int]], sampled: int
) -> Problem:
    """The problem of two recordings with lookalikes; `found` are pairs of rows."""
    row, match = ({name: table[name][at].as_py() for name in table.column_names} for at in found[0])
    severe = len(found) >= max(SOME, SHARE * sampled)
    return Problem(
        check="lookalikes",
        message=f"{len(found)} of {sampled} pictures of {recording} ({row['split']}) look the same "
        f"as pictures of {match['recording']} ({match['split']}), for example frame "
        f"{row['frame']} as its frame {match['frame']}",
        remedy="See whether both show the same footage; then put them into one split. An empty "
        "scene is better left without a label.",
        column="split",
        value=f"{recording}, {match['recording']}",
        severity="error" if severe else "warning",
    )
