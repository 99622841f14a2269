"""Which kinds of pieces a renderer holds: what it says of itself is what it does, and it is asked before."""

import re

import pytest
from symusic import Score

from erato.errors import UsageError
from erato.renderers import RENDERERS, About, renderers_for

PIECES = {"music": Score(480), "text": "words"}


@pytest.mark.parametrize("kind", PIECES)
@pytest.mark.parametrize("suffix", sorted(RENDERERS))
def test_a_renderer_writes_what_it_says_it_holds_and_refuses_the_rest(suffix, kind, tmp_path):
    renderer, path = RENDERERS[suffix], tmp_path / f"x{suffix}"
    if kind in renderer.kinds:
        renderer.write(PIECES[kind], path, About())
        assert path.is_file()
        assert renderers_for([suffix], kind) == [renderer]
        return
    with pytest.raises(UsageError) as late:
        renderer.write(PIECES[kind], path, About())
    with pytest.raises(UsageError) as early:
        renderers_for(["txt", suffix], kind)
    assert list(tmp_path.iterdir()) == []
    assert str(late.value) == str(early.value).replace(
        suffix, path.name, 1
    )  # the same sentence, before there is a file


def test_a_refusal_names_all_that_hold_a_text():
    with pytest.raises(UsageError, match=r"a MIDI file holds music, and \.mid would be text") as raised:
        renderers_for(["mid"], "text")
    said = str(raised.value).split("write it as")[1]
    assert set(re.findall(r"\.[a-z]+", said)) == {one for one, it in RENDERERS.items() if "text" in it.kinds}


def test_without_a_kind_any_suffix_will_do():
    assert renderers_for(["mid", ".TXT", "mid"]) == [RENDERERS[".mid"], RENDERERS[".txt"]]
    assert renderers_for(["mid", "txt", "html"], "music") == [RENDERERS[".mid"], RENDERERS[".txt"], RENDERERS[".html"]]
