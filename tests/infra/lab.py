"""A lab whose frames are in a bucket: little pictures, labels and indexes for a few subjects."""

import io
import time
from fractions import Fraction

import numpy as np
import pyarrow as pa
from PIL import Image

from clapboard.artifacts import write_parquet
from clapboard.problems import InputError
from clapboard.s3.bucket import Bucket
from clapboard.s3.location import Location
from clapboard.video.index import Chapter, RecordingIndex

SETTINGS = {"encryption": "none", "kms_key": "", "connections": 16, "tries": 4}


def connect(name, endpoint, **changes):
    return Bucket(name, SETTINGS | {"endpoint": endpoint} | changes)


def become(monkeypatch, credentials):
    """Be somebody else for the rest of the test."""
    for name, value in credentials.items():
        monkeypatch.setenv(name, value)


def until_readable(bucket, key):
    """Wait: a server that has just come back lists objects before it can give their content."""
    end = time.monotonic() + 60
    while True:
        try:
            return bucket.read(key)
        except InputError:
            if time.monotonic() > end:
                raise
            time.sleep(1)


def picture(red):
    """A JPEG of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (96, 64), (red, 9, 9)).save(buffer, "JPEG")
    return buffer.getvalue()


def encryption(bucket, location):
    """How the server says that each object below a location is encrypted, by its name."""
    found = {}
    for one in bucket.objects(location.prefix):
        head = bucket.control.head_object(Bucket=bucket.name, Key=one.key)
        found[location.name(one.key)] = head.get("ServerSideEncryption")
    return found


def recording(subject, split):
    fields = {"id": f"{subject}C2", "subject": subject, "session": "", "camera": "C2"}
    return fields | {"split": split}


class Lab:
    """Frames below ``framedata`` in a prefix, if there is one; labels and indexes in a folder."""

    def __init__(self, bucket, folder, prefix, splits, frames=12):
        self.bucket, self.folder = bucket, folder
        below = f"{prefix}/" if prefix else ""
        self.frames = Location(bucket.name, f"{below}framedata/")
        self.data = Location(bucket.name, f"{below}Data/")
        self.recordings = [recording(subject, split) for subject, split in splits.items()]
        self.labels, self.indexes = {}, {}
        for number, member in enumerate(self.recordings):
            self.index(member["id"], frames)
            self.label(member["id"], {n: ("BAGGING", "IV/IO LINE")[n % 2] for n in range(3, 11)})
            for frame in range(1, frames + 1):
                self.put(member["id"], frame, b"%d %d" % (number, frame))

    def put(self, recording, frame, data):
        name = f"{recording}/{recording}{frame:06d}.jpg"
        self.bucket.control.put_object(
            Bucket=self.bucket.name, Key=self.frames.key(name), Body=data
        )

    def index(self, recording, frames):
        path = self.folder / "index" / f"{recording}.parquet"
        numbers = np.arange(frames, dtype=np.int64)
        chapter = Chapter(
            1, "x.mp4", "video", Fraction(1, 25), frames, "h264", 64, 64, Fraction(frames, 25)
        )
        RecordingIndex(
            recording=recording,
            time_base=Fraction(1, 25),
            rate=Fraction(25),
            pts=numbers,
            chapter=np.ones(frames, np.int16),
            key=np.ones(frames, bool),
            source_pts=numbers,
            chapters=(chapter,),
        ).write(path)
        self.indexes[recording] = str(path)

    def label(self, recording, labels):
        path = self.folder / "labels" / f"{recording}.parquet"
        columns = {
            "frame": pa.array(list(labels), pa.int64()),
            "chapter": pa.array([1] * len(labels), pa.int16()),
            "label": pa.array(list(labels.values()), pa.string()),
            "row": pa.array([2] * len(labels), pa.int32()),
            "selected": pa.array([True] * len(labels)),
        }
        write_parquet(path, pa.table(columns))
        self.labels[recording] = str(path)

    def below(self, location):
        """Name -> content of everything below a location."""
        names = [location.name(found.key) for found in self.bucket.objects(location.prefix)]
        return {name: self.bucket.read(location.key(name)) for name in names}
