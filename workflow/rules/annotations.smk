"""
Sheets: from what somebody wrote to a label for every frame.

The index of the recording says which frames lie in an interval.
"""


rule find_clap:
    """Say where in the recording the sheet begins; hear the claps and measure their drift."""
    input:
        sheet=ancient(sheet_file),
        index=rules.index_recording.output.index,
        fetched=ancient(fetched_chapters),
    output:
        sync="<results>/audit/sync/{recording}.json",
        plot="<results>/audit/sync/{recording}.png",
    log:
        "<logs>/find_clap/{recording}.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(1_000),
        runtime=growing(30),
    params:
        annotations=section("annotations", *READING),
        settings=section("sync"),
        recording=row("clap", "subject"),
        source=sheet_identity,
        # What is heard: the index is the same for chapters that differ in their sound alone.
        chapters=identities,
        code=fingerprint.code("find_clap"),
    script:
        "../scripts/find_clap.py"


rule compare_cameras:
    """Compare the clocks of cameras that filmed the same session."""
    input:
        syncs=expand("<results>/audit/sync/{recording}.json", recording=ANNOTATED),
    output:
        drift="<results>/audit/sync/cameras.csv",
    log:
        "<logs>/compare_cameras.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        recordings=membership(ANNOTATED, ("id", "subject", "session")),
        code=fingerprint.code("compare_cameras"),
    script:
        "../scripts/compare_cameras.py"


rule compute_framecsv:
    """Turn a sheet into frame ranges of the recording, whole and by procedure."""
    input:
        sheet=ancient(sheet_file),
        index=rules.index_recording.output.index,
        sync=rules.find_clap.output.sync,
    output:
        framecsv="<results>/framecsv/{recording}.csv",
        procedures=directory("<results>/procedures/{recording}"),
    log:
        "<logs>/compute_framecsv/{recording}.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(1_000),
        runtime=growing(10),
    params:
        settings=section("annotations", *READING),
        recording=row("clap", "subject"),
        source=sheet_identity,
        compare=compared_late,
        code=fingerprint.code("compute_framecsv"),
    script:
        "../scripts/compute_framecsv.py"


rule label_frames:
    """Give every frame in an interval its label and select those that are to become pictures."""
    input:
        framecsv=rules.compute_framecsv.output.framecsv,
        index=rules.index_recording.output.index,
        sibling_framecsv=sibling_framecsv,
        sibling_indexes=sibling_indexes,
    output:
        labels="<results>/labels/{recording}.parquet",
    log:
        "<logs>/label_frames/{recording}.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(1_000),
        runtime=growing(10),
    params:
        annotations=section("annotations", *LABELLING),
        frames=section("frames", *SAMPLING),
        recording=row("annotations"),
        code=fingerprint.code("label_frames"),
    script:
        "../scripts/label_frames.py"
