"""Letters leave by SMTP (a real local server) or into the sink, and a lost server is told."""

from __future__ import annotations

import socketserver
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kernel.errors import Unavailable
from kernel.mail import FolderMailer, Letter, SmtpMailer, open_mailer

AT = datetime(2026, 11, 22, tzinfo=UTC)
LETTER = Letter("notice-1", "a@example.cn", "发货了", "您的订单已发货")


def test_the_sink_keeps_a_letter_once(tmp_path: Path) -> None:
    mailer = open_mailer(f"file://{tmp_path}/mail")
    assert isinstance(mailer, FolderMailer)
    mailer.send(LETTER, at=AT)
    mailer.send(LETTER, at=AT)
    assert [letter["subject"] for letter in mailer.list_letters()] == ["发货了"]


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
