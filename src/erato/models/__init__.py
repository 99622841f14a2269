"""Every model. Its line in MODELS is its registration: all there is tested against the contract."""

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
from erato.models.musegan import Musegan, MuseganConfig
from erato.models.note_lstm import NoteLstm, NoteLstmConfig
from erato.models.pianonet import Pianonet, PianonetConfig
from erato.models.pretrained import Pretrained, PretrainedConfig
from erato.models.sinusoidal_transformer import SinusoidalTransformer, SinusoidalTransformerConfig
from erato.models.transformer import Transformer, TransformerConfig
from erato.models.window_lstm import WindowLstm, WindowLstmConfig

MODELS: dict[str, type[ModelConfig]] = {
    "lstm": LstmConfig,
    "note_lstm": NoteLstmConfig,
    "transformer": TransformerConfig,
    "frame_lstm": FrameLstmConfig,
    "pretrained": PretrainedConfig,
    "window_lstm": WindowLstmConfig,
    "sinusoidal_transformer": SinusoidalTransformerConfig,
    "musegan": MuseganConfig,
    "pianonet": PianonetConfig,
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
    "Musegan",
    "MuseganConfig",
    "NoteLstm",
    "NoteLstmConfig",
    "Pianonet",
    "PianonetConfig",
    "Pretrained",
    "PretrainedConfig",
    "SequenceModel",
    "SinusoidalTransformer",
    "SinusoidalTransformerConfig",
    "State",
    "Transformer",
    "TransformerConfig",
    "WindowLstm",
    "WindowLstmConfig",
    "describe",
    "detached",
    "from_llama",
    "llama_config",
    "llama_state_dict",
    "take",
]
