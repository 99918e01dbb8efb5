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
    files = FileRoots.from_setting(os.pathsep.join([str(root), str(tmp_path / "second")]))
    assert files.resolve(str(tmp_path / "second" / "x.csv")).name == "x.csv"


def test_without_a_root_there_is_no_access() -> None:
    with pytest.raises(ConfigurationError, match="EDURELAY_FILE_ROOTS"):
        FileRoots.from_setting("").resolve("x.csv")
