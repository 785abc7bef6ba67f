"""What a person types or a camera reads, as a path of this site. Pure."""

from __future__ import annotations

import unicodedata
from urllib.parse import urlsplit

from kernel.errors import Invalid
from kernel.ids import is_own_serial, normalise_code, parse_code
from traceability.scan.digital_link import BadLink, parse_path

LONGEST = 400
_CONFUSED = str.maketrans("OIL", "011")


def find_path(text: str) -> str:
    """The page for a box's serial, a lot code, our short link or a GS1 Digital Link of any host. Raises Invalid.

    Only the path of an address is used: a code can lead nowhere but into this site.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    if not text or len(text) > LONGEST:
        raise Invalid("请输入或扫描盒上的编号。", field="code")
    if "/" in text:
        return _path_of_address(text)
    if normalise_code(text).startswith("LOT-"):
        return f"/t/{parse_code(text, 'LOT', 'code')}"
    return f"/t/{read_serial(text)}"


def _path_of_address(text: str) -> str:
    path = urlsplit(text if "//" in text or text.startswith("/") else f"//{text}").path.rstrip("/")
    parts = path.split("/")
    if len(parts) >= 3 and parts[-2] == "t":
        return f"/t/{parts[-1] if parts[-1].startswith('LOT-') else read_serial(parts[-1])}"
    try:
        return parse_path(path).path
    except BadLink as problem:
        raise Invalid("这个码不是本站的溯源码。请扫盒上“扫码看来历”旁边的二维码。", field="code") from problem


def read_serial(text: str) -> str:
    """A serial as people type it: small letters, blanks and dashes are mended when it can only be one of ours."""
    tidy = text.upper().replace(" ", "").replace("-", "").translate(_CONFUSED)
    if not is_own_serial(tidy):
        raise Invalid(
            "编号“%(text)s”不正确。盒上的编号是 16 位字母和数字，请再核对一遍。", params={"text": text[:40]}, field="code"
        )
    return tidy
