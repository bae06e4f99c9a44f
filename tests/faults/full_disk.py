"""No room to write: a full disk at every rule, and a limit of the size of files.

The run must end with one message that says so, what has been there before must be as it was, and a
plain call after there is room again must end with what an undisturbed run has made.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from pathlib import Path

from tests.faults import demo
from tests.faults.campaign import Case, Failed
from tests.faults.limits import Limits

IN_TESTS = 1

WITHOUT = "models/cnn/without/S1"
PREDICTED = "predictions/cnn/S4C1"
# Of every rule: the stage of the first session that makes it, and what it makes below results/.
FIRST: dict[str, tuple[int, list[str]]] = {
    "check_inputs": (1, ["check/report.csv", "check/accepted.json"]),
    "index_recording": (2, ["index/S1C1.parquet", "audit/S1C1.json"]),
    "find_clap": (2, ["audit/sync/S1C1.json", "audit/sync/S1C1.png"]),
    "compare_cameras": (4, ["audit/sync/cameras.csv"]),
    "compute_framecsv": (2, ["framecsv/S1C1.csv", "procedures/S1C1"]),
    "label_frames": (5, ["labels/S1C1.parquet"]),
    "extract_frames": (5, ["resized/S1C1/01"]),
    "concatenate_chapters": (7, ["video/S1C1.mp4"]),
    "link_dataset": (8, ["Data"]),
    "check_leakage": (9, ["check/leakage.csv"]),
    "train_model": (9, [f"models/cnn/{name}" for name in ("model.keras", "history.csv")]),
    "evaluate_model": (10, ["models/cnn/metrics.json", "models/cnn/predictions.parquet"]),
}
# The same of the second session.
SECOND: dict[str, tuple[int, list[str]]] = {
    "list_damage": (1, ["audit/damaged.csv"]),
    "number_classes": (1, ["Data/labels.csv"]),
    "pack_shards": (1, ["shards/S1C1.tar", "shards/S1C1.parquet"]),
    "list_dataset": (1, ["Data/manifest.parquet"]),
    "sample_frames": (2, ["sampled/S4C1.parquet"]),
    "predict_recording": (2, [f"{PREDICTED}/probabilities.parquet"]),
    "learn_durations": (2, ["audit/procedures.csv"]),
    "write_timeline": (2, [f"{PREDICTED}/{name}" for name in ("review.csv", "timeline.csv")]),
    "draw_overlay": (2, [f"{PREDICTED}/overlay.mp4"]),
    "compute_features": (
        3,
        ["features/{backbone}/S1C1.npy", "features/{backbone}/S1C1.frames.npy"],
    ),
    "train_fold": (3, [f"{WITHOUT}/model.keras", f"{WITHOUT}/history.csv"]),
    "evaluate_fold": (3, [f"{WITHOUT}/metrics.json", f"{WITHOUT}/predictions.parquet"]),
    "summarise_folds": (3, ["models/cnn/loso.json", "models/cnn/loso.csv"]),
    "compare_models": (3, ["comparison/models.csv", "comparison/subjects.png"]),
    "fuse_cameras": (3, ["models/cnn/fusion.json"]),
    "export_model": (4, ["models/cnn/export"]),
}
RULES = {**FIRST, **SECOND}
# Rules that need a bucket; docs/reliability.md says what they are.
LEFT_OUT = ("fetch_chapter", "label_on_s3", "resize_on_s3", "sync_frames")
# What Snakemake says of a job that has failed.
ERROR_IN = re.compile(r"^Error in rule (\w+):", re.MULTILINE)
# TensorFlow tells in its own words of errors in its pipelines, before ours.
WORDY = {"train_model", "train_fold"}

FULL = "disk full: "
LIMITED = "limit of the size of files"
WHOLE = "disk full, Snakemake's own records too"
WAYS = [
    (FULL, list(RULES)),
    (FULL, list(RULES)),
    (LIMITED, ["find_clap", "concatenate_chapters", "compute_features", "train_model"]),
    (LIMITED, ["pack_shards", "draw_overlay", "export_model"]),
    (WHOLE, ["check_inputs", "find_clap", "extract_frames", "link_dataset"]),
]
CASES = sum(len(rules) for _, rules in WAYS)
LARGE = 2**30
LEAST = 16384  # more than the screen of a call of Snakemake and its records have


def cases(chance: random.Random, count: int) -> list[Case]:
    """Every rule with nothing free and with some of what it needs, then the other ways."""
    drawn = []
    for kind, rules in WAYS:
        for rule in rules:
            share = chance.random() if len(drawn) >= len(RULES) else 0.0
            full = kind + rule if kind == FULL else kind
            drawn.append(Case(f"{len(drawn):02d}-{rule}", full, {"rule": rule, "share": share}))
    return drawn[:count]


def quick(case: Case) -> bool:
    """Whether no model is trained."""
    return case.values["rule"] in FIRST and FIRST[case.values["rule"]][0] <= 2


def impossible() -> str:
    """Whether this user may mount a file system."""
    trial = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    done = subprocess.run(trial, capture_output=True, text=True, check=False)
    return f"no tmpfs can be mounted here ({done.stderr.strip()})" if done.returncode else ""


def attempt(case: Case, folder: Path) -> None:
    """Take the room away, call, give it back, call, compare."""
    rule = case.values["rule"]
    session = demo.FIRST if rule in FIRST else demo.SECOND
    stage, names = RULES[rule]
    undisturbed, project = demo.stage(folder, stage, session), folder / "project"
    outputs = [_named(name, undisturbed) for name in names]
    results, whole = project / "results", case.kind == WHOLE
    demo.copy(undisturbed, project)
    made = [results / output for output in outputs]
    needed = sum(_bytes(path) for path in made)
    largest = max(_largest(path) for path in made)
    for path in made:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = demo.digests(project)
    targets = _targets(rule, outputs)
    if case.kind == LIMITED:
        limit = max(LEAST, int(largest * case.values["share"] * 0.9))
        said = demo.start(project, *targets, limits=Limits(file_size=limit)).finish(well=False)
        _judge(case, project, before, undisturbed, said, "File too large")
        demo.start(project, *targets).finish()
        _compare(project, undisturbed)
        return
    disk = project if whole else results
    moved = disk.rename(disk.with_name("moved"))
    disk.mkdir()
    mount("-t", "tmpfs", "-o", f"size={LARGE}", "tmpfs", str(disk))
    try:
        subprocess.run(["cp", "-a", f"{moved}/.", disk], check=True)
        for share in (case.values["share"], case.values["share"] / 3, 0.0):
            mount("-o", f"remount,size={_used(disk) + int(share * needed)}", str(disk))
            said = demo.start(project, *targets).finish(well=False)
            if "No space left" in said or not share:
                break
            for path in made:  # it was enough
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        _judge(case, project, before, undisturbed, said, "No space left on device")
        mount("-o", f"remount,size={LARGE}", str(disk))
        demo.start(project, *targets).finish()
        _compare(project, undisturbed)
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def mount(*arguments: str) -> None:
    """Call mount."""
    subprocess.run(["mount", *arguments], check=True)


def _named(output: str, project: Path) -> str:
    """An output, the folder of the features that there are written out."""
    if "{backbone}" not in output:
        return output
    (features,) = (project / "results" / "features").iterdir()
    return output.format(backbone=features.name)


def _targets(rule: str, outputs: list[str]) -> list[str]:
    """Files by which snakemake is asked for what a rule makes."""
    inner = {"extract_frames": "manifest.parquet", "link_dataset": "manifest.parquet"}
    ends = [f"{output}/{inner[rule]}" if rule in inner else output for output in outputs]
    return [f"results/{end}" for end in ends]


def _bytes(path: Path) -> int:
    """What a file or folder takes on the disk."""
    return sum(file.stat().st_blocks * 512 for file in [path, *path.rglob("*")])


def _largest(path: Path) -> int:
    """Size of the largest file."""
    return max(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())


def _used(disk: Path) -> int:
    usage = shutil.disk_usage(disk)
    return usage.total - usage.free


def _judge(
    case: Case,
    project: Path,
    before: dict[str, str],
    undisturbed: Path,
    said: str,
    reason: str,
) -> None:
    """Whether the rule of the case failed, one message says why, and nothing half-made is believed.

    When Snakemake's own records have no room either, it may end before any job.
    """
    if reason not in said:
        raise Failed(f"the reason is not said:\n{said}")
    if case.kind != WHOLE:
        if (failed := set(ERROR_IN.findall(said))) != {case.values["rule"]}:
            raise Failed(f"it was {failed or 'no rule'} that failed:\n{said}")
        if not any(remedy in said for remedy in ("[disk]", "[cache]")):
            raise Failed(f"the remedy is not said:\n{said}")
        if "Traceback" in said and case.values["rule"] not in WORDY:
            raise Failed(f"more than a message:\n{said}")
    wanted = demo.digests(undisturbed)
    for name, digest in demo.digests(project).items():
        inner = ".partial-" in name or name.endswith("ledger.parquet")
        believed = not inner and not name.startswith("Data/") and "/training/" not in name
        if believed and digest != wanted.get(name, before.get(name)):
            raise Failed(f"half-made: {name}")


def _compare(project: Path, undisturbed: Path) -> None:
    if found := demo.differences(project, undisturbed):
        raise Failed("\n".join(found))
