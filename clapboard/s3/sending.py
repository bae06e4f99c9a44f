"""One file of any size to an object: a line that stands still is given up, a slow one is not."""

from __future__ import annotations

from pathlib import Path

from boto3.s3.transfer import TransferConfig
from tqdm import tqdm

from clapboard.s3.bucket import Bucket
from clapboard.s3.clients import arguments_of_uploads
from clapboard.s3.failures import explained
from clapboard.s3.parts import sent_part

AT_ONCE = 8


def send_file(bucket: Bucket, path: Path, key: str) -> str:
    """Bring a file to an object, which the bucket has whole or not at all; its entity tag.

    Raises:
        InputError: a request failed for good.
        FileNotFoundError: there is no such file.
    """
    size = path.stat().st_size
    part = sent_part(size)
    config = TransferConfig(
        multipart_threshold=part, multipart_chunksize=part, max_concurrency=AT_ONCE
    )
    place = {"Bucket": bucket.name, "Key": key}
    with (
        path.open("rb") as file,
        tqdm(total=size, desc=path.name, unit="B", unit_scale=True) as bar,
        explained(bucket.name),
    ):
        bucket.sender.upload_fileobj(
            file,
            **place,
            ExtraArgs=arguments_of_uploads(bucket.settings),
            Callback=bar.update,
            Config=config,
        )
        etag: str = bucket.control.head_object(**place)["ETag"]
    return etag.strip('"')
