"""Quotes: every fen is accounted for and explained."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.prices.quoting import Arrival, Discount, FreightRule, NotDeliverable, Quote, QuoteLine, find_rule, quote
from kernel.errors import Invalid
from kernel.money import Money

LAMB = QuoteLine("P001", "滩羊肉", 2, Money(12_800), "COOP-A", grams=1100, temperature="frozen")
GOJI = QuoteLine("P005", "枸杞", 1, Money(5_990), "COOP-A", grams=550)
APPLES = QuoteLine("P017", "苹果", 3, Money(6_880), "COOP-B", grams=5500)
RULE = FreightRule("COOP-A", None, True, first_grams=1000, first_fen=1000, step_grams=500, step_fen=300, cold_fen=800)


def test_a_plain_basket() -> None:
    result = quote([LAMB, APPLES, GOJI])
    assert [line.line.sku for line in result.lines] == ["P001", "P005", "P017"]
    assert result.items == Money(2 * 12_800 + 5_990 + 3 * 6_880)
    assert result.freight == Money(0)
    assert [seller.seller_code for seller in result.sellers] == ["COOP-A", "COOP-B"]
    assert result.for_seller("COOP-B").total == Money(20_640)


def test_freight_by_weight_parcel_by_parcel() -> None:
    result = quote([LAMB, GOJI], [RULE], province_code="310000")
    # Frozen meat and dry berries travel apart: 2200 g are the first kilogram, three steps of 500 g and the cold; 550 g the first kilogram.
    assert [parcel.freight for parcel in result.sellers[0].parcels] == [Money(1000 + 3 * 300 + 800), Money(1000)]
    assert [(parcel.temperature, parcel.boxes, parcel.grams) for parcel in result.sellers[0].parcels] == [
        ("frozen", (("P001", 2),), 2200),
        ("ambient", (("P005", 1),), 550),
    ]
    texts = [reason.text(str) for reason in result.sellers[0].reasons]
    assert texts == [
        "滩羊肉：¥128.00 × 2",
        "枸杞：¥59.90 × 1",
        "运费 2.2 千克：首重 ¥10.00，续重 3 × ¥3.00",
        "冷链包装和运输",
        "运费 0.55 千克：首重 ¥10.00，续重 0 × ¥3.00",
    ]


def test_boxes_at_two_places_are_two_parcels() -> None:
    two = replace(GOJI, quantity=5, places=(("P1", 2), ("P2", 1)))
    one = replace(GOJI, sku="P006", quantity=1, places=(("P2", 1),))
    result = quote([two, one], [RULE], province_code="310000")
    assert [(parcel.place, parcel.boxes) for parcel in result.sellers[0].parcels] == [
        ("P1", (("P005", 4),)),  # two boxes nobody has spoken of leave with the first
        ("P2", (("P005", 1), ("P006", 1))),
    ]
    assert result.freight == Money(1000 + 3 * 300 + 1000 + 300)
    with pytest.raises(ValueError, match="P005"):
        quote([replace(GOJI, places=(("P1", 2),))], [RULE], province_code="310000")


def test_free_freight_is_asked_of_all_goods_of_the_seller() -> None:
    rule = replace(RULE, free_over_fen=31_590)
    assert quote([LAMB, GOJI], [rule], province_code="310000").freight == Money(800), "both parcels are free, the cold is paid"


def test_when_it_arrives() -> None:
    told = replace(RULE, handling_days=2, days_from=1, days_to=3)
    (part,) = quote([GOJI], [told], province_code="310000", on=date(2026, 11, 30)).sellers
    assert part.arrival == Arrival(date(2026, 12, 2), date(2026, 12, 3), date(2026, 12, 5))
    for lines_asked, rules_given, province in (([GOJI], [RULE], "310000"), ([APPLES], [told], "310000"), ([GOJI], [told], None)):
        assert quote(lines_asked, rules_given, province_code=province, on=date(2026, 11, 30)).sellers[0].arrival is None


@pytest.mark.parametrize(("grams", "fen"), [(1, 1000), (1000, 1000), (1001, 1300), (1500, 1300), (1501, 1600)])
def test_the_first_gram_over_a_step_begins_the_next(grams: int, fen: int) -> None:
    line = replace(GOJI, grams=grams)
    assert quote([line], [RULE], province_code="310000").freight == Money(fen)


def test_free_from_an_amount_on_but_the_cold_is_paid() -> None:
    rule = replace(RULE, free_over_fen=25_600)
    assert quote([LAMB], [rule], province_code="310000").freight == Money(800)
    assert quote([GOJI], [rule], province_code="310000").freight == Money(1000)
    # The threshold looks at what is paid for the goods, after discounts.
    off = [Discount("券", Money(1))]
    assert quote([LAMB], [rule], province_code="310000", discounts=off).freight > Money(800)


def test_the_rule_of_the_province_goes_before_the_general_one() -> None:
    tibet = replace(RULE, province_code="540000", first_fen=3000)
    assert quote([GOJI], [RULE, tibet], province_code="540000").freight == Money(3000)
    assert quote([GOJI], [RULE, tibet], province_code="310000").freight == Money(1000)


def test_where_a_seller_does_not_carry_it_says_so() -> None:
    no = replace(RULE, province_code="540000", deliverable=False)
    with pytest.raises(NotDeliverable, match="滩羊肉"):
        quote([LAMB], [RULE, no], province_code="540000")


def test_a_seller_without_rules_carries_at_its_own_cost() -> None:
    result = quote([APPLES], [RULE], province_code="310000")
    assert result.freight == Money(0)
    assert "包邮" in result.sellers[0].reasons[-1].text(str)


def test_without_an_address_there_is_no_freight_yet() -> None:
    assert quote([LAMB], [RULE]).freight == Money(0)


def test_a_discount_is_shared_out_by_largest_remainder() -> None:
    result = quote([GOJI, APPLES], discounts=[Discount("立减", Money(1000))])
    # 5990 : 20640 of 26630 → 224.93… and 775.06…
    assert [line.discount for line in result.lines] == [Money(225), Money(775)]
    assert result.total == Money(26_630 - 1000)
    assert result.reasons[0].text(str) == "优惠：立减"


def test_a_discount_never_exceeds_what_its_lines_cost() -> None:
    result = quote([GOJI, APPLES], discounts=[Discount("枸杞券", Money(99_999), frozenset({"P005"}))])
    assert [line.payable for line in result.lines] == [Money(0), Money(20_640)]
    assert result.discount == Money(5_990)


@pytest.mark.parametrize("quantity", [0, -1, 100_001])
def test_a_quantity_out_of_range_is_refused(quantity: int) -> None:
    with pytest.raises(Invalid):
        quote([replace(GOJI, quantity=quantity)])


def test_an_empty_basket_has_no_price() -> None:
    with pytest.raises(Invalid):
        quote([])


def within(line: QuoteLine) -> QuoteLine:
    """As many boxes at places as are wanted, at most."""
    places, left = [], line.quantity
    for place, boxes in line.places:
        places.append((place, min(boxes, left)))
        left -= min(boxes, left)
    return replace(line, places=tuple(places))


lines = st.lists(
    st.builds(
        QuoteLine,
        sku=st.sampled_from("ABCDE"),
        name=st.just("x"),
        quantity=st.integers(1, 50),
        unit_price=st.integers(1, 50_000).map(Money),
        seller_code=st.sampled_from(["S1", "S2", "S3"]),
        grams=st.integers(1, 9000),
        temperature=st.sampled_from(["ambient", "chilled", "frozen"]),
        places=st.lists(st.tuples(st.sampled_from(["P1", "P2", "P3"]), st.integers(0, 15)), max_size=2).map(tuple),
    ).map(within),
    min_size=1,
    max_size=6,
)
rules = st.lists(
    st.builds(
        FreightRule,
        seller_code=st.sampled_from(["S1", "S2"]),
        province_code=st.sampled_from([None, "310000"]),
        deliverable=st.just(True),
        first_grams=st.integers(1, 3000),
        first_fen=st.integers(0, 3000),
        step_grams=st.integers(1, 2000),
        step_fen=st.integers(0, 900),
        cold_fen=st.integers(0, 2000),
        free_over_fen=st.none() | st.integers(0, 100_000),
        handling_days=st.none() | st.integers(0, 9),
        days_from=st.integers(0, 9),
        days_to=st.integers(9, 20),
    ),
    max_size=4,
)
discounts = st.lists(
    st.builds(
        Discount,
        label=st.just("券"),
        amount=st.integers(0, 300_000).map(Money),
        skus=st.frozensets(st.sampled_from("ABCDE"), max_size=3),
    ),
    max_size=3,
)


def explained(result: Quote) -> Money:
    """The sum of all reasons: what a reader adds up by hand."""
    parts = [reason.amount for seller in result.sellers for reason in seller.reasons] + [reason.amount for reason in result.reasons]
    return sum(parts, Money(0))


@given(lines, rules, discounts)
def test_every_fen_is_explained_and_none_is_lost(basket: list[QuoteLine], freight: list[FreightRule], off: list[Discount]) -> None:
    result = quote(basket, freight, province_code="310000", discounts=off)
    assert result.total == explained(result)
    assert result.total == sum((seller.total for seller in result.sellers), Money(0))
    assert result.items == sum((line.unit_price * line.quantity for line in basket), Money(0))
    for line in result.lines:
        assert Money(0) <= line.discount <= line.amount
    assert result.discount <= sum((discount.amount for discount in off), Money(0))
    assert quote(basket, freight, province_code="310000", discounts=off) == result


@given(lines, rules)
def test_every_box_travels_in_one_parcel_and_each_is_charged_as_if_alone(
    basket: list[QuoteLine], freight: list[FreightRule]
) -> None:
    result = quote(basket, freight, province_code="310000")
    for seller in result.sellers:
        wanted, carried = Counter[str](), Counter[str]()
        for item in seller.lines:
            wanted[item.line.sku] += item.line.quantity
        for parcel in seller.parcels:
            carried.update(dict(parcel.boxes))
        assert carried == wanted
        assert len({(parcel.place, parcel.temperature) for parcel in seller.parcels}) == len(seller.parcels)
        assert sum(parcel.grams for parcel in seller.parcels) == sum(item.line.grams * item.line.quantity for item in seller.lines)
        rule = find_rule(seller.seller_code, freight, "310000")
        for parcel in seller.parcels:
            charged = parcel.freight.minor
            if rule is None:
                assert charged == 0
                continue
            steps = max(0, -(-(parcel.grams - rule.first_grams) // rule.step_grams))
            free = rule.free_over_fen is not None and sum(item.payable.minor for item in seller.lines) >= rule.free_over_fen
            cold = rule.cold_fen if parcel.temperature != "ambient" else 0
            assert charged == cold + (0 if free else rule.first_fen + steps * rule.step_fen)
