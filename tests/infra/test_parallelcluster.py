"""The AWS ParallelCluster file, read by ParallelCluster itself."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

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
print("memory counts:", cluster.scheduling.settings.enable_memory_based_scheduling)
"""

# What the command line makes of commands.
COMMANDS = """
import shlex, sys
from pcluster.cli import model
from pcluster.cli.entrypoint import add_cli_commands, gen_parser
parser, commands = gen_parser(model.load_model(model.package_spec()))
add_cli_commands(commands)
for line in sys.stdin:
    words, behind = parser.parse_known_args(shlex.split(line)[1:])
    print(words.operation, words.region, getattr(words, "cluster_name", ""), *behind)
"""

PLACEHOLDERS = {
    "subnet-YOUR0SUBNET": "subnet-0123456789abcdef0",
    "YOUR-ADDRESS": "192.0.2.1",
    "YOUR-KEY": "key",
    "YOUR-ACCOUNT": "123456789012",
}


# As a mark: each test reads something with ParallelCluster.
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no .infra: run `make test-infra`")


def read(text, script=READ):
    return run([PYTHON, "-W", "ignore", "-c", script], text)


def run(words, text=None, **environment):
    return subprocess.run(
        words,
        cwd=ROOT,
        input=text,
        env={"AWS_DEFAULT_REGION": "us-east-1", "PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


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
    told = [*nodes, "ubuntu2404", "memory counts: True"]
    assert answer.stdout.splitlines() == told, answer.stderr[-2000:]

    answer = read(text.replace("VolumeType", "VolumeTyp"))
    assert answer.returncode != 0
    assert "VolumeTyp" in answer.stderr


def test_the_commands_of_the_documents_name_the_region_of_the_file():
    """Without it a cluster is looked for in another, and costs in this one."""
    region = yaml.safe_load(FILE.read_text())["Region"]
    documents = (ROOT / "docs" / "cluster.md").read_text()
    commands = re.findall(r"\.infra/bin/(pcluster [^`\n]*)", documents)
    answer = read("\n".join(commands), COMMANDS)
    assert answer.stdout.splitlines() == [
        f"create-cluster {region} clapboard",
        f"describe-cluster {region} clapboard",
        f"ssh {region} clapboard -i YOUR-KEY.pem",
        f"delete-cluster {region} clapboard",
        f"list-clusters {region} ",
    ], answer.stderr[-2000:]


def test_another_region_than_that_of_the_file_is_refused(tmp_path):
    words = ["--region", "eu-west-1", "--cluster-name", "any", "--cluster-configuration", FILE]
    answer = run([PYTHON.with_name("pcluster"), "create-cluster", *words], HOME=os.fspath(tmp_path))
    assert answer.returncode != 0
    assert "region is set in both parameter and configuration and conflicts" in answer.stdout
