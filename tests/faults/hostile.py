"""Labels, names and files from strangers

Labels, file names, sheets and videos as somebody makes them who means harm, or who knows no better.
Nothing is written but below the results folder, nothing is read but what the table of recordings
names, nothing is run, no host is asked, and memory stays small; what cannot be used is refused with
a problem that names it.
"""

from __future__ import annotations

import csv
import io
import os
import pickle
import random
import resource
import socket
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
from PIL import Image

from clapboard.annotations.labels import folder_name, normalise
from clapboard.annotations.reading import read_sheet
from clapboard.artifacts import read_csv, write_csv, write_parquet
from clapboard.dataset.tree import write_dataset
from clapboard.learning.sources import Features, index_file
from clapboard.problems import InputError, errors
from clapboard.sessions.recordings import examine_recordings
from clapboard.settings.config import load
from clapboard.video.footage import read_chapters
from clapboard.video.images import read_frames
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index
from tests.faults.boxes import find
from tests.faults.campaign import Case, Failed
from tests.filming import Camera, film

SETTINGS = load({}).section("annotations")
MEGABYTES = 600
"""What a bomb may add to the memory of a process."""

LABELS = (
    "../../etc/x",
    "/etc/passwd",
    "C:\\Windows\\system32",
    "..",
    ".",
    "~root",
    "a\0b",
    "a\nb",
    "-rf",
    "--help",
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned #",
    "a|b>c<d&e",
    "x" * 300,
    "é" * 300,
    "CON",
    "nul.txt",
    "aux ",
    "a/b",
    "a:b",
    "=HYPERLINK(1)",
    "+1+1",
    "@SUM(A1)",
    "\t=1",
    "{recording}",
    "%s%n",
    "<script>alert(1)</script>",
    "\u202egnp.exe",
    "STRASSE",
    "STRAßE",
    "\ufb01",
    "\U0001d7d9",
    "*",
    "?",
    "' OR 1=1 --",
)
NAMES = (
    "../x",
    "/abs",
    "a/b",
    "-x",
    "a b",
    "a\0b",
    "x" * 300,
    "$(id)",
    ".",
    "..",
    "é",
    "*",
    "CON:",
)

IN_TESTS = 30


def cases(chance: random.Random, count: int) -> list[Case]:
    """Hostile labels through the dataset, names through the table, and files."""
    found = [Case(f"label-{n}", "labels", {"label": label}) for n, label in enumerate(LABELS)]
    found.append(Case("labels-together", "labels", {"labels": list(LABELS)}))
    found += [
        Case(f"{column}-{n}", "subjects and cameras", {"name": name, "column": column})
        for n, name in enumerate(NAMES)
        for column in ("subject", "camera")
    ]
    found += [Case(name, kind, {"file": name}) for name, (kind, _) in FILES.items()]
    return found[:count]


def attempt(case: Case, folder: Path) -> None:
    """Do the harm, and look at what has become of it."""
    values, here = case.values, Path.cwd()
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    inside = folder / "inside"
    inside.mkdir()
    os.chdir(inside)
    try:
        if "label" in values or "labels" in values:
            _labels(values.get("labels", [values.get("label")]), inside)
        elif "name" in values:
            _name(values["column"], values["name"], inside)
        else:
            FILES[values["file"]][1](inside)
    finally:
        os.chdir(here)
    if sorted(path.name for path in folder.iterdir()) != ["inside", "outside"]:
        raise Failed(f"written beside the project: {sorted(folder.iterdir())}")
    if [path.name for path in outside.iterdir()] != ["secret.txt"]:
        raise Failed(f"written outside: {sorted(outside.iterdir())}")
    if any(path.name == "pwned" for path in folder.rglob("*")):
        raise Failed("a label was run as a command")


# -- labels and names


