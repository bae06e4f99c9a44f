"""What the rules know about the input: read once at every start, no file opened for long."""

import re
import sys
from functools import cache

from snakemake.exceptions import WorkflowError

import clapboard.settings.config
from clapboard import fingerprint
from clapboard.planning.cores import cores_of_each
from clapboard.settings import backbones, model_checks
from clapboard.problems import InputError, refuse
from clapboard.sessions.project import examine, known_at_start
from clapboard.sessions.recordings import chapter_name
from clapboard.sessions.wildcard import one_of


def read_input():
    """The configuration and the recordings by id; ends with all that is wrong in one message."""
    try:
        settings = clapboard.settings.config.load(config)
        recordings, problems = examine(settings, fresh=workflow.is_main_process)
        refuse([*problems, *known_at_start(settings, recordings, problems)])
    except InputError as error:
        sys.exit(str(error))
    return settings, {recording.id: recording for recording in recordings}


settings, recordings = read_input()

# Keys of the section `annotations` by who asks: what reads a sheet, what labels frames by it.
READING = ["format", "rate", "columns", "clap", "aliases"]
LABELLING = ["ignore", "overlaps", "background"]
# Keys of the section `frames` by what they decide: which frames there are, what a picture is.
SAMPLING = ["every", "per_label", "max_per_label_and_subject", "seed"]
PIXELS = ["size", "fit", "quality"]


# For every wildcard only what exists, so that a misspelt target is refused and never planned.
wildcard_constraints:
    recording=one_of(recordings),
    chapter=r"\d\d+",
    model="|".join(map(re.escape, settings.models)),
    backbone=r"[\w.-]+-[0-9a-f]+",


pathvars:
    results=settings.results,
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


# -- files ----------------------------------------------------------------------------------------


def chapters(recording):
    """The names of a recording's chapters: 01, 02, ..."""
    return [chapter_name(number + 1) for number in range(len(recordings[recording].chapters))]


def chapter_files(wildcards):
    """The source files of a recording, in order."""
    return recordings[wildcards.recording].chapters


def known_chapters(wildcards):
    """The chapters of a recording for its index, which must follow one that is fetched anew.

    Snakemake looks at no parameter of a job behind one that runs, since it takes for granted that
    both run; if all between them were ancient, nothing would, and old labels would stay.
    """
    files = chapter_files(wildcards)
    return [path if path in ORIGINS else ancient(path) for path in files]


def chapter_file(wildcards):
    """The source file of one chapter."""
    files = dict(zip(chapters(wildcards.recording), chapter_files(wildcards)))
    if wildcards.chapter not in files:
        raise WorkflowError(f"{wildcards.recording} has no chapter {wildcards.chapter}")
    return files[wildcards.chapter]


def fetched_chapters(wildcards):
    """The chapters of a recording that come from S3."""
    return [path for path in chapter_files(wildcards) if path in ORIGINS]


def origin(wildcards):
    """Address, size and entity tag of a chapter in S3."""
    return list(ORIGINS[f"{settings.results}/sources/{wildcards.object}"])


def brought(wildcards):
    """A chapter in S3 as Snakemake's storage plugin brings it, if it is to; its date says nothing."""
    if settings.s3.fetch != "storage_plugin":
        return {}
    url, _, _ = origin(wildcards)
    return {"brought": ancient(storage.s3(url))}


def sheet_file(wildcards):
    """The annotation sheet of a recording."""
    return recordings[wildcards.recording].annotations


def compared_late(wildcards):
    """Whether the check of the input could not compare a recording with its sheet."""
    heard = recordings[wildcards.recording].clap.startswith("auto")
    return heard or bool(fetched_chapters(wildcards))


def siblings(wildcards):
    """The other recordings of a subject, when all of them share one limit of frames."""
    if not settings.frames.max_per_label_and_subject:
        return []
    of_subject = OF_SUBJECT[recordings[wildcards.recording].subject]
    return [id for id in of_subject if id != wildcards.recording]


def sibling_framecsv(wildcards):
    """Frame ranges of the `siblings`."""
    return expand("<results>/framecsv/{recording}.csv", recording=siblings(wildcards))


def sibling_indexes(wildcards):
    """Indexes of the `siblings`."""
    return expand("<results>/index/{recording}.parquet", recording=siblings(wildcards))


def frames_wanted(wildcards):
    """Which frames of a recording are taken: labelled ones, or where nobody labels, the grid."""
    labelled = recordings[wildcards.recording].split != "Predict"
    folder = "labels" if labelled else "sampled"
    return f"<results>/{folder}/{wildcards.recording}.parquet"


def frame_stores():
    """The manifests that one extraction writes: resized pictures, full-size ones when wanted."""
    names = {"resized": "resized", "full_size": "frames"}
    wanted = names if settings.frames.full_size else ["resized"]
    return {
        name: f"<results>/{names[name]}/{{recording}}/{{chapter}}/manifest.parquet"
        for name in wanted
    }


def manifests(store, chosen):
    """The manifests of all chapters of the chosen recordings in `resized` or `frames`."""
    return [
        f"<results>/{store}/{recording}/{chapter}/manifest.parquet"
        for recording in chosen
        for chapter in chapters(recording)
    ]


def stored_manifests(wildcards):
    """The manifests of the resized frames of one recording, by chapter."""
    return manifests("resized", [wildcards.recording])


def recording_manifests(wildcards):
    """Where the frames of one recording are listed: by chapter, or of its shard."""
    if SHARDED and wildcards.recording in IN_DATASET:
        return [f"<results>/shards/{wildcards.recording}.parquet"]
    return stored_manifests(wildcards)


