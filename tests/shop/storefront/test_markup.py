"""The plain text of operators' pages."""

from shop.storefront.markup import read_text


def test_parts_of_a_text() -> None:
    text = "第一段\r\n第二行\r\n\r\n## 标题\n紧跟着的话\n\n- 一\n- 二\n\n\n"
    assert read_text(text) == [
        ("text", ["第一段", "第二行"]),
        ("heading", ["标题"]),
        ("text", ["紧跟着的话"]),
        ("list", ["一", "二"]),
    ]
    assert read_text("") == []
