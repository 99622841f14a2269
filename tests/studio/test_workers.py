"""Worker processes: they do what waits, stop when a person wants that, and whoever is killed, nothing is lost."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from erato.errors import UsageError
from erato.studio import takes, worker
from erato.studio.errors import DiskFull, QueueFull
from erato.studio.jobs import ENDED, Queue
from erato.studio.project import Project
from erato.studio.workers import Workers

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals between processes")

HERE = Path(__file__).parent
LANES = {"job": "short", "train": "train"}
LONG = 60.0  # seconds that anything may take on a busy machine


def until(true, said="it came to pass"):
    """Waits for it; what it gave."""
    deadline = time.monotonic() + LONG
    while not (found := true()):
        assert time.monotonic() < deadline, f"waited in vain that {said}"
        time.sleep(0.01)
    return found


def lives(process):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
    made = Project(tmp_path / "project")
    yield made
    made.close()


@pytest.fixture
def queue(project):
    return Queue(project, lanes=LANES)


@pytest.fixture
def workers(project, queue):
    with Workers(project, queue, "doubles_of_work") as running:
        yield running


@pytest.fixture
def ended(queue):
    def call(job):
        return until(lambda: (now := queue.get(job.id)).state in ENDED and now, "the job ended")

    return call


def test_a_job_is_done_with_its_takes(workers, queue, ended, project):
    job = ended(queue.submit("job", {"do": "take", "text": "words"}))
    assert (job.state, job.error, job.attempts) == ("done", None, 1)
    with project.read() as connection:
        (take,) = takes.find(connection)
    assert (take.job, [take.id], project.piece(take.digest, "text")) == (job.id, job.result["takes"], "words")


def test_a_process_stays_warm_for_the_next_job(workers, queue, ended):
    asked = [queue.submit("job", {"do": "take", "text": str(n)}) for n in range(3)]
    assert len({ended(job).result["process"] for job in asked}) == 1


def test_takes_are_added_all_or_none_and_the_reason_is_said(workers, queue, ended, project):
    job = ended(queue.submit("job", {"do": "two_takes_one_wrong"}))
    assert job.state == "failed" and "no take 'nobody'" in job.error
    with project.read() as connection:
        assert takes.find(connection) == []


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("usage", "the bars must be 1 to 64, got 99: ask for fewer."),
        ("memory", "There is not enough memory"),
        ("torch", "There is not enough memory"),
        ("disk", "The disk is full"),
        ("fault", "ZeroDivisionError: division by zero. This is a fault of Erato; "),
        ("exit", "SystemExit: 3. This is a fault of Erato; "),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(workers, queue, ended, project, what, said):
    job = ended(queue.submit("job", {"do": "fail", "with": what}))
    assert job.state == "failed" and job.error.startswith(said)
    assert ("Traceback" in (project.logs / "short.txt").read_text()) == (what in ("fault", "exit"))
    assert ended(queue.submit("job", {"do": "take", "text": "x"})).state == "done"


def test_progress_is_told_and_the_last_word_is_not_lost(workers, queue, ended):
    job = queue.submit("job", {"do": "tell", "times": 100, "seconds": 0.005})
    before = queue.newest()
    assert ended(job).progress == {"share": 99, "loss": None}
    assert queue.newest() - before < 20  # though a hundred times something was told


# Stopping


def begun(tmp_path, queue, do, **more):
    """A job that has begun, and what it wrote down then."""
    mark = tmp_path / f"began-{do}"
    job = queue.submit("job", {"do": do, "began": str(mark), **more})
    return job, int(until(lambda: mark.is_file() and mark.read_text(), "the job began"))


@pytest.mark.parametrize("do", ["sleep", "native"])
def test_a_job_is_cancelled_and_the_next_one_is_done(tmp_path, workers, queue, ended, do):
    job, process = begun(tmp_path, queue, do)
    assert queue.ask(job.id, "cancel").state == "cancelled"
    until(lambda: not lives(process), "its process ended")
    assert ended(queue.submit("job", {"do": "take", "text": "x"})).state == "done"
    assert queue.get(job.id).state == "cancelled"


def test_children_of_a_job_end_with_it(tmp_path, workers, queue):
    job, child = begun(tmp_path, queue, "children")
    queue.ask(job.id, "cancel")
    until(lambda: not lives(child), "the child ended")


def test_what_waits_is_not_touched_by_a_cancel(tmp_path, workers, queue, ended):
    job, _ = begun(tmp_path, queue, "native")
    waits = queue.submit("job", {"do": "take", "text": "x"})
    queue.ask(job.id, "cancel")
    assert (ended(waits).state, ended(waits).attempts) == ("done", 1)


def test_training_is_paused_goes_on_where_it_stopped_and_ends(workers, queue, ended):
    job = queue.submit("train", {"do": "train", "steps": 80})
    until(lambda: queue.get(job.id).progress.get("step", 0) > 5)
    queue.ask(job.id, "pause")
    paused = until(lambda: (now := queue.get(job.id)).state == "paused" and now)
    time.sleep(0.3)
    assert queue.get(job.id).change == paused.change
    queue.ask(job.id, "resume")
    done = ended(job)
    assert done.state == "done" and done.result["steps"] == 80 and done.result["began"] > 5


def test_training_is_stopped_and_kept(workers, queue, ended):
    job = queue.submit("train", {"do": "train", "steps": 10_000})
    until(lambda: queue.get(job.id).progress.get("step", 0) > 5)
    queue.ask(job.id, "keep")
    done = ended(job)
    assert done.state == "done" and 5 < done.result["kept"] < 10_000


def test_training_without_anything_to_keep_says_so(workers, queue, ended):
    job = queue.submit("train", {"do": "train", "steps": 10_000, "first": 9_999})
    until(lambda: queue.get(job.id).progress.get("step", 0) > 5)
    queue.ask(job.id, "keep")
    assert (ended(job).state, ended(job).error) == ("failed", "there is nothing to keep yet: wait for the first step.")


def test_training_that_saves_too_slowly_is_cancelled_all_the_same(workers, queue):
    job = queue.submit("train", {"do": "train", "steps": 10_000, "slow": 60})
    until(lambda: queue.get(job.id).progress.get("step", 0) > 2)
    process = workers.processes["train"]
    queue.ask(job.id, "cancel")
    until(lambda: not lives(process))


def test_both_lanes_work_at_once(workers, queue, ended):
    training = queue.submit("train", {"do": "train", "steps": 10_000})
    until(lambda: queue.get(training.id).progress)
    assert ended(queue.submit("job", {"do": "take", "text": "x"})).state == "done"
    assert queue.get(training.id).state == "running"


# Deaths


def test_a_job_that_kills_its_worker_is_given_up_the_third_time(workers, queue, ended, project):
    job = ended(queue.submit("job", {"do": "die", "by": "SIGKILL"}))
    assert job.state == "failed" and "Tried 3 times" in job.error and "want of memory" in job.error
    assert len(set((project.folder / "deaths.txt").read_text().split())) == 3
    assert ended(queue.submit("job", {"do": "take", "text": "x"})).state == "done"


@pytest.mark.parametrize(
    ("code", "said"), [(-9, "want of memory"), (-11, "It crashed (Segmentation fault)"), (3, "It ended with code 3")]
)
def test_what_a_worker_died_of_is_said_in_words(project, queue, code, said):
    assert said in Workers(project, queue)._died("short", code)


def test_a_job_whose_worker_died_is_tried_again(workers, queue, ended):
    job = ended(queue.submit("job", {"do": "die_once"}))
    assert (job.state, job.result) == ("done", {"attempt": 2})


@pytest.fixture
def lived(project, queue, monkeypatch):
    """How many of five jobs a worker does before it leaves by itself, having so much memory after each."""
    monkeypatch.syspath_prepend(HERE)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def call(*sizes):
        made, sizes = worker.Worker(project, "short", "doubles_of_work"), iter(sizes)
        now = next(sizes)
        does = made._does

        def measured(job):
            nonlocal now
            went_on, now = does(job), next(sizes, now)
            if not queue.find(state="waiting"):
                made.leaving.set()
            return went_on

        monkeypatch.setattr(worker, "_memory", lambda: now)
        monkeypatch.setattr(made, "_does", measured)
        for number in range(5):
            queue.submit("job", {"do": "take", "text": str(number)})
        made.live()
        return len(queue.find(state="done"))

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("sizes", "jobs"), [((50, 700, 800, 1500), 5), ((50, 700, 1800, 700), 2), ((50, 3000), 5)])
def test_a_worker_that_has_grown_since_its_first_job_leaves(lived, sizes, jobs):
    assert lived(*(size << 20 for size in sizes)) == jobs


def test_a_worker_leaves_after_so_many_jobs(lived, monkeypatch):
    monkeypatch.setattr(worker, "MOST_JOBS", 3)
    assert lived(50) == 3


def test_a_second_studio_is_refused_with_a_sentence(workers, project, queue):
    with pytest.raises(UsageError, match=rf"open in another studio \(process {os.getpid()}\)"):
        Workers(Project(project.folder), queue).start()


def test_stopping_puts_back_what_runs_and_leaves_no_process(tmp_path, project, queue, ended):
    with Workers(project, queue, "doubles_of_work") as workers:
        training = queue.submit("train", {"do": "train", "steps": 30})
        until(lambda: queue.get(training.id).progress.get("step", 0) > 5)
        job, _ = begun(tmp_path, queue, "sleep", seconds=1)
        processes = list(workers.processes.values())
    assert not any(map(lives, processes))
    assert [queue.get(one.id).state for one in (training, job)] == ["waiting", "waiting"]
    with Workers(project, queue, "doubles_of_work"):
        assert ended(training).result["began"] > 5
        assert ended(job).state == "done"


def test_an_end_waits_for_room_on_the_disk(project, queue, monkeypatch):
    """Rather than that a take is lost which took minutes."""
    monkeypatch.syspath_prepend(HERE)
    made = worker.Worker(project, "short", "doubles_of_work")
    job = queue.submit("job", {"do": "take", "text": "x"})
    full = iter([DiskFull("The disk is full."), OSError(errno.ENOSPC, "x")])
    add, waits = takes.add, []

    def failing(*arguments, **more):
        if isinstance(error := next(full, None), DiskFull):
            raise error
        return add(*arguments, **more)

    def unwritten(*_):
        raise OSError(errno.ENOSPC, "the log is on that disk, too")

    monkeypatch.setattr(sys.stderr, "write", unwritten)
    monkeypatch.setattr(takes, "add", failing)
    monkeypatch.setattr(made.leaving, "wait", lambda seconds: waits.append(seconds) or False)
    assert made._does(queue.claim("short"))
    assert queue.get(job.id).state == "done" and waits == [1.0]
    with project.read() as connection:
        assert len(takes.find(connection)) == 1


def test_what_is_done_after_it_was_cancelled_counts_for_nothing(project, queue, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    job = queue.submit("job", {"do": "cancelled_meanwhile", "text": "x"})
    assert worker.Worker(project, "short", "doubles_of_work")._does(queue.claim("short"))
    assert (queue.get(job.id).state, queue.get(job.id).result, queue.unwanted()) == ("cancelled", None, [])
    with project.read() as connection:
        assert takes.find(connection) == []


# The server is killed

SERVER = """
import sys, time
from pathlib import Path
from erato.studio.jobs import Queue
from erato.studio.project import Project
from erato.studio.workers import Workers
project = Project(Path(sys.argv[1]))
with Workers(project, Queue(project, lanes={"job": "short", "train": "train"}), "doubles_of_work") as workers:
    print(*workers.processes.values(), flush=True)
    time.sleep(600)
