"""The way of a product to the shelf: 主体自愿申请 → 县级部门推荐 → 平台审核 → 上架, and off it again."""

from __future__ import annotations

from catalog.products.models import ProductState
from kernel.states import States

FLOW = States(
    {
        ProductState.DRAFT: {ProductState.APPLIED},
        ProductState.APPLIED: {ProductState.COUNTY_RECOMMENDED, ProductState.DRAFT},
        ProductState.COUNTY_RECOMMENDED: {ProductState.APPROVED, ProductState.DRAFT},
        ProductState.APPROVED: {ProductState.ON_SALE, ProductState.DELISTED},
        ProductState.ON_SALE: {ProductState.DELISTED},
        ProductState.DELISTED: {ProductState.ON_SALE, ProductState.DRAFT},
    },
    ends=[ProductState.ON_SALE, ProductState.DELISTED],
    labels={
        ProductState.DRAFT: "草稿",
        ProductState.APPLIED: "已申请，待县级推荐",
        ProductState.COUNTY_RECOMMENDED: "县级已推荐，待平台审核",
        ProductState.APPROVED: "审核通过，待上架",
        ProductState.ON_SALE: "在售",
        ProductState.DELISTED: "已下架",
    },
)
