"""Files of sound: read back by libsndfile, the same bytes every time, and what they say of themselves."""

import io
import random
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import soundfile
from symusic import Note, Score, Tempo, Track

from erato.errors import UsageError
from erato.renderers import RENDERERS, About
from erato.renderers.audio import Audio, Wav, audio_record, file_name, stem_paths
from erato.renderers.audio_files import id3, with_serial, write_flac, write_mp3, write_ogg, write_wav
from erato.renderers.page_sound import page_sound
from erato.renderers.synthesis import Sound, sound

SUFFIXES = [suffix for suffix, renderer in RENDERERS.items() if isinstance(renderer, Audio)]
WRITERS = {".wav": write_wav, ".flac": write_flac, ".ogg": write_ogg, ".mp3": write_mp3}
RECORD = {"seed": 3, "settings": {"temperature": 0.9, "text": "é </script> \u202e\x00"}, "none": None}
HOSTILE = 'a\x00b\r\n<b>"&\u202e\ud800' + "x" * 100_000


def small():
    """Two tracks, a second and a half."""
    score = Score(480)
    score.tempos.append(Tempo(0, 120))
    for name, program, key in (("Soprano", 73, 72), ("Bass", 32, 40)):
        track = Track(name, program, False)
        for beat in range(3):
            track.notes.append(Note(480 * beat, 400, key + beat, 90))
        score.tracks.append(track)
    return score


def encoded(suffix, made, about=About()):  # noqa: B008 (it is frozen)
    file = io.BytesIO()
    WRITERS[suffix](made, file, about)
    return file.getvalue()


@pytest.fixture(scope="module")
def made():
    return sound(small())


