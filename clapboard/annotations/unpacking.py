"""Whether a workbook may be opened: what a small zip file unpacks to may fill the memory."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from xml.parsers import expat

MOST_BYTES = 2**28
"""A sheet of a million rows has less."""

HARMLESS_BYTES = 2**24
MOST_RATIO = 250
"""By how much a part above `HARMLESS_BYTES` may shrink; repetitive tables do by 50."""

MOST_CELLS = 5_000_000
"""Of all tables, empty ones between others counted; each takes some hundred bytes."""

CHUNK = 2**20
_CELLS = ("table-cell", "covered-table-cell")


def bomb(path: str | os.PathLike[str]) -> str:
    """Why a zip file must not be unpacked whole, empty when it may.

    What the directory of the file says is proved by unpacking it piece by piece; other readers
    believe the data.

    Raises:
        OSError: the file cannot be read.
        zipfile.BadZipFile: it is no zip file, or what it holds is not what its directory says.
    """
    total = 0
    with zipfile.ZipFile(path) as archive:
        for part in archive.infolist():
            if part.file_size > HARMLESS_BYTES and (
                part.file_size > MOST_RATIO * max(1, part.compress_size)
            ):
                return f"{part.filename!r} would unpack to {part.file_size // 2**20} MB"
            total += part.file_size
            if total > MOST_BYTES:
                return f"it would unpack to more than {MOST_BYTES // 2**20} MB"
        for part in archive.infolist():
            with archive.open(part) as file:
                while file.read(CHUNK):
                    pass
    return ""


def outsized(path: str | os.PathLike[str]) -> str:
    """Why the tables of an OpenDocument file must not be laid out, empty when they may.

    A row or cell in it may stand for any number of equal ones (``number-rows-repeated``,
    ``number-columns-repeated`` of ODF 1.3, 19.677 and 19.675), and each gets memory of its own.
    What is empty at the end of a row or table, as every program writes it, does not count.

    Raises:
        OSError: the file cannot be read.
        zipfile.BadZipFile: it is no zip file.
        LookupError: there is no content in it.
        ValueError: its content is not one XML file, or declares a document type.
    """
    with zipfile.ZipFile(path) as archive:
        if archive.namelist().count("content.xml") > 1:
            raise ValueError("it has its content twice")
        extent = _Extent()
        with archive.open("content.xml") as content:
            while chunk := content.read(CHUNK):
                extent.read(chunk)
                if extent.cells > MOST_CELLS:
                    return f"its tables have more than {MOST_CELLS:,} cells"
                if extent.letters > MOST_BYTES:
                    return f"its cells hold more than {MOST_BYTES // 2**20} MB of text"
        extent.read(b"", last=True)
    return ""


class _Extent:
    """How large the tables of a document are that is read piece by piece.

    Attributes:
        cells: of all tables, each counted up to its last row and column that hold anything.
        letters: in all cells.
    """

    def __init__(self) -> None:
        self.cells = self.letters = 0
        self._earlier = 0  # cells of the tables before
        self._row = self._width = 0  # of the table
        self._rows = self._column = self._row_width = self._row_letters = 0  # of the row
        self._alike, self._filled, self._text = 0, False, 0  # of the cell
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._say
        self._parser.StartDoctypeDeclHandler = self._refuse

    def read(self, chunk: bytes, last: bool = False) -> None:
        """Look at the next piece.

        Raises:
            ValueError: this is no XML, or it declares a document type.
        """
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as error:
            raise ValueError(str(error)) from error

    # Names are taken without what stands before the colon: readers do not look up namespaces.

    def _begin(self, name: str, attributes: Mapping[str, str]) -> None:
        kind = name.rpartition(":")[2]
        if kind == "table":
            self._earlier, self._row, self._width = self.cells, 0, 0
        elif kind == "table-row":
            self._rows = _times(attributes, "number-rows-repeated")
            self._column = self._row_width = self._row_letters = 0
        elif kind in _CELLS:
            self._alike = _times(attributes, "number-columns-repeated")
            self._column += self._alike
            known = {key.rpartition(":")[2] for key in attributes}
            self._filled, self._text = bool({"value-type", "formula"} & known), 0
        elif self._alike:
            self._filled = True
            self._text += _times(attributes, "c") if kind == "s" else 0  # blanks in a row

    def _say(self, text: str) -> None:
        self._text += len(text)

    def _end(self, name: str) -> None:
        kind = name.rpartition(":")[2]
        if kind in _CELLS:
            if self._filled:
                self._row_width = self._column
                self._row_letters += self._text * self._alike
            self._alike = 0
        elif kind == "table-row":
            self._row += self._rows
            if self._row_width:
                self._width = max(self._width, self._row_width)
                self.cells = self._earlier + self._row * self._width
                self.letters += self._row_letters * self._rows

    @staticmethod
    def _refuse(*declared: object) -> None:
        raise ValueError("it declares a document type")


def _times(attributes: Mapping[str, str], name: str) -> int:
    """The largest number in the attributes of a name, 1 when there is none."""
    found = [value for key, value in attributes.items() if key.rpartition(":")[2] == name]
    return max(map(int, found), default=1)
