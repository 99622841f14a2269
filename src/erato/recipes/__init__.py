"""Every system the project implements, one short file each. An import and an entry in `_FILES` register one."""

from erato.recipes import (
    char_bilstm,
    char_lstm,
    char_transformer,
    event_transformer,
    gpt2,
    gpt2_small,
    lyrics_lstm,
    musegan,
    musegan_conditional,
    musegan_small,
    note_chord_lstm,
    note_lstm,
    note_lstm_tutorial,
    performance_transformer,
    pianonet,
    pianonet_large,
    pianoroll_lstm,
    pianoroll_lstm_tutorial,
    word_transformer,
    word_transformer_tutorial,
)

_FILES = [
    event_transformer,
    note_chord_lstm,
    note_lstm,
    note_lstm_tutorial,
    pianoroll_lstm,
    pianoroll_lstm_tutorial,
    performance_transformer,
    musegan,
    musegan_small,
    musegan_conditional,
    pianonet,
    pianonet_large,
    char_lstm,
    char_bilstm,
    char_transformer,
    lyrics_lstm,
    word_transformer,
    word_transformer_tutorial,
    gpt2_small,
    gpt2,
]

RECIPES = {file.RECIPE.name: file.RECIPE for file in _FILES}
TINY = {file.TINY.name: file.TINY for file in _FILES}  # the same, small enough to train two steps in a second

__all__ = ["RECIPES", "TINY"]
