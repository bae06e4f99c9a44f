"""Lay out two public sets of real video as projects.

usage: python examples/real/lay_out.py DATA FOLDER

DATA holds the folders gmdcsa24 and weizmann4; nothing in it is copied or changed. FOLDER/{set}
gets config/, whose table names videos and annotations where they are: gmdcsa24's own sheets with
one row per clip, and weizmann4's folders of one-action clips. `clapboard check` and every run tell
what in them cannot be used as it stands.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
COLUMNS = ("subject", "session", "camera", "split", "annotations", "videos")

# Nine people in alphabetical order: six to train on, one to validate, two to test.
WEIZMANN = ["daria", "denis", "eli", "ido", "ira", "lena", "lyova", "moshe", "shahar"]
WEIZMANN_SPLITS = ["Training"] * 6 + ["Validation"] + ["Test"] * 2
ACTIONS = ["bend", "jack", "wave1", "wave2"]

# Subjects 1 and 3 have 15 of the 23 clips; 2 and 4 have four each.
GMDCSA_SPLITS = {1: "Training", 2: "Validation", 3: "Training", 4: "Test"}


def weizmann(data: Path) -> Iterator[tuple[str, ...]]:
    """The 36 clips of weizmann4; the folder of a clip is its class."""
    for number, (name, split) in enumerate(zip(WEIZMANN, WEIZMANN_SPLITS, strict=True), 1):
        for session, action in enumerate(ACTIONS, 1):
            clip = data / action / f"{name}_{action}.avi"
            yield f"S{number}", f"R{session}", "C1", split, str(data), str(clip)


def gmdcsa(data: Path) -> Iterator[tuple[str, ...]]:
    """The clips of gmdcsa24 that are there; ADL.csv and Fall.csv of a subject speak of all."""
    for number, split in GMDCSA_SPLITS.items():
        for sheet in sorted(data.glob(f"Subject {number}/*.csv")):
            for clip in sorted(sheet.with_suffix("").glob("*.mp4")):
                session = f"{sheet.stem[0]}{clip.stem}"
                yield f"S{number}", session, "C1", split, str(sheet), str(clip)


def write_set(name: str, rows: Iterable[tuple[str, ...]], folder: Path) -> None:
    """Write FOLDER/config, a row of the table for each clip."""
    (folder / "config").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / f"{name}.yaml", folder / "config" / "config.yaml")
    lines = ["\t".join(cells) for cells in (COLUMNS, *rows)]
    text = "\n".join(lines) + "\n"
    (folder / "config" / "recordings.tsv").write_text(text, encoding="utf-8")
    print(f"{name}: {len(lines) - 1} clips in {folder}")


def main(data: Path, folder: Path) -> None:
    """Lay out both sets."""
    data = data.resolve()
    missing = [str(data / name) for name in ("weizmann4", "gmdcsa24") if not (data / name).is_dir()]
    if missing:
        sys.exit(f"there is no {' and no '.join(missing)}; say where: make real DATA=...")
    write_set("weizmann4", weizmann(data / "weizmann4"), folder / "weizmann4")
    write_set("gmdcsa24", gmdcsa(data / "gmdcsa24"), folder / "gmdcsa24")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
