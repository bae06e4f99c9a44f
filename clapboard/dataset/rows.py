"""Which pictures of a recording are in the labelled set, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clapboard import artifacts
from clapboard.annotations.labels import folder_name
from clapboard.arrow import column, numbers, repeated, texts
from clapboard.dataset import linking
from clapboard.problems import InputError, Problem

SPLITS = ("Training", "Validation", "Test")

SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("split", pa.string()),
        ("label", pa.string()),
        ("class_index", pa.int32()),
        ("recording", pa.string()),
        ("subject", pa.string()),
        ("session", pa.string()),
        ("camera", pa.string()),
        ("frame", pa.int64()),
        ("seconds", pa.float64()),
        ("digest", pa.string()),
    ]
)
# Not `SCHEMA.empty_table`, which imports pandas.
EMPTY = pa.Table.from_batches([], SCHEMA)


@dataclass(frozen=True)
class Chapter:
    """What one folder of the frame store gives to the dataset.

    Attributes:
        split: the split of its recording.
        folder: the folder.
        files: names in it.
        inodes: inode of each file, uint64.
        codes: class index of each file, int32.
    """

    split: str
    folder: Path
    files: pa.Array
    inodes: NDArray[np.uint64]
    codes: NDArray[np.int32]

    def of_class(self, code: int) -> linking.Stock:
        """The files of one class."""
        mask = self.codes == code
        names = self.files.filter(column(mask)).to_pylist()
        return linking.Stock(self.folder, names, self.inodes[mask])


def find_rows(
    recording: Mapping[str, str], labels_file: str, manifests: Sequence[str], classes: Sequence[str]
) -> Iterator[tuple[Chapter, pa.Table]]:
    """Each chapter of a recording with its rows for the manifest (`SCHEMA`).

    Raises:
        InputError: a selected frame is not in the store, and not left out for damage either.
    """
    names, slash = texts(classes), texts(["/"])[0]
    folders = texts([f"{recording['split']}/{folder_name(label)}" for label in classes])
    labels, _ = artifacts.read_parquet(labels_file, ["frame", "label", "selected"])
    labels = labels.filter(pc.and_(labels["selected"], pc.is_in(labels["label"], names)))
    wanted = numbers(labels["frame"])
    code_of = numbers(pc.index_in(labels["label"], names))
    found = spoilt = 0
    for manifest in manifests:
        store, facts = artifacts.read_parquet(manifest, ["frame", "seconds", "file", "digest"])
        for first, last, *_ in facts.get("spoilt", ()):
            spoilt += int(((wanted >= first) & (wanted <= last)).sum())
        store = store.filter(column(np.isin(numbers(store["frame"]), wanted)))
        files = store["file"].combine_chunks()
        codes = code_of[np.searchsorted(wanted, numbers(store["frame"]))]
        found += len(codes)
        columns = {
            **{name: store[name] for name in ("frame", "seconds", "digest")},
            **{
                name: repeated(recording[name], len(codes))
                for name in ("split", "subject", "session", "camera")
            },
            "recording": repeated(recording["id"], len(codes)),
            "class_index": column(codes),
            "label": names.take(column(codes)),
            "path": pc.binary_join_element_wise(folders.take(column(codes)), files, slash),
        }
        inodes = _inodes(manifest, files.to_pylist())
        folder = Path(manifest).parent.resolve()
        chapter = Chapter(recording["split"], folder, files, inodes, codes)
        yield chapter, pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)
    if found + spoilt != len(wanted):
        missing = f"{len(wanted) - found - spoilt} of {len(wanted)} selected frames"
        raise InputError([lost(f"{missing} of {recording['id']} are in no manifest", labels_file)])


def _inodes(manifest: str, files: Sequence[str]) -> NDArray[np.uint64]:
    """Inode of each of a chapter's files, from one listing of its folder.

    Raises:
        InputError: a file is not there.
    """
    listing = linking.list_inodes(Path(manifest).parent)
    missing = [name for name in files if name not in listing]
    if missing:
        message = (
            f"{len(missing)} files that the manifest names are gone, the first is {missing[0]}"
        )
        raise InputError([lost(message, manifest)])
    return np.fromiter(map(listing.__getitem__, files), dtype=np.uint64, count=len(files))


def lost(message: str, file: str) -> Problem:
    """The problem of a store that is not what its manifest says."""
    remedy = "Run `clapboard verify`; it names what has to be made again."
    return Problem("frame-not-in-store", message, remedy, file=file)
