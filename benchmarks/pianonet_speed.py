"""How fast `pianonet` composes, beside the queue algorithm of the published code, with the same weights in one run.

    python benchmarks/pianonet_speed.py runs/MY-PIANONET-RUN --seconds 20 --batch 32

The reference is what the published code does, written out here: one key state at a time, a queue of past activations a
layer, two products by BLAS and an exponential a layer, in numpy. One stream is measured on one core, drafts over the
model's own music and over held-out music (as if each draw gave what stands there); a batch on all cores. Printed beside
the ratios: how much of what was drafted was kept, passes, GFLOP/s, the limit that the arithmetic alone would set, and
whether the run's music is as dense and as lively as the held-out pieces: a silent model would prove nothing.
"""

import argparse
import statistics
import sys
import time
from collections import deque

import numpy as np
import torch
from scipy.linalg.blas import sgemm

import erato
from erato.models.base import Distribution, SequenceModel
from erato.models.pianonet import Pianonet
from erato.reporter import Reporter
from erato.sampling import Draft, Sampler, Stop, drafted
from erato.sampling.drafting import Counts
from erato.sampling.threads import one_thread


class Queues:
    """The published way: one key state in, the probability of the next one out."""

    def __init__(self, model: Pianonet) -> None:
        self.layers = []
        for layer in model.stack:
            weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()[:, None]
            past, now = (np.asfortranarray(half.T) for half in np.split(weight, 2))
            queue = deque(np.zeros((layer.reads, 1), np.float32) for _ in range(layer.dilation))
            self.layers.append((past, now, bias, queue))
        self.out = model.out.weight.detach().numpy(), float(model.out.bias.detach())
        self.warm(model)

    def warm(self, model: Pianonet) -> None:
        """Silence before the first key state."""
        signal = np.zeros((1, 1), np.float32)
        for past, now, bias, queue in self.layers:
            for _ in range(len(queue)):
                queue.popleft()
                queue.append(signal)
            signal = self.elu(sgemm(1.0, past, signal) + sgemm(1.0, now, signal) + bias)

    @staticmethod
    def elu(x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, x, np.exp(x) - 1)

    def read(self, state: float) -> float:
        signal = np.array([[state]], np.float32)
        for past, now, bias, queue in self.layers:
            before = queue.popleft()
            queue.append(signal)
            signal = self.elu(sgemm(1.0, past, before) + sgemm(1.0, now, signal) + bias)
        weight, bias = self.out
        return 1.0 / (1.0 + float(np.exp(-(sgemm(1.0, weight, signal)[0, 0] + bias))))


class Given(SequenceModel):
    """A model whose draws are what stands in a piece: it is read with drafts as if it had been composed."""

    def __init__(self, model: Pianonet, piece: np.ndarray) -> None:
        super().__init__()
        self.model, self.piece, self.overhead = model, piece, model.overhead
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def start(self, batch: int) -> object:
        return self.model.start(batch)

    def extend(self, x: torch.Tensor, state: object, mask: object = None) -> tuple[Distribution, object]:
        begin = state.n  # type: ignore[attr-defined]
        distribution, after = self.model.extend(x, state)  # type: ignore[arg-type]
        truth, draw = self.piece[begin : begin + x.shape[1]], distribution.draw
        distribution.draw = lambda u, filters: (truth, draw(u, filters)[1])  # type: ignore[method-assign]
        return distribution, after

    def keep(self, before: object, after: object, x: torch.Tensor, n: int) -> object:
        return self.model.keep(before, after, x, n)  # type: ignore[arg-type]


