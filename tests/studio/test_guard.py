"""Who is let in: the right Host, the right origin, the token; and what every answer carries."""

import hashlib
import re
import time

import httpx
import pytest

from erato.studio import serving
from erato.studio.bodies import Patience
from erato.studio.guard import Place, is_loopback
from erato.studio.page import STATIC


def head(served, line="GET /api/models HTTP/1.1", host=None, token=True, **headers):
    lines = [line, served.host.strip() if host is None else f"Host: {host}"]
    lines += [served.bearer.strip()] if token is True else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines) + "\r\n\r\n"


def test_with_the_token_and_without(served):
    assert served.raw(head(served)).status == 200
    refused = served.raw(head(served, token=False))
    assert refused.status == 401 and refused.header("www-authenticate") == "Bearer"
    assert "open the address" in refused.json()["error"]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer {token}x",
        "Bearer {half}",
        "Basic {token}",
        "{token}",
        "Bearer \xff",
        "Bearer null",
    ],
)
def test_a_forged_token_is_refused(served, value):
    value = value.format(token=served.token, half=served.token[:-1])
    assert served.raw(head(served, token=False, Authorization=value)).status == 401
    cookie = value.removeprefix("Bearer").removeprefix("Basic ").strip()
    if cookie != served.token:
        assert served.raw(head(served, token=False, Cookie=f"erato-studio-{served.port}={cookie}")).status == 401
    asked = "" if cookie == served.token else cookie.replace("\xff", "%ff")
    assert served.raw(head(served, f"GET /?token={asked} HTTP/1.1", token=False)).status == 401


def test_the_opened_address_becomes_a_cookie_and_the_token_leaves_the_address(served):
    opened = served.raw(head(served, f"GET /?token={served.token} HTTP/1.1", token=False))
    assert opened.status == 303 and opened.header("location") == "/"
    name, *rules = opened.header("set-cookie").split("; ")
    assert name == f"erato-studio-{served.port}={served.token}"
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(rules)
    assert served.raw(head(served, token=False, Cookie=f"a=b; {name}; c=d")).status == 200
    assert served.raw(head(served, token=False, Cookie=f"erato-studio-{served.port + 1}={served.token}")).status == 401


def test_the_address_that_a_browser_is_started_with_opens_once(serving_of, tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "Place", lambda host, port: Place(host, port, once="abc"))
    with serving_of(tmp_path / "project") as served:
        for wrong in ("", "ab", "%ff", served.token, "abc&x=1", "abc&once=abc"):
            assert served.raw(head(served, f"GET /?once={wrong} HTTP/1.1", token=False)).status == 401
        assert served.raw(head(served, "GET /?token=abc HTTP/1.1", token=False)).status == 401
        assert served.raw(head(served, token=False, Authorization="Bearer abc")).status == 401
        assert served.raw(head(served, "GET /?once=abc HTTP/1.1", host="evil.example", token=False)).status in (
            400,
            403,
        )
        opened = served.raw(head(served, "GET /?once=abc HTTP/1.1", token=False))
        assert opened.status == 303 and served.token in opened.header("set-cookie")
        again = served.raw(head(served, "GET /?once=abc HTTP/1.1", token=False))
        assert again.status == 401 and again.header("set-cookie") is None


def test_the_token_counts_nowhere_else_in_an_address(served):
    for path in (f"/api/models?token={served.token}", f"/?token={served.token}&x=1", f"/?x=1&token={served.token}",
                 f"/?token={served.token}&token={served.token}", f"//?token={served.token}"):  # fmt: skip
        answer = served.raw(head(served, f"GET {path} HTTP/1.1", token=False))
        assert answer.status in (401, 404) and answer.header("set-cookie") is None, path
    assert served.raw(head(served, f"POST /?token={served.token} HTTP/1.1", token=False)).status == 405


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:{port}.evil.example",
        "localhost.evil.example:{port}",
        "evil@127.0.0.1:{port}",
        "192.168.0.7:{port}",
        "[::1]:{port}x",
        "127.0.0.1:0{port}0",
        "127.0.0.1:",
        "",
        ":{port}",
        "0.0.0.0:{port}",
    ],
)
def test_a_name_that_was_made_to_point_here_is_refused_whatever_is_asked(served, host):
    host = host.format(port=served.port)
    for line in ("GET / HTTP/1.1", "GET /css/tokens.css HTTP/1.1", f"GET /?token={served.token} HTTP/1.1",
                 "GET /api/models HTTP/1.1", "POST /api/corpora HTTP/1.1"):  # fmt: skip
        answer = served.raw(head(served, line, host=host))
        assert answer.status in (400, 403), line
        assert answer.header("set-cookie") is None


