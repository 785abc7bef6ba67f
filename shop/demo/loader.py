"""Load the demo once, then keep it fresh.

Each step is its own transaction and looks first whether it was done, so a start that was killed goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Household, Organization, Place, PlaceKind
from catalog.products.models import Product
from kernel import clock, installation
from kernel.db import reading, work
from kernel.money import Money
from kernel.quantity import Unit
from logistics.shipments.connecting import connect_carrier
from logistics.stock.queries import available
from shop.config import Config
from shop.demo import deciding, growing, offering, peopling, preselling
from shop.demo.catalogue import SampleProduct, list_samples
from shop.demo.peopling import map_organizations
from shop.orders.models import Purpose
from shop.payments import bank_transfer
from shop.payments.queries import find_account
from shop.procurement.budgeting import declare_quota, set_budget
from shop.procurement.queries import find_budget
from shop.storefront.editing import save_page
from shop.storefront.queries import find_page
from shop.storefront.wording import PAGE_LABELS
from traceability.lots.models import CapacityRule, YieldRule
from traceability.lots.ruling import set_capacity_rule, set_yield_rule
from traceability.lots.states import Basis, Step

Say = Callable[[str], None]
PEOPLE, PRODUCTS, REQUESTS, PRESALE = "demo_people", "demo_products", "demo_requests", "demo_presale"
FULL_HISTORIES = 20
PAGES = Path(__file__).parent / "data" / "pages"


def load_demo(config: Config, *, say: Say) -> None:
    """Load the demo once, then keep its shelves filled: the same call on every start."""
    samples, at = list_samples(), clock.now()
    with work() as session:
        people = installation.find_fact(session, PEOPLE)
        if people is None:
            say("Loading the demo: organisations and people")
            _load_people(session, config, samples, at)
    with work() as session:
        if installation.find_fact(session, PRODUCTS) is None:
            say(f"Loading the demo: {len(samples)} products with their papers")
            offering.make_products(session, samples, at=at)
            offering.make_freight(session, at=at)
            _set_capacities(session, samples, at)
            installation.fix(session, PRODUCTS, str(len(samples)), at=at)
        _set_yields(session, samples, at)
        if config.carrier_url:
            connect_carrier(
                session,
                SYSTEM,
                code="fake",
                adapter="fake",
                name="示例快递",
                name_en="Example Express",
                base_url=config.carrier_url,
                push_url=f"http://127.0.0.1:{config.port}/webhooks/carriers/fake",
                push_salt=config.carrier_salt,
            )
        _fund_buyers(session, at)
        peopling.give_key(session, config.secret_key, at=at)
        _write_pages(session, at)
    _ask_the_county(samples, at)
    with work() as session:
        if installation.find_fact(session, PRESALE) is None:
            presale = preselling.open_presale(session, samples, at=at)
            installation.fix(session, PRESALE, presale.code if presale else "none", at=at)
    fill_shelves(say=say, at=at)


def _ask_the_county(samples: tuple[SampleProduct, ...], at: datetime) -> None:
    """Something for the county officer's list, where the demo has an officer and goods of that county."""
    sample = next((sample for sample in samples if sample.county_code == peopling.YANCHI), None)
    with work() as session:
        if sample is not None and installation.find_fact(session, REQUESTS) is None:
            deciding.ask_the_county(session, sample, at)
            installation.fix(session, REQUESTS, sample.sku, at=at)


def _write_pages(session: Session, at: datetime) -> None:
    """Sample texts for the pages each shop must have; what an operator wrote stays."""
    for slug in PAGE_LABELS:
        if find_page(session, slug) is None:
            body, body_en = ((PAGES / f"{slug}.{language}.txt").read_text(encoding="utf-8") for language in ("zh", "en"))
            save_page(session, SYSTEM, slug, body=body, body_en=body_en, at=at)


def _fund_buyers(session: Session, at: datetime) -> None:
    """The buying organisation's budgets and quota of this year, its approval rule, and the bank account of the demo's seller."""
    organizations = map_organizations(session)
    buyer, year = organizations["DEMO-BUYER"], clock.to_shanghai(at).year
    seller = organizations["DEMO-OPERATOR"]
    if find_account(session, seller) is None:
        bank = {"holder": "山海集示例运营公司", "bank": "示例银行福州支行", "number": "6222000000000000"}
        bank_transfer.set_account(session, SYSTEM, seller, **bank, at=at)
    if find_budget(session, buyer, year, Purpose.CANTEEN) is not None:
        return
    for purpose, amount in ((Purpose.CANTEEN, 30_000_000), (Purpose.STAFF_GIFT, 90_000_000), (Purpose.UNION, 10_000_000)):
        set_budget(session, SYSTEM, organization_id=buyer, year=year, purpose=purpose, amount=Money(amount), at=at)
    declare_quota(session, SYSTEM, organization_id=buyer, year=year, canteen_total=Money(200_000_000), no_canteen=False, at=at)


