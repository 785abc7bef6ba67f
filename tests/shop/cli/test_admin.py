"""`./shanhai admin create`: the first operator can sign in; weak passwords are refused."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from catalog.parties.models import Membership, Role
from kernel.db import work
from kernel.errors import Invalid
from shop.accounts.signing import sign_in
from shop.cli.admin import check_strength
from shop.config import RUN_FILE
from tests.conftest import ROOT, make_config
from tests.factories.catalog import AT


@pytest.mark.parametrize("password", ["aaaaaaaaaa1", "onlyletters", "1234567890", "shanhai-2026!", "boss-boss-99"])
def test_what_is_easily_guessed_is_refused(password: str) -> None:
    with pytest.raises(Invalid):
        check_strength(password, "boss")


def test_the_first_operator(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_config(tmp_path, database).save(tmp_path / "run.json")
    monkeypatch.setenv(RUN_FILE, str(tmp_path / "run.json"))

    def create(password: str) -> subprocess.CompletedProcess[str]:
        words = ["admin", "create", "--name", "掌柜", "--login", "Boss", "--organization", "某运营公司", "--password-stdin"]
        return subprocess.run(
            [sys.executable, "-m", "shop.cli", *words], cwd=ROOT, input=password + "\n", capture_output=True, text=True, timeout=120
        )

    assert create("short1!").returncode == 1
    done = create("harvest-moon-7")
    assert done.returncode == 0, done.stderr
    assert create("harvest-moon-8").returncode == 1, "the name is taken"
    with work() as session:
        assert sign_in(session, name="boss", password="harvest-moon-7", at=AT)
        assert session.scalars(select(Membership.role)).all() == [Role.operator], "nothing half-made"
