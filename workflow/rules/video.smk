"""
Chapters as they come from the camera: when each frame is shown, and one file of them all.

The index is read from packets, nothing is decoded; everything else asks it instead of a frame rate.
"""


rule index_recording:
    """Number the frames of a recording over all chapters and note when each is shown."""
    input:
        chapters=known_chapters,
    output:
        index="<results>/index/{recording}.parquet",
        audit="<results>/audit/{recording}.json",
    log:
        "<logs>/index_recording/{recording}.log",
    benchmark:
        "<benchmarks>/index_recording/{recording}.tsv"
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(1_000),
        runtime=growing(60),
    params:
        recording=footage,
        settings=section("video", "damaged"),
        code=fingerprint.code("index_recording"),
    script:
        "../scripts/index_recording.py"


rule concatenate_chapters:
    """Join the chapters of a recording without decoding and check the result against the index."""
    input:
        chapters=ancient(chapter_files),
        index=rules.index_recording.output.index,
    output:
        video="<results>/video/{recording}.mp4",
    log:
        "<logs>/concatenate_chapters/{recording}.log",
    benchmark:
        "<benchmarks>/concatenate_chapters/{recording}.tsv"
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(1_000),
        runtime=growing(120),
    params:
        settings=section("video", "ffmpeg", "damaged"),
        sources=identities,
        code=fingerprint.code("concatenate_chapters"),
    script:
        "../scripts/concatenate_chapters.py"
