"""The jobs of `workflow/rules/s3.smk`, each with the plan that a dry run shows."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from clapboard.artifacts import write_json
from clapboard.problems import InputError, Problem
from clapboard.s3.bucket import Bucket
from clapboard.s3.downloading import download, plan_download
from clapboard.s3.labelling import Labelled, find_labelled, label, plan_labels
from clapboard.s3.location import Location
from clapboard.s3.plan import Plan
from clapboard.s3.receipt import Receipt
from clapboard.s3.resizing import Resizing, find_frames, plan_resizing, resize
from clapboard.s3.uploading import local_frames, plan_upload, upload

Settings = Mapping[str, Any]


class LabelOnS3:
    """Rule `label_on_s3`.

    Args:
        settings: section `s3` of the configuration.
        recordings: ``id`` and ``split`` of each.
        labels_files: ``labels/{id}.parquet``, in the order of `recordings`.
        indexes: ``index/{id}.parquet``, in the order of `recordings`.
        unseen: what becomes of a label that Training does not have.
    """

    def __init__(
        self,
        settings: Settings,
        recordings: Sequence[Mapping[str, str]],
        labels_files: Sequence[str],
        indexes: Sequence[str],
        unseen: str,
    ) -> None:
        self.settings = settings
        self.bucket = Bucket(_place(settings, "data").bucket, settings)
        ids = [recording["id"] for recording in recordings]
        self.labelled: Labelled = find_labelled(
            self.bucket,
            _place(settings, "frames"),
            _place(settings, "data"),
            recordings,
            dict(zip(ids, labels_files, strict=True)),
            dict(zip(ids, indexes, strict=True)),
            unseen,
        )

    def plan(self) -> Plan:
        """What there is to do."""
        return plan_labels(self.bucket, self.labelled, self.settings["remove_stale"])

    def run(self, plan: Plan) -> Receipt:
        """Do it."""
        return label(self.bucket, self.labelled, plan)


class ResizeOnS3:
    """Rule `resize_on_s3`.

    Args:
        settings: section `s3` of the configuration.
        recordings: ids.
        frames: section `frames` of the configuration.
    """

    def __init__(self, settings: Settings, recordings: Sequence[str], frames: Settings) -> None:
        self.settings = settings
        self.bucket = Bucket(_place(settings, "resized").bucket, settings)
        self.resizing: Resizing = find_frames(
            self.bucket,
            _place(settings, "frames"),
            _place(settings, "resized"),
            recordings,
            frames,
        )

    def plan(self) -> Plan:
        """What there is to do."""
        return plan_resizing(self.bucket, self.resizing, self.settings["remove_stale"])

    def run(self, plan: Plan) -> Receipt:
        """Do it."""
        return resize(self.bucket, self.resizing, plan)


class SyncFrames:
    """Rule `sync_frames`.

    Args:
        settings: section `s3` of the configuration; `sync` says which way.
        recordings: ids of those that are downloaded and must have frames there.
        manifests: of the folders that are uploaded, ``{store}/{recording}/{chapter}/...``; those of
            the store ``frames`` go to the key `frames`, those of ``resized`` to `resized`.
        folder: gets a folder per downloaded recording.
        others: ids of those of which is downloaded what there is.
    """

    def __init__(
        self,
        settings: Settings,
        recordings: Sequence[str],
        manifests: Sequence[str],
        folder: str | os.PathLike[str],
        others: Sequence[str],
    ) -> None:
        self.settings = settings
        self.recordings, self.others, self.folder = recordings, others, Path(folder)
        self.up = settings["sync"] == "upload"
        folders = dict[str, list[Path]]()
        store = "frames"
        for manifest in manifests:
            chapter = Path(manifest).parent
            store = chapter.parents[1].name
            folders.setdefault(chapter.parent.name, []).append(chapter)
        self.originals = store == "frames"
        self.place = _place(settings, store)
        self.bucket = Bucket(self.place.bucket, settings)
        self.files = local_frames(folders)

    def plan(self) -> Plan:
        """What there is to do."""
        if self.up:
            remove_stale = self.settings["remove_stale"]
            return plan_upload(self.bucket, self.files, self.place, remove_stale, self.originals)
        return plan_download(self.bucket, self.place, self.recordings, self.folder, self.others)

    def run(self, plan: Plan) -> Receipt:
        """Do it."""
        if self.up:
            return upload(self.bucket, self.files, self.place, plan)
        return download(self.bucket, plan)


Job = LabelOnS3 | ResizeOnS3 | SyncFrames


def plan_of(job: Callable[..., Job], **arguments: Any) -> str:
    """What a job would do; in words why that is not known yet or cannot be done."""
    try:
        return str(job(**arguments).plan())
    except FileNotFoundError as error:
        return f"The plan is known once {error.filename} is made."
    except InputError as error:
        return str(error)


def perform(job: Job, done: str | os.PathLike[str]) -> None:
    """Plan a job, say so, run it, and note on disk what was done.

    Args:
        job: what to do.
        done: the JSON file to write; with counts and digest of what is there now.
    """
    plan = job.plan()
    tqdm.write(str(plan), file=sys.stderr)
    receipt = job.run(plan)
    counts = {"objects": len(plan.todo), "bytes": plan.bytes, "removed": len(plan.removed)}
    write_json(done, {"target": plan.target, "done": counts, "there": dict(receipt.facts)})


def _place(settings: Settings, key: str) -> Location:
    """One of the folders of the configuration.

    Raises:
        InputError: it is not set.
    """
    if not settings[key]:
        message = "this is needed and not set"
        remedy = f"Write s3://bucket/{key} or the like."
        raise InputError([Problem("not-set", message, remedy, column=f"s3.{key}")])
    return Location.parse(settings[key])
