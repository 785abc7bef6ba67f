"""Every sentence people see has English, with the same placeholders, said one way; and Chinese does not slip past gettext in templates."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from kernel import translations
from tests.architecture import msgids

ENGLISH = translations.FOLDER / "en"
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")
JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<!--.*?-->", re.DOTALL)
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
QUOTED = re.compile(r"\([^()]*\)|“[^”]*”|\"[^\"]*\"|《[^》]*》")
SPOKEN_AS_IS = {"中文"}  # the language switch names each language in itself


@pytest.fixture(scope="module")
def english() -> Catalog:
    return translations.merge(translations.parts(ENGLISH), "en")


def test_every_sentence_has_english() -> None:
    missing = msgids.untranslated(msgids.collect())
    listed = [f"{places[0]}: {msgid}" for msgid, places in missing.items()]
    assert listed == [], "python -m tests.architecture.msgids <folder> prints these as a .po part"


def test_no_sentence_is_translated_in_two_ways() -> None:
    translations.merge(translations.parts(ENGLISH), "en", strict=True)


def test_placeholders_survive_translation(english: Catalog) -> None:
    wrong = []
    for message in english:
        if message.id:
            ids = message.id if isinstance(message.id, tuple) else (message.id,)
            strings = message.string if isinstance(message.string, tuple) else (message.string,)
            wrong += [text for text in strings if set(PLACEHOLDER.findall(text)) != set(PLACEHOLDER.findall(ids[0]))]
    assert wrong == []


def test_english_is_not_chinese(english: Catalog) -> None:
    """A Chinese term or example may stand in brackets or quotes, as in "reserved share (预留份额)"; a sentence may not be left in Chinese."""
    wrong = [m.id for m in english if m.id and msgids.CHINESE.search(QUOTED.sub("", str(m.string)))]
    assert wrong == []


def test_templates_hold_no_bare_chinese() -> None:
    wrong = []
    for floor in msgids.FLOORS:
        for path in sorted((msgids.ROOT / floor).rglob("templates/**/*.html")):
            bare = JINJA.sub(lambda found: "\n" * found.group().count("\n"), path.read_text())
            for number, line in enumerate(bare.splitlines(), 1):
                if msgids.CHINESE.search(line):
                    wrong.append(f"{path.relative_to(msgids.ROOT)}:{number}: {line.strip()[:60]}")
    assert wrong == []


def test_expressions_hold_no_bare_chinese() -> None:
    """`{{ 'text' }}` or a macro argument without `_()`: the extraction would not see it."""
    wrong = []
    for floor in msgids.FLOORS:
        for path in sorted((msgids.ROOT / floor).rglob("templates/**/*.html")):
            known = set(msgids.in_template(path)) | SPOKEN_AS_IS
            for code in re.findall(r"\{[{%](.*?)[%}]\}", COMMENT.sub("", path.read_text()), re.DOTALL):
                literals = re.findall(r"'([^']*)'|\"([^\"]*)\"", code)
                wrong += [
                    f"{path.relative_to(msgids.ROOT)}: {a or b}"
                    for a, b in literals
                    if msgids.CHINESE.search(a or b) and (a or b) not in known
                ]
    assert wrong == []


def test_a_sentence_without_english_is_found(tmp_path: Path) -> None:
    """The guard itself: each way of showing a sentence is seen."""
    room = tmp_path / "shop" / "room"
    (room / "templates").mkdir(parents=True)
    (room / "placing.py").write_text(
        "from kernel.errors import Conflict, FieldError\n"
        'class Late(Conflict):\n    title = "太晚了"\n'
        'FLOW = States({}, labels={A: "待付款"})\nKIND_LABELS = {"a": "普通"}\n'
        'def act():\n    """说明不算。"""\n    raise Late("请明天再来。", errors=[FieldError("day", "日期不对")])\n'
        'raw = "只是数据"\n'
    )
    (room / "templates" / "page.html").write_text("{{ _('购物车') }}{{ parts.button(_('去付款')) }}{# 注释 #}")
    assert set(msgids.collect(tmp_path)) == {"太晚了", "待付款", "普通", "请明天再来。", "日期不对", "购物车", "去付款"}
