"""Files of takes over HTTP: sounds, scores, exports under their names, zips, the whole project and back."""

import io
import shutil
import zipfile

import pytest


def test_pages_and_sound(served, drawn):
    base = f"/api/takes/{drawn['id']}"
    assert served.client.get(f"{base}/score").json() == {"pages": 2, "said": ["Times were rounded."]}
    page = served.client.get(f"{base}/score/2.svg")
    assert page.headers["content-type"] == "image/svg+xml" and page.text.endswith(" 2")
    assert page.headers["cache-control"] == "private, no-cache"
    assert "max-age" in served.client.get(f"{base}/score/2.svg?v=1").headers["cache-control"]
    assert served.client.get(f"{base}/score/1.svg").headers["etag"] != page.headers["etag"]
    known = served.client.get(f"{base}/score/2.svg", headers={"If-None-Match": page.headers["etag"]})
    assert known.status_code == 304
    assert served.client.get(f"{base}/score/3.svg").status_code == 404
    for page in ("0", "-1", "x", "99999999", "1%2f..", "1.svg%00"):
        assert served.client.get(f"{base}/score/{page}.svg").status_code in (400, 404), page
    sound = served.client.get(f"{base}/sound.wav?v=1")
    assert sound.headers["content-type"] == "audio/wav" and sound.text.split()[3] == "wav"


def test_an_edited_take_has_another_tag(served, drawn, score_json):
    path = f"/api/takes/{drawn['id']}/sound.wav"
    before = served.client.get(path).headers["etag"]
    score_json["tracks"][0]["notes"] = [[0, 480, 72, 80]]
    served.client.put(f"/api/takes/{drawn['id']}/piece", json={"version": 1, "score": score_json})
    assert served.client.get(path, headers={"If-None-Match": before}).status_code == 200


def test_words_have_no_sound(served):
    take = served.client.post("/api/takes", json={"how": "written", "text": "la"}).json()
    for path in ("score", "score/1.svg", "sound.wav"):
        refused = served.client.get(f"/api/takes/{take['id']}/{path}")
        assert refused.status_code == 400 and "words" in refused.json()["error"]


@pytest.mark.parametrize("suffix", ["mid", "musicxml", "wav", "ogg", "pdf", "png", "svg", "html", "txt"])
def test_an_export_is_a_download_named_after_the_title(served, drawn, suffix):
    answer = served.client.get(f"/api/takes/{drawn['id']}/export/{suffix}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="Two notes.{suffix}"')


@pytest.mark.parametrize(
    "title, name",
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ('a"b\\c', "a_b_c"),
        ("Für Elise", "Für Elise"),
        ("…", "_"),
        ("   ", "take {number}"),
        ("...", "take {number}"),
        ("CON\u202egnp.exe", "CON_gnp.exe"),
        ("a/b:c*d?e<f>g|h", "a_b_c_d_e_f_g_h"),
    ],
)
def test_no_title_is_a_path(served, drawn, title, name):
    served.client.patch(f"/api/takes/{drawn['id']}", json={"title": title})
    answer = served.client.get(f"/api/takes/{drawn['id']}/export/mid")
    from urllib.parse import quote

    asked = quote(f"{name.format(number=drawn['number'])}.mid", safe="")
    assert answer.headers["content-disposition"].endswith(f"filename*=UTF-8''{asked}")


def test_formats_that_there_are_not(served, drawn):
    refused = served.client.get(f"/api/takes/{drawn['id']}/export/exe")
    assert refused.status_code == 400 and "mid, musicxml" in refused.json()["error"]


def test_several_takes_as_a_zip(served, drawn):
    words = served.client.post("/api/takes", json={"how": "written", "text": "la", "title": "Words"}).json()
    query = {"take": [drawn["id"], words["id"]], "format": ["mid", "wav"]}
    answer = served.client.get("/api/export.zip", params=query)
    assert answer.headers["content-disposition"].startswith('attachment; filename="erato.zip"')
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert sorted(archive.namelist()) == [
            f"{drawn['number']:04d} Two notes.mid",
            f"{drawn['number']:04d} Two notes.wav",
            f"{words['number']:04d} Words.txt",
        ]
        assert archive.read(f"{drawn['number']:04d} Two notes.mid").split()[3] == b"mid"
    assert not list(served.project.cache.glob("outgoing-*"))


def test_words_become_each_kind_of_file_that_they_can_be(served):
    words = served.client.post("/api/takes", json={"how": "written", "text": "la", "title": "Words"}).json()
    query = {"take": words["id"], "format": ["mid", "html", "txt"]}
    with zipfile.ZipFile(io.BytesIO(served.client.get("/api/export.zip", params=query).content)) as archive:
        assert sorted(archive.namelist()) == [f"{words['number']:04d} Words.{suffix}" for suffix in ("html", "txt")]


def test_all_that_is_kept_as_a_zip(served, drawn):
    shutil.rmtree(served.project.cache)  # which costs time and nothing else
    served.client.patch(f"/api/takes/{drawn['id']}", json={"status": "discarded"})
    with zipfile.ZipFile(io.BytesIO(served.client.get("/api/export.zip?format=txt").content)) as archive:
        names = archive.namelist()
    kept = served.client.get("/api/takes?status=kept").json()["takes"]
    assert len(names) == len(kept) and not [name for name in names if name.startswith(f"{drawn['number']:04d}")]


def test_what_a_zip_could_not_hold_is_said_in_it(served, drawn, monkeypatch):
    from erato.errors import UsageError

    def refuse(digest, kind, format, title="", facts=None):
        raise UsageError("this piece is too long for sound.")

    monkeypatch.setattr(served.studio.renders, "of_piece", refuse)
    answer = served.client.get("/api/export.zip", params={"take": drawn["id"], "format": "wav"})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["left out.txt"]
        assert archive.read("left out.txt") == b"Two notes.wav: this piece is too long for sound.\n"


def test_zips_that_cannot_be(served):
    assert served.client.get("/api/export.zip").status_code == 400
    assert served.client.get("/api/export.zip?format=exe").status_code == 400
    assert served.client.get("/api/export.zip?format=mid&take=nothing").status_code == 404
    assert served.client.get("/api/export.zip?format=mid&take=../x").status_code == 400


def test_a_whole_project_moves(served, drawn, serving_of, tmp_path):
    answer = served.client.get("/api/project.zip")
    assert answer.headers["content-disposition"].startswith('attachment; filename="project.zip"')
    everything = served.client.get("/api/takes").json()["takes"]
    with serving_of(tmp_path / "other") as other:
        brought = other.client.post("/api/project/import", content=answer.content)
        assert brought.status_code == 200 and brought.json()["takes"] == len(everything)
        assert {take["title"] for take in other.client.get("/api/takes").json()["takes"]} == {
            take["title"] for take in everything
        }
        for damaged in (answer.content[:-200], answer.content[:100], b"", b"PK", b"\0" * 1000):
            refused = other.client.post("/api/project/import", content=damaged)
            assert refused.status_code == 400 and refused.json()["error"].endswith(".")
        assert not list(other.project.cache.glob("incoming-*"))
