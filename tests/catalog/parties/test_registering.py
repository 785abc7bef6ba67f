"""Entering organisations, people, households and places."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from catalog.parties import queries, registering
from catalog.parties.models import PLATFORM_ROLES, SYSTEM, Household, OrganizationKind, PlaceKind, Role
from catalog.parties.queries import get_actor, list_households, list_members
from kernel.db import work
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from tests.factories.catalog import YANCHI, make_actor, make_household, make_organization, make_person, make_place

USCC = "91110000600037341L"


def test_an_organisation_gets_a_code(session: Session) -> None:
    organization = make_organization(session, uscc=USCC)
    assert organization.code.startswith("PTY-")
    assert organization.uscc == USCC


@pytest.mark.parametrize(
    ("over", "problem"),
    [
        ({"name": "  "}, Invalid),
        ({"name": "长" * 121}, Invalid),
        ({"uscc": "91110000600037341A"}, Invalid),
        ({"gln": "1234567890123"}, Invalid),
        ({"county_code": "000000"}, NotFound),
    ],
)
def test_wrong_fields_are_refused(session: Session, over: dict[str, str], problem: type[Exception]) -> None:
    with pytest.raises(problem):
        make_organization(session, **over)


def test_one_uscc_one_organisation(session: Session) -> None:
    make_organization(session, uscc=USCC)
    with pytest.raises(Conflict):
        make_organization(session, uscc=USCC)


def test_only_the_operator_enters_organisations(session: Session, at: datetime) -> None:
    clerk = make_actor(session, Role.clerk)
    with pytest.raises(Forbidden):
        registering.register_organization(session, clerk, kind=OrganizationKind.COOPERATIVE, name="x", at=at)


def test_a_phone_number_belongs_to_one_person(session: Session) -> None:
    person = make_person(session, phone="+86 138-1234-5678", email=" A@B.cn ")
    assert (person.phone, person.email) == ("13812345678", "a@b.cn")
    with pytest.raises(Conflict):
        make_person(session, phone="13812345678")
    with pytest.raises(Conflict):
        make_person(session, email="a@b.cn")
    for bad in ("12345", "23812345678", "１３８"):
        with pytest.raises(Invalid):
            make_person(session, phone=bad)
    with pytest.raises(Invalid):
        make_person(session, email="not an address")


def test_a_role_is_given_once_and_taken_away(session: Session, at: datetime) -> None:
    organization, person = make_organization(session), make_person(session)
    for _ in range(2):
        registering.add_member(session, SYSTEM, person_id=person.id, organization_id=organization.id, role=Role.clerk, at=at)
    assert list_members(session, organization.id) == [(person, [Role.clerk])]
    registering.remove_member(session, SYSTEM, person_id=person.id, organization_id=organization.id, role=Role.clerk)
    assert list_members(session, organization.id) == []
    with pytest.raises(NotFound):
        registering.remove_member(session, SYSTEM, person_id=person.id, organization_id=organization.id, role=Role.clerk)


@pytest.mark.parametrize("role", sorted(PLATFORM_ROLES))
@pytest.mark.parametrize("kind", [kind for kind in OrganizationKind if kind is not OrganizationKind.OPERATOR])
def test_nobody_enters_the_back_office_through_another_organisation(
    session: Session, at: datetime, kind: OrganizationKind, role: Role
) -> None:
    elsewhere, person = make_organization(session, kind), make_person(session)
    with pytest.raises(Invalid):
        registering.add_member(session, SYSTEM, person_id=person.id, organization_id=elsewhere.id, role=role, at=at)
    assert not get_actor(session, person.id).has(role)
    assert make_actor(session, role).has(role)


@pytest.mark.parametrize("role", sorted(PLATFORM_ROLES))
def test_without_that_guard_the_row_is_written_and_still_opens_nothing(
    session: Session, at: datetime, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guards switched off one after the other."""
    cooperative, person = make_organization(session), make_person(session)
    monkeypatch.setattr(registering, "has_place_in", lambda *_: True)
    registering.add_member(session, SYSTEM, person_id=person.id, organization_id=cooperative.id, role=role, at=at)
    assert list_members(session, cooperative.id) == [(person, [role])]
    assert not get_actor(session, person.id).has(role)
    monkeypatch.setattr(queries, "has_place_in", lambda *_: True)
    assert get_actor(session, person.id).has(role)


