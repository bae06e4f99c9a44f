"""One training by two workers on loopback, as Slurm starts them on two nodes."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import loopback
import numpy as np
import pytest
from labelled_set import make_labelled_set
from project import REPOSITORY
from slurm import free_port

from clapboard.settings.model_settings import Cnn, Lstm

OUTPUTS = {"model": "model.keras", "history": "history.csv", "curves": "c.png", "summary": "s.txt"}


def arguments(folder, data, epochs, model=Cnn, **more):
    chosen = {"architecture": model.__name__.lower(), "epochs": epochs, "batch_size": 8, **more}
    return {
        "manifest": str(data / "manifest.parquet"),
        "labels": str(data / "labels.csv"),
        "data_folder": str(data),
        "settings": model(patience=9, **chosen).model_dump(mode="json"),
        "code": "",
        "threads": 1,
        **{name: str(folder / file) for name, file in OUTPUTS.items()},
    }


def work(folder, given, ranks=(0, 1)):
    """Start workers as `srun` does; what each says when all have ended, and who listened where."""
    file = folder / "work.json"
    ports = [f"127.0.0.1:{free_port()}" for _ in ranks]
    file.write_text(json.dumps({"workers": ports, "arguments": given}))
    started = []
    for rank in ranks:
        environment = os.environ | {"SLURM_PROCID": str(rank), "PYTHONPATH": str(REPOSITORY)}
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "clapboard.learning.workers", file],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=folder,
            )
        )
    listened = set()

    def watch():
        while any(process.poll() is None for process in started):
            for process in started:
                listened.update(loopback.listeners(process.pid))
            time.sleep(0.05)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        screens = [process.communicate(timeout=500)[0] for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
        watching.join()
    assert [process.returncode for process in started] == [0] * len(ranks), screens
    return screens, ports, listened


def alone(folder, given):
    """The same training by one process, without a cluster."""
    (folder / "work.json").write_text(json.dumps(given))
    program = (
        "import json, sys; from clapboard.learning.training import train; "
        "train(**json.load(open(sys.argv[1])))"
    )
    subprocess.run(
        [sys.executable, "-c", program, folder / "work.json"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        check=True,
        capture_output=True,
        timeout=500,
    )


def weights_of(model):
    from clapboard.learning.recognition import load_whole

    return np.concatenate([each.ravel() for each in load_whole(model).get_weights()])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_labelled_set(tmp_path_factory.mktemp("set"), frames=8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("two")
    try:
        with loopback.nothing_but_loopback():
            assert [name for _, name in socket.if_nameindex()] == ["lo"]
            return folder, *work(folder, arguments(folder, data, epochs=2))
    except OSError as error:
        pytest.skip(f"no network of their own for the workers, who listen on all: {error}")


def losses(screen):
    return [line.partition("val_loss: ")[2] for line in screen.splitlines() if "val_loss" in line]


def test_both_see_the_same_figures_and_only_the_first_writes(trained):
    folder, screens, *_ = trained
    assert len(losses(screens[0])) == 2
    assert losses(screens[0]) == losses(screens[1])
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*OUTPUTS.values(), "work.json"]
    )


def test_each_listens_on_its_port_and_on_no_other(trained):
    """On all interfaces, as docs/cluster.md says; here, in a network of their own, there is one."""
    _, _, ports, listened = trained
    assert {f"127.0.0.1:{port}" for _, port in listened} == set(ports)
    assert {str(address) for address, _ in listened} <= {"::", "0.0.0.0"}, "mend docs/cluster.md"


def test_the_model_learns(trained):
    first, second = (float(loss) for loss in losses(trained[1][0]))
    assert second < first
    history = (trained[0] / "history.csv").read_text().splitlines()
    assert history[0] == "epoch,accuracy,loss,val_accuracy,val_loss"
    assert float(history[2].rpartition(",")[2]) == pytest.approx(second, abs=1e-4)


def test_sequences_are_learnt_by_both(tmp_path, data):
    more = {"input": "frames", "window": 8, "stride": 8, "units": 4, "batch_size": 3}
    try:
        with loopback.nothing_but_loopback():
            screens, *_ = work(tmp_path, arguments(tmp_path, data, 2, Lstm, **more))
    except OSError as error:
        pytest.skip(f"no network of their own for the workers, who listen on all: {error}")
    assert len(losses(screens[0])) == 2
    assert losses(screens[0]) == losses(screens[1])
    assert (tmp_path / "model.keras").is_file()


STILL = dict.fromkeys(["shift", "zoom", "rotation", "brightness", "contrast", "colour"], 0)
ALIKE = {"keep": "last", "dropout": 0, "augmentation": STILL, "filters": [4, 8], "dense": 16}
WINDOWS = {"input": "frames", "window": 8, "stride": 8, "units": 4}


# 48 frames: equal shares; a last batch of 3. 6 windows: a last batch of one for two workers.
@pytest.mark.parametrize(
    ("model", "more"),
    [(Cnn, {"batch_size": 12}), (Cnn, {"batch_size": 15}), (Lstm, {"batch_size": 5, **WINDOWS})],
    ids=["equal-shares", "shares-that-differ", "last-batch-of-one-window"],
)
def test_two_workers_learn_what_one_process_does(tmp_path, data, model, more):
    """The same steps and figures but for rounding, without what each draws for itself."""
    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        given = arguments(folder, data, 2, model, **{**ALIKE, **more})
        if name == "one":
            alone(folder, given)
        else:
            try:
                with loopback.nothing_but_loopback():
                    work(folder, given)
            except OSError as error:
                pytest.skip(f"no network of their own for the workers: {error}")
        history = np.loadtxt(folder / "history.csv", delimiter=",", skiprows=1)
        found.append((weights_of(folder / "model.keras"), history))
    (weights, history), (others, figures) = found
    np.testing.assert_allclose(others, weights, atol=1e-5)
    np.testing.assert_allclose(figures, history, atol=1e-5)
