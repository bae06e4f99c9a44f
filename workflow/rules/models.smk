"""Models: the only jobs that start TensorFlow."""


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
        code=fingerprint.code("compute_features"),
    script:
        "../scripts/compute_features.py"


rule train_model:
    """Train on Training, stop by Validation, keep the best weights."""
    input:
        manifest=rules.link_dataset.output.manifest,
        labels=rules.link_dataset.output.labels,
        features=features,
    output:
        model="<results>/models/{model}/model.keras",
        history="<results>/models/{model}/history.csv",
        curves=report(
            "<results>/models/{model}/curves.png",
            caption="../report/curves.rst",
            category="{model}",
        ),
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
        code=fingerprint.code("train_model"),
    script:
        "../scripts/train_model.py"


rule evaluate_model:
    """Recognise the frames of the test subjects and compare with trivial baselines."""
    input:
        model=rules.train_model.output.model,
        manifest=rules.link_dataset.output.manifest,
        labels=rules.link_dataset.output.labels,
        features=features,
    output:
        **pictures("confusion", "ribbons", "bars", "calibration", "mistakes"),
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
