"""The dataset without folders: classes from labels alone, the manifest from those of the shards."""


rule number_classes:
    """Give every label that Training has its class index."""
    input:
        labels=expand("<results>/labels/{recording}.parquet", recording=IN_DATASET),
    output:
        labels=DATASET["labels"],
    log:
        "<logs>/number_classes.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(1_000),
        runtime=growing(10),
    params:
        recordings=membership(IN_DATASET),
        settings=section("annotations", "unseen"),
        code=fingerprint.code("number_classes"),
    script:
        "../scripts/number_classes.py"


rule list_dataset:
    """List the pictures of all shards with their class; fail when a picture is in two splits."""
    input:
        shards=SHARDS,
        classes=DATASET["labels"],
    output:
        manifest=DATASET["manifest"],
    log:
        "<logs>/list_dataset.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(4_000),
        runtime=growing(60),
    params:
        recordings=membership(IN_DATASET),
        code=fingerprint.code("list_dataset"),
    script:
        "../scripts/list_dataset.py"
