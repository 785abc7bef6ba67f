"""The demo's organisations and people. All names carry 示例; each person has one login whose password is derived."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.areas.queries import list_areas
from catalog.parties import keying, registering
from catalog.parties.models import SYSTEM, Household, Organization, OrganizationKind, Place, PlaceKind, Role
from catalog.parties.queries import hash_key, list_keys
from kernel import gs1
from shop.accounts.signing import add_login
from shop.demo.catalogue import SampleProduct
from shop.demo.models import DemoDoor
from shop.demo.passwords import password_of, token_of

YANCHI, JINGNING, FUZHOU = "640323", "620826", "350102"
HOUSEHOLDS = 12
TOWNS = ("示例东乡", "示例西镇", "示例北镇")
FAMILY_NAMES = "王李张刘陈杨马赵周吴徐孙"


@dataclass(frozen=True)
class Door:
    """One person of the demo: login, where they belong, what they may do, where they start."""

    login: str
    name: str
    organization: str
    roles: tuple[Role, ...]
    what: str
    what_en: str
    path: str


DOORS = (
    Door("consumer", "海小鲜（示例）", "", (), "商城 · 消费者", "Shop, consumer", "/"),
    Door(
        "requester",
        "林采购（示例）",
        "DEMO-BUYER",
        (Role.requester,),
        "采购单位 · 申请人",
        "Organisation, requester",
        "/procurement/",
    ),
    Door(
        "approver", "陈审批（示例）", "DEMO-BUYER", (Role.approver,), "采购单位 · 审批人", "Organisation, approver", "/procurement/"
    ),
    Door(
        "inspector",
        "黄验收（示例）",
        "DEMO-BUYER",
        (Role.inspector,),
        "采购单位 · 验收人",
        "Organisation, inspector",
        "/procurement/",
    ),
    Door("finance", "郑财务（示例）", "DEMO-BUYER", (Role.finance,), "采购单位 · 财务", "Organisation, finance", "/procurement/"),
    Door(
        "clerk",
        "王经办（示例）",
        "COOP-640323",
        (Role.clerk,),
        "盐池合作社 · 经办",
        "Cooperative in Yanchi, clerk",
        "/cooperative/",
    ),
    Door(
        "clerk2",
        "马经办（示例）",
        "COOP-620826",
        (Role.clerk,),
        "静宁合作社 · 经办",
        "Cooperative in Jingning, clerk",
        "/cooperative/",
    ),
    Door("packer", "赵打包（示例）", "DEMO-HUB", (Role.packer,), "集配中心 · 打包员", "Dispatch hub, packer", "/packing/"),
    Door("certifier", "周登记（示例）", "DEMO-CERT", (Role.certifier,), "证书登记员", "Certifier", "/documents/"),
    Door("officer", "吴县办（示例）", "DEMO-OFFICE", (Role.county_officer,), "县级部门", "County officer", "/county/"),
    Door("operator", "山运营（示例）", "DEMO-OPERATOR", (Role.operator, Role.finance), "平台后台", "Back office", "/backoffice/"),
    Door("auditor", "孙审计（示例）", "DEMO-OPERATOR", (Role.auditor,), "审计员", "Auditor", "/reports/assistance"),
)


KEY_HOLDER = "COOP-640323"  # the cooperative whose computer speaks EPCIS


def give_key(session: Session, secret_key: str, *, at: datetime) -> None:
    """The API key of the demo, once; taken back, it stays taken back."""
    holder = map_organizations(session)[KEY_HOLDER]
    token = token_of(secret_key, KEY_HOLDER)
    if not any(key.hash == hash_key(token) for key in list_keys(session, holder)):
        scopes = ("epcis:read", "epcis:write")
        keying.issue_key(session, SYSTEM, organization_id=holder, name="演示密钥", scopes=scopes, at=at, token=token)


def make_organizations(session: Session, samples: Iterable[SampleProduct], *, at: datetime) -> None:
    """The operator, hub, plants, offices and buyer, and one cooperative for each county of the catalogue."""
    fixed = (
        ("DEMO-OPERATOR", OrganizationKind.OPERATOR, "山海集示例运营公司", "Shanhai Example Operator", FUZHOU, 900),
        ("DEMO-HUB", OrganizationKind.HUB, "银川示例集配中心", "Yinchuan Example Hub", "640104", 901),
        ("DEMO-SLAUGHTER", OrganizationKind.SLAUGHTERHOUSE, "盐池县示例定点屠宰厂", "Yanchi Example Slaughterhouse", YANCHI, 902),
        ("DEMO-CERT", OrganizationKind.CERTIFIER, "示例证书登记中心", "Example Registry of Papers", FUZHOU, 903),
        ("DEMO-OFFICE", OrganizationKind.COUNTY_OFFICE, "盐池县示例农业农村部门", "Yanchi Example County Office", YANCHI, 904),
        ("DEMO-BUYER", OrganizationKind.BUYING_ORGANIZATION, "福州市示例机关食堂", "Fuzhou Example Office Canteen", FUZHOU, 905),
    )
    for code, kind, name, name_en, county, number in fixed:
        _organization(session, code, kind, name, name_en, county, number, at)
    counties = {sample.county_code: sample for sample in samples}
    areas = list_areas(session, list(counties))
    for number, (county, sample) in enumerate(sorted(counties.items()), start=1):
        name_en = f"{areas[county].name_en} Example Cooperative"
        _organization(session, f"COOP-{county}", OrganizationKind.COOPERATIVE, sample.cooperative, name_en, county, number, at)


def _organization(
    session: Session, code: str, kind: OrganizationKind, name: str, name_en: str, county: str, number: int, at: datetime
) -> Organization:
    return registering.register_organization(
        session,
        SYSTEM,
        kind=kind,
        name=name,
        code=code,
        name_en=name_en,
        gln=gs1.make_gln(gs1.EXAMPLE_PREFIX, number),
        county_code=county,
        address="示例路 1 号",
        contact_phone="13800000000",
        licence_note="示例营业执照，不是真实证照",
        is_demo=True,
        at=at,
    )


def make_people(session: Session, secret_key: str, *, at: datetime) -> None:
    """Every person of ``DOORS`` with login and roles."""
    organizations = map_organizations(session)
    for place, door in enumerate(DOORS):
        person = registering.register_person(
            session, SYSTEM, name=door.name, email=f"{door.login}@example.com", phone=f"138000000{place + 10}", is_demo=True, at=at
        )
        for role in door.roles:
            organization_id = organizations[door.organization]
            registering.add_member(session, SYSTEM, person_id=person.id, organization_id=organization_id, role=role, at=at)
        add_login(session, person.id, door.login, password_of(secret_key, door.login), at=at)
        session.add(
            DemoDoor(login=door.login, person_id=person.id, what=door.what, what_en=door.what_en, path=door.path, place=place)
        )
    session.flush()


def map_organizations(session: Session) -> dict[str, UUID]:
    """Demo organisations by code."""
    rows = session.execute(select(Organization.code, Organization.id).where(Organization.is_demo))
    return {row.code: row.id for row in rows}


def make_households(
    session: Session, cooperative: Organization, *, count: int, capacity: dict[str, str], at: datetime
) -> list[Household]:
    """Member households with made-up names; towns differ, so that pages show how they speak of several."""
    assert cooperative.county_code is not None
    return [
        registering.register_household(
            session,
            SYSTEM,
            cooperative_id=cooperative.id,
            head_name=f"{FAMILY_NAMES[number % len(FAMILY_NAMES)]}示例{number + 1}",
            county_code=cooperative.county_code,
            town=TOWNS[number % len(TOWNS)],
            village=f"示例{number % 4 + 1}村",
            capacity=capacity,
            is_demo=True,
            at=at,
        )
        for number in range(count)
    ]


def make_place(session: Session, code: str, name: str, name_en: str, kind: PlaceKind, county: str) -> Place:
    """A place of a demo organisation."""
    organization_id = map_organizations(session)[code]
    return registering.register_place(
        session, SYSTEM, organization_id=organization_id, name=name, name_en=name_en, kind=kind, county_code=county, is_demo=True
    )
