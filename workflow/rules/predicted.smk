"""Which recordings are recognised, and what their cameras share."""

PREDICTING = list(settings.prediction.models or settings.models)


def own_features(wildcards):
    """The features of the recording that a model looks at; none for most models."""
    found = backbone(wildcards.model)
    if not found or found_in_frames(wildcards.model):
        return {}
    return {"features": f"<results>/features/{backbone_name(found)}/{wildcards.recording}.npy"}


def found_in_frames(model):
    """Whether a model that learnt from features takes frames when it recognises."""
    return bool(section("models")[model].get("fine_tune"))


def taught(wildcards):
    """By which frames a model was taught, and how they weigh: what its answers have to be read by."""
    chosen = model_settings(wildcards)
    keys = ("class_weights", "teach_validation")
    return {**{key: chosen[key] for key in keys}, "lend": NOBODY_VALIDATES}


def other_cameras(recording):
    """The other recordings of a session, where cameras are recognised together."""
    if not settings.prediction.fusion:
        return []
    this = recordings[recording]
    return [
        id
        for id in PREDICTED
        if id != recording
        and (recordings[id].subject, recordings[id].session) == (this.subject, this.session)
    ]


def other_probabilities(wildcards):
    """What the model says of the other cameras."""
    return expand(
        "<results>/predictions/{model}/{recording}/probabilities.parquet",
        model=wildcards.model,
        recording=other_cameras(wildcards.recording),
    )


def other_indexes(wildcards):
    """The clocks of the other cameras."""
    return expand(
        "<results>/index/{recording}.parquet", recording=other_cameras(wildcards.recording)
    )


def other_claps(wildcards):
    """Where the clap is in each of the other recordings."""
    return [recordings[id].clap for id in other_cameras(wildcards.recording)]


def heard_files(wildcards):
    """The chapters of the cameras that are taken together and whose clap has to be heard."""
    others = other_cameras(wildcards.recording)
    together = [wildcards.recording, *others] if others else []
    heard = [id for id in together if recordings[id].clap.startswith("auto")]
    return [path for id in heard for path in recordings[id].chapters]


def heard_chapters(wildcards):
    """Those of the `heard_files` that are in S3."""
    return [path for path in heard_files(wildcards) if path in ORIGINS]


def heard_identities(wildcards):
    """Digests of the `heard_files`, in order."""
    return list(map(identity, heard_files(wildcards)))
