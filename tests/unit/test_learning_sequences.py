"""Sequence models: what only order tells, interruption at any moment, exported forms."""

import json
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from labelled_set import make_labelled_set

from clapboard import artifacts
from clapboard.learning.checkpoint import Checkpoint
from clapboard.learning.each_frame import EachFrame
from clapboard.learning.sources import index_file
from clapboard.settings.config import load

SIZE = 16
LENGTH = 12
QUICK = {"epochs": 12, "patience": 12, "batch_size": 8, "learning_rate": 0.01, "dropout": 0.0}
STILL = dict.fromkeys(("shift", "zoom", "rotation", "brightness", "contrast", "colour"), 0.0)
LOOK = {"input": "frames", "filters": [4, 8], "dense": 16, "augmentation": STILL}
MODELS = {
    "cnn": {"architecture": "cnn", **{k: v for k, v in LOOK.items() if k != "input"}},
    "lstm": {"architecture": "lstm", **LOOK, "window": LENGTH, "stride": LENGTH, "units": 16},
    "tcn": {"architecture": "tcn", **LOOK, "stages": 2, "layers": 2, "units": 16},
    "transfer": {"architecture": "transfer", "weights": "none", "fine_tune": 1},
    "gru": {"architecture": "gru", "window": 5, "stride": 4, "units": 8, "bidirectional": False},
}


def settings_of(name, **more):
    return load({"models": {name: {**QUICK, **MODELS[name], **more}}}).section("models")[name]


def train(data, out, name, features=None, start=None, ignored="", code="", **more):
    from clapboard.learning.training import train

    out.mkdir(exist_ok=True)
    inputs = data / "manifest.parquet", data / "labels.csv", data
    written = [out / file for file in ("model.keras", "history.csv", "curves.png", "summary.txt")]
    given = {"threads": 1, "features": features, "start": start, "ignored": ignored, "code": code}
    train(*inputs, settings_of(name, **more), *written, **given)
    return out


def metrics(data, out, name, features=None, **more):
    from clapboard.learning.evaluation import evaluate

    inputs = data / "manifest.parquet", data / "labels.csv", data
    written = [out / file for file in ("predictions.parquet", "metrics.json", "confusion.png")]
    given = {"threads": 1, "features": features}
    evaluate(out / "model.keras", *inputs, settings_of(name, **more), *written, **given)
    return artifacts.read_json(out / "metrics.json")


def accuracy(data, out, name):
    return metrics(data, out, name)["model"]["accuracy"]


def make_moving_set(folder, size):
    """A bar that rises or falls: each single picture occurs in both classes."""
    splits = {f"S{n}": "Training" for n in range(1, 9)} | {"S9": "Validation", "S10": "Test"}
    heights = {0: range(LENGTH), 1: range(LENGTH - 1, -1, -1)}
    return make_labelled_set(folder, LENGTH, size, splits, ("FALL", "RISE"), heights)


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    return make_moving_set(tmp_path_factory.mktemp("moving"), SIZE)


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """Bars at two heights, which single pictures tell apart."""
    return make_labelled_set(tmp_path_factory.mktemp("still"), LENGTH, SIZE, labels=("A", "B"))


@pytest.fixture(scope="module")
def frame_model(moving, tmp_path_factory):
    """Accuracy of a model of single frames where only order tells."""
    return accuracy(moving, train(moving, tmp_path_factory.mktemp("frame"), "cnn"), "cnn")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "tcn"])
def test_sequence_model_wins_where_only_order_tells_and_loses_nothing_elsewhere(
    moving, still, frame_model, tmp_path, name
):
    sequence = accuracy(moving, train(moving, tmp_path / "sequence", name), name)
    assert frame_model <= 0.75 < 0.95 <= sequence
    assert accuracy(still, train(still, tmp_path / "still", name), name) == 1


def test_gru_wins_where_only_order_tells(tmp_path):
    """From features, which say no more than where the bar is: seconds instead of minutes."""
    data, random, files = make_moving_set(tmp_path, 32), np.random.default_rng(0), {}
    table = artifacts.read_parquet(data / "manifest.parquet")[0].to_pandas()
    for recording, rows in table.groupby("recording"):
        place = (rows["frame"].to_numpy() - 1) % LENGTH
        place = np.where(rows["class_index"] == 0, place, LENGTH - 1 - place)
        values = np.pad(3 * np.eye(LENGTH)[place], [(0, 0), (0, 1280 - LENGTH)])
        values += random.normal(0, 0.01, values.shape)
        files[recording] = str(tmp_path / f"{recording}.npy")
        np.save(files[recording], values.astype(np.float16))
        np.save(index_file(files[recording]), rows["frame"].to_numpy())

    def found(name, **more):
        out = train(data, tmp_path / name, name, files, **more)
        return metrics(data, out, name, files, **more)["model"]["accuracy"]

    order = {"window": LENGTH, "stride": LENGTH, "units": 16, "bidirectional": True}
    assert found("transfer", fine_tune=0) <= 0.75 < 0.95 <= found("gru", **order)


