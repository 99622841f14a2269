"""What happens reaches every page that listens, in order, also after a break; one look at the database serves all."""

import asyncio
import json
import time

import pytest

from erato.studio import tables, takes
from erato.studio.events import Events


class Page:
    """A page that listens to events, without a network."""

    def __init__(self, events, query=b"", headers=()):
        self.events, self.parts, self.gone = events, [], asyncio.Event()
        self.status = None
        scope = {"type": "http", "method": "GET", "query_string": query, "headers": list(headers)}
        self.task = asyncio.create_task(events(scope, self._receive, self._send))

    async def _receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        self.status = message.get("status", self.status)
        if message.get("body"):
            self.parts.append(message["body"])

    @property
    def told(self):
        """(event, data, id) of each."""
        found = []
        for block in b"".join(self.parts).decode().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "event" in lines:
                found.append((lines["event"], json.loads(lines["data"]), int(lines["id"]) if "id" in lines else None))
        return found

    async def until(self, condition):
        for _ in range(1000):
            if condition(self):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(self.parts)


@pytest.fixture
def quiet(serving_of, tmp_path):
    """A studio that is not served."""
    serving = serving_of(tmp_path / "project")
    yield serving.studio
    serving.project.close()


def submitted(studio, count=1):
    return [studio.queue.submit("check", {"corpus": f"c{n}"}) for n in range(count)]


def test_every_change_is_told_to_all(quiet):
    async def story():
        events = Events(quiet, every=0.01)
        pages = [Page(events) for _ in range(3)]
        await pages[2].until(lambda page: events.listening == 3)
        (job,) = submitted(quiet)
        quiet.queue.ask(job.id, "cancel")
        for page in pages:
            await page.until(lambda page: page.told and page.told[-1][1]["state"] == "cancelled")
            assert page.status == 200 and {name for name, _, _ in page.told} == {"job"}
            assert page.told[-1][2] == quiet.queue.newest() == page.told[-1][1]["change"]
        events.close()
        await asyncio.gather(*(page.task for page in pages))

    asyncio.run(story())


def test_takes_that_changed_are_named(quiet):
    async def story():
        events = Events(quiet, every=0.01)
        page = Page(events)
        await page.until(lambda page: events.listening == 1)
        with quiet.project.connect() as connection:
            take = takes.add(connection, kind="text", how="written", digest="0" * 64)
        await page.until(lambda page: page.told)
        assert page.told[0][:2] == ("takes", {"changed": [take.id]}) and page.told[0][2] == quiet.queue.newest()
        events.close()
        await page.task

    asyncio.run(story())


def test_what_changes_in_the_middle_of_a_look_is_told_by_the_next_one(quiet, monkeypatch):
    events, newest_change = Events(quiet), tables.newest_change
    first, second = submitted(quiet, 2)
    monkeypatch.setattr(tables, "newest_change", lambda connection: first.change)
    seen, part = events._look(0)
    assert seen == first.change and first.id in part.decode() and second.id not in part.decode()
    monkeypatch.setattr(tables, "newest_change", newest_change)
    seen, part = events._look(seen)
    assert seen == second.change and first.id not in part.decode() and second.id in part.decode()


@pytest.mark.parametrize("how", ["header", "query"])
def test_a_page_that_comes_back_is_told_what_it_missed_and_nothing_twice(quiet, how):
    async def story():
        events = Events(quiet, every=0.01)
        early = submitted(quiet, 3)
        seen = early[1].change
        if how == "header":
            page = Page(events, b"since=0", [(b"last-event-id", str(seen).encode())])
        else:
            page = Page(events, f"since={seen}".encode())
        await page.until(lambda page: page.told)
        (late,) = submitted(quiet)
        await page.until(lambda page: len(page.told) == 2)
        await asyncio.sleep(0.1)
        assert [data["id"] for _, data, _ in page.told] == [early[2].id, late.id]
        events.close()
        await page.task

    asyncio.run(story())


def test_a_look_is_told_whole_or_not_at_all(quiet):
    """Of several jobs only the last has a number: a break between them brings all of them again."""

    async def story():
        events = Events(quiet, every=0.01)
        jobs = submitted(quiet, 4)
        page = Page(events, b"since=0")
        await page.until(lambda page: len(page.told) == 4)
        assert [number for _, _, number in page.told] == [None, None, None, jobs[-1].change]
        events.close()
        await page.task

    asyncio.run(story())


def test_a_page_without_a_number_hears_only_what_comes(quiet):
    async def story():
        submitted(quiet, 2)
        events = Events(quiet, every=0.01)
        page = Page(events)
        await page.until(lambda page: events.listening == 1)
        (job,) = submitted(quiet)
        await page.until(lambda page: page.told)
        assert [data["id"] for _, data, _ in page.told] == [job.id]
        events.close()
        await page.task

    asyncio.run(story())


def test_a_number_from_another_project_is_no_reason_to_stay_silent(quiet):
    async def story():
        events = Events(quiet, every=0.01)
        page = Page(events, b"since=999999999")
        await page.until(lambda page: events.listening == 1)
        submitted(quiet)
        await page.until(lambda page: page.told)
        events.close()
        await page.task

    asyncio.run(story())


