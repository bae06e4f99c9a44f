"""One model trained on two nodes of a real Slurm, in a network that has nothing but loopback.

TensorFlow's workers listen on all interfaces of their node (docs/cluster.md).
"""

import loopback
import pytest
import slurm
from slurm import begin, finish

pytestmark = pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing())


@pytest.fixture(scope="module", autouse=True)
def apart():
    with loopback.nothing_but_loopback():
        yield


def test_two_nodes_train_one_model(cluster, local, tmp_path):
    project = local.copy(tmp_path / "project")
    (project.results / "models" / "cnn" / "model.keras").unlink()
    two = ["train_model:nodes=2", "train_model:tasks=2", "train_model:gpu=0"]
    only = ["--force", "--cores", "1", "--set-resources", *two, "--"]
    finish(begin(project.folder, *only, "results/models/cnn/model.keras"), project.folder)
    said = (project.results / "logs" / "train_model" / "cnn.log").read_text()
    assert said.count(" val_loss: ") == 2, said  # the one epoch of each worker
    assert (project.results / "models" / "cnn" / "model.keras").is_file()
