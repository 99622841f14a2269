"""Networks of transformers as sequence models: the same numbers, and what is wrong with a checkpoint in a sentence."""

import json
import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from erato.errors import RunError, UsageError
from erato.hub import quiet
from erato.models import PretrainedConfig, SequenceModel, take
from erato.representations.base import Tokens
from erato.training.weights import exported, load_weights, save_weights

SPACE = Tokens(21, start=20, end=2)  # a tokenizer of 20 subwords
ENDS = {"vocab_size": 24, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None}  # four rows of the net are spare
LLAMA = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 8,
    **ENDS,
}
KINDS = {
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 8, **ENDS},
    "llama": {"num_key_value_heads": 1, **LLAMA},
    "gpt_neox": LLAMA,
    "mistral": {"num_key_value_heads": 1, "sliding_window": 5, **LLAMA},
}


def network(kind, **changes):
    torch.manual_seed(1)
    with quiet():
        net = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **KINDS.get(kind, {}), **changes))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3)  # sharper than fresh weights, so that mistakes show
    return net.eval()


@pytest.fixture
def checkpoint(tmp_path):
    """The folder of a small GPT-2."""
    return saved(network("gpt2"), tmp_path / "gpt2")


def saved(net, folder):
    with quiet():
        net.save_pretrained(folder)
    return folder


def symbols(length, rows=2):
    rng = torch.Generator().manual_seed(5)
    x = torch.randint(0, 20, (rows, length), generator=rng)
    x[:, 0] = SPACE.start
    return x


def as_read(x):
    return torch.where(x == SPACE.start, 1, x)  # the checkpoint's bos


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_numbers_are_those_of_transformers(kind, tmp_path):
    net = network(kind)
    model = PretrainedConfig(checkpoint=str(saved(net, tmp_path / kind))).begin(SPACE).eval()
    assert model.context == 8
    x = symbols(19)
    found = model(x).logits
    assert found.shape == (2, 19, 21)
    assert (found[..., 20] == -math.inf).all()
    ids = as_read(x)
    # By hand: 0..7 in one window, then windows that begin at 4, 8 and 12, of which the second half counts.
    wanted = [net(ids[:, :8]).logits, *(net(ids[:, begin : begin + 8]).logits[:, 4:] for begin in (4, 8, 12))]
    assert torch.allclose(found[..., :20], torch.cat(wanted, 1)[:, :19, :20], atol=1e-5)

    for blocks in ([1] * 19, [5, 3, 11], [8, 8, 3]):
        state, parts = model.start(2), []
        for part in x.split(blocks, 1):
            distribution, state = model.extend(part, state)
            parts.append(distribution.logits)
        assert torch.allclose(torch.cat(parts, 1)[..., :20], found[..., :20], atol=1e-5)


@torch.no_grad()
def test_greedy_is_what_transformers_generates(checkpoint):
    net = network("gpt2")
    net.generation_config.eos_token_id = None
    model = PretrainedConfig(checkpoint=str(checkpoint)).begin(SPACE).eval()
    wanted = net.generate(torch.tensor([[1, 7]]), attention_mask=torch.ones(1, 2), max_new_tokens=6, do_sample=False)
    state, last, found = model.start(1), torch.tensor([[20, 7]]), []
    for _ in range(6):
        distribution, state = model.extend(last, state)
        last = distribution.logits[:, -1:].argmax(-1)
        found.append(int(last))
    assert found == wanted[0, 2:].tolist()


@torch.no_grad()
def test_states_stay_as_they_were(checkpoint):
    model = PretrainedConfig(checkpoint=str(checkpoint)).begin(SPACE).eval()
    x = symbols(8)
    whole = model(x).logits[..., :20]
    root = model.extend(x[:, :3], model.start(2))[1]
    turned = take(root, torch.tensor([1, 0, 1]))
    for _ in range(2):  # the second time finds what the first did
        found, state = model.extend(x[:, 3:6], root)
        assert torch.allclose(found.logits[..., :20], whole[:, 3:6], atol=1e-5)
        kept = model.keep(root, state, x[:, 3:6], 1)
        assert torch.allclose(model.extend(x[:, 4:], kept)[0].logits[..., :20], whole[:, 4:], atol=1e-5)
    found = model.extend(x[[1, 0, 1], 3:], turned)[0].logits[..., :20]
    assert torch.allclose(found, whole[[1, 0, 1], 3:], atol=1e-5)


