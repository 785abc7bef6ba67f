"""EPC URNs and Digital Links of one thing are one string."""

from __future__ import annotations

import pytest

from kernel.errors import Invalid
from traceability.events.identifiers import canonical, check_key, item_epc, lot_epc, product_class

SAME = [
    ("urn:epc:id:sgtin:0614141.107346.2017", "https://id.gs1.org/01/10614141073464/21/2017"),
    ("https://example.com/some/01/10614141073464/10/L1/21/2017?17=261231", "https://id.gs1.org/01/10614141073464/21/2017"),
    ("https://id.gs1.org/01/10614141073464/22/2A/10/L1", "https://id.gs1.org/01/10614141073464/10/L1"),
    ("urn:epc:class:lgtin:4054739.099914.20160711", "https://id.gs1.org/01/04054739999148/10/20160711"),
    ("urn:epc:idpat:sgtin:4012345.066666.*", "https://id.gs1.org/01/04012345666663"),
    ("urn:epc:id:sscc:4012345.0000000333", "https://id.gs1.org/00/040123450000003338"),
    ("urn:epc:id:sgln:4012345.00011.987", "https://id.gs1.org/414/4012345000115/254/987"),
    ("urn:epc:id:sgln:4012345.00025.0", "https://id.gs1.org/414/4012345000252"),
    ("urn:epc:id:pgln:4012345.00000", "https://id.gs1.org/417/4012345000009"),
    ("urn:epc:id:gdti:4012345.55555.1234", "https://id.gs1.org/253/40123455555541234"),
    ("urn:epc:id:grai:4012345.12345.400", "https://id.gs1.org/8003/04012345123456400"),
    ("urn:epc:id:giai:4012345.12%2F5", "https://id.gs1.org/8004/401234512%2F5"),
    ("urn:epc:id:cpi:4012345.5PQ7%2FZ43.12345", "https://id.gs1.org/8010/40123455PQ7%2FZ43/8011/12345"),
    ("https://id.gs1.org/01/4012345666663", "https://id.gs1.org/01/04012345666663"),
    ("urn:uuid:0198f7d3-0000-7000-8000-000000000000", "urn:uuid:0198f7d3-0000-7000-8000-000000000000"),
    ("https://example.com/party/7", "https://example.com/party/7"),
    ("urn:epc:id:sgtin:broken", "urn:epc:id:sgtin:broken"),
]


@pytest.mark.parametrize(("written", "expected"), SAME)
def test_canonical(written: str, expected: str) -> None:
    assert canonical(written) == expected
    assert canonical(expected) == expected


def test_making_and_widening() -> None:
    assert item_epc("09520123456788", "A/1") == "https://id.gs1.org/01/09520123456788/21/A%2F1"
    lot = lot_epc("09520123456788", "LOT-7K3M-9QXT-2B")
    assert lot.endswith("/10/LOT-7K3M-9QXT-2B")
    assert product_class(lot) == "https://id.gs1.org/01/09520123456788"
    assert product_class("https://id.gs1.org/01/09520123456788") is None


@pytest.mark.parametrize(
    "wrong",
    ["https://id.gs1.org/01/09520123456780/21/1", "https://id.gs1.org/414/4012345000116", "https://x.cn/00/040123450000003330"],
)
def test_wrong_check_digits_are_refused(wrong: str) -> None:
    with pytest.raises(Invalid):
        check_key(wrong)
    check_key("https://id.gs1.org/01/09520123456788/21/1")
    check_key("urn:uuid:0198f7d3-0000-7000-8000-000000000000")
