"""The dataset as folders: every picture once more under its split and label, as a hard link."""


rule link_dataset:
    """Bring Data/ in line with labels and store: new links, no stale ones, one manifest."""
    input:
        labels=expand("<results>/labels/{recording}.parquet", recording=IN_DATASET),
        manifests=ALL_MANIFESTS,
    output:
        labels=DATASET["labels"],
        manifest=DATASET["manifest"],
    log:
        "<logs>/link_dataset.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(4_000),
        runtime=growing(120),
    params:
        recordings=membership(IN_DATASET),
        settings=section("annotations", "unseen"),
        code=fingerprint.code("link_dataset"),
    script:
        "../scripts/link_dataset.py"
