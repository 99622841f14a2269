"""The order of the training windows, and the stream of their batches. A dataset and a seed in; tensors on a device out.

Knows nothing of models. Whoever enters the stream at batch n gets what they would have got by drawing n batches first.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from erato.datasets import WindowDataset, collate, generator

POOL = 24  # batches whose windows are sorted by length together, so that little of a batch is padding


def batch_order(sizes: npt.NDArray[np.int64], batch: int, seed: int, drawn: int) -> Iterator[list[tuple[int, int]]]:
    """Batches of (epoch, window) for ever, every window once an epoch in an order of its own, from batch `drawn` on.

    sizes: symbols of each window; where they differ, windows of like size come together.
    """
    per_epoch = -(-len(sizes) // batch)
    epoch, at = divmod(drawn, per_epoch)
    while True:
        draw = generator(seed, 2**63 + epoch)
        order = draw.permutation(len(sizes))
        batches = np.arange(per_epoch)
        if sizes.min() < sizes.max():
            pools = [order[begin : begin + POOL * batch] for begin in range(0, len(order), POOL * batch)]
            order = np.concatenate([pool[np.argsort(sizes[pool], kind="stable")] for pool in pools])
            batches = draw.permutation(per_epoch)
        for number in batches[at:].tolist():
            yield [(epoch, int(index)) for index in order[number * batch : (number + 1) * batch]]
        epoch, at = epoch + 1, 0


class Stream:
    """The batches of a dataset for ever, on `device`, from batch `drawn` on; counts what was drawn."""

    def __init__(
        self, dataset: WindowDataset, batch: int, seed: int, drawn: int, workers: int, device: torch.device
    ) -> None:
        self.drawn, self.per_epoch = drawn, -(-len(dataset) // batch)
        loader = DataLoader(
            dataset,
            batch_sampler=_Order(batch_order(dataset.sizes, batch, seed, drawn)),
            collate_fn=collate,
            num_workers=workers,
            generator=torch.Generator(),  # or the loader would draw from the generator that dropout uses
            pin_memory=device.type == "cuda",
        )
        self._batches, self._device = iter(loader), device

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> list[Tensor]:
        batch = next(self._batches)
        self.drawn += 1
        return [tensor.to(self._device, non_blocking=True) for tensor in batch]


class _Order:
    """An iterator as the loader wants it: something to iterate over."""

    def __init__(self, order: Iterator[list[tuple[int, int]]]) -> None:
        self._order = order

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return self._order
