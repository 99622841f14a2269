"""Our loops and filters against transformers' own `generate()` and logits processors, on the same weights."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import GenerationMixin, GPT2Config, GPT2LMHeadModel
from transformers.generation import logits_process as theirs

from erato.models import Categorical, SequenceModel
from erato.representations.base import Cursor, Tokens
from erato.sampling import Beams, Sampled, Sampler, Stop, beam_search, filtered, sample

START, END, SIZE, LENGTH = 0, 1, 50, 12
PROMPT = [7, 3, 3]


class Gpt2(SequenceModel):
    """transformers' GPT-2 as one of our models; its state is all that it has read."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        config = GPT2Config(
            n_layer=2, n_head=2, n_embd=32, vocab_size=SIZE, n_positions=32, bos_token_id=START, eos_token_id=None
        )
        self.net = GPT2LMHeadModel(config).eval()
        with torch.no_grad():  # probabilities that differ, an end that comes now and then, no near ties
            for parameter in self.net.transformer.h.parameters():
                parameter.mul_(4)
            self.net.transformer.wte.weight.mul_(8)
            self.net.transformer.wte.weight[END].mul_(1.6)

    def start(self, batch: int) -> Tensor:
        return torch.zeros(batch, 0, dtype=torch.long)

    def extend(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> tuple[Categorical, Tensor]:
        read = torch.cat([state, x], 1)
        return Categorical(self.net(read).logits[:, -x.shape[1] :]), read


class Text(Cursor):
    """Everything may follow everything."""

    bars = seconds = None

    done = np.zeros(1, np.bool_)

    def __init__(self, ended: np.ndarray) -> None:
        self.done = ended

    def allowed(self) -> None:
        return None

    def push(self, symbols: np.ndarray) -> None:
        self.done = self.done | (symbols == END)

    def take(self, rows: list[int]) -> "Text":
        return Text(self.done[rows])


class Endless(Text):
    """No symbol ends a piece."""

    def push(self, symbols: np.ndarray) -> None:
        pass

    def take(self, rows: list[int]) -> "Endless":
        return Endless(self.done[rows])


MODELS = [Gpt2(seed).eval() for seed in range(8)]


def generate(model: Gpt2, end: bool, **settings: object) -> tuple[list[list[int]], list[float]]:
    ids = torch.tensor([[START, *PROMPT]])
    made = model.net.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=LENGTH,
        do_sample=False,
        eos_token_id=END if end else None,
        pad_token_id=END,
        suppress_tokens=[START],
        return_dict_in_generate=True,
        output_scores=True,
        **settings,
    )
    rows = [row[ids.shape[1] :].tolist() for row in made.sequences]
    rows = [row[: row.index(END) + 1] if end and END in row else row for row in rows]  # what follows is padding
    scores = [] if made.get("sequences_scores") is None else made.sequences_scores.tolist()
    return rows, scores


def search(model: Gpt2, end: bool, beams: Beams, returned: int = 1, **settings: float) -> list[Sampled]:
    space = Tokens(SIZE, START, END if end else None)
    cursor = (Text if end else Endless)(np.zeros(1, np.bool_))
    prompt = np.array(PROMPT)
    return beam_search(model, prompt, cursor, space, beams, Sampler(**settings), Stop(), returned, limit=LENGTH)


def draw(model: Gpt2, end: bool, sampler: Sampler) -> Sampled:
    space = Tokens(SIZE, START, END if end else None)
    cursor = (Text if end else Endless)(np.zeros(1, np.bool_))
    return sample(model, np.array(PROMPT), cursor, space, [0], sampler, Stop(), limit=LENGTH)[0]


def processed(processor: object, logits: Tensor, so_far: Tensor) -> Tensor:
    return processor(so_far, logits.clone()).softmax(-1)


PENALTIES = [
    ({"repetition_penalty": 1.4, "repetition_window": 0}, {"repetition_penalty": 1.4}),
    ({"no_repeat": 2}, {"no_repeat_ngram_size": 2}),
]


@pytest.mark.parametrize("end", [True, False])
@pytest.mark.parametrize(("ours", "given"), [({}, {}), *PENALTIES])
def test_greedy_search_gives_the_same_symbols(ours: dict[str, float], given: dict[str, float], end: bool) -> None:
    for model in MODELS:
        expected, _ = generate(model, end, num_beams=1, **given)
        assert draw(model, end, Sampler(greedy=True, **ours)).array.tolist() == expected[0]
        assert search(model, end, Beams(1), **ours)[0].array.tolist() == expected[0]


@pytest.mark.parametrize("end", [True, False])
@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("length_penalty", [1.0, 0.0, -1.5, 3.0])
def test_beam_search_gives_the_same_pieces_and_scores(length_penalty: float, early_stopping: bool, end: bool) -> None:
    for model, (beams, returned) in zip(MODELS, itertools.cycle([(2, 1), (4, 4), (5, 2), (8, 8)]), strict=False):
        expected, scores = generate(
            model,
            end,
            num_beams=beams,
            num_return_sequences=returned,
            length_penalty=length_penalty,
            early_stopping=early_stopping,
        )
        found = search(model, end, Beams(beams, length_penalty, early_stopping), returned)
        assert [piece.array.tolist() for piece in found] == expected
        assert [piece.score for piece in found] == pytest.approx(scores, rel=1e-4)


