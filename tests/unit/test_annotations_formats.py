"""Every other format is read exactly; files of BORIS and Label Studio are by their own code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from datetime import datetime, time, timedelta
from fractions import Fraction
from pathlib import Path

import openpyxl
import pytest
from odf.opendocument import OpenDocumentSpreadsheet
from odf.style import Style, TableProperties
from odf.table import Table, TableCell, TableRow
from odf.text import P
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900
from pympi.Elan import Eaf

from clapboard.annotations.lint import lint
from clapboard.annotations.reading import FORMATS, read_sheet
from clapboard.checks.inputs import check_inputs
from clapboard.sessions.recordings import Recording
from clapboard.settings.config import Annotations, load

SHEETS = Path(__file__).parent / "sheets"
SHARED = Path(__file__).parents[3] / "shared" / "data"
SETTINGS = load({}).section("annotations")
NTSC = Fraction(30000, 1001)


def settings(**changes):
    return {**SETTINGS, **changes}


def read(path, chapters=None, **changes):
    """Annotations as (label, start, stop, row) and problems as (check, row)."""
    sheet, problems = read_sheet(path, settings(**changes), chapters)
    entries = [(entry.label, entry.start, entry.stop, entry.row) for entry in sheet.annotations]
    return entries, [(problem.check, problem.row) for problem in problems]


def write(folder, text, name="sheet.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_config_and_reader_know_the_same_formats():
    schema = Annotations.model_json_schema()
    assert set(schema["properties"]["format"]["enum"]) == set(FORMATS)


# -- tables of intervals ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "row", "rate", "start", "stop"),
    [
        ("label,start,stop", "A,1.5,2.25", "", "1.5", "2.25"),
        ("Label;Start;End", "A;1,5;2,25", "", "1.5", "2.25"),
        ("class,start_seconds,end_seconds", "A,1,2", "", "1", "2"),
        ("action,Start (s),Stop (s)", "A,1,2", "", "1", "2"),
        ("trial_type,onset,duration", "A,1.5,0.75", "", "1.5", "2.25"),
        ("event,begin_ms,end_ms", "A,1500,2250", "", "1.5", "2.25"),
        ("phase,start time,end time", "A,00:00:01.5,1:02:03.25", "", "1.5", "3723.25"),
        ("behavior,from,to", "A,0:01,0:02", "", "1", "2"),
        ("label,start_frame,stop_frame", "A,30,60", "30000/1001", 30 / NTSC, 60 / NTSC),
        ("label,first_frame,last_frame", "A,31,60", "29.97", 30 / NTSC, 60 / NTSC),
        ("label,start,stop,fps", "A,30,60.5,25", "", "30", "60.5"),
        ("label,start_frame,stop_frame,fps", "A,30,60,25", "", "1.2", "2.4"),
        ("label,start,stop", "A,30,60", "25", "1.2", "2.4"),
        ("PROCEDURE,start_frame,stop_frame,start_seconds,stop_seconds", "A,3,6,1,2", "", "1", "2"),
    ],
)
def test_intervals(tmp_path, header, row, rate, start, stop):
    path = write(tmp_path, f"{header}\n{row}\n")
    entries, problems = read(path, rate=rate)
    assert entries == [("A", Fraction(start), Fraction(stop), 2)]
    assert problems == []


def test_whole_numbers_without_a_unit_are_seconds_with_a_warning(tmp_path):
    entries, problems = read(write(tmp_path, "label,start,stop\nA,30,60\n"))
    assert entries == [("A", 30, 60, 2)]
    assert problems == [("unit-guessed", 1)]


def test_frames_without_a_rate_are_an_error_told_once(tmp_path):
    entries, problems = read(write(tmp_path, "label,start_frame,end_frame\nA,1,2\nB,3,4\n"))
    assert (entries, problems) == ([], [("missing-rate", None)])


def test_faults_of_interval_rows(tmp_path):
    text = "label,start,stop,comment\nA,1.5,,x\n,2,3,\nB,soon,3.5,\nC,1,2.5,'=1+1\n"
    sheet, problems = read_sheet(write(tmp_path, text), SETTINGS)
    assert [(problem.check, problem.row) for problem in problems] == [
        ("missing-time", 2),
        ("missing-label", 3),
        ("unreadable-time", 4),
    ]
    assert [entry.comment for entry in sheet.annotations] == ["=1+1"]


def test_claps_of_player_sheets_are_marks(tmp_path):
    path = write(tmp_path, "label,start,stop\nClap,1.5,1.5\nA,2.5,3.5\n")
    sheet, _ = read_sheet(path, SETTINGS)
    assert sheet.origin == "video"
    assert [entry.start for entry in sheet.claps] == [Fraction(3, 2)]
    assert [entry.start for entry in sheet.annotations] == [Fraction(5, 2)]


def test_a_forced_format_wins_over_what_the_file_looks_like(tmp_path):
    text = (
        "PROCEDURE,Original_Start_Time,Original_Stop_Time\nClap,0:00:05,0:00:05\nA,0:00:06,0:00:07"
    )
    path = write(tmp_path, text)
    assert read(path) == ([("A", 6, 7, 3)], [])
    assert read(path, format="lab") == ([("A", 1, 2, 3)], [])


# -- spreadsheets -------------------------------------------------------------------------------


HEADER = ["ignore", "PROCEDURE", "Original_Start_Time", "Original_Stop_Time", "Comments"]
CLAP = datetime(2019, 4, 4, 9, 21, 58, 740439)


def excel(folder, rows, epoch=CALENDAR_WINDOWS_1900, before=None):
    workbook = openpyxl.Workbook()
    workbook.epoch = epoch
    if before:
        workbook.active.append(before)
        workbook.create_sheet("sheet")
    for row in rows:
        workbook.worksheets[-1].append(row)
    workbook.save(folder / "sheet.xlsx")
    return folder / "sheet.xlsx"


@pytest.mark.parametrize("epoch", [CALENDAR_WINDOWS_1900, CALENDAR_MAC_1904])
def test_date_cells_of_excel_are_exact_to_the_microsecond(tmp_path, epoch):
    steps = [timedelta(microseconds=n) for n in (1, 1_234_567, 59_999_999, 3_600_000_001)]
    rows = [["c", "Clap", CLAP, CLAP]]
    rows += [["b", "Bagging", CLAP + step, CLAP + 2 * step] for step in steps]
    entries, problems = read(excel(tmp_path, [HEADER, *rows], epoch))
    assert problems == []
    exact = [Fraction(step // timedelta(microseconds=1), 10**6) for step in steps]
    for (_, start, stop, _), seconds in zip(entries, exact, strict=True):
        assert abs(start - seconds) <= Fraction(1, 10**6)
        assert abs(stop - 2 * seconds) <= Fraction(2, 10**6)


def test_milliseconds_of_excel_are_exact(tmp_path):
    rows = [["c", "Clap", datetime(2019, 4, 4), datetime(2019, 4, 4)]]
    for n in range(200):
        start = datetime(2019, 4, 4) + n * timedelta(milliseconds=123_457)
        rows.append(["b", "Bagging", start, start + timedelta(milliseconds=n + 1)])
    entries, problems = read(excel(tmp_path, [HEADER, *rows]))
    assert problems == []
    assert [(start, stop - start) for _, start, stop, _ in entries] == [
        (Fraction(n * 123_457, 1000), Fraction(n + 1, 1000)) for n in range(200)
    ]


def test_text_and_time_cells_of_excel(tmp_path):
    rows = [
        ["c", "Clap", "2019-04-04 09:00:00:000001", "2019-04-04 09:00:00:000001"],
        ["b", "Bagging", "2019-04-04 09:00:01:000001", "2019-04-04T09:00:02.500001", "naïve"],
        [],
        [None, None, None, None, "a remark only"],
    ]
    path = excel(tmp_path, [HEADER, *rows], before=["Legend", "of", "this file"])
    assert read(path) == ([("BAGGING", 1, Fraction(5, 2), 3)], [])
    rows = [["label", "start", "stop"], ["A", time(0, 0, 1, 500000), timedelta(hours=25)]]
    assert read(excel(tmp_path, rows)) == ([("A", Fraction(3, 2), 90_000, 2)], [])
    rows = [["label", "start (s)", "stop (s)"], ["A", 1.1, 2]]
    assert read(excel(tmp_path, rows)) == ([("A", Fraction("1.1"), 2, 2)], [])


def tabs(folder, suffix, *contents):
    """A workbook of (name, hidden, rows), kept as Excel or OpenDocument."""
    path = folder / f"tabs{suffix}"
    if suffix == ".xlsx":
        workbook = openpyxl.Workbook()
        workbook.remove(workbook.active)
        for place, (name, hidden, rows) in enumerate(contents):
            sheet = workbook.create_sheet(name)
            for row in rows:
                sheet.append(row)
            if hidden:
                sheet.sheet_state = "hidden"
            else:
                workbook.active = place
        workbook.save(path)
        return path
    document = OpenDocumentSpreadsheet()
    for name, hidden, rows in contents:
        style = Style(name=f"of {name}", family="table")
        style.addElement(TableProperties(display="false" if hidden else "true"))
        document.automaticstyles.addElement(style)
        table = Table(name=name, stylename=style)
        for row in rows:
            cells = TableRow()
            for value in row:
                kind = "string" if isinstance(value, str) else "float"
                cell = TableCell(valuetype=kind, **({} if kind == "string" else {"value": value}))
                cell.addElement(P(text=str(value)))
                cells.addElement(cell)
            table.addElement(cells)
        document.spreadsheet.addElement(table)
    document.save(path)
    return path


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ("h:mm", True),
        ("[h]:mm", True),
        ("h:mm AM/PM", True),
        ('[$-409]hh:mm" hours"', True),
        ("h:mm:ss", False),
        ("mm:ss", False),
        ("[mm]:ss.000", False),
    ],
)
def test_times_that_a_sheet_shows_without_seconds_are_told(tmp_path, shown, told):
    """Who types 0:05 and 0:12 gets minutes from Excel, and has seconds in CSV."""
    workbook = openpyxl.Workbook()
    workbook.active.append(["label", "start", "stop"])
    workbook.active.append(["A", 300 / 86_400, 720 / 86_400])
    for cell in workbook.active[2][1:]:
        cell.number_format = shown
    workbook.save(tmp_path / "sheet.xlsx")
    sheet, problems = read_sheet(tmp_path / "sheet.xlsx", SETTINGS)
    assert [(entry.start, entry.stop) for entry in sheet.annotations] == [(300, 720)]
    assert [(p.check, p.severity, p.row, p.column, p.value) for p in problems] == [
        ("hours-shown", "warning", 2, "start", "00:05:00.000000")
    ] * told
    assert read(write(tmp_path, "label,start,stop\nA,0:05,0:12\n")) == ([("A", 5, 12, 2)], [])


TIMES = ["label", "start (s)", "stop (s)"]


@pytest.mark.parametrize("suffix", [".xlsx", ".ods"])
def test_a_hidden_tab_gives_way_to_a_visible_one(tmp_path, suffix):
    old, new = ("old", True, [TIMES, ["A", 1, 2]]), ("new", False, [TIMES, ["B", 3, 4]])
    for contents in ((old, new), (new, old)):
        path = tabs(tmp_path, suffix, *contents)
        sheet, problems = read_sheet(path, SETTINGS)
        assert [entry.label for entry in sheet.annotations] == ["B"]
        assert (problems, sheet.tab, sheet.tabs_left) == ([], "new", ())
    misspelt = ("new", False, [["label", "strat", "stop"], ["B", 3, 4]])
    assert read(tabs(tmp_path, suffix, old, misspelt))[1] == [("hidden-tab", None)]


@pytest.mark.parametrize("suffix", [".xlsx", ".ods"])
def test_tabs_with_annotations_that_are_not_read_are_known(tmp_path, suffix):
    path = tabs(
        tmp_path,
        suffix,
        ("Legend", False, [["code", "meaning"], ["A", "a cut"]]),
        ("S1", False, [TIMES, ["A", 1, 2]]),
        ("S2", False, [TIMES, ["A", 5, 6]]),
        ("form", False, [TIMES]),
    )
    sheet, problems = read_sheet(path, SETTINGS)
    assert [entry.start for entry in sheet.annotations] == [1]
    assert (problems, sheet.tab, sheet.tabs_left) == ([], "S1", ("S2",))


def test_broken_formula_in_excel_is_told(tmp_path):
    rows = [HEADER, ["c", "Clap", CLAP, CLAP], ["b", "#REF!", CLAP, CLAP]]
    assert read(excel(tmp_path, rows)) == ([], [("formula-error", 3)])


def test_open_document_cells(tmp_path):
    document, table = OpenDocumentSpreadsheet(), Table(name="sheet")
    stamp, start, stop = (
        f"2019-04-04T{t}" for t in ("09:21:58.740439", "09:21:59.740440", "10:00")
    )
    rows = [
        [("string", title) for title in HEADER[1:4]],
        [("string", "Clap"), ("date", stamp), ("date", stamp)],
        [("string", "Bagging"), ("date", start), ("date", f"{stop}:00")],
    ]
    for row in rows:
        cells = TableRow()
        for kind, value in row:
            more = {"datevalue": value} if kind == "date" else {}
            cell = TableCell(valuetype=kind, **more)
            cell.addElement(P(text="04.04.19" if more else value))
            cells.addElement(cell)
        table.addElement(cells)
    document.spreadsheet.addElement(table)
    document.save(tmp_path / "sheet.ods")
    until = Fraction(38 * 60 + 1) + Fraction(259561, 10**6)
    expected = [("BAGGING", Fraction(1000001, 10**6), until, 3)]
    assert read(tmp_path / "sheet.ods") == (expected, [])


@pytest.mark.parametrize("suffix", [".xlsx", ".ods", ".xls"])
def test_what_only_calls_itself_a_workbook(tmp_path, suffix):
    path = write(tmp_path, "not a workbook", f"sheet{suffix}")
    assert read(path) == ([], [("undecodable-file", None)])


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml"])
@pytest.mark.parametrize("content", [None, b"", b"<worksheet", b"<worksheet/>"])
def test_workbook_with_a_damaged_part(tmp_path, part, content):
    source, damaged = excel(tmp_path, [HEADER]), tmp_path / "damaged.xlsx"
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(damaged, "w") as broken:
        for name in whole.namelist():
            data = content if name == part else whole.read(name)
            if data is not None:
                broken.writestr(name, data)
    entries, problems = read(damaged)
    assert entries == []
    assert problems[0][0] in ("undecodable-file", "empty-sheet")


@pytest.mark.parametrize("suffix", [".xlsx", ".ods"])
def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path, suffix):
    source, bomb = excel(tmp_path, [HEADER]), tmp_path / f"bomb{suffix}"
    with (
        zipfile.ZipFile(source) as whole,
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in whole.namelist():
            large = name == "xl/worksheets/sheet1.xml"
            packed.writestr(name, bytes(2**25) if large else whole.read(name))
    assert read(bomb) == ([], [("too-large", None)])


def spreadsheet(folder, rows):
    """An OpenDocument sheet of this XML."""
    names = "xmlns:table='t' xmlns:text='x' xmlns:office='o'"
    text = (
        f"<office:document-content {names}><office:body><office:spreadsheet>"
        f"<table:table table:name='a'>{rows}</table:table>"
        "</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(folder / "sheet.ods", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("META-INF/manifest.xml", "<manifest/>")
        packed.writestr("content.xml", text)
    return folder / "sheet.ods"


def cells(text, rows=1, columns=1, inner=""):
    """A row of equal cells, repeated."""
    return (
        f"<table:table-row table:number-rows-repeated='{rows}'>"
        f"<table:table-cell office:value-type='string' table:number-columns-repeated='{columns}'>"
        f"<text:p>{text}{inner}</text:p></table:table-cell></table:table-row>"
    )


def refused_at_once(path):
    """In a process of its own that may have little memory and time; it has some of Python's own."""
    program = (
        "import resource, sys\n"
        "from clapboard.annotations.workbooks import read_workbook\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 * 2**29,) * 2)\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (30, 30))\n"
        "print([problem.check for problem in read_workbook(sys.argv[1])[1]])\n"
    )
    command = [sys.executable, "-c", program, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout == "['too-large']\n"


@pytest.mark.parametrize(
    "rows",
    [
        cells("A", 1_000_000, 16_384),
        cells("A", 1_000_000, 90),  # below the limit of the reader behind, and 12 GB
        cells("A", 10**9),
        cells("A", 1, 10**9),
        cells("A" * 10**6, 1000),
        cells("A", 10, inner="<text:s text:c='1000000000'/>"),
        cells("A") + "<table:table-row table:number-rows-repeated='999999999'/>" + cells("A"),
    ],
    ids=["table", "tall", "rows", "columns", "text", "blanks", "gap"],
)
def test_a_sheet_whose_cells_are_repeated_to_too_many_is_refused(tmp_path, rows):
    assert refused_at_once(spreadsheet(tmp_path, rows))


def test_what_is_empty_at_the_end_of_a_sheet_does_not_count(tmp_path):
    def row(*texts):
        filled = "".join(
            "<table:table-cell office:value-type='string'>"
            f"<text:p>{text}</text:p></table:table-cell>"
            for text in texts
        )
        rest = "<table:table-cell table:number-columns-repeated='16381'/>"
        return f"<table:table-row>{filled}{rest}</table:table-row>"

    end = (
        "<table:table-row table:number-rows-repeated='1048574'>"
        "<table:table-cell table:number-columns-repeated='16384'/></table:table-row>"
    )
    path = spreadsheet(tmp_path, row("label", "start (s)", "stop (s)") + row("A", 1, 2) + end)
    assert read(path) == ([("A", 1, 2, 2)], [])


@pytest.mark.parametrize(
    "rows",
    [
        "".join(f"<row r='{n}'><c r='XFD{n}'><v>1</v></c></row>" for n in range(1, 2001)),
        "<row r='1'><c r='A1'><v>1</v></c></row><row r='999999999'><c r='A999999999'/></row>",
        "<row r='1'>" + "<c t='s'><v>0</v></c>" * 1000 + "</row>",
    ],
    ids=["columns", "rows", "text"],
)
def test_an_excel_sheet_of_too_many_cells_is_refused(tmp_path, rows):
    source, path = excel(tmp_path, [["A"]]), tmp_path / "large.xlsx"
    kind = "xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'"
    text = " " + "x" * 2**20
    new = {
        "xl/worksheets/sheet1.xml": f"<worksheet {kind}><sheetData>{rows}</sheetData></worksheet>",
        "xl/sharedStrings.xml": f"<sst {kind}><si><t>{text}</t></si></sst>",
    }
    shared = (
        "<Override PartName='/xl/sharedStrings.xml' ContentType='application/"
        "vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml'/></Types>"
    )
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(path, "w") as packed:
        old = {name: whole.read(name).decode() for name in whole.namelist()}
        new["[Content_Types].xml"] = old["[Content_Types].xml"].replace("</Types>", shared)
        for name, content in {**old, **new}.items():
            packed.writestr(name, content)
    assert refused_at_once(path)


@pytest.mark.skipif(not (SHARED / "cela").is_dir(), reason=f"no real sheets in {SHARED}")
def test_a_real_sheet_is_the_same_from_csv_and_from_excel(tmp_path):
    import csv

    path = SHARED / "cela" / "rawcsv" / "P7.csv"
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    dated = [
        [
            datetime.strptime(cell, "%Y-%m-%d %H:%M:%S:%f") if place in (2, 3) and line else cell
            for place, cell in enumerate(row[:13])
        ]
        for line, row in enumerate(rows)
    ]
    text, dates = excel(tmp_path, rows), tmp_path / "dates.xlsx"
    assert read(text) == read(path)
    shutil.move(excel(tmp_path, dated), dates)
    for ours, theirs in zip(read(dates)[0], read(path)[0], strict=True):
        assert ours[0] == theirs[0]
        assert abs(ours[1] - theirs[1]) <= Fraction(2, 10**6)
        assert abs(ours[2] - theirs[2]) <= Fraction(2, 10**6)


# -- BORIS --------------------------------------------------------------------------------------


BORIS = {
    ("BAGGING", Fraction("2.48"), Fraction("7.52")),
    ("BAGGING", 10, Fraction("12.345")),
    ("SUTURING", 4, Fraction("9.125")),
}


@pytest.mark.parametrize(
    "name",
    ["boris_tabular.tsv", "boris_tabular.ods", "boris_aggregated.csv", "boris_aggregated.xlsx"],
)
def test_events_exported_by_boris(name):
    sheet, problems = read_sheet(SHEETS / name, SETTINGS)
    assert problems == []
    assert {(entry.label, entry.start, entry.stop) for entry in sheet.annotations} == BORIS
    assert [(clap.start, clap.comment) for clap in sheet.claps] == [(1, "slate")]
    suturing = next(entry for entry in sheet.annotations if entry.label == "SUTURING")
    assert (suturing.subject, suturing.comment) == ("Medic", "done; modifier left")
    bagging = next(entry for entry in sheet.annotations if entry.label == "BAGGING")
    assert (bagging.subject, bagging.comment) == ("", 'left, "tight"')


def test_old_tabular_export_of_boris_with_titles_above(tmp_path):
    lines = [
        "Observation id\tobservation #1\t\t\t\t\t\t\t",
        "Player #1\tvideo.mp4\t\t\t\t\t\t\t",
        "Time offset (s)\t0.0\t\t\t\t\t\t\t",
        "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\t"
        "Comment\tStatus",
        "3.300\tvideo.mp4\t359.960\t25.0\t\ts\t\t\tSTART",
        "7.750\tvideo.mp4\t359.960\t25.0\t\ts\t\t\tSTOP",
        "9.900\tvideo.mp4\t359.960\t25.0\t\ts\t\t\tSTART",
        "10.000\tvideo.mp4\t359.960\t25.0\t\tt\t\t\tSTOP",
    ]
    entries, problems = read(write(tmp_path, "\n".join(lines), "events.tsv"))
    assert entries == [("S", Fraction("3.3"), Fraction("7.75"), 5)]
    assert sorted(problems) == [("unpaired-event", 7), ("unpaired-event", 8)]


def test_boris_exports_that_are_not_one_recording(tmp_path):
    text = (SHEETS / "boris_aggregated.csv").read_text()
    two = text + text.splitlines()[1].replace("S1,", "S2,", 1) + "\n"
    assert ("several-observations", 6) in read(write(tmp_path, two))[1]
    joined = text.replace("#1:GH010123.MP4", "#1:GH010123.MP4;GH020123.MP4")
    assert ("several-media", 5) in read(write(tmp_path, joined))[1]
    shifted = text.replace("GH010123.MP4,0,", "GH010123.MP4,2.5,")
    assert ("time-offset", 5) in read(write(tmp_path, shifted))[1]
    missing = text.replace(",2.480,", ",NA,")
    assert read(write(tmp_path, missing))[1] == [("unreadable-time", 2)]


# -- ELAN ---------------------------------------------------------------------------------------


def elan(folder):
    document = Eaf()
    document.add_linked_file("video.mp4", mimetype="video/mp4")
    document.remove_tier("default")
    document.add_tier("team", part="Medic")
    document.add_annotation("team", 1000, 2500, "Bagging")
    document.add_annotation("team", 2500, 4001, "CPR (Breath)")
    document.add_linguistic_type("note", constraints="Symbolic_Association", timealignable=False)
    document.add_tier("notes", ling="note", parent="team")
    document.add_ref_annotation("notes", "team", 1500, "left hand")
    document.add_tier("Suturing")
    document.add_annotation("Suturing", 9000, 9001, "")
    path = folder / "session.eaf"
    document.to_file(path)
    return path


def test_elan_tiers(tmp_path):
    sheet, problems = read_sheet(elan(tmp_path), SETTINGS)
    entries = [(e.label, e.start, e.stop, e.row, e.subject, e.comment) for e in sheet.annotations]
    assert entries == [
        ("BAGGING", 1, Fraction("2.5"), 1, "Medic", "left hand"),
        ("CPR (BREATH)", Fraction("2.5"), Fraction("4.001"), 2, "Medic", ""),
        ("SUTURING", 9, Fraction("9.001"), 3, "", ""),
    ]
    assert [(problem.check, problem.column) for problem in problems] == [
        ("label-from-tier", "Suturing")
    ]


def test_elan_time_that_is_not_fixed_and_media_with_an_offset(tmp_path):
    path = elan(tmp_path)
    text = path.read_text(encoding="utf-8")
    text = text.replace(' TIME_VALUE="9001"', "").replace("MEDIA_URL", 'TIME_ORIGIN="40" MEDIA_URL')
    path.write_text(text, encoding="utf-8")
    assert read(path)[1] == [("missing-time", 3), ("label-from-tier", None), ("media-offset", None)]


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://localhost/x.dtd">',
    ],
)
def test_elan_file_with_entities_is_refused(tmp_path, declaration):
    path = elan(tmp_path)
    head, _, rest = path.read_text(encoding="utf-8").partition("?>")
    path.write_text(f"{head}?>{declaration}{rest}", encoding="utf-8")
    assert read(path) == ([], [("unsafe-xml", None)])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no xml",
        "<x/>",
        "<ANNOTATION_DOCUMENT VERSION='3.0'/>",
        "<?xml version='1.0' encoding='UTF-9'?><x/>",
    ],
)
def test_what_only_calls_itself_elan(tmp_path, text):
    assert read(write(tmp_path, text, "x.eaf")) == ([], [("undecodable-file", None)])


