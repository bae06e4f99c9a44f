"""Sheets as people and programs save them, and broken ones

A table of annotations is drawn by chance, written in one of the many clothes that tables wear, and
read back: the same labels at the same exact times. Then tables that nobody can read right, made by
hand and by Hypothesis: each ends with a problem that says what to do, never with an exception.
"""

from __future__ import annotations

import csv
import io
import random
import resource
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.sax import saxutils

import openpyxl
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from clapboard.annotations.lint import lint
from clapboard.annotations.reading import read_sheet
from clapboard.annotations.sheet import Sheet
from clapboard.problems import Problem, errors
from clapboard.sessions.recordings import Recording
from clapboard.settings.config import load
from tests.faults.campaign import Case, Failed

SETTINGS = load({}).section("annotations")

UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
ENCODINGS = (*UNICODE, "cp1252", "latin-1")
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
CLOCKS = ("seconds", "decimal comma", "clock", "milliseconds", "wall", "iso", "zone")
WORDS = ("BAGGING", "CHEST-TUBE PREP", "SUTURE É", "O2 MASK", "ÖDEM", "SWAB/CLEAN", "IV (LEFT)")
REMARKS = ("", "twice", 'he said "now"', "left\nright", "a, b; c", "=1+1", "naïve", "  blanks  ")

CLOTHES, WORKBOOKS, MADE_UP, ROWS = 200, 60, 80, 100_000
EXAMPLES = 40
"""How many sheets Hypothesis makes up in each of its `MADE_UP` cases."""

SECONDS, MEGABYTES = 60, 1500
"""What a sheet of `ROWS` rows may take, many times what it takes on a quiet machine."""

IN_TESTS = 40

Entry = tuple[str, Fraction, Fraction]


def cases(chance: random.Random, count: int) -> list[Case]:
    """Texts in all clothes, workbooks, broken files, made-up ones, large ones."""
    found = []
    for number in range(CLOTHES):
        values = {
            "encoding": chance.choice(ENCODINGS),
            "delimiter": chance.choice([*DELIMITERS]),
            "clock": chance.choice(CLOCKS),
            "ends": chance.choice(["\n", "\r\n"]),
            "blank": chance.random() < 0.3,
            "seed": number,
        }
        found.append(Case(f"text-{number}", "text in any clothes", values))
    for number in range(WORKBOOKS):
        values = {
            "mac": number % 2 == 0,
            "cells": chance.choice(["dates", "times", "numbers", "text"]),
            "seed": number,
        }
        found.append(Case(f"workbook-{number}", "workbooks, 1900 and 1904", values))
    for name in CLOCK_CASES:
        found.append(Case(name, "midnight, zones, summer time", {"clock_case": name}))
    for name in BROKEN:
        found.append(Case(name, "broken by hand", {"broken": name}))
    for number in range(MADE_UP):
        values = {"made_up": [*MAKERS][number % len(MAKERS)], "seed": number}
        found.append(Case(f"made-up-{number}", f"made up by Hypothesis, {EXAMPLES} each", values))
    for form in ("csv", "xlsx"):
        found.append(Case(f"rows-{form}", f"{ROWS:,} rows", {"rows": form}))
    return found[:count]


def quick(case: Case) -> bool:
    """Whether the test suite can afford a case."""
    return "rows" not in case.values


def attempt(case: Case, folder: Path) -> None:
    """Write a sheet and read it."""
    values = case.values
    if "encoding" in values:
        _text(values, folder)
    elif "cells" in values:
        _workbook(values, folder)
    elif "clock_case" in values:
        CLOCK_CASES[values["clock_case"]](folder)
    elif "broken" in values:
        file = BROKEN[values["broken"]](folder)
        _told(*_read(file), file)
    elif "made_up" in values:
        _made_up(values, folder)
    else:
        _many(values["rows"], folder)


def _read(file: Path) -> tuple[Sheet, list[Problem]]:
    """A sheet and its problems, those of the linter too."""
    sheet, problems = read_sheet(file, SETTINGS)
    whose = Recording(
        "S1C1", "S1", "", "C1", "Training", str(file), ("1.mp4",), "video", "0", "", 2
    )
    found = lint({str(file): sheet}, [whose], {}, SETTINGS, {"S1C1": Fraction(0)}, set())
    return sheet, problems + found


