"""GPT-2 from text to text: from scratch, saved for transformers, loaded as a checkpoint, gone on from."""

import json
import shutil
from functools import partial

import huggingface_hub.constants
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from erato import pipeline
from erato.errors import EratoError, RunError, UsageError
from erato.hub import quiet
from erato.recipes import RECIPES, TINY
from erato.sequence_run import SequenceRun

ANIMALS = ["cat", "dog", "cow", "hen", "ant", "bee"]
TEXT = "\n\n".join(f"The {animal} sat on the mat number {number}." for number, animal in enumerate(ANIMALS * 6))
OTHER = "\n\n".join(f"A {animal} will fly to the moon in {number} days!" for number, animal in enumerate(ANIMALS * 6))
PROMPT = "The dog <|endoftext|> sät"
QUICK = [
    "training.optimizer.lr=0.01",
    "training.schedule.name=constant",
    "training.evaluations=2",
    "windows.length=24",
    "listen_length=2",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2")
    (folder / "text.txt").write_text(TEXT)
    (folder / "other.txt").write_text(OTHER)
    return pipeline.train(TINY["gpt2-small"], folder / "text.txt", folder / "run", steps=20, settings=QUICK)


@pytest.fixture(scope="module")
def hub(run):
    """The run in the layout of the hub."""
    return run.save_pretrained(run.folder.parent / "hub")


def test_transformers_opens_what_a_run_is_saved_as(run, hub):
    assert {path.name for path in hub.iterdir()} == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    with quiet():
        tokenizer, net = AutoTokenizer.from_pretrained(hub), AutoModelForCausalLM.from_pretrained(hub)
    text = "The dog säts"
    symbols = run.representation.encode_prompt(text).array.tolist()
    assert tokenizer(text)["input_ids"] == symbols
    assert tokenizer.decode(symbols) == text
    assert tokenizer.bos_token == tokenizer.eos_token == "<|endoftext|>"
    begins = run.representation.space.start
    with torch.no_grad():
        theirs = net(torch.tensor([[tokenizer.bos_token_id, *symbols]])).logits
        ours = run.model(torch.tensor([[begins, *symbols]])).logits
    assert torch.equal(ours[..., :begins], theirs)
    with pytest.raises(UsageError, match="hub exists: give the name of a new folder"):
        run.save_pretrained(hub)


def test_a_checkpoint_is_a_run_that_learned_nothing_here(run, hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = pipeline.load(hub)
    assert loaded.compose(PROMPT, seed=3, length=8) == run.compose(PROMPT, seed=3, length=8)
    assert loaded.compose(PROMPT, length=8)[0].startswith(PROMPT)
    assert loaded.evaluate(run.folder.parent / "text.txt").perplexity == pytest.approx(run.evaluate().perplexity)
    assert loaded.score("The cat sat.").nats_per_char == pytest.approx(run.score("The cat sat.").nats_per_char)
    assert loaded.folder.parts == ("runs", "hub") and not loaded.folder.exists()
    assert loaded.manifest == {} and loaded.origin() == {"recipe": "gpt2"}
    with pytest.raises(UsageError, match="name it with --corpus"):
        loaded.evaluate()
    with pytest.raises(UsageError, match="keeps no window"):
        loaded.compose(begin="window")
    with pytest.raises(RunError, match="keeps no weights of step 5"):
        pipeline.load(hub, 5)


@pytest.mark.parametrize("lora", [0, 4])
def test_a_checkpoint_is_gone_on_from(run, hub, lora, tmp_path):
    corpus = run.folder.parent / "other.txt"
    before = pipeline.load(hub).evaluate(corpus).perplexity
    copy = shutil.copytree(hub, tmp_path / "copy")
    settings = [*QUICK, f"model.lora={lora}", "training.ema=0.5"]
    tuned = pipeline.train(
        "gpt2", corpus, tmp_path / "run", pretrained=copy, steps=20, settings=settings, keep_every=20
    )
    shutil.rmtree(copy)  # a run needs nothing else
    again = pipeline.load(tuned.folder)
    assert again.evaluate().perplexity == tuned.evaluate().perplexity < 0.7 * before
    lines = [json.loads(line) for line in (tuned.folder / "metrics.jsonl").read_text().splitlines()]
    best = min(line["valid_loss"] for line in lines if "valid_loss" in line)
    assert again.evaluate(split="valid").nats_per_token == pytest.approx(best, rel=1e-5)
    kept = pipeline.load(tuned.folder, 20).evaluate(split="valid").nats_per_token
    assert kept == pytest.approx(lines[-1]["valid_loss"], rel=1e-5)
    saved = pipeline.load(tuned.save_pretrained(tmp_path / "tuned"))
    assert saved.compose(seed=1, length=8) == tuned.compose(seed=1, length=8)


def test_training_begins_with_the_weights_of_the_checkpoint(run, hub, tmp_path):
    corpus = run.folder.parent / "other.txt"
    settings = [*QUICK, "training.optimizer.lr=1e-9"]
    tuned = pipeline.train("gpt2", corpus, tmp_path / "run", pretrained=hub, steps=1, settings=settings)
    assert tuned.evaluate().perplexity == pytest.approx(pipeline.load(hub).evaluate(corpus).perplexity, rel=1e-4)


def test_a_stopped_run_goes_on_with_its_adapters(run, hub, tmp_path, monkeypatch):
    settings = [*QUICK, "model.lora=4", "training.evaluations=8"]
    corpus = run.folder.parent / "other.txt"
    train = partial(pipeline.train, "gpt2", corpus, pretrained=hub, steps=8, settings=settings)
    whole = train(tmp_path / "whole")
    listen = SequenceRun.listen

    def interrupted(self, step):
        listen(self, step)
        if step == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(SequenceRun, "listen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped")
    monkeypatch.undo()
    assert any((tmp_path / "stopped" / "last").iterdir())
    train(tmp_path / "stopped")
    files = [folder / "model.safetensors" for folder in (whole.folder, tmp_path / "stopped")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_recipes_without_a_checkpoint_say_so(run, hub):
    with pytest.raises(UsageError, match="char-lstm goes on from no checkpoint: choose the recipe gpt2"):
        pipeline.train(TINY["char-lstm"], run.folder.parent / "text.txt", pretrained=hub)


def test_only_gpt2_runs_are_for_transformers(run, tmp_path):
    other = pipeline.train(TINY["char-lstm"], run.folder.parent / "text.txt", tmp_path / "chars")
    with pytest.raises(UsageError, match="only runs of gpt2"):
        other.save_pretrained(tmp_path / "hub")


def test_a_mistyped_run_folder_is_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for name in ("my-run", "runs/gpt2-text-001", "mine/run", "./x/y", str(tmp_path / "none")):
        with pytest.raises(RunError, match="there is no run folder at"):
            pipeline.load(name)


def test_a_hub_name_without_a_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    for name, folder in (("gpt2", "gpt2"), ("myrunz/foo", "foo")):
        both = f"there is no run folder '{name}', and a checkpoint of that name is neither on this machine nor"
        with pytest.raises(RunError, match=f"{both} .* hf download {name} --local-dir {folder}, then give that folder"):
            pipeline.load(name)
    with pytest.raises(UsageError, match="hf download gpt2 --local-dir gpt2"):
        pipeline.train("gpt2", steps=1)


def test_a_checkpoint_without_its_tokenizer(run, hub, tmp_path):
    copy = shutil.copytree(hub, tmp_path / "copy")
    (copy / "tokenizer.json").unlink()
    with pytest.raises(EratoError, match="has no tokenizer"):
        pipeline.load(copy)


def test_what_the_hub_gave_once_is_found_first(run, hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    expected = run.compose(seed=1, length=8)
    for name in ("someone/theirs", "theirs"):
        repo = tmp_path / "cache" / f"models--{name.replace('/', '--')}"
        shutil.copytree(hub, repo / "snapshots" / ("a" * 40))
        (repo / "refs").mkdir()
        (repo / "refs" / "main").write_text("a" * 40)
        loaded = pipeline.load(name)
        assert loaded.compose(seed=1, length=8) == expected and loaded.folder.parts == ("runs", "theirs")
    (tmp_path / "someone").mkdir()  # a folder of runs, perhaps; but such a name is not there
    assert pipeline.load("someone/theirs").compose(seed=1, length=8) == expected
    with pytest.raises(RunError, match="there is no run folder at someone/other"):
        pipeline.load("someone/other")
    tuned = pipeline.train(
        "gpt2", run.folder.parent / "other.txt", "tuned", pretrained="someone/theirs", steps=1, settings=QUICK
    )
    assert tuned.recipe.representation.checkpoint == "someone/theirs"


def test_no_checkpoint_to_go_on_from(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = partial(pipeline.train, "gpt2", run.folder.parent / "other.txt", "out", steps=1)
    with pytest.raises(UsageError, match=r"run is a run of Erato, not a checkpoint: erato\.load\(.*save_pretrained\("):
        train(pretrained=run.folder)
    (tmp_path / "config.json").write_text("{}")  # the working directory is not meant by an empty name
    with pytest.raises(UsageError, match="a checkpoint must be a folder or a hub name, as in gpt2, got ''"):
        train(pretrained="")
    assert not (tmp_path / "out").exists()


def test_the_command_writes_beside_other_runs(hub, erato, tmp_path):
    code, out, said = erato("compose", hub, "--prompt", "The cat", "--length", "5", "--json")
    assert code == 0, said
    (piece,) = json.loads(out)["pieces"]
    assert piece["path"].startswith("runs/hub/pieces/") and piece["symbols"] == 5
    (tmp_path / "piece.txt").write_text("The cat sat on the mat.")
    code, out, said = erato("evaluate", hub, "--piece", "piece.txt", "--json")
    assert code == 0 and json.loads(out)["perplexity"] > 1, said
    code, out, said = erato("evaluate", hub)
    assert (code, out) == (1, "") and said.startswith("erato: ") and said.count("\n") == 1


def test_the_recipe_goes_on_from_the_real_gpt2():
    recipe = RECIPES["gpt2"]
    assert recipe.model.checkpoint == recipe.representation.checkpoint == "gpt2"
    assert recipe.model.lora == 0
