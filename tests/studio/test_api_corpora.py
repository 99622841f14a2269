"""Corpora over HTTP: files handed in, folders that the person allowed, and nothing outside these."""

import pytest


@pytest.fixture(scope="module")
def allowing(serving_of_module, tmp_path_factory):
    """A studio that may learn from one folder of the person's."""
    top = tmp_path_factory.mktemp("person")
    (top / "mine" / "songs").mkdir(parents=True)
    (top / "mine" / "songs" / "one.txt").write_text("la la")
    (top / "secret").mkdir()
    (top / "secret" / "diary.txt").write_text("secret")
    (top / "mine" / "way out").symlink_to(top / "secret")
    with serving_of_module(top / "project", folders=[top / "mine"]) as served:
        yield served


@pytest.fixture(scope="module")
def serving_of_module():
    from tests.studio.conftest import Serving  # type: ignore[import-not-found]

    return Serving


def test_a_corpus_of_files_that_were_handed_in(served):
    made = served.client.post("/api/corpora", json={"name": "My songs"})
    corpus = made.json()
    assert made.status_code == 201 and corpus["name"] == "My songs" and corpus["origin"] == "uploaded"
    path = f"/api/corpora/{corpus['id']}/files"
    kept = served.client.put(path, params={"path": "a/b.txt"}, content=b"la la")
    assert kept.json() == {"path": "a/b.txt", "bytes": 5}
    assert (served.project.corpora / corpus["id"] / "a" / "b.txt").read_bytes() == b"la la"
    found = served.client.get("/api/corpora").json()["corpora"]
    assert next(one for one in found if one["id"] == corpus["id"])["files"] == 1
    assert {"bach-chorales", "chorale-lyrics"} <= {one["id"] for one in found if one["origin"] == "builtin"}
    removed = served.client.delete(f"/api/corpora/{corpus['id']}")
    assert removed.status_code == 204 and removed.content == b""
    assert not (served.project.corpora / corpus["id"]).exists()
    assert served.client.delete(f"/api/corpora/{corpus['id']}").status_code == 404


def test_what_came_with_the_install_stays(served):
    assert served.client.delete("/api/corpora/bach-chorales").status_code in (404, 409)
    refused = served.client.put("/api/corpora/bach-chorales/files?path=a.mid", content=b"MThd")
    assert refused.status_code in (404, 409)


def test_folders_that_were_allowed(allowing):
    assert allowing.client.get("/api/studio").json()["folders"] == [{"name": "mine"}]
    found = allowing.client.get("/api/folders?folder=mine").json()
    assert found["folders"] == ["songs"] and found["files"] == 1
    made = allowing.client.post("/api/corpora/folders", json={"folder": "mine", "path": "songs"})
    assert made.status_code == 201 and made.json()["origin"] == "folder"
    assert allowing.client.delete(f"/api/corpora/{made.json()['id']}").status_code == 204
    assert (allowing.project.folders[0] / "songs" / "one.txt").exists()


@pytest.mark.parametrize(
    "path", ["..", "../secret", "songs/../../secret", "/etc", "way out", "way out/", "\\..\\secret"]
)
def test_folders_beyond_them_are_not_there(allowing, path):
    seen = allowing.client.get("/api/folders", params={"folder": "mine", "path": path})
    linked = allowing.client.post("/api/corpora/folders", json={"folder": "mine", "path": path})
    assert seen.status_code in (400, 404) and linked.status_code in (400, 404), (seen.text, linked.text)
    assert "diary" not in seen.text


def test_folders_that_were_not_allowed(allowing, served):
    for client in (allowing.client, served.client):
        assert client.get("/api/folders?folder=secret").status_code in (400, 404)
    assert served.client.get("/api/studio").json()["folders"] == []
    assert allowing.client.get("/api/folders").status_code == 400
