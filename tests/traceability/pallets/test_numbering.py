"""The numbers of a GLN: one row of them, whatever they stand on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.orm import Session

from kernel.db import work
from kernel.gs1 import make_gln, parse_sscc
from tests.factories.catalog import make_organization, make_place
from traceability.pallets.models import SsccCounter
from traceability.pallets.numbering import next_sscc

GLN = str(make_gln("952", 4712))


def test_the_numbers_of_a_place_go_on_and_end(session: Session) -> None:
    place = make_place(session, gln=GLN)

    def following(last: int) -> str | None:
        """Extension digit and reference of the number after ``last``."""
        session.merge(SsccCounter(body=GLN[:12], last=last))
        session.flush()
        found = next_sscc(session, place)
        return found and parse_sscc(found)[0] + found[13:17]

    first = next_sscc(session, place)
    assert first is not None
    assert first[:17] == f"0{GLN[:12]}0000"
    assert [following(last) for last in (41, 9_999, 99_998, 99_999)] == ["00042", "10000", "99999", None]


def test_a_place_without_a_gln_numbers_by_its_organisation(session: Session) -> None:
    organization = make_organization(session)
    place = make_place(session, organization)
    assert next_sscc(session, place) is None
    organization.gln = GLN
    found = next_sscc(session, place)
    assert found is not None
    assert found[1:13] == GLN[:12]


def test_nobody_gets_a_number_twice(database: str) -> None:
    with work() as session:
        place_id = make_place(session, gln=GLN).id

    def take(_: int) -> str | None:
        from catalog.parties.models import Place

        with work() as session:
            return next_sscc(session, session.get_one(Place, place_id))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(take, range(40)))
    assert len({*found}) == 40
    assert None not in found
