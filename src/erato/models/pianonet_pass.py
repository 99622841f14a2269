"""One pass of `erato.models.pianonet` over few key states, without the overhead of tensors: compiled by numba.

What the layers read stands in their memory, time after time, so that the new rows of a layer and those so many places
before are two stretches of it; together they go through one matrix product of BLAS into the memory of the next layer.
The same numbers as the model's own, but for rounding.

Legend: N rows (key states times pieces), B pieces, C numbers that a layer reads, G that it computes, F that it gives.
"""

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import numpy.typing as npt
import torch
from numba import njit
from torch import Tensor

from erato.corpora.store import cache_folder
from erato.models.pianonet import SAFE

if TYPE_CHECKING:
    from erato.models.pianonet import Memory, Pianonet

Numbers = npt.NDArray[Any]

if not numba.config.CACHE_DIR:
    numba.config.CACHE_DIR = str(cache_folder() / "numba")  # numba's own files; compiling takes seconds


def compiled(function: Any) -> Any:
    """The function as machine code, which runs without Python's lock; kept where it can be written down."""
    options: dict[str, Any] = {"fastmath": {"contract", "reassoc", "nsz", "arcp"}, "nogil": True}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # nowhere to keep it
        return njit(**options)(function)


class Prepared:
    """The weights of a model as `_pass` wants them: all in one row, and where each layer's are.

    layers: [L, 8] C, G, F, dilation, where its weights begin, those of its table, of its norm, and the places of its
    table; modes: which options there are.
    """

    def __init__(self, model: "Pianonet") -> None:
        config, parts, layers, at = model.config, [], [], 0

        def add(tensor: Tensor) -> int:
            nonlocal at
            parts.append(tensor.detach().reshape(-1))
            at += tensor.numel()
            return at - tensor.numel()

        for layer in model.stack:
            table = layer.table()
            rows = layer.bias.unsqueeze(0) if table is None else table + layer.bias
            norm = 0 if layer.gain is None or layer.shift is None else add(torch.cat([layer.gain, layer.shift]))
            sizes = layer.reads, layer.weight.shape[1], layer.gives, layer.dilation
            layers.append((*sizes, add(layer.weight), add(rows), norm, len(rows)))
        of_key = torch.zeros(1) if model.of_key is None else model.of_key
        self.out = np.array([add(model.out.weight), add(of_key.to(parts[0]) + model.out.bias), of_key.numel()])
        self.weights = torch.cat([part.to(parts[0]) for part in parts]).numpy()
        self.layers = np.array(layers, np.int64)
        self.modes = np.array(
            [config.norm, config.gated, config.default_activation == "relu", config.residual], np.int64
        )
        self.widest = max(max(2 * reads, computes) for reads, computes, *_ in layers)


class Scratch:
    """What goes with a memory: the weights, the memory as one array, where its rows begin, room to work in."""

    def __init__(self, prepared: Prepared, memory: "Memory") -> None:
        self.prepared = prepared
        self.data = memory.data.numpy()
        sizes = [rows.numel() for rows in memory.rows]
        self.begins = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
        self.work = np.empty((3, 0), self.data.dtype)

    def of(self, rows: int) -> Numbers:
        """[3, rows * the widest layer] numbers to work with."""
        if self.work.shape[1] < rows * self.prepared.widest:
            self.work = np.empty((3, rows * self.prepared.widest), self.data.dtype)
        return self.work


def read(model: "Pianonet", x: Tensor, memory: "Memory", n: int) -> Tensor:
    """[B, T] logits of the key states after x [B, T], which stand at position `n` of the memory on."""
    scratch = memory.scratch
    if scratch is None:
        if model.fast is None:
            model.fast = Prepared(model)
        scratch = memory.scratch = Scratch(model.fast, memory)
    batch, time = x.shape
    prepared, found = scratch.prepared, np.empty((time, batch), scratch.data.dtype)
    _pass(
        np.ascontiguousarray(x.numpy().T),
        scratch.data,
        scratch.begins,
        prepared.layers,
        prepared.weights,
        prepared.out,
        prepared.modes,
        n - memory.base,
        n,
        model.keys,
        scratch.of(time * batch),
        found,
    )
    return torch.from_numpy(found.T)


