"""The locked environment: pinned, hashed, in step with pyproject.toml and with itself."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
ENVS = ROOT / "envs"
LOCKS = ["requirements-cpu.txt", "requirements-gpu.txt"]
PINNED = [path.name for path in sorted(ENVS.glob("requirements-*.txt"))]


def load_conda():
    specification = importlib.util.spec_from_file_location("envs_conda", ENVS / "conda.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


conda = load_conda()


def entries(name):
    """The requirements of a compiled file, each with its continuation lines."""
    return re.findall(r"^[A-Za-z0-9].*(?:\n    --hash.*)*", (ENVS / name).read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", PINNED)
def test_every_requirement_is_pinned_and_hashed(name):
    found = entries(name)
    assert found
    for entry in found:
        assert re.match(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("name", PINNED)
def test_no_requirements_file_names_an_index(name):
    text = (ENVS / name).read_text()
    assert "://" not in text
    assert "index-url" not in text


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_cpu_and_gpu_agree_on_what_they_share(python):
    cpu, gpu = (conda.locked(ENVS / name, python) for name in LOCKS)
    assert cpu.keys() - gpu.keys() == {"tensorflow-cpu"}
    assert "tensorflow" in gpu
    assert cpu["tensorflow-cpu"] == gpu["tensorflow"]
    assert {name: cpu[name] for name in cpu if name in gpu} == {
        name: gpu[name] for name in gpu if name in cpu
    }


@pytest.mark.parametrize(("name", "extra"), list(zip(LOCKS, ["cpu", "gpu"], strict=True)))
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_lock_holds_what_pyproject_asks_for(name, extra, python):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    versions = conda.locked(ENVS / name, python)
    for written in [
        *project["dependencies"],
        *(item for group in (extra, "s3", "slurm", "dev") for item in optional[group]),
    ]:
        requirement = Requirement(written)
        assert canonicalize_name(requirement.name) in versions, f"{written}: run `make lock`"
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize("name", sorted(conda.SETS))
def test_conda_environments_are_in_step_with_the_lock(name):
    assert (ENVS / f"{name}.yaml").read_text() == conda.render(name), "run `make lock`"


def test_this_environment_is_the_lock():
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    locks = [conda.locked(ENVS / name, python) for name in LOCKS]
    installed = {
        canonicalize_name(distribution.name): distribution.version
        for distribution in importlib.metadata.distributions()
    }
    installed.pop("clapboard")
    assert installed in locks, "run `make env`"


def test_no_tracked_file_names_a_package_registry():
    hosts = ["pypi" + ".org", "python" + "hosted.org", "registry.npm" + "js.org"]
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    naming = [
        name
        for name in listed.stdout.split("\0")
        if (ROOT / name).is_file()
        and any(host.encode() in (ROOT / name).read_bytes() for host in hosts)
    ]
    assert naming == []


@pytest.fixture
def checkout(tmp_path):
    """A folder with what envs/sync.sh reads and no environment."""
    (tmp_path / "envs").mkdir()
    for path in [ENVS / "sync.sh", *ENVS.glob("requirements-*.txt")]:
        shutil.copy(path, tmp_path / "envs")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def sync(checkout, **environment):
    """envs/sync.sh with the system's tools only: no uv on the path."""
    return subprocess.run(
        [checkout / "envs" / "sync.sh", "cpu"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(checkout)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_python_out_of_range_is_refused_in_words(checkout):
    result = sync(checkout, PYTHON="false")
    assert result.returncode == 1
    assert "no Python 3.11, 3.12 or 3.13 found (tried: false)" in result.stderr
    assert "apt install" in result.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.skipif(
    any(os.access(f"{folder}/uv", os.X_OK) for folder in ["/usr/bin", "/bin"]),
    reason="uv is installed system-wide",
)
def test_without_venv_and_pip_the_package_to_install_is_named(checkout):
    hidden = checkout / "hidden"
    (hidden / "pip").mkdir(parents=True)
    for path in [hidden / "ensurepip.py", hidden / "pip" / "__init__.py"]:
        path.write_text("raise ImportError('not here')\n")
    result = sync(checkout, PYTHON=sys.executable, PYTHONPATH=str(hidden))
    assert result.returncode == 1
    assert "apt install python3-venv" in result.stderr


def test_an_environment_in_step_is_left_alone(checkout):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    lock = (checkout / "envs" / "requirements-cpu.txt").read_text()
    stamp = checkout / ".venv" / "in-step-with.txt"
    stamp.write_text(lock + (checkout / "pyproject.toml").read_text())
    result = sync(checkout)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    stamp.write_text(lock)
    assert sync(checkout, PYTHON="false").returncode == 1