def _told(sheet: Sheet, problems: Sequence[Problem], file: Path) -> None:
    """Nobody believes that a broken sheet is right, and every problem says what to do."""
    if not errors(problems):
        raise Failed(f"no error: {sheet.annotations[:5]}, {problems}")
    for problem in problems:
        if not (problem.message and problem.remedy and problem.file == str(file)):
            raise Failed(f"this does not help: {problem!r}")


def _same(sheet: Sheet, problems: Sequence[Problem], entries: Sequence[Entry]) -> None:
    """The sheet holds exactly the entries."""
    if errors(problems):
        raise Failed(f"refused: {errors(problems)}")
    seen = [(entry.label, entry.start, entry.stop) for entry in sheet.annotations]
    if seen != list(entries):
        pairs = [pair for pair in zip(seen, entries, strict=False) if pair[0] != pair[1]]
        raise Failed(f"{len(seen)} of {len(entries)} rows; read and meant: {pairs[:3]}")


# -- texts


def _draw(chance: random.Random, micro: int = 1000) -> list[Entry]:
    """Some annotations one after the other, on a grid of `micro` microseconds."""
    entries, now = list[Entry](), 0
    for _ in range(chance.randint(2, 12)):
        begin = now + chance.randint(0, 5_000) * 1000
        now = begin + chance.randint(1, 60_000_000 // micro) * micro
        label = chance.choice(WORDS)
        entries.append((label, Fraction(begin, 1_000_000), Fraction(now, 1_000_000)))
    return entries


def _text(values: Mapping[str, Any], folder: Path) -> None:
    chance = random.Random(values["seed"])
    clock, delimiter = values["clock"], DELIMITERS[values["delimiter"]]
    if clock == "decimal comma":
        delimiter = ";"
    entries = _draw(chance)
    wall = clock in ("wall", "iso", "zone")
    header = ["label", "start", "stop", "comment"]
    if clock in ("seconds", "decimal comma"):
        header[1:3] = "start_seconds", "stop_seconds"
    elif clock == "milliseconds":
        header[1:3] = "start_ms", "stop_ms"
    rows = [header]
    if wall:
        header[:3] = "PROCEDURE", "Original_Start_Time", "Original_Stop_Time"
        rows.append(["CLAP", *[_written(Fraction(0), clock)] * 2, ""])
    for label, *times in entries:
        remark = chance.choice(REMARKS)
        rows.append(
            [chance.choice([label, label.lower()]), *[_written(t, clock) for t in times], remark]
        )
        if values["blank"] and chance.random() < 0.5:
            rows.append([""] * 4)
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=values["ends"])
    writer.writerows(rows)
    file = folder / "sheet.csv"
    file.write_bytes(text.getvalue().encode(values["encoding"]))
    _same(*_read(file), entries)


