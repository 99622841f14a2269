"""Text in subwords: learned or a checkpoint's own; what is typed is never a control symbol."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from symusic import Score
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from erato.errors import UsageError
from erato.representations import SubwordsConfig, Tokens

END = "<|endoftext|>"
TEXTS = ["the cat sat on the mat\n" * 4, "the dog\nsat on the cat\n" * 4]


@pytest.fixture(scope="module")
def learned():
    return SubwordsConfig(size=280).fit(TEXTS)


def test_frequent_words_are_one_symbol(learned):
    assert learned.space == Tokens(273, 272, 0)  # no more than 272 are seen twice
    assert SubwordsConfig(size=260).fit(TEXTS).space == Tokens(261, 260, 0)
    assert learned.names()[-1] == "<start>"
    names = [learned.names()[symbol] for symbol in learned.encode("the cat sat").array]
    assert names == ["the", "Ġcat", "Ġsat", END]


@settings(max_examples=100, deadline=None)
@given(
    st.text()
    | st.lists(st.sampled_from([END, "<start>", "the cat", " ", "\n", "é", "👩‍🚀", "汉", "\ufffd"])).map("".join)
)
def test_every_text_comes_back(learned, text):
    encoded = learned.encode(text)
    assert learned.decode(encoded.array) == text and encoded.lost == {}
    assert encoded.array[-1] == 0 and 0 not in encoded.array[:-1]
    assert np.array_equal(learned.encode_prompt(text).array, encoded.array[:-1])
    assert learned.units(encoded.array) == {"chars": len(text)}


def test_a_character_that_is_not_complete_is_held_back(learned):
    array = learned.encode("a汉b").array
    assert [learned.decode(array[:size]) for size in range(6)] == ["", "a", "a", "a", "a汉", "a汉b"]
    assert learned.decode(np.array([array[1], array[0]])) == "\ufffda"  # bytes that never become one
    assert learned.decode(learned.encode("a\ufffd").array) == "a\ufffd"


def test_half_a_character_is_counted(learned):
    encoded = learned.encode("a\ud800")
    assert learned.decode(encoded.array) == "a\ufffd" and encoded.lost == {"halves of characters": 1}


def test_learning_twice_gives_the_same():
    texts = [f"{word} {other}\n" for word in ("ab", "cd", "ef", "gh") for other in ("ij", "kl", "mn", "op")]
    code = (
        "from erato.representations import SubwordsConfig\n"
        f"print(repr(SubwordsConfig(size=270).fit({texts!r}).state()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == repr(SubwordsConfig(size=270).fit(texts).state())


def test_what_cannot_be_learned_is_refused():
    with pytest.raises(UsageError, match="at least 257"):
        SubwordsConfig(size=256)
    for pieces in ([], [""]):
        with pytest.raises(UsageError, match="no text"):
            SubwordsConfig().fit(pieces)
    with pytest.raises(UsageError, match="this piece is music"):
        SubwordsConfig().fit([Score(480)])


def gpt2_files(folder):
    """A small tokenizer in the two files that GPT-2 comes in: bytes, " t", "he", " the", and last the end."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*alphabet, "Ġt", "he", "Ġthe", END]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\nĠ t\nh e\nĠt he\n", "utf-8")
    return words


def test_the_two_files_of_gpt2(tmp_path):
    words = gpt2_files(tmp_path)
    config = SubwordsConfig(checkpoint=str(tmp_path))
    representation = config.fit([])
    assert representation.space == Tokens(261, 260, 259)
    assert representation.names() == [*words, "<start>"]
    encoded = representation.encode(f"he the{END}")
    assert encoded.array[:2].tolist() == [257, 258] and encoded.array.tolist().count(259) == 1
    assert representation.decode(encoded.array) == f"he the{END}" and encoded.lost == {}
    for file in tmp_path.iterdir():
        file.unlink()
    again = config.restore(json.loads(json.dumps(representation.state())))  # needs no file
    assert np.array_equal(again.encode(f"he the{END}").array, encoded.array)


def test_a_whole_tokenizer_of_a_checkpoint(tmp_path, learned):
    """With settings that would cut and fill texts, more special symbols, and an end that is named elsewhere."""
    tokenizer = Tokenizer.from_str(learned.state()["tokenizer"])
    tokenizer.add_special_tokens([AddedToken("<pad>", special=True), AddedToken("<stop>", special=True)])
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=50)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text('{"eos_token_id": [273]}')
    representation = SubwordsConfig(checkpoint=str(tmp_path)).fit([])
    assert representation.space == Tokens(275, 274, 273)
    text = "the cat sat on the mat <stop> <pad>"
    assert representation.decode(representation.encode(text).array) == text
    allowed = representation.cursor(2).allowed()
    assert allowed.shape == (2, 275) and np.flatnonzero(~allowed[0]).tolist() == [0, 272, 274]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": {"content": "<pad>"}}))
    assert SubwordsConfig(checkpoint=str(tmp_path)).fit([]).space.end == 272


