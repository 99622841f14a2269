"""The queue: every job comes to an end, once, whoever asks for what and whoever dies in between."""

import os
import subprocess
import sys
import threading

import pytest

from erato.errors import UsageError
from erato.studio import takes
from erato.studio.errors import Conflict, NotThere, QueueFull
from erato.studio.jobs import Queue


@pytest.fixture
def queue(project):
    return Queue(project, most=5, lanes={"check": "short", "compose": "short", "train": "train"})


@pytest.fixture
def end(queue):
    def call(job, state, *more):
        with queue.project.connect() as connection:
            return queue.end(connection, job, state, *more)

    return call


def test_a_job_waits_runs_tells_and_ends(queue, end):
    job = queue.submit("check", {"corpus": "x"})
    assert (job.state, job.lane, job.request, job.attempts) == ("waiting", "short", {"corpus": "x"}, 0)
    claimed = queue.claim("short")
    assert (claimed.id, claimed.state, claimed.attempts) == (job.id, "running", 1)
    assert queue.tell(job.id, 1, {"share": 0.5, "loss": float("inf")})
    assert queue.get(job.id).progress == {"share": 0.5, "loss": None}
    assert end(claimed, "done", {"files": 3})
    done = queue.get(job.id)
    assert (done.state, done.result, done.error) == ("done", {"files": 3}, None)
    assert done.created <= done.started <= done.ended
    assert done.to_json()["state"] == "done" and "attempts" not in done.to_json()


def test_the_oldest_of_its_lane_is_claimed_first(queue):
    first, training, second = (queue.submit(kind, {}) for kind in ("check", "train", "compose"))
    assert queue.claim("train").id == training.id
    assert [queue.claim("short").id for _ in range(2)] == [first.id, second.id]
    assert queue.claim("short") is None and queue.claim("train") is None


def test_what_is_asked_by_many_at_once_is_claimed_once(queue):
    queue.most = 100
    ids = {queue.submit("check", {}).id for _ in range(40)}
    claimed = []

    def work():
        while job := queue.claim("short"):
            claimed.append(job.id)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == 40 and set(claimed) == ids


def test_too_many_that_wait_are_refused_with_a_time(queue, end):
    for _ in range(5):
        queue.submit("check", {})
    with pytest.raises(QueueFull, match="5 jobs are waiting already: try again in 1 s") as refused:
        queue.submit("train", {})
    assert refused.value.retry_after == 1
    queue.claim("short")
    queue.submit("check", {})  # what runs does not wait


def test_the_time_to_ask_again_is_that_of_the_last_jobs(queue, end, monkeypatch):
    now = 1000.0
    monkeypatch.setattr("erato.studio.jobs.time.time", lambda: now)
    queue.submit("check", {})
    job = queue.claim("short")
    now += 7
    end(job, "done")
    for _ in range(5):
        queue.submit("check", {})
    with pytest.raises(QueueFull) as refused:
        queue.submit("check", {})
    assert refused.value.retry_after == 7


def test_an_unknown_kind_is_refused_with_the_closest(queue):
    with pytest.raises(UsageError, match="did you mean train"):
        queue.submit("trian", {})


def test_what_is_not_there_is_said_so(queue):
    for call in (lambda: queue.get("x"), lambda: queue.ask("x", "cancel")):
        with pytest.raises(NotThere, match="no job 'x'"):
            call()


def test_jobs_are_found_by_state_and_kind_newest_first(queue):
    one, two, three = (queue.submit(kind, {}) for kind in ("check", "train", "check"))
    queue.claim("short")
    assert [job.id for job in queue.find()] == [three.id, two.id, one.id]
    assert [job.id for job in queue.find(kind="check")] == [three.id, one.id]
    assert [job.id for job in queue.find(state="running")] == [one.id]
    assert [job.id for job in queue.find(limit=1)] == [three.id]


def test_whoever_asks_is_told_what_changed_in_order(queue, end):
    one, two = queue.submit("check", {}), queue.submit("check", {})
    since = queue.newest()
    assert queue.changes(since) == []
    end(queue.claim("short"), "done")
    queue.ask(two.id, "cancel")
    assert [(job.id, job.state) for job in queue.changes(since)] == [(one.id, "done"), (two.id, "cancelled")]
    assert [job.change for job in queue.changes(0)] == sorted(job.change for job in queue.changes(0))
    assert queue.changes(queue.newest()) == []


