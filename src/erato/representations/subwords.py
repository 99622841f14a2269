"""Text as a row of subwords. Text in, whole numbers out, and back. Knows nothing of models, and of files only those of
a checkpoint's tokenizer.

The subwords are learned from the training pieces by byte pair encoding of UTF-8 bytes (Sennrich et al., "Neural Machine
Translation of Rare Words with Subword Units", 2016; over bytes: Radford et al., "Language Models are Unsupervised
Multitask Learners", 2019, section 2.2), so that any text has some and comes back as it was; or they are those of a
checkpoint for transformers, with the checkpoint's own numbers. The algorithm is that of the library `tokenizers`.
Legend: T symbols of a piece, V subwords of the tokenizer.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from erato import hub
from erato.errors import UsageError
from erato.representations.base import Array, Encoded, Representation, RepresentationConfig, Tokens
from erato.representations.text_cursor import TextCursor, as_text, shown
from erato.score import Ints, Piece

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END = "<|endoftext|>"
_ENDS = (END, "</s>", "<eos>", "[SEP]")  # what ends a text, where a checkpoint does not say
_SMALLEST = 257  # all bytes and the end
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which is no text


@dataclass(frozen=True)
class SubwordsConfig(RepresentationConfig):
    """Text in parts of words, learned by byte pair encoding or a checkpoint's own."""

    kind: ClassVar[Literal["music", "text"]] = "text"

    size: int = 1000  # subwords to learn, bytes and the end among them
    checkpoint: str = ""  # a folder with a tokenizer of transformers, or its name on the hub; empty: learn

    def __post_init__(self) -> None:
        if self.size < _SMALLEST:
            raise UsageError(f"size must be at least {_SMALLEST} (256 bytes and the end), got {self.size}.")

    def fingerprint(self) -> str:
        """The hash of the files that a checkpoint's tokenizer is in; "" where they are not on this machine."""
        digest = hashlib.sha256()
        folder = hub.cached(self.checkpoint, weights=False)
        files = {path for pattern in hub.TOKENIZER for path in folder.glob(pattern)} if folder else set()
        for path in sorted(path for path in files if path.is_file()):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        return digest.hexdigest() if files else ""

    def fit(self, pieces: Iterable[Piece]) -> "Subwords":
        """The subwords of the training pieces, or of the checkpoint; UsageError where there are none."""
        if self.checkpoint:
            folder = hub.folder(self.checkpoint, weights=False)
            tokenizer = _read(folder)
            return Subwords(self, tokenizer, _end(folder, tokenizer))
        tokenizer = _learn([_mended(as_text(piece, "subwords")) for piece in pieces], self.size)
        return Subwords(self, tokenizer, tokenizer.token_to_id(END))

    def restore(self, state: dict[str, Any]) -> "Subwords":
        """The representation of a state; UsageError where it is foreign or damaged."""
        self.check_state(state, "subwords")
        text, end = state.get("tokenizer"), state.get("end", -1)
        if not isinstance(text, str):
            raise UsageError("this state of subwords is damaged: tokenizer must be text.")
        tokenizer = _parsed(text, "this state of subwords")
        if end is not None and end not in tokenizer.get_vocab().values():
            raise UsageError("this state of subwords is damaged: end must be the number of a subword, or none.")
        return Subwords(self, tokenizer, end)


class Subwords(Representation):
    """Text as subwords; made by `SubwordsConfig`. Symbols: the tokenizer's own numbers, then one for the start."""

    kind: ClassVar[Literal["music", "text"]] = "text"
    space: Tokens

    def __init__(self, config: SubwordsConfig, tokenizer: "Tokenizer", end: int | None) -> None:
        self.config = config
        self._json = tokenizer.to_str()
        self._tokenizer = tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True  # what a person typed is never a control symbol
        self._subwords = {number: subword for subword, number in tokenizer.get_vocab().items()}
        size = max(self._subwords) + 1
        self.space = Tokens(size + 1, size, end)
        self._special = {number for number, added in tokenizer.get_added_tokens_decoder().items() if added.special}
        self._special.update(self._unknown())
        allowed = np.zeros(size + 1, np.bool_)
        allowed[[number for number in self._subwords if number == end or number not in self._special]] = True
        self._allowed = None if allowed[:-1].all() else allowed

    def encode(self, piece: Piece) -> Encoded:
        """The subwords of a text, then the end.

        Lost, where it is not bytes that the tokenizer knows: "unknown subwords", and "texts that the tokenizer
        changes"; of any, "halves of characters" (of UTF-16, which are no text).
        """
        given = as_text(piece, "subwords")
        text = _mended(given)
        array = self._look_up(text)
        lost = {
            "halves of characters": len(_SURROGATE.findall(given)),
            "unknown subwords": int(np.isin(array, self._unknown()).sum()),
            "texts that the tokenizer changes": int(self.decode(array) != text),
        }
        if self.space.end is not None:
            array = np.append(array, self.space.end)
        return Encoded(array, {reason: count for reason, count in lost.items() if count})

    def encode_prompt(self, piece: Piece) -> Encoded:
        """The subwords without the end; UsageError where none is known."""
        text = as_text(piece, "subwords")
        found = self._look_up(_mended(text))
        if len(found) and np.isin(found, self._unknown()).all():
            raise UsageError(
                f"nothing of the prompt {shown(text)} is in the vocabulary: "
                "write it with words of the texts that the checkpoint learned from."
            )
        return super().encode_prompt(piece)

    def decode(self, array: Array) -> str:
        """The text up to the end, without the bytes of a character that is not complete yet."""
        symbols = self._read(array)
        text: str = self._tokenizer.decode(symbols.tolist(), skip_special_tokens=False)
        if text.endswith("\ufffd") and not np.array_equal(self._look_up(text), symbols):
            text = text.rstrip("\ufffd")
        return text

    def units(self, array: Array) -> dict[str, float]:
        """Characters; the end is none."""
        return {"chars": float(len(self.decode(array)))}

    def cursor(self, batch: int) -> TextCursor:
        """A cursor that allows every subword everywhere, and of the tokenizer's special symbols only the end."""
        return TextCursor(self, batch, self._allowed)

    def names(self) -> list[str]:
        """[V + 1]: the subwords as the tokenizer writes them."""
        start = self.space.start
        return [*(self._subwords.get(number, f"<unused {number}>") for number in range(start)), "<start>"]

    def state(self) -> dict[str, Any]:
        """The whole tokenizer, and the number of the end, as JSON."""
        return {"representation": "subwords", "tokenizer": self._json, "end": self.space.end}

    def _look_up(self, text: str) -> Ints:
        """The subwords of a text, none of them a control symbol."""
        symbols = np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, np.int64)
        found: Ints = symbols if self.space.end is None else symbols[symbols != self.space.end]
        return found

    def _unknown(self) -> list[int]:
        """The number of the tokenizer's "unknown" (one or none)."""
        named = getattr(self._tokenizer.model, "unk_token", None)
        number = None if named is None else self._tokenizer.token_to_id(named)
        return [] if number is None else [number]

    def _read(self, array: Array) -> Ints:
        """The symbols of an array up to its end."""
        a = np.asarray(array, np.int64).ravel()
        stop = np.flatnonzero(a == (-1 if self.space.end is None else self.space.end))
        a = a[: stop[0]] if len(stop) else a
        read: Ints = a[a != self.space.start]
        return read


