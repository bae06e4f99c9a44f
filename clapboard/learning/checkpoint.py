"""A training that can be killed at any moment and goes on after its last whole epoch.

Keras' BackupAndRestore writes weights and epoch number as two files one after the other and forgets
what early stopping has seen; a kill between the two, or a resume after the best epoch, changes the
result. Here one small JSON file, replaced in one step, names the weights that belong together and
holds the history, from which early stopping is computed afresh each time.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from clapboard import artifacts
from clapboard.problems import Problem, refuse

MONITOR = "val_loss"
WEIGHTS = "epoch-{}.weights.h5"


class Checkpoint(keras.callbacks.Callback):
    """Keeps last and best weights and the history on disk, and stops when nothing improves.

    Attributes:
        folder: of the state.
        history: one mapping per finished epoch: loss, accuracy, and val_loss, val_accuracy where
            frames are held out.
    """

    def __init__(
        self, folder: Path, identity: str, patience: int, seed: int, keep: str = "best"
    ) -> None:
        """Take up the state in `folder` if it is of the same training, else start anew.

        Args:
            folder: for the state; nobody else writes there.
            identity: what makes this training this training, see `identity`.
            patience: epochs without improvement after which training stops.
            seed: of the random layers, which are seeded anew for every epoch.
            keep: weights of which epoch are the result, ``best`` or ``last``; then training never
                stops early, since the epochs before are not what the last one was meant to be.
        """
        super().__init__()
        self.folder, self._identity = folder, identity
        self._patience, self._seed, self._keep = patience, seed, keep
        self._state = folder / "state.json"
        self.history: list[dict[str, float]] = []
        if self._state.exists():
            state = artifacts.read_json(self._state)
            if state["identity"] == identity:
                self.history = state["history"]
        # Of a finished training, a kill may have left the state and taken weights.
        if not all(self._weights(epoch).exists() for epoch in self._needed()):
            self.history = []
        if not self.history:
            self.remove()

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return len(self.history)

    @property
    def best_epoch(self) -> int:
        """Index from 0 of the epoch with the lowest validation loss, the first of equals.

        The last where nothing is held out.
        """
        return max(kept_epoch(self.history), 0)

    def finished(self, epochs: int) -> bool:
        """Whether nothing is left to train."""
        return self.epoch >= epochs or self._exhausted()

    def restore_last(self, network: keras.Model) -> None:
        """Load weights and optimizer as they were after the last finished epoch."""
        if self.history:
            self._load(network, self.epoch - 1)

    def restore_kept(self, network: keras.Model) -> None:
        """Load the weights that are the result."""
        self._load(network, kept_epoch(self.history, self._keep))

    def remove(self) -> None:
        """Delete the state; for when the model itself is written."""
        if self.folder.exists():
            self._state.unlink(missing_ok=True)  # first: no state may name weights that are gone
            shutil.rmtree(self.folder)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Make dropout and augmentation of this epoch a function of seed and epoch alone."""
        for number, generator in enumerate(seed_generators(self.model)):
            state = np.random.SeedSequence((self._seed, epoch, number)).generate_state(2)
            generator.state.assign(state.astype(generator.state.dtype))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Write the epoch's weights, then the state that names them, then drop what is stale.

        Raises:
            InputError: the loss is no number any more.
        """
        row = {name: float(value) for name, value in (logs or {}).items()}
        refuse(_diverged(epoch, row))
        self.history.append(row)
        with artifacts.replacing(self._weights(epoch)) as temporary:
            self.model.save_weights(temporary)
        artifacts.write_json(self._state, {"identity": self._identity, "history": self.history})
        needed = {self._weights(epoch) for epoch in self._needed()}
        for path in set(self.folder.glob(WEIGHTS.format("*"))) - needed:
            path.unlink()
        if self._exhausted():
            self.model.stop_training = True

    def _needed(self) -> set[int]:
        """Indices of the epochs whose weights may be asked for."""
        return {self.epoch - 1, self.best_epoch} if self.history else set()

    def _exhausted(self) -> bool:
        return self._keep == "best" and self.epoch - 1 - self.best_epoch >= self._patience

    def _load(self, network: keras.Model, epoch: int) -> None:
        """Load what an epoch left; several GPUs or nodes hold a part of the optimizer each."""
        with network.distribute_strategy.scope():
            network.optimizer.build(network.trainable_variables)
            network.load_weights(self._weights(epoch))

    def _weights(self, epoch: int) -> Path:
        return self.folder / WEIGHTS.format(f"{epoch + 1:04d}")


def kept_epoch(history: Sequence[Mapping[str, float]], keep: str = "best") -> int:
    """Index from 0 of the epoch whose weights are the result.

    The first one of the lowest validation loss; the last if `keep` is ``last`` or nothing is held
    out.
    """
    losses = [row[MONITOR] for row in history if MONITOR in row]
    return int(np.argmin(losses)) if losses and keep == "best" else len(history) - 1


def _diverged(epoch: int, row: Mapping[str, float]) -> list[Problem]:
    """What is said where a measure of an epoch is not a finite number."""
    broken = sorted(name for name, value in row.items() if not np.isfinite(value))
    if not broken:
        return []
    message = f"training has diverged: {', '.join(broken)} of epoch {epoch + 1} is not a number"
    remedy = "Lower learning_rate of this model; with mixed precision on a GPU, try it without."
    return [Problem("diverged", message, remedy, column="learning_rate")]


def identity(settings: Mapping[str, Any], inputs: Sequence[str | Path], code: str) -> str:
    """Digest of everything that a training depends on: settings, input files, code, libraries.

    No path is in it: where all these are the same, another machine goes on with the training.

    Args:
        settings: of the model, and all else that is chosen.
        inputs: files of which the content counts, in a fixed order.
        code: digest of the code that trains, see `clapboard.fingerprint.code`.
    """
    libraries = {"keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}
    parts = [repr(sorted(settings.items())), code, repr(libraries)]
    parts += [artifacts.digest_file(path) for path in inputs]
    return artifacts.digest("\n".join(parts).encode())


def seed_generators(network: keras.Model) -> list[keras.random.SeedGenerator]:
    """The generators behind the random layers of a network, in the order of its layers."""
    found: list[keras.random.SeedGenerator] = []
    for layer in network._flatten_layers(include_self=False):
        found.extend(
            value for value in vars(layer).values() if isinstance(value, keras.random.SeedGenerator)
        )
    return found