@torch.no_grad()
def test_a_kind_with_another_memory_reads_windows_anew(tmp_path):
    net = network("mamba", hidden_size=8, state_size=2, num_hidden_layers=1, **ENDS)
    model = PretrainedConfig(checkpoint=str(saved(net, tmp_path / "mamba"))).begin(SPACE).eval()
    x = symbols(6)
    state = model.extend(x[:, :4], model.start(2))[1]
    found = model.extend(x[:, 4:], state)[0].logits[..., :20]
    assert torch.allclose(found, net(as_read(x)).logits[:, 4:, :20], atol=1e-5)


def test_a_fresh_one_has_a_row_for_each_subword_and_none_for_the_start():
    model = PretrainedConfig(layers=1, heads=2, width=8, context=16).build(SPACE)
    assert model.net.get_input_embeddings().num_embeddings == 20
    assert model.begins == SPACE.end
    own_start = PretrainedConfig(layers=1, heads=2, width=8, context=16).build(Tokens(21, start=0, end=1))
    assert own_start.net.get_input_embeddings().num_embeddings == 21
    assert own_start(torch.tensor([[0, 3]])).logits.isfinite().all()


def test_the_dropout_that_is_asked_for(checkpoint):
    def rates(dropout):
        net = PretrainedConfig(checkpoint=str(checkpoint), dropout=dropout).begin(SPACE).net
        return {part.p for part in net.modules() if isinstance(part, torch.nn.Dropout)}

    assert rates(None) == {0.1}  # as its config.json says
    assert rates(0.25) == {0.25}


def test_what_is_resolved_needs_no_checkpoint(checkpoint):
    config = PretrainedConfig(checkpoint=str(checkpoint)).resolved()
    begun = config.begin(SPACE)
    assert json.loads(config.architecture)["n_positions"] == 8
    (checkpoint / "config.json").unlink()
    built = config.build(SPACE)
    assert not torch.equal(built(symbols(4)).logits, begun(symbols(4)).logits)
    built.load_state_dict(begun.exported(), strict=False)
    begun.eval(), built.eval()
    assert torch.equal(built(symbols(4)).logits, begun(symbols(4)).logits)


def test_shared_weights_are_saved_once_and_shared_again(checkpoint, tmp_path):
    config = PretrainedConfig(checkpoint=str(checkpoint)).resolved()
    model, path = config.begin(SPACE).eval(), tmp_path / "model.safetensors"
    save_weights(exported(model), path)
    assert len({"net.lm_head.weight", "net.transformer.wte.weight"} & load_file(path).keys()) == 1
    loaded = config.build(SPACE).eval()
    load_weights(loaded, path)
    assert torch.equal(loaded(symbols(8)).logits, model(symbols(8)).logits)
    assert loaded.net.lm_head.weight is loaded.net.transformer.wte.weight
    save_weights(model.state_dict(), path)  # under both names, as was once the way
    load_weights(loaded, path)
    save_weights({k: v for k, v in exported(model).items() if "ln_f.bias" not in k}, path)
    with pytest.raises(RunError, match=r"ln_f\.bias does not fit"):
        load_weights(loaded, path)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_adapters_are_all_that_is_trained_and_are_added_in(kind, tmp_path):
    config = PretrainedConfig(checkpoint=str(saved(network(kind), tmp_path / kind)), lora=2, dropout=0.0).resolved()
    model, plain = config.begin(SPACE), replace(config, lora=0).begin(SPACE)
    x = symbols(8)
    assert torch.allclose(model(x).logits, plain(x).logits)  # adapters begin as nothing
    assert {"lora" in name for name, p in model.named_parameters() if p.requires_grad} == {True}
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 0.05)
    for _ in range(3):
        optimizer.zero_grad()
        (-model(x[:, :-1]).log_prob(x[:, 1:])).mean().backward()
        optimizer.step()
    weights = exported(model)
    assert weights.keys() == exported(plain).keys()
    assert any(not torch.equal(weights[name], tensor) for name, tensor in exported(plain).items())
    save_weights(weights, tmp_path / "model.safetensors")
    load_weights(plain, tmp_path / "model.safetensors")
    learned = model(x).logits[..., :20]
    assert torch.allclose(plain(x).logits[..., :20], learned, atol=1e-4)
    frozen = config.begin(SPACE)
    assert (frozen(x).logits[..., :20] - learned).abs().max() > 0.01


