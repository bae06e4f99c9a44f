"""What is reported: additive counts, baselines, absent classes, comparison on the same frames."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pytest
from labelled_set import LABELS, make_labelled_set

from clapboard import artifacts
from clapboard.evaluation import metrics
from clapboard.learning import baselines, protocol
from clapboard.learning.answers import Judged, answer_table, judge
from clapboard.learning.comparison import compare_models
from clapboard.learning.fusion import fused
from clapboard.learning.loso import summarise_folds
from clapboard.learning.manifest import balanced_weights, class_counts, read_classes, read_examples
from clapboard.learning.pictures import draw, mistakes
from clapboard.learning.protocol import Answers
from clapboard.learning.reporting import report
from clapboard.problems import InputError

SPLITS = {"S1": "Training", "S2": "Training", "S3": "Test", "S4": "Test"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_labelled_set(tmp_path_factory.mktemp("set"), splits=SPLITS)


def read(data, split):
    return read_examples(data / "manifest.parquet", data / "labels.csv", data, split)


def guesses(test, share=0.7, seed=0):
    """Probabilities that are right for about `share` of the frames."""
    random = np.random.default_rng(seed)
    right = random.random(len(test)) < share
    noise = random.dirichlet(np.ones(3), len(test))
    mixed = noise + 2 * np.eye(3)[test["class_index"]] * right[:, None]
    return mixed / mixed.sum(axis=1, keepdims=True)


def answers(frames, true, predicted, classes=3):
    return Answers(frames, np.array(true), np.array(predicted), np.empty((len(true), 0)), classes)


def time_prior(training, test):
    """What the time prior says of two classes."""
    parts, asked = (baselines.part_of_recording(frames) for frames in (training, test))
    return baselines.time_prior(parts, training["class_index"].to_numpy(), asked, 2).tolist()


def timeline(subject, count):
    return pd.DataFrame(
        {
            "recording": f"{subject}C1",
            "split": "Test",
            "subject": subject,
            "session": "",
            "seconds": np.arange(count) / 25,
        }
    )


def test_tallies_of_subjects_add_up_to_the_tally_of_all(data):
    test = read(data, "Test")
    probabilities = guesses(test)
    model = Answers(test, test["class_index"].to_numpy(), probabilities.argmax(1), probabilities, 3)
    whole, parts = protocol.tally(model), protocol.summed(protocol.tallies(model).values(), 3)
    assert protocol.measures(whole) == pytest.approx(protocol.measures(parts))
    assert whole.timelines == 2


def test_report_stands_beside_its_baselines(data):
    test, training = read(data, "Test"), read(data, "Training")
    figures = report(judge(test, training, guesses(test), LABELS, 1), seed=1)
    counts = np.array(figures["confusion"]["counts"])
    assert counts.sum() == figures["frames"] == len(test)
    assert figures["model"]["accuracy"] == metrics.accuracy(counts)
    low, high = figures["intervals"]["accuracy"]
    assert low <= figures["model"]["accuracy"] <= high
    low, high = figures["intervals"]["mean_average_precision"]
    assert 0 < low <= figures["model"]["mean_average_precision"] <= high < 1
    for row in figures["per_class"].values():
        ends = row["average_precision_low"], row["average_precision_high"]
        assert 0 < ends[0] <= row["average_precision"] <= ends[1]
    assert set(figures["baselines"]) == set(BASELINES)
    assert figures["baselines"]["nearest_neighbour"]["accuracy"] == 1
    assert figures["baselines"]["time_prior"]["accuracy"] == 1
    assert figures["baselines"]["majority"]["accuracy"] == pytest.approx(1 / 3)
    assert figures["per_subject"]["S3"]["frames"] == 24
    artifacts.write_json(data / "metrics.json", figures)


def test_draws_that_do_not_show_a_class_say_nothing_of_its_f1():
    """S1 alone shows B; of S2 it is said once."""
    subjects, count = ("S1", "S2", "S3", "S4"), 100
    frames = pd.concat([timeline(subject, count) for subject in subjects], ignore_index=True)
    true = np.where(frames["subject"] == "S1", 1, 0)
    predicted = true.copy()
    predicted[count] = 1
    probabilities = np.eye(2)[predicted]
    model = Answers(frames, true, predicted, probabilities, 2)
    judged = Judged(model, {}, np.ones(len(true), bool), ("A", "B"))
    row = report(judged, seed=1)["per_class"]["B"]
    assert row["f1"] == pytest.approx(200 / 201)
    # No draw that shows B has more wrong than S1 once beside three times S2.
    assert 200 / 203 <= row["f1_low"] < row["f1"]
    assert row["f1_high"] == 1


def test_class_that_training_never_shows_is_counted_apart(data):
    test, training = read(data, "Test"), read(data, "Training")
    training = training[training["label"] != "SWAB"]
    figures = report(judge(test, training, guesses(test), LABELS, 1), seed=1)
    assert figures["untrainable"] == {"SWAB": 16}
    counts = np.array(figures["confusion"]["counts"])
    assert counts[2].sum() == 0 and figures["frames"] == 32


def test_one_subject_gives_intervals_over_recordings_or_none(data):
    test, training = read(data, "Test"), read(data, "Training")
    one = test[test["subject"] == "S3"].reset_index(drop=True)
    figures = report(judge(one, training, guesses(one), LABELS, 1), seed=1)
    assert figures["interval_over"] == "recording"
    for measure in ("accuracy", "mean_average_precision"):
        assert figures["intervals"][measure] == [None, None]


def test_background_is_counted_with_and_without(data):
    test, training = read(data, "Test"), read(data, "Training")
    judged = judge(test, training, guesses(test), LABELS, 1, background="SWAB")
    figures = report(judged, seed=1, background="SWAB")
    without = figures["without_background"]
    assert without["model"]["accuracy"] != figures["model"]["accuracy"]
    assert without["baselines"]["majority"]["accuracy"] == pytest.approx(0.5)
    assert set(without["per_class"]) == set(LABELS) - {"SWAB"}
    assert without["per_subject"]["S3"]["frames"] == 16
    assert without["per_recording"]["S3C1"]["frames"] == 16


def test_confusion_is_counted_with_and_without_background(data, tmp_path):
    """Rows are true, columns predicted; what is taken for background is wrong without it."""
    test, training = read(data, "Test"), read(data, "Training")
    said = (test["class_index"].to_numpy() + (test["frame"] % 4 == 0)) % 3
    judged = judge(test, training, np.eye(3)[said], LABELS, 1, background="SWAB")
    figures = report(judged, seed=1, background="SWAB")
    without = figures["without_background"]
    assert figures["confusion"] == {
        "labels": list(LABELS),
        "counts": [[12, 4, 0], [0, 12, 4], [4, 0, 12]],
    }
    assert without["confusion"] == {
        "labels": list(LABELS),
        "counts": [[12, 4, 0], [0, 12, 4], [0, 0, 0]],
    }
    for found in (figures, without):
        counts = np.array(found["confusion"]["counts"], np.float64)
        for name in ("accuracy", "balanced_accuracy", "macro_f1"):
            assert found["model"][name] == pytest.approx(getattr(metrics, name)(counts))
    kinds = ("confusion", "confusion_without_background")
    files = {kind: tmp_path / f"{kind}.png" for kind in kinds}
    draw(files, test, np.eye(3)[said], LABELS, figures)
    assert len({file.read_bytes() for file in files.values()}) == 2


def test_empty_background_changes_nothing():
    frames = timeline("S1", 6)
    model = answers(frames, [1, 1, 1, 2, 2, 2], [1, 1, 2, 2, 2, 2])
    assert protocol.measures(protocol.tally(model)) == protocol.measures(protocol.tally(model, 0))


def test_only_background_is_undefined_not_perfect():
    model = answers(timeline("S1", 4), [0] * 4, [0] * 4)
    found = protocol.measures(protocol.tally(model, background=0))
    assert {found[name] for name in ("accuracy", "edit", "f1@10", "f1@50")} == {None}


def test_timelines_without_a_segment_raise_no_edit_score():
    """S2 shows only background, and nothing else is said; of S3 something is."""
    frames = pd.concat([timeline(name, 4) for name in ("S1", "S2", "S3")], ignore_index=True)
    true = [1, 1, 2, 2] + [0] * 8
    model = answers(frames, true, [1, 1, 1, 1] + [0] * 4 + [0, 0, 1, 1])
    parts = protocol.tallies(model, background=0)
    edits = {name: protocol.measures(part)["edit"] for name, part in parts.items()}
    assert edits == {"S1": 0.5, "S2": None, "S3": 0}
    assert protocol.measures(protocol.tally(model, background=0))["edit"] == 0.25
    assert protocol.measures(protocol.summed(parts.values(), 3))["edit"] == 0.25
    assert protocol.measures(protocol.tally(model))["edit"] == pytest.approx((0.5 + 1 + 0.5) / 3)
    low, high = protocol.intervals(list(parts.values()), seed=1, classes=3)["edit"]
    assert 0 <= low <= 0.25 <= high <= 0.5


def test_who_has_no_segment_does_not_raise_the_mean_over_subjects(tmp_path):
    """Without background nobody's edit score but S1's counts."""
    files = {}
    for subject, said in (("S1", [0, 1, 1, 1]), ("S2", [0, 0, 0, 0])):
        frames = timeline(subject, 4).assign(camera="C1", frame=[1, 2, 3, 4])
        true = np.array([0, 1, 1, 2]) if subject == "S1" else np.zeros(4, np.int64)
        model = Answers(frames, true, np.array(said), np.eye(3)[said], 3)
        rivals = dict.fromkeys(baselines.NAMES, model)
        judged = Judged(model, rivals, np.ones(4, bool), LABELS, rivals)
        files[subject] = tmp_path / f"{subject}.parquet"
        artifacts.write_parquet(files[subject], answer_table(judged), {"classes": LABELS})
    summarise_folds(files, tmp_path / "s.json", tmp_path / "s.csv", 1, background=LABELS[0])
    without = artifacts.read_json(tmp_path / "s.json")["without_background"]
    assert without["subjects"]["S2"]["frames"] == 0
    assert without["subjects"]["S2"]["edit"] is None
    assert without["mean"]["edit"] == without["pooled"]["edit"] == 0.5


def test_gap_in_time_divides_timelines():
    frames = timeline("S1", 6)
    frames.loc[3:, "seconds"] += 100
    assert protocol.tally(answers(frames, [1] * 6, [1] * 6)).timelines == 2


def test_majority_is_the_majority_of_training():
    training = pd.DataFrame({"class_index": [1, 1, 0]})
    assert baselines.majority(training, pd.DataFrame(index=range(2)), 3).tolist() == [1, 1]


def test_time_prior_knows_when_but_not_what():
    training = timeline("S1", 100).assign(class_index=[0] * 50 + [1] * 50)
    test = timeline("S2", 10)
    assert time_prior(training, test) == [0] * 5 + [1] * 5


def test_time_prior_answers_with_the_majority_where_training_shows_nothing():
    training = timeline("S1", 2).assign(class_index=[0, 1])
    training = pd.concat([training, training.assign(recording="S3C1", class_index=1)])
    assert time_prior(training, timeline("S2", 5))[1:] == [1] * 4


def test_where_the_background_is_the_majority_it_is_nobodys_answer_without_it(data):
    """Of eleven training frames eight are background, two BAGGING and one CPR (BREATH)."""
    test, training = read(data, "Test"), read(data, "Training")
    training = training[(training["label"] == "SWAB") | (training["frame"] % 4 == 0)]
    training = training[(training["label"] != "CPR (BREATH)") | (training["frame"] % 8 == 0)]
    counts = training["label"].value_counts()
    assert counts.idxmax() == "SWAB" and counts["BAGGING"] > counts["CPR (BREATH)"]
    judged = judge(test, training, guesses(test), LABELS, 1, background="SWAB")
    figures = report(judged, seed=1, background="SWAB")
    without = figures["without_background"]
    majority = figures["baselines"]["majority"], without["baselines"]["majority"]
    assert majority[0]["accuracy"] == pytest.approx(1 / 3)  # SWAB
    assert majority[1]["accuracy"] == pytest.approx(1 / 2)  # BAGGING
    chance = figures["baselines"]["chance"], without["baselines"]["chance"]
    assert chance[0]["accuracy"] == pytest.approx(1 / 3)
    assert chance[1]["accuracy"] == pytest.approx(1 / 2)
    background = LABELS.index("SWAB")
    for name in baselines.NAMES:
        assert background not in judged.without[name].predicted
        assert (judged.without[name].true == judged.baselines[name].true).all()
    above = without["model"]["accuracy"] - 1 / 2
    for name in ("majority", "chance"):
        assert without["accuracy_above"][name]["difference"] == pytest.approx(above)
        for part in ("S3", "S4"):
            assert without["per_subject"][part]["baselines"][name]["accuracy"] == 1 / 2
            assert without["per_recording"][f"{part}C1"]["baselines"][name]["accuracy"] == 1 / 2
        recall = [row["baselines"][name]["recall"] for row in without["per_class"].values()]
        assert sum(recall) == pytest.approx(1)


def test_the_nearest_neighbour_is_looked_for_among_what_is_not_background(data):
    """Of every test frame the nearest one shows the same class, but it counts for none."""
    test, training = read(data, "Test"), read(data, "Training")
    swab = LABELS.index("SWAB")
    seen = baselines.thumbnails(test["file"])
    for left_out in (None, swab):
        said = dict(baselines.said(training, test, seen, 3, 1, left_out))["nearest_neighbour"]
        right = said == test["class_index"]
        assert right[test["class_index"] != swab].all()
        assert (right[test["class_index"] == swab] == (left_out is None)).all()


def test_recordings_last_as_long_without_the_background(data):
    """The second half is one class and then the other, as it is with the background before."""
    pictures = {"file": read(data, "Test")["file"].iloc[0]}
    training = timeline("S1", 100).assign(class_index=[0] * 50 + [1] * 26 + [2] * 24, **pictures)
    test = timeline("S2", 100).assign(**pictures)
    seen = baselines.thumbnails(test["file"])
    said = dict(baselines.said(training, test, seen, 3, 1, left_out=0))["time_prior"]
    assert said.tolist() == [1] * 76 + [2] * 24


def test_where_training_shows_background_only_the_baselines_know_nothing_else(data):
    test, training = read(data, "Test"), read(data, "Training")
    training = training[training["label"] == "SWAB"]
    judged = judge(test, training, guesses(test), LABELS, 1, background="SWAB")
    without = report(judged, seed=1, background="SWAB")["without_background"]
    assert without["baselines"]["majority"]["accuracy"] is None
    assert without["baselines"]["majority"]["f1@50"] is None


def test_paired_comparison_needs_the_same_frames():
    one = protocol.tallies(answers(timeline("S1", 4), [0, 0, 1, 1], [0, 0, 1, 1]))
    other = protocol.tallies(answers(timeline("S1", 4), [0, 0, 0, 1], [0, 0, 1, 1]))
    with pytest.raises(ValueError, match="same frames"):
        protocol.compared(one, other, seed=1)


def test_balanced_weights_agree_with_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.array([0] * 7 + [1] * 2 + [3])
    weights = balanced_weights(np.bincount(labels, minlength=5))
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels)
    np.testing.assert_allclose(weights[[0, 1, 3]], expected)
    assert weights[[2, 4]].tolist() == [0, 0]


def test_frames_of_no_class_count_for_none():
    assert class_counts(pd.DataFrame({"class_index": [1, -1, 0, 1]}), 3).tolist() == [1, 2, 0]


def test_classes_are_those_of_labels_csv(tmp_path):
    (tmp_path / "labels.csv").write_text("index,label,folder\n1,B,B\n0,A,A\n")
    assert read_classes(tmp_path / "labels.csv") == ("A", "B")
    (tmp_path / "labels.csv").write_text("index,label,folder\n2,B,B\n0,A,A\n")
    with pytest.raises(InputError, match="class-index"):
        read_classes(tmp_path / "labels.csv")


def test_label_without_a_class_is_refused(tmp_path):
    data = make_labelled_set(tmp_path, frames=1)
    (data / "labels.csv").write_text("index,label,folder\n0,BAGGING,class0\n")
    with pytest.raises(InputError, match="CPR"):
        read(data, "Test")


@pytest.fixture
def folds(tmp_path, data):
    """Predictions of a good and a bad model for two subjects, a file each, by model and subject.

    The background is BAGGING, of which Training has most. S4 alone shows SWAB, which nobody could
    have learnt.
    """
    test, training = read(data, "Test"), read(data, "Training")
    training = training[training["label"] != "SWAB"]
    training = training[(training["label"] == "BAGGING") | (training["frame"] % 2 == 0)]
    test = test[(test["label"] != "SWAB") | (test["subject"] == "S4")]
    files = {}
    for name, share in (("good", 0.95), ("bad", 0.3)):
        for subject in ("S3", "S4"):
            fold = test[test["subject"] == subject].reset_index(drop=True)
            probabilities = guesses(fold, share, seed=int(subject[1]))
            judged = judge(fold, training, probabilities, LABELS, 1, background="BAGGING")
            file = tmp_path / f"{name}-{subject}.parquet"
            artifacts.write_parquet(file, answer_table(judged), {"classes": LABELS})
            files.setdefault(name, {})[subject] = file
    return files


BASELINES = ("majority", "time_prior", "nearest_neighbour", "chance")


def test_folds_are_summed_up_with_and_without_background(tmp_path, folds):
    written = [tmp_path / name for name in ("s.json", "s.csv")]
    bars = tmp_path / "bars.png"
    drawn = {name: tmp_path / f"{name}.png" for name in ("confusion", "confusion_without")}
    summarise_folds(folds["good"], *written, seed=1, background="BAGGING", bars=bars, **drawn)
    summary = artifacts.read_json(written[0])
    assert summary["untrainable"] == {"S3": {}, "S4": {"SWAB": 8}}
    for found, frames in ((summary, 32), (summary["without_background"], 16)):
        assert found["frames"] == frames
        each = [found["subjects"][subject]["accuracy"] for subject in ("S3", "S4")]
        assert found["mean"]["accuracy"] == pytest.approx(np.mean(each))
        assert found["spread"]["accuracy"] == pytest.approx(np.std(each, ddof=1))
        assert set(found["baselines"]) == set(found["accuracy_above"]) == set(BASELINES)
        assert found["baselines"]["nearest_neighbour"]["accuracy"] == 1
        majority = found["baselines"]["majority"]["accuracy"]
        assert majority == (0.5 if found is summary else 1)  # CPR (BREATH) is all that remains
        breath = found["per_class"]["CPR (BREATH)"]
        assert breath["support"] == 16
        ends = breath["average_precision_low"], breath["average_precision_high"]
        assert ends[0] <= breath["average_precision"] <= ends[1]
        shown = [row["average_precision"] for row in found["per_class"].values() if row["support"]]
        assert found["pooled"]["mean_average_precision"] == pytest.approx(np.mean(shown))
        counts = np.array(found["confusion"]["counts"])
        assert found["confusion"]["labels"] == list(LABELS)
        assert counts.sum() == frames
        assert found["pooled"]["accuracy"] == pytest.approx(np.trace(counts) / frames)
    assert np.array(summary["without_background"]["confusion"]["counts"])[0].sum() == 0
    assert len({file.read_bytes() for file in drawn.values()}) == 2
    assert summary["mean"] != summary["without_background"]["mean"]
    assert "BAGGING" not in summary["without_background"]["per_class"]
    table = pd.read_csv(written[1]).set_index(["background", "answers", "subject"])
    names = [("model", name) for name in ("S3", "S4", "mean", "spread", "low", "high")]
    names += [(rival, name) for rival in BASELINES for name in ("S3", "S4", "mean")]
    assert table.index.tolist() == [(side, *name) for side in ("with", "without") for name in names]
    table = table.sort_index()
    assert (table.loc[("with", "nearest_neighbour")]["accuracy"] == 1).all()
    precise = table.loc[("with", "model")]["mean_average_precision"]
    assert precise["mean"] == pytest.approx((precise["S3"] + precise["S4"]) / 2)
    assert precise["low"] <= precise["mean"] <= precise["high"]
    assert summary["mean"]["mean_average_precision"] == pytest.approx(precise["mean"])
    assert bars.read_bytes().startswith(b"\x89PNG")


def only_swab(folder, file):
    """The predictions in `file` as those of S9, who shows nothing but what could not be learnt."""
    table, metadata = artifacts.read_parquet(file)
    rows = table.filter(pa.compute.invert(table["trainable"])).to_pandas()
    rows = rows.assign(subject="S9", recording="S9C1")
    alone = folder / "S9.parquet"
    artifacts.write_parquet(alone, pa.Table.from_pandas(rows, preserve_index=False), metadata)
    return alone


def test_who_shows_nothing_learnable_is_named_and_changes_no_figure(tmp_path, folds, capsys):
    alone = only_swab(tmp_path, folds["good"]["S4"])
    found = []
    for name, files in (("two", folds["good"]), ("three", folds["good"] | {"S9": alone})):
        written = [tmp_path / f"{name}.{suffix}" for suffix in ("json", "csv")]
        summarise_folds(files, *written, seed=1, background="BAGGING")
        found.append((artifacts.read_json(written[0]), pd.read_csv(written[1])))
    (two, _), (three, table) = found
    assert "S9" in capsys.readouterr().out
    assert two.pop("untested") == [] and three.pop("untested") == ["S9"]
    assert three["untrainable"].pop("S9") == {"SWAB": 8}
    assert two == three
    rows = table[table["subject"] == "S9"].set_index("background")
    assert rows["frames"].to_dict() == {"with": 0, "without": 0}
    assert rows["answers"].tolist() == ["model"] * 2 and rows["accuracy"].isna().all()
    both = {name: [*files.values(), alone] for name, files in folds.items()}
    compare_models(both, tmp_path / "c3.csv", tmp_path / "boxes.png", 1)
    pairs = {name: list(files.values()) for name, files in folds.items()}
    compare_models(pairs, tmp_path / "c2.csv", tmp_path / "boxes.png", 1)
    assert (tmp_path / "c3.csv").read_bytes() == (tmp_path / "c2.csv").read_bytes()


def test_where_nobody_shows_anything_learnable_the_summary_says_so(tmp_path, folds):
    alone = only_swab(tmp_path, folds["good"]["S4"])
    with pytest.raises(InputError, match="no-learnable-frame"):
        summarise_folds({"S9": alone}, tmp_path / "s.json", tmp_path / "s.csv", seed=1)


def test_models_are_compared_where_only_the_background_was_shown(tmp_path, folds):
    files = {}
    for name, found in folds.items():
        table, metadata = artifacts.read_parquet(found["S4"])
        files[name] = [tmp_path / f"{name}.parquet"]
        rest = table.filter(pa.compute.equal(table["true"], "BAGGING"))
        artifacts.write_parquet(*files[name], rest, metadata)
    compare_models(files, tmp_path / "c.csv", tmp_path / "boxes.png", 1, "BAGGING")
    rows = pd.read_csv(tmp_path / "c.csv").set_index(["background", "measure"]).sort_index()
    assert rows.loc[("with", "accuracy"), "difference"].notna().all()
    assert rows.loc[("without", "accuracy"), "difference"].isna().all()
    assert (tmp_path / "boxes.png").stat().st_size > 5000


def test_models_are_compared_with_each_other_and_their_baselines(tmp_path, folds):
    both = {name: list(found.values()) for name, found in folds.items()}
    compare_models(both, tmp_path / "c.csv", tmp_path / "boxes.png", 1, "BAGGING")
    rows = pd.read_csv(tmp_path / "c.csv").set_index(["background", "measure"]).sort_index()
    for side in ("with", "without"):
        found = rows.loc[side, "accuracy"].set_index(["model", "against"])
        against = {("good", "bad")}
        against |= {(model, f"{name} (baseline)") for model in both for name in BASELINES}
        assert set(found.index) == against
        row = found.loc["good", "bad"]
        assert 0 < row["low"] <= row["difference"] <= row["high"]
        assert found.loc[("good", "nearest_neighbour (baseline)"), "difference"] <= 0
        above = found.loc[("good", "majority (baseline)"), "difference"]
        assert above > 0 if side == "with" else above <= 0  # all that remains is CPR (BREATH)
    assert set(rows["over"]) == {"subject"}
    assert (tmp_path / "boxes.png").read_bytes().startswith(b"\x89PNG")


def test_comparison_leaves_out_what_nothing_could_have_learnt(tmp_path, folds):
    """Were the eight frames of SWAB counted, the majority would be right less often with S4."""
    files = {"good": list(folds["good"].values())}
    compare_models(files, tmp_path / "c.csv", tmp_path / "boxes.png", seed=1)
    rows = pd.read_csv(tmp_path / "c.csv").set_index(["measure", "against"])
    found = rows.loc[("accuracy", "nearest_neighbour (baseline)"), "difference"]
    summarise_folds(folds["good"], tmp_path / "s.json", tmp_path / "s.csv", seed=1)
    mean = artifacts.read_json(tmp_path / "s.json")["mean"]["accuracy"]
    assert found == pytest.approx(mean - 1)


def test_a_frame_that_one_of_the_models_could_not_have_learnt_counts_for_none(tmp_path, folds):
    taught = []
    for number, file in enumerate(folds["good"].values()):
        table, metadata = artifacts.read_parquet(file)
        place = table.column_names.index("trainable")
        everything = pa.array([True] * len(table))
        taught.append(tmp_path / f"{number}.parquet")
        artifacts.write_parquet(
            taught[-1], table.set_column(place, "trainable", everything), metadata
        )
    files = {"good": list(folds["good"].values()), "bad": list(folds["bad"].values())}
    compare_models(files, tmp_path / "c.csv", tmp_path / "boxes.png", seed=1)
    compare_models(files | {"good": taught}, tmp_path / "d.csv", tmp_path / "boxes.png", seed=1)
    assert (tmp_path / "c.csv").read_bytes() == (tmp_path / "d.csv").read_bytes()


def test_one_subject_is_compared_recording_by_recording(tmp_path):
    both = [timeline("S1", 4).assign(recording=f"S1C{n}", camera=f"C{n}") for n in (1, 2)]
    frames = pd.concat(both, ignore_index=True).assign(frame=[1, 2, 3, 4] * 2)
    true, files = np.array([0, 0, 1, 1] * 2), {}
    for name, said in (("good", [0, 0, 1, 1]), ("bad", [0, 1, 1, 0])):
        model = Answers(frames, true, np.array(said * 2), np.eye(3)[said * 2], 3)
        rivals = dict.fromkeys(baselines.NAMES, model)
        judged = Judged(model, rivals, np.ones(8, bool), tuple(LABELS))
        files[name] = [tmp_path / f"{name}.parquet"]
        artifacts.write_parquet(files[name][0], answer_table(judged), {"classes": LABELS})
    compare_models(files, tmp_path / "c.csv", tmp_path / "boxes.png", seed=1)
    rows = pd.read_csv(tmp_path / "c.csv").set_index(["measure", "model", "against"])
    row = rows.loc[("accuracy", "good", "bad")]
    assert set(rows["over"]) == {"recording"}
    assert row["low"] == row["difference"] == row["high"] == 0.5
    assert row["p_value"] == 0.5  # of two recordings: two of four sign patterns are as far from 0


def test_models_of_other_frames_are_not_compared(tmp_path, folds):
    table, metadata = artifacts.read_parquet(folds["bad"]["S3"])
    frames = table["frame"].to_numpy().copy()
    frames[0] += 1000
    moved = table.set_column(table.column_names.index("frame"), "frame", [frames])
    artifacts.write_parquet(tmp_path / "moved.parquet", moved, metadata)
    other = [tmp_path / "moved.parquet", folds["bad"]["S4"]]
    files = {"good": list(folds["good"].values()), "bad": other}
    with pytest.raises(ValueError, match=r"good and bad .* same frames, for example S3C1 frame"):
        compare_models(files, tmp_path / "c.csv", tmp_path / "boxes.png", seed=1)


def test_undefined_differences_are_empty_and_of_no_subject():
    one = protocol.tallies(answers(timeline("S1", 4), [0, 0, 1, 1], [0, 0, 1, 1]))
    drawn = protocol.chance(one)
    assert protocol.compared(one, drawn, 1)["difference"] == pytest.approx(2 / 3)
    assert set(protocol.compared(one, drawn, 1, "f1@50").values()) == {None}


def test_cameras_are_fused_on_the_common_clock():
    one, two = timeline("S1", 4), timeline("S1", 4).assign(recording="S1C2")
    two["seconds"] += 7.0
    frames = pd.concat([one, two], ignore_index=True)
    sure, unsure = [[0.9, 0.1]] * 4, [[0.4, 0.6]] * 4
    both = np.array(sure + unsure)
    alone = Answers(frames, np.zeros(8, np.int64), both.argmax(axis=1), both, 2)
    scales = {"S1C1": 1.0, "S1C2": 1.0}
    together = fused(alone, {"S1C1": 0.0, "S1C2": 7.0}, scales)
    np.testing.assert_allclose(together.probabilities, [[0.65, 0.35]] * 8)
    assert together.predicted.tolist() == [0] * 8
    apart = fused(alone, {"S1C1": 0.0, "S1C2": 0.0}, scales)
    np.testing.assert_allclose(apart.probabilities, both)


def test_every_picture_is_drawn(tmp_path, data):
    test, training = read(data, "Test"), read(data, "Training")
    probabilities = guesses(test)
    figures = report(judge(test, training, probabilities, LABELS, 1), seed=1)
    kinds = ("confusion", "ribbons", "bars", "calibration", "mistakes")
    files = {kind: tmp_path / f"{kind}.png" for kind in kinds}
    draw(files, test, probabilities, LABELS, figures)
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files.values())


def test_the_surest_mistakes_come_first_and_are_apart_in_time(data):
    test = read(data, "Test")
    wrong = np.eye(3)[(test["class_index"] + 1) % 3] * np.linspace(0.5, 0.9, len(test))[:, None]
    found = mistakes(test, wrong, LABELS)
    assert found[0].confidence == pytest.approx(0.9)
    assert [one.confidence for one in found] == sorted((o.confidence for o in found), reverse=True)
    assert len(found) == 2  # 24 frames at 25 a second are within a second, in each recording