def _load_people(session: Session, config: Config, samples: tuple[SampleProduct, ...], at: datetime) -> None:
    peopling.make_organizations(session, samples, at=at)
    peopling.make_people(session, config.secret_key, at=at)
    for code, name, name_en, kind, county in (
        ("DEMO-HUB", "银川示例集配中心冷库", "Yinchuan Example Hub", PlaceKind.HUB, "640104"),
        ("COOP-640323", "盐池示例养殖基地", "Yanchi Example Pasture", PlaceKind.BASE, "640323"),
        ("COOP-620826", "静宁示例果园", "Jingning Example Orchard", PlaceKind.BASE, "620826"),
        ("DEMO-SLAUGHTER", "盐池示例定点屠宰厂", "Yanchi Example Slaughterhouse", PlaceKind.SLAUGHTERHOUSE, "640323"),
    ):
        peopling.make_place(session, code, name, name_en, kind, county)
    for cooperative in session.scalars(select(Organization).where(Organization.code.like("COOP-%")).order_by(Organization.code)):
        capacity = {"land_mu": "40", "heads": "160", "hives": "60"}
        peopling.make_households(session, cooperative, count=peopling.HOUSEHOLDS, capacity=capacity, at=at)
    installation.fix(session, PEOPLE, "loaded", at=at)


def _set_capacities(session: Session, samples: tuple[SampleProduct, ...], at: datetime) -> None:
    """What a 亩, a head or a hive can bear: generous enough for the histories, tight enough to refuse a tenfold one."""
    known = {(county, material) for county, material in session.execute(select(CapacityRule.county_code, CapacityRule.material))}
    for sample in samples:
        if (sample.county_code, sample.material) in known:
            continue
        basis, per_basis, unit = Basis.LAND_MU, _kilograms_a_mu(sample), Unit.KG
        if sample.category == "肉类":
            basis, per_basis, unit = Basis.HEADS, Decimal(1), Unit.HEAD
        elif sample.category == "蜂产品":
            basis, per_basis = Basis.HIVES, Decimal(20)
        known.add((sample.county_code, sample.material))
        set_capacity_rule(
            session,
            SYSTEM,
            material=sample.material,
            basis=basis,
            per_basis=per_basis,
            unit=unit,
            valid_from=clock.today_shanghai(at) - timedelta(days=400),
            county_code=sample.county_code,
        )


def _set_yields(session: Session, samples: tuple[SampleProduct, ...], at: datetime) -> None:
    """What a step can give in another unit than went in; without a rule each would be for a county officer to sign."""
    rules: dict[tuple[str, Step, str], tuple[Decimal, Decimal, Unit, Unit]] = {}
    for sample in samples:
        if sample.category == "肉类":
            carcass = (*growing.animal_of(sample).credible, Unit.KG, Unit.HEAD)
            rules[sample.county_code, Step.SLAUGHTERING, f"{sample.material}胴体"] = carcass
            rules[sample.county_code, Step.SLAUGHTERING, growing.HIDE] = (Decimal(0), Decimal(1), Unit.PIECE, Unit.HEAD)
        elif growing.is_liquid(sample):
            rules[sample.county_code, growing.step_of(sample), sample.name] = (*growing.OIL, Unit.L, Unit.KG)
    kept = {(rule.county_code, rule.step, rule.material) for rule in session.scalars(select(YieldRule))}
    for (county, step, material), (low, high, unit, per_unit) in rules.items():
        if (county, step, material) not in kept:
            set_yield_rule(
                session, SYSTEM, step=step, material=material, low=low, high=high, unit=unit, per_unit=per_unit,
                valid_from=clock.today_shanghai(at) - timedelta(days=400), county_code=county,
            )  # fmt: skip


def _kilograms_a_mu(sample: SampleProduct) -> Decimal:
    return Decimal({"水果": 1500, "蔬菜": 2000, "茶叶": 80, "水产": 800}.get(sample.category, 400))


def in_season(sample: SampleProduct, month: int) -> bool:
    """Whether boxes can be offered this month: it keeps for long, or was harvested this month or the last."""
    return sample.shelf_life_days >= 90 or month in sample.months or (month - 2) % 12 + 1 in sample.months


def fill_shelves(*, say: Say, at: datetime) -> None:
    """Grow a history for each product in season that has no box left to sell; one transaction a product."""
    samples = [sample for sample in list_samples() if in_season(sample, clock.to_shanghai(at).month)]
    with reading() as session:
        products = {p.sku: p.id for p in session.scalars(select(Product).where(Product.is_demo))}
        left = available(session, list(products.values()), at)
    empty = [sample for sample in samples if sample.sku in products and left.get(products[sample.sku], 0) == 0]
    for number, sample in enumerate(empty, start=1):
        if number % 10 == 1:
            say(f"Loading the demo: harvests and boxes, {number} of {len(empty)} products")
        with work() as session:
            growing.grow(session, _plan(session, sample, at))


def _plan(session: Session, sample: SampleProduct, at: datetime) -> growing.Plan:
    full = int(sample.sku[1:]) <= FULL_HISTORIES
    product = session.scalars(select(Product).where(Product.sku == sample.sku)).one()
    cooperative = session.get_one(Organization, product.cooperative_id)
    households = session.scalars(
        select(Household).where(Household.cooperative_id == cooperative.id).order_by(Household.member_no).limit(12 if full else 6)
    ).all()
    hub = session.scalars(select(Place).where(Place.kind == PlaceKind.HUB).order_by(Place.name)).first()
    assert hub is not None
    return growing.Plan(
        product=product,
        sample=sample,
        cooperative=cooperative,
        households=households,
        hub=hub,
        boxes=growing.FULL_BOXES if full else growing.BOXES,
        start=_start(sample, at),
    )


def _start(sample: SampleProduct, at: datetime) -> datetime:
    """When the first household delivered: long ago for what keeps, just so long that the boxes lie ready for what does not."""
    if sample.shelf_life_days <= 7:
        return at - timedelta(hours=30)
    days = 4 if sample.shelf_life_days <= 45 else 24
    return (at - timedelta(days=days)).replace(hour=1, minute=0, second=0, microsecond=0)
