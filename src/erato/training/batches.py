"""The order of the training windows, and the stream of their batches. A dataset and a seed in; tensors on a device out.

Knows nothing of models. Whoever enters the stream at batch n gets what they would have got by drawing n batches first.
"""

import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from erato.datasets import WindowDataset, collate, generator
from erato.errors import EratoError

DEATHS = 3  # of the loader's processes at one batch, after which it is given up
POOL = 24  # batches whose windows are sorted by length together, so that little of a batch is padding


@dataclass(frozen=True)
class Growth:
    """Batches that grow: `begin` windows, twice as many after every `steps` batches, up to `end`."""

    begin: int
    steps: int
    end: int

    def size(self, number: int) -> int:
        """Windows of batch `number`."""
        return min(self.end, self.begin << min(number // self.steps, 40))

    def after(self, number: int, windows: int, epoch: int, at: int) -> tuple[int, int]:
        """The epoch, and the window in it, where the batch after `number` begins, which itself begins at those."""
        at += self.size(number)
        return (epoch, at) if at < windows else (epoch + 1, 0)


def batch_order(
    sizes: npt.NDArray[np.int64], batch: int | Growth, seed: int, drawn: int
) -> Iterator[list[tuple[int, int]]]:
    """Batches of (epoch, window) for ever, every window once an epoch in an order of its own, from batch `drawn` on.

    sizes: symbols of each window; where they differ, windows of like size come together (in batches that do not grow).
    """
    if isinstance(batch, Growth):
        yield from _growing(len(sizes), batch, seed, drawn)
        return
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


def _growing(windows: int, batch: Growth, seed: int, drawn: int) -> Iterator[list[tuple[int, int]]]:
    """The same of batches that grow; the last one of an epoch is what is left."""
    epoch, at = _place(windows, batch, drawn)
    order = generator(seed, 2**63 + epoch).permutation(windows)
    for number in count(drawn):
        yield [(epoch, int(index)) for index in order[at : at + batch.size(number)]]
        epoch, at = batch.after(number, windows, epoch, at)
        if at == 0:
            order = generator(seed, 2**63 + epoch).permutation(windows)


def _place(windows: int, batch: Growth, drawn: int) -> tuple[int, int]:
    """The epoch, and the window in it, where batch `drawn` begins."""
    epoch = at = 0
    for number in range(drawn):
        epoch, at = batch.after(number, windows, epoch, at)
    return epoch, at


class Stream:
    """The batches of a dataset for ever, on `device`, from batch `drawn` on; counts what was drawn.

    share: of all windows, after which an epoch is over.
    """

    def __init__(
        self,
        dataset: WindowDataset,
        batch: int | Growth,
        seed: int,
        drawn: int,
        workers: int,
        device: torch.device,
        share: float = 1.0,
    ) -> None:
        self.drawn, self._share, self._batch, self._windows = drawn, share, batch, len(dataset)
        self._passes, self._at = _place(len(dataset), batch, drawn) if isinstance(batch, Growth) else (0, 0)
        self._dataset, self._seed, self._workers, self._device = dataset, seed, workers, device
        self._batches = self._loaded()

    def _loaded(self) -> Iterator[list[Tensor]]:
        """The batches from `drawn` on, from fresh workers."""
        loader = DataLoader(
            self._dataset,
            batch_sampler=_Order(batch_order(self._dataset.sizes, self._batch, self._seed, self.drawn)),
            collate_fn=collate,
            num_workers=self._workers,
            generator=torch.Generator(),  # or the loader would draw from the generator that dropout uses
            pin_memory=self._device.type == "cuda",
        )
        ours = signal.getsignal(signal.SIGCHLD) if self._workers and hasattr(signal, "SIGCHLD") else None
        batches = iter(loader)
        if ours is not None and threading.current_thread() is threading.main_thread():
            # The loader's own handler raises wherever the main thread is, also in the middle of an optimizer's step.
            signal.signal(signal.SIGCHLD, ours)
        return batches

    def _next(self) -> list[Tensor]:
        """The next batch; workers that have died are replaced, which changes nothing of what they load."""
        for _ in range(DEATHS):
            try:
                return next(self._batches)
            except (RuntimeError, OSError, EOFError) as error:  # by where the loader was when it found out
                if not self._workers or str(error).startswith("Caught "):  # by the worker, which lives
                    raise
                last = error
                self._batches = self._loaded()
        raise EratoError(
            f"the processes that load batches died {DEATHS} times at batch {self.drawn}: lower training.workers (now "
            f"{self._workers}), or set it to 0."
        ) from last

    @property
    def epoch(self) -> float:
        """Epochs that were drawn so far; whole at the end of each."""
        if isinstance(self._batch, Growth):
            passes = self._passes + self._at / self._windows
        else:
            passes = self.drawn / -(-self._windows // self._batch)
        return passes if self._share == 1 else round(passes / self._share, 9)  # 0.3 / 0.1 is a little less than 3

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> list[Tensor]:
        batch = self._next()
        if isinstance(self._batch, Growth):
            self._passes, self._at = self._batch.after(self.drawn, self._windows, self._passes, self._at)
        self.drawn += 1
        return [tensor.to(self._device, non_blocking=True) for tensor in batch]


class _Order:
    """An iterator as the loader wants it: something to iterate over."""

    def __init__(self, order: Iterator[list[tuple[int, int]]]) -> None:
        self._order = order

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return self._order