def test_sequence_model_starts_from_what_a_frame_model_sees(moving, tmp_path):
    import keras

    from clapboard.learning.recognition import load_whole

    start = train(moving, tmp_path / "cnn", "cnn", epochs=1) / "model.keras"
    more = {"start": start, "epochs": 1, "learning_rate": 1e-12}
    begun = load_whole(train(moving, tmp_path / "lstm", "lstm", **more) / "model.keras")
    seen = load_whole(start)
    frames = np.random.default_rng(1).uniform(0, 255, (3, SIZE, SIZE, 3)).astype(np.float32)
    expected = keras.Model(seen.input, seen.get_layer("logits").input)(frames)
    (each,) = (layer for layer in begun.layers if isinstance(layer, EachFrame))
    np.testing.assert_allclose(each.layer(frames), expected, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def features(still, tmp_path_factory):
    """Made-up features of every frame of the labelled set, by recording."""
    folder, random = tmp_path_factory.mktemp("features"), np.random.default_rng(0)
    table = artifacts.read_parquet(still / "manifest.parquet")[0].to_pandas()
    files = {}
    for recording, rows in table.groupby("recording"):
        values = random.normal(0, 0.3, (len(rows), 1280))
        values[:, :2] += np.eye(2)[rows["class_index"]] * 3
        files[recording] = str(folder / f"{recording}.npy")
        np.save(files[recording], values.astype(np.float16))
        np.save(index_file(files[recording]), rows["frame"].to_numpy())
    return files


FILLED = {
    "lstm": {"bidirectional": True, "layers": 2},
    "gru": {"bidirectional": True, "layers": 2},
    "tcn": {"layers": 3},
}


@pytest.mark.parametrize("name", FILLED)
@pytest.mark.parametrize("kind", ["features", "frames"])
def test_what_fills_up_a_sequence_says_nothing_to_its_frames(name, kind):
    """Nor does it teach anything: outputs as while learning, loss and gradients are the same."""
    import keras
    import tensorflow as tf

    from clapboard.learning.architectures import make_model
    from clapboard.learning.learner import make_learner
    from clapboard.learning.windows import NONE

    keras.utils.set_random_seed(3)
    given = FILLED[name] | {"input": kind, "window": LENGTH, "augmentation": STILL}
    if kind == "frames":
        given |= {"filters": [4], "dense": 4, "batch_normalisation": True}
    else:
        del given["augmentation"]
    settings = load({"models": {"m": {"architecture": name, "dropout": 0, **given}}})
    settings = settings.section("models")["m"]
    shape = (6,) if kind == "features" else (SIZE, SIZE, 3)
    networks = make_model((None, *shape), 3, settings)
    learner = make_learner(networks.learning, settings, np.ones(3, np.int64), 1)
    random = np.random.default_rng(4)
    items = random.uniform(0, 255 if kind == "frames" else 1, (2, 7, *shape)).astype(np.float32)
    targets = random.integers(0, 3, (2, 7))

    def learnt(length):
        data = random.uniform(0, 255, (2, length, *shape)).astype(np.float32)
        data[:, :7] = items
        known = np.broadcast_to(np.arange(length) < 7, (2, length))
        true = np.full((2, length), NONE)
        true[:, :7] = targets
        with tf.GradientTape() as tape:
            logits = learner([data, known], training=True)
            loss = learner.compute_loss(y=true, y_pred=logits)
        gradients = tape.gradient(loss, learner.trainable_variables)
        return [tensor.numpy() for tensor in (logits[..., :7, :], loss, *gradients)]

    whole = learnt(7)
    for length in (8, 30):
        for expected, found in zip(whole, learnt(length), strict=True):
            np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-6)
    # What is kept is the same network, and needs nobody to tell it which steps are frames.
    shown = learner([np.pad(items, [(0, 0), (0, 9)] + [(0, 0)] * len(shape)),
                     np.broadcast_to(np.arange(16) < 7, (2, 16))], training=False)  # fmt: skip
    np.testing.assert_allclose(shown[..., :7, :], networks.plain(items), rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize("name", ["lstm", "gru"])
@pytest.mark.parametrize("kind", ["features", "frames"])
@pytest.mark.parametrize("both", [False, True])
def test_later_frames_tell_only_what_looks_in_both_directions(name, kind, both):
    import keras

    from clapboard.learning.architectures import make_model

    keras.utils.set_random_seed(3)
    given = {"architecture": name, "input": kind, "bidirectional": both, "layers": 2, "units": 8}
    given |= {"filters": [4], "dense": 4} if kind == "frames" else {}
    settings = load({"models": {"m": given}}).section("models")["m"]
    shape, brightest = ((6,), 1) if kind == "features" else ((SIZE, SIZE, 3), 255)
    networks = make_model((None, *shape), 3, settings)
    random = np.random.default_rng(4)
    items, other = random.uniform(0, brightest, (2, 2, 9, *shape)).astype(np.float32)
    other[:, :5] = items[:, :5]
    known = np.ones((2, 9), bool)

    def differ(answers):
        """By how much at most, of each place in the sequence."""
        return np.abs(np.subtract(*answers)).max(axis=(0, 2))

    for answers in (
        [networks.plain(one) for one in (items, other)],
        [networks.learning([one, known]) for one in (items, other)],
    ):
        apart = differ(answers)
        assert (apart[5:] > 1e-3).all()
        if both:
            assert (apart[:5] > 1e-5).all()
        else:
            np.testing.assert_allclose(apart[:5], 0, atol=1e-6)


@pytest.mark.parametrize("name", ["lstm", "tcn", "gru"])
def test_short_recording_is_recognised_alike_beside_longer_ones(still, features, tmp_path, name):
    import pandas as pd

    from clapboard.learning.inputs import make_inputs
    from clapboard.learning.manifest import read_examples
    from clapboard.learning.recognition import load as load_model
    from clapboard.learning.recognition import recognise

    more = {"input": "features", "epochs": 1} if name == "gru" else {"epochs": 1}
    if name == "gru":
        more["bidirectional"] = True
    model = train(still, tmp_path, name, features, **more) / "model.keras"
    settings = settings_of(name, **more)
    whole = read_examples(still / "manifest.parquet", still / "labels.csv", still)
    short = whole[whole["recording"] == "S1C1"].iloc[:4]
    beside = pd.concat([short, whole[whole["recording"] != "S1C1"]], ignore_index=True)
    network = load_model(model, settings)

    def answers(examples):
        return recognise(network, make_inputs(examples, settings, 1, features, covering=True))

    alone = answers(short.reset_index(drop=True))
    np.testing.assert_allclose(answers(beside)[:4], alone, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("ignored", ["A", "B", "C"])
def test_background_that_is_ignored_teaches_nothing_and_is_never_recognised(tmp_path, ignored):
    """Whatever its index among the classes; the others are recognised as if it were not there."""
    from clapboard.learning.inputs import make_inputs
    from clapboard.learning.manifest import read_examples
    from clapboard.learning.recognition import load_whole, recognise

    data = make_labelled_set(tmp_path, LENGTH, SIZE, labels=("A", "B", "C"))
    out = train(data, tmp_path / "model", "tcn", ignored=ignored, background="ignored")
    test = read_examples(data / "manifest.parquet", data / "labels.csv", data, "Test")
    seen = make_inputs(test, settings_of("tcn"), 1, covering=True)
    probabilities = recognise(load_whole(out / "model.keras"), seen)
    place = "ABC".index(ignored)
    assert probabilities.shape == (3 * LENGTH, 3)
    assert (probabilities[:, place] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    others = test["label"].to_numpy() != ignored
    right = probabilities.argmax(axis=1) == test["class_index"].to_numpy()
    assert right[others].all()


def test_frames_to_ignore_add_nothing_to_the_loss(still):
    from clapboard.learning.losses import FrameLoss

    logits = np.random.default_rng(0).normal(size=(1, 2, 6, 2)).astype(np.float32)
    loss = FrameLoss([1, 1], flicker=0.15)
    true = np.array([[0, 1, -1, -1, 1, 1]])
    other = logits.copy()
    other[:, :, 2:4] += 7
    assert float(loss(true, logits)) == pytest.approx(float(loss(true, other)))


KILLER = """
import json, os, signal, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from test_learning_sequences import train
from clapboard import artifacts
from clapboard.learning.checkpoint import Checkpoint
data, out, name, features, moment, short = json.loads(sys.argv[1])
def meet(checkpoint, epoch, place, number, end):
    if [checkpoint.folder.name, epoch, place, number] == moment:
        end()
def end(*given):
    os.kill(os.getpid(), signal.SIGKILL)
def behind_batch(self, batch, logs=None):
    meet(self, self.epoch, "training", batch, end)
def behind_validation(self, batch, logs=None):
    meet(self, self.epoch, "validation", batch, end)
def behind_weights(self, epoch, logs=None):
    meet(self, epoch, "weights", 0, lambda: setattr(artifacts, "write_json", end))
    whole(self, epoch, logs)
whole, Checkpoint.on_epoch_end = Checkpoint.on_epoch_end, behind_weights
Checkpoint.on_train_batch_end, Checkpoint.on_test_batch_end = behind_batch, behind_validation
train(Path(data), Path(out), name, features, **short)
"""
"""Ends without a word (SIGKILL) behind one batch of one phase, or before weights are named."""

SHORT = {"epochs": 3, "patience": 3}
BATCHES = {"lstm": (4, 1), "gru": (12, 2), "tcn": (2, 1), "transfer": (48, 5)}
"""Items of an epoch, and how many of them a step takes."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "phase", "place"),
    [
        ("lstm", "training", "training"),
        ("tcn", "training", "validation"),
        ("gru", "training", "weights"),
        ("transfer", "fine-tuning", "training"),
    ],
)
def test_killed_training_ends_like_an_undisturbed_one(
    still_or_large, features, tmp_path, name, phase, place
):
    data = still_or_large(name)
    items, size = BATCHES[name]
    short = SHORT | {"batch_size": size}
    random = np.random.default_rng(crc32(f"{name} {phase}".encode()))
    # Not in the first epoch, which would begin anew: there is nothing yet to go on from.
    epoch = int(random.integers(1, 3))
    number = int(random.integers(ceil(items / size))) if place == "training" else 0
    moment = [phase, epoch, place, number]
    given = json.dumps([str(data), str(tmp_path / "killed"), name, features, moment, short])
    script = KILLER.format(folder=str(Path(__file__).parent))
    ended = subprocess.run([sys.executable, "-c", script, given], check=False)
    assert ended.returncode == -signal.SIGKILL, moment
    assert not (tmp_path / "killed" / "model.keras").exists()

    found = []
    for folder in ("killed", "whole"):
        out = train(data, tmp_path / folder, name, features, **short)
        figures = metrics(data, out, name, features)
        found.append(((out / "history.csv").read_bytes(), weights(out), figures))
        assert not (out / phase).exists()
    assert found[0] == found[1], moment


def test_fine_tuning_that_spoils_a_head_is_not_kept(
    still_or_large, features, tmp_path, monkeypatch
):
    data, found = still_or_large("transfer"), []
    monkeypatch.setattr("clapboard.learning.training.FINE_TUNING", 30)
    for blocks in (0, 1):
        more = {"epochs": 2, "fine_tune": blocks}
        out = train(data, tmp_path / f"{blocks}", "transfer", features, **more)
        losses = [float(row["val_loss"]) for row in artifacts.read_csv(out / "history.csv")]
        assert min(losses[2:], default=9.9) > min(losses[:2])
        found.append(weights(out))
    assert found[0] == found[1]


@pytest.mark.parametrize("changed", ["nothing", "code", "keras", "tensorflow", "features"])
def test_a_training_goes_on_only_with_what_it_was_begun_with(
    still, features, tmp_path, monkeypatch, changed
):
    """The same elsewhere, too: another machine may take over."""
    begun, given = [], {"code": "one", "epochs": 2, "patience": 2}

    class Killed(Checkpoint):
        def on_epoch_begin(self, epoch, logs=None):
            super().on_epoch_begin(epoch, logs)
            begun.append(epoch)

        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            if len(begun) == 1:
                raise KeyboardInterrupt

    monkeypatch.setattr("clapboard.learning.training.Checkpoint", Killed)
    with pytest.raises(KeyboardInterrupt):
        train(still, tmp_path / "here", "gru", features, **given)
    (tmp_path / "there").mkdir()
    (tmp_path / "here" / "training").rename(tmp_path / "there" / "training")
    moved = {name: shutil.copy(file, tmp_path) for name, file in features.items()}
    for file in features.values():
        shutil.copy(index_file(file), tmp_path)
    if changed == "code":
        given["code"] = "two"
    elif changed == "features":
        values = np.load(moved["S1C1"])
        values[0, 0] += 1
        np.save(moved["S1C1"], values)
    elif changed != "nothing":
        monkeypatch.setattr(f"{changed}.__version__", "0")
    train(still, tmp_path / "there", "gru", moved, **given)
    assert begun == ([0, 1] if changed == "nothing" else [0, 0, 1])


@pytest.fixture(scope="module")
def still_or_large(still, tmp_path_factory):
    """The labelled set; for a backbone one with pictures that are large enough."""
    made = {}

    def of(name):
        if name != "transfer":
            return still
        if name not in made:
            folder = tmp_path_factory.mktemp("large")
            made[name] = make_labelled_set(folder, LENGTH, 32, labels=("A", "B"))
        return made[name]

    return of


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("cnn", {}),
        ("transfer", {"fine_tune": 0}),
        ("transfer", {}),
        ("lstm", {}),
        ("gru", {"bidirectional": True, "layers": 2}),
        ("tcn", {"background": "ignored"}),
        ("lstm", {"mixed_precision": "on"}),
    ],
)
def test_exported_forms_say_the_same(still_or_large, features, tmp_path, name, more):
    from clapboard.learning.exporting import export

    data, ignored = still_or_large(name), ""
    if "background" in more:
        data, ignored = make_labelled_set(tmp_path, 2, SIZE, labels=("A", "B", "C")), "B"
    given = {"features": features, "ignored": ignored, "epochs": 1, **more}
    model = train(data, tmp_path / "model", name, **given) / "model.keras"
    export(model, data / "labels.csv", tmp_path / "export")
    report = artifacts.read_json(tmp_path / "export" / "forms.json")
    known = all(find_spec(package) for package in ("tf2onnx", "onnxruntime"))
    for form in ("keras", "saved_model", "litert", *(["onnx"] if known else [])):
        assert report["forms"][form]["largest_difference"] < 1e-4
    assert known or "not installed" in report["forms"]["onnx"]["missing"]
    assert (tmp_path / "export" / "model.tflite").stat().st_size > 0


def test_logs_for_tensorboard_are_written_when_asked_for(still, features, tmp_path):
    import tensorflow as tf

    out = train(still, tmp_path / "quiet", "gru", features, epochs=1)
    assert not (out / "tensorboard").exists()
    out = train(still, tmp_path / "asked", "gru", features, epochs=2, tensorboard=True)
    other = {"tensorboard": True, "learning_rate": 0.002}
    assert train(still, tmp_path / "asked", "gru", features, epochs=2, **other) == out
    for part in ("train", "validation"):
        (events,) = (out / "tensorboard" / "training" / part).iterdir()  # of the last one only
        steps = [
            event.step
            for event in tf.compat.v1.train.summary_iterator(str(events))
            for value in event.summary.value
            if value.tag == "epoch_loss"
        ]
        assert steps == [0, 1]


def test_form_that_says_something_else_is_refused(still, features, tmp_path, monkeypatch):
    from clapboard.learning import exporting

    model = train(still, tmp_path / "model", "gru", features, epochs=1) / "model.keras"
    wrong = {"wrong": lambda network, root, shape: lambda items: network(items).numpy() + 0.01}
    monkeypatch.setattr(exporting, "FORMS", wrong)
    with pytest.raises(RuntimeError, match="wrong: probabilities differ"):
        exporting.export(model, still / "labels.csv", tmp_path / "export")
    assert not (tmp_path / "export").exists()


def test_an_export_that_is_not_whole_is_not_there_and_does_not_travel(
    still, features, tmp_path, monkeypatch
):
    from clapboard.learning import exporting
    from clapboard.s3.inventory import local_artifacts

    results, seen = tmp_path / "results", []
    model = train(still, tmp_path / "model", "gru", features, epochs=1) / "model.keras"

    def look(network, root, shape):
        assert (root / "model.keras").exists()
        seen.append(local_artifacts(results))
        return "only a look"

    monkeypatch.setattr(exporting, "FORMS", {"look": look})
    exporting.export(model, still / "labels.csv", results / "models" / "m" / "export")
    assert seen == [{}]
    whole = {f"models/m/export/{name}" for name in ("labels.csv", "model.keras", "forms.json")}
    assert set(local_artifacts(results)) == whole


def weights(folder):
    import keras

    network = keras.models.load_model(folder / "model.keras", compile=False)
    return [value.tobytes() for value in network.get_weights()]