"""


_servers = []


@pytest.fixture(autouse=True)
def no_server_left():
    """Whatever fails."""
    yield
    while _servers:
        _servers.pop().kill()


class Server:
    """A process that is the server of a project."""

    def __init__(self, project):
        self.process = subprocess.Popen([sys.executable, "-c", SERVER, str(project.folder)], stdout=subprocess.PIPE)
        _servers.append(self)
        self.process.stdout.readline()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_workers_end_with_a_server_that_is_killed(project, queue, tmp_path):
    server = Server(project)
    job, process = begun(tmp_path, queue, "sleep", seconds=1)
    server.kill()
    until(lambda: not lives(process), "the worker ended")
    again = Server(project)
    until(lambda: queue.get(job.id).state == "done")
    again.kill()


def test_a_job_is_taken_up_after_server_and_worker_were_killed(project, queue, tmp_path):
    server = Server(project)
    job, process = begun(tmp_path, queue, "sleep", seconds=1)
    os.kill(process, signal.SIGSTOP)  # so that it cannot give the job back itself
    server.kill()
    os.kill(process, signal.SIGKILL)
    again = Server(project)
    done = until(lambda: (now := queue.get(job.id)).state in ENDED and now)
    again.kill()
    assert (done.state, done.attempts) == ("done", 2)


def test_a_training_goes_on_after_the_server_was_killed_however_often(project, queue):
    job = queue.submit("train", {"do": "train", "steps": 80})
    for least in (5, 15, 25):  # as often as a job may kill its worker
        server = Server(project)
        until(lambda least=least: queue.get(job.id).progress.get("step", 0) > least)
        server.kill()
    server = Server(project)
    done = until(lambda: (now := queue.get(job.id)).state in ENDED and now)
    server.kill()
    assert done.state == "done" and done.result["began"] > 15


def load(project, queue, clients, each, kills):
    """So many clients ask for jobs while the server is killed so often; all that they asked for."""
    asked = []

    def client(name):
        for number in range(each):
            while True:
                try:
                    asked.append(queue.submit("job", {"do": "take", "text": f"{name} {number}"}).id)
                    break
                except QueueFull:
                    time.sleep(0.05)

    threads = [threading.Thread(target=client, args=(name,)) for name in range(clients)]
    server = Server(project)
    for thread in threads:
        thread.start()
    for number in range(kills):
        share = clients * each * (number + 1) // (kills + 1)
        until(lambda share=share: len(queue.find(state="done", limit=-1)) >= share)
        server.kill()
        server = Server(project)
    for thread in threads:
        thread.join()
    until(lambda: all(job.state in ENDED for job in queue.find(limit=-1)))
    server.kill()
    return asked


def memory(process):
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def assert_each_done_once(project, queue, asked):
    jobs = queue.find(limit=-1)
    assert len(asked) == len(set(asked)) and {job.id for job in jobs} == set(asked)
    assert {job.state for job in jobs} == {"done"}
    with project.read() as connection:
        found = takes.find(connection, limit=-1)
    assert sorted(take.job for take in found) == sorted(asked)
    assert {take.id for take in found} == {id for job in jobs for id in job.result["takes"]}


def test_of_100_jobs_none_vanishes_and_none_is_done_twice_though_the_server_is_killed(project, queue):
    queue.most = 20
    assert_each_done_once(project, queue, load(project, queue, clients=20, each=5, kills=2))


@pytest.mark.slow
def test_of_1000_jobs_of_200_clients_none_vanishes_and_none_is_done_twice(project, queue):
    assert_each_done_once(project, queue, load(project, queue, clients=200, each=5, kills=3))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not say how much memory is used")
def test_memory_of_server_and_workers_stays_flat(workers, queue, ended):
    def do(count):
        for number in range(count):
            job = queue.submit("job", {"do": "take", "text": str(number)})
            ended(job)

    do(50)
    processes = [os.getpid(), *workers.processes.values()]
    before = [memory(process) for process in processes]
    do(190)  # fewer than after which a worker leaves
    assert [*workers.processes.values()] == processes[1:]
    assert all(memory(process) < much + (8 << 20) for process, much in zip(processes, before, strict=True))


@pytest.mark.slow
def test_a_worker_of_a_killed_server_that_never_looks_up_is_not_in_the_way_for_long(project, queue, tmp_path):
    server = Server(project)
    _, process = begun(tmp_path, queue, "native")
    waits = queue.submit("job", {"do": "take", "text": "x"})
    server.kill()
    time.sleep(1)
    assert lives(process)
    again = Server(project)
    until(lambda: not lives(process), "the old worker was ended")
    queue.ask(queue.find(limit=2)[1].id, "cancel")
    assert until(lambda: (now := queue.get(waits.id)).state in ENDED and now).state == "done"
    again.kill()
