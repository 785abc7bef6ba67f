"""Where sockets lie: short, private, and never in a folder somebody else prepared."""

import os
from pathlib import Path

import pytest

from kernel.local import MachineProblem
from kernel.local.places import make_socket_folder, remove_socket_folder, socket_folder


def test_sockets_of_a_deep_checkout_have_a_short_path(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-folder-name"] * 8)
    assert len(os.fsencode(socket_folder(deep) / ".s.PGSQL.5432")) < 100
    assert socket_folder(deep) == socket_folder(deep / ".." / deep.name)
    assert socket_folder(deep) != socket_folder(tmp_path)


def test_socket_folder_is_emptied_and_closed(tmp_path: Path) -> None:
    path = socket_folder(tmp_path)
    path.mkdir(mode=0o755)
    (path / ".s.PGSQL.5432.lock").write_text("1")
    assert make_socket_folder(tmp_path) == path
    assert path.stat().st_mode & 0o777 == 0o700
    assert list(path.iterdir()) == []
    remove_socket_folder(tmp_path)
    remove_socket_folder(tmp_path)
    assert not path.exists()


def test_link_in_place_of_the_socket_folder_is_refused(tmp_path: Path) -> None:
    path = socket_folder(tmp_path)
    path.symlink_to(tmp_path)
    try:
        with pytest.raises(MachineProblem, match="was made by somebody else"):
            make_socket_folder(tmp_path)
    finally:
        path.unlink()


def test_socket_folder_of_another_account_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernel.local.places.os.getuid", lambda: 54321)
    path = socket_folder(tmp_path)
    path.mkdir(mode=0o700)  # owned by whoever runs the tests, who is not 54321
    try:
        with pytest.raises(MachineProblem, match="was made by somebody else"):
            make_socket_folder(tmp_path)
    finally:
        path.rmdir()
