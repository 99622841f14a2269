"""Hostile requests of every kind that we could think of: none succeeds, none is a fault of the server, nothing changes.

Each attack is a request that a program of another person could send, most of them with the token of this one (as from a
page that was taken over). What lies beside the project stays as it is, and is in no answer. Where lists are combined,
the fast tests try every so many of the combinations, the slow ones all.
"""

import base64
import gzip
import hashlib
import io
import itertools
import json
import math
import zipfile
from urllib.parse import quote

import pytest
from tests.conftest import scale_score  # type: ignore[import-not-found]

from erato.renderers.base import About
from erato.renderers.midi import midi_bytes
from erato.studio.api import ENDPOINTS

SECRET = "a secret that lies beside the project"
PATHS = [
    "..",
    "../secret.txt",
    "../../secret.txt",
    "..\\secret.txt",
    "....//secret.txt",
    "/etc/passwd",
    "//etc/passwd",
    "C:\\Windows\\win.ini",
    "file:///etc/passwd",
    "a/../../secret.txt",
    "a\0b",
    ".",
    "~/secret.txt",
    "..\uff0fsecret.txt",
    "\u2025/secret.txt",
    "$(id)",
    "-rf",
    "CON",
    "a" * 300,
    "x\n",
]
MARKUP = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "</title><svg onload=alert(1)>",
    "&lt;b&gt;",
    "{{7*7}}${7*7}",
    "' OR 1=1 --",
    "'; DROP TABLE takes; --",
    "%s%s%n",
    "\u202egnp.exe",
]


class Attacks:
    """Counts what was tried. least: of what is combined, one in so many is tried, or a little fewer."""

    def __init__(self, served, beside, least):
        self.served, self.beside, self.least, self.count = served, beside, least, 0

    def combined(self, one, other):
        """Pairs of the two lists; the stride has no factor in common with the second, so that each of it is tried."""
        stride = next(n for n in itertools.count(self.least) if math.gcd(n, len(other)) == 1)
        return itertools.islice(itertools.product(one, other), 0, None, stride)

    def raw(self, head, body=b"", allowed=range(400, 500)):
        self.count += 1
        answer = self.served.raw(head, body)
        assert answer.status in allowed, (head[:300], body[:200], answer.status, answer.body[:300])
        assert SECRET.encode() not in answer.body and b"Traceback" not in answer.body
        return answer

    def ask(self, method, path, allowed=range(400, 500), **more):
        self.count += 1
        answer = self.served.client.request(method, path, **more)
        assert answer.status_code in allowed, (method, path, str(more)[:300], answer.status_code, answer.text[:300])
        assert SECRET not in answer.text and "Traceback" not in answer.text
        return answer

    def line(self, method, path, token=True, host=None, **headers):
        lines = [f"{method} {path} HTTP/1.1", host or self.served.host.strip()]
        lines += [self.served.bearer.strip()] if token else []
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines) + "\r\n\r\n"

    def state(self):
        """All that could have changed."""
        client = self.served.client
        found = {path: client.get(path).json() for path in ("/api/takes", "/api/corpora", "/api/jobs", "/api/models")}
        for path in sorted(self.beside.rglob("*")):
            if path.is_file() and not path.is_relative_to(self.served.project.folder):
                found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in (self.served.project.corpora, self.served.project.pieces, self.served.project.runs):
            found[str(folder)] = sorted(str(path) for path in folder.rglob("*"))
        return found


