"""What every call shares: values are checked before a handler sees them, and what goes wrong is said in a sentence."""

import asyncio
import errno
import logging
import sqlite3
import threading
import time

import httpx
import pytest

from erato.errors import UsageError
from erato.studio import bodies
from erato.studio.app import SLOW_THREADS, application
from erato.studio.endpoints import Blob, Chunks, Endpoint, Json
from erato.studio.errors import Conflict, DiskFull, NotThere, QueueFull
from erato.studio.events import Events
from erato.studio.guard import Place
from erato.studio.schemas import list_of, obj, text, whole

PLACE = Place("127.0.0.1", 80)


@pytest.fixture
def ask(served):
    """Asks an application of one endpoint that does what it is told."""

    def make(handler, path="/api/thing", method="GET", **settings):
        endpoint = Endpoint(method, path, "A thing.", handler, **settings)
        app = application(served.studio, PLACE, Events(served.studio), endpoints=[endpoint])

        async def asking(*arguments, **more):
            transport = httpx.ASGITransport(app)
            headers = {"Authorization": f"Bearer {served.token}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
                return await client.request(*arguments, **more)

        def call(*arguments, **more):
            return asyncio.run(asking(*arguments, **more))

        return call

    return make


def raising(error):
    def handler(call):
        raise error

    return handler


@pytest.mark.parametrize(
    "error, status",
    [
        (UsageError("top_p must be less."), 400),
        (NotThere("there is no take."), 404),
        (Conflict("it was saved elsewhere."), 409),
        (QueueFull("100 jobs wait.", 7), 429),
        (DiskFull("The disk is full."), 507),
        (OSError(errno.ENOSPC, "No space left on device"), 507),
        (sqlite3.OperationalError("database or disk is full"), 507),
        (MemoryError(), 507),
        (PermissionError(errno.EACCES, "Permission denied", "/some/file"), 400),
    ],
)
def test_what_a_person_can_mend_is_said_in_a_sentence(ask, error, status, caplog):
    answer = ask(raising(error))("GET", "/api/thing")
    assert answer.status_code == status
    assert answer.json()["error"].endswith(".")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert answer.headers.get("retry-after") == ("7" if status == 429 else None)


def test_a_fault_of_our_own_gives_a_plain_sentence_and_the_log_has_the_traceback(ask, caplog):
    answer = ask(raising(KeyError("secret detail")))("GET", "/api/thing")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text and "fault of Erato" in answer.json()["error"]
    record = next(record for record in caplog.records if record.name == "erato.studio")
    assert record.exc_info is not None and "secret detail" in caplog.text


def test_a_conflict_shows_the_take_as_it_is(served, drawn, score_json):
    path = f"/api/takes/{drawn['id']}/piece"
    saved = served.client.put(path, json={"version": 1, "score": score_json})
    assert saved.status_code == 200 and saved.json()["version"] == 2
    late = served.client.put(path, json={"version": 1, "score": score_json})
    assert late.status_code == 409 and late.json()["take"]["version"] == 2


def test_values_reach_the_handler_as_what_their_schemas_say(ask):
    seen = []

    def handler(call):
        seen.append((call.path, call.query, call.body))
        return {"fine": True}

    call = ask(
        handler,
        "/api/thing/{id}",
        "POST",
        query={"n": whole(0, 9), "on": {"type": "boolean"}, "name": text(5), "many": list_of(text(3), 2)},
        required=["n"],
        body=obj({"a": whole(0, 5)}, ["a"]),
    )
    fine = call("POST", "/api/thing/ab-1?n=4&on=true&name=%C3%A9&many=x&many=y", json={"a": 5})
    assert fine.status_code == 200
    assert seen == [({"id": "ab-1"}, {"n": 4, "on": True, "name": "é", "many": ["x", "y"]}, {"a": 5})]
    for query, word in [
        ("", "n is missing"),
        ("n=10", "n must be 9 or less, got 10"),
        ("n=-1", "0 or more"),
        ("n=1.0", "whole number"),
        ("n=" + "9" * 400, "whole number"),
        ("n=1&n=2", "n is given twice"),
        ("n=1&nam=x", "did you mean name?"),
        ("n=1&name=abcdef", "5 characters or fewer"),
        ("n=1&on=1", "true or false"),
        ("n=1&many=x&many=y&many=z", "2 or fewer"),
        ("n=1&name=%00", "character that cannot be used"),
        ("n=1&name=%ff", "UTF-8"),
    ]:
        answer = call("POST", f"/api/thing/ab-1?{query}", json={"a": 5})
        assert (answer.status_code, word in answer.json()["error"]) == (400, True), (query, answer.text)
    for path in ("A", "a%00", "%E2%80%AE", "a" * 201, "-a", "a%0A"):
        assert call("POST", f"/api/thing/{path}?n=1", json={"a": 5}).status_code in (400, 404), path
    assert len(seen) == 1


@pytest.mark.parametrize(
    "body, word",
    [
        (b"", "must be JSON"),
        (b"{", "must be JSON"),
        (b"[]", "the body must be an object"),
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b'{"a": 1.0}', "a must be a whole number, got 1.0"),
        (b'{"a": true}', "a must be a whole number, got true"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"a": 6}', "a must be 5 or less, got 6"),
        (b'{"b": 1, "a": 1}', "unknown name 'b'"),
        (b'{"t": "\\ud800"}', "cannot be stored"),
        (b'{"t": "a\\u0000b"}', "cannot be stored"),
        (b'{"\\ud800": 1}', "cannot be stored"),
        (b'{"t": "\xff"}', "UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"t": ""}', "t must not be empty"),
        (b'{"l": [1, 2, 3]}', "l must have 2 or fewer entries, got 3"),
        (b'{"rows": [[1, 2], [1, 200]]}', "rows[1][1] must be 127 or less, got 200"),
        (b'{"rows": [[1, 2, 3]]}', "rows[0] must have 2 or fewer entries"),
        (b'{"rows": [[1]]}', "rows[0] must have 2 or more entries"),
        (b'{"rows": [[1, 2.0]]}', "rows[0][1] must be a whole number"),
        (b'{"rows": [[1, true]]}', "rows[0][1] must be a whole number"),
    ],
)
def test_a_body_that_is_not_what_the_schema_says_never_reaches_the_handler(ask, body, word):
    row = {"type": "array", "prefixItems": [whole(0, 127), whole(0, 127)], "items": False, "minItems": 2}
    schema = obj({"a": whole(0, 5), "t": text(9, 1), "l": list_of(whole(0, 9), 2), "rows": list_of(row)})
    call = ask(raising(AssertionError), method="POST", body=schema)
    answer = call("POST", "/api/thing", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, word in answer.json()["error"]) == (400, True), answer.text


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_that_a_form_of_another_page_could_send_is_refused(ask, media):
    call = ask(raising(AssertionError), method="POST", body=obj({}))
    assert call("POST", "/api/thing", content=b"{}", headers={"Content-Type": media}).status_code == 415


def test_methods_that_are_not_taken_and_paths_that_are_not_there(served):
    refused = served.client.post("/api/models")
    assert refused.status_code == 405 and refused.headers["allow"] == "GET"
    assert refused.json()["error"] == "POST is not taken here: GET is."
    assert served.client.get("/api/nothing").status_code == 404
    assert served.client.get("/api/models/").status_code == 404
    assert served.client.request("OPTIONS", "/api/models").status_code == 405
    assert served.client.post("/").status_code == 405
    head = served.client.head("/api/models")
    assert head.status_code == 200 and head.content == b""


def test_numbers_that_json_has_no_word_for_become_null(ask):
    answer = ask(lambda call: {"loss": [float("nan"), {"best": float("inf")}, 1.5]})("GET", "/api/thing")
    assert answer.json() == {"loss": [None, {"best": None}, 1.5]}


def test_a_file_has_a_name_a_tag_and_goes_away_where_it_should(ask, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789" * 20_000)
    call = ask(lambda call: Blob(path, "audio/wav", 'A "b" é/ü\r\n.wav', digest="abc", lasting="v" in call.query),
               query={"v": text(9)})  # fmt: skip
    answer = call("GET", "/api/thing")
    assert answer.content == path.read_bytes() and answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"A _b_ _____.wav\"; filename*=UTF-8''A%20%22b%22%20%C3%A9%2F%C3%BC%0D%0A.wav"
    )
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "max-age=86400" in call("GET", "/api/thing?v=2").headers["cache-control"]
    known = call("GET", "/api/thing", headers={"If-None-Match": answer.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert ask(lambda call: Blob(path, "audio/wav", temporary=True))("GET", "/api/thing").status_code == 200
    assert not path.exists()


def test_an_answer_that_is_made_while_it_is_sent(ask):
    answer = ask(lambda call: Chunks(iter([b"one ", b"", b"two"]), "text/plain"))("GET", "/api/thing")
    assert answer.content == b"one two"


def test_nothing_is_made_for_who_has_left(served, monkeypatch):
    from erato.studio import archive

    made, closed = [], threading.Event()

    def parts(project):
        try:
            for number in range(100_000):
                made.append(number)
                yield b"x" * 2**16
        finally:
            closed.set()

    monkeypatch.setattr(archive, "export", parts)
    with served.client.stream("GET", "/api/project.zip") as answer:
        next(answer.iter_raw())
    assert closed.wait(20) and len(made) < 10_000
    made.clear()
    assert served.client.head("/api/project.zip").status_code == 200 and made == []


def test_slow_calls_do_not_keep_quick_ones_waiting(served, score_json, monkeypatch):
    there, go = threading.Semaphore(0), threading.Event()

    def pages(digest):
        there.release()
        assert go.wait(20)
        return 1

    monkeypatch.setattr(served.studio.renders, "pages", pages)
    take = served.client.post("/api/takes", json={"how": "drawn", "score": score_json}).json()

    def slow():
        with httpx.Client(trust_env=False, timeout=30, headers=served.client.headers) as client:
            client.get(f"http://127.0.0.1:{served.port}/api/takes/{take['id']}/score")

    threads = [threading.Thread(target=slow) for _ in range(SLOW_THREADS + 4)]
    try:
        for thread in threads:
            thread.start()
        assert all(there.acquire(timeout=20) for _ in range(SLOW_THREADS))
        assert not there.acquire(timeout=0.3)
        assert served.client.get(f"/api/takes/{take['id']}").status_code == 200
    finally:
        go.set()
        for thread in threads:
            thread.join()


def test_json_with_another_status(ask):
    answer = ask(lambda call: Json({"a": "é"}, 202), answers={202: {}})("GET", "/api/thing")
    assert (answer.status_code, answer.json()) == (202, {"a": "é"})


def test_no_content(ask):
    answer = ask(lambda call: None)("GET", "/api/thing")
    assert (answer.status_code, answer.content) == (204, b"")


class Feeding:
    """A body that comes in parts, with pauses; and what it was asked for."""

    def __init__(self, *parts, pause=0.0):
        self.parts, self.pause = list(parts), pause

    async def __call__(self):
        await asyncio.sleep(self.pause)
        if not self.parts:
            await asyncio.sleep(60)
        part = self.parts.pop(0)
        if part is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(self.parts)}


def taken(*parts, most=10, pause=0.0, declared=None, patience=bodies.Patience(0.2, 0.5, 0.0)):  # noqa: B008
    return asyncio.run(bodies.read(Feeding(*parts, pause=pause), most, patience, declared))


def test_a_body_is_read_up_to_its_limit():
    assert taken(b"12345", b"67890") == b"1234567890"
    for parts, declared in ([(b"12345", b"678901"), None], [(b"",), 11]):
        with pytest.raises(bodies.BodyError) as refused:
            taken(*parts, declared=declared)
        assert refused.value.status == 413


@pytest.mark.parametrize("pause", [5.0, 0.1])
def test_a_body_that_is_slow_is_given_up(pause):
    """Idle for too long, or never idle but too long in all."""
    began = time.monotonic()
    with pytest.raises(bodies.BodyError) as refused:
        taken(*[b"1"] * 100, b"", most=1000, pause=pause)
    assert refused.value.status == 408 and time.monotonic() - began < 4


def test_silence_is_given_up_long_before_the_whole_time():
    began = time.monotonic()
    with pytest.raises(bodies.BodyError) as refused:
        taken(b"1", b"2", pause=30.0, patience=bodies.Patience(idle=0.2, total=60.0, per_mb=0.0))
    assert refused.value.status == 408 and time.monotonic() - began < 20


def test_a_body_without_an_end_is_not_read_for_ever(monkeypatch):
    monkeypatch.setattr(bodies, "_DRAINED", 20)
    asked = []

    async def endless():
        asked.append(None)
        return {"type": "http.request", "body": b"12345", "more_body": True}

    with pytest.raises(bodies.BodyError) as refused:
        asyncio.run(bodies.read(endless, 10, bodies.Patience()))
    assert refused.value.status == 413 and len(asked) < 10


def test_who_breaks_off_is_no_error():
    with pytest.raises(bodies.Gone):
        taken(b"12", None)
