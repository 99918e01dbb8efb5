"""Connectors see the files under the given roots, and nothing else, however the path is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edurelay_connector_runner.files import FileRoots
from edurelay_connector_runner.sdk import ConfigurationError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a file, beside a file that nobody may see."""
    root = tmp_path / "root"
    (root / "inside").mkdir(parents=True)
    (root / "inside" / "students.csv").write_text("id")
    (tmp_path / "secret.csv").write_text("secret")
    return root


def test_paths_within_a_root_resolve_relative_or_absolute(root: Path) -> None:
    files = FileRoots([root])
    expected = root.resolve() / "inside" / "students.csv"
    assert files.resolve("inside/students.csv") == expected
    assert files.resolve(str(root / "inside" / "students.csv")) == expected
    assert files.resolve(str(root)) == root.resolve()


def test_what_does_not_exist_yet_resolves_too(root: Path) -> None:
    assert FileRoots([root]).resolve("export/new.csv") == root.resolve() / "export" / "new.csv"


@pytest.mark.parametrize("path", ["../secret.csv", "inside/../../secret.csv", "inside/..", "/etc/passwd", "", "a\x00b"])
def test_paths_that_lead_out_are_refused(root: Path, path: str) -> None:
    with pytest.raises(ConfigurationError):
        FileRoots([root]).resolve(path)


def test_a_sibling_whose_name_begins_alike_is_outside(root: Path, tmp_path: Path) -> None:
    (tmp_path / "root-of-others").mkdir()
    with pytest.raises(ConfigurationError, match="outside"):
        FileRoots([root]).resolve(str(tmp_path / "root-of-others"))


def test_links_that_lead_out_are_refused_and_those_within_are_followed(root: Path, tmp_path: Path) -> None:
    (root / "out").symlink_to(tmp_path)
    (root / "in").symlink_to(root / "inside")
    files = FileRoots([root])
    with pytest.raises(ConfigurationError, match="outside"):
        files.resolve("out/secret.csv")
    assert files.resolve("in/students.csv") == root.resolve() / "inside" / "students.csv"


def test_a_root_may_be_a_link_itself(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert FileRoots([tmp_path / "link"]).resolve("inside") == root.resolve() / "inside"


def test_several_roots_are_given_as_in_a_search_path(root: Path, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    files = FileRoots.of(os.pathsep.join([str(root), str(tmp_path / "second")]), "north")
    assert files.resolve(str(tmp_path / "second" / "x.csv")).name == "x.csv"


def test_without_a_root_there_is_no_access() -> None:
    with pytest.raises(ConfigurationError, match="EDURELAY_FILE_ROOTS"):
        FileRoots.of("", "north").resolve("x.csv")


def test_a_tenant_has_folders_of_its_own_and_those_that_are_shared(tmp_path: Path) -> None:
    setting = os.pathsep.join([f"{tmp_path}/{{tenant}}", f"{tmp_path}/shared"])
    north, south = (FileRoots.of(setting, tenant) for tenant in ("north", "south"))
    assert north.resolve("students.csv") == tmp_path.resolve() / "north" / "students.csv"
    assert south.resolve("students.csv") == tmp_path.resolve() / "south" / "students.csv"
    assert north.resolve(f"{tmp_path}/shared/a.csv") == south.resolve(f"{tmp_path}/shared/a.csv")
    for path in (f"{tmp_path}/north/students.csv", f"{tmp_path}/north", str(tmp_path)):
        with pytest.raises(ConfigurationError, match="outside"):
            south.resolve(path)


@pytest.mark.parametrize("tenant", ["..", ".", "", "a/b", "north/../south"])
def test_a_tenant_whose_id_is_no_folder_has_none(tmp_path: Path, tenant: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot name a folder"):
        FileRoots.of(f"{tmp_path}/{{tenant}}", tenant)


@pytest.mark.parametrize("path", [".edurelay", ".edurelay/stack.json", "inside/.secret/a.csv", "link"])
def test_what_is_hidden_is_refused_however_one_comes_to_it(root: Path, path: str) -> None:
    (root / ".edurelay").mkdir()
    (root / "link").symlink_to(root / ".edurelay")
    with pytest.raises(ConfigurationError, match="hidden"):
        FileRoots([root]).resolve(path)


def test_a_root_itself_may_be_hidden(tmp_path: Path) -> None:
    assert FileRoots([tmp_path / ".demo"]).resolve("a.csv") == tmp_path.resolve() / ".demo" / "a.csv"
