"""Outgoing messages: SMTP in the field, a folder of files on a developer's machine (the mail sink, 收件箱)."""

from __future__ import annotations

import os
import smtplib
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import orjson

from kernel.errors import Invalid, Unavailable


@dataclass(frozen=True)
class Letter:
    """One message to one person. ``key`` identifies it, so that sending it twice can be noticed."""

    key: str
    to: str
    subject: str
    text: str


class NoAddress(Invalid):
    """This way reaches nobody under that address; trying again is of no use."""


class Mailer(Protocol):
    """Sends one letter or raises Unavailable or NoAddress; sending the same key again must do no harm."""

    def send(self, letter: Letter, *, at: datetime) -> None: ...


class FolderMailer:
    """Writes each letter as ``<key>.json``: the demo's mail sink."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def send(self, letter: Letter, *, at: datetime) -> None:
        name = "".join(c if c.isalnum() or c in "-_" else "-" for c in letter.key)
        content = orjson.dumps({"to": letter.to, "subject": letter.subject, "text": letter.text, "at": at.isoformat()})
        draft = self.folder / f".{name}.{os.getpid()}"
        draft.write_bytes(content)
        draft.replace(self.folder / f"{name}.json")

    def list_letters(self, limit: int = 200) -> list[dict[str, str]]:
        """The newest letters first."""
        files = sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)[:limit]
        return [orjson.loads(path.read_bytes()) for path in files]


class SmtpMailer:
    """Sends over SMTP; ``url`` is ``smtp://user:password@host:port?from=address`` or ``smtps://…``."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._tls = parts.scheme == "smtps"
        self._host, self._port = parts.hostname or "localhost", parts.port or (465 if self._tls else 25)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
        self._sender = unquote(query.get("from", "")) or f"noreply@{self._host}"

    def send(self, letter: Letter, *, at: datetime) -> None:
        if "@" not in letter.to:
            raise NoAddress("没有可用的邮箱地址。")
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, letter.to, letter.subject
        message["Message-ID"] = f"<{letter.key}@{self._host}>"
        message["Date"] = at
        message.set_content(letter.text)
        try:
            client = smtplib.SMTP_SSL if self._tls else smtplib.SMTP
            with client(self._host, self._port, timeout=10) as smtp:
                if self._user:
                    smtp.login(self._user, self._password)
                smtp.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable("邮件服务暂时连不上，稍后会自动重发。") from error


def open_mailer(url: str) -> Mailer:
    """The mailer for ``MAIL_URL``: ``smtp(s)://…`` or ``file:///folder``."""
    return FolderMailer(Path(urlsplit(url).path)) if url.startswith("file:") else SmtpMailer(url)
