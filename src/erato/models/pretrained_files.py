"""Checkpoints for transformers: a folder in the layout of the Hugging Face hub in, or its name there, a network out.

Weights are read from .safetensors only, never from pickles, and no code that comes with a checkpoint is run. Knows
nothing of pieces, symbols or training; what is wrong with a checkpoint is one sentence, a UsageError.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from erato import hub
from erato.errors import UsageError
from erato.files import fsync_folder, temporary_beside
from erato.hub import quiet

_DROPOUTS = (
    "resid_pdrop",
    "embd_pdrop",
    "attn_pdrop",
    "dropout",
    "attention_dropout",
    "hidden_dropout",
    "activation_dropout",
    "embed_dropout",
    "resid_dropout",
)


def read_architecture(checkpoint: str) -> str:
    """The config.json of a checkpoint, as one line of JSON."""
    path = hub.folder(checkpoint) / "config.json"
    try:
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict):
            raise ValueError("not an object")
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read ({error}): get the file again.") from None
    network(text := json.dumps(found), None, check_only=True)
    return text


def network(architecture: str, dropout: float | None, check_only: bool = False) -> Any:
    """A freshly initialised network of transformers; architecture: the JSON of its config.json; it reads torch's
    generator. dropout: of all its parts; None: as the config says. check_only: only its config, not the network.
    """
    from transformers import AutoModelForCausalLM

    config = _config(architecture, dropout)
    if check_only:
        return config
    with quiet():
        try:
            return AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        except Exception as error:  # each kind of model has its own complaints about its sizes
            raise UsageError(f"a {config.model_type} with this config.json cannot be made: {_brief(error)}.") from None


def pretrained_network(checkpoint: str, architecture: str, dropout: float | None) -> Any:
    """The network of a checkpoint with its weights, in float32."""
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    folder, config = hub.folder(checkpoint), _config(architecture, dropout)
    if not any(folder.glob("model*.safetensors")):
        if any(folder.glob("*.bin")):
            raise UsageError(
                f"{folder} has its weights as a pickle (.bin) only, which may run any code and is not read: where you "
                f"trust it, convert it with transformers, AutoModelForCausalLM.from_pretrained({str(folder)!r})"
                ".save_pretrained(NEW), and give the new folder."
            )
        raise UsageError(f"{folder} has no weights: there must be a model.safetensors beside its config.json.")
    with quiet():
        try:
            found, said = AutoModelForCausalLM.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
        except (SafetensorError, OSError) as error:
            raise UsageError(f"the weights in {folder} are damaged ({_brief(error)}): get the files again.") from None
        except Exception as error:  # each kind of model has its own complaints about weights of other shapes
            raise UsageError(
                f"the weights in {folder} are not those of its config.json ({_brief(error)}): get the files again."
            ) from None
    odd = [str(name) for name in (*said["missing_keys"], *said.get("mismatched_keys", ()))]
    if odd:
        raise UsageError(f"the weights in {folder} are not those of its config.json: {sorted(odd)[0]} is missing.")
    broken = [name for name, tensor in found.state_dict().items() if not _finite(tensor)]
    if broken:
        raise UsageError(f"the weights in {folder} are damaged: {broken[0]} holds numbers that are not finite.")
    if _sees_ahead(found):
        raise UsageError(f"the {config.model_type} in {folder} sees ahead: only causal language models can write.")
    return found


def _config(architecture: str, dropout: float | None) -> Any:
    """The config of transformers that a config.json describes."""
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    try:
        said = json.loads(architecture)
        kind = said.pop("model_type")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError("config.json does not say its model_type: it is not that of a language model.") from None
    said.pop("auto_map", None)  # code that comes with a checkpoint is not run
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING_NAMES:
        raise UsageError(
            f"config.json is of the model type {kind!r}, which transformers does not know: choose another."
        )
    with quiet():
        try:
            config = AutoConfig.for_model(kind, **said)
        except Exception as error:  # each kind of model has its own complaints about its sizes
            raise UsageError(f"config.json is not that of a {kind} model: {_brief(error)}.") from None
    if type(config) not in AutoModelForCausalLM._model_mapping:
        raise UsageError(f"a {kind} model does not write text: choose a causal language model, as gpt2 is one.")
    for name in _DROPOUTS if dropout is not None else ():
        if isinstance(getattr(config, name, None), (int, float)):
            setattr(config, name, dropout)
    return config


@torch.no_grad()
def _sees_ahead(net: Any) -> bool:
    """Whether what comes next changes what was said before it."""
    rows = net.get_input_embeddings().num_embeddings
    ids = torch.arange(8).remainder(rows)[None]
    other = torch.cat([ids[:, :-1], (ids[:, -1:] + rows // 2) % rows], 1)
    net.eval()
    one, two = (net(input_ids=row, use_cache=False).logits[0, :-1] for row in (ids, other))
    return bool((one - two).abs().max() > 1e-4 * one.std())


def save_checkpoint(folder: Path, net: Any, tokenizer: str, end: int | None) -> None:
    """Writes a network and its tokenizer (the JSON of `tokenizers`) to a new folder in the layout of the hub.

    end: the number of the subword that ends a text, and begins one where the network does not say.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer.from_str(tokenizer)
    config = net.config
    ids = {"eos_token": end, "bos_token": config.bos_token_id if isinstance(config.bos_token_id, int) else end}
    named = {name: made.id_to_token(number) for name, number in ids.items() if number is not None}
    temporary = temporary_beside(folder)
    temporary.mkdir(parents=True)
    try:
        with quiet():
            wrapped = PreTrainedTokenizerFast(
                tokenizer_object=made,
                model_max_length=getattr(config, "max_position_embeddings", None),
                **{name: token for name, token in named.items() if token is not None},
            )
            wrapped.save_pretrained(temporary)
            net.save_pretrained(temporary)
        if folder.exists():
            folder.rmdir()  # it is empty
        temporary.rename(folder)
        fsync_folder(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def add_adapters(net: Any, rank: int, alpha: float, dropout: float) -> None:
    """Freezes the network and adds low-rank adapters to all its linear layers but the last (Hu et al. 2021)."""
    from peft import LoraConfig, inject_adapter_in_model
    from transformers.pytorch_utils import Conv1D

    transposed = any(isinstance(module, Conv1D) for module in net.modules())
    config = LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules="all-linear", fan_in_fan_out=transposed
    )
    with quiet():
        inject_adapter_in_model(config, net)


def merged(module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights `state` of a module that has adapters, with these added in, by the names that it has without."""
    found = {name.replace(".base_layer.", "."): tensor for name, tensor in state.items() if ".lora_" not in name}
    for name, part in module.named_modules():
        if hasattr(part, "get_delta_weight"):
            weight = f"{name}.weight"
            found[weight] = found[weight] + part.get_delta_weight("default").to(found[weight].dtype)
    return found


def _finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _brief(error: Exception) -> str:
    """The first line of what an error says, without its full stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:160].rstrip(".:")
