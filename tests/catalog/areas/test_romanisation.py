"""County names in Latin letters."""

import pytest

from catalog.areas.romanisation import romanise


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        ("盐池县", "Yanchi County"),
        ("礼县", "Lixian County"),
        ("孟连傣族拉祜族佤族自治县", "Menglian Autonomous County"),
        ("东乡族自治县", "Dongxiang Autonomous County"),
        ("围场满族蒙古族自治县", "Weichang Autonomous County"),
        ("鄂伦春自治旗", "Oroqen Autonomous Banner"),
        ("融安县", "Rong'an County"),
        ("武都区", "Wudu District"),
        ("神农架林区", "Shennongjia Forestry District"),
        ("锡林郭勒盟", "Xilingol League"),
        ("台湾", "Taiwan"),
    ],
)
def test_names(name: str, spelt: str) -> None:
    assert romanise(name) == spelt
