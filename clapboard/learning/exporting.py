"""A trained model in the forms that other programs read, each checked against the model itself."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from clapboard import artifacts
from clapboard.learning import devices
from clapboard.learning.manifest import read_classes
from clapboard.learning.recognition import in_single_precision, load_whole

TOLERANCE = 1e-4
"""Largest difference of a probability between a form and the model."""

PICTURE_DIMENSIONS = 3

CONTRASTS = (1.0, 0.3, 0.1, 0.03)
"""Of the noise on which the forms are compared, as shares of what goes from black to white."""

FRAMES = 32
"""Frames in a sequence of the forms that need to know their number beforehand."""

OTHER_FRAMES = 7
"""The other forms are run on all contrasts together in sequences of so many frames, too."""

OF_KNOWN_SIZE = ("litert",)

Array = NDArray[np.floating]
Answer = Callable[[Array], Array]


def export(model: str | Path, labels: str | Path, folder: str | Path, seed: int = 1) -> None:
    """Write a model as .keras, SavedModel, LiteRT and, where its converter is installed, ONNX.

    Each form is run on the same random input as the model itself.

    Args:
        model: ``model.keras``.
        labels: ``Data/labels.csv``; copied, so that the folder says what its numbers mean.
        folder: made, and there only when whole: ``model.keras``, ``saved_model/``,
            ``model.tflite``, perhaps ``model.onnx``, ``labels.csv``, and ``forms.json``: shape of
            the input (the first number is the batch, null: any), and by form the largest
            difference of a probability, or why it is missing.
        seed: of the random input.

    Raises:
        RuntimeError: a form gives other probabilities than the model.
    """
    devices.prepare(seed)
    read_classes(labels)
    with artifacts.workshop(folder) as place:
        whole = place / "export"
        whole.mkdir()
        _write(model, labels, whole, seed)
        whole.rename(folder)


def _write(model: str | Path, labels: str | Path, root: Path, seed: int) -> None:
    """Write every form of a model into a folder, and what is to be known of them."""
    shutil.copyfile(labels, root / "labels.csv")
    taught = load_whole(model)
    network = in_single_precision(taught)  # the other forms know no half precision
    if network is taught:
        shutil.copyfile(model, root / "model.keras")
    else:
        network.save(root / "model.keras")
    shape = _sized(network.input_shape, FRAMES)
    single = _items(shape, seed)
    together = np.concatenate(_items(_sized(network.input_shape, OTHER_FRAMES), seed))
    asked = [(item, network(item, training=False).numpy()) for item in (*single, together)]

    forms: dict[str, Any] = {}
    for name, make in FORMS.items():
        answer = make(network, root, shape)
        if isinstance(answer, str):
            forms[name] = {"missing": answer}
            continue
        difference = max(
            float(np.abs(answer(item) - expected).max())
            for item, expected in (asked[: len(single)] if name in OF_KNOWN_SIZE else asked)
        )
        forms[name] = {"largest_difference": difference}
        if not difference <= TOLERANCE:
            raise RuntimeError(f"{name}: probabilities differ by up to {difference:.2g}")
    artifacts.write_json(
        root / "forms.json",
        {"input": list(network.input_shape), "fixed_input": list(shape), "forms": forms},
    )


def _items(shape: tuple[int, ...], seed: int) -> list[Array]:
    """Noise of several contrasts about the middle of what the model takes, of `shape` each.

    What is far from all that was learnt makes a network sure of one class whatever it computes:
    features of the size of pixels would, and noise as strong as white and black may.
    """
    largest = 255 if len(shape) > PICTURE_DIMENSIONS else 1
    random = np.random.default_rng(seed)
    noise = (random.uniform(-1, 1, shape) * contrast for contrast in CONTRASTS)
    return [((1 + one) / 2 * largest).astype(np.float32) for one in noise]


def _sized(shape: tuple[int | None, ...], frames: int) -> tuple[int, ...]:
    """One item, of so many frames where their number is free."""
    return (1, *(frames if side is None else side for side in shape[1:]))


def _keras(network: keras.Model, root: Path, shape: tuple[int, ...]) -> Answer:
    copy = load_whole(root / "model.keras")
    return lambda items: copy(items, training=False).numpy()


def _saved_model(network: keras.Model, root: Path, shape: tuple[int, ...]) -> Answer:
    network.export(root / "saved_model", format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(root / "saved_model")
    return lambda items: loaded.serve(items).numpy()


def _lite(network: keras.Model, root: Path, shape: tuple[int, ...]) -> Answer | str:
    """LiteRT with operations of its own only, for one item of known shape."""
    signature = [tf.TensorSpec(shape, tf.float32)]
    unrolled = _unrolled(network, shape)
    function = tf.function(unrolled, input_signature=signature).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    artifacts.write_bytes(root / "model.tflite", converter.convert())
    interpreter = Interpreter(model_path=str(root / "model.tflite"))
    interpreter.allocate_tensors()
    (taken,) = (detail["index"] for detail in interpreter.get_input_details())
    (given,) = (detail["index"] for detail in interpreter.get_output_details())

    def answer(items: Array) -> Array:
        interpreter.set_tensor(taken, items)
        interpreter.invoke()
        return interpreter.get_tensor(given)

    return answer


def _unrolled(network: keras.Model, shape: tuple[int, ...]) -> keras.Model:
    """The network with recurrent loops written out, which LiteRT has no operation for."""
    recurrent = (keras.layers.LSTM, keras.layers.GRU, keras.layers.Bidirectional)
    if not any(isinstance(layer, recurrent) for layer in network.layers):
        return network

    def rebuilt(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if isinstance(layer, keras.layers.Bidirectional):
            for side in ("layer", "backward_layer"):
                config[side]["config"]["unroll"] = True
        elif isinstance(layer, recurrent):
            config["unroll"] = True
        return layer.from_config(config)

    start = keras.Input(batch_shape=shape)
    copy = keras.models.clone_model(network, input_tensors=start, clone_function=rebuilt)
    copy.set_weights(network.get_weights())
    return copy


def _onnx(network: keras.Model, root: Path, shape: tuple[int, ...]) -> Answer | str:
    missing = [
        name for name in ("tf2onnx", "onnxruntime") if importlib.util.find_spec(name) is None
    ]
    if missing:
        return f"{' and '.join(missing)} not installed"
    runtime = importlib.import_module("onnxruntime")
    network.export(root / "model.onnx", format="onnx", verbose=False)
    session = runtime.InferenceSession(str(root / "model.onnx"))
    (taken,) = session.get_inputs()
    return lambda items: session.run(None, {taken.name: items})[0]


FORMS: dict[str, Callable[[keras.Model, Path, tuple[int, ...]], Answer | str]] = {
    "keras": _keras,
    "saved_model": _saved_model,
    "litert": _lite,
    "onnx": _onnx,
}
