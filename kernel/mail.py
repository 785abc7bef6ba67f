"""Outgoing messages: SMTP and a text-message gateway in the field, folders of files on a developer's machine (the sink, 收件箱)."""

from __future__ import annotations

import base64
import os
import smtplib
import urllib.error
import urllib.request
from collections.abc import Iterable
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


class GatewayTexter:
    """Hands text messages to a gateway: POST of JSON ``{key, to, text}`` to ``url``, with basic authentication when it names a user.

    What a telecom provider wants beyond that (signature, template) is the gateway's part. 2xx means taken; 400, 404 and 422 that nobody
    can be reached there.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._headers = {"Content-Type": "application/json"}
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"

    def send(self, letter: Letter, *, at: datetime) -> None:
        body = orjson.dumps({"key": letter.key, "to": letter.to, "text": letter.text, "at": at.isoformat()})
        request = urllib.request.Request(self._url, data=body, headers=self._headers)  # noqa: S310 - the operator's own setting
        try:
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (400, 404, 422):
                    raise NoAddress("短信网关不接受这个号码。") from error
            raise Unavailable("短信服务暂时连不上，稍后会自动重发。") from error
        except OSError as error:
            raise Unavailable("短信服务暂时连不上，稍后会自动重发。") from error


class PostRoom:
    """Sends what goes to an e-mail address by ``mailer``, everything else by ``texter``."""

    def __init__(self, mailer: Mailer, texter: Mailer | None) -> None:
        self._mailer, self._texter = mailer, texter

    def send(self, letter: Letter, *, at: datetime) -> None:
        way = self._mailer if "@" in letter.to else self._texter
        if way is None or not letter.to:
            raise NoAddress("没有可用的邮箱地址。")
        way.send(letter, at=at)


def open_mailer(mail_url: str, sms_url: str = "") -> Mailer:
    """For ``MAIL_URL`` (``smtp(s)://…``) and ``SMS_URL`` (``https://…``, may be missing); ``file:///folder`` is a sink for either."""
    mailer: Mailer = FolderMailer(_folder(mail_url)) if mail_url.startswith("file:") else SmtpMailer(mail_url)
    if not sms_url:
        return PostRoom(mailer, None)
    return PostRoom(mailer, FolderMailer(_folder(sms_url)) if sms_url.startswith("file:") else GatewayTexter(sms_url))


def _folder(url: str) -> Path:
    return Path(urlsplit(url).path)


def list_sunk(urls: Iterable[str], limit: int) -> list[dict[str, str]]:
    """What lies in the sinks among ``urls``, the newest first."""
    letters = [letter for url in urls if url.startswith("file:") for letter in FolderMailer(_folder(url)).list_letters(limit)]
    return sorted(letters, key=lambda letter: letter["at"], reverse=True)[:limit]
