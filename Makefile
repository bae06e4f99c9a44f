# Everything a person or CI runs. `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help env film demo real cloud test test-slurm test-infra faults lint lock bench clean

BIN := .venv/bin
# GPU=1 gives the environment TensorFlow with CUDA; later calls keep to what .venv was made for.
GPU ?= $(if $(wildcard .venv/gpu),1,0)
KIND := $(if $(filter 1,$(GPU)),gpu,cpu)
CORES ?= all
DEMO := demo
DATA ?= ../shared/data

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | \
		awk -F'|' '{ printf "  make %-10s %s\n", $$1, $$2 }'

env:  ## the locked environment in .venv (GPU=1: TensorFlow with CUDA; PYTHON=...: interpreter)
	@envs/sync.sh $(KIND)
	@$(if $(filter gpu,$(KIND)),touch .venv/gpu,rm -f .venv/gpu)

film: env
	$(BIN)/python examples/demo/film.py $(DEMO)

demo: film  ## film a small two-camera recording, run the whole pipeline on it, say where to look
	$(BIN)/snakemake --snakefile Snakefile --directory $(DEMO) --cores $(CORES)
	@$(BIN)/python examples/demo/tour.py $(DEMO)

cloud: env  ## rent a GPU machine on EC2, run there, show the log, give it back (docs/ec2.md)
	@envs/sync.sh sky
	$(BIN)/clapboard cloud --launch

test: env  ## the whole test suite
	$(BIN)/pytest -n 2

test-slurm: env  ## a run through a real Slurm in which a job is cancelled and a node dies equals one without (root, slurm-wlm, munge; else says why not)
	$(BIN)/pytest -rs tests/infra/test_slurm.py -k test_a_cancelled_job_and_a_dead_node

test-infra: env  ## the tests against real servers: S3, Slurm, ssh, an empty machine (most of an hour, not in `make test`)
	@envs/sync.sh infra
	@envs/sync.sh sky
	$(BIN)/pytest -rs tests/infra

faults: env  ## break things on purpose, all fault campaigns; hours, goes on after a stop (docs/reliability.md)
	$(BIN)/python -m tests.faults --jobs 2

real: env  ## lay out the public sets below DATA (../shared/data) in real/ and run everything on them
	$(BIN)/python examples/real/lay_out.py $(DATA) real
	for set in weizmann4 gmdcsa24; do \
		$(BIN)/snakemake --snakefile Snakefile --directory real/$$set --cores $(CORES); \
	done

lint: film  ## every style, type and workflow check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/snakemake --lint --snakefile Snakefile --directory $(DEMO)

lock: env  ## compile envs/requirements-*.txt from pyproject.toml (UPGRADE=1: newest versions)
	envs/sync.sh lock $(if $(UPGRADE),--upgrade)
	$(BIN)/python envs/conda.py

bench: env  ## the measurements behind the defaults
	$(BIN)/python -m benchmarks

clean:  ## remove demo/, real/, faults/ and the tools' caches; never results/, never .venv/
	rm -rf $(DEMO) real faults .mypy_cache .ruff_cache .pytest_cache .hypothesis
