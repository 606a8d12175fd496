"""A network on disk: one .npz without pickle, checked when it is read."""

import io
import json
from pathlib import Path

import numpy as np

from src.errors import InputError
from src.files import read_npz, replacing
from src.model import NeuralNetwork, count_parameters

VERSION = 2  # since 2 all weights come before all biases
MOST_LAYERS, MOST_UNITS = 1000, 1_000_000  # that a file may ask for: a small one could ask for all


def save_network(path: str | Path, network: NeuralNetwork, metadata: dict | None = None) -> None:
    """Write one .npz, beside `path` and then renamed into place. `metadata` must fit into JSON."""
    header = {"version": VERSION, "layer_sizes": network.layer_sizes}
    header |= {"activation": network.activation, "metadata": metadata or {}}
    content = io.BytesIO()  # on a full disk, np.savez of NumPy before 2.2 prints errors of its own
    np.savez(content, header=np.array(json.dumps(header)), parameters=network.parameters)
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(content.getvalue())


def load_network(path: str | Path) -> tuple[NeuralNetwork, dict]:
    """The network and metadata that save_network wrote, to the same bits.

    Raises InputError if the file is not sound.
    """
    arrays = read_npz(Path(path), ["header", "parameters"])
    parameters = arrays["parameters"]
    try:
        header = json.loads(str(arrays["header"]))
        if header["version"] != VERSION:
            raise ValueError(f"its version is {header['version']!r}, not {VERSION}; train it again")
        sizes, dtype = header["layer_sizes"], parameters.dtype
        if len(sizes) > MOST_LAYERS or not all(0 < size <= MOST_UNITS for size in sizes):
            raise ValueError(f"over {MOST_LAYERS} layers, or not 1 to {MOST_UNITS:,} units in each")
        if parameters.shape != (count_parameters(sizes),):
            raise ValueError(f"parameters has shape {parameters.shape} for layers {sizes}")
        if dtype not in (np.float32, np.float64) or not np.isfinite(parameters).all():
            raise ValueError(f"parameters are {dtype}, or not all of them finite")
        network = NeuralNetwork(sizes, header["activation"], "zeros", dtype=dtype.type)
        network.parameters[...] = parameters
        metadata = dict(header["metadata"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not a network that can be used: {error}") from error
    return network, metadata
