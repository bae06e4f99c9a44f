"""
What the rules for a bucket would do, for a dry run to show.

A plan is a parameter only to be shown. The imports stay inside, since they take a second.
"""


def label_plan(wildcards, input):
    """What `label_on_s3` would do."""
    from clapboard.s3.jobs import LabelOnS3, plan_of

    return plan_of(
        LabelOnS3,
        settings=section("s3"),
        recordings=membership(IN_DATASET),
        labels_files=input.labels,
        indexes=input.indexes,
        unseen=section("annotations")["unseen"],
    )


def resize_plan(wildcards):
    """What `resize_on_s3` would do."""
    from clapboard.s3.jobs import ResizeOnS3, plan_of

    return plan_of(
        ResizeOnS3, settings=section("s3"), recordings=IN_DATASET, frames=section("frames")
    )


def sync_plan(wildcards, input):
    """What `sync_frames` would do."""
    from clapboard.s3.jobs import SyncFrames, plan_of

    return plan_of(
        SyncFrames,
        settings=section("s3"),
        recordings=IN_DATASET,
        manifests=input.manifests,
        folder=f"{settings.results}/framedata",
        others=PREDICTED,
    )


def frames_to_sync():
    """The manifests of the pictures that go up; none for the way down."""
    if settings.s3.sync == "download":
        return []
    return manifests("frames" if settings.frames.full_size else "resized", IN_DATASET)
