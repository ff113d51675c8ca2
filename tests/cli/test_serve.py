"""The served page: who gets it, what it says, and how it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from stemwidgets.arrays.errors import InputError
from stemwidgets.cli.page import page
from stemwidgets.cli.serve import find_port, open_in_browser

COMMAND = [sys.executable, "-m", "stemwidgets.cli"]


@pytest.fixture(scope="module")
def scan_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("a scan's folder") / "it's a 'scan'; import os.npy"
    np.save(path, np.random.default_rng(0).poisson(5, size=(4, 6, 20, 24)))
    return path


def test_a_taken_port_is_refused_if_asked_for_and_avoided_otherwise(monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(InputError, match="taken"):
            find_port(taken)
        monkeypatch.setattr("stemwidgets.cli.serve.DEFAULT_PORT", taken)
        assert find_port(None) not in (0, taken)


@pytest.mark.parametrize("port", [-1, 65536])
def test_what_is_no_port_is_refused(port):
    with pytest.raises(InputError, match="0 to 65535"):
        find_port(port)


def test_the_page_says_in_words_what_is_wrong_with_a_scan(tmp_path):
    path = tmp_path / "<b>bold.npy"
    np.save(path, np.zeros((3, 5)))
    problem = page(str(path), explore=False)
    assert "cannot be shown" in problem.value
    assert "<b>" not in problem.value


class Server:
    """A running ``stemwidgets open`` or ``demo``."""

    def __init__(self, *arguments, browser=False, **environment):
        quiet = [] if browser else ["--no-browser"]
        self.process = subprocess.Popen(
            [*COMMAND, *arguments, *quiet, "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.line = self.process.stdout.readline()
        self.address = re.search(r"http://127\.0\.0\.1:\d+/\S*", self.line)[0]
        self.root = self.address.partition("?")[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def get(self, address, **headers):
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            return answer.read().decode()

    def status(self, address, **headers):
        try:
            self.get(address, **headers)
        except urllib.error.HTTPError as error:
            return error.code
        return 200


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.fixture(scope="module")
def server(scan_file):
    with Server("open", str(scan_file)) as running:
        yield running


def test_the_page_is_there_as_soon_as_its_address_is_printed(server, scan_file):
    assert scan_file.name in server.line
    page = server.get(server.address)
    assert "rendered_cells" in page


def test_the_page_names_no_other_machine(server):
    page = server.get(server.address)
    assert "cdn." not in page
    assert set(re.findall(r'(?:src|href)="(https?:[^"]*)', page)) == set()


def test_nobody_without_the_token_gets_in(server):
    assert "rendered_cells" not in server.get(server.root)


def test_a_name_that_only_resolves_to_this_machine_is_refused(server):
    assert server.status(server.address, Host="evil.example") == 403


def test_no_file_is_served(server, scan_file):
    for path in ("page.ipynb", scan_file.name, "../jupyter/kernels/stemwidgets/kernel.json"):
        quoted = urllib.request.quote(path, safe="")
        token = server.address.partition("?")[2]
        assert server.status(f"{server.root}voila/files/{quoted}?{token}") in (403, 404)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize(
    "end", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_ctrl_c_ends_server_and_kernels_without_a_word(end):
    with Server("demo") as server:
        server.get(server.address)
        kernels = children(server.process.pid)
        assert kernels
        server.process.send_signal(end)
        out, err = server.process.communicate(timeout=30)
        assert server.process.returncode == 0
        assert "Traceback" not in out + err
        deadline = time.monotonic() + 10
        while any(Path("/proc", kernel).exists() for kernel in kernels):
            assert time.monotonic() < deadline, "a kernel outlived its server"
            time.sleep(0.1)


def test_the_voila_settings_of_the_users_folder_are_left_alone(tmp_path, monkeypatch):
    (tmp_path / "voila.json").write_text(json.dumps({"Voila": {"ip": "0.0.0.0"}}))
    monkeypatch.chdir(tmp_path)
    with Server("demo") as server:
        assert server.address.startswith("http://127.0.0.1:")


def test_the_page_writes_where_the_command_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    dashboard = page(None, explore=True, folder=str(tmp_path))
    dashboard.session.export("results")
    dashboard.session.close()
    assert (tmp_path / "results" / "channels.csv").exists()


@pytest.mark.skipif(os.name != "posix", reason="has no modes of files")
def test_the_browser_is_told_the_token_by_a_private_file_only(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    open_in_browser("http://127.0.0.1:8866/?token=a-secret&x=1", tmp_path)
    (address,) = opened
    assert "secret" not in address
    file = Path(urllib.request.url2pathname(address.removeprefix("file://")))
    assert file.stat().st_mode & 0o777 == 0o600
    assert "url=http://127.0.0.1:8866/?token=a-secret&amp;x=1" in file.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_no_argument_of_a_process_holds_the_token_and_all_files_are_private_and_go(tmp_path):
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/told\n')
    browser.chmod(0o700)
    with Server("demo", browser=True, BROWSER=str(browser), TMPDIR=str(tmp_path)) as server:
        server.get(server.address)
        token = server.address.partition("token=")[2]
        processes = [str(server.process.pid), *children(server.process.pid)]
        for process in processes:
            assert token not in Path(f"/proc/{process}/cmdline").read_text()
        (folder,) = tmp_path.glob("stemwidgets-*")
        assert folder.stat().st_mode & 0o077 == 0
        deadline = time.monotonic() + 20
        while not (tmp_path / "told").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert (tmp_path / "told").read_text().strip() == (folder / "open.html").as_uri()
        server.process.terminate()
        assert server.process.wait(30) == 0
        assert not folder.exists()


def test_a_page_is_left_only_by_its_own_origin(server):
    address = f"{server.root}voila/api/shutdown/none?{server.address.partition('?')[2]}"
    own = server.root.rstrip("/")
    for origin, expected in ((own, {204}), ("http://evil.example", {403, 404}), (None, {403})):
        request = urllib.request.Request(address, method="POST", data=b"")
        if origin is not None:
            request.add_header("Origin", origin)
        try:
            status = urllib.request.urlopen(request).status
        except urllib.error.HTTPError as error:
            status = error.code
        assert status in expected, origin