class Watch:
    """Seconds a key state, from the first pass on: a prompt is read before."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, int]] = []

    def __call__(self, step: int, newest: list[np.ndarray | None]) -> None:
        self.calls.append((time.perf_counter(), step))

    def seconds(self) -> float:
        (began, first), (ended, last) = self.calls[0], self.calls[-1]
        return (ended - began) / (last - first)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run")
    parser.add_argument("--seconds", type=float, default=20.0, help="of music of each measurement of one stream")
    parser.add_argument("--reference-seconds", type=float, default=1.0, help="of music of the reference")
    parser.add_argument("--prompt-seconds", type=float, default=10.0, help="of a held-out piece that is gone on from")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--batch-seconds", type=float, default=5.0)
    parser.add_argument("--corpus", help="whose held-out pieces are taken (default: the run's)")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    run = erato.load(given.run)
    model, space, cursor = run.model, run.representation.space, run.representation.cursor
    if not isinstance(model, Pianonet):
        sys.exit("the run must be one of pianonet")
    flop = sum(4 * layer.reads * layer.gives for layer in model.stack) + 2 * model.out.in_features
    rate = space.keys / space.step_s  # key states a second of music
    print(
        f"{model.summary(space)}; {flop / 1e6:.3f} MFLOP a key state, {flop * rate / 1e9:.2f} GFLOP a second of music"
    )

    pieces = run._pieces(given.corpus, Reporter())
    held = [run.representation.encode(pieces[index]).array for index in (*pieces.split("test"), *pieces.split("valid"))]
    described("held-out pieces", held, space.keys)
    longest = np.asarray(max(held, key=len))
    begin = round(given.prompt_seconds / space.step_s) * space.keys
    prompts = [np.asarray(array[:begin]) for array in held if len(array) > 2 * begin] or [longest[:begin]]
    prompt = prompts[0]
    states = round(given.seconds * rate)
    stop, plain = Stop(length=states), Sampler()
    draft, times = Draft(), []
    drafted(model, prompt, cursor(1), space, [0], plain, Stop(length=500))  # compiles
    with one_thread():
        queues, slow, pieces_made, counts = Queues(model), [], [], []
        check(queues, model, space)
        few = round(given.reference_seconds * rate)
        for number in range(given.times):  # in turns, so that what the machine does meanwhile meets both
            rng, state = np.random.default_rng(number), 0.0
            began = time.perf_counter()
            for _ in range(few):
                state = float(queues.read(state) > rng.random())
            slow.append((time.perf_counter() - began) / (few / rate))
            seed = given.seed + number
            prompt = prompts[number % len(prompts)]
            watch = Watch()
            made = drafted(model, prompt, cursor(1), space, [seed], plain, stop, watch, draft=draft)
            pieces_made.append(made[0].array)
            times.append(watch.seconds() * rate)
            counts += draft.counts
        reference = statistics.median(slow)
        print(f"reference, queues in numpy: {reference:.4f} s a second of music ({1 / reference:.2f} times real time)")
        described("composed", pieces_made, space.keys)
        described("what it goes on from", prompts[: given.times], space.keys)
        said("one stream, drafted", times, reference, counts, flop, rate, given.seconds * given.times)
        limit(model, flop, rate, counts)

        short, watch = Stop(length=round(min(2.0, given.seconds) * rate)), Watch()
        ahead = drafted(model, prompt, cursor(1), space, [seed], plain, short, watch, draft=Draft(1))
        alone = watch.seconds() * rate
        same = np.mean(ahead[0].array == made[0].array[: len(ahead[0].array)])
        print(
            f"one stream, cached, one by one: {alone:.4f} s, {reference / alone:.1f} times the reference; "
            f"{same:.4%} of its key states are those of the drafted way"
        )

        longest = longest[:states]
        times = []
        for _ in range(given.times):
            music = Given(model, longest)
            watch = Watch()
            drafted(music, space.empty(), cursor(1), space, [0], plain, Stop(length=len(longest)), watch, draft=draft)
            times.append(watch.seconds() * rate)
        said("one stream, drafted over held-out music", times, reference, draft.counts, flop, rate, len(longest) / rate)

    torch.set_num_threads(torch.multiprocessing.cpu_count())
    times, stop = [], Stop(length=round(given.batch_seconds * rate))
    for _ in range(given.times):
        began = time.perf_counter()
        drafted(model, prompt, cursor(given.batch), space, range(given.batch), plain, stop, draft=draft)
        times.append((time.perf_counter() - began) / given.batch_seconds / given.batch)
    said(
        f"batch of {given.batch}, {torch.get_num_threads()} cores, a piece",
        times,
        reference,
        draft.counts,
        flop,
        rate,
        given.batch_seconds * given.batch,
    )


def check(queues: Queues, model: Pianonet, space: object) -> None:
    """The reference gives the model's own probabilities, and starts anew afterwards."""
    x = (np.random.default_rng(0).random(300) < 0.05).astype(np.int8)
    with torch.inference_mode():
        wanted = torch.sigmoid(model(torch.from_numpy(x)[None]).logits[0]).numpy()
    found = np.array([queues.read(float(state)) for state in x])
    assert np.abs(found - wanted).max() < 1e-4, np.abs(found - wanted).max()
    queues.warm(model)


def described(name: str, arrays: list[np.ndarray], keys: int) -> None:
    frames = [array.reshape(-1, keys).astype(int) for array in arrays]
    steps = sum(map(len, frames))
    density = sum(int(f.sum()) for f in frames) / steps / keys
    changes = sum(int(np.abs(np.diff(f, axis=0)).sum()) for f in frames) / steps
    print(f"{name}: {density:.4f} of the keys down, {changes:.3f} changes a step, {steps:,} steps")


def said(
    name: str, times: list[float], reference: float, counts: list[Counts], flop: float, rate: float, seconds: float
) -> None:
    median = statistics.median(times)
    passes, read, kept = (sum(getattr(c, what) for c in counts) for what in ("passes", "read", "kept"))
    print(
        f"{name}: {median:.4f} s a second of music ({1 / median:.1f} times real time), "
        f"{reference / median:.1f} times the reference; "
        f"{kept / read:.1%} of {read / passes:.1f} key states a pass kept, "
        f"{passes / seconds:.0f} passes a second of music, {read / seconds * flop / median / 1e9:.0f} GFLOP/s"
    )


def limit(model: Pianonet, flop: float, rate: float, counts: list[Counts]) -> None:
    """What the matrix products alone take."""
    rows = max(1, round(sum(c.read for c in counts) / sum(c.passes for c in counts)))
    rng = np.random.default_rng(0)
    pairs = [
        (rng.standard_normal((rows, 2 * layer.reads)).astype(np.float32), layer.weight.detach().numpy())
        for layer in model.stack
    ]
    times = []
    for _ in range(50):
        began = time.perf_counter()
        for x, weight in pairs:
            x @ weight
        times.append(time.perf_counter() - began)
    best = statistics.median(times)
    print(
        f"the matrix products of {rows} key states alone: {best * 1e3:.3f} ms, {flop * rows / best / 1e9:.0f} GFLOP/s: "
        f"at least {best / rows * rate:.4f} s a second of music if every draft were right"
    )


if __name__ == "__main__":
    main()