def test_the_four_kinds_of_sound_are_registered():
    assert SUFFIXES == [".wav", ".flac", ".ogg", ".mp3"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_read_back_is_what_was_made(suffix, made, tmp_path):
    path = tmp_path / f"x{suffix}"
    RENDERERS[suffix].write(small(), path, About())
    samples, rate = soundfile.read(path)
    assert (samples.shape, rate) == (made.samples.shape, 44_100)
    assert np.abs(samples).max() < 1
    error = np.sqrt(np.mean((samples - made.samples) ** 2)) / np.sqrt(np.mean(made.samples**2))
    assert error < (1e-3 if suffix in (".wav", ".flac") else 0.15)
    assert soundfile.info(path).format == suffix[1:].upper()


def test_flac_holds_the_numbers_of_wav(made):
    wav, flac = (soundfile.read(io.BytesIO(encoded(kind, made)), dtype="int16")[0] for kind in (".wav", ".flac"))
    np.testing.assert_array_equal(wav, flac)
    np.testing.assert_array_equal(wav, np.round(made.samples * 32767))


def test_the_same_piece_gives_the_same_bytes_in_another_process(tmp_path):
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from hashlib import sha256\nfrom pathlib import Path\n"
        "from test_render_audio import *\n"
        "for suffix in SUFFIXES:\n"
        "    path = Path(sys.argv[2], 'x' + suffix)\n"
        "    RENDERERS[suffix].write(small(), path, About('T', {'licence': 'CC0'}, RECORD))\n"
        "    print(sha256(path.read_bytes()).hexdigest())\n"
    )
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", program, here, str(tmp_path)], capture_output=True, text=True, check=True
    )
    hashes = []
    for suffix in SUFFIXES:
        RENDERERS[suffix].write(small(), tmp_path / f"y{suffix}", About("T", {"licence": "CC0"}, RECORD))
        hashes.append(sha256((tmp_path / f"y{suffix}").read_bytes()).hexdigest())
    assert done.stdout.split() == hashes


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_says_its_title_version_licence_and_record(suffix, made):
    data = encoded(suffix, made, About("Kyrie für drei 日本", {"licence": "CC BY 4.0"}, RECORD))
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert file.title == "Kyrie für drei 日本"
        assert file.software.startswith("Erato ")
        assert file.comment.isascii() and file.frames == len(made.samples)
        assert suffix == ".mp3" or file.copyright == "CC BY 4.0"  # which it does not read there
    assert audio_record(data) == RECORD


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_without_a_record_the_facts_are_the_comment(suffix, made):
    data = encoded(suffix, made, About("", {"seed": "3", "learned\nfrom": "Bach\x00"}))
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert file.comment == "seed: 3\nlearned from: Bach"
        assert file.title == ""
    assert audio_record(data) is None


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("size", [10_000, 300_000])
def test_a_long_record_survives(suffix, size, made):
    record = {"text": "é" * (size // 6), "n": 1}  # six characters each, as JSON in ASCII
    data = encoded(suffix, made, About("x", {}, record))
    assert audio_record(data) == record
    assert soundfile.info(io.BytesIO(data)).frames == len(made.samples)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_hostile_text_comes_out_as_text(suffix, made):
    data = encoded(suffix, made, About(HOSTILE, {HOSTILE: HOSTILE, "licence": HOSTILE}))
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        title = file.title
        assert len(file.read()) == len(made.samples)
    assert title == 'a b <b>"& ' + "x" * 990
    assert audio_record(data) is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_bytes_are_a_trap_for_who_looks_for_a_record(suffix, made):
    data = encoded(suffix, made, About("x", {}, RECORD))
    assert audio_record(b"") is audio_record(data[:11]) is audio_record(bytes(200)) is None
    rng = random.Random(1)
    for _ in range(60):
        spoilt = bytearray(data[: rng.choice([30, 60, 200, len(data)])])
        for _ in range(rng.choice([1, 10])):
            spoilt[rng.randrange(min(len(spoilt), 400))] = rng.randrange(256)
        found = audio_record(bytes(spoilt))
        assert found is None or isinstance(found, dict)


@pytest.mark.parametrize("comment", ["[1]", "3", "{", '{"a": NaN}', "[" * 100_000])
def test_a_comment_that_is_no_record_is_none(comment):
    assert audio_record(id3({"comment": comment})) is None
    assert audio_record(id3({"comment": '{"a": 1}'})) == {"a": 1}


def test_an_ogg_file_has_a_serial_number_of_its_own_and_checksums_that_are_right(made):
    """The checksum is computed here bit by bit, as RFC 3533 describes it."""
    data = encoded(".ogg", made)
    start, pages = 0, 0
    while start < len(data):
        stop = start + 27 + data[start + 26] + sum(data[start + 27 : start + 27 + data[start + 26]])
        assert data[start : start + 4] == b"OggS" and data[start + 14 : start + 18] == b"\1\0\0\0"
        if pages < 2:
            register = 0
            for byte in data[start : start + 22] + bytes(4) + data[start + 26 : stop]:
                register ^= byte << 24
                for _ in range(8):
                    register = (register << 1 ^ (0x04C11DB7 if register >> 31 else 0)) & 0xFFFFFFFF
            assert data[start + 22 : start + 26] == register.to_bytes(4, "little")
        start, pages = stop, pages + 1
    assert pages > 2
    assert with_serial(data, 1) == data != with_serial(data, 2)


def test_more_than_one_stretch_of_vorbis_is_written(made):
    long = Sound(np.concatenate([made.samples] * 4), made.rate)
    assert len(long.samples) > 3 * 65_536
    assert soundfile.info(io.BytesIO(encoded(".ogg", long))).frames == len(long.samples)


def test_a_page_gets_a_small_mp3_of_any_length():
    short = page_sound(small())
    samples, rate = soundfile.read(io.BytesIO(short[0]))
    assert (samples.shape[1], rate) == (2, 32_000)
    assert len(samples) / rate == pytest.approx(short[1])
    score = small()
    for note in score.tracks[0].notes:
        note.time += 60 * 960
    data, length = page_sound(score)
    info = soundfile.info(io.BytesIO(data))
    assert length > 60 and info.channels == 1
    assert len(data) / length < 8500  # bytes a second: 1 MB in two minutes


def test_stems_add_up_to_the_mix_and_are_called_as_their_tracks(tmp_path):
    score, path = small(), tmp_path / "piece.wav"
    score.tracks.insert(1, Track("silent", 0, False))
    Wav().write(score, path, About("T"))
    paths = Wav().write_stems(score, path, About("T"))
    assert [stem.name for stem in paths] == ["piece-01-Soprano-Flute.wav", "piece-02-Bass-Acoustic-Bass.wav"]
    whole, first, second = (soundfile.read(each, dtype="int16")[0].astype(int) for each in (path, *paths))
    assert np.abs(whole - first - second).max() <= 2
    assert first.any() and second.any()
    with soundfile.SoundFile(paths[0]) as file:
        assert file.title == "T: Soprano (Flute)"


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\con|?*<>\"'", "C-con"),
        (".hidden", "hidden"),
        ("\x00\n\u202e", "track"),
        ("", "track"),
        ("Скрипка 1", "Скрипка-1"),
        ("हिन्दी", "हिन्दी"),
        ("日" * 500, "日" * 26),
        ("x" * 500, "x" * 40),
        ("--rf", "rf"),
    ],
)
def test_a_name_of_a_track_is_no_danger_in_that_of_a_file(label, name):
    assert file_name(label) == name