# -- what Snakemake cannot see: passed as parameters ----------------------------------------------


@cache
def identity(path):
    """Digest of a source file; unlike a time stamp it is the same after a touch or a copy."""
    if path in ORIGINS:
        return f"s3 {ORIGINS[path].bytes} {ORIGINS[path].etag}"
    try:
        return fingerprint.source(path, memory=".snakemake/clapboard")
    except OSError as error:
        return f"unreadable: {error.strerror}"  # said with all other problems, before any work


def identities(wildcards):
    """Digests of a recording's chapters, in order."""
    return list(map(identity, chapter_files(wildcards)))


def chapter_identity(wildcards):
    """Digest of one chapter."""
    return identity(chapter_file(wildcards))


def sheet_identity(wildcards):
    """Digest of a recording's sheet."""
    return identity(sheet_file(wildcards))


def check_settings(wildcards=None):
    """What the check of the input is told by the configuration."""
    return {
        "annotations": section("annotations"),
        "models": backbones.pretrained(settings.models) if settings.models else None,
        "protocol": settings.evaluation.protocol,
        "held_out": model_checks.held_out(settings.models),
        "thinned": model_checks.interrupted(settings.models, section("frames")),
        "ffmpeg": settings.video.ffmpeg,
        "fusion": settings.evaluation.fusion,
        "overlays": bool(settings.models) and settings.prediction.overlay != "off",
    }


def known_by(wildcards=None):
    """All else that its outcome depends on: table, sheets and chapters by path, and its code."""
    sources = {path: identity(path) for path in [settings.recordings, *SHEETS, *CHAPTERS]}
    return {"sources": sources, "code": fingerprint.code("check_inputs")}


def open_gate():
    """End the run before its first job if it is not alone here or the input has an error."""
    from clapboard.checks import gate  # not before it is needed: a dry run need not wait for PyAV

    gate.hold_results(settings.results)
    gate.open_gate(
        folder=f"{settings.results}/check",
        recordings=list(recordings.values()),
        settings=check_settings(),
        known_by=known_by(),
        threads=workflow.cores or 1,
    )


def footage(wildcards):
    """What an index depends on besides file names."""
    return {**row("kind", "rate")(wildcards), "chapters": identities(wildcards)}


def row(*names):
    """What the table says about a recording, as a parameter: the values of some of its fields."""

    def values(wildcards):
        return {name: getattr(recordings[wildcards.recording], name) for name in names}

    return values


def membership(chosen, names=("id", "subject", "session", "camera", "split")):
    """Who and what the chosen recordings show."""
    return [{name: getattr(recordings[id], name) for name in names} for id in chosen]


def section(name, *keys):
    """A section of the configuration, or only the keys that a rule depends on."""
    whole = settings.section(name)
    return {key: whole[key] for key in keys or whole}


# What becomes of the frames that are taken. Pictures do not travel (`clapboard.s3.inventory`), so
# that what is made of them has to know by itself how they are made.
EXTRACTION = {**section("frames", *PIXELS), **section("video", "damaged")}
EXTRACTED = {**EXTRACTION, "code": fingerprint.code("extract_frames")}


# -- what a job may take --------------------------------------------------------------------------


def growing(amount):
    """A resource that doubles with every attempt."""

    def resource(wildcards, attempt):
        return amount * 2 ** (attempt - 1)

    return resource


def all_cores(wildcards):
    """Every core of the machine: nothing else runs beside such a job."""
    return workflow.cores


def cores_per_chapter(wildcards):
    """The cores of one extraction."""
    predicted = recordings[wildcards.recording].split == "Predict"
    return cores_of_each(len(PREDICTED_MANIFESTS if predicted else ALL_MANIFESTS), workflow.cores)


# -- what there is to make ------------------------------------------------------------------------

ANNOTATED = [id for id, recording in recordings.items() if recording.annotations]
FILMED = [id for id, recording in recordings.items() if recording.kind == "video"]
IN_DATASET = [id for id in ANNOTATED if recordings[id].split != "Predict"]
TRAINING = [id for id in IN_DATASET if recordings[id].split == "Training"]
PREDICTED = [id for id, recording in recordings.items() if recording.split == "Predict"]
# Recordings of the dataset by subject; asked once a recording, of which there may be thousands.
OF_SUBJECT = {}
for member in IN_DATASET:
    OF_SUBJECT.setdefault(recordings[member].subject, []).append(member)

SHEETS = sorted({recordings[id].annotations for id in ANNOTATED})
CHAPTERS = [path for recording in recordings.values() for path in recording.chapters]
# Where the chapters come from that are in S3, by the path of their copy.
ORIGINS = {
    path: origin
    for recording in recordings.values()
    for path, origin in zip(recording.chapters, recording.origins)
    if origin
}

ALL_FRAMECSV = [
    "<results>/audit/sync/cameras.csv",
    *expand("<results>/framecsv/{recording}.csv", recording=ANNOTATED),
]
ALL_VIDEOS = expand("<results>/video/{recording}.mp4", recording=FILMED)
SHARDED = settings.dataset.storage == "shards"
# What says where the pictures of the dataset are; no rule but the one that packs asks for a shard.
SHARDS = expand("<results>/shards/{recording}.parquet", recording=IN_DATASET)
DATASET = {
    "manifest": "<results>/Data/manifest.parquet",
    "labels": "<results>/Data/labels.csv",
    "shards": SHARDS if SHARDED else [],
}
ALL_MANIFESTS = manifests("resized", IN_DATASET)
PREDICTED_MANIFESTS = manifests("resized", PREDICTED)
ALL_FULL_SIZE = manifests("frames", IN_DATASET) if settings.frames.full_size else []
