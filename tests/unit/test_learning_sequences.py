"""Sequence models: what only order tells, interruption at any moment, exported forms."""

from importlib.util import find_spec

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


def train(data, out, name, features=None, start=None, **more):
    from clapboard.learning.training import train

    out.mkdir(exist_ok=True)
    inputs = data / "manifest.parquet", data / "labels.csv", data
    written = [out / file for file in ("model.keras", "history.csv", "curves.png", "summary.txt")]
    given = {"threads": 1, "features": features, "start": start}
    train(*inputs, settings_of(name, **more), *written, **given)
    return out


def accuracy(data, out, name):
    from clapboard.learning.evaluation import evaluate

    inputs = data / "manifest.parquet", data / "labels.csv", data
    written = [out / file for file in ("predictions.parquet", "metrics.json", "confusion.png")]
    evaluate(out / "model.keras", *inputs, settings_of(name), *written, threads=1)
    return artifacts.read_json(out / "metrics.json")["model"]["accuracy"]


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """A bar that rises or falls: each single picture occurs in both classes."""
    folder = tmp_path_factory.mktemp("moving")
    splits = {f"S{n}": "Training" for n in range(1, 9)} | {"S9": "Validation", "S10": "Test"}
    heights = {0: range(LENGTH), 1: range(LENGTH - 1, -1, -1)}
    return make_labelled_set(folder, LENGTH, SIZE, splits, ("FALL", "RISE"), heights)


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


class Killed(Exception):
    """Stands for a kill: nothing is tidied up."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "tcn", "transfer"])
def test_interrupted_training_ends_like_an_undisturbed_one(
    still_or_large, features, tmp_path, monkeypatch, name
):
    data = still_or_large(name)
    short = {"epochs": 3, "patience": 3, "batch_size": 5}
    whole = train(data, tmp_path / "whole", name, features, **short)
    moment = np.random.default_rng(len(name)).integers(1, 3), 0
    with monkeypatch.context() as patched:

        def killed(self, batch, logs=None):
            if (self.epoch, batch) == moment:
                raise Killed

        patched.setattr(Checkpoint, "on_train_batch_end", killed)
        with pytest.raises(Killed):
            train(data, tmp_path / "killed", name, features, **short)
    again = train(data, tmp_path / "killed", name, features, **short)
    assert (again / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()
    assert weights(again) == weights(whole)


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
@pytest.mark.parametrize("name", ["lstm", "tcn"])
def test_exported_forms_say_the_same(still, features, tmp_path, name):
    from clapboard.learning.exporting import export

    model = train(still, tmp_path / "model", name, features, epochs=1) / "model.keras"
    export(model, still / "labels.csv", tmp_path / "export")
    report = artifacts.read_json(tmp_path / "export" / "forms.json")
    known = all(find_spec(package) for package in ("tf2onnx", "onnxruntime"))
    for form in ("keras", "saved_model", "litert", *(["onnx"] if known else [])):
        assert report["forms"][form]["largest_difference"] < 1e-4
    assert known or "not installed" in report["forms"]["onnx"]["missing"]
    assert (tmp_path / "export" / "model.tflite").stat().st_size > 0


def test_form_that_says_something_else_is_refused(still, features, tmp_path, monkeypatch):
    from clapboard.learning import exporting

    model = train(still, tmp_path / "model", "gru", features, epochs=1) / "model.keras"
    wrong = {"wrong": lambda network, root, shape: lambda items: network(items).numpy() + 0.01}
    monkeypatch.setattr(exporting, "FORMS", wrong)
    with pytest.raises(RuntimeError, match="wrong: probabilities differ"):
        exporting.export(model, still / "labels.csv", tmp_path / "export")


def weights(folder):
    import keras

    network = keras.models.load_model(folder / "model.keras", compile=False)
    return [value.tobytes() for value in network.get_weights()]
