"""How fast `pianonet` learns, beside the same network as one would write it first: Conv1d after Conv1d.

    python benchmarks/pianonet_training.py --batch 1 8 32 --threads 2

A step is forward, backward and Adam on samples of 24 predicted steps after all that a prediction sees. Each way runs in
a process of its own, in turns; printed are key states a second (predicted ones), the ratio, and the largest memory.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import torch
from torch import nn

from erato.models import Pianonet
from erato.recipes import RECIPES
from erato.representations.base import Bits
from erato.training.memory import keep_freed_memory

WAYS = ("plain", "plain, bfloat16", "erato", "erato, bfloat16")


class Plain(nn.Module):
    """[B, T] to [B, T - context + 1] logits."""

    def __init__(self, model: Pianonet) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for layer in model.stack:
            layers += [nn.Conv1d(layer.reads, layer.gives, 2, dilation=layer.dilation), nn.ELU()]
        self.layers = nn.Sequential(*layers, nn.Conv1d(model.stack[-1].gives, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x.float()[:, None])[:, 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.way:
        print(json.dumps(measured(given.way, given.batch[0], given.steps)))
        return
    print(f"{given.threads} threads, torch {torch.__version__}; medians of {given.times} processes")
    for batch in given.batch:
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
        for _ in range(given.times):
            for way in WAYS:
                asked = ["--way", way, "--batch", batch, "--steps", given.steps, "--threads", given.threads]
                done = subprocess.run(
                    [sys.executable, __file__, *map(str, asked)], capture_output=True, text=True, check=True
                )
                found[way].append(json.loads(done.stdout))
        first = statistics.median(rate for rate, _ in found["plain"])
        for way, rows in found.items():
            rate, memory = (statistics.median(column) for column in zip(*rows, strict=True))
            print(
                f"batch {batch:>2}  {way:<16} {rate:>8,.0f} key states a second, {rate / first:.2f} times plain; "
                f"{memory:,.0f} MB"
            )


def measured(way: str, batch: int, steps: int) -> tuple[float, float]:
    """Key states a second, and the largest memory in MB."""
    torch.manual_seed(0)
    model = RECIPES["pianonet"].model.build(Bits(72, 1 / 48))
    assert isinstance(model, Pianonet)
    length, lead = 24 * 72, -(-model.context // 72) * 72
    net: nn.Module = model
    if way.startswith("plain"):
        net = Plain(model)
    else:
        keep_freed_memory()  # as the training loop does
    optimizer = torch.optim.Adam(net.parameters(), 1e-4, fused=True)
    x = (torch.rand(batch, lead + length) < 0.04).to(torch.int8)
    y = (torch.rand(batch, length) < 0.04).float()
    mask = torch.arange(lead + length).expand(batch, -1) >= lead
    times = []
    for _ in range(steps + 1):
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=way.endswith("bfloat16")):
            logits = net(x[:, lead + 1 - model.context :]) if isinstance(net, Plain) else net(x, mask).logits[:, lead:]
        loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        times.append(time.perf_counter() - began)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return batch * length / statistics.median(times[1:]), memory


if __name__ == "__main__":
    main()
