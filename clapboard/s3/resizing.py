"""Frames of a bucket made smaller: get, resize, put, nothing on the disk of this machine."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import obstore
import pyarrow as pa
from av.video.frame import VideoFrame
from PIL import Image, ImageOps, UnidentifiedImageError

from clapboard.problems import InputError, Problem, refuse
from clapboard.s3 import concurrency
from clapboard.s3.bucket import MOST_IN_MEMORY, Bucket, Object
from clapboard.s3.failures import explained
from clapboard.s3.location import Location, frameless, in_other_bucket
from clapboard.s3.plan import Plan, Transfer
from clapboard.s3.receipt import BEGUN, NAME, Receipt, read_receipt, settle, unfinished
from clapboard.sessions.suffixes import is_jpeg
from clapboard.video.pixels import PIXEL_VERSION, JpegEncoder, PixelSettings, Resizer

SETTINGS = "settings.json"
"""Written before the first picture, so that those of other settings are never taken for ours."""


@dataclass(frozen=True)
class Resizing:
    """What the resized frames shall be.

    Attributes:
        frames: where the full-size frames are, one folder per recording.
        resized: where the small ones go.
        pixels: the pixel definition.
        sources: the full-size frames.
        listings: LIST requests that it took to find them.
    """

    frames: Location
    resized: Location
    pixels: PixelSettings
    sources: tuple[Object, ...]
    listings: int

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the content of a resized frame besides its source."""
        return asdict(self.pixels) | {"version": PIXEL_VERSION}


def find_frames(
    bucket: Bucket,
    frames: Location,
    resized: Location,
    recordings: Sequence[str],
    settings: Mapping[str, Any],
) -> Resizing:
    """List the full-size frames of some recordings.

    Args:
        bucket: that holds both locations.
        frames: ``{frames}/{recording}/*.jpg``.
        resized: of the small frames, the same names in the same bucket.
        recordings: their ids.
        settings: section `frames` of the configuration.

    Raises:
        InputError: the locations are in two buckets, or a recording has no frames there.
    """
    before = bucket.listings
    refuse(in_other_bucket(frames, resized, "s3.resized") or unfinished(bucket, frames))
    sources, missing = list[Object](), list[str]()
    for recording in recordings:
        prefix = frames.folder(recording).prefix
        found = [one for one in bucket.objects(prefix) if is_jpeg(one.key)]
        sources += found
        if not found:
            missing.append(recording)
    refuse(frameless(frames, missing))
    pixels, listings = PixelSettings.of(settings), bucket.listings - before
    return Resizing(frames, resized, pixels, tuple(sources), listings)


def plan_resizing(bucket: Bucket, resizing: Resizing, remove_stale: bool) -> Plan:
    """What has to be resized.

    A small frame is right when the receipt of the last run knows its entity tag and its source's;
    without a receipt, when it was written after both its source and the settings.
    """
    before = bucket.listings
    receipt = read_receipt(bucket, resizing.resized)
    begun = _begun(bucket, resizing, receipt)
    same = receipt is not None and receipt.facts.get("settings") == resizing.settings
    pairs = receipt.pairs() if receipt and same else {}
    there = {
        resizing.resized.name(found.key): found for found in bucket.objects(resizing.resized.prefix)
    }
    todo, wanted = list[Transfer](), set[str]()
    for source in resizing.sources:
        path = resizing.frames.name(source.key)
        wanted.add(path)
        made = there.get(path)
        known = made is not None and pairs.get(path) == (source.etag, made.etag)
        later = bool(made and begun and made.modified > max(begun, source.modified))
        if not (known or (receipt is None and later)):
            target = resizing.resized.key(path)
            todo.append(Transfer(source.key, target, source.bytes, source.etag))
    folders = {path.partition("/")[0] for path in wanted}
    stale = [path for path in there if path not in wanted and _is_frame(path, folders)]
    return Plan(
        action="resize",
        source=resizing.frames.url,
        target=resizing.resized.url,
        todo=tuple(todo),
        kept=len(wanted) - len(todo),
        listings=resizing.listings + bucket.listings - before,
        stale=tuple(resizing.resized.key(path) for path in sorted(stale)),
        remove_stale=remove_stale,
    )


def resize(bucket: Bucket, resizing: Resizing, plan: Plan) -> Receipt:
    """Carry out a plan; check the result against a new listing and write the receipt last.

    Raises:
        InputError: a request failed for good, or a picture is broken.
    """
    if plan.todo or plan.removed:
        if _begun(bucket, resizing, read_receipt(bucket, resizing.resized)) is None:
            bucket.write(resizing.resized.key(SETTINGS), _text(resizing))
        bucket.delete([resizing.resized.key(name) for name in (NAME, BEGUN)])
    shrink = _Shrinker(resizing.pixels)

    async def work(transfer: Transfer) -> None:
        answer = await obstore.get_async(bucket.store, transfer.source)
        data = bytes(await answer.bytes_async())
        small = await asyncio.to_thread(shrink, transfer.source, data)
        await obstore.put_async(bucket.uploads, transfer.target, small)

    connections = bucket.side_by_side(plan.largest, MOST_IN_MEMORY)
    with explained(bucket.name):
        concurrency.run(plan.todo, work, connections, "resizing", lambda one: one.bytes)
    bucket.delete(plan.removed)
    table = pa.table(
        {
            "path": [resizing.frames.name(source.key) for source in resizing.sources],
            "source_etag": [source.etag for source in resizing.sources],
        }
    )
    return settle(bucket, resizing.resized, table, resizing.settings)


class _Shrinker:
    """Resizes a JPEG file by the pixel definition; safe to call from several threads."""

    def __init__(self, pixels: PixelSettings) -> None:
        self.pixels = pixels
        self.own = threading.local()

    def __call__(self, key: str, data: bytes) -> bytes:
        if not hasattr(self.own, "resizer"):
            self.own.resizer = Resizer(self.pixels)
            self.own.encoder = JpegEncoder(self.pixels.quality)
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.draft("RGB", (2 * self.pixels.size, 2 * self.pixels.size))
                picture = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
            message = f"{key} is not a whole picture ({error})"
            remedy = "Upload it again, or delete it."
            raise InputError([Problem("unreadable-picture", message, remedy)]) from error
        encoded: bytes = self.own.encoder(self.own.resizer(VideoFrame.from_ndarray(picture)))
        return encoded


def _text(resizing: Resizing) -> bytes:
    return json.dumps(resizing.settings, sort_keys=True).encode()


def _begun(bucket: Bucket, resizing: Resizing, receipt: Receipt | None) -> datetime | None:
    """When resizing with these settings began, to which all later pictures are owed.

    None when it was with others, or never, or when uploads (`sync_frames`) have come between.
    """
    others = receipt is not None and receipt.facts.get("settings") != resizing.settings
    if others or any(bucket.objects(resizing.resized.key(BEGUN))):
        return None
    key = resizing.resized.key(SETTINGS)
    if bucket.read(key) != _text(resizing):
        return None
    return next(one.modified for one in bucket.objects(key) if one.key == key)


def _is_frame(path: str, folders: Collection[str]) -> bool:
    """Whether a name below the location is where resized frames of these recordings are put."""
    folder, _, name = path.partition("/")
    return folder in folders and "/" not in name and is_jpeg(name)
