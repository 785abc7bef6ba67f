"""kernel.translations: merges the parts, compiles only what changed, and says when two parts disagree."""

import gettext
import threading
from pathlib import Path

import pytest

from kernel import translations


def part(folder: Path, name: str, **said: str) -> Path:
    parts = folder / "en" / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    body = "".join(f'msgid "{msgid}"\nmsgstr "{msgstr}"\n\n' for msgid, msgstr in said.items())
    (parts / f"{name}.po").write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n' + body)
    return parts / f"{name}.po"


def english(folder: Path) -> gettext.GNUTranslations:
    with (folder / "en/LC_MESSAGES/messages.mo").open("rb") as opened:
        return gettext.GNUTranslations(opened)


def test_parts_are_merged_and_compiled_once(tmp_path: Path) -> None:
    part(tmp_path, "shop_basket", 购物车="Basket")
    part(tmp_path, "shop_orders", 订单="Order")
    assert len(translations.ensure_compiled(tmp_path)) == 1
    assert english(tmp_path).gettext("购物车") == "Basket"
    assert english(tmp_path).gettext("订单") == "Order"
    assert translations.ensure_compiled(tmp_path) == []


def test_a_changed_added_or_removed_part_is_compiled_again(tmp_path: Path) -> None:
    part(tmp_path, "shop_basket", 购物车="Basket")
    translations.ensure_compiled(tmp_path)
    part(tmp_path, "shop_basket", 购物车="Shopping basket")
    assert translations.ensure_compiled(tmp_path)
    assert english(tmp_path).gettext("购物车") == "Shopping basket"
    extra = part(tmp_path, "shop_orders", 订单="Order")
    assert translations.ensure_compiled(tmp_path)
    extra.unlink()
    assert translations.ensure_compiled(tmp_path)
    assert english(tmp_path).gettext("订单") == "订单"


def test_an_empty_or_fuzzy_translation_is_left_out(tmp_path: Path) -> None:
    file = part(tmp_path, "shop_basket", 购物车="", 数量="Quantity")
    file.write_text(file.read_text().replace('msgid "数量"', '#, fuzzy\nmsgid "数量"'))
    translations.ensure_compiled(tmp_path)
    assert english(tmp_path).gettext("购物车") == "购物车"
    assert english(tmp_path).gettext("数量") == "数量"


def test_two_parts_that_differ_are_named(tmp_path: Path) -> None:
    files = [part(tmp_path, "a", 付款="Pay"), part(tmp_path, "b", 付款="Payment")]
    with pytest.raises(translations.Clash, match=r"付款.*a\.po.*b\.po"):
        translations.merge(files, "en", strict=True)
    assert translations.merge(files, "en")["付款"].string == "Pay"


def test_several_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    part(tmp_path, "a", 付款="Pay")
    threads = [threading.Thread(target=translations.ensure_compiled, args=(tmp_path,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert english(tmp_path).gettext("付款") == "Pay"
    assert [path.name for path in (tmp_path / "en/LC_MESSAGES").iterdir()] == ["messages.mo"]
