"""Run folders of strangers: whatever is in them, a command says one sentence, leaves with 1, and runs none of it.

Whoever makes such a folder writes its checksums, too: they are made right again here, so that they refuse nothing.
"""

import hashlib
import json
import os
import resource
import shutil
import time

import pytest

from erato import pipeline
from erato.checksums import CHECKSUMS, seal
from erato.recipes import TINY

DEEP = 100_000  # brackets: deeper than any parser's stack
MEMORY, SECONDS = 400, 10  # megabytes that a refusal may add to the process's most, and how long it may take
BROKEN_JSON = {
    "empty": b"",
    "not JSON": b"\x00\xff\xfe",
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "cut": b'{"recipe": {"type": "Rec',
    "deep lists": b"[" * DEEP,
    "deep objects": b'{"a":' * DEEP,
    "a huge number": b'{"recipe": ' + b"9" * 5000 + b"}",
    "other fields": b'{"recipe": {"type": "os.system", "command": "touch ran"}}',
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A run that is as it should be."""
    from tests.conftest import write_scales  # type: ignore[import-not-found]

    folder = tmp_path_factory.mktemp("sound")
    write_scales(folder / "music")
    return pipeline.train(TINY["note-lstm"], folder / "music", folder / "run").folder


@pytest.fixture
def run_dir(sound, tmp_path):
    """A copy of it to spoil."""
    return shutil.copytree(sound, tmp_path / "stranger")


def refused(erato, run_dir, *commands):
    """The sentences of the commands, each refused soon, without much memory and with nothing run."""
    said = []
    names = json.loads((run_dir / CHECKSUMS).read_text())
    seal(run_dir, [name for name in names if (run_dir / name).is_file() and not (run_dir / name).is_symlink()])
    for command in commands or (("compose", run_dir, "--length", 4), ("evaluate", run_dir)):
        begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        code, _, err = erato(*command)
        lines = [line for line in err.splitlines() if line.startswith("erato: ")]
        assert (code, len(lines)) == (1, 1), err
        assert "Traceback" not in err
        assert time.monotonic() - begun < SECONDS
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY * 1024
        assert len(lines[0]) < 1000
        said.append(lines[0])
    assert not (run_dir.parent / "ran").exists()
    return said


def changed(path, *keys, value):
    """Sets a value deep in a JSON file."""
    found = json.loads(path.read_text())
    at = found
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    path.write_text(json.dumps(found))


@pytest.mark.parametrize("kind", BROKEN_JSON)
@pytest.mark.parametrize("name", ["recipe.json", "representation.json"])
def test_json_that_is_none(erato, run_dir, name, kind):
    (run_dir / name).write_bytes(BROKEN_JSON[kind])
    refused(erato, run_dir)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("recipe", "model", "type"), "os.system"),
        (("recipe", "model", "type"), ["LstmConfig"]),
        (("recipe", "model", "type"), {"a": 1}),
        (("recipe", "model"), None),
        (("recipe", "model"), "LstmConfig"),
        (("recipe", "representation", "type"), "subprocess.Popen"),
        (("recipe", "objective", "type"), "Recipe"),
        (("recipe", "seed"), -1),
        (("recipe", "seed"), 10**400),
        (("recipe", "seed"), 1.5),
        pytest.param(("recipe", "training", "optimizer", "lr"), 10**400),
        (("recipe", "training", "batch"), "many"),
        (("recipe", "training", "optimizer", "betas"), "x"),
        (("recipe", "name"), 7),
        (("recipe",), []),
    ],
)
def test_recipes_that_are_none(erato, run_dir, keys, value):
    changed(run_dir / "recipe.json", *keys, value=value)
    refused(erato, run_dir)


@pytest.mark.parametrize("size", [0, -1, 1e300, float("nan"), True])
@pytest.mark.parametrize("field", ["width", "layers"])
def test_sizes_that_are_none(erato, run_dir, field, size):
    changed(run_dir / "recipe.json", "recipe", "model", field, value=size)
    refused(erato, run_dir)


@pytest.mark.parametrize("size", [20_000, 10**9, 10**18, 10**400])
@pytest.mark.parametrize("field", ["width", "layers", "components"])
def test_sizes_out_of_proportion(erato, run_dir, field, size):
    changed(run_dir / "recipe.json", "recipe", "model", field, value=size)
    refused(erato, run_dir)


def test_many_layers(erato, run_dir):
    changed(run_dir / "recipe.json", "recipe", "model", "layers", value=100_000)
    refused(erato, run_dir)


def _sealed(text: bytes, rest: bytes = b"") -> bytes:
    """A file of weights with this header, after its first brace, and the sum that belongs to it."""
    begun = b'{"__metadata__":{"erato":"sha256 '
    whole = begun + b"0" * 64 + b'"},' + text
    data = _header(whole, rest=rest)
    return data[: 8 + len(begun)] + hashlib.sha256(data).hexdigest().encode() + data[8 + len(begun) + 64 :]


def _header(text: bytes, size: int | None = None, rest: bytes = b"") -> bytes:
    return (len(text) if size is None else size).to_bytes(8, "little") + text + rest


HOSTILE_WEIGHTS = {
    "empty": b"",
    "half a length": b"\x01\x00\x00",
    "a header of 2^63 bytes": _header(b"{}", 2**63),
    "a header of 90 MB that is not there": _header(b"{}", 90_000_000),
    "a tensor of 10^18 numbers": _header(
        b'{"a":{"dtype":"F32","shape":[1000000000000000000],"data_offsets":[0,4]}}', rest=b"0000"
    ),
    "sizes that overflow": _header(b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'),
    "offsets beyond the end": _header(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[1000000000000,1000000000004]}}'
    ),
    "offsets backwards": _header(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}', rest=b"0000"),
    "deep JSON": _header(b"[" * DEEP),
    "sealed: a tensor of 10^18 numbers": _sealed(
        b'"a":{"dtype":"F32","shape":[1000000000000000000],"data_offsets":[0,4]}}', b"0000"
    ),
    "sealed: offsets beyond the end": _sealed(
        b'"a":{"dtype":"F32","shape":[1],"data_offsets":[1000000000000,1000000000004]}}'
    ),
    "sealed: an unknown type": _sealed(b'"a":{"dtype":"F4096","shape":[1],"data_offsets":[0,4]}}', b"0000"),
    "sealed: deep JSON": _sealed(b'"a":' + b"[" * DEEP),
    "sealed: another model": _sealed(b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"0000"),
    "sealed: no tensor": _sealed(b'"b":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
    "a pickle": b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x8c\x09touch ran\x85R.",
    "a zip, as torch writes": b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("kind", HOSTILE_WEIGHTS)
def test_weights_that_are_none(erato, run_dir, kind):
    (run_dir / "model.safetensors").write_bytes(HOSTILE_WEIGHTS[kind])
    shutil.rmtree(run_dir / "previous", ignore_errors=True)
    refused(erato, run_dir)


@pytest.mark.parametrize("name", ["recipe.json", "representation.json", "model.safetensors"])
@pytest.mark.parametrize("kind", ["folder", "pipe", "missing", "link in a circle", "link to a device"])
def test_files_that_are_none(erato, run_dir, name, kind):
    path = run_dir / name
    path.unlink()
    shutil.rmtree(run_dir / "previous", ignore_errors=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link in a circle":
        path.symlink_to(name)
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    refused(erato, run_dir)


@pytest.mark.parametrize("name", ["recipe.json", "representation.json", "model.safetensors"])
def test_links_out_of_the_folder(erato, run_dir, name):
    (run_dir / name).rename(run_dir.parent / f"elsewhere-{name}")
    (run_dir / name).symlink_to(run_dir.parent / f"elsewhere-{name}")
    shutil.rmtree(run_dir / "previous", ignore_errors=True)
    refused(erato, run_dir)


@pytest.mark.parametrize("kind", [kind for kind in BROKEN_JSON if kind != "other fields"])
def test_pictures_of_a_run_that_cannot_be_read(erato, run_dir, kind):
    (run_dir / "recipe.json").write_bytes(BROKEN_JSON[kind])
    refused(erato, run_dir, ("render", run_dir, "x.model.svg"))


def test_pictures_of_a_model_out_of_proportion(erato, run_dir):
    changed(run_dir / "recipe.json", "recipe", "model", "width", value=10**6)
    refused(erato, run_dir, ("render", run_dir, "x.model.svg"))
