"""Work over HTTP: asked for, looked at, cancelled; what is refused at once, and a queue that is full."""

import pytest


@pytest.fixture(scope="module")
def a_model(served):
    """A run folder as far as a request looks at it."""
    folder = served.project.runs / "a-model"
    folder.mkdir()
    (folder / "recipe.json").write_text("{}")
    return "a-model"


def test_a_check_is_ordered_and_looked_at(served):
    ordered = served.client.post("/api/check", json={"corpus": "bach-chorales"})
    job = ordered.json()
    assert ordered.status_code == 202 and (job["kind"], job["state"]) == ("check", "waiting")
    assert job["request"] == {"corpus": "bach-chorales"}
    assert served.client.get(f"/api/jobs/{job['id']}").json() == job
    assert job["id"] in [one["id"] for one in served.client.get("/api/jobs?kind=check&state=waiting").json()["jobs"]]
    assert job["id"] not in [one["id"] for one in served.client.get("/api/jobs?kind=train").json()["jobs"]]
    cancelled = served.client.post(f"/api/jobs/{job['id']}/cancel")
    assert cancelled.json()["state"] == "cancelled"
    assert served.client.post(f"/api/jobs/{job['id']}/pause").status_code == 409
    assert served.client.get("/api/jobs/nothing").status_code == 404
    assert served.client.post("/api/jobs/nothing/cancel").status_code == 404


def test_a_training_is_paused_and_gone_on_with(served):
    request = {"corpus": "bach-chorales", "recipe": "event-transformer", "minutes": 0.5, "name": "Mine", "seed": 3,
               "settings": ["model.width=64"]}  # fmt: skip
    job = served.client.post("/api/train", json=request).json()
    assert job["request"] == request
    assert served.client.post(f"/api/jobs/{job['id']}/pause", json={}).json()["state"] == "paused"
    assert served.client.post(f"/api/jobs/{job['id']}/resume").json()["state"] == "waiting"
    assert served.client.post(f"/api/jobs/{job['id']}/cancel").json()["state"] == "cancelled"


def test_composing_takes_what_the_page_asks(served, drawn, a_model):
    request = {
        "model": a_model,
        "n": 4,
        "seed": 7,
        "temperature": 0.9,
        "top_k": 0,
        "top_p": 1,
        "bars": 8,
        "original": 12,
        "prompt": {"take": drawn["id"], "to_bar": 1},
        "chords": 3,
        "melody": [1, 2, 3, 4],
        "parent": drawn["id"],
    }
    ordered = served.client.post("/api/compose", json=request)
    assert ordered.status_code == 202 and ordered.json()["request"] == request
    words = served.client.post("/api/compose", json={"model": a_model, "prompt": {"text": "Oh "}, "length": 200})
    assert words.status_code == 202
    for job in (ordered, words):
        served.client.post(f"/api/jobs/{job.json()['id']}/cancel")


@pytest.mark.parametrize(
    "change, status, word",
    [
        ({"model": "nothing"}, 404, "no model"),
        ({"model": "../a-model"}, 400, "model must be an id"),
        ({"parent": "nothing"}, 404, "no take"),
        ({"prompt": {"take": "nothing"}}, 404, "no take"),
        ({"prompt": {"take": "x", "text": "y"}}, 400, "prompt must be {take"),
        ({"prompt": {"text": ""}}, 400, "prompt"),
        ({"prompt": {"take": "x", "to_bar": 1, "to_second": 1}}, 400, "give one"),
        ({"bars": 4, "seconds": 4}, 400, "bars and seconds"),
        ({"n": 0}, 400, "n must be 1 or more"),
        ({"n": 17}, 400, "n must be 16 or less"),
        ({"n": 1e30}, 400, "whole"),
        ({"seed": -1}, 400, "seed"),
        ({"seed": 2**63}, 400, "seed"),
        ({"temperature": 0}, 400, "temperature must be more than 0"),
        ({"top_p": 1.5}, 400, "top_p must be 1 or less"),
        ({"bars": "8"}, 400, "bars must be a whole number, got '8'"),
        ({"melody": "x"}, 400, "melody must be a seed, or a list of seeds"),
        ({"melody": [1, "x"]}, 400, "melody[1] must be a whole number"),
        ({"tempreature": 1}, 400, "did you mean temperature"),
    ],
)
def test_what_cannot_be_composed_is_said_at_once(served, a_model, change, status, word):
    refused = served.client.post("/api/compose", json={"model": a_model, **change})
    assert (refused.status_code, word in refused.json()["error"]) == (status, True), refused.text


@pytest.mark.parametrize(
    "change, status",
    [
        ({"corpus": "nothing"}, 404),
        ({"corpus": "../runs"}, 400),
        ({"minutes": 0}, 400),
        ({"minutes": -1}, 400),
        ({"settings": ["model.width"]}, 400),
        ({"settings": ["model.name=/etc/passwd"]}, 400),
        ({"settings": "model.width=64"}, 400),
        ({"name": "a" * 101}, 400),
    ],
)
def test_what_cannot_be_trained_is_said_at_once(served, change, status):
    refused = served.client.post(
        "/api/train", json={"corpus": "bach-chorales", "recipe": "event-transformer", **change}
    )
    assert refused.status_code == status, refused.text


def test_a_full_queue_says_when_to_come_back(serving_of, tmp_path):
    with serving_of(tmp_path / "project", most=3) as served:
        answers = [served.client.post("/api/check", json={"corpus": "bach-chorales"}) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [202, 202, 202, 429, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1 and "waiting" in answers[-1].json()["error"]
        assert len(served.client.get("/api/jobs").json()["jobs"]) == 3
        assert served.client.get("/api/studio").json()["limits"]["waiting_jobs"] == 3
