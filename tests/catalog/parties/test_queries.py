"""Looking up parties."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from catalog.parties import queries
from catalog.parties.models import OrganizationKind, Role
from kernel.errors import NotFound
from kernel.ids import uuid7
from tests.factories.catalog import make_actor, make_household, make_organization, make_person, make_place


def test_organisations_page_by_code(session: Session) -> None:
    made = sorted(make_organization(session, OrganizationKind.PROCESSOR).code for _ in range(5))
    first = queries.list_organizations(session, kind=OrganizationKind.PROCESSOR, limit=3)
    rest = queries.list_organizations(session, kind=OrganizationKind.PROCESSOR, after=first[-1].code, limit=3)
    assert [row.code for row in [*first, *rest]] == made


def test_organisations_are_found_by_name_and_code(session: Session) -> None:
    organization = make_organization(session, name="100%示例_合作社")
    for word in ("100%示例", organization.code, organization.code.lower()):
        assert queries.list_organizations(session, search=word) == [organization]
    assert queries.list_organizations(session, search="100_示例") == []


def test_households_are_found_by_number_name_initials_and_village(session: Session) -> None:
    cooperative = make_organization(session)
    household = make_household(session, cooperative, head_name="赵示例", village="沙泉湾村")
    make_household(session, cooperative, head_name="钱示例", village="别村")
    for word in ("1", "赵", "zsl", "沙泉"):
        assert queries.list_households(session, cooperative.id, search=word) == [household]
    assert len(queries.list_households(session, cooperative.id, limit=1)) == 1
    assert [row.member_no for row in queries.list_households(session, cooperative.id, after=1)] == [2]
    assert queries.count_households(session, cooperative.id) == 2


def test_one_letter_finds_without_reading_every_household(session: Session) -> None:
    """The first letters are sought in their index, also among thousands of households."""
    cooperative = make_organization(session)
    make_household(session, cooperative, head_name="曾志强")
    row = "SELECT gen_random_uuid(), :coop, n, '赵示例' || n, 'zsl', '640323', '', '', '{}', false, now() FROM generate_series(2, 4000) n"
    columns = "id, cooperative_id, member_no, head_name, pinyin_initials, county_code, town, village, capacity, is_demo, created_at"
    session.execute(text(f"INSERT INTO parties_household ({columns}) {row}"), {"coop": cooperative.id})
    session.execute(text("ANALYZE parties_household"))
    assert [row.head_name for row in queries.list_households(session, cooperative.id, search="ZZQ")] == ["曾志强"]
    seek = "cooperative_id = :coop AND pinyin_initials LIKE 'zzq%' ORDER BY member_no LIMIT 50"
    plan = session.execute(text(f"EXPLAIN SELECT * FROM parties_household WHERE {seek}"), {"coop": cooperative.id}).scalars().all()
    assert any("ix_parties_household_initials" in line for line in plan), plan
    assert not any("Seq Scan" in line for line in plan), plan


def test_an_actor_carries_all_roles(session: Session) -> None:
    person, cooperative, hub = make_person(session), make_organization(session), make_organization(session, OrganizationKind.HUB)
    make_actor(session, Role.clerk, cooperative, person=person)
    actor = make_actor(session, [Role.packer], hub, person=person)
    assert actor.roles == {cooperative.id: {Role.clerk}, hub.id: {Role.packer}}
    assert person.name in actor.label


def test_what_is_not_there_is_not_found(session: Session) -> None:
    nobody = uuid7()
    for look in (queries.get_organization, queries.get_person, queries.get_household, queries.get_place, queries.get_actor):
        with pytest.raises(NotFound):
            look(session, nobody)
    with pytest.raises(NotFound):
        queries.get_organization_by_code(session, "PTY-0")
    assert queries.find_person(session, phone="13800000001") is None


def test_places_of_an_organisation(session: Session) -> None:
    place = make_place(session, gln="9521000000018")
    assert queries.list_places(session, place.organization_id) == [place]
    assert queries.find_place_by_gln(session, "9521000000018") is place
