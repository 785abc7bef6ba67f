"""The pages' two languages: Chinese as written here, English from this room's part of the catalogue.

The server stands outside the web application, so it reads the .po file itself at start.
"""

from pathlib import Path

from babel.messages.pofile import read_po
from werkzeug.datastructures import LanguageAccept

import kernel

LANGUAGES = {"zh": "zh-Hans", "en": "en"}
_PART = Path(kernel.__path__[0], "translations/en/parts/shop_payments.po")


def _read() -> dict[str, str]:
    with _PART.open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id and m.string}


_ENGLISH = _read()


def translate(text: str, language: str) -> str:
    """The text in `zh` or `en`."""
    return _ENGLISH.get(text, text) if language == "en" else text


def choose(asked: str | None, locale: str | None, accepts: LanguageAccept) -> str:
    """The reader's language: asked for on the page, set by the shop, or the browser's own."""
    for wish in (asked, locale):
        if wish and wish[:2] in LANGUAGES:
            return wish[:2]
    best = accepts.best_match(["zh", "en"], default="zh")
    return best or "zh"