@pytest.mark.parametrize("query, headers", [(b"since=x", []), (b"since=-1", []), (b"since=", []), (b"since=1.5", []),
                                            (b"since=" + b"9" * 30, []), (b"", [(b"last-event-id", b"\xff")]),
                                            (b"since=%F0%9F", [])])  # fmt: skip
def test_a_number_that_is_none_is_refused(quiet, query, headers):
    async def story():
        page = Page(Events(quiet), query, headers)
        await page.task
        assert page.status == 400 and b"whole number" in page.parts[0]

    asyncio.run(story())


def test_silence_is_broken_by_a_comment(quiet):
    async def story():
        events = Events(quiet, every=0.01, comment=0.05)
        page = Page(events)
        await page.until(lambda page: sum(part.startswith(b":") for part in page.parts) >= 2)
        assert page.told == []
        events.close()
        await page.task

    asyncio.run(story())


def test_who_goes_away_is_forgotten_and_when_nobody_listens_nobody_looks(quiet, monkeypatch):
    async def story():
        events = Events(quiet, every=0.01)
        looks = []
        look = events._look
        monkeypatch.setattr(events, "_look", lambda since: looks.append(since) or look(since))
        pages = [Page(events) for _ in range(2)]
        await pages[0].until(lambda page: events.listening == 2)
        pages[0].gone.set()
        await pages[0].task
        assert events.listening == 1
        submitted(quiet)
        await pages[1].until(lambda page: page.told)
        pages[1].gone.set()
        await pages[1].task
        assert events.listening == 0
        await asyncio.sleep(0.1)
        before = len(looks)
        await asyncio.sleep(0.2)
        assert len(looks) == before
        again = Page(events)
        await again.until(lambda page: events.listening == 1)
        submitted(quiet)
        await again.until(lambda page: page.told)
        events.close()
        await again.task

    asyncio.run(story())


def test_two_hundred_listen_to_one_look(quiet, monkeypatch):
    async def story():
        events = Events(quiet, every=0.05)
        looks = []
        look = events._look
        monkeypatch.setattr(events, "_look", lambda since: looks.append(time.monotonic()) or look(since))
        pages = [Page(events) for _ in range(200)]
        await pages[-1].until(lambda page: events.listening == 200)
        first, began = len(looks), time.monotonic()
        (job,) = submitted(quiet)
        for page in pages:
            await page.until(lambda page: page.told)
            assert page.told[0][1]["id"] == job.id
        assert len(looks) - first <= (time.monotonic() - began) / 0.05 + 2
        events.close()
        await asyncio.gather(*(page.task for page in pages))

    asyncio.run(story())


def test_a_page_that_takes_nothing_is_let_go_and_holds_up_nobody(quiet, monkeypatch):
    from erato.studio import events as module

    monkeypatch.setattr(module, "_WAITING", 3)

    async def story():
        events = Events(quiet, every=0.01)
        page, stuck = Page(events), Page(events)
        blocked = asyncio.Event()

        async def send(message):
            if b"job" in message.get("body", b""):
                await blocked.wait()

        stuck._send = send
        stuck.task.cancel()
        scope = {"type": "http", "method": "GET", "query_string": b"", "headers": []}
        stuck.task = asyncio.create_task(events(scope, stuck._receive, send))
        await page.until(lambda page: events.listening == 2)
        for number in range(8):
            submitted(quiet)
            await page.until(lambda page, number=number: len(page.told) == number + 1)
        assert events.listening == 1
        blocked.set()
        await asyncio.wait_for(stuck.task, 5)
        events.close()
        await page.task

    asyncio.run(story())


def test_a_database_that_is_busy_for_a_moment_ends_no_stream(quiet, monkeypatch, caplog):
    async def story():
        events = Events(quiet, every=0.01)
        page = Page(events)
        await page.until(lambda page: events.listening == 1)
        look, failing = events._look, [3]

        def sometimes(since):
            if failing[0]:
                failing[0] -= 1
                raise OSError("the disk is away")
            return look(since)

        monkeypatch.setattr(events, "_look", sometimes)
        submitted(quiet)
        await page.until(lambda page: page.told)
        events.close()
        await page.task

    asyncio.run(story())
    assert "could not be read" in caplog.text


def test_over_a_socket(served):
    with served.client.stream("GET", "/api/events?since=0") as stream:
        assert stream.headers["content-type"] == "text/event-stream" and stream.headers["cache-control"] == "no-store"
        assert stream.headers["x-content-type-options"] == "nosniff"
        lines = stream.iter_lines()
        assert next(lines) == "retry: 1000"
        served.client.post("/api/check", json={"corpus": "bach-chorales"})
        said = [line for line, _ in zip(lines, range(4), strict=False) if line]
        assert said[0] == "event: job" and json.loads(said[1].removeprefix("data: "))["state"] == "waiting"
    assert served.client.get("/api/events", headers={"Authorization": ""}).status_code == 401
    assert served.client.post("/api/events").status_code == 405