def test_all_names_of_this_computer_are_taken(served):
    for name in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]"):
        assert served.raw(head(served, host=f"{name}:{served.port}")).status == 200


def test_two_hosts_or_none_are_refused(served):
    twice = f"GET /api/models HTTP/1.1\r\n{served.host}Host: evil.example\r\n{served.bearer}\r\n"
    assert served.raw(twice).status == 400
    assert served.raw(f"GET /api/models HTTP/1.1\r\n{served.bearer}\r\n").status == 400
    assert served.raw(f"GET /api/models HTTP/1.0\r\n{served.bearer}\r\n").status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost:{port}"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1:{port}.evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "file://"},
        {"Origin": "chrome-extension://abc"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "anything"},
        {"Origin": "http://127.0.0.1:{port}", "Sec_Fetch_Site": "cross-site"},
    ],
)
def test_a_page_of_another_origin_changes_nothing_and_reads_nothing(served, headers):
    headers = {name: value.format(port=served.port) for name, value in headers.items()}
    before = served.client.get("/api/corpora").json()
    body = b'{"name": "mine"}'
    for method, path in [("POST", "/api/corpora"), ("DELETE", "/api/corpora/x"), ("PUT", "/api/takes/x/piece")]:
        line = f"{method} {path} HTTP/1.1"
        more = {"Content_Type": "application/json", "Content_Length": len(body)}
        answer = served.raw(head(served, line, **headers, **more), body)
        assert answer.status == 403, (method, headers)
        assert answer.header("access-control-allow-origin") is None
    assert served.raw(head(served, "GET /api/takes HTTP/1.1", **headers)).status == 403
    assert served.client.get("/api/corpora").json() == before


def test_the_page_itself_may_do_all_this(served):
    body = b'{"name": "mine"}'
    answer = served.raw(
        head(
            served,
            "POST /api/corpora HTTP/1.1",
            token=False,
            Cookie=f"erato-studio-{served.port}={served.token}",
            Origin=f"http://127.0.0.1:{served.port}",
            Sec_Fetch_Site="same-origin",
            Content_Type="application/json",
            Content_Length=len(body),
        ),
        body,
    )
    assert answer.status == 201