@pytest.mark.parametrize(("ours", "given"), PENALTIES)
def test_penalties_change_a_search_in_the_same_way(ours: dict[str, float], given: dict[str, float]) -> None:
    for model in MODELS[:4]:
        expected, scores = generate(model, True, num_beams=4, num_return_sequences=3, **given)
        found = search(model, True, Beams(4), 3, **ours)
        assert [piece.array.tolist() for piece in found] == expected
        assert [piece.score for piece in found] == pytest.approx(scores, rel=1e-4)


def test_the_searches_end_in_more_than_one_way() -> None:
    lengths = {len(piece.array) for model in MODELS for piece in search(model, True, Beams(4), 4)}
    assert LENGTH in lengths and len(lengths) > 3


def test_composing_never_calls_generate(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **settings: object) -> None:
        raise AssertionError("generate() was called")

    monkeypatch.setattr(GenerationMixin, "generate", refused)
    with pytest.raises(AssertionError, match="was called"):
        generate(MODELS[0], False)
    assert len(draw(MODELS[0], False, Sampler(temperature=0.8, top_p=0.9)).array) == LENGTH
    assert len(search(MODELS[0], False, Beams(2))[0].array) == LENGTH


@pytest.mark.parametrize(
    ("settings", "processor"),
    [
        ({"temperature": 0.7}, theirs.TemperatureLogitsWarper(0.7)),
        ({"temperature": 2.5}, theirs.TemperatureLogitsWarper(2.5)),
        ({"top_k": 1}, theirs.TopKLogitsWarper(1)),
        ({"top_k": 7}, theirs.TopKLogitsWarper(7)),
        ({"top_p": 0.1}, theirs.TopPLogitsWarper(0.1)),
        ({"top_p": 0.8}, theirs.TopPLogitsWarper(0.8)),
        ({"min_p": 0.05}, theirs.MinPLogitsWarper(0.05)),
        ({"min_p": 0.6}, theirs.MinPLogitsWarper(0.6)),
        ({"typical_p": 0.2}, theirs.TypicalLogitsWarper(0.2)),
        ({"typical_p": 0.9}, theirs.TypicalLogitsWarper(0.9)),
        ({"repetition_penalty": 1.3}, theirs.RepetitionPenaltyLogitsProcessor(1.3)),
        ({"repetition_penalty": 0.8}, theirs.RepetitionPenaltyLogitsProcessor(0.8)),
        ({"no_repeat": 1}, theirs.NoRepeatNGramLogitsProcessor(1)),
        ({"no_repeat": 2}, theirs.NoRepeatNGramLogitsProcessor(2)),
        ({"no_repeat": 3}, theirs.NoRepeatNGramLogitsProcessor(3)),
    ],
)
def test_a_filter_leaves_the_same_probabilities(settings: dict[str, float], processor: object) -> None:
    random = torch.Generator().manual_seed(3)
    changed = 0
    for scale in (0.3, 1.0, 4.0):
        logits = scale * torch.randn(40, 12, generator=random)
        so_far = torch.randint(0, 12, (40, 30), generator=random)
        so_far[:, 7:] = so_far[:, 7:] % 3  # runs that come again
        if settings.get("no_repeat") == 1:
            so_far %= 11  # one symbol is always left
        expected = processed(processor, logits, so_far)
        found = filtered(logits, Sampler(**settings), so_far).softmax(-1)
        assert torch.allclose(found, expected, atol=1e-6)
        changed += int((found - logits.softmax(-1)).abs().amax(-1).gt(1e-3).sum())
    assert changed > 40


def test_the_filters_work_together_in_the_same_order() -> None:
    random = torch.Generator().manual_seed(4)
    logits = 2 * torch.randn(200, 30, generator=random)
    so_far = torch.randint(0, 30, (200, 25), generator=random)
    so_far[:, 5:] %= 4
    sampler = Sampler(
        repetition_penalty=1.5, no_repeat=2, temperature=1.4, top_k=12, top_p=0.9, min_p=0.05, typical_p=0.8
    )
    expected = logits
    for processor in (
        theirs.RepetitionPenaltyLogitsProcessor(1.5),
        theirs.NoRepeatNGramLogitsProcessor(2),
        theirs.TemperatureLogitsWarper(1.4),
        theirs.TopKLogitsWarper(12),
        theirs.TopPLogitsWarper(0.9),
        theirs.MinPLogitsWarper(0.05),
        theirs.TypicalLogitsWarper(0.8),
    ):
        expected = processor(so_far, expected.clone())
    assert torch.allclose(filtered(logits, sampler, so_far).softmax(-1), expected.softmax(-1), atol=1e-6)