def test_an_organisations_own_inspector_stays(session: Session) -> None:
    office = make_organization(session, OrganizationKind.BUYING_ORGANIZATION)
    assert make_actor(session, Role.inspector, office).has(Role.inspector, office.id)


def test_households_are_numbered_in_turn(session: Session) -> None:
    cooperative = make_organization(session)
    households = [make_household(session, cooperative) for _ in range(3)]
    assert [household.member_no for household in households] == [1, 2, 3]
    assert households[0].pinyin_initials == "wsl"
    assert make_household(session, cooperative, member_no=9).member_no == 9
    assert make_household(session, cooperative).member_no == 10
    with pytest.raises(Conflict):
        make_household(session, cooperative, member_no=9)


@pytest.mark.parametrize("capacity", [{"land_mu": "-1"}, {"heads": "many"}, {"cars": "2"}, {"hives": "NaN"}])
def test_a_capacity_that_is_none_is_refused(session: Session, capacity: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        make_household(session, capacity=capacity)


def test_a_clerk_enters_households_of_the_own_cooperative_only(session: Session, at: datetime) -> None:
    mine, other = make_organization(session), make_organization(session)
    clerk = make_actor(session, Role.clerk, mine)
    assert registering.register_household(
        session, clerk, cooperative_id=mine.id, head_name="张示例", county_code=YANCHI, at=at
    ).head_name
    with pytest.raises(Forbidden):
        registering.register_household(session, clerk, cooperative_id=other.id, head_name="张示例", county_code=YANCHI, at=at)


def test_households_belong_to_cooperatives(session: Session) -> None:
    with pytest.raises(NotFound):
        make_household(session, make_organization(session, OrganizationKind.HUB))


def test_a_gln_names_one_place(session: Session) -> None:
    gln = "9521000000018"
    make_place(session, gln=gln, kind=PlaceKind.COLD_STORE)
    with pytest.raises(Conflict):
        make_place(session, gln=gln)


def enter_at_once(cooperative_id: object, at: datetime, times: int = 4) -> list[Exception]:
    errors: list[Exception] = []
    ready = threading.Barrier(times)

    def enter() -> None:
        try:
            ready.wait()
            with work() as session:
                registering.register_household(
                    session,
                    SYSTEM,
                    cooperative_id=cooperative_id,  # type: ignore[arg-type]
                    head_name="王示例",
                    county_code=YANCHI,
                    at=at,
                )
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=enter) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_two_clerks_at_once_give_out_two_numbers(database: str, at: datetime) -> None:
    with work() as session:
        cooperative_id = make_organization(session).id
    assert enter_at_once(cooperative_id, at) == []
    with work() as session:
        assert [row.member_no for row in list_households(session, cooperative_id)] == [1, 2, 3, 4]


def test_without_the_lock_they_collide(database: str, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off: the unique constraint, the second guard, refuses what the lock would have kept in turn."""
    with work() as session:
        cooperative_id = make_organization(session).id
    plain = Session.get
    barrier = threading.Barrier(4, timeout=5)

    def unlocked(self: Session, entity: type, ident: object, **options: object) -> object:
        return plain(self, entity, ident)

    scalar = Session.scalar

    def together(self: Session, *args: object, **kwargs: object) -> object:
        found = scalar(self, *args, **kwargs)  # type: ignore[arg-type]
        if "max(" in str(args[0]):
            barrier.wait()
        return found

    monkeypatch.setattr(Session, "get", unlocked)
    monkeypatch.setattr(Session, "scalar", together)
    errors = enter_at_once(cooperative_id, at)
    assert len(errors) == 3
    assert all("uq_parties_household" in str(error) for error in errors)
    monkeypatch.undo()
    with work() as session:
        assert session.query(Household).count() == 1
