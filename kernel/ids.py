"""Keys for machines, codes for people, serials for boxes, tokens for links.

Everything random here comes from the system's generator (`secrets`), so none of it can be guessed.
"""

import re
import secrets
import time
import unicodedata
from uuid import UUID

from kernel.errors import Invalid

# Douglas Crockford's base 32: no I, L, O (read as 1, 1, 0) and no U (accidental words).
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 10  # nine random characters (45 bits) and the check character
SERIAL_LENGTH = 16  # fifteen random characters (75 bits) and the check character

_CONFUSED = str.maketrans("OIL", "011")
# Blanks, the dashes that editors put in place of ours (U+2010 to U+2015, minus), middle dot, full stop.
_SEPARATORS = re.compile(r"[\s\-_\u2010-\u2015\u2212\u00b7.]+")
_PREFIX = re.compile(r"[A-Z]{2,4}")


def uuid7() -> UUID:
    """A primary key that grows with time (RFC 9562, section 5.7; method 3 of section 6.2).

    48 bits of milliseconds, 12 bits of the fraction of that millisecond, 62 random bits. Keys made
    in one process sort by creation to about a quarter of a microsecond; across machines, by clock.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = (nanoseconds << 12) // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | fraction << 64
    return UUID(int=value | 0b10 << 62 | secrets.randbits(62))


def _times_alpha(value: int) -> int:
    """Multiply by the generator of GF(32) made with x^5 + x^2 + 1."""
    value <<= 1
    return value ^ 0b100101 if value & 0b100000 else value


def check_character(body: str) -> str:
    """The check character over up to 30 characters of ALPHABET.

    A weighted sum in GF(32) with a weight of its own for each place, so it finds every single wrong
    character and every two characters swapped, neighbours or not. Raises ValueError outside ALPHABET.
    """
    total = 0
    for character in body:
        total = _times_alpha(total ^ ALPHABET.index(character))
    return ALPHABET[total]


def _random(length: int) -> str:
    body = "".join(secrets.choice(ALPHABET) for _ in range(length - 1))
    return body + check_character(body)


def new_code(prefix: str) -> str:
    """A code people can read out, e.g. "ORD-7K3M-9QXT-2B", unlike any other with near certainty.

    `prefix` (two to four capitals) says what kind of thing it names. Nine random characters keep the
    chance of one clash among a million codes near 1 in 70; the column is unique all the same.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"prefix must be two to four capital letters, not {prefix!r}")
    return _grouped(prefix, _random(CODE_LENGTH))


def _grouped(prefix: str, body: str) -> str:
    return "-".join((prefix, *(body[i : i + 4] for i in range(0, len(body), 4))))


def normalise_code(text: str) -> str:
    """A typed code as we write it: capitals, full-width letters and other dashes mended, O→0, I/L→1.

    Only tidies, for search boxes; what cannot be a code comes back in capitals. See `parse_code`.
    """
    letters = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text).upper())
    prefix, body = letters[:-CODE_LENGTH], letters[-CODE_LENGTH:].translate(_CONFUSED)
    return _grouped(prefix, body) if _PREFIX.fullmatch(prefix) else letters


def parse_code(text: str, prefix: str | None = None, field: str | None = None) -> str:
    """The canonical code a person typed; raises Invalid for a slip of the finger or another kind."""
    code = normalise_code(text)
    kind, _, body = code.partition("-")
    body = body.replace("-", "")
    right = len(body) == CODE_LENGTH and set(body) <= set(ALPHABET)
    if not right or check_character(body[:-1]) != body[-1]:
        raise Invalid("编号“%(text)s”不正确，请对照原文再核对一遍。", field=field, params={"text": text[:40]})
    if prefix is not None and kind != prefix:
        raise Invalid(
            "编号“%(text)s”不是这一类的编号，应以 %(prefix)s 开头。",
            field=field,
            params={"text": code, "prefix": prefix},
        )
    return code


def new_serial() -> str:
    """A serial number (GS1 AI 21) for one box: 16 characters, 75 random bits, last one a check.

    Short of the 20 that AI 21 allows, and all in the QR alphanumeric set, so the symbol stays small.
    """
    return _random(SERIAL_LENGTH)


def is_own_serial(serial: str) -> bool:
    """Whether a typed serial can be one of ours: right length, letters and check character."""
    right = len(serial) == SERIAL_LENGTH and set(serial) <= set(ALPHABET)
    return right and check_character(serial[:-1]) == serial[-1]


def new_token() -> str:
    """256 random bits for a link or a key, URL-safe. Store only its hash."""
    return secrets.token_urlsafe(32)