def _written(seconds: Fraction, clock: str) -> str:
    """A time as a program or a person writes it."""
    micros = int(seconds * 1_000_000)
    exact = f"{micros // 1_000_000}.{micros % 1_000_000:06d}"
    if clock == "seconds":
        return exact.rstrip("0").rstrip(".")
    if clock == "decimal comma":
        return exact.replace(".", ",")
    if clock == "milliseconds":
        return str(micros // 1000)
    if clock == "clock":
        whole, rest = divmod(micros, 1_000_000)
        return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{rest:06d}"
    moment = datetime(2019, 4, 4, 23, 59, 50) + timedelta(microseconds=micros)
    if clock == "wall":
        return f"{moment:%Y-%m-%d %H:%M:%S:%f}"
    zone = timezone(timedelta(hours=2)) if clock == "zone" else None
    return moment.replace(tzinfo=zone).isoformat(timespec="microseconds")


# -- workbooks


def _workbook(values: Mapping[str, Any], folder: Path) -> None:
    """Times in the cells of a workbook, whose float counts days from 1900 or 1904."""
    chance = random.Random(values["seed"])
    entries = _draw(chance)
    book = openpyxl.Workbook()
    if values["mac"]:
        book.epoch = CALENDAR_MAC_1904
    sheet = book.active
    cells = values["cells"]
    start = datetime(2019, 4, 4, 23, 59, 50)
    if cells == "dates":
        sheet.append(["PROCEDURE", "Original_Start_Time", "Original_Stop_Time"])
        sheet.append(["CLAP", start, start])
    elif cells == "numbers":
        sheet.append(["label", "start_seconds", "stop_seconds"])
    else:
        sheet.append(["label", "start", "stop"])
    for label, *times in entries:
        spans = [timedelta(microseconds=int(time * 1_000_000)) for time in times]
        if cells == "dates":
            row = [start + span for span in spans]
        elif cells == "times":
            row = spans
        elif cells == "numbers":
            row = [float(time) for time in times]
        else:
            row = [_written(time, "clock") for time in times]
        sheet.append([label, *row])
    file = folder / "sheet.xlsx"
    book.save(file)
    _same(*_read(file), entries)


# -- clocks


def _lab(folder: Path, rows: Sequence[Sequence[str]]) -> Path:
    file = folder / "sheet.csv"
    header = ["PROCEDURE", "Original_Start_Time", "Original_Stop_Time"]
    file.write_text("".join(",".join(row) + "\n" for row in [header, *rows]))
    return file


def _over_midnight(folder: Path) -> None:
    """With dates, a session passes midnight."""
    rows = [
        ("CLAP", "2019-12-31 23:59:58:000000", "2019-12-31 23:59:58:000000"),
        ("A", "2019-12-31 23:59:59:500000", "2020-01-01 00:00:01:250000"),
    ]
    _same(*_read(_lab(folder, rows)), [("A", Fraction(3, 2), Fraction(13, 4))])


def _midnight_without_dates(folder: Path) -> None:
    """Without dates nobody knows the day: refused, not guessed."""
    rows = [
        ("CLAP", "23:59:58:000000", "23:59:58:000000"),
        ("A", "23:59:59:500000", "00:00:01:250000"),
    ]
    file = _lab(folder, rows)
    _told(*_read(file), file)


def _clocks_changed(clap: str, one: str, two: str, three: str) -> Callable[[Path], None]:
    """With zones, the hour that the clocks skip or repeat is no time, or two hours."""

    def attempt(folder: Path) -> None:
        rows = [("CLAP", clap, clap), ("A", one, two), ("B", two, three)]
        entries = [("A", Fraction(1), Fraction(3)), ("B", Fraction(3), Fraction(4))]
        _same(*_read(_lab(folder, rows)), entries)

    return attempt


def _winter_time_without_zone(folder: Path) -> None:
    """Without a zone, a clock set back makes an annotation end before it begins: refused."""
    rows = [
        ("CLAP", "2019-10-27 02:59:00:000000", "2019-10-27 02:59:00:000000"),
        ("A", "2019-10-27 02:59:30:000000", "2019-10-27 02:00:30:000000"),
    ]
    file = _lab(folder, rows)
    _told(*_read(file), file)


def _mixed_zones(folder: Path) -> None:
    """Some times with a zone and some without cannot be compared."""
    rows = [
        ("CLAP", "2019-03-31T01:59:58+01:00", "2019-03-31T01:59:58+01:00"),
        ("A", "2019-03-31T01:59:59", "2019-03-31T02:00:01"),
    ]
    file = _lab(folder, rows)
    _told(*_read(file), file)


CLOCK_CASES: Mapping[str, Callable[[Path], None]] = {
    "over-midnight": _over_midnight,
    "midnight-without-dates": _midnight_without_dates,
    "summer-time": _clocks_changed(
        "2019-03-31T01:59:58+01:00",
        "2019-03-31T01:59:59+01:00",
        "2019-03-31T03:00:01+02:00",
        "2019-03-31T03:00:02+02:00",
    ),
    "winter-time": _clocks_changed(
        "2019-10-27T02:59:58+02:00",
        "2019-10-27T02:59:59+02:00",
        "2019-10-27T02:00:01+01:00",
        "2019-10-27T02:00:02+01:00",
    ),
    "winter-time-without-zone": _winter_time_without_zone,
    "mixed-zones": _mixed_zones,
}


# -- broken ones


def _bytes(data: bytes, name: str = "sheet.csv") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return write


def _zip(name: str, part: str, data: bytes) -> Callable[[Path], Path]:
    """A workbook with another content in one part."""

    def write(folder: Path) -> Path:
        book = openpyxl.Workbook()
        book.active.append(["label", "start_seconds", "stop_seconds"])
        book.save(folder / "whole.xlsx")
        with (
            zipfile.ZipFile(folder / "whole.xlsx") as whole,
            zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as broken,
        ):
            for entry in whole.namelist():
                broken.writestr(entry, data if entry == part else whole.read(entry))
        return folder / name

    return write


def _formulas(folder: Path) -> Path:
    """Formulas that no program has calculated: the cells are empty for everybody else."""
    book = openpyxl.Workbook()
    book.active.append(["label", "start_seconds", "stop_seconds"])
    book.active.append(["A", "=1+1", "=2+2"])
    book.save(folder / "sheet.xlsx")
    return folder / "sheet.xlsx"


HEAD = b"label,start_seconds,stop_seconds\n"
BROKEN: Mapping[str, Callable[[Path], Path]] = {
    "no-bytes": _bytes(b""),
    "header-alone-wrong": _bytes(b"name,from there,to here\nA,1,2\n"),
    "open-quote": _bytes(HEAD + b'"A,1,2\nB,3,4\n'),
    "null-bytes": _bytes(HEAD + b"A,1\0,2\n"),
    "picture-as-csv": _bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8),
    "zip-as-csv": _bytes(b"PK\x03\x04" + bytes(range(256)) * 8),
    "csv-as-xlsx": _bytes(HEAD + b"A,1,2\n", "sheet.xlsx"),
    "csv-as-xls": _bytes(HEAD + b"A,1,2\n", "sheet.xls"),
    "csv-as-ods": _bytes(HEAD + b"A,1,2\n", "sheet.ods"),
    "words-for-times": _bytes(HEAD + b"A,one,two\n"),
    "not-a-number": _bytes(HEAD + b"A,nan,inf\n"),
    "times-beyond-numbers": _bytes(HEAD + b"A,1e400,1e401\n"),
    "digits-without-end": _bytes(HEAD + b"A,0," + b"9" * 100_000 + b"\n"),
    "stop-before-start": _bytes(HEAD + b"A,5,2\n"),
    "no-stop": _bytes(HEAD + b"A,5,\n"),
    "reference-error": _bytes(HEAD + b"#REF!,1,2\n"),
    "formulas-never-calculated": _formulas,
    "overlapping-acts": _bytes(HEAD + b"A,1,5\nB,2,6\n"),
    "utf-16-cut-in-a-letter": _bytes((HEAD + b"A,1,2\n").decode().encode("utf-16")[:-1]),
    "xml-cut-off": _zip("sheet.xlsx", "xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row>"),
    "json-of-nobody": _bytes(b'{"a": [1, 2', "sheet.json"),
    "json-too-deep": _bytes(b"[" * 100_000, "sheet.json"),
    "elan-cut-off": _bytes(b"<ANNOTATION_DOCUMENT><TIER>", "sheet.eaf"),
    "no-file-at-all": lambda folder: folder / "sheet.csv",
}


