"""Models over HTTP: what there is, how it learned, what it composed meanwhile."""

import json

import pytest
from tests.conftest import scale_score  # type: ignore[import-not-found]

from erato.recipes import RECIPES


@pytest.fixture(scope="module")
def model(served):
    """A run folder of which much is lost, but not what it composed while it learned."""
    folder = served.project.runs / "tiny"
    (folder / "samples").mkdir(parents=True)
    (folder / "recipe.json").write_text(json.dumps({"recipe": {"name": "event-transformer", "summary": "events"}}))
    lines = [{"step": 1, "seconds": 0.5, "train_loss": 3.5, "valid_loss": 3.0}, {"step": 2, "valid_loss": float("nan")}]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    scale_score().dump_midi(folder / "samples" / "step000002.mid")
    return "tiny"


def test_models_and_how_they_learned(served, model):
    found = served.client.get("/api/models").json()["models"]
    assert [one["id"] for one in found] == [model]
    described = served.client.get(f"/api/models/{model}").json()
    assert described == found[0] and described["recipe"] == "event-transformer"
    assert described["state"] == "damaged" and described["why"].endswith(".")
    metrics = served.client.get(f"/api/models/{model}/metrics").json()
    assert [line["valid_loss"] for line in metrics["lines"]] == [3.0, None]
    curves = served.client.get(f"/api/models/{model}/picture.svg")
    assert curves.headers["content-type"] == "image/svg+xml" and curves.text == "curves tiny"


def test_samples_as_scores_and_as_sound(served, model):
    samples = served.client.get(f"/api/models/{model}/samples").json()["samples"]
    name = samples[-1]["name"]
    sample = served.client.get(f"/api/models/{model}/samples/{name}").json()
    assert sample["kind"] == "music" and len(sample["score"]["bars"]) == 9
    sound = served.client.get(f"/api/models/{model}/samples/{name}/sound.wav")
    assert sound.headers["content-type"] == "audio/wav" and sound.text == f"file {name} wav"


def test_samples_of_words(served, model):
    (served.project.runs / model / "samples" / "step000009.txt").write_text("la la")
    sample = served.client.get(f"/api/models/{model}/samples/step000009.txt").json()
    assert sample == {"kind": "text", "text": "la la"}


@pytest.mark.parametrize("path", ["nothing", "nothing/metrics", "nothing/picture.svg", "nothing/samples",
                                  "tiny/samples/nothing.mid", "tiny/samples/recipe.json",
                                  "tiny/samples/nothing.mid/sound.wav", "tiny/samples/..%2frecipe.json"])  # fmt: skip
def test_what_is_not_there(served, model, path):
    assert served.client.get(f"/api/models/{path}").status_code in (400, 404)


def test_what_the_studio_offers(served):
    studio = served.client.get("/api/studio").json()
    assert studio["project"] == "project" and studio["limits"] == {"file_bytes": 10 * 2**20, "waiting_jobs": 100}
    assert {corpus["origin"] for corpus in studio["corpora"]} == {"builtin"}
    assert studio["recipes"][0]["name"] == "event-transformer"
    for card in studio["recipes"]:
        assert card["kind"] == RECIPES[card["name"]].representation.kind
        assert card["minutes"] > 0 and card["summary"].endswith(".") and card["needs"]
