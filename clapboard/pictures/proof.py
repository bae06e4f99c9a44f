"""Whether the pictures of the frame store are, byte for byte, what their manifest says."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import simplejpeg

from clapboard.artifacts import digest, read_parquet
from clapboard.pictures.frame_names import file_name
from clapboard.pictures.store import LEDGER
from clapboard.problems import Problem, Severity

MESSAGES: Mapping[str, str] = {
    "picture-missing": "The picture is gone",
    "picture-size": "The picture has another size than its manifest says, as if it were cut off",
    "picture-content": "The picture has another content than its manifest says",
    "picture-swapped": "The picture shows another frame of the chapter",
    "picture-undecodable": "The picture cannot be decoded, although its manifest knows it so",
}


@dataclass(frozen=True)
class Finding:
    """Something on disk that is not what it should be.

    Attributes:
        check: name of the check.
        message: what is wrong.
        file: where.
        targets: what has to be made again; empty when only a person can put it right.
        damaged: whether the file itself holds something wrong and has to go first.
        severity: a warning for what nothing believes anyway.
    """

    check: str
    message: str
    file: Path
    targets: tuple[Path, ...]
    damaged: bool = False
    severity: Severity = "error"

    @property
    def problem(self) -> Problem:
        """The finding with the commands that put it right."""
        first = "Run `clapboard verify --repair`, then " if self.damaged else "Run "
        remedy = f"{first}`{command(self.targets)}`." if self.targets else "Move it away."
        return Problem(self.check, self.message, remedy, str(self.file), severity=self.severity)


def command(targets: Iterable[Path]) -> str:
    """The command that makes `targets` again."""
    files = sorted({str(target) for target in targets})
    return shlex.join(["snakemake", "--cores", "all", "--force", "--", *files])


@dataclass(frozen=True)
class Record:
    """What a manifest says of a picture: size in bytes and digest."""

    bytes: int
    digest: str


@dataclass(frozen=True)
class Proof:
    """What became of the pictures of one folder of the store.

    Attributes:
        folder: the folder.
        records: what is known of every picture, by file name.
        findings: what is wrong.
    """

    folder: Path
    records: Mapping[str, Record]
    findings: Sequence[Finding]


def prove_folder(folder: Path, targets: Sequence[Path], quick: bool = False) -> Proof:
    """Compare the pictures of a folder with its manifest, and with its ledger.

    The ledger names pictures that no selection wants now; a later one would believe it.

    Args:
        folder: ``resized/{recording}/{chapter}`` or the one of full-size frames.
        targets: what depends on the manifest directly and has to be made again after it.
        quick: look at sizes only; nothing is read.
    """
    manifest = folder / "manifest.parquet"
    again = (manifest, *targets)
    if not manifest.exists():
        message = "The folder has no manifest, so nothing in it is believed"
        return Proof(
            folder, {}, [Finding("unfinished", message, folder, again, severity="warning")]
        )
    try:
        records = _recorded(folder)
    except (OSError, pa.ArrowException, KeyError) as error:
        message = f"The manifest or the ledger cannot be read: {error}"
        return Proof(folder, {}, [Finding("manifest-unreadable", message, manifest, again)])
    owner = {record.digest: name for name, record in records.items()}
    findings = []
    for name, record in records.items():
        found = look(folder / name, record, quick)
        if found in ("picture-size", "picture-content"):
            content = digest((folder / name).read_bytes())
            found = "picture-swapped" if owner.get(content, name) != name else found
        if found:
            gone = found == "picture-missing"
            findings.append(Finding(found, MESSAGES[found], folder / name, again, not gone))
    return Proof(folder, records, findings)


def look(path: Path, record: Record, quick: bool = False) -> str:
    """What is wrong with one picture, a key of `MESSAGES`; empty when nothing is."""
    try:
        if path.stat().st_size != record.bytes:
            return "picture-size"
        if quick:
            return ""
        data = path.read_bytes()
    except FileNotFoundError:
        return "picture-missing"
    if digest(data) != record.digest:
        return "picture-content"
    try:
        simplejpeg.decode_jpeg(data, "GRAY", fastdct=True)
    except ValueError:
        return "picture-undecodable"
    return ""


def _recorded(folder: Path) -> dict[str, Record]:
    """What manifest and ledger say of every picture of a folder.

    Raises:
        KeyError: they disagree, or a column is missing.
    """
    records = dict[str, Record]()
    if (folder / LEDGER).exists():
        table, _ = read_parquet(folder / LEDGER, ["frame", "bytes", "digest"])
        names = [file_name(folder.parent.name, frame) for frame in table["frame"].to_pylist()]
        records = _records(names, table)
    table, _ = read_parquet(folder / "manifest.parquet", ["file", "bytes", "digest"])
    listed = _records(table["file"].to_pylist(), table)
    for name, record in listed.items():
        if records.get(name, record) != record:
            raise KeyError(f"they disagree about {name}")
    return records | listed


def _records(names: Sequence[str], table: pa.Table) -> dict[str, Record]:
    values = zip(table["bytes"].to_pylist(), table["digest"].to_pylist(), strict=True)
    return {name: Record(*value) for name, value in zip(names, values, strict=True)}