# -- Label Studio and VIA -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["label_studio_tasks.json", "label_studio_min.json"])
def test_timeline_of_label_studio(name):
    sheet, problems = read_sheet(SHEETS / name, settings(rate="25"))
    assert problems == []
    # Frame 63 is shown from 62/25 s on, frame 188 until 188/25 s.
    assert [(entry.label, entry.start, entry.stop) for entry in sheet.annotations] == [
        ("BAGGING", Fraction(62, 25), Fraction(188, 25)),
        ("CPR (BREATH)", Fraction(188, 25), 10),
    ]
    assert [clap.start for clap in sheet.claps] == [1]


def test_label_studio_without_a_rate():
    assert read(SHEETS / "label_studio_tasks.json") == ([], [("missing-rate", None)])


def test_several_tasks_of_label_studio_are_clips():
    path, rate = SHEETS / "label_studio_clips.json", "25"
    assert read(path, ["a/01.mp4"], rate=rate) == ([("BAGGING", 0, 1, 1)], [])
    second = [("CPR (BREATH)", Fraction(9, 25), 2, 2)]
    assert read(path, ["a/02.mp4"], rate=rate) == (second, [])
    assert read(path, ["a/03.mp4"], rate=rate)[1] == [("unknown-clip", None)]


def test_two_annotators_in_label_studio_are_not_mixed(tmp_path):
    tasks = json.loads((SHEETS / "label_studio_tasks.json").read_text())
    tasks[0]["annotations"] *= 2
    path = write(tmp_path, json.dumps(tasks), "x.json")
    assert read(path, rate="25") == ([], [("several-annotators", None)])
    tasks[0]["annotations"] = [dict(entry) for entry in tasks[0]["annotations"]]
    tasks[0]["annotations"][1]["ground_truth"] = True
    assert read(write(tmp_path, json.dumps(tasks), "x.json"), rate="25")[1] == []


