"""What the served page gives to those who ask for more than the page."""

import http.client
import re
import socket
import threading
from pathlib import Path

import pytest
import websocket
from cli.test_serve import Server

OUT = "../" * 12
QUOTED = "%2e%2e%2f" * 12
PATHS = [
    *(
        f"/voila/{place}/{out}etc/passwd"
        for place in ("files", "static", "templates", "labextensions", "api/themes")
        for out in (OUT, QUOTED, "..%5c" * 12, "%00", "/")
    ),
    f"/{OUT}etc/passwd",
    f"/files/{OUT}etc/passwd",
    "/files/",
    "/files/page.ipynb",
    "/voila/files/page.ipynb",
    "/voila/files/.config",
    "/voila/files//etc/passwd",
    "/voila/tree",
    "/voila/render/page.ipynb",
    "/voila/api/contents",
    "/api/contents",
    "/api/contents/",
    "/api/kernels",
    "/api/sessions",
    "/api/terminals",
    "/api/config/notebook",
    "/terminals",
    "/terminals/1",
    "/terminals/websocket/1",
    "/tree",
    "/lab",
    "/edit/page.ipynb",
    "/nbconvert/html/page.ipynb",
    "/metrics",
]


class Visitor:
    """Asks a server without tidying up the paths, as a browser would not."""

    def __init__(self, server):
        self.host = server.root.split("/")[2]
        self.token = server.address.partition("?")[2]

    def ask(self, path, method="GET", **headers):
        connection = http.client.HTTPConnection(self.host, timeout=20)
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name, value)
        if method == "POST":
            connection.putheader("Content-Length", "0")
        connection.endheaders()
        answer = connection.getresponse()
        content = answer.read().decode("utf-8", "replace")
        connection.close()
        return answer, content

    def visit(self):
        """Open the page: the cookies that it gave, and the kernel behind it."""
        answer, content = self.ask(f"/?{self.token}")
        cookies = [each.partition(";")[0] for each in answer.headers.get_all("Set-Cookie")]
        kernel = re.search(r'"kernelId": *"([0-9a-f-]{36})"', content)[1]
        return "; ".join(cookies), kernel

    def listen(self, kernel, query, origin, cookie=None):
        """Whether the channels of a kernel open."""
        address = f"ws://{self.host}/api/kernels/{kernel}/channels{query}"
        try:
            channel = websocket.create_connection(address, 20, origin=origin, cookie=cookie)
        except websocket.WebSocketBadStatusException as error:
            return error.status_code
        channel.close()
        return 101


@pytest.fixture(scope="module")
def visitor():
    with Server("demo") as server:
        # it tells of each strange request, and would wait for a reader
        reader = threading.Thread(target=server.process.stderr.read, daemon=True)
        reader.start()
        yield Visitor(server)
        server.process.kill()
        reader.join()


@pytest.mark.parametrize("path", PATHS)
def test_only_the_page_is_served(visitor, path):
    for query in ("", f"?{visitor.token}"):
        answer, content = visitor.ask(path + query)
        assert answer.status in (302, 400, 403, 404, 405, 500), (query, content[:200])
        assert "root:" not in content
        assert '"cells"' not in content
        assert "Traceback" not in content
        if answer.status == 302:
            there = answer.headers["Location"]
            assert there.startswith(("/login", "/voila/files/"))
            if query and there.startswith("/voila/files/"):
                assert visitor.ask(f"{there}?{visitor.token}")[0].status in (403, 404)


@pytest.mark.parametrize("token", ["", "?token=", "?token=wrong", "?token[]=x"])
def test_without_the_token_there_is_no_page(visitor, token):
    answer, content = visitor.ask(f"/{token}")
    assert answer.status in (302, 403)
    assert "rendered_cells" not in content


@pytest.mark.slow
def test_a_kernel_is_reached_from_its_own_page_with_token_or_cookie_alone(visitor):
    cookie, kernel = visitor.visit()
    own, foreign = f"http://{visitor.host}", "http://evil.example"
    token = f"?{visitor.token}"
    assert visitor.listen(kernel, "", own) == 403
    assert visitor.listen(kernel, "", foreign) == 403
    for origin in (foreign, "null", "http://127.0.0.1", f"{foreign}@{visitor.host}"):
        assert visitor.listen(kernel, token, origin) == 403
        assert visitor.listen(kernel, "", origin, cookie) == 403
    assert visitor.listen(kernel, "", own, cookie) == 101
    cookie, kernel = visitor.visit()
    assert visitor.listen(kernel, token, own) == 101


@pytest.mark.slow
def test_other_pages_cannot_end_a_kernel(visitor):
    cookie, kernel = visitor.visit()
    foreign = {"Origin": "http://evil.example", "Cookie": cookie}
    for path, method in (
        (f"/voila/api/shutdown/{kernel}", "POST"),
        (f"/api/kernels/{kernel}", "DELETE"),
    ):
        assert visitor.ask(path, method)[0].status in (403, 404)
        assert visitor.ask(path, method, **foreign)[0].status in (403, 404)
    assert visitor.ask(f"/api/kernels/{kernel}?{visitor.token}")[0].status == 200


def test_it_listens_on_this_machine_only(visitor):
    port = int(visitor.host.partition(":")[2])
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    mine = [fields[1] for fields in listening if int(fields[1].partition(":")[2], 16) == port]
    assert {address.partition(":")[0] for address in mine} == {"0100007F"}
    six = Path("/proc/net/tcp6")
    if six.exists():
        listening = [line.split()[1] for line in six.read_text().splitlines()[1:]]
        assert not [each for each in listening if int(each.partition(":")[2], 16) == port]
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", port), 2):
        pass
