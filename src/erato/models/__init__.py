"""Every sequence model. Its line in MODELS is its registration: all there is tested against the contract."""

from erato.models.base import (
    Categorical,
    Distribution,
    Filters,
    ModelConfig,
    SequenceModel,
    State,
    detached,
    take,
)
from erato.models.describe import describe
from erato.models.frame_lstm import FrameLstm, FrameLstmConfig
from erato.models.llama import from_llama, llama_config, llama_state_dict
from erato.models.lstm import Lstm, LstmConfig
from erato.models.note_lstm import NoteLstm, NoteLstmConfig
from erato.models.transformer import Transformer, TransformerConfig

MODELS: dict[str, type[ModelConfig]] = {
    "lstm": LstmConfig,
    "note_lstm": NoteLstmConfig,
    "transformer": TransformerConfig,
    "frame_lstm": FrameLstmConfig,
}

__all__ = [
    "MODELS",
    "Categorical",
    "Distribution",
    "Filters",
    "FrameLstm",
    "FrameLstmConfig",
    "Lstm",
    "LstmConfig",
    "ModelConfig",
    "NoteLstm",
    "NoteLstmConfig",
    "SequenceModel",
    "State",
    "Transformer",
    "TransformerConfig",
    "describe",
    "detached",
    "from_llama",
    "llama_config",
    "llama_state_dict",
    "take",
]
