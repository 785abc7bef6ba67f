"""Products: what is grown where by whom, packed how, needing which papers, and where it stands on its way to the shelf."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, append_only, choice
from kernel.ids import uuid7
from kernel.quantity import Unit


class Temperature(enum.StrEnum):
    """How a product travels: ambient (常温), chilled (冷藏), frozen (冷冻 ≤ −18 °C, GB/T 24616)."""

    AMBIENT = "ambient"
    CHILLED = "chilled"
    FROZEN = "frozen"


class ReturnClass(enum.StrEnum):
    """Fresh goods are not returned without cause (消费者权益保护法 art. 25), others within seven days."""

    FRESH_NO_RETURN = "fresh_no_return"
    SEVEN_DAYS = "seven_days"


class ProductState(enum.StrEnum):
    """Where a product stands: 申请 → 县级推荐 → 平台审核 → 上架 → 下架."""

    DRAFT = "draft"
    APPLIED = "applied"
    COUNTY_RECOMMENDED = "county_recommended"
    APPROVED = "approved"
    ON_SALE = "on_sale"
    DELISTED = "delisted"


class Product(Base):
    """One sellable pack of one product of one county.

    ``seller_id`` is the seller of record (销售方); ``processor_id`` holds the production or slaughter licence (default: the cooperative).
    ``materials`` is what households bring for it (原料), the main one first: nothing else is made into it. ``aliases`` are other names
    people look for it by (别名), never shown. ``needs`` lists ``DocumentKind`` values; ``search`` is written by
    ``describing.write_search`` whenever a text changes.
    """

    __tablename__ = "products_product"
    __table_args__ = (
        CheckConstraint("pack_amount > 0", name="pack_positive"),
        CheckConstraint("shelf_life_days > 0", name="shelf_life_positive"),
        CheckConstraint("gross_grams > 0", name="weight_positive"),
        CheckConstraint("jsonb_array_length(materials) > 0", name="made_of_something"),
        CheckConstraint("gtin IS NULL OR gtin ~ '^[0-9]{14}$'", name="gtin_14"),
        Index("ix_products_product_search", "search", postgresql_using="gin"),
        Index("ix_products_product_on_sale", "sku", postgresql_where="state = 'on_sale'"),
        Index("ix_products_product_county_code", "county_code", "sku"),
        Index("ix_products_product_category", "category", "sku"),
        Index("ix_products_product_picture_digest", "picture_digest", postgresql_where="picture_digest IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    sku: Mapped[str] = mapped_column(unique=True)
    gtin: Mapped[str | None] = mapped_column(unique=True)
    name: Mapped[str]
    name_en: Mapped[str] = mapped_column(default="")
    aliases: Mapped[str] = mapped_column(default="")
    category: Mapped[str]
    materials: Mapped[list[Any]]
    county_code: Mapped[str] = mapped_column(ForeignKey("areas_area.code"))
    cooperative_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    processor_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_organization.id"))
    pack_amount: Mapped[Decimal]
    pack_unit: Mapped[Unit] = mapped_column(choice(Unit))
    net_content: Mapped[str]
    gross_grams: Mapped[int]
    shelf_life_days: Mapped[int]
    storage: Mapped[str] = mapped_column(default="")
    temperature: Mapped[Temperature] = mapped_column(choice(Temperature))
    needs: Mapped[list[Any]] = mapped_column(default=list)
    season_months: Mapped[list[Any]] = mapped_column(default=list)
    season_note: Mapped[str] = mapped_column(default="")
    picture: Mapped[str] = mapped_column(default="")
    picture_digest: Mapped[str | None]
    vat_class: Mapped[str] = mapped_column(default="")
    return_class: Mapped[ReturnClass] = mapped_column(choice(ReturnClass))
    state: Mapped[ProductState] = mapped_column(choice(ProductState), default=ProductState.DRAFT)
    description: Mapped[str] = mapped_column(default="")
    description_en: Mapped[str] = mapped_column(default="")
    search: Mapped[str] = mapped_column(TSVECTOR, deferred=True)  # asked in, never read
    is_demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class RecognitionStep(Base):
    """One step of a product's recognition: from which state to which, by whom, with what remark. Only added, never changed."""

    __tablename__ = "products_recognition_step"
    __table_args__ = (Index("ix_products_recognition_step_product_id", "product_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products_product.id"))
    before: Mapped[ProductState] = mapped_column(choice(ProductState, "before"))
    after: Mapped[ProductState] = mapped_column(choice(ProductState, "after"))
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_person.id"))
    by: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]


append_only(RecognitionStep.__table__)
