"""The server itself: its port, slow heads of requests, its log, and how it ends."""

import logging
import socket
import threading
import time
from contextlib import suppress

import pytest

from erato.errors import UsageError
from erato.studio import serving


def test_the_first_free_port_is_taken(monkeypatch):
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        port = used.getsockname()[1]
        monkeypatch.setattr(serving, "PORT", port)
        with serving.listen("127.0.0.1", None) as listening:
            assert port < listening.getsockname()[1] < port + 20
        with pytest.raises(UsageError, match=rf"port {port} is in use: .*--port"):
            serving.listen("127.0.0.1", port)
        monkeypatch.setattr(serving, "_TRIED", 1)
        with pytest.raises(UsageError, match="are all in use"):
            serving.listen("127.0.0.1", None)


@pytest.mark.parametrize(
    "host, port", [("127.0.0.1", 65536), ("127.0.0.1", 10**9), ("192.0.2.1", 0), ("no such host", 0)]
)
def test_where_nobody_can_listen_is_said(host, port):
    with pytest.raises(UsageError, match=r"\.$"):
        serving.listen(host, port)


def test_answers_are_sent_without_delay(served):
    """Which asyncio sees to where a socket says that it speaks TCP: else a browser waits 40 ms for every answer."""
    with serving.listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_an_answer_that_nobody_reads_is_given_up(serving_of, tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "_UNREAD_SECONDS", 0.3)
    with serving_of(tmp_path / "project") as served:
        connection = socket.socket()
        connection.settimeout(10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", served.port))
        text = "la " * 1_300_000
        take = served.client.post("/api/takes", json={"how": "written", "text": text}).json()
        with connection:
            connection.sendall(
                f"GET /api/takes/{take['id']}/piece HTTP/1.1\r\n{served.host}{served.bearer}\r\n".encode()
            )
            time.sleep(1)
            size = 0
            with suppress(ConnectionError):
                while part := connection.recv(65536):
                    size += len(part)
        assert 0 < size < len(text)
        assert served.client.get(f"/api/takes/{take['id']}/piece").json()["text"] == text  # who reads has it all


def test_a_head_that_never_ends_is_given_up(serving_of, tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "_HEADER_SECONDS", 0.3)
    with serving_of(tmp_path / "project") as served:
        for begun in (b"", b"GET /api/models HTTP/1.1\r\nX: "):
            with served.connect() as connection:
                connection.sendall(begun)
                began = time.monotonic()
                assert connection.recv(100) == b"" and time.monotonic() - began < 10
        with served.connect() as connection:  # one that was answered may wait longer, but its next head may not
            whole = f"GET /api/models HTTP/1.1\r\n{served.host}{served.bearer}\r\n".encode()
            connection.sendall(whole)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            connection.sendall(whole[:20])
            began = time.monotonic()
            while connection.recv(65536):
                pass
            assert time.monotonic() - began < 10


def test_many_requests_on_one_connection(served):
    whole = f"GET /api/jobs HTTP/1.1\r\n{served.host}{served.bearer}\r\n".encode()
    with served.connect() as connection:
        connection.sendall(whole * 3)  # without waiting
        data = b""
        while data.count(b"HTTP/1.1 200") < 3:
            part = connection.recv(65536)
            assert part
            data += part


def test_open_streams_do_not_keep_it_from_ending(serving_of, tmp_path):
    running = serving_of(tmp_path / "project")
    with running as served:
        streams = []
        for _ in range(5):
            connection = served.connect()
            connection.sendall(f"GET /api/events HTTP/1.1\r\n{served.host}{served.bearer}\r\n".encode())
            said = b""
            while b"retry" not in said:
                said += connection.recv(65536)
            streams.append(connection)
        began = time.monotonic()
        running.server.should_exit = True
        running.thread.join(20)
        took = time.monotonic() - began
        for stream in streams:
            while stream.recv(65536):
                pass
            stream.close()
    assert took < 5


def test_a_port_is_free_again_at_once(serving_of, tmp_path):
    with serving_of(tmp_path / "project") as served:
        port = served.port
        assert served.client.get("/api/models").status_code == 200
    serving.listen("127.0.0.1", port).close()


def test_the_log_has_what_went_wrong_and_never_the_token(tmp_path):
    token = "a-token-that-nobody-may-see"
    with serving._logged(tmp_path / "studio.log", token):
        logging.getLogger("erato.studio").warning("opened /?token=%s", token)
        logging.getLogger("uvicorn.error").error(f"GET /?token={token} failed")
        try:
            raise KeyError(token)
        except KeyError:
            logging.getLogger("erato.studio").exception("a call failed")
        logging.getLogger("uvicorn.error").info("not worth a line")
    said = (tmp_path / "studio.log").read_text("utf-8")
    assert "opened /?token=..." in said and "Traceback" in said and "KeyError" in said
    assert token not in said and "not worth" not in said
    assert not logging.getLogger("erato.studio").handlers


def test_requests_are_not_logged(serving_of, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with serving_of(tmp_path / "project") as served:
        served.client.get(f"/?token={served.token}")
        served.client.get("/api/models")
        token = served.token
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    assert ours and not [line for line in ours if token in line or "/api/models" in line]


def test_many_ask_at_once(served):
    """Forty clients, ten calls each, of which each is answered."""
    import httpx

    failures = []

    def asking():
        with httpx.Client(headers=dict(served.client.headers), trust_env=False, timeout=60) as client:
            for _ in range(10):
                answer = client.get(f"http://127.0.0.1:{served.port}/api/takes")
                if answer.status_code != 200:
                    failures.append(answer.status_code)

    threads = [threading.Thread(target=asking) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
