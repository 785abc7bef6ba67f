"""Enter a product and change its description; keep its search words in step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import cast, func, literal, select
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Session

from catalog.areas.queries import get_area, name_path
from catalog.documents.models import DocumentKind
from catalog.parties.models import Actor, OrganizationKind, Role
from catalog.parties.queries import get_organization
from catalog.products.models import Product, ProductState, ReturnClass, Temperature
from catalog.products.synonyms import also_called
from catalog.products.tokens import vector
from catalog.products.wording import find_claims, find_forbidden
from kernel import gs1
from kernel.errors import Conflict, FieldError, Invalid
from kernel.quantity import Unit

MOST_MATERIALS = 10
LONGEST_ALIASES = 120
STORED_AS = {Temperature.AMBIENT: "常温 ambient", Temperature.CHILLED: "冷藏 保鲜 chilled", Temperature.FROZEN: "冷冻 速冻 frozen"}
FRESH = frozenset({"水果", "蔬菜", "肉类", "水产", "蛋类"})


@dataclass(frozen=True)
class ProductDraft:
    """What a clerk tells of a product. Amounts are those of one sellable pack; ``needs`` the papers it needs; ``materials`` what
    households bring for it, the main one first (default: the name without its note in brackets).
    """

    sku: str
    name: str
    category: str
    county_code: str
    cooperative_id: UUID
    pack_amount: Decimal
    pack_unit: Unit
    net_content: str
    shelf_life_days: int
    temperature: Temperature
    seller_id: UUID | None = None
    processor_id: UUID | None = None
    materials: Sequence[str] = ()
    gtin: str | None = None
    name_en: str = ""
    aliases: str = ""
    gross_grams: int | None = None
    storage: str = ""
    needs: Sequence[DocumentKind] = ()
    season_months: Sequence[int] = ()
    season_note: str = ""
    picture: str = ""
    vat_class: str = ""
    return_class: ReturnClass | None = None
    description: str = ""
    description_en: str = ""
    is_demo: bool = False


def create_product(session: Session, actor: Actor, draft: ProductDraft, at: datetime) -> Product:
    """Enter a product as a draft; a clerk of its cooperative or the operator may.

    Raises Forbidden, Invalid with one error a field, NotFound (county, organisation), Conflict (SKU or GTIN taken).
    """
    actor.must_any({Role.clerk: draft.cooperative_id, Role.operator: None})
    get_area(session, draft.county_code)
    cooperative = get_organization(session, draft.cooperative_id)
    if cooperative.kind is not OrganizationKind.COOPERATIVE:
        raise Invalid("产地单位要选合作社。", field="cooperative_id")
    seller = get_organization(session, draft.seller_id or draft.cooperative_id)
    if draft.processor_id is not None:
        get_organization(session, draft.processor_id)
    check_draft(draft)
    gtin = gs1.parse_gtin(draft.gtin, "gtin") if draft.gtin else None
    _refuse_taken(session, draft.sku.strip(), gtin)
    product = Product(
        sku=draft.sku.strip(),
        gtin=gtin,
        name=draft.name.strip(),
        name_en=draft.name_en.strip(),
        aliases=draft.aliases.strip(),
        category=draft.category.strip(),
        materials=_materials(draft),
        county_code=draft.county_code,
        cooperative_id=cooperative.id,
        seller_id=seller.id,
        processor_id=draft.processor_id,
        pack_amount=draft.pack_amount,
        pack_unit=draft.pack_unit,
        net_content=draft.net_content.strip(),
        gross_grams=draft.gross_grams or estimate_grams(draft.pack_amount, draft.pack_unit),
        shelf_life_days=draft.shelf_life_days,
        storage=draft.storage.strip(),
        temperature=draft.temperature,
        needs=sorted({kind.value for kind in draft.needs}),
        season_months=sorted(set(draft.season_months)),
        season_note=draft.season_note.strip(),
        picture=draft.picture,
        vat_class=draft.vat_class,
        return_class=draft.return_class or (ReturnClass.FRESH_NO_RETURN if draft.category in FRESH else ReturnClass.SEVEN_DAYS),
        state=ProductState.DRAFT,
        description=draft.description.strip(),
        description_en=draft.description_en.strip(),
        search="",
        is_demo=draft.is_demo,
        created_at=at,
    )
    session.add(product)
    write_search(session, product)
    return product


def describe_product(
    session: Session, actor: Actor, product: Product, *, description: str, description_en: str = "", season_note: str = ""
) -> Product:
    """Change what is told of a product. Raises Forbidden, Invalid for words that may not be used."""
    actor.must_any({Role.clerk: product.cooperative_id, Role.operator: None})
    errors = _wording_errors({"description": description, "season_note": season_note}, product.needs)
    if errors:
        raise Invalid("请先改正标出的内容。", errors=errors)
    product.description = description.strip()
    product.description_en = description_en.strip()
    product.season_note = season_note.strip()
    write_search(session, product)
    return product


def set_picture(session: Session, actor: Actor, product: Product, digest: str) -> Product:
    """Show an uploaded picture (by its file's digest) in place of the drawing. Raises Forbidden."""
    actor.must_any({Role.clerk: product.cooperative_id, Role.operator: None})
    product.picture_digest = digest
    session.flush()
    return product


def write_search(session: Session, product: Product) -> None:
    """Write the words the product is found by: name, then other names, place, kind and storage, then description."""
    cooperative = get_organization(session, product.cooperative_id)
    texts = {
        "A": f"{product.name} {product.name_en} {product.sku}",
        "B": " ".join(
            [
                product.aliases,
                also_called(f"{product.name} {product.aliases}"),
                product.category,
                STORED_AS[product.temperature],
                product.storage,
                cooperative.name,
                *name_path(session, product.county_code),
            ]
        ),
        "C": f"{product.description} {product.description_en} {product.season_note}",
    }
    product.search = cast(literal(vector(texts)), TSVECTOR)
    session.flush()


def write_all_searches(session: Session) -> None:
    """Write the words of every product anew: after an upgrade that finds them by other words."""
    for product in session.scalars(select(Product).order_by(Product.id)).all():
        write_search(session, product)


def estimate_grams(amount: Decimal, unit: Unit) -> int:
    """Gross weight of a pack from its content: a tenth more for the box; a litre counts as a kilogram, a piece as one."""
    grams = {Unit.KG: 1000, Unit.G: 1, Unit.JIN: 500, Unit.L: 1000, Unit.ML: 1}.get(unit, 1000)
    return max(int(amount * grams * 11) // 10, 50)


def check_draft(draft: ProductDraft) -> None:
    """Raises Invalid with one error for each field that is wrong."""
    errors = [
        FieldError(field, "这一项必须填写。")
        for field, text in (
            ("sku", draft.sku),
            ("name", draft.name),
            ("category", draft.category),
            ("net_content", draft.net_content),
        )
        if not text.strip()
    ]
    if not draft.pack_amount.is_finite() or not 0 < draft.pack_amount <= 10_000:
        errors.append(FieldError("pack_amount", "每份的含量要大于 0。"))
    if not 1 <= draft.shelf_life_days <= 20_000:
        errors.append(FieldError("shelf_life_days", "保质期要在 1 天到 20000 天之间。"))
    if draft.gross_grams is not None and draft.gross_grams <= 0:
        errors.append(FieldError("gross_grams", "毛重要大于 0 克。"))
    if set(draft.season_months) - set(range(1, 13)):
        errors.append(FieldError("season_months", "月份要在 1 到 12 之间。"))
    if len(_materials(draft)) > MOST_MATERIALS or any(len(each) > 80 for each in draft.materials):
        errors.append(FieldError("materials", "原料最多 %(most)s 种，每种最多 80 个字。", {"most": MOST_MATERIALS}))
    if len(draft.aliases) > LONGEST_ALIASES:
        errors.append(FieldError("aliases", "别名最多 %(most)s 个字。", {"most": LONGEST_ALIASES}))
    texts = {"name": draft.name, "aliases": draft.aliases, "description": draft.description, "season_note": draft.season_note}
    errors += _wording_errors(texts, [kind.value for kind in draft.needs])
    if errors:
        raise Invalid("请先改正标出的内容。", errors=errors)


def _materials(draft: ProductDraft) -> list[str]:
    told = dict.fromkeys(each.strip() for each in draft.materials if each.strip())
    return list(told) or [draft.name.split("（")[0].strip() or draft.name.strip()]


def _wording_errors(texts: dict[str, str], needs: Sequence[str]) -> list[FieldError]:
    errors = []
    for field, text in texts.items():
        if words := find_forbidden(text):
            errors.append(FieldError(field, "商品文字里不能用“%(words)s”，请改写。", {"words": "、".join(words)}))
        for word, kind in find_claims(text).items():
            if kind.value not in needs:
                errors.append(FieldError(field, "写“%(word)s”要有相应的证书，请先在所需证书里选上。", {"word": word}))
    return errors


def _refuse_taken(session: Session, sku: str, gtin: str | None) -> None:
    if session.scalar(select(func.count()).where(Product.sku == sku)):
        raise Conflict("货号“%(sku)s”已被使用。", params={"sku": sku[:40]}, field="sku")
    if gtin is not None and session.scalar(select(func.count()).where(Product.gtin == gtin)):
        raise Conflict("商品条码“%(gtin)s”已用在另一个产品上。", params={"gtin": gtin}, field="gtin")