def test_labels_on_the_sound_track_of_label_studio_are_seconds(tmp_path):
    value = {"start": 1.1, "end": 2.35, "channel": 0, "labels": ["Bagging"]}
    result = {"type": "labels", "from_name": "l", "to_name": "a", "value": value}
    task = {"id": 1, "data": {"audio": "a.wav"}, "annotations": [{"id": 1, "result": [result]}]}
    path = write(tmp_path, json.dumps([task]), "x.json")
    assert read(path) == ([("BAGGING", Fraction("1.1"), Fraction("2.35"), 1)], [])


def via(**changes):
    """A project as VIA 3 saves it: one select and one text attribute, a segment, a still, a box."""
    project = {
        "project": {"pid": "__VIA_PROJECT_ID__", "data_format_version": "3.1.1", "vid_list": ["1"]},
        "config": {"file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}}, "ui": {}},
        "attribute": {
            "1": {
                "aname": "Action",
                "anchor_id": "FILE1_Z2_XY0",
                "type": 4,
                "desc": "",
                "options": {"0": "Bagging", "1": "CPR (Breath)"},
                "default_option_id": "",
            }
        },
        "file": {"1": {"fid": 1, "fname": "a.mp4", "type": 4, "loc": 1, "src": ""}},
        "metadata": {
            "1_aB3": {"vid": "1", "flg": 0, "z": [1.349, 2.741], "xy": [], "av": {"1": "1"}},
            "1_cD4": {"vid": "1", "flg": 0, "z": [4.633], "xy": [], "av": {"1": "0"}},
            "1_eF5": {"vid": "1", "flg": 0, "z": [3.0], "xy": [2, 1, 1, 5, 5], "av": {"1": "0"}},
        },
        "view": {"1": {"fid_list": [1]}},
    }
    return project | changes


def test_segments_of_via(tmp_path):
    path = write(tmp_path, json.dumps(via()), "x.json")
    still = Fraction("4.633")
    assert read(path) == (
        [
            ("CPR (BREATH)", Fraction("1.349"), Fraction("2.741"), 1),
            ("BAGGING", still, still, 2),
        ],
        [],
    )


def test_text_attribute_checkbox_and_clips_of_via(tmp_path):
    attributes = via()["attribute"] | {"2": {"aname": "Note", "type": 1, "options": {}}}
    attributes["1"]["type"] = 2
    files = {n: {"fid": n, "fname": f"{n}.mp4", "type": 4} for n in ("1", "2")}
    views = {n: {"fid_list": [n]} for n in ("1", "2")}
    metadata = {
        "a": {"vid": "2", "z": [1, 2], "xy": [], "av": {"1": "0,1", "2": "loud"}},
        "b": {"vid": "1", "z": [1, 2], "xy": [], "av": {"1": "0"}},
    }
    project = via(attribute=attributes, file=files, view=views, metadata=metadata)
    path = write(tmp_path, json.dumps(project), "x.json")
    entries, problems = read(path, ["c/2.mp4"])
    assert entries == [("BAGGING", 1, 2, 1), ("CPR (BREATH)", 1, 2, 1)]
    assert problems == []


def test_via_without_a_clear_label_attribute(tmp_path):
    names = {"1": {"aname": "x", "type": 1}, "2": {"aname": "y", "type": 1}}
    metadata = {"a": {"vid": "1", "z": [1, 2], "xy": [], "av": {"1": "A", "2": "B"}}}
    path = write(tmp_path, json.dumps(via(attribute=names, metadata=metadata)), "x.json")
    assert read(path) == ([], [("unknown-header", None)])
    columns = {**SETTINGS["columns"], "label": ["Y"]}
    assert read(path, columns=columns) == ([("B", 1, 2, 1)], [])


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "3", '[{"a": 1}]', "[" * 100_000])
def test_json_of_nobody(tmp_path, text):
    entries, problems = read(write(tmp_path, text, "x.json"))
    assert entries == []
    assert problems[0][0] in ("undecodable-file", "unknown-format")


