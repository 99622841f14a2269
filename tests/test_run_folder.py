"""Run folders prove that they are what was written, and name the file that is not, or that changed in the corpus."""

import shutil
import subprocess
import sys

import pytest

import erato as package
from erato.checksums import CHECKSUMS, damaged, seal
from erato.errors import RunError
from erato.recipes import RECIPES, TINY
from erato.run_folder import WRITTEN_ONCE
from erato.training.weights import previous


@pytest.fixture
def train(erato, music_folder, monkeypatch):
    """Trains a small run on a folder of music; gives (exit code, what was said)."""
    monkeypatch.setitem(RECIPES, "note-lstm", TINY["note-lstm"])

    def call(*more, out="run"):
        code, _, said = erato("train", "note-lstm", "--corpus", music_folder, "--steps", 4, "--out", out, *more)
        return code, said

    return call


@pytest.mark.parametrize("name", WRITTEN_ONCE)
def test_a_changed_file_is_named_and_nothing_of_it_is_used(train, erato, tmp_path, name):
    assert train()[0] == 0
    path = tmp_path / "run" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    for command in (["compose", "run", "--length", 4], ["evaluate", "run"]):
        code, _, said = erato(*command)
        assert code == 1
        assert f"run/{name}" in said and "Traceback" not in said
    path.unlink()
    assert erato("compose", "run", "--length", 4)[0] == 1


def test_a_folder_without_its_checksums_is_refused(train, erato, tmp_path):
    assert train()[0] == 0
    (tmp_path / "run" / CHECKSUMS).unlink()
    code, _, said = erato("compose", "run", "--length", 4)
    assert code == 1 and "checksums.json is missing" in said


def test_what_was_not_written_yet_is_written_when_it_goes_on(train, tmp_path):
    assert train()[0] == 0
    whole = (tmp_path / "run/model.safetensors").read_bytes()
    sums = (tmp_path / "run" / CHECKSUMS).read_bytes()
    shutil.rmtree(tmp_path / "run/last")
    for name in (CHECKSUMS, "model.txt", "manifest.json", "model.safetensors"):
        (tmp_path / "run" / name).unlink()
    assert train()[0] == 0
    assert (tmp_path / "run/model.safetensors").read_bytes() == whole
    assert (tmp_path / "run" / CHECKSUMS).read_bytes() == sums


def test_files_of_the_corpus_that_changed_are_named(train, music_folder, tmp_path):
    assert train()[0] == 0
    shutil.rmtree(tmp_path / "run/last")
    first, second, *_ = sorted(music_folder.glob("*.mid"))
    first.write_bytes(first.read_bytes() + b"\0")
    second.rename(music_folder / "zz.mid")
    code, said = train()
    assert code == 1
    assert f"{first.name} has changed, {second.name} is gone, zz.mid is new" in said
    assert train(out="other")[0] == 0


def test_damaged_weights_give_way_to_those_before_and_it_is_said(train, erato, tmp_path):
    assert train("--set", "training.evaluations=4")[0] == 0
    best = tmp_path / "run/model.safetensors"
    previous(best).parent.mkdir(exist_ok=True)
    shutil.copyfile(best, previous(best))
    best.write_bytes(best.read_bytes()[:-3])
    code, _, said = erato("compose", "run", "--length", 4)
    assert code == 0
    assert "run/model.safetensors is damaged: the best weights before are used" in said
    with pytest.warns(UserWarning, match="the best weights before are used"):
        package.load(tmp_path / "run")
    previous(best).write_bytes(b"")
    code, _, said = erato("compose", "run", "--length", 4)
    assert code == 1 and "damaged" in said


def test_sums_find_every_flipped_bit_and_what_is_missing(tmp_path):
    (tmp_path / "a").write_bytes(b"some bytes")
    (tmp_path / "b").write_bytes(b"")
    seal(tmp_path, ["a", "b"])
    assert damaged(tmp_path, ["a", "b"]) == []
    for bit in range(80):
        data = bytearray(b"some bytes")
        data[bit // 8] ^= 1 << bit % 8
        (tmp_path / "a").write_bytes(data)
        assert damaged(tmp_path, ["a", "b"]) == ["a"]
    (tmp_path / "b").unlink()
    assert damaged(tmp_path, ["a", "b", "c"]) == ["a", "b", "c"]
    for wrong in ("[]", "{", "1", "[" * 100_000):
        (tmp_path / CHECKSUMS).write_text(wrong)
        assert damaged(tmp_path, ["a"]) == [CHECKSUMS]


def test_a_folder_is_no_run_before_it_is_one(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(RunError, match=r"recipe\.json is missing"):
        package.load(tmp_path / "x")


@pytest.mark.slow
def test_twenty_processes_compose_twenty_pieces_into_one_folder(train, tmp_path):
    assert train()[0] == 0
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "erato",
        "compose",
        "run",
        "--length",
        "4",
        "--formats",
        "mid",
        "--seed",
    ]
    running = [
        subprocess.Popen([*command, str(seed)], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for seed in range(20)
    ]
    said = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 20, said
    pieces = sorted(path.name for path in (tmp_path / "run/pieces").glob("*.mid"))
    assert [int(name.split("-")[0]) for name in pieces] == list(range(1, 21))
    assert sorted(int(name.split("seed")[1].removesuffix(".mid")) for name in pieces) == list(range(20))
    assert not list((tmp_path / "run/pieces").glob(".*"))
