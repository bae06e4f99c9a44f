"""The job that fills the frame stores of a chapter: selected frames, decoded once.

Frames already in a store are not decoded again, whatever they were selected for; frames no longer
selected stay in it for a later selection. What counts is the manifest, written last.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from tqdm import tqdm

from clapboard import fingerprint
from clapboard.arrow import numbers
from clapboard.artifacts import digest, read_parquet, write_parquet
from clapboard.pictures.store import FrameStore
from clapboard.problems import InputError, Problem
from clapboard.video.damage import spoilt_problem, stretches
from clapboard.video.decoding import card_decodes, decode_frames
from clapboard.video.groups import split_frames
from clapboard.video.images import read_frames
from clapboard.video.index import RecordingIndex
from clapboard.video.media import open_video
from clapboard.video.pixels import PIXEL_VERSION, FullSize, JpegEncoder, PixelSettings, Resizer

Kind = Literal["video", "images"]
Render = Callable[[VideoFrame], VideoFrame]


@dataclass(frozen=True)
class _Output:
    """One store to fill, and how its pictures are made (a maker per thread: scalers keep state)."""

    manifest: Path
    store: FrameStore
    quality: int
    maker: Callable[[], Render]


def write_frames(
    recording: str,
    chapter: int,
    source: str,
    kind: Kind,
    index_file: str | os.PathLike[str],
    labels_file: str | os.PathLike[str],
    settings: Mapping[str, Any],
    resized: str | os.PathLike[str],
    full_size: str | os.PathLike[str] | None = None,
    threads: int = 0,
) -> None:
    """Write the selected frames of a chapter as JPEGs, and the manifests of the folders.

    Args:
        recording: id of the recording.
        chapter: number of the chapter.
        source: its file; for images, its folder.
        kind: ``video`` or ``images``.
        index_file: index of the recording.
        labels_file: its labelled frames; those marked as selected are written.
        settings: `size`, `fit`, `quality` of the config section ``frames``, `hwaccel` and
            `damaged` of the section ``video`` (``none`` and ``refuse`` when left out).
        resized: manifest of the resized frames; the frames lie beside it.
        full_size: manifest of the frames at full size, when they are wanted.
        threads: groups of pictures decoded at the same time; 0 takes every available core.

    Raises:
        InputError: the source is unreadable or does not deliver a frame.
    """
    index = RecordingIndex.read(index_file)
    frames = _selected(labels_file, chapter)
    outputs = _outputs(recording, index, chapter, source, kind, settings, resized, full_size)
    missing = np.array(
        [frame for frame in frames if not all(frame in output.store for output in outputs)],
        np.int64,
    )
    workers = threads or len(os.sched_getaffinity(0))
    try:
        spoilt = _extract(source, kind, index, chapter, missing, outputs, workers, settings)
    finally:
        for output in outputs:
            output.store.save()
    _judge(spoilt, source, index, len(frames), settings.get("damaged", "refuse"))
    stored = frames[~np.isin(frames, list(spoilt))]
    seconds = [float(index.seconds(int(frame))) for frame in stored]
    facts = {
        "recording": recording,
        "chapter": chapter,
        "file": source,
        "spoilt": [
            [first, last, float(index.seconds(first)), float(index.seconds(last))]
            for first, last in stretches(spoilt)
        ],
    }
    for output in outputs:
        write_parquet(output.manifest, output.store.table(stored.tolist(), seconds), facts)


def _judge(
    spoilt: Mapping[int, str], source: str, index: RecordingIndex, wanted: int, policy: str
) -> None:
    """Say which frames are spoilt, and refuse them if the policy or their number asks for it."""
    if not spoilt:
        return
    if policy != "skip" or len(spoilt) == wanted:
        raise InputError([spoilt_problem(source, index, spoilt, wanted)])
    warning = spoilt_problem(source, index, spoilt, wanted, severity="warning")
    print(warning, file=sys.stderr)  # noqa: T201 - the job's log


def read_manifest(path: str | os.PathLike[str]) -> pa.Table:
    """The pictures of a chapter: `frame`, `seconds`, `file`, `bytes`, `digest`."""
    return read_parquet(path)[0]


def _selected(labels_file: str | os.PathLike[str], chapter: int) -> NDArray[np.int64]:
    labels, _ = read_parquet(labels_file, ["frame", "chapter", "selected"])
    rows = (numbers(labels["chapter"]) == chapter) & numbers(labels["selected"])
    return np.sort(numbers(labels["frame"])[rows])


def _outputs(
    recording: str,
    index: RecordingIndex,
    chapter: int,
    source: str,
    kind: Kind,
    settings: Mapping[str, Any],
    resized: str | os.PathLike[str],
    full_size: str | os.PathLike[str] | None,
) -> list[_Output]:
    """The stores to fill. Their old manifests are gone: they may name pictures that are not."""
    pixels = PixelSettings.of(settings)
    shaped = kind == "video" and pixels.fit != "stretch"
    aspect = _pixel_aspect(source) if shaped else Fraction(1)
    origin = _origin(source, index, chapter) | {"quality": pixels.quality}

    def output(
        manifest: str | os.PathLike[str], shape: dict[str, Any], maker: Callable[[], Render]
    ) -> _Output:
        Path(manifest).unlink(missing_ok=True)
        store = FrameStore(Path(manifest).parent, recording, origin | shape)
        return _Output(Path(manifest), store, pixels.quality, maker)

    shape = {"size": pixels.size, "fit": pixels.fit}
    outputs = [output(resized, shape, partial(Resizer, pixels, aspect))]
    if full_size:
        outputs.append(output(full_size, {"size": "full"}, FullSize))
    return outputs


def _origin(source: str, index: RecordingIndex, chapter: int) -> dict[str, Any]:
    """What pictures of a chapter depend on besides size, fit and quality.

    The numbers of its frames are part of it: they move when an earlier chapter is replaced.
    """
    members = index.chapter_frames(chapter)
    times = index.source_pts[members.start - 1 : members.stop - 1]
    origin = {
        "pixels": PIXEL_VERSION,
        "source": fingerprint.source(source),
        "first_frame": members.start,
        "times": digest(times.tobytes()),
    }
    if not index.key[members.start - 1] or index.chapters[chapter - 1].codec == "mpeg4":
        # Stores from before key frames that an edit list hides were read may hold wrong pictures:
        # at the beginning of any, and between two edits of MPEG-4, which nobody saw.
        origin["hidden_key_frame"] = "read"
    return origin


def _pixel_aspect(source: str) -> Fraction:
    with open_video(source) as (_, stream):
        return Fraction(stream.sample_aspect_ratio or 1)


def _extract(
    source: str,
    kind: Kind,
    index: RecordingIndex,
    chapter: int,
    frames: NDArray[np.int64],
    outputs: list[_Output],
    workers: int,
    settings: Mapping[str, Any],
) -> dict[int, str]:
    """Decode `frames` in parallel runs of groups of pictures and fill the stores.

    Returns:
        The frames that damage has reached, each with a reason.
    """
    spoilt = dict[int, str]()
    if kind == "video":
        parts = split_frames(index, chapter, frames, workers)
    else:
        parts = [part for part in np.array_split(frames, workers) if len(part)]
    decoders = max(1, workers // max(1, len(parts)))

    hardware = kind == "video" and len(parts) and settings.get("hwaccel", "none") == "auto"
    card = bool(hardware and card_decodes(index.chapters[chapter - 1].codec))
    stopped = Event()

    def pictures(part: NDArray[np.int64]) -> Iterator[tuple[int, VideoFrame]]:
        if kind == "images":
            size = 0 if len(outputs) > 1 else settings["size"]
            return read_frames(source, index, chapter, part, size)
        return decode_frames(source, index, chapter, part, decoders, card, spoilt)

    def fill(part: NDArray[np.int64]) -> None:
        makers = [(out.store, out.maker(), JpegEncoder(out.quality)) for out in outputs]
        for frame, picture in pictures(part):
            if stopped.is_set():
                return
            for store, render, encode in makers:
                if frame not in store:
                    store.add(frame, encode(render(picture)))
            progress.update()

    with ExitStack() as stack:
        title = f"{index.recording} chapter {chapter}"
        progress = stack.enter_context(tqdm(total=len(frames), desc=title, unit="frame"))
        pool = stack.enter_context(ThreadPoolExecutor(workers))
        stack.callback(stopped.set)
        problems: list[Problem] = []
        for done in as_completed([pool.submit(fill, part) for part in parts]):
            try:
                done.result()
            except InputError as error:
                # The other runs go on: what they write need not be decoded next time.
                problems.extend(error.problems)
    if problems:
        raise InputError(problems)
    return spoilt
