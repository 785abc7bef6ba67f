"""What there is about a household or a person on all floors: the dry run of erasing them. Nothing here writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectKind
from catalog.parties.models import Consent, Household, HouseholdCard, Membership, Organization, Person
from kernel.errors import NotFound, Term
from kernel.ids import normalise_code
from shop.accounts.models import Address, Agreement, Guest, Login, Passkey, SignInSession
from shop.basket.models import Basket
from shop.cases.models import Case
from shop.invoices.models import InvoiceRequest
from shop.notices.models import Notice
from shop.orders.erasing import find_unfinished
from shop.orders.models import Order, OrderKind
from shop.reviews.models import Review
from traceability.ledger.models import SealedField
from traceability.lots.models import ActPhoto, CapacityRequest, HouseholdDelivery, LotShare, SlipWord
from traceability.lots.queries import is_photo_of
from traceability.lots.states import SlipState

WHY_LABELS = {
    "交货记录": "生产记录至少保存二年（农产品质量安全法第二十七条），收购凭证是会计档案（会计档案管理办法）。",
    "在批次里的份额": "没有姓名，只有编号；批次的份额合计必须是 1。",
    "同意记录": "用来证明公开时有过同意（个人信息保护法第十四条）；没有姓名。",
    "订单": "交易信息自交易完成起至少保存三年（电子商务法第三十一条）；收货人去掉，只留省市。",
    "开票申请和抬头": "发票按《发票管理办法》保存，抬头照旧；邮箱和备注去掉。",
    "银行流水": "属会计档案（会计档案管理办法），付款人户名照旧；只有财务和运营能看。",
    "买家评价": "平台不得删除消费者的评价（电子商务法第三十九条）；不再显示是谁写的。",
    "扫码记录": "不含姓名、电话和网络地址，本来就认不出是谁。",
    "透明日志": "只有加盐的承诺，密钥删除后谁也打不开；证明照样能核对。",
}


@dataclass(frozen=True)
class Trace:
    """One kind of record, how many, and why they stay (a msgid; None: they go)."""

    what: str
    count: int
    why: str | None = None


@dataclass(frozen=True)
class Footprint:
    """All of somebody's records. ``code`` is typed to confirm, ``label`` is what the operator sees, ``obstacle`` (a msgid) forbids it."""

    kind: SubjectKind
    subject_id: UUID
    code: str
    label: str
    traces: Sequence[Trace]
    obstacle: str | None

    @property
    def goes(self) -> list[Trace]:
        """What is erased."""
        return [trace for trace in self.traces if trace.why is None and trace.count]

    @property
    def stays(self) -> list[Trace]:
        """What is kept, without a name, and why."""
        return [trace for trace in self.traces if trace.why is not None]

    @property
    def counts(self) -> dict[str, int]:
        """The figures, for the record."""
        return {trace.what: trace.count for trace in self.traces}


def find_footprint(session: Session, kind: SubjectKind, subject_id: UUID) -> Footprint:
    """The dry run: a fixed number of queries. Raises NotFound, also for somebody who was erased."""
    return (_of_household if kind is SubjectKind.HOUSEHOLD else _of_person)(session, subject_id)


def find_subject(session: Session, text: str) -> tuple[SubjectKind, UUID] | None:
    """Whose a slip code, a household's number (PTY-…/7), an order code, a telephone number or a mail address is; nobody who was erased."""
    typed = text.strip()[:80]
    code, _, number = typed.partition("/")
    queries: list[tuple[SubjectKind, Any]] = [
        (SubjectKind.HOUSEHOLD, select(HouseholdDelivery.household_id).where(HouseholdDelivery.slip_code == normalise_code(typed))),
        (
            SubjectKind.PERSON,
            select(Order.buyer_person_id).where(Order.code == normalise_code(typed), Order.kind == OrderKind.CONSUMER),
        ),
        (SubjectKind.PERSON, select(Person.id).where(Person.phone == typed)),
        (SubjectKind.PERSON, select(Guest.person_id).where(Guest.phone == typed)),
        (SubjectKind.PERSON, select(Person.id).where(Person.email == typed.lower())),
    ]
    if number.isascii() and number.isdigit() and len(number) < 10:
        member = select(Household.id).join(Organization, Organization.id == Household.cooperative_id)
        member = member.where(Organization.code == code.upper(), Household.member_no == int(number))
        queries.insert(0, (SubjectKind.HOUSEHOLD, member))
    for kind, query in queries:
        found: UUID | None = session.scalar(query.limit(1)) if typed else None
        if found is not None and session.get_one(_TABLES[kind], found).erased_at is None:
            return kind, found
    return None


_TABLES: dict[SubjectKind, Any] = {SubjectKind.HOUSEHOLD: Household, SubjectKind.PERSON: Person}


