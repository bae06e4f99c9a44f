"""
The dataset: labelled pictures as links in Data/{split}/{label}/, or as one shard per recording.

Either way there are Data/labels.csv and Data/manifest.parquet, the same to the last byte. With
shards nothing behind these rules asks for a folder of pictures.
"""


include: "dataset_shards.smk" if SHARDED else "dataset_folders.smk"


rule pack_shards:
    """Pack the labelled pictures of one recording into a WebDataset tar, with a manifest."""
    input:
        labels="<results>/labels/{recording}.parquet",
        manifests=stored_manifests,
    output:
        shard="<results>/shards/{recording}.tar",
        manifest="<results>/shards/{recording}.parquet",
    log:
        "<logs>/pack_shards/{recording}.log",
    benchmark:
        "<benchmarks>/pack_shards/{recording}.tsv"
    wildcard_constraints:
        recording="|".join(map(re.escape, IN_DATASET)) or "(?!)",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(2_000),
        runtime=growing(60),
    params:
        recording=row("id", "subject", "session", "camera", "split"),
        pictures=EXTRACTED,
        code=fingerprint.code("pack_shards"),
    script:
        "../scripts/pack_shards.py"