def test_an_old_worker_ends_nothing_that_was_claimed_anew(queue, end, project):
    queue.submit("check", {})
    old = queue.claim("short")
    queue.bury(os.getpid(), None)
    new = queue.claim("short")
    assert new.id == old.id and new.attempts == 2
    assert not queue.tell(old.id, old.attempts, {"share": 1}) and not end(old, "done", {"by": "old"})
    assert queue.get(old.id).state == "running" and queue.get(old.id).progress == {}
    assert end(new, "done", {"by": "new"}) and not end(new, "failed")
    assert queue.get(old.id).result == {"by": "new"}


def test_takes_and_end_are_one(queue, project):
    queue.submit("compose", {})
    job = queue.claim("short")
    digest = project.keep_piece("words")
    with pytest.raises(ZeroDivisionError), project.connect() as connection:
        takes.add(connection, kind="text", how="composed", digest=digest, job=job.id)
        queue.end(connection, job, "done")
        raise ZeroDivisionError
    assert queue.get(job.id).state == "running"
    with project.read() as connection:
        assert takes.find(connection) == []


# What a person wants


def test_waiting_and_running_jobs_are_cancelled_at_once(queue, end):
    running, waiting = queue.submit("check", {}), queue.submit("check", {})
    job = queue.claim("short")
    for id in (running.id, waiting.id):
        assert queue.ask(id, "cancel").state == "cancelled" and queue.ask(id, "cancel").state == "cancelled"
    assert queue.claim("short") is None
    assert queue.unwanted() == [(os.getpid(), running.id, "cancel")]
    assert not end(job, "done", {"takes": []})
    queue.release(job)
    assert queue.unwanted() == [] and queue.get(running.id).state == "cancelled"


@pytest.mark.parametrize("state", ["done", "failed"])
def test_what_has_ended_is_not_cancelled(queue, end, state):
    job = queue.submit("check", {})
    end(queue.claim("short"), state)
    with pytest.raises(Conflict, match=f"cannot be cancelled: it is a check job and is {state}"):
        queue.ask(job.id, "cancel")


@pytest.mark.parametrize("wish", ["pause", "keep", "resume"])
def test_only_a_training_is_paused_kept_or_gone_on_with(queue, wish):
    job = queue.submit("compose", {})
    with pytest.raises(Conflict, match="it is a compose job"):
        queue.ask(job.id, wish)
    queue.claim("short")
    with pytest.raises(Conflict):
        queue.ask(job.id, wish)


def test_a_training_is_paused_when_its_worker_has_saved_and_goes_on(queue, end):
    queue.submit("train", {})
    job = queue.claim("train")
    asked = queue.ask(job.id, "pause")
    assert (asked.state, asked.wanted) == ("running", "pause")
    assert queue.unwanted() == [(os.getpid(), job.id, "pause")]
    assert end(job, "paused") and queue.unwanted() == []
    paused = queue.get(job.id)
    assert (paused.state, paused.wanted, paused.ended) == ("paused", None, None)
    assert queue.claim("train") is None
    assert queue.ask(job.id, "resume").state == "waiting"
    assert queue.claim("train").attempts == 2


def test_a_training_that_waits_is_paused_at_once(queue):
    job = queue.submit("train", {})
    assert queue.ask(job.id, "pause").state == "paused" and queue.claim("train") is None
    with pytest.raises(Conflict):  # it has nothing yet
        queue.ask(job.id, "keep")


def test_whoever_changes_their_mind_is_heard(queue):
    queue.submit("train", {})
    job = queue.claim("train")
    queue.ask(job.id, "pause")
    assert queue.ask(job.id, "resume").wanted is None and queue.unwanted() == []


def test_a_training_is_kept_by_the_next_worker(queue, end):
    queue.submit("train", {})
    job = queue.claim("train")
    assert queue.ask(job.id, "keep").wanted == "keep"
    for wish in ("pause", "resume"):
        with pytest.raises(Conflict, match="will be kept soon"):
            queue.ask(job.id, wish)
    end(job, "waiting")
    again = queue.claim("train")
    assert (again.id, again.wanted) == (job.id, "keep")
    assert end(again, "done", {"model": "m"}) and queue.get(job.id).wanted is None


def test_a_paused_training_can_be_kept_or_cancelled(queue, end):
    one, two = queue.submit("train", {}), queue.submit("train", {})
    for _ in range(2):
        end(queue.claim("train"), "paused")
    assert queue.ask(one.id, "keep").state == "waiting" and queue.claim("train").wanted == "keep"
    assert queue.ask(two.id, "cancel").state == "cancelled" and queue.claim("train") is None


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_training_that_failed_or_was_cancelled_can_go_on(queue, end, state):
    queue.submit("train", {})
    job = queue.claim("train")
    end(job, state, None, "the disk is full")
    again = queue.ask(job.id, "resume")
    assert (again.state, again.error, again.ended) == ("waiting", None, None)


