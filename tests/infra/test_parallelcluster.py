"""The AWS ParallelCluster file, read by ParallelCluster itself."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".infra" / "bin" / "python"
FILE = ROOT / "cloud" / "parallelcluster.yaml"

READ = """
import sys, yaml
from pcluster.schemas.cluster_schema import ClusterSchema
cluster = ClusterSchema(cluster_name="clapboard").load(yaml.safe_load(sys.stdin))
for node in (cluster.head_node, *cluster.scheduling.queues):
    print(getattr(node, "name", "head"), *(one.policy for one in node.iam.additional_iam_policies))
print(cluster.image.os)
"""

PLACEHOLDERS = {
    "subnet-YOUR0SUBNET": "subnet-0123456789abcdef0",
    "YOUR-ADDRESS": "192.0.2.1",
    "YOUR-KEY": "key",
    "YOUR-ACCOUNT": "123456789012",
}


def read(text):
    return subprocess.run(
        [PYTHON, "-W", "ignore", "-c", READ],
        input=text,
        env={"AWS_DEFAULT_REGION": "us-east-1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.skipif(not PYTHON.exists(), reason="no .infra: run `make test-infra`")
def test_parallelcluster_accepts_its_file_and_names_a_mistake():
    text = FILE.read_text()
    for placeholder, value in PLACEHOLDERS.items():
        assert placeholder in text
        text = text.replace(placeholder, value)
    assert "YOUR-" not in text.partition("Region:")[2]
    answer = read(text)
    rights = "arn:aws:iam::123456789012:policy/clapboard-s3"
    nodes = [f"{name} {rights}" for name in ("head", "cpu", "gpu")]
    # Python is 3.12 there; Ubuntu 22.04 has 3.10.
    assert answer.stdout.splitlines() == [*nodes, "ubuntu2404"], answer.stderr[-2000:]

    answer = read(text.replace("VolumeType", "VolumeTyp"))
    assert answer.returncode != 0
    assert "VolumeTyp" in answer.stderr
