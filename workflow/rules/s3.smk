"""
Frames that are in a bucket already: labelled, resized, brought up and down there.

Nothing else depends on these rules; name one to run it. A dry run (`snakemake -n label_on_s3`)
asks the bucket and shows what there is to do and what it costs. They have no output that Snakemake
could take for proof: what is in a bucket changes without its knowing, so that they ask it each time.
"""


include: "s3_plans.smk"


rule label_on_s3:
    """Copy the labelled frames of `s3.frames` to `s3.data`, by split and label, on the server."""
    input:
        labels=expand("<results>/labels/{recording}.parquet", recording=IN_DATASET),
        indexes=expand("<results>/index/{recording}.parquet", recording=IN_DATASET),
    log:
        "<logs>/label_on_s3.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(2_000),
        runtime=growing(240),
    params:
        settings=section("s3"),
        recordings=membership(IN_DATASET),
        annotations=section("annotations", "unseen"),
        plan=label_plan,
        done=f"{settings.results}/s3/label_on_s3.json",
        code=fingerprint.code("label_on_s3"),
    message:
        "{params.plan}"
    script:
        "../scripts/label_on_s3.py"


rule resize_on_s3:
    """Make small frames in `s3.resized` of the frames in `s3.frames`, not touching the disk."""
    log:
        "<logs>/resize_on_s3.log",
    conda:
        "../../envs/media.yaml"
    threads: all_cores
    resources:
        mem_mb=growing(2_000),
        runtime=growing(720),
    params:
        settings=section("s3"),
        frames=section("frames", *PIXELS),
        recordings=IN_DATASET,
        plan=resize_plan,
        done=f"{settings.results}/s3/resize_on_s3.json",
        code=fingerprint.code("resize_on_s3"),
    message:
        "{params.plan}"
    script:
        "../scripts/resize_on_s3.py"


rule sync_frames:
    """Bring frames up to the bucket or down from it, as `s3.sync` says; only those that differ."""
    input:
        manifests=frames_to_sync(),
    log:
        "<logs>/sync_frames.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(2_000),
        runtime=growing(720),
    params:
        settings=section("s3"),
        recordings=IN_DATASET,
        others=PREDICTED,  # whose frames nobody brings up
        plan=sync_plan,
        done=f"{settings.results}/s3/sync_frames.json",
        code=fingerprint.code("sync_frames"),
    message:
        "{params.plan}"
    script:
        "../scripts/sync_frames.py"
