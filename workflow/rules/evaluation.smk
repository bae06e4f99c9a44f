"""
What the trained models are worth: no leakage, leave one subject out, cameras together.

With `evaluation: loso` every subject is left out once; all folds share frames and features.
"""


include: "folds.smk"


use rule train_model as train_fold with:
    output:
        **fold_pictures("curves"),
        model="<results>/models/{model}/without/{subject}/model.keras",
        history="<results>/models/{model}/without/{subject}/history.csv",
        summary="<results>/models/{model}/without/{subject}/summary.txt",
    log:
        "<logs>/train_fold/{model}-{subject}.log",
    benchmark:
        "<benchmarks>/train_fold/{model}-{subject}.tsv"


use rule evaluate_model as evaluate_fold with:
    input:
        **DATASET,
        model=rules.train_fold.output.model,
        features=features,
    output:
        **fold_pictures(*EVALUATED),
        predictions="<results>/models/{model}/without/{subject}/predictions.parquet",
        metrics="<results>/models/{model}/without/{subject}/metrics.json",
    log:
        "<logs>/evaluate_fold/{model}-{subject}.log",


rule summarise_folds:
    """Sum up a model over the subjects left out: mean, spread, each subject."""
    input:
        predictions=fold_predictions,
    output:
        **matrices_over_all(),
        summary="<results>/models/{model}/loso.json",
        table=report(
            "<results>/models/{model}/loso.csv",
            caption="../report/loso.rst",
            category="{model}",
        ),
        bars=report(
            "<results>/models/{model}/loso-bars.png",
            caption="../report/loso_bars.rst",
            category="{model}",
        ),
    log:
        "<logs>/summarise_folds/{model}.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(2_000),
        runtime=growing(30),
    params:
        subjects=SUBJECTS,
        settings=model_settings,
        annotations=section("annotations", "background"),
        code=fingerprint.code("summarise_folds"),
    script:
        "../scripts/summarise_folds.py"


rule compare_models:
    """Compare all models pair by pair on the same frames, and draw each subject."""
    input:
        predictions=[file for model in settings.models for file in prediction_files(model)],
    output:
        comparison=report(
            "<results>/comparison/models.csv",
            caption="../report/comparison.rst",
            category="comparison",
        ),
        boxes=report(
            "<results>/comparison/subjects.png",
            caption="../report/subjects.rst",
            category="comparison",
        ),
    log:
        "<logs>/compare_models.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(2_000),
        runtime=growing(30),
    params:
        models=[model for model in settings.models for _ in prediction_files(model)],
        seed=settings.frames.seed,
        annotations=section("annotations", "background"),
        code=fingerprint.code("compare_models"),
    script:
        "../scripts/compare_models.py"


rule fuse_cameras:
    """Measure all cameras of a session together, beside each by itself."""
    input:
        predictions=tested,
        syncs=expand("<results>/audit/sync/{recording}.json", recording=IN_DATASET),
    output:
        figures="<results>/models/{model}/fusion.json",
    log:
        "<logs>/fuse_cameras/{model}.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(2_000),
        runtime=growing(30),
    params:
        recordings=IN_DATASET,
        settings=model_settings,
        annotations=section("annotations", "background"),
        code=fingerprint.code("fuse_cameras"),
    script:
        "../scripts/fuse_cameras.py"


# -- what there is to make ------------------------------------------------------------------------

ALL_FIGURES = expand(
    "<results>/models/{model}/{artifact}",
    model=settings.models,
    artifact=[
        *(["loso.json"] if LOSO else ["metrics.json", "curves.png"]),
        *(["fusion.json"] if settings.evaluation.fusion else []),
    ],
)
if LOSO or len(settings.models) > 1:
    ALL_FIGURES += rules.compare_models.output
