#!/usr/bin/env bash
# Make or refresh an environment from its hash-pinned lock; does nothing when it is in step already.
# usage: envs/sync.sh cpu|gpu|infra|sky|lock
#   cpu, gpu  .venv, from requirements-cpu.txt or requirements-gpu.txt
#   infra     .infra, the servers and tools that `make test-infra` runs
#   sky       .sky, SkyPilot, which rents machines
#   lock      compile the requirements files from pyproject.toml
# PYTHON=... chooses the interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Nothing but the package index is asked: no managed Python is downloaded.
export UV_PYTHON_DOWNLOADS=never

fail() {
    printf 'clapboard: %s\n' "$@" >&2
    exit 1
}

in_range() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

# Whether an environment works and is of the interpreter asked for, if one was.
fits() {
    in_range "$1/bin/python" || return
    [[ -z ${PYTHON-} || $("$PYTHON" --version 2>&1) == "$("$1/bin/python" --version)" ]]
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if in_range "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    fail "no Python 3.11, 3.12 or 3.13 found (tried: ${PYTHON:-python3 python3.13 python3.12 python3.11})." \
        "Install one (Debian, Ubuntu: apt install python3 python3-venv) or name it: make env PYTHON=/path/to/python3.12"
}

# A uv on the PATH is used; else the pinned one is put into .uv beside .venv.
find_uv() {
    if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
        echo uv
        return
    fi
    local python=$1
    if ! .uv/bin/uv --version >/dev/null 2>&1 || ! cmp -s envs/requirements-uv.txt .uv/in-step-with.txt; then
        echo "clapboard: fetching uv" >&2
        rm -rf .uv
        if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            "$python" -m venv .uv >&2
            .uv/bin/python -m pip install -q --disable-pip-version-check --require-hashes \
                -r envs/requirements-uv.txt >&2
        elif "$python" -m pip --version >/dev/null 2>&1; then
            "$python" -m pip install -q --disable-pip-version-check --require-hashes \
                --target .uv -r envs/requirements-uv.txt >&2
        else
            fail "$python has neither venv nor pip, and there is no uv." \
                "Install one of them (Debian, Ubuntu: apt install python3-venv), then run make again."
        fi
        cp envs/requirements-uv.txt .uv/in-step-with.txt
    fi
    echo .uv/bin/uv
}

compile() {
    local uv=$1 kind
    local options=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url
        --custom-compile-command "make lock" -q "${@:2}")
    for kind in cpu gpu; do
        "$uv" pip compile pyproject.toml "${options[@]}" \
            --extra "$kind" --extra pretrained --extra s3 --extra slurm --extra dev -o "envs/requirements-$kind.txt"
    done
    for kind in infra sky; do
        "$uv" pip compile "${options[@]}" --group "pyproject.toml:$kind" -o "envs/requirements-$kind.txt"
    done
}

sync() {
    local kind=$1 venv=.venv lock=envs/requirements-$1.txt python uv
    [[ $kind != infra && $kind != sky ]] || venv=.$kind
    local stamp=$venv/in-step-with.txt
    if fits $venv && cat "$lock" pyproject.toml | cmp -s - $stamp; then
        return
    fi
    python=$(find_python)
    uv=$(find_uv "$python")
    fits $venv || "$uv" venv -q --clear --python "$python" $venv
    rm -f $stamp
    VIRTUAL_ENV=$PWD/$venv "$uv" pip sync --compile-bytecode --require-hashes "$lock"
    if [[ $venv == .venv ]]; then
        VIRTUAL_ENV=$PWD/$venv "$uv" pip install -q --no-deps --no-build-isolation -e .
    fi
    cat "$lock" pyproject.toml > $stamp
    echo "clapboard: environment ready in $venv ($kind, $($venv/bin/python --version))" >&2
}

case ${1-} in
    cpu | gpu | infra | sky) sync "$1" ;;
    lock) compile "$(find_uv "$(find_python)")" "${@:2}" ;;
    *) fail "usage: envs/sync.sh cpu|gpu|infra|sky|lock" ;;
esac
