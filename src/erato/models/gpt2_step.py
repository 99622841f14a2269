"""One symbol through a GPT-2 of transformers that remembers those before it: the same numbers in fewer operations.

The network, symbols and what it remembers of each layer in; logits and what it remembers now out. Knows nothing of
windows or text. Legend: B batch, W width, H heads, D = W / H, n symbols so far, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

KeysValues = tuple[tuple[Tensor, Tensor], ...]  # a layer each, [B, H, n, D]


def is_plain(config: Any) -> bool:
    """Whether a config of transformers is a GPT-2 as it was published, which `step` computes."""
    return (
        config.model_type == "gpt2"
        and config.activation_function == "gelu_new"
        and config.scale_attn_weights
        and not (config.scale_attn_by_inverse_layer_idx or config.add_cross_attention)
    )


def step(net: Any, x: Tensor, kv: KeysValues) -> tuple[Tensor, KeysValues]:
    """Logits [B, 1, V] after symbols x [B, 1], which stand behind the n of `kv`; without gradients or dropout."""
    body, batch = net.transformer, len(x)
    heads, n = kv[0][0].shape[1:3]
    signal = F.embedding(x[:, 0], body.wte.weight) + body.wpe.weight[n]  # [B, W]
    known = []
    for block, (keys, values) in zip(body.h, kv, strict=True):
        attention, layer = block.attn, block.mlp
        qkv = _linear(_normed(signal, block.ln_1), attention.c_attn).view(batch, 3, heads, 1, -1)
        query, key, value = qkv.unbind(1)
        known.append((torch.cat([keys, key], 2), torch.cat([values, value], 2)))
        seen = F.scaled_dot_product_attention(query, *known[-1]).reshape(batch, -1)
        signal = signal + _linear(seen, attention.c_proj)
        inner = F.gelu(_linear(_normed(signal, block.ln_2), layer.c_fc), approximate="tanh")
        signal = signal + _linear(inner, layer.c_proj)
    return F.linear(_normed(signal, body.ln_f), net.lm_head.weight).unsqueeze(1), tuple(known)


def _normed(signal: Tensor, norm: Any) -> Tensor:
    return F.layer_norm(signal, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def _linear(signal: Tensor, layer: Any) -> Tensor:
    return torch.addmm(layer.bias, signal, layer.weight)
