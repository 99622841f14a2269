"""Cached sampling against transformers' `generate()`: the same weights, one thread, batch 1, greedy and beam search.

Prints a table of medians and their ratio, from runs that alternate, and whether the symbols were the same; then how
many symbols a second a small LSTM over 60 kinds gives, drawn in several ways. Asserts nothing about time. Needs
`pip install erato[bench]`; run it with nothing else running:

    python benchmarks/sampling_speed.py
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from erato.models import LstmConfig, SequenceModel, Transformer, TransformerConfig, llama_config, llama_state_dict
from erato.representations.base import Cursor, Tokens
from erato.sampling import Beams, Sampler, Stop, beam_search, sample

WAYS = (
    Sampler(temperature=0.8),
    Sampler(temperature=0.8, top_p=0.9),
    Sampler(temperature=0.8, repetition_penalty=1.2),
    Sampler(temperature=0.8, top_p=0.9, repetition_penalty=1.2),
    Sampler(temperature=0.8, no_repeat=4),
    Sampler(typical_p=0.9),
    Sampler(greedy=True),
)


class Free(Cursor):
    """A cursor of a representation in which everything may follow everything and nothing ends a piece."""

    bars = seconds = None

    done = np.zeros(1, np.bool_)

    def __init__(self, batch: int) -> None:
        self.done = np.zeros(batch, np.bool_)

    def allowed(self) -> None:
        return None

    def push(self, symbols: np.ndarray) -> None:
        pass

    def take(self, rows: Sequence[int]) -> "Free":
        return Free(len(rows))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=15)
    options.add_argument("--symbols", type=int, default=256)
    options.add_argument("--layers", type=int, default=4)
    options.add_argument("--width", type=int, default=128)
    options.add_argument("--heads", type=int, default=4)
    options.add_argument("--vocabulary", type=int, default=512)
    options.add_argument("--beams", type=int, default=4)
    given = options.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)

    space = Tokens(given.vocabulary, start=0)
    config = TransformerConfig(given.layers, given.heads, given.width, context=2 * given.symbols, dropout=0.0)
    model = config.build(space).eval()
    with torch.no_grad():  # symbols that vary and never come near a tie
        model.embedding.weight.mul_(10)
    theirs = as_llama(model)
    prompt = np.array([5, 17, 42, 8], np.int64)
    ids = torch.tensor([[space.start, *prompt.tolist()]])

    def ours(beams: int) -> list[int]:
        asked = Stop(length=given.symbols)
        if beams > 1:
            return beam_search(model, prompt, Free(1), space, Beams(beams), Sampler(), asked)[0].array.tolist()
        return sample(model, prompt, Free(1), space, [0], Sampler(greedy=True), asked)[0].array.tolist()

    def generate(beams: int) -> list[int]:
        with torch.inference_mode():
            made = theirs.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                num_beams=beams,
                use_cache=True,
                min_new_tokens=given.symbols,
                max_new_tokens=given.symbols,
                suppress_tokens=[space.start],  # which we never draw either
            )
        return made[0, ids.shape[1] :].tolist()

    print(f"parameters {sum(p.numel() for p in model.parameters()):,}; {given.symbols} new symbols; {given.runs} runs")
    right = [compare(beams, ours, generate, given.symbols, given.runs) for beams in (1, given.beams)]
    print("\nLSTM, 2 layers of 128 over 60 kinds: symbols a second, the best of 5 runs")
    small = LstmConfig((128, 128), (0.0, 0.0), embedding=64, dense=0).build(Tokens(60, start=0)).eval()
    for sampler in WAYS:
        fastest = min(clock(lambda: drawn(small, sampler)) for _ in range(5))  # noqa: B023 - called at once
        changed = ", ".join(f"{k}={v}" for k, v in vars(sampler).items() if v != getattr(Sampler(), k))
        print(f"{changed:<52}{1500 / fastest:>8.0f}")
    sys.exit(0 if all(right) else 1)


def compare(
    beams: int, ours: Callable[[int], list[int]], generate: Callable[[int], list[int]], symbols: int, runs: int
) -> bool:
    """Prints how fast both are; whether they gave the same symbols."""
    same = ours(beams) == generate(beams)  # warms both up, too
    times = [(clock(lambda: ours(beams)), clock(lambda: generate(beams))) for _ in range(runs)]
    ratios = [b / a for a, b in times]
    print(f"\n{'greedy' if beams == 1 else f'{beams} beams'}; same symbols: {'yes' if same else 'NO'}")
    for name, column in (("erato", 0), ("transformers", 1)):
        median = statistics.median(run[column] for run in times)
        print(f"{name:<14}{median:>9.3f} s  {symbols / median:>8.0f} symbols a second")
    print(f"ratio of medians of pairs: {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    return same


def drawn(model: SequenceModel, sampler: Sampler) -> None:
    """1,500 new symbols."""
    prompt = np.array([5, 17, 42], np.int64)
    sample(model, prompt, Free(1), Tokens(60, start=0), [0], sampler, Stop(length=1500))


def as_llama(model: Transformer) -> LlamaForCausalLM:
    """transformers' model with our weights."""
    config = LlamaConfig(**llama_config(model), bos_token_id=0, eos_token_id=None, pad_token_id=0)
    theirs = LlamaForCausalLM(config).eval()
    left_out = theirs.load_state_dict(llama_state_dict(model), strict=False)
    assert not left_out.unexpected_keys and set(left_out.missing_keys) <= {"lm_head.weight"}
    theirs.tie_weights()
    return theirs


def clock(run: Callable[[], object]) -> float:
    """Seconds that `run` takes."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