def _labels(labels: list[str], folder: Path) -> None:
    """A dataset with these labels: one folder each below Data, and the same labels read back."""
    store = folder / "results" / "resized" / "S1C1" / "01"
    store.mkdir(parents=True)
    known = [*dict.fromkeys([*map(normalise, labels), "BAGGING"])]
    names = [f"S1C1{number:06d}.jpg" for number in range(1, len(known) + 1)]
    for number, name in enumerate(names):
        (store / name).write_bytes(b"picture %d" % number)
    frames = np.arange(1, len(known) + 1)
    manifest = {
        "frame": frames,
        "seconds": frames / 30,
        "file": names,
        "bytes": frames,
        "digest": [f"{number:032x}" for number in frames],
    }
    write_parquet(store / "manifest.parquet", pa.table(manifest))
    table = {
        "frame": frames,
        "chapter": np.ones(len(frames), np.int16),
        "label": known,
        "row": frames.astype(np.int32),
        "selected": np.ones(len(frames), bool),
    }
    write_parquet(folder / "labels.parquet", pa.table(table))
    who = {"id": "S1C1", "subject": "S1", "session": "", "camera": "C1", "split": "Training"}
    data = folder / "results" / "Data"
    manifests = {"S1C1": [str(store / "manifest.parquet")]}
    write_dataset([who], {"S1C1": str(folder / "labels.parquet")}, manifests, "refuse", data)
    folders = {path.name for path in (data / "Training").iterdir()}
    if folders != {folder_name(label) for label in known}:
        raise Failed(f"{folders} for {known}")
    if len({name.casefold() for name in folders}) < len({label.casefold() for label in known}):
        raise Failed(f"some file systems cannot tell these apart: {folders}")
    if any(len(name.encode()) > 255 or name in (".", "..") for name in folders):
        raise Failed(f"no file system has such names: {folders}")
    read = [row["label"] for row in read_csv(data / "labels.csv")]
    if read != sorted(known):
        raise Failed(f"{read} is read back, {sorted(known)} was written")
    with (data / "labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            for cell in row:
                if cell[:1] in "=+-@\t\r" and cell:
                    raise Failed(f"a spreadsheet program would run {cell!r}")
    for place in (data / "Training").rglob("*"):
        if data.resolve() not in place.resolve().parents:
            raise Failed(f"{place} is elsewhere")


def _name(column: str, name: str, folder: Path) -> None:
    """Names that become part of file names are refused where they are not plain."""
    film(folder / "1.mp4", Camera(), 5)
    (folder / "sheet.csv").write_text("label,start_seconds,stop_seconds\nA,0,1\n")
    row = {
        "subject": "S1",
        "camera": "C1",
        "split": "Training",
        "annotations": "sheet.csv",
        "videos": "1.mp4",
    } | {column: name}
    text = "\t".join(row) + "\n" + "\t".join(row.values()) + "\n"
    (folder / "recordings.tsv").write_text(text, encoding="utf-8")
    recordings, problems = examine_recordings(folder / "recordings.tsv")
    if recordings or not errors(problems):
        raise Failed(f"{name!r} is a {column}: {recordings}")


# -- files


def _refused(folder: Path, name: str, data: bytes | str) -> None:
    """A chapter that must not be opened, nor anything that it names."""
    film(folder / "private.mp4", Camera(), 30)
    file = folder / name
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    with _nobody_asked() as port:
        file.write_bytes(file.read_bytes().replace(b"PORT", str(port).encode()))
        try:
            write_index("S1C1", [str(file)], "video", "", folder / "i", folder / "a")
        except InputError as error:
            if name not in str(error):
                raise Failed(f"{name} is not named: {error}") from error
            return
    raise Failed(f"{name} is taken for a video")


class _nobody_asked:
    """A server on this machine that must not be asked for anything."""

    def __enter__(self) -> int:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(0.2)
        self.asked = False
        self.thread = threading.Thread(target=self._serve)
        self.stop = False
        self.thread.start()
        return int(self.server.getsockname()[1])

    def _serve(self) -> None:
        while not self.stop:
            try:
                connection, _ = self.server.accept()
            except TimeoutError:
                continue
            self.asked = True
            connection.close()

    def __exit__(self, *exception: object) -> None:
        self.stop = True
        self.thread.join()
        self.server.close()
        if self.asked:
            raise Failed("a file made the program ask a host")


def _playlist(reference: str) -> Callable[[Path], None]:
    text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n"
    return lambda folder: _refused(folder, "1.mp4", f"{text}{reference}\n#EXT-X-ENDLIST\n")


def _list_of_parts(folder: Path) -> None:
    _refused(folder, "1.mp4", "ffconcat version 1.0\nfile private.mp4\n")


def _dash(folder: Path) -> None:
    text = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
        '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">'
        "<BaseURL>private.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>"
    )
    _refused(folder, "1.mp4", text)


def _session_description(folder: Path) -> None:
    text = (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video PORT RTP/AVP 96\n"
    )
    _refused(folder, "1.mp4", text + "a=rtpmap:96 H264/90000\n")


def _picture_as_video(folder: Path) -> None:
    Image.new("RGB", (64, 48)).save(folder / "x.png")
    _refused(folder, "1.mp4", (folder / "x.png").read_bytes())


