"""One model trained on two nodes of a real Slurm, in a network that has nothing but loopback.

TensorFlow's workers listen on all interfaces of their node (docs/cluster.md).
"""

import loopback
import pytest
import slurm
from slurm import SUBMITTED, begin, facts, finish

pytestmark = pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing())


@pytest.fixture(scope="module", autouse=True)
def apart():
    with loopback.nothing_but_loopback():
        yield


@pytest.mark.parametrize("asked", ["tasks=2", "gres=gpu:1"])
def test_two_nodes_train_one_model(cluster, local, tmp_path, asked):
    """As the documents say it; Slurm counts the GPUs, TensorFlow finds that they are none."""
    project = local.copy(tmp_path / "project")
    (project.results / "models" / "cnn" / "model.keras").unlink()
    two = [f"train_model:{one}" for one in ("nodes=2", "gpu=0", asked)]
    only = ["--force", "--cores", "1", "--set-resources", *two, "--"]
    screen = finish(begin(project.folder, *only, "results/models/cnn/model.keras"), project.folder)
    (number,) = SUBMITTED.findall(screen)
    assert facts(number)["NumNodes"] == "2"
    said = (project.results / "logs" / "train_model" / "cnn.log").read_text()
    assert said.count(" val_loss: ") == 2, said  # the one epoch of each worker
    assert (project.results / "models" / "cnn" / "model.keras").is_file()