@njit(inline="always")
def _exp(x):  # type: ignore[no-untyped-def]
    """e to the power of x <= 0 in single precision, for the compiler to take many at once (Cephes' expf)."""
    x = max(x, np.float32(-87.0))
    whole = np.floor(x * np.float32(1.4426950408889634) + np.float32(0.5))
    rest = (x - whole * np.float32(0.693359375)) - whole * np.float32(-2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * rest + np.float32(1.3981999507e-3)
    p = p * rest + np.float32(8.3334519073e-3)
    p = p * rest + np.float32(4.1665795894e-2)
    p = p * rest + np.float32(1.6666665459e-1)
    p = p * rest + np.float32(5.0000001201e-1)
    p = p * rest * rest + rest + np.float32(1.0)
    return p * np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)


@compiled
def _elu32(z, table, place, rows):  # type: ignore[no-untyped-def]
    """z [N, G] plus the row of the table [P, G] at its place, through ELU; rows: that stand at one place."""
    places = len(table)
    for i in range(len(z)):
        bias = table[(place + i // rows) % places]
        for j in range(z.shape[1]):
            v = z[i, j] + bias[j]
            z[i, j] = v if v > 0 else _exp(min(v, np.float32(0.0))) - np.float32(1.0)


@compiled
def _activate(z, found, table, place, rows, norm, modes):  # type: ignore[no-untyped-def]
    """The same for every option: from z [N, G] to found [N, F]."""
    computes, gives, places = z.shape[1], found.shape[1], len(table)
    for i in range(len(z)):
        bias = table[(place + i // rows) % places]
        for j in range(computes):
            z[i, j] += bias[j]
        if modes[0]:
            mean, square = 0.0, 0.0
            for j in range(computes):
                mean += z[i, j]
            mean /= computes
            for j in range(computes):
                square += (z[i, j] - mean) ** 2
            scale = 1.0 / np.sqrt(square / computes + SAFE)
            for j in range(computes):
                z[i, j] = (z[i, j] - mean) * scale * norm[j] + norm[computes + j]
        for j in range(gives):
            v = z[i, j]
            if modes[1]:
                found[i, j] = np.tanh(v) / (1.0 + np.exp(-z[i, gives + j]))
            elif v > 0:
                found[i, j] = v
            else:
                found[i, j] = 0.0 if modes[2] else np.expm1(v)


@compiled
def _pass(bits, data, begins, layers, weights, out, modes, at, n, keys, work, found):  # type: ignore[no-untyped-def]
    """bits: [T, B]; `at`: their first row behind each layer's past; n: their position; found: [T, B] logits."""
    time, batch = bits.shape
    rows = time * batch
    simple = not modes[0] and not modes[1] and not modes[2] and data.itemsize == 4
    first = begins[0] + (layers[0, 3] + at) * batch
    for t in range(time):
        for b in range(batch):
            data[first + t * batch + b] = max(bits[t, b], 0)
    z = work[2][: rows * layers[0, 2]].reshape(rows, layers[0, 2])
    for index in range(len(layers)):
        reads, computes, gives, dilation = layers[index, 0], layers[index, 1], layers[index, 2], layers[index, 3]
        of_weight, of_table, of_norm, places = layers[index, 4], layers[index, 5], layers[index, 6], layers[index, 7]
        past = data[begins[index] + at * batch * reads :][: rows * reads].reshape(rows, reads)
        now = data[begins[index] + (dilation + at) * batch * reads :][: rows * reads].reshape(rows, reads)
        both = work[0][: rows * 2 * reads].reshape(rows, 2 * reads)
        for i in range(rows):
            for j in range(reads):
                both[i, j] = past[i, j]
            for j in range(reads):
                both[i, reads + j] = now[i, j]
        weight = weights[of_weight : of_weight + 2 * reads * computes].reshape(2 * reads, computes)
        table = weights[of_table : of_table + places * computes].reshape(places, computes)
        if index + 1 < len(layers):
            behind = begins[index + 1] + (layers[index + 1, 3] + at) * batch * gives
            z = data[behind : behind + rows * gives].reshape(rows, gives)
        else:
            z = work[2][: rows * gives].reshape(rows, gives)
        if simple:
            np.dot(both, weight, z)
            _elu32(z, table, n, batch)
        else:
            wide = work[1][: rows * computes].reshape(rows, computes)
            np.dot(both, weight, wide)
            _activate(wide, z, table, n, batch, weights[of_norm : of_norm + 2 * computes], modes)
        if modes[3]:
            for i in range(rows):
                for j in range(min(reads, gives)):
                    z[i, j] += now[i, j]
    gives = layers[len(layers) - 1, 2]
    weight = weights[out[0] : out[0] + gives]
    for t in range(time):
        bias = weights[out[1] + (n + t) % keys % out[2]]
        for b in range(batch):
            logit = bias
            for j in range(gives):
                logit += z[t * batch + b, j] * weight[j]
            found[t, b] = logit