def _data_elsewhere(folder: Path) -> None:
    """An MP4 whose pictures lie in another file, by a data reference of QuickTime."""
    film(folder / "1.mov", Camera(), 20)
    data = bytearray((folder / "1.mov").read_bytes())
    ((start, end),) = find(data, b"dref")
    name = str(folder / "private.mp4").encode()
    alias = bytearray(150)
    alias[46 + 4 : 46 + 8] = b""
    entry = struct.pack(">4sI", b"alis", 0) + bytes(alias) + struct.pack(">hH", 2, len(name)) + name
    entry = struct.pack(">I", len(entry) + 4) + entry
    box = struct.pack(">I4sII", 16 + len(entry), b"dref", 0, 1) + entry
    grown = len(box) - (end - start)
    data[start:end] = box
    for parent in (b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        for place in _before(data, parent, start):
            (size,) = struct.unpack_from(">I", data, place)
            struct.pack_into(">I", data, place, size + grown)
    _refused(folder, "1.mp4", bytes(data))


def _before(data: bytes | bytearray, name: bytes, place: int) -> list[int]:
    """Where the last box of a name begins that opens before a place."""
    found = data.rfind(name, 0, place)
    return [found - 4] if found >= 4 else []


def _refused_sheet(name: str, data: bytes, check: str) -> Callable[[Path], None]:
    """A sheet that must be refused, with little memory."""

    def refuse(folder: Path) -> None:
        (folder / name).write_bytes(data)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sheet, problems = read_sheet(folder / name, SETTINGS)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        if not any(problem.check == check for problem in errors(problems)):
            raise Failed(f"{sheet.annotations[:3]}, {problems}")
        if any("secret" in str(problem) for problem in problems) or grown > MEGABYTES:
            raise Failed(f"{grown:.0f} MB, {problems}")

    return refuse


def _workbook(changes: Mapping[str, bytes], lie: bool = False) -> bytes:
    """A workbook with other parts; with `lie` its directory says that they are small."""
    book, whole, broken = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    book.active.append(["label", "start_seconds", "stop_seconds"])
    book.active.append(["A", 0, 1])
    book.save(whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(broken, "w", 8) as target:
        for name in source.namelist():
            target.writestr(name, changes.get(name, source.read(name)))
    data = bytearray(broken.getvalue())
    if lie:
        (name,) = changes
        for mark, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
            size = 46 if mark == b"PK\x01\x02" else 30
            at = data.find(name.encode()) - size
            while at >= 0 and data[at : at + 4] != mark:
                at = data.find(name.encode(), at + size + 1) - size
            struct.pack_into(">I", data, at + place, 0)
            struct.pack_into("<I", data, at + place, 1000)
    return bytes(data)


SHEET = "xl/worksheets/sheet1.xml"
BILLION = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha ha ha ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(10))
    + b"]><x>&k;</x>"
)
EXTERNAL = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "../outside/secret.txt">]>'
    b"<ANNOTATION_DOCUMENT><HEADER>&a;</HEADER></ANNOTATION_DOCUMENT>"
)


def _png(width: int, height: int) -> bytes:
    """A small PNG that says that it is large."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(2**22))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _huge_picture(place: int) -> Callable[[Path], None]:
    """A folder of pictures one of which unpacks to gigabytes."""

    def refuse(folder: Path) -> None:
        for number in range(1, 4):
            file = folder / "frames" / f"{number:06d}.png"
            file.parent.mkdir(exist_ok=True)
            Image.new("RGB", (64, 48)).save(file)
        (folder / "frames" / f"{place:06d}.png").write_bytes(_png(60_000, 60_000))
        files = [str(folder / "frames")]
        if errors(read_chapters(files, "images", Fraction(30), "S1C1")[1]):
            return
        write_index("S1C1", files, "images", "30", folder / "i.parquet", folder / "a.json")
        index = RecordingIndex.read(folder / "i.parquet")
        try:
            list(read_frames(files[0], index, 1, np.array([1, 2, 3])))
        except InputError:
            return
        raise Failed("a picture of 60,000 x 60,000 is read")

    return refuse


def _pickle(folder: Path) -> None:
    """A file of features that is a pickle is no file of features."""
    features = folder / "f.npy"
    np.save(features, np.array([_Harm()], dtype=object), allow_pickle=True)
    np.save(index_file(features), np.array([1]))
    try:
        Features(pd.DataFrame({"recording": ["S1C1"], "frame": [1]}), {"S1C1": features})
    except ValueError:
        return
    raise Failed("a pickle is loaded")


def _weights(folder: Path) -> None:
    """Weights from a PyTorch file run nothing."""
    from clapboard.learning.torch_file import read_weights

    with (folder / "w.pth").open("wb") as file:
        for value in (0x1950A86A20F9469CFC6C, 1001, {}, _Harm(), []):
            pickle.dump(value, file, protocol=2)
    try:
        read_weights(folder / "w.pth")
    except (pickle.UnpicklingError, ValueError, EOFError, AttributeError):
        return
    raise Failed("a pickle is loaded")


def _lambda_layer(folder: Path) -> None:
    """A model with code in it is not loaded."""
    import keras

    from clapboard.learning.recognition import load_whole

    layers = [keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1)]
    keras.Sequential(layers).save(folder / "model.keras")
    try:
        load_whole(folder / "model.keras")
    except ValueError as error:
        if "unsafe" in str(error) or "safe_mode" in str(error):
            return
        raise
    raise Failed("a model with code of its own is loaded")


class _Harm:
    """Touches `pwned` when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch pwned",)


