"""Which settings and files a model is made from, and which pictures show what it is worth."""

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
    wanted = {key: chosen[key] for key in ("backbone", "weights", "mixed_precision")}
    weights = Path(wanted["weights"])
    # Weights that were learnt are the same with every seed; random ones are drawn from it.
    seed = chosen["seed"] if wanted["weights"] == "none" else 0
    file = identity(wanted["weights"]) if weights.is_file() else ""
    return {**wanted, "seed": seed, "file": file}


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


def ignored(wildcards):
    """The label that a model neither learns nor ever recognises; mostly none."""
    if model_settings(wildcards).get("background") != "ignored":
        return ""
    return settings.annotations.background


def starting_model(wildcards):
    """The model whose trained convolutions a model starts from, of the same fold; mostly none."""
    start = model_settings(wildcards).get("start_from")
    if not start:
        return []
    if "subject" in wildcards.keys():
        return [f"<results>/models/{start}/without/{wildcards.subject}/model.keras"]
    return [f"<results>/models/{start}/model.keras"]


MATRICES = ["confusion"]
if settings.annotations.background:
    MATRICES.append("confusion_without_background")
EVALUATED = (*MATRICES, "ribbons", "bars", "calibration", "mistakes")


def pictures(*kinds, folder="<results>/models/{model}", **place):
    """The pictures of a model, which go into Snakemake's report with a caption each."""
    return {
        kind: report(
            f"{folder}/{kind.replace('_', '-')}.png",
            caption=f"../report/{kind}.rst",
            category="{model}",
            **place,
        )
        for kind in kinds
    }


# Leaving one subject out needs nobody with the split Validation; a model for new recordings does.
NOBODY_VALIDATES = settings.evaluation.protocol == "loso" and "Validation" not in {
    recordings[id].split for id in IN_DATASET
}

# Features by the name of their folder; several models may share them.
BACKBONES = {backbone_name(found): found for found in map(backbone, settings.models) if found}