def _mended(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


def _byte_level(model: Any) -> "Tokenizer":
    """A tokenizer of UTF-8 bytes around a model, without a space put before the text."""
    from tokenizers import Tokenizer
    from tokenizers.decoders import ByteLevel as Decoder
    from tokenizers.pre_tokenizers import ByteLevel

    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = Decoder()
    return tokenizer


def _learn(texts: list[str], size: int) -> "Tokenizer":
    """A byte pair encoding of at most `size` subwords, each seen twice at least."""
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.trainers import BpeTrainer

    if not any(texts):
        raise UsageError("subwords found no text in the training pieces: choose texts that hold some.")
    tokenizer = _byte_level(BPE())
    trainer = BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[END],
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its threads do not survive our forked readers of files
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _read(folder: Path) -> "Tokenizer":
    """The tokenizer in a checkpoint's folder; UsageError: it has none, or a damaged one."""
    whole, vocabulary, merges = (folder / name for name in ("tokenizer.json", "vocab.json", "merges.txt"))
    try:
        if whole.is_file():
            return _parsed(whole.read_text("utf-8"), str(whole))
        if vocabulary.is_file() and merges.is_file():
            return _gpt2(vocabulary, merges)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the tokenizer in {folder} cannot be read ({error}): download the files again.") from None
    others = [*folder.glob("vocab.txt"), *folder.glob("*.model")]
    if not others:
        raise UsageError(
            f"{folder} has no tokenizer: it needs tokenizer.json, or vocab.json and merges.txt; download these too."
        )
    try:
        from transformers import AutoTokenizer

        with hub.quiet():
            tokenizer: Tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True).backend_tokenizer
        if tokenizer.get_vocab().keys() <= {added.content for added in tokenizer.get_added_tokens_decoder().values()}:
            raise ValueError("nothing but special symbols is in it")
    except Exception as error:  # whatever a file may hold, and where transformers is not installed
        why = " ".join(str(error).split())[:200]
        raise UsageError(
            f"{others[0]} cannot be read ({why}): install transformers, or add the checkpoint's tokenizer.json."
        ) from None
    return tokenizer


def _gpt2(vocabulary: Path, merges: Path) -> "Tokenizer":
    """A byte pair encoding from the two files of GPT-2."""
    from tokenizers import AddedToken
    from tokenizers.models import BPE

    try:
        tokenizer = _byte_level(BPE.from_file(str(vocabulary), str(merges)))
    except Exception as error:  # the library raises no narrower one
        raise UsageError(f"{vocabulary} and {merges} are no tokenizer ({error}): download them again.") from None
    if tokenizer.token_to_id(END) is not None:
        tokenizer.add_special_tokens([AddedToken(END, special=True, normalized=False)])
    return tokenizer


def _parsed(text: str, what: str) -> "Tokenizer":
    from tokenizers import Tokenizer

    try:
        tokenizer: Tokenizer = Tokenizer.from_str(text)
        if tokenizer.get_vocab():
            return tokenizer
        error: object = "it has no subword"
    except Exception as caught:  # the library raises no narrower one
        error = caught
    raise UsageError(f"{what} holds no tokenizer ({error}): restore it, or download it again.")


def _end(folder: Path, tokenizer: "Tokenizer") -> int | None:
    """The number of what ends a text: as the checkpoint's files say, else by the usual names; None: nothing does."""
    names: list[Any] = []
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        named = _json(folder / file).get("eos_token")
        names.append(named.get("content") if isinstance(named, dict) else named)
    number = _json(folder / "config.json").get("eos_token_id")
    number = number[0] if isinstance(number, list) and number else number
    names.append(tokenizer.id_to_token(number) if isinstance(number, int) and number >= 0 else None)
    found = (tokenizer.token_to_id(name) for name in [*names, *_ENDS] if isinstance(name, str))
    return next((number for number in found if number is not None), None)


def _json(path: Path) -> dict[str, Any]:
    """What a file of settings holds; nothing where it is missing or damaged."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
