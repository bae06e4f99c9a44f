"""Training and evaluation on a tiny labelled set: results, repeatability, resume, bad input."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from labelled_set import LABELS, make_labelled_set

from clapboard import artifacts
from clapboard.learning.checkpoint import Checkpoint, kept_epoch
from clapboard.learning.comparison import compare_models
from clapboard.learning.loso import summarise_folds
from clapboard.problems import InputError
from clapboard.settings.config import load

SETTINGS = dict(
    load({"models": {"m": {"architecture": "cnn", "epochs": 3, "batch_size": 8}}}).section(
        "models"
    )["m"]
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_labelled_set(tmp_path_factory.mktemp("set"))


def train(data: Path, out: Path, test_subject: str | None = None, code="", lend=False, **settings):
    from clapboard.learning.training import train

    train(
        data / "manifest.parquet",
        data / "labels.csv",
        data,
        SETTINGS | settings,
        out / "model.keras",
        out / "history.csv",
        out / "curves.png",
        out / "summary.txt",
        code,
        threads=1,
        test_subject=test_subject,
        lend=lend,
    )
    return out


def without(data: Path, label: str, *subjects: str) -> Path:
    """Take a class away from some subjects."""
    table, _ = artifacts.read_parquet(data / "manifest.parquet")
    rows = table.to_pandas()
    kept = (rows["label"] != label) | ~rows["subject"].isin(subjects)
    artifacts.write_parquet(data / "manifest.parquet", table.filter(kept.tolist()))
    return data


PICTURES = ("confusion", "ribbons", "bars", "calibration", "mistakes")


def evaluate(data: Path, out: Path, test_subject: str | None = None, **settings) -> dict:
    from clapboard.learning.evaluation import evaluate

    evaluate(
        out / "model.keras",
        data / "manifest.parquet",
        data / "labels.csv",
        data,
        SETTINGS | settings,
        out / "predictions.parquet",
        out / "metrics.json",
        out / "confusion.png",
        test_subject=test_subject,
        pictures={kind: out / f"{kind}.png" for kind in PICTURES},
    )
    return artifacts.read_json(out / "metrics.json")


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    return train(data, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def report(data, trained):
    return evaluate(data, trained)


def test_learns_what_can_be_learnt(report):
    assert report["model"]["accuracy"] == 1
    assert report["baselines"]["majority"]["accuracy"] == pytest.approx(1 / 3)
    assert report["baselines"]["chance"]["accuracy"] == pytest.approx(1 / 3)
    assert report["subjects"] == ["S4"]


def test_predictions_are_one_row_per_test_frame_in_class_order(data, trained, report):
    table, metadata = artifacts.read_parquet(trained / "predictions.parquet")
    rows = table.to_pandas()
    assert metadata["classes"] == list(LABELS)
    assert rows["recording"].unique().tolist() == ["S4C1"]
    assert rows["frame"].tolist() == list(range(1, 25))
    probabilities = np.stack(rows["probabilities"])
    assert probabilities.shape == (24, 3)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(24), abs=1e-5)
    assert [LABELS[index] for index in probabilities.argmax(axis=1)] == rows["predicted"].tolist()


def test_class_index_comes_from_labels_csv_only(tmp_path):
    data = make_labelled_set(tmp_path)
    table, _ = artifacts.read_parquet(data / "manifest.parquet")
    wrong = table.set_column(
        table.schema.get_field_index("class_index"), "class_index", [[0] * table.num_rows]
    )
    artifacts.write_parquet(data / "manifest.parquet", wrong)
    assert evaluate(data, train(data, tmp_path / "model"))["model"]["accuracy"] == 1


def test_same_seed_same_bits_other_seed_other_bits(data, trained, tmp_path):
    again = train(data, tmp_path / "again")
    other = train(data, tmp_path / "other", seed=2)
    first = (trained / "history.csv").read_bytes()
    assert first == (again / "history.csv").read_bytes()
    assert first != (other / "history.csv").read_bytes()
    assert _weights(trained) == _weights(again)


def test_killed_training_resumes_to_the_same_result(data, tmp_path):
    whole = train(data, tmp_path / "whole", epochs=4)
    epoch, batch = np.random.default_rng(8).integers((4, 6))  # of 48 frames, 8 in a step
    script = tmp_path / "train.py"
    script.write_text(
        "import os, signal, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\n"
        "from test_learning_training import train\n"
        "from clapboard.learning.checkpoint import Checkpoint\n"
        "step = lambda self, batch, logs=None: (\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
        f" if (self.epoch, batch) == ({epoch}, {batch}) else None)\n"
        "Checkpoint.on_train_batch_end = step\n"
        "train(Path(sys.argv[1]), Path(sys.argv[2]), epochs=4)\n"
    )
    command = [sys.executable, str(script), str(data), str(tmp_path / "killed")]
    ended = subprocess.run(command, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model.keras").exists()
    killed = train(data, tmp_path / "killed", epochs=4)
    assert (whole / "history.csv").read_bytes() == (killed / "history.csv").read_bytes()
    assert _weights(whole) == _weights(killed)
    assert not (killed / "training").exists()


def test_who_validates_is_not_asked_what_nobody_has_taught(tmp_path):
    """S2 validates for S1; that S2 shows SWAB as well, which nobody else does, changes nothing."""
    shown = without(make_labelled_set(tmp_path / "with"), "SWAB", "S3", "S4")
    gone = without(make_labelled_set(tmp_path / "gone"), "SWAB", "S2", "S3", "S4")
    one, other = (train(data, data / "model", test_subject="S1") for data in (shown, gone))
    assert (one / "history.csv").read_bytes() == (other / "history.csv").read_bytes()

    nothing = without(make_labelled_set(tmp_path / "nothing"), "SWAB", "S1", "S2")
    for label in LABELS[:2]:
        without(nothing, label, "S3")
    with pytest.raises(InputError, match="what Training shows is in the Validation split"):
        train(nothing, tmp_path / "model")


def test_a_training_that_diverges_says_so(data, tmp_path):
    with pytest.raises(InputError, match="of epoch 2 is not a number") as error:
        _diverge(data, tmp_path)
    assert error.value.problems[0].column == "learning_rate"
    with pytest.raises(InputError, match="of epoch 2 is not a number"):
        _diverge(data, tmp_path)  # goes on after the first epoch, as after a kill


def _diverge(data, out):
    """A training whose weights are no numbers any more in its second epoch."""
    import keras

    class Spoil(Checkpoint):
        def on_epoch_begin(self, epoch, logs=None):
            super().on_epoch_begin(epoch, logs)
            if epoch == 1:
                for weight in self.model.trainable_variables:
                    weight.assign(keras.ops.full(weight.shape, np.nan))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clapboard.learning.training.Checkpoint", Spoil)
        train(data, out)


def test_what_is_kept_of_pictures_has_no_name_and_hinders_nobody(data, tmp_path):
    """A name would stay after a kill, and cannot be deleted while it is open on all systems."""
    files = []

    class Look(Checkpoint):
        def on_epoch_begin(self, epoch, logs=None):
            super().on_epoch_begin(epoch, logs)
            files.append({path.name for path in tmp_path.rglob("*") if path.is_file()})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clapboard.learning.training.Checkpoint", Look)
        train(data, tmp_path, cache_mb=16)
    allowed = {"state.json", *(f"epoch-000{epoch}.weights.h5" for epoch in (1, 2))}
    assert len(files) == SETTINGS["epochs"]
    assert set().union(*files) <= allowed


def test_keeps_the_last_epoch_on_request():
    history = [{"val_loss": loss} for loss in (3.0, 1.0, 2.0)]
    assert [kept_epoch(history, keep) for keep in ("best", "last")] == [1, 2]


def test_a_state_whose_weights_are_gone_is_begun_anew(data, tmp_path):
    whole = train(data, tmp_path / "whole")

    class Killed(Checkpoint):
        def remove(self):
            if self.history:
                next(self.folder.glob("*.h5")).unlink()
                raise KeyboardInterrupt
            super().remove()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clapboard.learning.training.Checkpoint", Killed)
        with pytest.raises(KeyboardInterrupt):
            train(data, tmp_path / "killed")
    again = train(data, tmp_path / "killed")
    assert (again / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()


def test_who_validates_teaches_on_request_and_judges_nothing(tmp_path):
    taught = {"teach_validation": True, "keep": "last"}
    data = without(make_labelled_set(tmp_path), "SWAB", "S1", "S2")
    with pytest.raises(InputError) as error:
        train(data, tmp_path / "apart")
    assert [problem.check for problem in error.value.problems] == ["class-without-training-frame"]
    out = train(data, tmp_path / "taught", **taught)
    history = pd.read_csv(out / "history.csv")
    assert history.columns.tolist() == ["epoch", "accuracy", "loss"]
    assert len(history) == 3
    # Baselines have learnt from the same people as the model.
    assert evaluate(data, out, **taught)["untrainable"] == {}


def test_a_training_with_nobody_held_out_goes_on_as_if_undisturbed(data, tmp_path):
    taught = {"teach_validation": True, "keep": "last"}
    whole = train(data, tmp_path / "whole", **taught)

    class Killed(Checkpoint):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clapboard.learning.training.Checkpoint", Killed)
        with pytest.raises(KeyboardInterrupt):
            train(data, tmp_path / "killed", **taught)
    again = train(data, tmp_path / "killed", **taught)
    assert (again / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()


def test_keeps_the_best_epoch_and_stops_early(data, tmp_path):
    out = train(data, tmp_path, learning_rate=0.3, epochs=30, patience=2)
    history = pd.read_csv(out / "history.csv")
    best = int(history["val_loss"].argmin())
    assert len(history) == min(best + 1 + 2, 30)
    assert history.columns.tolist() == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"]


def test_for_the_last_epoch_all_are_trained(data, tmp_path, capsys, monkeypatch):
    loaded = []

    class Watched(Checkpoint):
        def _load(self, network, epoch):
            loaded.append(epoch)
            super()._load(network, epoch)

    monkeypatch.setattr("clapboard.learning.training.Checkpoint", Watched)
    out = train(data, tmp_path, learning_rate=0.3, epochs=8, patience=1, keep="last")
    assert loaded == [7]
    losses = pd.read_csv(out / "history.csv")["val_loss"]
    assert len(losses) == 8
    assert not losses[:-1].is_monotonic_decreasing, "else nothing could have ended it"
    assert "Validation decides nothing" in capsys.readouterr().out


def test_all_that_makes_training_impossible_is_said_at_once(tmp_path):
    data = make_labelled_set(tmp_path, splits={"S1": "Training", "S2": "Test"})
    table, _ = artifacts.read_parquet(data / "manifest.parquet")
    rows = table.to_pandas()
    artifacts.write_parquet(
        data / "manifest.parquet",
        table.filter(((rows["label"] != "SWAB") | (rows["split"] != "Training")).tolist()),
    )
    with pytest.raises(InputError) as error:
        train(data, tmp_path / "model")
    assert {problem.check for problem in error.value.problems} == {
        "class-without-training-frame",
        "no-validation-frame",
    }
    assert "SWAB" in str(error.value)


def test_who_has_to_validate_and_alone_shows_a_class_is_named(tmp_path):
    """SWAB is shown by S2 alone, the second class by S1 alone: neither can be spared."""
    data = make_labelled_set(tmp_path, splits={"S1": "Training", "S2": "Training"})
    without(without(data, "SWAB", "S1"), LABELS[1], "S2")
    with pytest.raises(InputError) as error:
        train(data, tmp_path / "model", lend=True)
    (problem,) = error.value.problems
    assert (problem.check, problem.value) == ("class-without-training-frame", "SWAB")
    assert "only S2" in problem.message and "nobody has the split Validation" in problem.message
    assert "teach_validation: true and keep: last" in problem.remedy
    remedied = {"teach_validation": True, "keep": "last", "epochs": 1}
    assert (train(data, tmp_path / "all", lend=True, **remedied) / "model.keras").is_file()


def test_no_test_frame_is_refused(tmp_path, trained):
    data = make_labelled_set(tmp_path, splits={"S1": "Training"})
    out = tmp_path / "model"
    out.mkdir()
    (out / "model.keras").write_bytes((trained / "model.keras").read_bytes())
    with pytest.raises(InputError, match="no-test-frame"):
        evaluate(data, out)


def test_subject_who_shows_only_what_nobody_else_shows_is_refused_by_name(tmp_path, trained):
    data, out = set_of(tmp_path, trained, lambda split, swab: (split == "Test") == swab)
    with pytest.raises(InputError, match="none of the procedures of S4"):
        evaluate(data, out)


def set_of(folder, trained, kept):
    """A set with the frames for which `kept` of their split and whether they show SWAB; a model."""
    data, out = make_labelled_set(folder), folder / "model"
    manifest = data / "manifest.parquet"
    table, metadata = artifacts.read_parquet(manifest)
    split, label = table["split"].to_pylist(), table["label"].to_pylist()
    chosen = [kept(one, name == "SWAB") for one, name in zip(split, label, strict=True)]
    artifacts.write_parquet(manifest, table.filter(pa.array(chosen)), metadata)
    out.mkdir()
    (out / "model.keras").write_bytes((trained / "model.keras").read_bytes())
    return data, out


def test_left_out_subject_who_shows_only_such_gets_no_figures(tmp_path, trained, capsys):
    data, out = set_of(tmp_path, trained, lambda split, swab: (split == "Test") == swab)
    figures = evaluate(data, out, "S4")
    assert "none of the procedures of S4" in capsys.readouterr().out
    assert figures["frames"] == 0 and figures["untrainable"] == {"SWAB": 8}
    values = [*figures["model"].values(), *figures["accuracy_above"]["majority"].values()]
    assert set(values) == {None}
    assert figures["intervals"]["mean_average_precision"] == [None, None]
    table, _ = artifacts.read_parquet(out / "predictions.parquet")
    assert table["trainable"].to_pylist() == [False] * 8
    for kind in PICTURES:
        assert (out / f"{kind}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("untested", ["S9", "S0"])
def test_left_out_subject_without_a_frame_is_untested(data, tmp_path, untested):
    """All frames of one may have been dropped; the figures are those of the others."""
    files = {}
    for subject in ("S4", untested):
        out = train(data, tmp_path / subject, test_subject=subject, epochs=1)
        figures = evaluate(data, out, subject)
        files[subject] = out / "predictions.parquet"
    assert figures["frames"] == 0 and set(figures["model"].values()) == {None}
    for kind in PICTURES:
        assert (out / f"{kind}.png").read_bytes().startswith(b"\x89PNG")

    found = []
    for name, subjects in (("one", ["S4"]), ("both", ["S4", untested])):
        written = [tmp_path / f"{name}.json", tmp_path / f"{name}.csv"]
        summarise_folds({subject: files[subject] for subject in subjects}, *written, seed=1)
        found.append(artifacts.read_json(written[0]))
        compare_models({"cnn": [files[s] for s in subjects]}, written[1], out / "b.png", 1)
    one, both = found
    assert one.pop("untested") == [] and both.pop("untested") == [untested]
    assert one == both
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "both.csv").read_bytes()


def test_pictures_show_no_frame_that_nothing_could_have_learnt(tmp_path, trained):
    """They are those of a set that has no such frames; with all frames counted they are others."""
    keeping = {
        "with": lambda split, swab: split == "Test" or not swab,
        "without": lambda split, swab: not swab,
        "learnable": lambda split, swab: True,
    }
    drawn, frames = {}, {}
    for name, kept in keeping.items():
        data, out = set_of(tmp_path / name, trained, kept)
        frames[name] = evaluate(data, out)["frames"]
        drawn[name] = {kind: (out / f"{kind}.png").read_bytes() for kind in PICTURES}
    assert frames == {"with": 16, "without": 16, "learnable": 24}
    for kind in PICTURES:
        assert drawn["with"][kind] == drawn["without"][kind], kind
    for kind in ("confusion", "ribbons", "bars", "calibration"):
        assert drawn["with"][kind] != drawn["learnable"][kind], kind


def test_unreadable_frame_is_named(tmp_path):
    data = make_labelled_set(tmp_path)
    broken = next((data / "Training" / "class1").glob("*.jpg"))
    broken.write_bytes(b"no picture")
    with pytest.raises(InputError, match=broken.name):
        train(data, tmp_path / "model")


def test_memory_shortage_names_the_setting():
    import tensorflow as tf

    from clapboard.learning.failures import explained

    with pytest.raises(InputError, match="batch_size"), explained(64):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")


def test_a_network_that_does_not_fit_names_what_to_lower(data, tmp_path):
    with pytest.raises(InputError, match="batch_size") as error:
        train(data, tmp_path, dense=10**10)
    assert error.value.problems[0].check == "out-of-memory"


def _weights(folder: Path) -> list[bytes]:
    import keras

    network = keras.models.load_model(folder / "model.keras", compile=False)
    return [value.tobytes() for value in network.get_weights()]