def test_another_kind_of_tokenizer(tmp_path):
    """WordPiece in lower case, with numbers left free: what it changes and does not know is counted."""
    vocabulary = {"[UNK]": 0, "[SEP]": 1, "the": 2, "cat": 3, "##s": 6}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    representation = SubwordsConfig(checkpoint=str(tmp_path)).fit([])
    assert representation.space == Tokens(8, 7, 1)
    encoded = representation.encode("the cats")
    assert encoded.array.tolist() == [2, 3, 6, 1] and representation.decode(encoded.array) == "the cats"
    assert encoded.lost == {}
    assert representation.encode("The dog").lost == {"unknown subwords": 1, "texts that the tokenizer changes": 1}
    with pytest.raises(UsageError, match="nothing of the prompt 'dog'"):
        representation.encode_prompt("dog")
    assert np.flatnonzero(~representation.cursor(1).allowed()[0]).tolist() == [0, 4, 5, 7]
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "cat"}')  # the end is a word that can be typed
    encoded = SubwordsConfig(checkpoint=str(tmp_path)).fit([]).encode("the cat the")
    assert encoded.array.tolist() == [2, 2, 3] and encoded.lost == {"texts that the tokenizer changes": 1}
    assert representation.names() == ["[UNK]", "[SEP]", "the", "cat", "<unused 4>", "<unused 5>", "##s", "<start>"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "has no tokenizer: it needs tokenizer.json"),
        ({"vocab.json": "{}"}, "has no tokenizer: it needs tokenizer.json"),
        ({"tokenizer.json": "{"}, "tokenizer.json holds no tokenizer"),
        ({"tokenizer.json": '{"model": 3}'}, "tokenizer.json holds no tokenizer"),
        ({"tokenizer.json": "\udcff"}, "cannot be read"),
        ({"vocab.json": "[", "merges.txt": ""}, "are no tokenizer"),
        ({"vocab.json": '{"a": 0}', "merges.txt": "a b\n"}, "are no tokenizer"),
    ],
)
def test_damaged_files_are_refused_in_a_sentence(tmp_path, files, says):
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8", "surrogateescape")
    with pytest.raises(UsageError, match=says) as caught:
        SubwordsConfig(checkpoint=str(tmp_path)).fit([])
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.slow  # transformers takes seconds to import
def test_the_files_that_only_transformers_reads(tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    config = SubwordsConfig(checkpoint=str(tmp_path))
    representation = config.fit([])
    assert representation.names() == [*words, "<start>"]
    assert representation.encode("the cats").array.tolist() == [5, 6, 7, 3]
    (tmp_path / "vocab.txt").rename(tmp_path / "bert.model")
    with pytest.raises(UsageError, match=r"bert\.model cannot be read .*tokenizer\.json\.$"):
        config.fit([])


def test_what_the_hub_gave_is_read_like_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    config = SubwordsConfig(checkpoint="openai/gpt2")
    assert config.fingerprint() == ""
    with pytest.raises(UsageError, match=r"hf download openai/gpt2 --local-dir gpt2, then give that folder\.$"):
        config.fit([])
    refs = tmp_path / "models--openai--gpt2" / "refs"
    refs.mkdir(parents=True)
    prints = []
    for commit in ("a" * 40, "b" * 40):
        folder = refs.parent / "snapshots" / commit
        folder.mkdir(parents=True)
        gpt2_files(folder)
        (refs / "main").write_text(commit)
        prints.append(config.fingerprint())
        assert prints[-1] == SubwordsConfig(checkpoint=str(folder)).fingerprint() != ""
    assert config.fit([]).space.end == 259
    assert prints[0] == prints[1]  # the same files
    (folder / "merges.txt").write_text("#version: 0.2\nĠ t\n", "utf-8")
    assert config.fingerprint() not in prints  # so that what was encoded before is not taken


@pytest.mark.parametrize("path", ["/not/here", "./gpt2", "a/b/c", "~/gpt2-not-here", "gpt2 "])
def test_a_path_that_is_not_there_is_no_name(path):
    with pytest.raises(UsageError, match="there is no folder"):
        SubwordsConfig(checkpoint=path).fit([])


@pytest.mark.parametrize("change", [{"tokenizer": "{}"}, {"tokenizer": 1}, {"end": -1}, {"end": 280}, {"end": "0"}])
def test_a_damaged_state_is_refused(learned, change):
    with pytest.raises(UsageError, match=r"this state of subwords"):
        SubwordsConfig().restore({**learned.state(), **change})


def test_a_state_without_an_end(learned):
    representation = SubwordsConfig().restore({**learned.state(), "end": None})
    assert representation.space.end is None
    assert representation.decode(representation.encode(f"the cat{END}").array) == f"the cat{END}"
