"""What several tests need: a cache of their own, small scores, and a corpus small enough to reason about."""

import os
import shutil
import signal
from functools import partial

os.environ.setdefault("MPLCONFIGDIR", "/tmp/erato-tests-matplotlib")

import numpy as np
import pytest
from symusic import Note, Score, TimeSignature, Track

from erato import cli, phrase_run
from erato.corpora import CORPORA, Folder
from erato.datasets import Encodings
from erato.reporter import Reporter
from erato.representations.base import Tokens
from erato.score import seconds


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """No test reads or writes the user's cache; the processes that share the tests share one, too."""
    if "ERATO_CACHE" not in os.environ:
        root = tmp_path_factory.getbasetemp()
        cache = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "cache"
        cache.mkdir(exist_ok=True)
        os.environ["ERATO_CACHE"] = str(cache)


def scale_score(tonic: int = 60, bars: int = 8, seed: int = 0) -> Score:
    """A melody of quarters that walks by steps, in 4/4, over a bass of whole notes; deterministic."""
    rng = np.random.default_rng(seed)
    score = Score(480)
    score.time_signatures.append(TimeSignature(0, 4, 4))
    melody, bass = Track("Melody", 0, False), Track("Bass", 32, False)
    pitch = tonic
    for beat in range(4 * bars):
        pitch = int(np.clip(pitch + rng.choice([-2, -1, 1, 2]), tonic - 7, tonic + 12))
        melody.notes.append(Note(480 * beat, 480, pitch, 80))
        if beat % 4 == 0:
            bass.notes.append(Note(480 * beat, 1920, tonic - 24 + int(rng.integers(0, 5)), 64))
    score.tracks.extend([melody, bass])
    return score


def write_scales(folder, count=12):
    """So many MIDI files of eight bars each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        scale_score(60 + number % 5, seed=number).dump_midi(folder / f"piece{number:02d}.mid")
    return folder


@pytest.fixture
def make_score():
    return scale_score


@pytest.fixture
def music_folder(tmp_path):
    """Twelve MIDI files of eight bars."""
    return write_scales(tmp_path / "music")


VOICES = {"Soprano": 72, "Alto": 67, "Tenor": 60, "Bass": 48}


def write_chorales(folder):
    """Twelve MIDI files of eight bars in four voices; one is bwv66.6."""
    folder.mkdir(parents=True)
    for number in range(12):
        score = Score(480)
        score.time_signatures.append(TimeSignature(0, 4, 4))
        for voice, (name, tonic) in enumerate(VOICES.items()):
            track = scale_score(tonic + number % 3, seed=10 * number + voice).tracks[0]
            track.name = name
            score.tracks.append(track)
        score.dump_midi(folder / ("bwv66.6.mid" if number == 0 else f"bwv{number}.mid"))
    return folder


@pytest.fixture
def chorales(tmp_path, monkeypatch):
    """Small pieces in four voices, in place of the corpus `bach-chorales`."""
    folder = write_chorales(tmp_path / "corpora" / "bach-chorales")
    monkeypatch.setitem(CORPORA, "bach-chorales", Folder(folder))
    return folder


def song(seed: int = 0, verses: int = 3) -> str:
    """Verses of four lines, of few words, with marks and line breaks; deterministic."""
    rng = np.random.default_rng(seed)
    words = ["oh", "the", "sun", "and", "moon", "will", "rise", "over", "my", "river,", "love", "you", "never", "sing"]
    lines = [
        [" ".join(rng.choice(words, 5)).capitalize() + rng.choice([",", ".", "!", ""]) for _ in range(4)]
        for _ in range(verses)
    ]
    return "They are gone.\n\n" + "\n\n".join("\n".join(verse) for verse in lines) + "\n"


def write_songs(folder, count=12, verses=3):
    """So many songs as text files."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"song{number:02d}.txt").write_text(song(number, verses), "utf-8")
    return folder


@pytest.fixture
def words_folder(tmp_path):
    """Twelve songs as text files."""
    return write_songs(tmp_path / "songs")


class Notes(Reporter):
    """Keeps what a person would be told."""

    def __init__(self):
        self.said = []

    def note(self, text):
        self.said.append(text)


class CountingRepresentation:
    """Symbols 2..9 count upwards and wrap around; transposing adds. Knows no pieces."""

    space = Tokens(10, start=0, end=1)
    kind = "music"

    def window(self, array, begin, length):
        return array[begin : begin + length]

    def copies(self, array, draw):
        return [array]

    def transposed(self, array, semitones):
        return None if (array + semitones).max() > 9 or (array + semitones).min() < 2 else array + semitones


def pieces_that_count():
    """Encodings of ten pieces that count: 2 3 4 ... 9 2 3 ..., of different lengths and beginnings."""
    arrays = [2 + (np.arange(20 + 3 * n) + n) % 8 for n in range(10)]
    offsets = np.cumsum([0, *map(len, arrays)])
    split = {"train": list(range(8)), "valid": [8], "test": [9]}
    return Encodings(CountingRepresentation(), np.concatenate(arrays).astype(np.uint16), offsets, split, {})


@pytest.fixture
def counting():
    return pieces_that_count()


@pytest.fixture
def erato(tmp_path, monkeypatch, capsys):
    """Runs the command in an empty folder; gives (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)

    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            cli.main([str(a) for a in arguments])
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    yield call
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture(scope="module")
def quick():
    """Assessments resample seldom, and measure few phrases."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("erato.assessing.RESAMPLES", 20)
        evaluate = phrase_run.evaluate_phrases
        patch.setattr(phrase_run, "evaluate_phrases", partial(evaluate, generated=250))
        yield


@pytest.fixture(scope="module")
def few_people():
    """What people copy from each other is told by few of their pieces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("erato.evaluation.originality.LEFT_OUT", 3)
        yield


@pytest.fixture(scope="module")
def quiet():
    """Pages have one short sound for every piece, as that takes long; what pieces sound like has tests of its own."""
    from erato.renderers import page_items

    short, _ = page_items.page_sound(scale_score(bars=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_items, "page_sound", lambda score: (short, seconds(score)))
        yield


# Parts of a browser's window, which nobody sees and which cost as much as a page of ours; and what asks the network.
# The list stands in place of Playwright's own.
NOT_NEEDED = (
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,LensOverlay,PaintHolding,"
    "HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,MediaRouter,OptimizationHints,NetworkTimeServiceQuerying,"
    "PreconnectToSearch,ThirdPartyStoragePartitioning,AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose"
)


@pytest.fixture(scope="module")
def browser():
    """Chromium; without one its tests are skipped, but fail where CI is set, or ERATO_BROWSER=required."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        why = "no Chromium is installed"
        if os.environ.get("CI") or os.environ.get("ERATO_BROWSER") == "required":
            pytest.fail(f"{why}: scripts/browser installs one")
        pytest.skip(why)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # milliseconds; the computer may have other things to do
    with sync_playwright() as playwright:
        arguments = [
            "--no-sandbox",
            "--autoplay-policy=no-user-gesture-required",
            "--mute-audio",
            f"--disable-features={NOT_NEEDED}",
        ]
        opened = playwright.chromium.launch(executable_path=found, args=arguments)
        yield opened
        opened.close()
