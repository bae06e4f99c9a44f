"""Models: the only jobs that start TensorFlow."""

import hashlib
from pathlib import Path


def model_settings(wildcards):
    """The section of one model."""
    return section("models")[wildcards.model]


def backbone(model):
    """What the features that a model learns from depend on; nothing when it learns from frames."""
    chosen = section("models")[model]
    if chosen["architecture"] != "transfer" and chosen.get("input") != "features":
        return {}
    wanted = {key: chosen[key] for key in ("backbone", "weights", "mixed_precision", "seed")}
    weights = Path(wanted["weights"])
    return {**wanted, "file": identity(wanted["weights"]) if weights.is_file() else ""}


def backbone_name(settings):
    """Name of a set of features: the network, and a digest of all that they depend on."""
    digest = hashlib.blake2b(repr(settings).encode(), digest_size=4).hexdigest()
    return f"{settings['backbone']}-{digest}"


def backbone_settings(wildcards):
    """What the features of a name depend on."""
    return BACKBONES[wildcards.backbone]


def features(wildcards):
    """The features that a model learns from, one file per recording; none for most models."""
    settings = backbone(wildcards.model)
    if not settings:
        return []
    name = backbone_name(settings)
    return expand("<results>/features/{name}/{recording}.npy", name=name, recording=IN_DATASET)


def starting_model(wildcards):
    """The model whose trained convolutions a model starts from, of the same fold; mostly none."""
    start = model_settings(wildcards).get("start_from")
    fold = f"/without/{wildcards.subject}" if "subject" in wildcards.keys() else ""
    return [f"<results>/models/{start}{fold}/model.keras"] if start else []


def pictures(*kinds):
    """The pictures of an evaluation, which go into Snakemake's report with a caption each."""
    return {
        kind: report(
            f"<results>/models/{{model}}/{kind}.png",
            caption=f"../report/{kind}.rst",
            category="{model}",
        )
        for kind in kinds
    }


# Features by the name of their folder; several models may share them.
BACKBONES = {backbone_name(found): found for found in map(backbone, settings.models) if found}


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
        code=fingerprint.code("check_leakage"),
    script:
        "../scripts/check_leakage.py"


rule train_model:
    """Train on Training, stop by Validation, keep the best weights."""
    input:
        **DATASET,
        leakage=rules.check_leakage.output.report,
        features=features,
        start=starting_model,
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
        **DATASET,
        model=rules.train_model.output.model,
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
