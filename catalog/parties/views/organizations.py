"""The operator's pages of organisations: the list, one organisation with its people, places and keys."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas.queries import name_path
from catalog.parties import keying, registering
from catalog.parties.access import current_actor, require
from catalog.parties.models import ROLE_LABELS, Organization, OrganizationKind, PlaceKind, Role, has_place_in
from catalog.parties.queries import (
    get_organization_by_code,
    list_keys,
    list_members,
    list_organizations,
    list_places,
)
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid, Problem
from kernel.web import language, once, wants_json

bp = Blueprint("organizations", __name__, url_prefix="/parties/organizations", template_folder="../templates")
PAGE = 50
E = TypeVar("E", bound=StrEnum)
KIND_LABELS = {
    OrganizationKind.COOPERATIVE: "合作社",
    OrganizationKind.SLAUGHTERHOUSE: "屠宰企业",
    OrganizationKind.PROCESSOR: "加工企业",
    OrganizationKind.HUB: "仓配中心",
    OrganizationKind.BUYING_ORGANIZATION: "采购单位",
    OrganizationKind.CERTIFIER: "证书登记机构",
    OrganizationKind.COUNTY_OFFICE: "县级部门",
    OrganizationKind.OPERATOR: "平台运营方",
}
PLACE_LABELS = {
    PlaceKind.BASE: "基地",
    PlaceKind.COLLECTION_POINT: "收购点",
    PlaceKind.SLAUGHTERHOUSE: "屠宰场",
    PlaceKind.PLANT: "加工厂",
    PlaceKind.COLD_STORE: "冷库",
    PlaceKind.HUB: "仓配中心",
    PlaceKind.OFFICE: "办公室",
}


def picked(kinds: type[E], text: str | None, field: str) -> E:
    """The member of an enum that a form chose. Raises Invalid."""
    try:
        return kinds(text or "")
    except ValueError:
        raise Invalid("请从列出的选项里选一个。", field=field) from None


@bp.get("/")
@require(Role.operator, Role.county_officer, Role.auditor)
def index() -> ResponseReturnValue:
    return _list_page({}, {}), 200


def _list_page(form: object, errors: object) -> str | Response:
    kind = request.args.get("kind") or None
    chosen = OrganizationKind(kind) if kind in set(OrganizationKind) else None
    search, after = request.args.get("q", "")[:80], request.args.get("after") or None
    with reading() as session:
        rows = list_organizations(session, kind=chosen, search=search, after=after, limit=PAGE + 1)
        more = url_for(".index", kind=kind, q=search or None, after=rows[PAGE - 1].code) if len(rows) > PAGE else None
        if wants_json():
            return jsonify({"organizations": [_shown(row) for row in rows[:PAGE]], "next": more})
        return render_template(
            "parties/organizations.html",
            rows=rows[:PAGE],
            more=more,
            first=url_for(".index", kind=kind, q=search or None) if after else None,
            kind=chosen,
            search=search,
            kinds=KIND_LABELS,
            may_edit=current_actor().operator,
            form=form,
            errors=errors,
        )


@bp.post("/")
@require(Role.operator)
def create() -> ResponseReturnValue:
    try:
        return _create()
    except Problem as problem:
        if wants_json():
            raise
        return _list_page(request.form, problem.by_field(_)), problem.status


@once
def _create(session: Session) -> ResponseReturnValue:
    form = request.form
    kind = picked(OrganizationKind, form.get("kind"), "kind")
    organization = registering.register_organization(
        session,
        current_actor(),
        kind=kind,
        name=form.get("name", ""),
        name_en=form.get("name_en", ""),
        uscc=form.get("uscc") or None,
        county_code=form.get("county_code") or None,
        address=form.get("address", ""),
        contact_phone=form.get("contact_phone", ""),
        at=clock.now(),
    )
    flash(_("已登记单位“%(name)s”，编号 %(code)s。", name=organization.name, code=organization.code), "ok")
    return redirect(url_for(".show", code=organization.code))


@bp.get("/<code>")
@require(Role.operator, Role.county_officer, Role.auditor)
def show(code: str) -> ResponseReturnValue:
    return _page(code, {}, {}), 200


def _page(code: str, form: object, errors: object, token: str = "") -> str:
    with reading() as session:
        organization = get_organization_by_code(session, code)
        return render_template(
            "parties/organization.html",
            organization=organization,
            area=name_path(session, organization.county_code or "", english=language() == "en"),
            kind=KIND_LABELS[organization.kind],
            members=list_members(session, organization.id),
            places=list_places(session, organization.id),
            place_labels=PLACE_LABELS,
            keys=list_keys(session, organization.id),
            roles=ROLE_LABELS,
            offered=[role for role in Role if has_place_in(role, organization.kind)],
            scopes=keying.SCOPES,
            may_edit=current_actor().operator,
            form=form,
            errors=errors,
            token=token,
        )


@bp.post("/<code>/members")
@require(Role.operator)
def add_member(code: str) -> ResponseReturnValue:
    try:
        return _add_member(code)
    except Problem as problem:
        if wants_json():
            raise
        return _page(code, request.form, problem.by_field(_)), problem.status


@once
def _add_member(session: Session, code: str) -> ResponseReturnValue:
    """Enter a person and give the role in one step."""
    organization, at, form = get_organization_by_code(session, code), clock.now(), request.form
    role = picked(Role, form.get("role"), "role")
    person = registering.register_person(
        session,
        current_actor(),
        name=form.get("name", ""),
        phone=form.get("phone") or None,
        email=form.get("email") or None,
        is_demo=organization.is_demo,
        at=at,
    )
    registering.add_member(session, current_actor(), person_id=person.id, organization_id=organization.id, role=role, at=at)
    flash(_("已添加“%(name)s”。", name=person.name), "ok")
    return redirect(url_for(".show", code=code))


@bp.post("/<code>/members/<uuid:person_id>/remove")
@require(Role.operator)
@once
def remove_member(session: Session, code: str, person_id: UUID) -> ResponseReturnValue:
    organization = get_organization_by_code(session, code)
    role = picked(Role, request.form.get("role"), "role")
    registering.remove_member(session, current_actor(), person_id=person_id, organization_id=organization.id, role=role)
    flash(_("已移除这个角色。"), "ok")
    return redirect(url_for(".show", code=code))


@bp.post("/<code>/places")
@require(Role.operator)
def add_place(code: str) -> ResponseReturnValue:
    try:
        return _add_place(code)
    except Problem as problem:
        if wants_json():
            raise
        return _page(code, request.form, problem.by_field(_)), problem.status


@once
def _add_place(session: Session, code: str) -> ResponseReturnValue:
    organization, form = get_organization_by_code(session, code), request.form
    kind = picked(PlaceKind, form.get("kind"), "kind")
    place = registering.register_place(
        session,
        current_actor(),
        organization_id=organization.id,
        name=form.get("place_name", ""),
        kind=kind,
        county_code=form.get("county_code", ""),
        gln=form.get("gln") or None,
        is_demo=organization.is_demo,
    )
    flash(_("已添加地点“%(name)s”。", name=place.name), "ok")
    return redirect(url_for(".show", code=code))


def _shown(organization: Organization) -> dict[str, str | None]:
    return {
        "code": organization.code,
        "name": organization.name,
        "kind": organization.kind.value,
        "county_code": organization.county_code,
    }