def _of_household(session: Session, household_id: UUID) -> Footprint:
    household = session.get(Household, household_id)
    if household is None or household.erased_at is not None:
        raise NotFound("没有这户。")
    cooperative = session.get_one(Organization, household.cooperative_id)
    deliveries = HouseholdDelivery.household_id == household.id
    own = select(HouseholdDelivery.id).where(deliveries)
    unpaid = _count(
        session,
        HouseholdDelivery,
        deliveries,
        HouseholdDelivery.paid_at.is_(None),
        HouseholdDelivery.slip_state != SlipState.CORRECTED,
    )
    return Footprint(
        kind=SubjectKind.HOUSEHOLD,
        subject_id=household.id,
        code=f"{cooperative.code}/{household.member_no}",
        label=f"{household.head_name} · {cooperative.name}",
        obstacle=Term("还有交货没有付款，付清后才能删除。") if unpaid else None,
        traces=[
            Trace(Term("姓名、村镇、产能"), 1),
            Trace(
                Term("正在公开的内容"),
                _count(session, Consent, Consent.household_id == household.id, Consent.withdrawn_at.is_(None)),
            ),
            Trace(Term("撤回用的二维码"), _count(session, HouseholdCard, HouseholdCard.household_id == household.id)),
            Trace(Term("日志里的保密内容"), _count(session, SealedField, SealedField.subject_id == household.id)),
            Trace(
                Term("交货和加工时拍的照片"),
                _count(session, ActPhoto, is_photo_of(household.id), ActPhoto.erased_at.is_(None)),
            ),
            Trace(Term("请县里核定时说的话"), _count(session, CapacityRequest, CapacityRequest.household_id == household.id)),
            Trace(Term("在交货凭证上说的话"), _count(session, SlipWord, SlipWord.delivery_id.in_(own))),
            _kept(Term("交货记录"), _count(session, HouseholdDelivery, deliveries)),
            _kept(Term("在批次里的份额"), _count(session, LotShare, LotShare.household_id == household.id)),
            _kept(Term("同意记录"), _count(session, Consent, Consent.household_id == household.id)),
            _kept(Term("透明日志")),
            _kept(Term("扫码记录")),
        ],
    )


def _of_person(session: Session, person_id: UUID) -> Footprint:
    person = session.get(Person, person_id)
    if person is None or person.erased_at is not None:
        raise NotFound("没有这个人。")
    bought = _count(session, Order, Order.buyer_person_id == person.id, Order.kind == OrderKind.CONSUMER)
    invoices = _count(session, InvoiceRequest, InvoiceRequest.buyer_person_id == person.id)
    obstacle = None
    if _count(session, Membership, Membership.person_id == person.id):
        obstacle = Term("这个人还在单位里担任角色。请先在单位名录里去掉，再删除。")
    elif find_unfinished(session, person.id) is not None:
        obstacle = Term("还有订单没有完成，完成或取消后才能删除。")
    return Footprint(
        kind=SubjectKind.PERSON,
        subject_id=person.id,
        code=f"PER-{person.id.hex[-8:].upper()}",
        label=person.name,
        obstacle=obstacle,
        traces=[
            Trace(Term("姓名、手机、邮箱"), 1),
            Trace(
                Term("登录方式"),
                _count(session, Login, Login.person_id == person.id) + _count(session, Passkey, Passkey.person_id == person.id),
            ),
            Trace(Term("已登录的浏览器"), _count(session, SignInSession, SignInSession.person_id == person.id)),
            Trace(Term("同意用户协议的记录"), _count(session, Agreement, Agreement.person_id == person.id)),
            Trace(Term("收货地址"), _count(session, Address, Address.person_id == person.id)),
            Trace(Term("购物车"), _count(session, Basket, Basket.person_id == person.id)),
            Trace(Term("消息"), _count(session, Notice, Notice.person_id == person.id)),
            Trace(Term("订单和包裹上的收货人"), bought),
            Trace(Term("工单里说的话和照片"), _count(session, Case, Case.opened_by == person.id)),
            Trace(Term("日志里的保密内容"), _count(session, SealedField, SealedField.subject_id == person.id)),
            _kept(Term("订单"), bought),
            _kept(Term("开票申请和抬头"), invoices),
            _kept(Term("银行流水")),
            _kept(Term("买家评价"), _count(session, Review, Review.person_id == person.id)),
            _kept(Term("透明日志")),
            _kept(Term("扫码记录")),
        ],
    )


def _kept(what: str, count: int = 0) -> Trace:
    return Trace(what, count, WHY_LABELS[what])


def _count(session: Session, table: Any, *conditions: Any) -> int:
    return session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0