# -- clips --------------------------------------------------------------------------------------


def clips(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return [str(folder / name) for name in names]


def test_list_of_intervals_per_clip(tmp_path):
    files = clips(tmp_path, "ADL/01.mp4", "ADL/02.mp4", "Fall/01.mp4")
    text = (
        "File Name,Length (seconds),Description, Classes\n"
        "01.mp4,08,sitting, Sitting[0 to 1]; Falling (SW) [ 2.5 to 8]; \n"
        '02.mp4,08,"lies, then sits", Sleeping[0 to 1; 3 to 4];Sitting[1 to 3]\n'
    )
    path = write(tmp_path, text, "ADL.csv")
    first = [("SITTING", 0, 1, 2), ("FALLING (SW)", Fraction("2.5"), 8, 2)]
    second = [("SLEEPING", 0, 1, 3), ("SLEEPING", 3, 4, 3), ("SITTING", 1, 3, 3)]
    assert read(path) == (first + second, [])
    assert read(path, files[:1]) == (first, [])
    assert read(path, files[1:]) == (second, [])
    assert read(path, files[2:]) == ([], [("unknown-clip", None)])


@pytest.mark.parametrize(
    ("cell", "labels", "faults"),
    [
        ("A[0.9 4.6]; B[1 to 2]", ["B"], 1),
        ("A[1 to 2; 3 to 4; B[5 to 6]", ["B"], 2),
        ("A (X[1 to 2]; B[2 to 3]", ["B"], 1),
        ("A; B[2 to 3]", ["B"], 1),
        ("A[1 to 2]:; B[2 to 3]", ["B"], 1),
        ("[1 to 2]; B[2 to 3]", ["B"], 1),
        ("A[1 to 2; x to 3]", ["A"], 1),
        (";;", [], 0),
    ],
)
def test_malformed_parts_of_a_list_are_told_and_the_rest_is_kept(tmp_path, cell, labels, faults):
    entries, problems = read(write(tmp_path, f"File Name,Classes\n1.mp4,{cell}\n"))
    assert [entry[0] for entry in entries] == labels
    assert problems == [("malformed-list", 2)] * faults


def test_faults_of_clips_that_no_recording_uses_do_not_stop_a_run(tmp_path):
    text = "File Name,Classes\n1.mp4,A[1 to 2]\n2.mp4,B[1 2]\n"
    path = write(tmp_path, text)
    assert read(path, ["x/1.mp4"]) == ([("A", 1, 2, 2)], [("malformed-list", 3)])
    _, problems = read_sheet(path, SETTINGS, ["x/1.mp4"])
    assert [problem.severity for problem in problems] == ["warning"]
    _, problems = read_sheet(path, SETTINGS, ["x/1.mp4", "x/2.mp4"])
    assert [problem.severity for problem in problems] == ["error"]


def test_one_label_per_clip_and_intervals_with_a_clip_column(tmp_path):
    path = write(tmp_path, "subject,action,avi\nido,bend,bend/ido.avi\nido,jack,jack/ido.avi\n")
    sheet, problems = read_sheet(path, SETTINGS, ["w/jack/ido.avi"])
    assert problems == []
    assert [(e.label, e.clip, e.whole) for e in sheet.annotations] == [
        ("JACK", "w/jack/ido.avi", True)
    ]
    path = write(tmp_path, "file,label,start_s,stop_s\na.mp4,A,1,2\nb.mp4,B,3,4\n")
    assert read(path, ["v/b.mp4"]) == ([("B", 3, 4, 3)], [])


def test_a_clip_name_that_two_chapters_have(tmp_path):
    files = clips(tmp_path, "one/1.mp4", "two/1.mp4")
    path = write(tmp_path, "File Name,Classes\n1.mp4,A[1 to 2]\n")
    assert ("ambiguous-clip", None) in read(path, files)[1]
    path = write(tmp_path, "File Name,Classes\ntwo/1.mp4,A[1 to 2]\n")
    assert read(path, files) == ([("A", 1, 2, 2)], [])


@pytest.mark.parametrize(
    ("chapter", "clip", "told"),
    [
        ("A02.MP4", "a02.mp4", True),
        ("A02.MP4", "A02", True),
        ("A02.MP4", "A02.avi", True),
        ("day/A02.MP4", "Day\\a02.MP4", True),
        ("Für.mp4", "Fu\u0308r.mp4", True),
        ("night/A02.MP4", "day/a02.mp4", False),
        ("A02.MP4", "A020.MP4", False),
        ("take.2.mp4", "take.2", True),
        ("take.2.mp4", "take.3", False),
    ],
)
@pytest.mark.parametrize("header", ["file,label", "file,label,start_s,stop_s"])
def test_rows_are_not_lost_for_a_name_that_is_nearly_a_chapter(
    tmp_path, chapter, clip, told, header
):
    files = clips(tmp_path / "videos", "A01.MP4", chapter)
    times = ",1,2" if "start" in header else ""
    path = write(tmp_path, f"{header}\nA01.MP4,A{times}\n{clip},A{times}\n{clip},A{times}\n")

    def check(*chapters):
        sheet, problems = read_sheet(path, SETTINGS, files)
        assert problems == []
        recordings = [
            Recording(
                f"S{n}C1", f"S{n}", "", "C1", "Training", str(path), (file,), "video", "0", "", n
            )
            for n, file in enumerate(chapters, 2)
        ]
        found = lint({str(path): sheet}, recordings, None, SETTINGS)
        return [(p.severity, p.row, p.value) for p in found if p.check == "near-clip"]

    assert check(*files) == [("error", 3, clip)] * told
    # Another video of that name is there: it is meant, and no recording uses it.
    clips(tmp_path, clip.replace("\\", "/"))
    if "\\" not in clip:
        assert check(*files) == []


def test_folders_of_clips(tmp_path):
    files = clips(tmp_path, "wave1/ido.avi", "bend/ido.avi", "bend/lena.avi", "bend/notes.txt")
    sheet, problems = read_sheet(tmp_path, SETTINGS)
    assert problems == []
    assert [(e.label, Path(e.clip).name, e.whole, e.row) for e in sheet.annotations] == [
        ("BEND", "ido.avi", True, 1),
        ("BEND", "lena.avi", True, 2),
        ("WAVE1", "ido.avi", True, 3),
    ]
    sheet, _ = read_sheet(tmp_path, SETTINGS, files[:2])
    assert [entry.clip for entry in sheet.annotations] == [files[1], files[0]]
    assert read(tmp_path / "bend") == ([], [("empty-sheet", None)])


@pytest.mark.skipif(not (SHARED / "gmdcsa24").is_dir(), reason=f"no clips in {SHARED}")
def test_real_clips_and_their_faults():
    root = SHARED / "gmdcsa24"
    entries = [entry for path in root.glob("*/*.csv") for entry in read(path)[0]]
    assert len(entries) == 352

    recordings = [
        Recording(
            f"{path.parent.name}{path.stem}{clip.stem}", path.parent.name, clip.stem, "C1",
            "Training", str(path), (str(clip),), "video", "0", "", 2,
        )
        for path in sorted(root.glob("*/*.csv"))
        for clip in sorted(path.with_suffix("").glob("*.mp4"))
    ]  # fmt: skip
    assert len(recordings) == 23
    told = defaultdict(list)
    for problem in check_inputs(SETTINGS, recordings):
        file = Path(problem.file)
        told[problem.check, problem.severity].append((file.parent.name[-1], file.stem, problem.row))
    assert {key: sorted(places) for key, places in told.items()} == {
        ("malformed-list", "warning"): [
            ("1", "Fall", 6), ("2", "Fall", 12), ("2", "Fall", 20), ("3", "ADL", 5),
            ("3", "ADL", 5), ("3", "ADL", 13), ("4", "Fall", 10), ("4", "Fall", 16),
        ],
        ("overlap", "error"): [
            ("1", "ADL", 11), ("1", "Fall", 16), ("2", "ADL", 24), ("2", "Fall", 13),
            ("2", "Fall", 13), ("3", "ADL", 8), ("3", "ADL", 8), ("3", "ADL", 16),
            ("3", "ADL", 19), ("4", "ADL", 20),
        ],
        ("beyond-video", "warning"): [("3", "Fall", 17)],
        ("similar-label", "warning"): [("3", "Fall", 2)],
        ("one-subject-label", "warning"): [
            ("2", "Fall", 13), ("3", "ADL", 8), ("4", "Fall", 3),
        ],
    }  # fmt: skip


@pytest.mark.skipif(not (SHARED / "weizmann4").is_dir(), reason=f"no clips in {SHARED}")
def test_real_folders_of_clips():
    sheet, problems = read_sheet(SHARED / "weizmann4", SETTINGS)
    assert problems == []
    assert len(sheet.annotations) == 36
    assert {entry.label for entry in sheet.annotations} == {"BEND", "JACK", "WAVE1", "WAVE2"}
    listed, problems = read_sheet(SHARED / "weizmann4" / "index.csv", SETTINGS)
    assert problems == []
    assert {(e.label, Path(e.clip).name) for e in listed.annotations} == {
        (e.label, Path(e.clip).name) for e in sheet.annotations
    }