# -- made up by Hypothesis

_CELLS = st.one_of(
    st.text(max_size=12),
    st.integers(-10, 10**9).map(str),
    st.floats(width=32).map(str),
    st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S:%f")),
    st.sampled_from(["CLAP", "", "1:2:3", "29:99", "=A1", "#REF!", "1,5", "-1", "٣", "½", "1_000"]),
)


def _xml(text: str) -> str:
    """As an attribute or content of XML, where it may stand there at all."""
    return saxutils.escape(text, {"'": "&apos;"})


def _mostly(right: Sequence[str], wrong: Sequence[str], share: int = 9) -> st.SearchStrategy[str]:
    """One of the right ones `share` times as often as one of the wrong ones."""
    return st.integers(0, share).flatmap(lambda n: st.sampled_from(right if n else wrong))


# Styles: 1 is a date, 2 a duration; place "" is the one that follows.
_KINDS = _mostly(["n", "inlineStr", "str"], ["s", "b", "e", "d", "x", ""])
_STYLES = _mostly(["0", "1", "2"], ["9", "-1", "x"], 30)
_PLACES = _mostly([""], ["A1", "C2", "B9", "AAA1", "1A", "R1C1", "A0"], 30)
_NUMBERS = _mostly(["0", "1", "2.5", "43559.39"], ["2958466", "-1", "1e300", "nan", "99", ""])