def _linked_folder(place: str) -> Callable[[Path], None]:
    """A folder in `Data/` that is a link to elsewhere is not written into."""

    def refuse(folder: Path) -> None:
        link = folder / "results" / "Data" / place
        link.parent.mkdir(parents=True)
        link.symlink_to(folder.parent / "outside")
        try:
            _labels(["BAGGING"], folder)
        except InputError:
            return
        raise Failed("a link in Data is followed")

    return refuse


def _linked_picture(folder: Path) -> None:
    """A wanted picture's name that is a link to elsewhere is replaced, its target left alone."""
    data = folder / "results" / "Data" / "Training" / "BAGGING"
    data.mkdir(parents=True)
    (data / "S1C1000001.jpg").symlink_to(folder.parent / "outside" / "secret.txt")
    _labels(["BAGGING"], folder)
    if (folder.parent / "outside" / "secret.txt").read_text() != "secret":
        raise Failed("a file elsewhere was written")


def _formulas(folder: Path) -> None:
    """What goes into a CSV comes back, and no spreadsheet program runs it."""
    cells = ["=1+1", "+A1", "-CPR", "@x", "\t=1", "\r=1", "'=1", "''", "plain", "-1.5"]
    write_csv(folder / "x.csv", ["cell"], [[cell] for cell in cells])
    if [row["cell"] for row in read_csv(folder / "x.csv")] != cells:
        raise Failed("cells come back as others")
    with (folder / "x.csv").open(newline="") as file:
        written = [row[0] for row in csv.reader(file)]
    if any(cell[:1] in "=+@\t\r" or cell == "-CPR" for cell in written if cell):
        raise Failed(f"{written}")


FILES: Mapping[str, tuple[str, Callable[[Path], None]]] = {
    "playlist-of-files": ("files that name others", _playlist("private.mp4")),
    "playlist-of-a-host": ("files that name others", _playlist("http://127.0.0.1:PORT/x.ts")),
    "list-of-parts": ("files that name others", _list_of_parts),
    "dash-manifest": ("files that name others", _dash),
    "session-description": ("files that name others", _session_description),
    "picture-as-video": ("files that name others", _picture_as_video),
    "data-elsewhere": ("files that name others", _data_elsewhere),
    "billion-laughs-elan": (
        "XML entities",
        _refused_sheet("x.eaf", BILLION, "unsafe-xml"),
    ),
    "external-entity-elan": (
        "XML entities",
        _refused_sheet("x.eaf", EXTERNAL, "unsafe-xml"),
    ),
    "billion-laughs-xlsx": (
        "XML entities",
        lambda folder: _refused_sheet("x.xlsx", _workbook({SHEET: BILLION}), "undecodable-file")(
            folder
        ),
    ),
    "external-entity-xlsx": (
        "XML entities",
        lambda folder: _refused_sheet("x.xlsx", _workbook({SHEET: EXTERNAL}), "undecodable-file")(
            folder
        ),
    ),
    "zip-bomb-xlsx": (
        "bombs",
        lambda folder: _refused_sheet("x.xlsx", _workbook({SHEET: bytes(2**26)}), "too-large")(
            folder
        ),
    ),
    "zip-bomb-that-lies": (
        "bombs",
        lambda folder: _refused_sheet(
            "x.xlsx", _workbook({SHEET: bytes(2**26)}, lie=True), "undecodable-file"
        )(folder),
    ),
    "zip-bomb-ods": (
        "bombs",
        lambda folder: _refused_sheet("x.ods", _workbook({SHEET: bytes(2**26)}), "too-large")(
            folder
        ),
    ),
    "huge-first-picture": ("bombs", _huge_picture(1)),
    "huge-later-picture": ("bombs", _huge_picture(2)),
    "pickled-features": ("pickles", _pickle),
    "pickled-weights": ("pickles", _weights),
    "model-with-code": ("pickles", _lambda_layer),
    "linked-class": ("links that lead outside", _linked_folder("Training/BAGGING")),
    "linked-split": ("links that lead outside", _linked_folder("Training")),
    "linked-picture": ("links that lead outside", _linked_picture),
    "formulas-in-csv": ("formulas", _formulas),
}

CASES = len(LABELS) + 1 + 2 * len(NAMES) + len(FILES)
