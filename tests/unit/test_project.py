"""What is known to be wrong before a file is read: who is in which split, settings of models."""

from dataclasses import replace

import pytest

from clapboard.problems import Problem
from clapboard.sessions.project import known_at_start, local_inputs
from clapboard.sessions.recordings import Origin, Recording
from clapboard.settings import backbones
from clapboard.settings.backbones import pretrained, weights_problems
from clapboard.settings.config import load

SPLITS = ("Training", "Validation", "Test")

TAUGHT = {
    "architecture": "cnn",
    "teach_validation": True,
    "keep": "last",
}


def recordings(*splits):
    """A recording of a subject of its own for each split."""
    return [
        Recording(f"S{n}C1", f"S{n}", "", "C1", split, "s.csv", ("1.mp4",), "video", "0", "", n + 1)
        for n, split in enumerate(splits, start=1)
    ]


def found(config, splits=SPLITS, table_problems=()):
    """(check, column or value) of what is known at the start."""
    problems = known_at_start(load(config), recordings(*splits), table_problems)
    assert all(problem.severity == "error" and problem.remedy for problem in problems)
    return [
        (problem.check, problem.value if problem.column == "split" else problem.column)
        for problem in problems
    ]


def test_every_split_is_needed_to_make_models():
    assert found({}) == []
    assert found({}, ["Training", "Test"]) == [("empty-split", "Validation")]
    assert found({}, ["Training", "Validation"]) == [("empty-split", "Test")]
    assert found({}, ["Predict"]) == [("empty-split", split) for split in SPLITS]


def test_nobody_has_to_validate_where_all_models_learn_from_everybody():
    assert found(model(**TAUGHT), ["Training", "Test"]) == []
    mixed = {"models": {"m": TAUGHT, "n": {"architecture": "cnn"}}}
    assert found(mixed, ["Training", "Test"]) == [("empty-split", "Validation")]


def test_frames_alone_need_only_training():
    assert found({"models": {}}, ["Training"]) == []
    assert found({"models": {}}, ["Predict"]) == []
    assert found({"models": {}}, ["Test"]) == [("empty-split", "Training")]


def test_leaving_one_out_needs_three_subjects():
    loso = {"evaluation": {"protocol": "loso"}}
    assert found(loso, ["Training"] * 3) == []
    assert found(loso, ["Training"] * 2 + ["Predict"]) == [("too-few-subjects", "")]


def test_cameras_recognised_together_need_a_clap_each():
    def cameras(**given):
        new = Recording("", "S9", "", "", "Predict", "", ("1.mp4",), "video", "0", "", 0)
        return [
            *recordings(*SPLITS),
            *(
                replace(new, id=f"S9{name}", camera=name, row=row, clap_given=known)
                for row, (name, known) in enumerate(given.items(), start=8)
            ),
        ]

    def refused(recordings, **config):
        problems = known_at_start(load({"prediction": {"fusion": True}, **config}), recordings, [])
        assert {one.check for one in problems} <= {"unknown-clap"}
        return [(one.file, one.row, one.column) for one in problems]

    table, both = load({}).recordings, cameras(C1=False, C2=False, C3=True)
    assert refused(both) == [(table, 8, "clap"), (table, 9, "clap")]
    assert refused(cameras(C1=True, C2=True)) == []
    assert refused(cameras(C1=False)) == []  # nobody to be averaged with
    apart = [replace(one, session=one.camera) for one in both]
    assert refused(apart) == []
    assert refused(both, prediction={"fusion": False}) == []
    assert refused(both, models={}) == []
    labelled = [*both[:3], *(replace(one, split="Test") for one in both[3:])]
    assert refused(labelled) == []


def test_a_table_with_errors_may_lack_the_recordings_of_a_split():
    assert found({}, ["Training"], [Problem("unknown-split", "no", "Do.", row=3)]) == []


def test_inputs_here_are_those_that_are_not_fetched_from_s3():
    [here] = recordings("Training")
    origin = Origin("s3://lab/raw/2.MP4", 5, "etag")
    copies = "made/sources/lab/raw/2.MP4", "made/sources/lab/sheets/2.csv"
    there = replace(here, annotations=copies[1], chapters=copies[:1], origins=(origin,))
    own_sheet = replace(there, annotations="made/sheet.csv")
    own_video = replace(there, chapters=("2.mp4",), origins=(None,))
    pictures = replace(here, annotations="", chapters=("pictures",), kind="images", rate="25")

    def inputs(*rows):
        return local_inputs(load({"results": "made"}), rows)

    assert inputs(here, there) == {"s.csv", "1.mp4"}
    assert inputs(own_sheet, own_video) == {"made/sheet.csv", "2.mp4"}
    assert inputs(pictures) == {"pictures"}


def test_weights_from_a_file_are_an_input_here():
    models = {
        "own": {"architecture": "transfer", "weights": "weights/w.weights.h5"},
        "shared": {"architecture": "lstm", "weights": "/data/w.weights.h5"},
        "usual": {"architecture": "transfer", "weights": "imagenet"},
        "idle": {"architecture": "cnn"},
    }
    found = local_inputs(load({"models": models}), [])
    assert found == {"weights/w.weights.h5", "/data/w.weights.h5"}