def test_a_preflight_is_told_nothing(served):
    answer = served.raw(
        head(
            served, "OPTIONS /api/corpora HTTP/1.1", Origin="http://evil.example", Access_Control_Request_Method="POST"
        )
    )
    assert answer.status in (403, 405)
    assert not [name for name, _ in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/api/models", "/api/nothing", "/nothing", "/api/events?since=x"])
def test_every_answer_carries_the_headers_of_safety(served, path):
    for answer in (served.raw(head(served, f"GET {path} HTTP/1.1")), served.raw(head(served, host="evil.example"))):
        policy = answer.header("content-security-policy")
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        assert rules["default-src"] == "'none'" and rules["frame-ancestors"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
        assert rules["form-action"] == rules["base-uri"] == "'none'" and "unsafe" not in policy
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("referrer-policy") == "no-referrer"
        assert answer.header("cross-origin-resource-policy") == "same-origin"
        assert answer.header("cross-origin-opener-policy") == "same-origin"
        assert answer.header("server") is None
        assert not [name for name, _ in answer.headers if name.startswith("access-control")]
    assert served.raw(head(served)).header("cache-control") == "no-store"


def test_addresses_and_headers_have_a_size(served):
    assert served.raw(head(served, f"GET /{'a' * 3000} HTTP/1.1")).status == 414
    assert served.raw(head(served, f"GET /api/takes?q={'a' * 9000} HTTP/1.1")).status == 414
    many = {f"X_{number}": "1" for number in range(100)}
    assert served.raw(head(served, **many)).status == 431
    large = served.raw(head(served, X="a" * 20_000))
    assert large.status in (400, 431)


@pytest.mark.parametrize("header", ["Authorization", "Origin", "Content-Length", "Content-Type", "Sec-Fetch-Site"])
def test_a_header_that_counts_is_not_taken_twice(served, header):
    value = {"Authorization": f"Bearer {served.token}", "Origin": f"http://127.0.0.1:{served.port}",
             "Content-Length": "2", "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}  # fmt: skip
    lines = [f"{name}: {said}" for name, said in value.items()] + [f"{header}: {value[header]}"]
    start = f"POST /api/check HTTP/1.1\r\n{served.host}"
    answer = served.raw(start + "\r\n".join(lines) + "\r\n\r\n", b"{}")
    assert answer.status == 400


def test_a_method_is_what_it_is(served, drawn):
    """No header and no parameter makes a harmless method another one."""
    path = f"/api/corpora/{drawn['id']}"
    for extra in ("X-HTTP-Method-Override: DELETE\r\n", "X-HTTP-Method: DELETE\r\n", "X-Method-Override: DELETE\r\n"):
        request = f"GET {path} HTTP/1.1\r\n{served.host}{served.bearer}{extra}\r\n"
        assert served.raw(request).status == 405
    assert served.client.get("/api/takes?_method=DELETE").status_code == 400
    for method in ("TRACE", "CONNECT", "PROPFIND", "delete", "FOO"):
        assert served.raw(head(served, f"{method} /api/takes HTTP/1.1")).status in (400, 405), method


def test_the_page_comes_from_the_folder_of_the_package_alone(served):
    page = served.client.get("/")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert page.content == (STATIC / "index.html").read_bytes()
    tag = page.headers["etag"]
    assert tag == f'"{hashlib.sha256(page.content).hexdigest()[:32]}"' and page.headers["cache-control"] == "no-cache"
    assert served.client.get("/", headers={"If-None-Match": tag}).status_code == 304
    for path in ("../guard.py", "%2e%2e/guard.py", "..%2fguard.py", "css/../../guard.py", "css/..%2f..%2fguard.py",
                 "css/%2e%2e/%2e%2e/guard.py", "..%5cguard.py", "....//guard.py", "/etc/passwd", "%2fetc%2fpasswd",
                 "css", "css/", "css/%00", "index.html%00.png", "index.html/", ".git/config", "guard.py", "~root",
                 "css/tokens.css/..", "C:%5cWindows", "css//tokens.css", "index.html::$DATA"):  # fmt: skip
        answer = served.raw(head(served, f"GET /{path} HTTP/1.1"))
        assert answer.status == 404, path


def test_a_link_in_that_folder_leads_nowhere(tmp_path):
    import asyncio

    from erato.studio.page import Page

    (tmp_path / "static").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "static" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "static" / "fine.txt").write_text("fine")
    (tmp_path / "static" / "program.exe").write_text("no")

    async def asking(path):
        client = httpx.AsyncClient(transport=httpx.ASGITransport(Page(tmp_path / "static")), base_url="http://x")
        async with client:
            return (await client.get(path)).status_code

    assert [asyncio.run(asking(path)) for path in ("/fine.txt", "/link.txt", "/program.exe")] == [200, 404, 404]


def test_bodies_have_a_limit_with_and_without_their_length(serving_of, tmp_path):
    with serving_of(tmp_path / "project") as served:
        made = served.client.post("/api/corpora", json={"name": "mine"}).json()
        line = f"PUT /api/corpora/{made['id']}/files?path=a.mid HTTP/1.1\r\n{served.host}{served.bearer}"
        assert served.raw(f"{line}Content-Length: {20 * 2**20}\r\n\r\n", b"\0" * (20 * 2**20)).status == 413
        assert served.raw(f"{line}Content-Length: {2**60}\r\n\r\n", b"MThd").status == 413
        assert served.raw(f"{line}Content-Length: {'9' * 30}\r\n\r\n", b"MThd").status in (400, 413)
        assert served.raw(f"{line}Content-Length: -1\r\n\r\n", b"MThd").status == 400
        assert served.raw(f"{line}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", b"MThd").status == 400
        part = b"%x\r\n" % 2**20 + b"\0" * 2**20 + b"\r\n"
        assert served.raw(f"{line}Transfer-Encoding: chunked\r\n\r\n", part * 12 + b"0\r\n\r\n").status == 413
        small = served.raw(f"{line}Transfer-Encoding: chunked\r\n\r\n", b"4\r\nMThd\r\n0\r\n\r\n")
        assert small.status == 200 and small.json()["bytes"] == 4
        body = b'{"name": "' + b"a" * (9 * 2**20) + b'"}'
        json = "Content-Type: application/json\r\n"
        line = f"POST /api/corpora HTTP/1.1\r\n{served.host}{served.bearer}{json}"
        assert served.raw(f"{line}Content-Length: {len(body)}\r\n\r\n", body).status == 413
        line = f"POST /api/jobs/x/cancel HTTP/1.1\r\n{served.host}{served.bearer}"
        assert served.raw(f"{line}Content-Length: 100000\r\n\r\n", b"\0" * 100_000).status == 413
        assert len(list((served.project.corpora / made["id"]).rglob("*.mid"))) == 1


def test_bodies_that_are_slow_are_given_up(serving_of, tmp_path):
    with serving_of(tmp_path / "project", Patience(idle=0.3, total=1.0, per_mb=0.0)) as served:
        line = f"POST /api/corpora HTTP/1.1\r\n{served.host}{served.bearer}Content-Type: application/json\r\n"
        idle = served.raw(f"{line}Content-Length: 100\r\n\r\n", b'{"name"')
        assert idle.status == 408 and "too long" in idle.json()["error"]
        began = time.monotonic()
        with served.connect() as connection:
            connection.sendall(f"{line}Content-Length: 1000\r\n\r\n".encode())
            try:
                while time.monotonic() - began < 15:
                    connection.sendall(b" ")
                    time.sleep(0.05)
            except OSError:  # it was closed, as it should be
                pass
        assert time.monotonic() - began < 10
        assert served.client.get("/api/models").status_code == 200


def test_no_project_is_left_with_what_was_half_sent(serving_of, tmp_path):
    with serving_of(tmp_path / "project", Patience(idle=0.3, total=5.0, per_mb=0.0)) as served:
        line = f"POST /api/project/import HTTP/1.1\r\n{served.host}{served.bearer}Content-Length: 100\r\n\r\n"
        assert served.raw(line, b"PK").status == 408
        whole = f"POST /api/project/import HTTP/1.1\r\n{served.host}{served.bearer}Content-Length: 4\r\n\r\n"
        assert served.raw(whole, b"PK\3\4").status == 400
        with served.connect() as connection:
            connection.sendall(line.encode() + b"PK")
        deadline = time.monotonic() + 10
        while list(served.project.cache.glob("incoming-*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not list(served.project.cache.glob("incoming-*"))


OURS, OTHERS = ("127.0.0.1", "localhost", "::1", "127.3.2.1"), ("0.0.0.0", "192.168.1.4", "::", "me.lan", "")


@pytest.mark.parametrize("host, inside", [*((host, True) for host in OURS), *((host, False) for host in OTHERS)])
def test_which_hosts_only_this_computer_reaches(host, inside):
    assert is_loopback(host) is inside


def test_where_others_may_come_numbers_are_names_and_foreign_names_are_none():
    place = Place("0.0.0.0", 8321)
    assert place.is_ours("192.168.1.4:8321") and place.is_ours("[fe80::1]:8321") and place.is_ours("localhost:8321")
    assert not place.is_ours("evil.example:8321") and not place.is_ours("192.168.1.4:80")
    named = Place("me.lan", 8321)
    assert named.is_ours("me.lan:8321") and named.is_ours("ME.LAN:8321") and not named.is_ours("evil.lan:8321")
    assert not Place("127.0.0.1", 8321).is_ours("192.168.1.4:8321")


def test_the_token_is_compared_in_constant_time(monkeypatch, served):
    from erato.studio import guard

    compared = []
    monkeypatch.setattr(guard.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or a == b)
    assert served.raw(head(served)).status == 200
    assert compared and all(isinstance(part, bytes) for pair in compared for part in pair)


def test_a_socket_of_another_kind_is_closed(served):
    upgrade = head(served, Upgrade="websocket", Connection="Upgrade", Sec_WebSocket_Key="x", Sec_WebSocket_Version="13")
    assert re.match(r"[234]", str(served.raw(upgrade).status))
