"""The dataset: pictures of the store, linked into Data/{split}/{label}/."""


rule link_dataset:
    """Bring Data/ in line with labels and store: new links, no stale ones, one manifest."""
    input:
        labels=expand("<results>/labels/{recording}.parquet", recording=IN_DATASET),
        manifests=ALL_MANIFESTS,
    output:
        labels="<results>/Data/labels.csv",
        manifest="<results>/Data/manifest.parquet",
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
