"""What a change makes Snakemake do again: exactly what depends on it."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from filming import film
from project import (
    ACTS,
    CHAPTERS,
    CONFIG,
    REPOSITORY,
    Project,
    camera,
    make_project,
    table,
    write_sheet,
)

from tests.faults.demo import digests

CHECKS = {"check_inputs"}
MODELS = {"train_model cnn", "evaluate_model cnn"}
DATASET = {"link_dataset", "check_leakage"}
LONG_AGO = (1e9, 1e9)


def of_recording(recording: str) -> set[str]:
    """The jobs that place the sheet on a recording, and what follows for it."""
    return {
        f"find_clap {recording}",
        "compare_cameras",
        f"compute_framecsv {recording}",
        f"label_frames {recording}",
        f"extract_frames {recording} 01",
        f"extract_frames {recording} 02",
    }


def rules(pending: Counter[str]) -> set[str]:
    return {job.split()[0] for job in pending}


def touch_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        if ".snakemake" not in path.relative_to(folder).parts and path.is_file():
            os.utime(path)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of the code, as a fresh clone: every file is newer than all results."""
    copy = tmp_path / "repository"
    for folder in ("workflow", "profiles", "clapboard", "envs"):
        shutil.copytree(
            REPOSITORY / folder,
            copy / folder,
            copy_function=shutil.copy,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    shutil.copy(REPOSITORY / "Snakefile", copy)
    return copy


def test_nothing_is_left_to_do_after_a_run(finished):
    assert not finished.pending()


def test_touching_sources_artifacts_or_code_does_nothing(project, repository):
    touch_all(project.folder)
    assert not Project(project.folder, repository).pending()


def test_learning_rate_trains_and_evaluates(project):
    model = CONFIG["models"]["cnn"] | {"learning_rate": 0.01}
    project.configure(models={"cnn": model})
    assert set(project.pending()) == MODELS


def test_another_model_leaves_the_first_alone(project):
    small = CONFIG["models"]["cnn"]
    project.configure(models={"cnn": small, "other": small})
    assert set(project.pending()) == {
        "train_model other",
        "evaluate_model other",
        "compare_models",
    }


@pytest.mark.parametrize(("weights", "sets"), [("imagenet", 1), ("none", 2)])
def test_seeds_share_features_unless_weights_are_drawn_from_them(project, weights, sets):
    asked = {"architecture": "transfer", "weights": weights}
    project.configure(models={"one": asked | {"seed": 1}, "two": asked | {"seed": 2}})
    pending = project.pending()
    assert sum(job.startswith("compute_features") for job in pending) == sets * len(table())
    assert {"train_model one", "train_model two"} <= set(pending)


@pytest.mark.parametrize("dated", [None, LONG_AGO], ids=["new", "older than the results"])
def test_changed_sheet_relabels_its_subject(project, dated):
    sheet = project.sheet("S2")
    write_sheet(sheet, [(label, start, stop - Fraction(1, 10)) for label, start, stop in ACTS])
    if dated:
        os.utime(sheet, dated)
    again = CHECKS | of_recording("S2C1") | of_recording("S2C2") | DATASET | MODELS
    assert set(project.pending()) == again


def test_changed_sheet_packs_the_shards_of_its_subject_alone(project):
    project.configure(dataset={"storage": "shards"})
    project.run("dataset")
    sheet = project.sheet("S2")
    write_sheet(sheet, [(label, start, stop - Fraction(1, 10)) for label, start, stop in ACTS])
    again = CHECKS | of_recording("S2C1") | of_recording("S2C2")
    again |= {"pack_shards S2C1", "pack_shards S2C2", "number_classes", "list_dataset"}
    again |= {"check_leakage"}
    assert set(project.pending("dataset")) == again - {"compare_cameras"}


def test_replaced_chapter_redoes_its_recording_even_when_it_is_dated_back(project):
    chapter = project.chapters("S1C1")[1]
    film(chapter, camera("S1C1"), CHAPTERS[1] - 3, first_number=CHAPTERS[0] + 1)
    os.utime(chapter, LONG_AGO)
    again = CHECKS | of_recording("S1C1") | DATASET | MODELS
    again |= {"index_recording S1C1", "concatenate_chapters S1C1"}
    assert set(project.pending()) == again


def test_another_sound_is_heard_though_the_pictures_are_the_same(project):
    """The index, made anew first, has the same bytes as before."""
    index = project.results / "index" / "S1C1.parquet"
    before = index.read_bytes()
    with project.chapters("S1C1")[0].open("ab") as file:
        file.write(b"\0\0\0\x10free" + b"8 bytes.")
    project.run("results/index/S1C1.parquet")
    assert index.read_bytes() == before
    assert "find_clap S1C1" in project.pending("framecsv")


def test_what_is_no_business_of_pictures_makes_none_anew(project):
    project.configure(annotations={"unseen": "drop"})
    assert set(project.pending()) == CHECKS | DATASET | MODELS


def test_another_way_to_decode_makes_nothing_anew(project):
    project.configure(video={"hwaccel": "auto"})
    assert not project.pending()


def test_clap_and_split_of_the_table(project):
    rows = table()
    rows[0]["clap"] = "0.52"
    project.write_table(rows)
    again = CHECKS | of_recording("S1C1") | DATASET | MODELS
    assert set(project.pending()) == again

    rows = table()
    for row in rows:
        row["split"] = {"Validation": "Test", "Test": "Validation"}.get(row["split"], row["split"])
    project.write_table(rows)
    assert set(project.pending()) == CHECKS | DATASET | MODELS


def test_added_recording_costs_its_own_jobs_and_what_is_made_of_all(project):
    shutil.copytree(project.folder / "videos" / "S3C2", project.folder / "videos" / "S4C1")
    project.write_table(
        [*table(), table()[-1] | {"subject": "S4", "camera": "C1", "videos": "videos/S4C1"}]
    )
    again = CHECKS | of_recording("S4C1") | DATASET | MODELS
    again |= {"index_recording S4C1", "concatenate_chapters S4C1"}
    assert set(project.pending()) == again


@pytest.mark.parametrize("frames", [{"size": 32}, {"size": 40, "full_size": True}])
def test_another_picture_is_extracted_again(project, frames):
    project.configure(frames=frames)
    assert rules(project.pending()) == {
        "extract_frames",
        "train_model",
        "evaluate_model",
        *DATASET,
    }


def test_sampling_chooses_again(project):
    project.configure(frames=CONFIG["frames"] | {"every": 3})
    again = {"label_frames", "extract_frames", "train_model", "evaluate_model"}
    assert rules(project.pending()) == again | DATASET


@pytest.mark.parametrize(
    ("module", "again"),
    [
        ("video/concatenation", {"concatenate_chapters"}),
        ("video/pixels", {"extract_frames", "train_model", "evaluate_model", *DATASET}),
        ("dataset/tree", {"train_model", "evaluate_model", *DATASET}),
        ("learning/architectures", {"train_model", "evaluate_model"}),
        ("learning/evaluation", {"evaluate_model"}),
        ("dataset/lookalikes", {"check_leakage", "train_model", "evaluate_model"}),
        ("cli", set()),
    ],
)
def test_edited_module_runs_the_rules_that_import_it(finished, repository, module, again):
    with (repository / "clapboard" / f"{module}.py").open("a") as file:
        file.write("EDITED = True\n")
    assert rules(Project(finished.folder, repository).pending()) == again


def test_edited_script_runs_its_rule(finished, repository):
    script = repository / "workflow" / "scripts" / "concatenate_chapters.py"
    script.write_text(script.read_text() + "\n# edited\n")
    os.utime(script, LONG_AGO)
    assert rules(Project(finished.folder, repository).pending()) == {"concatenate_chapters"}


def test_plan_grows_with_chapters_not_with_frames(tmp_path):
    plans = [
        make_project(tmp_path / str(frames), [frames, frames]).pending() for frames in (20, 200)
    ]
    assert plans[0] == plans[1]
    assert sum(job.startswith("extract_frames") for job in plans[0]) == 2 * len(table())


def test_batches_share_out_the_recordings(tmp_path):
    project = make_project(tmp_path / "project", [20, 20])
    whole = project.pending("--", "frames")
    batches = [
        project.pending("--batch", f"frames={number}/3", "--", "frames") for number in (1, 2)
    ]
    pictures = [{job for job in batch if job.startswith("extract_frames")} for batch in batches]
    assert all(pictures)
    assert not pictures[0] & pictures[1]
    for batch in batches:
        assert set(batch) < set(whole)
        of_pictures = {job.split()[1] for job in batch if job.startswith("extract_frames")}
        assert {job.split()[1] for job in batch if job.startswith("index_")} == of_pictures


@pytest.mark.slow
def test_what_is_made_in_batches_is_what_one_run_makes(finished, project):
    shutil.rmtree(project.results)
    shutil.rmtree(project.folder / ".snakemake")
    made = list[int]()
    for number in (1, 2):
        project.run("--batch", f"frames={number}/3", "--", "frames")
        made.append(len(list(project.results.glob("resized/*/*/manifest.parquet"))))
    whole = len(table()) * len(CHAPTERS)
    assert 0 < made[0] < made[1] < whole
    project.run("dataset")
    made, wanted = digests(project.folder), digests(finished.folder)
    assert made.items() <= wanted.items()
    assert {name for name in wanted if name.startswith("Data/")} <= set(made)


def test_single_file_can_be_asked_for(finished):
    made = finished.pending("results/resized/S1C1/02/manifest.parquet", "--forceall")
    assert set(made) == {
        "index_recording S1C1",
        "find_clap S1C1",
        "compute_framecsv S1C1",
        "label_frames S1C1",
        "extract_frames S1C1 02",
    }


def test_snakemake_finds_nothing_to_criticise(finished):
    assert "Congratulations" in finished.snakemake("--lint").screen
