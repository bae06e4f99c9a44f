"""
The frame store: selected frames as pictures, one job per chapter.

A store without its manifest does not exist for the rest; a killed job goes on where it stopped.
"""


rule sample_frames:
    """Say which frames of a recording without labels are looked at."""
    input:
        index=rules.index_recording.output.index,
    output:
        sample="<results>/sampled/{recording}.parquet",
    log:
        "<logs>/sample_frames/{recording}.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(1_000),
        runtime=growing(10),
    params:
        frames=section("frames", "every"),
        code=fingerprint.code("sample_frames"),
    script:
        "../scripts/sample_frames.py"


rule extract_frames:
    """Decode the groups of pictures that hold selected frames and write those frames."""
    input:
        chapter=ancient(chapter_file),
        index=rules.index_recording.output.index,
        labels=frames_wanted,
    output:
        **frame_stores(),
    log:
        "<logs>/extract_frames/{recording}-{chapter}.log",
    benchmark:
        "<benchmarks>/extract_frames/{recording}-{chapter}.tsv"
    conda:
        "../../envs/media.yaml"
    threads: cores_per_chapter
    resources:
        mem_mb=growing(1_500),
        runtime=growing(240),
        # No parameter: what a card has decoded is not made again in software.
        hwaccel=settings.video.hwaccel,
    params:
        settings=EXTRACTION,
        recording=row("kind"),
        source=chapter_identity,
        code=fingerprint.code("extract_frames"),
    script:
        "../scripts/extract_frames.py"


rule list_damage:
    """List what could not be decoded, with video.damaged: skip; fail if that was all of a label."""
    input:
        labels=expand("<results>/labels/{recording}.parquet", recording=IN_DATASET),
        manifests=SHARDS if SHARDED else ALL_MANIFESTS,
    output:
        damaged="<results>/audit/damaged.csv",
    log:
        "<logs>/list_damage.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(1_000),
        runtime=growing(10),
    params:
        recordings=membership(IN_DATASET, ("id", "split")),
        code=fingerprint.code("list_damage"),
    script:
        "../scripts/list_damage.py"


# Where damage is refused there is none to list.
ALL_DAMAGES = rules.list_damage.output if settings.video.damaged == "skip" else []
