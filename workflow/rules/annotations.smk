"""
Sheets: from what somebody wrote to a label for every frame.

The index of the recording says which frames lie in an interval.
"""


rule compute_framecsv:
    """Turn a sheet into frame ranges of the recording, whole and by procedure."""
    input:
        sheet=ancient(sheet_file),
        index=rules.index_recording.output.index,
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
        settings=section("annotations"),
        recording=row("clap", "subject"),
        source=sheet_identity,
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
        annotations=section("annotations"),
        frames=section("frames", *SAMPLING),
        recording=row("annotations"),
        code=fingerprint.code("label_frames"),
    script:
        "../scripts/label_frames.py"