def test_stems_of_many_tracks_have_names_of_their_own():
    score = Score(480)
    for _ in range(120):
        score.tracks.append(Track("", 0, False))
        score.tracks[-1].notes.append(Note(0, 1, 60, 60))
    paths = stem_paths(score, Path("a/b.c.flac"))
    assert len(set(paths)) == 120 and {path.parent for path in paths} == {Path("a")}
    assert (paths[0].name, paths[-1].name) == (
        "b.c-001-Acoustic-Grand-Piano-1.flac",
        "b.c-120-Acoustic-Grand-Piano-120.flac",
    )


@pytest.fixture
def piece(tmp_path):
    small().dump_midi(tmp_path / "piece.mid")
    return "piece.mid"


def test_the_command_writes_stems_and_overwrites_none(erato, piece, tmp_path):
    code, out, _ = erato("render", piece, "x.flac", "x.mid", "--stems")
    assert code == 0
    names = ["x.flac", "x.mid", "x-01-Soprano-Flute.flac", "x-02-Bass-Acoustic-Bass.flac"]
    assert out.split() == names and all((tmp_path / name).is_file() for name in names)
    (tmp_path / "x.flac").unlink()
    (tmp_path / "x.mid").unlink()
    code, _, err = erato("render", piece, "x.flac", "x.mid", "--stems")
    assert code == 1 and "x-01-Soprano-Flute.flac exists" in err and not (tmp_path / "x.flac").exists()
    assert erato("render", piece, "x.flac", "--stems", "--force")[0] == 0


def test_the_command_takes_another_soundfont(erato, piece, soundfont, tmp_path):
    path = soundfont()
    assert erato("render", piece, "own.wav")[0] == 0
    assert erato("render", piece, "other.wav", "--stems", "--soundfont", path)[0] == 0
    own, other = (soundfile.read(tmp_path / name)[0] for name in ("own.wav", "other.wav"))
    wanted = sound(Score(tmp_path / piece), path).samples
    np.testing.assert_allclose(other, wanted, atol=1e-4)
    assert own.shape != other.shape or np.abs(own - other).max() > 0.01
    stem = soundfile.read(tmp_path / "other-01-Soprano-Flute.wav")[0]
    assert len(stem) == len(other)


def test_the_function_takes_another_soundfont(soundfont, tmp_path):
    from erato import pipeline

    path = pipeline.render(small(), tmp_path / "x.wav", "T", {"licence": "CC0"}, soundfont())
    np.testing.assert_allclose(soundfile.read(path)[0], sound(small(), soundfont()).samples, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["x.png", "--stems"], r"--stems is for sound: write a \.wav, \.flac, \.ogg or \.mp3 file"),
        (["x.mid", "--soundfont", "no.sf2"], r"--soundfont is for sound"),
        (["x.wav", "--soundfont", "no.sf2"], r"there is no SoundFont 'no\.sf2'"),
        (["x.wav", "--soundfont", "piece.mid"], r"piece\.mid is no SoundFont"),
    ],
)
def test_a_mistake_is_a_sentence_and_nothing_is_written(erato, piece, tmp_path, options, said):
    code, _, err = erato("render", piece, *options)
    assert code == 1 and err.startswith("erato: ") and len(err.splitlines()) == 1
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(err)
    assert [path.name for path in tmp_path.iterdir()] == [piece]


def test_a_text_has_no_sound(tmp_path):
    with pytest.raises(UsageError, match=r"a WAV file holds music.*\.txt"):
        Wav().write("words", tmp_path / "x.wav", About())
    assert list(tmp_path.iterdir()) == []


def test_nothing_heavy_is_imported_before_there_is_sound_to_make():
    program = (
        "import sys, erato.renderers; print([m for m in ('scipy', 'soundfile', 'pyloudnorm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".mp3"])
def test_ctrl_c_while_a_file_is_encoded_is_not_lost(suffix, made, monkeypatch):
    """libsndfile calls Python to write; what is raised there would be printed, and the encoding go on."""

    class Interrupting(io.BytesIO):
        def write(self, data):
            signal.raise_signal(signal.SIGINT)
            return super().write(data)

    file, before = io.BytesIO(), signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patched:
            patched.setattr("erato.renderers.encoding.io.BytesIO", Interrupting)
            with pytest.raises(KeyboardInterrupt):
                WRITERS[suffix](made, file, About())
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
