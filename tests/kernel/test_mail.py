"""Letters leave by SMTP (a real local server) or into the sink, and a lost server is told."""

from __future__ import annotations

import base64
import http.server
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from kernel.errors import Unavailable
from kernel.mail import FolderMailer, Letter, NoAddress, SmtpMailer, list_sunk, open_mailer

AT = datetime(2026, 11, 22, tzinfo=UTC)
LETTER = Letter("notice-1", "a@example.cn", "发货了", "您的订单已发货")


def test_the_sink_keeps_a_letter_once(tmp_path: Path) -> None:
    mailer = open_mailer(f"file://{tmp_path}/mail")
    mailer.send(LETTER, at=AT)
    mailer.send(LETTER, at=AT)
    assert [letter["subject"] for letter in FolderMailer(tmp_path / "mail").list_letters()] == ["发货了"]


class Post(socketserver.StreamRequestHandler):
    received: list[str] = []

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        in_data = False
        for raw in self.rfile:
            line = raw.decode().rstrip("\r\n")
            if in_data:
                in_data = line != "."
                self.received.append(line)
                if not in_data:
                    self.wfile.write(b"250 kept\r\n")
            elif line.upper().startswith("DATA"):
                in_data = True
                self.wfile.write(b"354 go on\r\n")
            elif line.upper().startswith("QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


def test_smtp_delivers() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), Post) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        SmtpMailer(f"smtp://127.0.0.1:{server.server_address[1]}?from=shop@example.cn").send(LETTER, at=AT)
    assert any(line == "To: a@example.cn" for line in Post.received)


def test_a_lost_server_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        SmtpMailer("smtp://127.0.0.1:1").send(LETTER, at=AT)


class Gateway(http.server.BaseHTTPRequestHandler):
    """A text-message gateway on this machine."""

    received: list[tuple[str, dict[str, str]]] = []
    answer = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.headers.get("Authorization", ""), orjson.loads(body)))
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gateway() -> Iterator[str]:
    Gateway.received, Gateway.answer = [], 200
    with http.server.HTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://shop:p%40ss@127.0.0.1:{server.server_port}/send"
        server.shutdown()


TEXT = Letter("notice-2", "13800138000", "【山海集】验证码", "您的验证码是 123456")


def test_a_number_is_texted_through_the_gateway(gateway: str, tmp_path: Path) -> None:
    open_mailer(f"file://{tmp_path}", gateway).send(TEXT, at=AT)
    ((authorization, body),) = Gateway.received
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"shop:p@ss"
    assert (body["key"], body["to"], body["text"]) == ("notice-2", "13800138000", "您的验证码是 123456")


@pytest.mark.parametrize(("status", "problem"), [(422, NoAddress), (500, Unavailable), (429, Unavailable)])
def test_a_gateway_that_does_not_take_it(gateway: str, tmp_path: Path, status: int, problem: type[Exception]) -> None:
    Gateway.answer = status
    with pytest.raises(problem):
        open_mailer(f"file://{tmp_path}", gateway).send(TEXT, at=AT)


def test_without_a_gateway_a_number_is_not_reached(tmp_path: Path) -> None:
    with pytest.raises(NoAddress):
        open_mailer(f"file://{tmp_path}").send(TEXT, at=AT)
    with pytest.raises(Unavailable):
        open_mailer(f"file://{tmp_path}", "http://127.0.0.1:1/").send(TEXT, at=AT)


def test_both_sinks_are_read_as_one(tmp_path: Path) -> None:
    urls = (f"file://{tmp_path}/mail", f"file://{tmp_path}/sms")
    mailer = open_mailer(*urls)
    mailer.send(LETTER, at=AT)
    mailer.send(TEXT, at=AT + timedelta(seconds=1))
    assert [letter["to"] for letter in list_sunk((*urls, "smtp://elsewhere"), limit=9)] == ["13800138000", "a@example.cn"]