def test_every_model_exports_each_tensor_once():
    class Tied(SequenceModel):
        def __init__(self):
            super().__init__()
            self.one = torch.nn.Linear(3, 3)
            self.two = torch.nn.Linear(3, 3)
            self.two.weight = self.one.weight

        def start(self, batch):
            return None

        def extend(self, x, state, mask=None):
            raise NotImplementedError

    assert list(Tied().exported()) == ["one.weight", "one.bias", "two.bias"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"layers": 0}, "layers must be 1 or more, got 0"),
        ({"width": 10, "heads": 4}, "width must be a multiple of the 4 heads, got 10"),
        ({"context": 7}, "context must be an even number"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"lora_dropout": -0.1}, "lora_dropout must be in"),
        ({"lora": -1}, "lora must be 0"),
        ({"lora_alpha": math.inf}, "lora_alpha above 0"),
    ],
)
def test_settings_that_are_not_allowed(settings, sentence):
    with pytest.raises(UsageError, match=sentence):
        PretrainedConfig(**settings)


def changed(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def weights(folder, change):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, {"format": "pt"})


def only_bin(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def truncated(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-40])


def not_a_number(tensors):
    tensors["transformer.h.1.mlp.c_fc.bias"][3] = math.nan


def of_another_shape(tensors):
    tensors["transformer.h.1.mlp.c_fc.bias"] = torch.zeros(5)


def without_one(tensors):
    del tensors["transformer.h.0.ln_1.weight"]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json cannot be read"),
        (lambda folder: (folder / "config.json").write_text("[]"), "config.json cannot be read"),
        (lambda folder: (folder / "config.json").write_text("{}"), "does not say its model_type"),
        (lambda folder: changed(folder, model_type="gpt99"), "the model type 'gpt99', which transformers does not"),
        (lambda folder: changed(folder, model_type="t5"), "a t5 model does not write text"),
        (lambda folder: changed(folder, n_embd=15), r"not those of its config.json \(`?embed_dim"),
        (lambda folder: changed(folder, n_embd="wide"), "config.json is not that of a gpt2 model"),
        (lambda folder: changed(folder, n_layer=3), "are not those of its config.json"),
        (truncated, "are damaged"),
        (only_bin, "as a pickle .* convert it with transformers"),
        (lambda folder: (folder / "model.safetensors").unlink(), "has no weights"),
        (lambda folder: weights(folder, not_a_number), "numbers that are not finite"),
        (lambda folder: weights(folder, of_another_shape), "are not those of its config.json"),
        (lambda folder: weights(folder, without_one), "h.0.ln_1.weight is missing"),
    ],
)
def test_what_is_wrong_with_a_checkpoint_is_one_sentence(checkpoint, damage, sentence, capfd):
    damage(checkpoint)
    with pytest.raises(UsageError, match=sentence) as found:
        PretrainedConfig(checkpoint=str(checkpoint)).begin(SPACE)
    assert "\n" not in str(found.value) and len(str(found.value)) < 400
    said = capfd.readouterr()
    assert said.out == said.err == ""


def test_a_tokenizer_of_another_checkpoint(checkpoint):
    with pytest.raises(UsageError, match="the tokenizer has 25 tokens, and the model reads 24"):
        PretrainedConfig(checkpoint=str(checkpoint)).begin(Tokens(26, start=25, end=2))


def test_a_model_that_sees_ahead_cannot_write(tmp_path):
    net = network("bert", **LLAMA)
    with pytest.raises(UsageError, match=r"the bert in .* sees ahead"):
        PretrainedConfig(checkpoint=str(saved(net, tmp_path / "bert"))).begin(SPACE)


def test_code_that_comes_with_a_checkpoint_is_not_run(checkpoint):
    changed(checkpoint, auto_map={"AutoModelForCausalLM": "evil.Model", "AutoConfig": "evil.Config"})
    (checkpoint / "evil.py").write_text("raise SystemExit('run')")
    PretrainedConfig(checkpoint=str(checkpoint)).begin(SPACE)