@pytest.fixture(scope="module", params=[5, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"])
def attacks(request, tmp_path_factory):
    from tests.studio.conftest import SCORE, Serving  # type: ignore[import-not-found]

    beside = tmp_path_factory.mktemp("person")
    (beside / "secret.txt").write_text(SECRET)
    (beside / "mine" / "songs").mkdir(parents=True)
    (beside / "mine" / "songs" / "one.txt").write_text("la la")
    (beside / "mine" / "out").symlink_to(beside)
    with Serving(beside / "project", folders=[beside / "mine"]) as served:
        (served.project.runs / "a-run").mkdir()
        (served.project.runs / "a-run" / "recipe.json").write_text("{}")
        (served.project.runs / "out").symlink_to(beside)
        made = Attacks(served, beside, request.param)
        client = served.client
        made.take = client.post("/api/takes", json={"how": "drawn", "title": "Mine", "score": SCORE}).json()["id"]
        made.corpus = client.post("/api/corpora", json={"name": "mine"}).json()["id"]
        made.job = client.post("/api/check", json={"corpus": made.corpus}).json()["id"]
        made.score = SCORE
        yield made
        assert made.count >= (1500 if made.least == 1 else 320), made.count
        assert client.get("/api/studio").status_code == 200


@pytest.fixture(autouse=True)
def nothing_changes(attacks):
    before = attacks.state()
    yield
    assert attacks.state() == before


def filled(path, value, attacks):
    """The path of an endpoint with an id of something that is there, but for one place that is `value`."""
    known = {"takes": attacks.take, "corpora": attacks.corpus, "jobs": attacks.job, "models": "a-run"}
    places = [part for part in path.split("/") if "{" in part]
    for hostile in places:
        parts = []
        for part in path.split("/"):
            if part == hostile:
                part = part.replace(part[part.index("{") : part.index("}") + 1], quote(value, safe=""))
            elif "{id}" in part:
                part = known[path.split("/")[2]]
            elif "{name}" in part:
                part = "step000001.mid"
            elif "{page}" in part:
                part = "1.svg"
            elif "{format}" in part:
                part = "mid"
            parts.append(part)
        yield "/".join(parts)


def test_paths_that_lead_elsewhere_in_every_place_of_every_address(attacks):
    places = [endpoint for endpoint in ENDPOINTS if "{" in endpoint.path]
    for endpoint, value in attacks.combined(places, PATHS):
        for path in filled(endpoint.path, value, attacks):
            body = b"{}" if endpoint.body is not None else b""
            headers = {"Content_Type": "application/json", "Content_Length": len(body)}
            attacks.raw(attacks.line(endpoint.method, path, **headers), body)


def test_paths_that_lead_elsewhere_as_parameters(attacks):
    calls = [
        lambda path: ("POST", "/api/corpora/folders", {"json": {"folder": "mine", "path": path}}),
        lambda path: ("POST", "/api/corpora/folders", {"json": {"folder": path, "path": ""}}),
        lambda path: ("POST", "/api/check", {"json": {"corpus": path}}),
        lambda path: ("POST", "/api/train", {"json": {"corpus": path, "recipe": "event-transformer"}}),
        lambda path: ("POST", "/api/compose", {"json": {"model": path}}),
        lambda path: ("POST", "/api/compose", {"json": {"model": "a-run", "prompt": {"take": path}}}),
        lambda path: ("GET", "/api/export.zip", {"params": {"take": path, "format": "mid"}}),
        lambda path: ("GET", "/api/takes", {"params": {"parent": path}}),
    ]
    for path in PATHS:
        attacks.ask("GET", "/api/folders", params={"folder": path})
    names = [path for path in PATHS if path not in (".", "x\n")]  # that is the folder itself; no folder is called so
    for path in names:
        attacks.ask("GET", "/api/folders", params={"folder": "mine", "path": path})
    for path, call in attacks.combined(names, calls):
        method, address, more = call(path)
        attacks.ask(method, address, **more)
    for path in ("out", "out/secret.txt", "songs/../out", "songs/../../secret.txt"):
        attacks.ask("GET", "/api/folders", params={"folder": "mine", "path": path})
        attacks.ask("POST", "/api/corpora/folders", json={"folder": "mine", "path": path})
    attacks.ask("GET", "/api/models/out")
    attacks.ask("POST", "/api/train", json={"corpus": attacks.corpus, "recipe": "gpt2",
                                            "settings": [f"model.name={attacks.beside}"]})  # fmt: skip


def test_files_handed_in_stay_in_their_corpus(attacks):
    """A path is refused, or means a file within; whatever it is, it is nowhere else."""
    client, folder = attacks.served.client, attacks.served.project.corpora
    made = client.post("/api/corpora", json={"name": "target"}).json()["id"]
    for path in [
        *PATHS,
        "../" * 20 + "tmp/erato-out.mid",
        "a/b/../../../../secret.txt",
        "../../studio.sqlite",
        "../token",
    ]:
        answer = attacks.ask(
            "PUT", f"/api/corpora/{made}/files", (200, *range(400, 500)), params={"path": path}, content=b"MThd"
        )
        if answer.status_code == 200:
            kept = folder / made / answer.json()["path"]
            assert kept.is_file() and kept.resolve().is_relative_to((folder / made).resolve())
    assert (attacks.beside / "secret.txt").read_text() == SECRET
    assert client.delete(f"/api/corpora/{made}").status_code == 204


def test_requests_from_elsewhere(attacks):
    elsewhere = [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{attacks.served.port + 1}"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"host": "Host: evil.example"},
        {"host": f"Host: evil.example:{attacks.served.port}"},
    ]
    cookie = f"erato-studio-{attacks.served.port}={attacks.served.token}"
    for endpoint, headers in attacks.combined(ENDPOINTS, elsewhere):
        path = next(filled(endpoint.path, attacks.take, attacks), endpoint.path)
        length = {"Content_Length": 2, "Content_Type": "application/json"} if endpoint.method != "GET" else {}
        line = attacks.line(endpoint.method, path, False, Cookie=cookie, **headers, **length)
        attacks.raw(line, b"{}" if length else b"", [403])
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        body = b'{"name": "from a form"}'
        line = attacks.line("POST", "/api/corpora", False, Cookie=cookie, Content_Type=media, Content_Length=len(body))
        attacks.raw(line, body, [415])


def test_tokens_that_are_none(attacks):
    token = attacks.served.token
    forged = ["", "null", token[:-1], token + "A", token.swapcase(), token[::-1], "A" * len(token), f" {token[1:]}"]
    for endpoint in ENDPOINTS:
        path = next(filled(endpoint.path, attacks.take, attacks), endpoint.path)
        length = {"Content_Length": 2, "Content_Type": "application/json"} if endpoint.method != "GET" else {}
        attacks.raw(attacks.line(endpoint.method, path, False, **length), b"{}" if length else b"", [401])
    for credential in forged:
        for headers in (
            {"Authorization": f"Bearer {credential}"},
            {"Authorization": f"Basic {base64.b64encode(f'erato:{credential}'.encode()).decode()}"},
            {"Cookie": f"erato-studio-{attacks.served.port}={credential}"},
            {"Cookie": f"token={token}"},
        ):
            attacks.raw(attacks.line("DELETE", f"/api/corpora/{attacks.corpus}", False, **headers), b"", [401])
        attacks.raw(attacks.line("GET", f"/?token={quote(credential)}", False), b"", [401])
        attacks.raw(attacks.line("GET", f"/api/takes?token={quote(credential)}", False), b"", [401])


def test_broken_requests(attacks):
    port, host, bearer = attacks.served.port, attacks.served.host, attacks.served.bearer
    body = b'{"corpus": "x"}'
    start = f"POST /api/check HTTP/1.1\r\n{host}{bearer}Content-Type: application/json\r\n"
    for more in (
        "Content-Length: 15\r\nContent-Length: 16\r\n",
        "Content-Length: 15\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: abc\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x10\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: x\r\n",
        f"Authorization: Bearer {attacks.served.token}\r\nContent-Length: 15\r\n",
        f"Host: 127.0.0.1:{port}\r\nContent-Length: 15\r\n",
        "X: \0\r\nContent-Length: 15\r\n",
        " folded: x\r\nContent-Length: 15\r\n",
        "Content-Encoding: gzip\r\nContent-Length: 15\r\n",
    ):
        attacks.raw(f"{start}{more}\r\n", body)
    for line in ("GET http://evil.example/api/takes HTTP/1.1", "GET /api/takes", "GET  /api/takes HTTP/1.1", "\0\0\0",
                 "GET /api/\0takes HTTP/1.1", "get /api/takes HTTP/1.1",
                 "GET /api/%74akes%2f..%2fcorpora HTTP/1.1", "GET /api/./takes HTTP/1.1", "GET //api/takes HTTP/1.1",
                 "GET /API/takes HTTP/1.1", "GET /api/takes; HTTP/1.1", "GET /api/\xfftakes HTTP/1.1",
                 "PRI * HTTP/2.0", "CONNECT 127.0.0.1:80 HTTP/1.1", "TRACE /api/takes HTTP/1.1"):  # fmt: skip
        attacks.raw(f"{line}\r\n{host}{bearer}\r\n")
    for header in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method", "X-Original-URL", "X-Rewrite-URL"):
        value = "DELETE" if "ethod" in header else f"/api/corpora/{attacks.corpus}"
        attacks.raw(f"GET /api/corpora/{attacks.corpus} HTTP/1.1\r\n{host}{bearer}{header}: {value}\r\n\r\n")
    for header in ("X-Forwarded-Host", "X-Forwarded-For", "Forwarded", "X-Real-IP"):
        forwarded = f"GET /api/takes HTTP/1.1\r\nHost: evil.example\r\n{bearer}{header}: 127.0.0.1:{port}\r\n\r\n"
        attacks.raw(forwarded, b"", [403])


def test_values_of_wrong_kinds_sizes_and_letters(attacks):
    strange = [None, True, -1, 10**30, 1e300, -0.5, "", "x" * 100_000, [], {}, [[]], {"$ref": "#"}, "\u0000", "\ud800"]
    calls = [
        ("POST", "/api/check", {}, "corpus"),
        ("POST", "/api/train", {"corpus": attacks.corpus, "recipe": "pianonet"}, "minutes"),
        ("POST", "/api/train", {"corpus": attacks.corpus, "recipe": "pianonet"}, "settings"),
        ("POST", "/api/compose", {"model": "a-run"}, "n"),
        ("POST", "/api/compose", {"model": "a-run"}, "prompt"),
        ("POST", "/api/compose", {"model": "a-run"}, "temperature"),
        ("POST", "/api/takes", {"how": "drawn"}, "score"),
        ("PATCH", f"/api/takes/{attacks.take}", {}, "starred"),
        ("PATCH", f"/api/takes/{attacks.take}", {}, "status"),
        ("PUT", f"/api/takes/{attacks.take}/piece", {"score": attacks.score}, "version"),
        ("POST", "/api/corpora/folders", {"folder": "mine", "path": "songs"}, "folder"),
    ]
    fine = {("minutes", 1e300), ("starred", "true"), ("settings", "[]"), ("version", "true")}
    for (method, path, body, name), value in attacks.combined(calls, strange):
        if (
            (name, json.dumps(value)) in fine
            or (name == "settings" and value == [])
            or (name, value) == ("starred", True)
        ):
            continue
        data = json.dumps({**body, name: value}).encode()
        attacks.ask(method, path, content=data, headers={"Content-Type": "application/json"})
    bodies = [b"\xff\xfe{}", b"\0", b"{" * 50_000, b"[" * 50_000 + b"]" * 50_000, b'{"corpus": NaN}', b"1" * 10_000]
    bodies += [b'{"corpus": "a", "corpus": "b"}', b"\xef\xbb\xbf{}", b"null", b"true", b'"x"', b"{'corpus': 1}"]
    for body in bodies:
        attacks.ask("POST", "/api/check", content=body, headers={"Content-Type": "application/json"})
    queries = ["limit=-1", "limit=1e9", f"limit={10**40}", "offset=-1", "starred=yes", "status=x", "kind=%00", "q=%00"]
    queries += ["q=%ff", "q=%ed%a0%80", "tag=a&tag=b", "unknown=1", "q=" + "x" * 600, "&" * 2000 + "unknown=1"]
    for query in [*queries, "&".join(f"take{number}=1" for number in range(900))]:
        attacks.ask("GET", f"/api/takes?{query}")


def zipped(files, **how):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, **how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE score-partwise [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 20}">' for old, new in itertools.pairwise("abcdefghij"))
    + "]><score-partwise><work><work-title>&j;</work-title></work></score-partwise>"
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE score-partwise [<!ENTITY a SYSTEM "file://{path}">]>'
    "<score-partwise><work><work-title>&a;</work-title></work></score-partwise>"
)
CONTAINER = '<container><rootfiles><rootfile full-path="{path}"/></rootfiles></container>'


def test_bombs_and_traps_in_files(attacks):
    zeros = b"\0" * (70 * 2**20)
    secret = attacks.beside / "secret.txt"
    bombs = {
        "laughs.musicxml": LAUGHS.encode(),
        "outside.musicxml": OUTSIDE.format(path=secret).encode(),
        "outside.xml": OUTSIDE.format(path="/etc/passwd").encode(),
        "deep.musicxml": b"<score-partwise>" + b"<a>" * 200_000,
        "bomb.mxl": zipped({"META-INF/container.xml": CONTAINER.format(path="a.xml"), "a.xml": zeros}),
        "slip.mxl": zipped(
            {"META-INF/container.xml": CONTAINER.format(path="../../secret.txt"), "../../secret.txt": "x"}
        ),
        "nested.mxl": zipped({"a.mxl": zipped({"a.mxl": zipped({"a.xml": zeros[: 2**20]})})}),
        "no.mxl": b"PK\3\4" + b"\xff" * 100,
        "bomb.mid.gz": gzip.compress(zeros, 1),
        "long.mid": b"MThd\0\0\0\6\0\1\xff\xff\1\xe0" + b"MTrk\xff\xff\xff\xff",
        "many.mid": b"MThd\0\0\0\6\0\1\xff\xff\1\xe0" + b"MTrk\0\0\0\4\0\xff\x2f\0" * 5000,
        "array.npz": zipped(
            {"a.npy": b"\x93NUMPY\1\0\x46\0{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"}
        ),
        "array.json": b'{"train": [' + b"[" * 5000,
        "code.py": b"import os",
        "page.html": b"<script>",
        "x.mid\0.exe": b"MThd",
        "../../secret.mid": b"MThd",
    }
    for name, data in bombs.items():
        attacks.ask("POST", "/api/takes/import", params={"name": name}, content=data)
    projects = [
        zipped({"takes.jsonl": zeros}),
        zipped({"../../secret.txt": "gone", "manifest.json": "{}"}),
        zipped({"/etc/erato": "x"}),
        zipped({f"pieces/{n}.mid": "x" for n in range(2000)}),
        zipped({"manifest.json": "{}", "takes.jsonl": "", "corpora.jsonl": ""}),
        b"PK\5\6" + b"\xff" * 18,
    ]
    for data in projects:
        attacks.ask("POST", "/api/project/import", content=data)
    for size in (11 * 2**20, 30 * 2**20):
        attacks.ask("POST", "/api/takes/import", [413], params={"name": "a.mid"}, content=b"\0" * size)
        attacks.ask(
            "PUT", f"/api/corpora/{attacks.corpus}/files", [413], params={"path": "a.mid"}, content=b"\0" * size
        )
    attacks.ask("POST", "/api/takes", [413], content=b" " * (9 * 2**20), headers={"Content-Type": "application/json"})
    assert not list(attacks.served.project.cache.glob("incoming-*"))


def test_markup_and_commands_are_only_letters(serving_of, tmp_path, score_json):
    """They may be said, come back as they were, as JSON that no browser takes for a page, and break nothing."""
    with serving_of(tmp_path / "project", folders=[tmp_path]) as served:
        client = served.client
        for said in MARKUP:
            score_json["tracks"][0]["name"] = said
            take = client.post("/api/takes", json={"how": "drawn", "title": said, "score": score_json}).json()
            assert take["title"] == said
            tags = [said[:50]]
            changed = client.patch(f"/api/takes/{take['id']}", json={"note": said, "tags": tags}).json()
            assert changed["note"] == said and changed["tags"] == tags
            found = client.get("/api/takes", params={"q": said.split()[0], "tag": said[:50]})
            assert [one["id"] for one in found.json()["takes"]] == [take["id"]]
            assert found.headers["content-type"] == "application/json"
            assert found.headers["x-content-type-options"] == "nosniff"
            words = client.post("/api/takes", json={"how": "written", "text": said}).json()
            assert client.get(f"/api/takes/{words['id']}/piece").json()["text"] == said
            corpus = client.post("/api/corpora", json={"name": said}).json()["name"]
            assert corpus == said or not said.isprintable()
            imported = client.post(
                "/api/takes/import",
                params={"name": f"{said.replace('/', '')}.mid"},
                content=midi_bytes(scale_score(), About()),
            )
            assert imported.status_code == 201, (said, imported.text)
            for path in (f"/api/takes/{said}", f"/api/models/{said}", f"/{said}"):
                answer = client.get(path.replace("/", "%2f").replace("%2f", "/", path.count("/") - said.count("/")))
                assert answer.status_code in (400, 404) and "html" not in answer.headers["content-type"]
            asked = client.post("/api/train", json={"corpus": "bach-chorales", "recipe": said[:100], "name": said})
            assert asked.status_code in (202, 400)
        assert len(client.get("/api/takes").json()["takes"]) == 3 * len(MARKUP)
