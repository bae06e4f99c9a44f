"""Who is left out, and which files every fold makes."""

LOSO = settings.evaluation.protocol == "loso"
SUBJECTS = sorted({recordings[id].subject for id in IN_DATASET})


wildcard_constraints:
    subject="|".join(map(re.escape, SUBJECTS)),


def fold_pictures(*kinds):
    """The pictures of one fold, which go into the report below the subject left out."""
    folder = "<results>/models/{model}/without/{subject}"
    return pictures(*kinds, folder=folder, subcategory="without {subject}")


def matrices_over_all():
    """The confusion matrices over all subjects left out, without background too if there is one."""
    names = {
        "confusion": "loso",
        "confusion_without_background": "loso_without_background",
    }
    return {
        kind: report(
            f"<results>/models/{{model}}/{names[kind].replace('_', '-')}.png",
            caption=f"../report/{names[kind]}.rst",
            category="{model}",
        )
        for kind in MATRICES
    }


def fold_files(model, name):
    """A file of every fold of a model."""
    return expand(
        "<results>/models/{model}/without/{subject}/{name}",
        model=model,
        subject=SUBJECTS,
        name=name,
    )


def prediction_files(model):
    """The predictions of a model for all frames that it was tested on."""
    if LOSO:
        return fold_files(model, "predictions.parquet")
    return [f"<results>/models/{model}/predictions.parquet"]


def fold_predictions(wildcards):
    """Predictions of every fold."""
    return fold_files(wildcards.model, "predictions.parquet")


def tested(wildcards):
    """See `prediction_files`."""
    return prediction_files(wildcards.model)