def model(**settings):
    return {"models": {"m": settings}}


@pytest.mark.parametrize(
    ("settings", "size", "expected"),
    [
        ({"architecture": "cnn"}, 28, []),
        ({"architecture": "cnn", "filters": [8] * 5}, 28, [("frames-too-small", "models.m")]),
        ({"architecture": "transfer"}, 32, []),
        ({"architecture": "transfer"}, 28, [("frames-too-small", "models.m")]),
        ({"architecture": "gru"}, 28, [("frames-too-small", "models.m")]),
        ({"architecture": "gru", "input": "frames"}, 28, []),
        (
            {"architecture": "transfer", "backbone": "MobileNetV3Smal"},
            96,
            [("unknown-backbone", "models.m.backbone")],
        ),
        (
            {"architecture": "lstm", "input": "frames", "weights": "none", "filters": [8]},
            96,
            [("idle-setting", "models.m.weights")],
        ),
        (
            {"architecture": "tcn", "filters": [8], "colour": "gray", "dropout": 0.1},
            96,
            [("idle-setting", "models.m.colour"), ("idle-setting", "models.m.filters")],
        ),
        (
            {"architecture": "transfer", "augmentation": {"flip": True}},
            96,
            [("idle-setting", "models.m.augmentation")],
        ),
        (
            {"architecture": "gru", "augmentation": {"flip": True}},
            96,
            [("idle-setting", "models.m.augmentation")],
        ),
        ({"architecture": "transfer", "augmentation": {"flip": True}, "fine_tune": 1}, 96, []),
        (
            {"architecture": "tcn", "background": "ignored"},
            96,
            [("idle-setting", "models.m.background")],
        ),
        ({"architecture": "gru", "augmentation": {"flip": True}, "input": "frames"}, 96, []),
        ({"architecture": "lstm", "window": 16}, 96, []),
        ({"architecture": "lstm", "window": 10}, 96, [("skipped-frames", "models.m.stride")]),
        (
            {"architecture": "cnn", "teach_validation": True},
            96,
            [("taught-validation", "models.m.keep")],
        ),
        (TAUGHT, 96, []),
        (
            {"architecture": "transfer", "backbone": "EfficientNetB0"},
            96,
            [("unknown-backbone", "models.m.backbone")],
        ),
        ({"architecture": "transfer", "fine_tune": 16}, 96, []),
        (
            {"architecture": "transfer", "fine_tune": 17},
            96,
            [("too-many-blocks", "models.m.fine_tune")],
        ),
    ],
)
def test_settings_that_cannot_work(settings, size, expected):
    assert found(model(**settings) | {"frames": {"size": size}}) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"filters": [8]}, []),
        ({"start_from": "cn", "filters": [8]}, [("unknown-start", "models.m.start_from")]),
        ({"start_from": "m", "filters": [8]}, [("unknown-start", "models.m.start_from")]),
        ({"filters": [8, 8]}, [("other-start", "models.m.filters")]),
        ({"input": "features"}, [("idle-setting", "models.m.start_from")]),
    ],
)
def test_a_model_starts_from_a_cnn_of_the_same_convolutions(settings, expected):
    asked = {"architecture": "lstm", "input": "frames", "start_from": "cnn"} | settings
    models = {"cnn": {"architecture": "cnn", "filters": [8]}, "m": asked}
    assert found({"models": models, "frames": {"size": 96}}) == expected


def test_no_epoch_is_chosen_by_those_who_taught_the_model_it_starts_from():
    asked = {"architecture": "lstm", "input": "frames", "start_from": "cnn"}
    models = {"cnn": TAUGHT, "m": asked}
    assert found({"models": models}) == [("taught-validation", "models.m.keep")]
    models["m"] = asked | {"keep": "last"}
    assert found({"models": models}) == []


def weights(monkeypatch, tmp_path, server, **settings):
    """Checks of the weights of a model while downloads come from `server`."""
    monkeypatch.setattr(backbones, "DOWNLOADS", server)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    chosen = pretrained(load(model(architecture="transfer", **settings)).models)
    return [problem.check for problem in weights_problems(chosen)]


def test_weights_that_have_to_be_downloaded_need_a_network(monkeypatch, tmp_path):
    nobody = "http://127.0.0.1:9/"
    for backbone in ("EfficientNetV2B0", "MobileNetV3Small"):
        assert weights(monkeypatch, tmp_path, nobody, backbone=backbone) == ["no-download"]
    assert weights(monkeypatch, tmp_path, nobody) == []
    assert weights(monkeypatch, tmp_path, nobody, backbone="ConvNeXtTiny", weights="none") == []


@pytest.mark.parametrize(
    ("backbone", "file"),
    [
        ("EfficientNetV2B0", "efficientnetv2-b0_notop.h5"),
        ("MobileNetV3Small", "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"),
        ("ConvNeXtTiny", "convnext_tiny_notop.h5"),
    ],
)
def test_weights_that_keras_has_already_are_not_downloaded(monkeypatch, tmp_path, backbone, file):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / file).touch()
    assert weights(monkeypatch, tmp_path, "http://127.0.0.1:9/", backbone=backbone) == []


def test_a_cnn_has_no_weights_to_look_for():
    assert pretrained(load({}).models) == {}
