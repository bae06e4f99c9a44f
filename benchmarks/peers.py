"""The labelled frames of a recording by other tools, each in the way its documentation shows.

Runs in an environment of its own (`CLAPBOARD_PEERS`, a Python with opencv-python-headless, decord,
torch and torchcodec), so that none of them is needed to work on Clapboard.

    python peers.py WAY RANGES FOLDER CHAPTER...
    python peers.py list CHAPTER
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

SIDE = 224
WAYS = ("pyav", "opencv", "decord", "torchcodec")


def wanted(ranges: Path, first: int, count: int) -> list[int]:
    """Labelled frames of a chapter, counted from 0 in the chapter."""
    frames = set()
    for sheet in ranges.iterdir():
        with sheet.open(newline="") as file:
            for row in csv.reader(file):
                frames.update(range(int(row[0]), int(row[1]) + 1))
    return sorted(frame - first for frame in frames if first <= frame < first + count)


def pyav(file: str, ranges: Path, first: int, folder: Path) -> int:
    """Decode all, turn each wanted frame into a Pillow image, resize, save."""
    import av

    with av.open(file) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        keep = set(wanted(ranges, first, stream.frames))
        for number, frame in enumerate(container.decode(stream)):
            if number in keep:
                image = frame.to_image().resize((SIDE, SIDE))
                image.save(folder / f"S1C2{first + number:06d}.jpg", quality=95)
        return stream.frames


def opencv(file: str, ranges: Path, first: int, folder: Path) -> int:
    """Grab all, retrieve the wanted, area resize, imwrite."""
    import cv2

    video = cv2.VideoCapture(file)
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    keep = set(wanted(ranges, first, count))
    for number in range(count):
        if not video.grab():
            break
        if number in keep:
            _, frame = video.retrieve()
            small = cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(folder / f"S1C2{first + number:06d}.jpg"), small)
    return count


def decord(file: str, ranges: Path, first: int, folder: Path) -> int:
    """Batches of wanted frames, scaled by the reader."""
    import cv2
    from decord import VideoReader

    reader = VideoReader(file, width=SIDE, height=SIDE)
    keep = wanted(ranges, first, len(reader))
    for start in range(0, len(keep), 64):
        batch = keep[start : start + 64]
        for number, image in zip(batch, reader.get_batch(batch).asnumpy(), strict=True):
            cv2.imwrite(str(folder / f"S1C2{first + number:06d}.jpg"), image[:, :, ::-1])
    return len(reader)


def torchcodec(file: str, ranges: Path, first: int, folder: Path) -> int:
    """Batches of wanted frames, scaled by the decoder's transform."""
    import cv2
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import Resize

    decoder = VideoDecoder(file, dimension_order="NHWC", transforms=[Resize(size=(SIDE, SIDE))])
    keep = wanted(ranges, first, len(decoder))
    for start in range(0, len(keep), 64):
        batch = keep[start : start + 64]
        images = decoder.get_frames_at(indices=batch).data.numpy()
        for number, image in zip(batch, images, strict=True):
            cv2.imwrite(str(folder / f"S1C2{first + number:06d}.jpg"), image[:, :, ::-1])
    return len(decoder)


def usable(file: str) -> list[str]:
    """The ways whose tool is there and reads a file."""
    found = []
    for name in WAYS:
        try:
            with tempfile.TemporaryDirectory() as nothing:
                globals()[name](file, Path(nothing), 1, Path(nothing))
        except (ImportError, OSError, RuntimeError) as error:
            print(f"{name} is left out: {str(error).strip().splitlines()[0]}", file=sys.stderr)
        else:
            found.append(name)
    return found


if __name__ == "__main__":
    way, *arguments = sys.argv[1:]
    if way == "list":
        print(" ".join(usable(*arguments)))
    else:
        sheets, output, *chapters = arguments
        offset = 1
        for chapter in chapters:
            offset += globals()[way](chapter, Path(sheets), offset, Path(output))