def test_going_on_waits_in_the_queue_like_all_else(queue, end):
    queue.submit("train", {})
    job = queue.claim("train")
    end(job, "paused")
    for _ in range(5):
        queue.submit("check", {})
    with pytest.raises(QueueFull):
        queue.ask(job.id, "resume")
    assert queue.get(job.id).state == "paused"


def test_a_training_that_is_done_is_done(queue, end):
    queue.submit("train", {})
    job = queue.claim("train")
    end(job, "done")
    for wish in ("cancel", "pause", "keep", "resume"):
        with pytest.raises(Conflict, match="is done"):
            queue.ask(job.id, wish)


def test_an_unknown_wish_is_refused(queue):
    with pytest.raises(UsageError, match="unknown wish"):
        queue.ask(queue.submit("train", {}).id, "paus")


# Deaths


def test_a_job_whose_worker_dies_is_tried_three_times_and_then_given_up_with_the_reason(queue):
    job = queue.submit("check", {})
    for attempt in (1, 2):
        assert queue.claim("short").attempts == attempt
        queue.bury(os.getpid(), "It crashed.")
        assert queue.get(job.id).state == "waiting"
    queue.claim("short")
    queue.bury(os.getpid(), "It crashed.")
    given_up = queue.get(job.id)
    assert given_up.state == "failed" and "Tried 3 times" in given_up.error and "It crashed." in given_up.error


def test_being_stopped_on_purpose_counts_for_nothing(queue):
    job = queue.submit("check", {})
    for _ in range(5):
        queue.claim("short")
        queue.bury(os.getpid(), None)
    assert queue.get(job.id).state == "waiting"


@pytest.mark.parametrize(("wish", "state", "wanted"), [("pause", "paused", None), ("keep", "waiting", "keep")])
def test_a_wish_outlives_the_worker(queue, wish, state, wanted):
    queue.submit("train", {})
    job = queue.claim("train")
    queue.ask(job.id, wish)
    queue.bury(os.getpid(), "It crashed.")
    assert (queue.get(job.id).state, queue.get(job.id).wanted) == (state, wanted)


def test_going_on_after_deaths_begins_to_count_anew(queue):
    job = queue.submit("train", {})
    for _ in range(3):
        queue.claim("train")
        queue.bury(os.getpid(), "It crashed.")
    assert queue.get(job.id).state == "failed"
    queue.ask(job.id, "resume")
    queue.claim("train")
    queue.bury(os.getpid(), "It crashed.")
    assert queue.get(job.id).state == "waiting"


CLAIMS = """
import sys
from pathlib import Path
from erato.studio.jobs import Queue
from erato.studio.project import Project
assert Queue(Project(Path(sys.argv[1])), lanes={}).claim("short")
"""


def claimed_by_another(project):
    """A process claims a job and is no more."""
    subprocess.run([sys.executable, "-c", CLAIMS, str(project.folder)], check=True)


def test_at_the_start_what_ran_waits_again_and_is_given_up_the_third_time(queue, project):
    job, cancelled, waiting = (queue.submit("check", {}) for _ in range(3))
    claimed_by_another(project)
    claimed_by_another(project)
    queue.ask(cancelled.id, "cancel")
    queue.recover()
    assert [queue.get(one.id).state for one in (job, cancelled, waiting)] == ["waiting", "cancelled", "waiting"]
    assert queue.unwanted() == []
    for _ in range(2):
        claimed_by_another(project)
        queue.recover()
    assert queue.get(job.id).state == "failed" and "Tried 3 times" in queue.get(job.id).error


def test_at_the_start_a_worker_that_still_leaves_is_no_death(queue):
    job = queue.submit("check", {})
    for _ in range(5):
        queue.claim("short")  # by this process, which lives
        queue.recover()
    assert queue.get(job.id).state == "waiting"


def test_at_the_start_the_oldest_of_the_history_goes(queue, end, monkeypatch):
    monkeypatch.setattr("erato.studio.jobs._HISTORY", 3)
    now = 1000.0
    monkeypatch.setattr("erato.studio.jobs.time.time", lambda: now)
    waits = queue.submit("train", {})
    old = []
    for _ in range(5):
        old.append(queue.submit("check", {}).id)
        end(queue.claim("short"), "done")
    queue.recover()
    assert len(queue.find()) == 6  # what ended today stays
    now += 2 * 86_400
    queue.recover()
    assert [job.id for job in queue.find()] == [*old[:1:-1], waits.id]
