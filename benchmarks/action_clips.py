"""A dataset of clips each of which shows one action from first to last, split by nobody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from clapboard import artifacts
from clapboard.dataset.tree import write_dataset
from clapboard.pictures.frames import write_frames
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index


@dataclass(frozen=True)
class ActionClip:
    """A clip.

    Attributes:
        subject: who acts, such as S1.
        session: as which of their actions, such as R1.
        action: what every frame is labelled.
        file: the video.
    """

    subject: str
    session: str
    action: str
    file: Path


def write_clips(clips: Iterable[ActionClip], size: int, folder: Path) -> Path:
    """Bring clips into the form of a dataset, unless that is done; the folder of its manifest.

    Args:
        clips: all of camera C1.
        size: sides of the pictures, pixels; clips are stretched to it.
        folder: one for these clips and pixels.
    """
    if (folder / "Data" / "manifest.parquet").exists():
        return folder / "Data"
    recordings, labels, manifests = [], {}, {}
    for clip in clips:
        recording = f"{clip.subject}{clip.session}C1"
        index = folder / "index" / f"{recording}.parquet"
        audit = folder / f"audit/{recording}.json"
        write_index(recording, [str(clip.file)], "video", "", index, audit)
        frames = range(1, len(RecordingIndex.read(index)) + 1)
        table = pa.table(
            {
                "frame": pa.array(frames, pa.int64()),
                "chapter": pa.array([1] * len(frames), pa.int16()),
                "label": [clip.action] * len(frames),
                "selected": [True] * len(frames),
            }
        )
        labels[recording] = str(folder / "labels" / f"{recording}.parquet")
        artifacts.write_parquet(labels[recording], table, {"recording": recording})
        store = folder / "resized" / recording / "01" / "manifest.parquet"
        pixels = {"size": size, "fit": "stretch", "quality": 2}
        write_frames(recording, 1, str(clip.file), "video", index, labels[recording], pixels, store)
        manifests[recording] = [str(store)]
        who = {"id": recording, "subject": clip.subject, "session": clip.session}
        recordings.append({**who, "camera": "C1", "split": "Training"})
    write_dataset(recordings, labels, manifests, "refuse", folder / "Data")
    return folder / "Data"
