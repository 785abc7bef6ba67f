"""Bad files, in every door that takes one: refused, nothing kept; one too large is not even read."""

from __future__ import annotations

import gc
import io
import warnings
from pathlib import Path
from typing import Any

import pytest

from shop.config import Config
from tests.architecture.doors import UNSAFE, Doors, learn, lines

ROOT = Path(__file__).parents[2]
UPLOADS = {
    "cases.claim_damage": "photo",
    "cooperative.add_delivery": "photo",
    "cooperative_lots.mix": "photo",
    "documents.record": "scan",
    "imports.upload": "file",
    "invoices.document": "document",
    "payments.import_statement": "file",
    "procurement_requests.upload": "file",
    "products.picture": "picture",
}
TAKEN_FROM = {"shop/cases/views.py", "shop/invoices/views.py", "catalog/documents/forms.py", "shop/payments/views/office.py",
    "shop/procurement/views/requests.py", "shop/cooperative/views/imports.py", "shop/cooperative/views/photos.py", "catalog/products/views.py"}  # fmt: skip
MB = 1024 * 1024
BOUNDS = {"cooperative.add_delivery": 32, "cooperative_lots.mix": 32}
"""The MB a file may have, where it is not 10: a large photograph is made small there. So much and a little more is read at most."""
PROGRAM = b"MZ\x90\x00" + b"\x00" * 600
FILES = {
    "empty": (b"", "a.pdf"),
    "program as pdf": (PROGRAM, "a.pdf"),
    "program as sheet": (PROGRAM, "a.xlsx"),
    "zip as sheet": (b"PK\x03\x04" + b"\x00" * 600, "a.xlsx"),
    "page as picture": (b"<html><script>alert(1)</script>", "a.png"),
    "name with NUL": (b"%PDF-1.4", "a\0.pdf"),
    "no name": (b"%PDF-1.4", ""),
}


class Large(io.RawIOBase):
    """A body of 50 MB that counts how much of it was read, and is nowhere in memory."""

    SIZE = 50 * MB

    def __init__(self, start: bytes) -> None:
        self.start, self.place, self.taken = start, 0, 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.place

    def seek(self, place: int, whence: int = 0) -> int:
        self.place = place + (self.SIZE if whence == io.SEEK_END else 0)
        return self.place

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self.SIZE - self.place)
        buffer[:size] = self.start[self.place : self.place + size].ljust(size, b"x")
        self.place += size
        self.taken += size
        return size


def kept_files(config: Config) -> list[Path]:
    return sorted(path for path in Path(config.data_dir).rglob("*") if path.is_file())


def test_every_door_for_files_is_known() -> None:
    taking = {
        str(path.relative_to(ROOT))
        for package in ("kernel", "catalog", "traceability", "logistics", "shop")
        for path in (ROOT / package).rglob("*.py")
        if "request.files.get" in path.read_text("utf-8")
    }
    assert taking == TAKEN_FROM


@pytest.mark.parametrize("endpoint", sorted(UPLOADS))
def test_bad_files(doors: Doors, endpoint: str) -> None:
    config = doors.config
    ((rule, method),) = [found for found in doors.rules(UNSAFE) if found[0].endpoint == endpoint]
    path, field, wrong, before = doors.path(rule), UPLOADS[endpoint], [], kept_files(config)
    fine = {name: value for name, value in learn(doors, rule, method).items() if name != field}
    for what, (content, name) in FILES.items():
        answer, left = doors.ask(method, path, data=fine | {field: (io.BytesIO(content), name)}, content_type="multipart/form-data")
        if not 400 <= answer.status_code < 500 or left or kept_files(config) != before:
            wrong.append(f"{what}: {answer.status_code} {left}")
    assert wrong == [], lines(wrong)
    start = f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="a.pdf"\r\n\r\n'.encode()
    for told in (True, False):
        body = Large(start)
        unsaid = {} if told else {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # the parser leaves its half of a refused file to the collector
            answer, left = doors.ask(
                method, path, input_stream=body, content_type="multipart/form-data; boundary=b", environ_overrides=unsaid
            )
            gc.collect()
        assert (answer.status_code, left) == (413, [])
        most = BOUNDS.get(endpoint, 10)
        assert f"最大 {most} MB。" in answer.text, "the sentence is that of this door"
        assert body.taken <= (0 if told else (most + 3) * MB)
    assert kept_files(config) == before
