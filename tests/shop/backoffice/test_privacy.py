"""Masks show enough to recognise and no more."""

from shop.backoffice.privacy import mask_name, mask_phone


def test_masks() -> None:
    assert mask_phone("13900001234") == "139****1234"
    assert mask_phone("12345") == "****"
    assert mask_name("王小明") == "王**"
    assert mask_name("") == ""