@st.composite
def _workbooks(draw: st.DrawFn) -> bytes:
    """A workbook whose cells say one thing and hold another."""
    texts = draw(st.lists(_CELLS, max_size=4))
    head = ["label", *draw(st.sampled_from([("start", "stop"), ("start (s)", "stop (s)")]))]
    rows = ["".join(f"<c t='inlineStr'><is><t>{title}</t></is></c>" for title in head)]
    for _ in range(draw(st.integers(1, 5))):
        cells = list[str]()
        for _ in range(draw(st.integers(2, 4))):
            kind = draw(_KINDS)
            value = _xml(draw(_NUMBERS if kind == "n" else _CELLS))
            held = f"<is><t>{value}</t></is>" if kind == "inlineStr" else f"<v>{value}</v>"
            place = draw(_PLACES)
            where = f" r='{place}'" if place else ""
            cells.append(f"<c{where} t='{kind}' s='{draw(_STYLES)}'>{held}</c>")
        rows.append("".join(cells))
    shared = "".join(f"<si><t>{_xml(text)}</t></si>" for text in texts)
    return _packed(
        {
            "xl/worksheets/sheet1.xml": f"<worksheet {MAIN}><sheetData>"
            + "".join(f"<row>{row}</row>" for row in rows)
            + "</sheetData></worksheet>",
            "xl/sharedStrings.xml": f"<sst {MAIN}>{shared}</sst>",
        },
        draw(st.booleans()),
    )


MAIN = "xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'"
SHARED_TYPE = (
    "<Override PartName='/xl/sharedStrings.xml' ContentType='application/"
    "vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml'/></Types>"
)


def _packed(parts: Mapping[str, str], mac: bool) -> bytes:
    """A workbook with some parts exchanged, that counts days from 1904 if it is from a `mac`."""
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row, form in enumerate(("yyyy-mm-dd hh:mm:ss", "[h]:mm:ss"), start=1):
        book.active.cell(row, 1, 1.5).number_format = form
    if mac:
        book.epoch = CALENDAR_MAC_1904
    book.save(file)
    with zipfile.ZipFile(file) as whole:
        content = {name: whole.read(name).decode() for name in whole.namelist()} | parts
    types = content["[Content_Types].xml"].replace("</Types>", SHARED_TYPE)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        for name, text in (content | {"[Content_Types].xml": types}).items():
            packed.writestr(name, text.encode("utf-8", "surrogatepass"))
    return made.getvalue()


_SLOTS = _mostly(["ts1", "ts2", "ts3"], ["ts9", ""], 30)
_TIMES = _mostly(["0", "1000", "2500"], ["-1", "x", "1e3", "9" * 20, "none"], 20)


