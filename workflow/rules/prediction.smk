"""
Recordings that nobody has labelled: what a trained model sees in them.

Frames are taken by `frames.every` alone, with no label to choose by, into the same store.
"""


include: "predicted.smk"


rule predict_recording:
    """Recognise every sampled frame of a recording."""
    input:
        unpack(own_features),
        manifests=recording_manifests,
        model=rules.train_model.output.model,
        labels=DATASET["labels"],
    output:
        probabilities="<results>/predictions/{model}/{recording}/probabilities.parquet",
    log:
        "<logs>/predict_recording/{model}-{recording}.log",
    benchmark:
        "<benchmarks>/predict_recording/{model}-{recording}.tsv"
    wildcard_constraints:
        recording="|".join(map(re.escape, PREDICTED)) or "(?!)",
    conda:
        "../../envs/training.yaml"
    threads: all_cores
    resources:
        mem_mb=growing(8_000),
        runtime=growing(240),
        gpu=1,
    params:
        settings=model_settings,
        pictures=EXTRACTED,
        code=fingerprint.code("predict_recording"),
    script:
        "../scripts/predict_recording.py"


rule learn_durations:
    """Count how long procedures last in Training and which follows which, frames left out or not."""
    input:
        labels=expand("<results>/labels/{recording}.parquet", recording=TRAINING),
        indexes=expand("<results>/index/{recording}.parquet", recording=TRAINING),
    output:
        procedures="<results>/audit/procedures.csv",
    log:
        "<logs>/learn_durations.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(1_000),
        runtime=growing(30),
    params:
        frames=section("frames", "every"),
        code=fingerprint.code("learn_durations"),
    script:
        "../scripts/learn_durations.py"


rule write_timeline:
    """Steady the answers; write timeline, subtitles and what a human should check first."""
    input:
        probabilities=rules.predict_recording.output.probabilities,
        index=rules.index_recording.output.index,
        manifest=DATASET["manifest"],
        labels=DATASET["labels"],
        procedures=rules.learn_durations.output.procedures,
        other_probabilities=other_probabilities,
        other_indexes=other_indexes,
        fetched=ancient(heard_chapters),
    output:
        predictions="<results>/predictions/{model}/{recording}/predictions.parquet",
        sheet="<results>/predictions/{model}/{recording}/timeline.csv",
        subtitles="<results>/predictions/{model}/{recording}/subtitles.srt",
        review=report(
            "<results>/predictions/{model}/{recording}/review.csv",
            caption="../report/review.rst",
            category="prediction",
            subcategory="{model}",
        ),
    log:
        "<logs>/write_timeline/{model}-{recording}.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(4_000),
        runtime=growing(30),
    params:
        settings=section("prediction", "decoder", "median_seconds", "review_seconds"),
        taught=taught,
        ignored=ignored,
        annotations=section("annotations"),
        recording=row("clap"),
        other_claps=other_claps,
        heard=heard_identities,
        sync=section("sync"),
        code=fingerprint.code("write_timeline"),
    script:
        "../scripts/write_timeline.py"


rule draw_overlay:
    """Write a video with label, confidence and a ribbon of the timeline below the picture."""
    input:
        video=rules.concatenate_chapters.output.video,
        predictions=rules.write_timeline.output.predictions,
        index=rules.index_recording.output.index,
    output:
        video=report(
            "<results>/predictions/{model}/{recording}/overlay.mp4",
            caption="../report/overlay.rst",
            category="prediction",
            subcategory="{model}",
        ),
    log:
        "<logs>/draw_overlay/{model}-{recording}.log",
    conda:
        "../../envs/media.yaml"
    resources:
        mem_mb=growing(2_000),
        runtime=growing(240),
    params:
        settings=section("prediction", "overlay", "review_seconds"),
        video=section("video", "ffmpeg"),
        annotations=section("annotations", "background"),
        code=fingerprint.code("draw_overlay"),
    script:
        "../scripts/draw_overlay.py"


# -- what there is to make ------------------------------------------------------------------------

ALL_PREDICTIONS = expand(
    "<results>/predictions/{model}/{recording}/review.csv",
    model=PREDICTING,
    recording=PREDICTED,
)
if settings.prediction.overlay != "off":
    ALL_PREDICTIONS += expand(
        "<results>/predictions/{model}/{recording}/overlay.mp4",
        model=PREDICTING,
        recording=[id for id in PREDICTED if recordings[id].kind == "video"],
    )
