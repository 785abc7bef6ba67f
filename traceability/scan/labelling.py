"""Asking for labels: a job is a row, claimed by whoever draws it; boxes become printed when the sheet is there."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from catalog.parties.roles import SYSTEM, Actor, Role
from catalog.products.queries import get_product
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.ids import uuid7
from traceability.lots import serialising
from traceability.lots.balancing import lock_lots
from traceability.lots.models import Lot, TradeItem
from traceability.lots.queries import get_lot
from traceability.lots.states import ItemState, LotKind
from traceability.scan.models import LabelJob
from traceability.scan.sheets import Label
from traceability.scan.states import JOB_FLOW, JobState, Sheet

MOST_LABELS = 5_000
MOST_TRIES = 3
STALE = timedelta(minutes=15)


@dataclass(frozen=True)
class Drawing:
    """Everything needed to draw a sheet outside any transaction."""

    labels: Sequence[Label]
    sheet: Sheet
    public_url: str
    demo: bool


def ask_labels(
    session: Session,
    actor: Actor,
    *,
    lot_code: str,
    count: int,
    sheet: Sheet,
    public_url: str,
    demo: bool,
    at: datetime,
    again: bool = False,
) -> LabelJob:
    """Ask for labels of ``count`` boxes of a pack lot: those not printed yet, or with ``again`` those printed but not on a box yet.

    Clerks and packers of the owner, and the operator, may. Raises Forbidden, NotFound, Invalid (no pack lot, count), Conflict (no box
    left, or an address that no phone can open: outside the demo, such labels would be waste paper).
    """
    lot = get_lot(session, lot_code)
    must_label(actor, lot)
    lock_lots(session, [lot.id])  # who asks at the same time waits, and gets other boxes: no serial stands on two boxes
    if lot.kind is not LotKind.PACK:
        raise Invalid("只有装好盒的批次才能打印标签。", field="lot")
    if not 1 <= count <= MOST_LABELS:
        raise Invalid("张数应在 1 至 %(most)s 之间。", params={"most": MOST_LABELS}, field="count")
    if not demo and not is_reachable(public_url):
        raise Conflict(
            "本店首次启动时固定的网址 %(url)s 只有这台电脑能打开，印在标签上别人扫不开。请设好 PUBLIC_URL，用空的数据重新开店。",
            params={"url": public_url},
        )
    state = ItemState.PRINTED if again else ItemState.MADE
    query = select(TradeItem.serial).where(TradeItem.lot_id == lot.id, TradeItem.state == state).order_by(TradeItem.id)
    waiting = _waiting_serials(session, lot.id)
    serials = [serial for serial in session.scalars(query) if serial not in waiting][:count]
    if not serials:
        raise Conflict("这个批次没有待打印的盒子了。要重印，请选“重印已打印、未启用的标签”。", field="count")
    job = LabelJob(
        id=uuid7(),
        lot_id=lot.id,
        sheet=sheet,
        serials=serials,
        wanted=len(serials),
        public_url=public_url,
        demo=demo,
        asked_by=actor.label,
        asked_at=at,
    )
    session.add(job)
    session.flush()
    return job


def must_label(actor: Actor, lot: Lot) -> None:
    """Raises Forbidden unless the actor may print labels of the lot."""
    if not any((actor.operator, actor.has(Role.clerk, lot.organization_id), actor.has(Role.packer, lot.organization_id))):
        raise Forbidden("只有本单位的经办或打包员可以打印这个批次的标签。")


def is_reachable(url: str) -> bool:
    """Whether another machine can open ``url``: no loopback, no name of this machine alone."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host not in ("", "localhost") and not host.endswith(".localhost")
    return not (address.is_loopback or address.is_unspecified or address.is_link_local)


def get_job(session: Session, lot: Lot, job_id: UUID) -> LabelJob:
    """The print job of that lot. Raises NotFound."""
    job = session.get(LabelJob, job_id)
    if job is None or job.lot_id != lot.id:
        raise NotFound("没有这个打印任务。")
    return job


def list_open_jobs(session: Session, at: datetime, limit: int = 20) -> Sequence[UUID]:
    """Jobs that wait, and jobs whose worker was lost, oldest first."""
    lost = (LabelJob.state == JobState.RUNNING) & (LabelJob.claimed_at < at - STALE)
    query = select(LabelJob.id).where(or_(LabelJob.state == JobState.WAITING, lost)).order_by(LabelJob.id).limit(limit)
    return session.scalars(query).all()


def claim_job(session: Session, job_id: UUID, at: datetime) -> Drawing | None:
    """Take a job (compare-and-set); None when somebody else has it or it is done."""
    free = (LabelJob.state == JobState.WAITING) | ((LabelJob.state == JobState.RUNNING) & (LabelJob.claimed_at < at - STALE))
    claim = update(LabelJob).where(LabelJob.id == job_id, free)
    job = session.scalar(claim.values(state=JobState.RUNNING, claimed_at=at, tries=LabelJob.tries + 1, done=0).returning(LabelJob))
    if job is None:
        return None
    lot = session.get_one(Lot, job.lot_id)
    assert lot.product_sku is not None
    product = get_product(session, lot.product_sku)
    labels = [
        Label(product.name, product.net_content, lot.gtin, lot.code, serial, lot.produced_on, lot.expires_on)
        for serial in job.serials
    ]
    return Drawing(labels, job.sheet, job.public_url, job.demo)


def note_progress(session: Session, job_id: UUID, done: int) -> None:
    """How many labels are drawn so far."""
    session.execute(update(LabelJob).where(LabelJob.id == job_id, LabelJob.state == JobState.RUNNING).values(done=done))


def finish_job(session: Session, job_id: UUID, digest: str, at: datetime) -> None:
    """The sheet is in the store: the job is done, its boxes are printed (those that went on meanwhile stay as they are)."""
    job = session.get_one(LabelJob, job_id, with_for_update=True)
    if job.state is not JobState.RUNNING:
        return
    JOB_FLOW.check(job.state, JobState.DONE)
    job.state, job.done, job.file_digest, job.finished_at = JobState.DONE, job.wanted, digest, at
    open_ = (ItemState.MADE, ItemState.PRINTED, ItemState.ACTIVATED)
    query = select(TradeItem.serial).where(TradeItem.serial.in_(job.serials), TradeItem.state.in_(open_))
    if serials := session.scalars(query).all():
        serialising.mark_printed(session, SYSTEM, lot_id=job.lot_id, serials=serials, at=at)


def fail_job(session: Session, job_id: UUID, problem: str, at: datetime) -> None:
    """Drawing failed: wait for another try, or give up after ``MOST_TRIES`` and say why."""
    job = session.get_one(LabelJob, job_id, with_for_update=True)
    if job.state is not JobState.RUNNING:
        return
    given_up = job.tries >= MOST_TRIES
    job.state = JobState.FAILED if given_up else JobState.WAITING
    job.problem, job.finished_at = problem[:500], at if given_up else None


def _waiting_serials(session: Session, lot_id: UUID) -> set[str]:
    open_ = LabelJob.state.in_((JobState.WAITING, JobState.RUNNING))
    rows = session.scalars(select(LabelJob.serials).where(LabelJob.lot_id == lot_id, open_))
    return {serial for serials in rows for serial in serials}