@st.composite
def _elan(draw: st.DrawFn) -> bytes:
    """An ELAN file whose tiers, times and annotations need not fit each other."""
    slots = []
    for name in ("ts1", "ts2", "ts3"):
        time = draw(_TIMES)
        value = "" if time == "none" else f" TIME_VALUE='{time}'"
        slots.append(f"<TIME_SLOT TIME_SLOT_ID='{name}'{value}/>")
    tiers = []
    for number in range(draw(st.integers(1, 3))):
        parent = draw(st.sampled_from(["", "", " PARENT_REF='tier0'", " PARENT_REF='none'"]))
        entries = []
        for place in range(draw(st.integers(0, 3))):
            key, value = f"a{number}{place}", _xml(draw(_CELLS))
            times = f"TIME_SLOT_REF1='{draw(_SLOTS)}' TIME_SLOT_REF2='{draw(_SLOTS)}'"
            kind, refers = draw(
                st.sampled_from(
                    [
                        ("ALIGNABLE_ANNOTATION", times),
                        ("REF_ANNOTATION", "ANNOTATION_REF='a00'"),
                        ("REF_ANNOTATION", "ANNOTATION_REF='none'"),
                        ("OTHER_ANNOTATION", ""),
                    ]
                )
            )
            held = draw(_mostly([f"<ANNOTATION_VALUE>{value}</ANNOTATION_VALUE>"], [""], 20))
            made = f"<{kind} ANNOTATION_ID='{key}' {refers}>{held}</{kind}>"
            entries.append(f"<ANNOTATION>{made}</ANNOTATION>")
        names = f"TIER_ID='tier{number}' LINGUISTIC_TYPE_REF='default'{parent}"
        tiers.append(f"<TIER {names}>{''.join(entries)}</TIER>")
    text = (
        "<ANNOTATION_DOCUMENT xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' AUTHOR='' "
        "DATE='' FORMAT='3.0' VERSION='3.0' xsi:noNamespaceSchemaLocation='EAFv3.0.xsd'>"
        f"<HEADER MEDIA_FILE='' TIME_UNITS='{draw(st.sampled_from(['milliseconds', 'frames']))}'/>"
        f"<TIME_ORDER>{''.join(slots)}</TIME_ORDER>{''.join(tiers)}"
        "<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID='default' TIME_ALIGNABLE='true'/>"
        "</ANNOTATION_DOCUMENT>"
    )
    return text.encode("utf-8", "surrogatepass")


MAKERS: Mapping[str, tuple[str, st.SearchStrategy[bytes]]] = {
    "bytes.csv": ("sheet.csv", st.binary(max_size=400)),
    "bytes.xlsx": ("sheet.xlsx", st.binary(max_size=400)),
    "bytes.eaf": ("sheet.eaf", st.binary(max_size=400)),
    "cells.xlsx": ("sheet.xlsx", _workbooks()),
    "tiers.eaf": ("sheet.eaf", _elan()),
    "text.json": ("sheet.json", st.text(max_size=200).map(lambda text: text.encode())),
    "rows.csv": (
        "sheet.csv",
        st.lists(st.lists(_CELLS, min_size=3, max_size=3), max_size=6).map(
            lambda rows: _table(["label", "start", "stop"], rows)
        ),
    ),
    "lab.csv": (
        "sheet.csv",
        st.lists(st.lists(_CELLS, min_size=3, max_size=3), max_size=6).map(
            lambda rows: _table(["PROCEDURE", "Original_Start_Time", "Original_Stop_Time"], rows)
        ),
    ),
}


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode("utf-8", "surrogatepass")


def _made_up(values: Mapping[str, Any], folder: Path) -> None:
    """Whatever stands in a file, it is read or told of; what is read has sense."""
    name, maker = MAKERS[values["made_up"]]
    file = folder / name

    @seed(values["seed"])
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(maker)
    def read(data: bytes) -> None:
        file.write_bytes(data)
        sheet, problems = _read(file)
        for entry in sheet.annotations:
            if not errors(problems) and not (entry.label and entry.start <= entry.stop):
                raise Failed(f"{entry} is believed: {data!r}")
        if any(not (problem.message and problem.remedy) for problem in problems):
            raise Failed(f"this does not help: {problems}")

    read()


# -- large ones


def _many(form: str, folder: Path) -> None:
    """A sheet of very many rows, in reasonable time and memory."""
    entries = [(WORDS[n % 2], Fraction(n), Fraction(n + 1)) for n in range(ROWS)]
    rows = [(label, int(start), int(stop)) for label, start, stop in entries]
    file = folder / f"sheet.{form}"
    if form == "csv":
        with file.open("w", newline="", encoding="utf-8") as text:
            csv.writer(text).writerows([("label", "start_seconds", "stop_seconds"), *rows])
    else:
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet()
        for row in [("label", "start_seconds", "stop_seconds"), *rows]:
            sheet.append(row)
        book.save(file)
    began = time.process_time()
    _same(*_read(file), entries)
    took = time.process_time() - began
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if took > SECONDS or used > MEGABYTES:
        raise Failed(f"{took:.1f} s and {used:.0f} MB")


CASES = CLOTHES + WORKBOOKS + len(CLOCK_CASES) + len(BROKEN) + MADE_UP + 2
