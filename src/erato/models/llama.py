"""Our Transformer's weights in the layout of transformers' Llama, and back. Knows nothing of files.

Both turn the same pairs of numbers by position, so the weights are the same numbers: only names and grouping differ.
"""

from typing import Any

import torch
from torch import Tensor

from erato.errors import UsageError
from erato.models.transformer import EPS, Transformer, TransformerConfig


def llama_config(model: Transformer) -> dict[str, Any]:
    """What transformers' `config.json` says of this model (LlamaForCausalLM); UsageError if it has n-grams."""
    config = _without_ngrams(model)
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": model.embedding.num_embeddings,
        "hidden_size": config.width,
        "intermediate_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.heads,
        "head_dim": config.width // config.heads,
        "hidden_act": "silu",
        "max_position_embeddings": config.context,
        "rms_norm_eps": EPS,
        "rope_theta": config.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": config.tied,
        "torch_dtype": "float32",
    }


def llama_state_dict(model: Transformer) -> dict[str, Tensor]:
    """The weights by the names of transformers' Llama; a tied output table is there once, as embedding.

    UsageError if the model has n-grams.
    """
    _without_ngrams(model)
    named = {"model.embed_tokens.weight": model.embedding.weight, "model.norm.weight": model.norm}
    if not model.config.tied:
        named["lm_head.weight"] = model.head.weight
    for index, block in enumerate(model.blocks):
        for name, parts in _LLAMA_PARTS.items():
            weights = block.get_parameter(name).chunk(len(parts))
            named |= {f"model.layers.{index}.{part}.weight": w for part, w in zip(parts, weights, strict=True)}
    return {name: weight.detach().clone() for name, weight in named.items()}


def from_llama(config: dict[str, Any], weights: dict[str, Tensor]) -> Transformer:
    """The model of a Llama checkpoint (its config.json, its weights); UsageError if it is of another kind."""
    missing = [name for name in _LLAMA_SIZES if name not in config]
    if missing:
        raise UsageError(f"the config has no {missing[0]}: this is not the config.json of a Llama model")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    heads, width = config["num_attention_heads"], config["hidden_size"]
    expected = {
        "num_key_value_heads": heads,
        "head_dim": width // heads,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "rms_norm_eps": EPS,
    }
    for name, value in expected.items():
        if config.get(name) not in (value, None):
            raise UsageError(f"{name} must be {value} for the models here, got {config[name]}")
    if rope.get("rope_type", "default") != "default":
        raise UsageError(f"rope_type must be default for the models here, got {rope['rope_type']}")
    sizes = TransformerConfig(
        layers=config["num_hidden_layers"],
        heads=heads,
        width=width,
        context=config["max_position_embeddings"],
        ffn=config["intermediate_size"] / width,
        dropout=0.0,
        tied=bool(config.get("tie_word_embeddings", False)),
        rope_theta=float(rope.get("rope_theta", config.get("rope_theta", 10_000.0))),
    )
    if sizes.hidden != config["intermediate_size"]:
        raise UsageError(f"intermediate_size must be a multiple of 16, got {config['intermediate_size']}")
    model = Transformer(sizes, config["vocab_size"])
    own = {"embedding.weight": ["model.embed_tokens"], "norm": ["model.norm"], "head.weight": ["lm_head"]}
    if sizes.tied:
        own["head.weight"] = ["model.embed_tokens"]
    for index in range(sizes.layers):
        for name, parts in _LLAMA_PARTS.items():
            own[f"blocks.{index}.{name}"] = [f"model.layers.{index}.{part}" for part in parts]
    try:
        state = {name: torch.cat([weights[f"{part}.weight"] for part in parts]) for name, parts in own.items()}
    except KeyError as error:
        raise UsageError(f"the weights have no {error.args[0]}: this is not a Llama checkpoint") from error
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise UsageError(f"a weight has not the shape that the config says: {error}") from error
    return model


def _without_ngrams(model: Transformer) -> TransformerConfig:
    if model.config.ngrams:
        raise UsageError(
            f"a Llama has no n-gram embeddings, and this model was trained with ngrams={model.config.ngrams}: train "
            "one with ngrams=()."
        )
    return model.config


_LLAMA_PARTS = {
    "attention_norm": ["input_layernorm"],
    "qkv.weight": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "out.weight": ["self_attn.o_proj"],
    "ffn_norm": ["post_attention_layernorm"],
    "gate_up.weight": ["mlp.gate_proj", "mlp.up_proj"],
    "down.weight": ["mlp.down_proj"],
}
_LLAMA_SIZES = [
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "max_position_embeddings",
]
