"""Models: the only jobs that start TensorFlow."""


include: "model_files.smk"


rule compute_features:
    """Compute what a pretrained network sees in every frame, once for all models that use it."""
    input:
        manifests=recording_manifests,
    output:
        features="<results>/features/{backbone}/{recording}.npy",
        frames="<results>/features/{backbone}/{recording}.frames.npy",
    log:
        "<logs>/compute_features/{backbone}-{recording}.log",
    benchmark:
        "<benchmarks>/compute_features/{backbone}-{recording}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: all_cores
    resources:
        mem_mb=growing(8_000),
        runtime=growing(240),
        gpu=1,
    params:
        settings=backbone_settings,
        pictures=EXTRACTED,
        code=fingerprint.code("compute_features"),
    script:
        "../scripts/compute_features.py"


rule check_leakage:
    """Look for pictures of one split (or subject) that look the same in another; fail if so."""
    input:
        manifest=DATASET["manifest"],
        shards=DATASET["shards"],
    output:
        report="<results>/check/leakage.csv",
    log:
        "<logs>/check_leakage.log",
    conda:
        "../../envs/media.yaml"
    threads: all_cores
    resources:
        mem_mb=growing(4_000),
        runtime=growing(60),
    params:
        apart="subject" if settings.evaluation.protocol == "loso" else "split",
        limit=settings.evaluation.lookalikes,
        allowed=settings.evaluation.lookalikes_allowed,
        code=fingerprint.code("check_leakage"),
    script:
        "../scripts/check_leakage.py"


rule train_model:
    """Train on Training, stop by Validation, keep the best weights or the last."""
    input:
        **DATASET,
        leakage=rules.check_leakage.output.report,
        features=features,
        start=starting_model,
    output:
        **pictures("curves"),
        model="<results>/models/{model}/model.keras",
        history="<results>/models/{model}/history.csv",
        summary="<results>/models/{model}/summary.txt",
    log:
        "<logs>/train_model/{model}.log",
    benchmark:
        "<benchmarks>/train_model/{model}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: all_cores
    resources:
        mem_mb=growing(16_000),
        runtime=growing(720),
        gpu=1,
    params:
        settings=model_settings,
        lend=NOBODY_VALIDATES,
        ignored=ignored,
        code=fingerprint.code("train_model"),
    script:
        "../scripts/train_model.py"


rule evaluate_model:
    """Recognise the frames of the test subjects and compare with trivial baselines."""
    input:
        **DATASET,
        model=rules.train_model.output.model,
        features=features,
    output:
        **pictures(*EVALUATED),
        predictions="<results>/models/{model}/predictions.parquet",
        metrics="<results>/models/{model}/metrics.json",
    log:
        "<logs>/evaluate_model/{model}.log",
    conda:
        "../../envs/training.yaml"
    threads: all_cores
    resources:
        mem_mb=growing(8_000),
        runtime=growing(120),
        gpu=1,
    params:
        settings=model_settings,
        annotations=section("annotations", "background"),
        code=fingerprint.code("evaluate_model"),
    script:
        "../scripts/evaluate_model.py"


rule export_model:
    """Write a model in the forms that other programs read, each checked against the model."""
    input:
        model=rules.train_model.output.model,
        labels=DATASET["labels"],
    output:
        folder=directory("<results>/models/{model}/export"),
    log:
        "<logs>/export_model/{model}.log",
    conda:
        "../../envs/training.yaml"
    threads: all_cores
    resources:
        mem_mb=growing(8_000),
        runtime=growing(60),
    params:
        settings=model_settings,
        code=fingerprint.code("export_model"),
    script:
        "../scripts/export_model.py"
