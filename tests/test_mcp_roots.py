"""Roots: only what lies in the folders of the client and of the operator is read, however it is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.errors import InputError
from sightloop.integrations.mcp_roots import LONGEST, Roots, folders


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files and links, and what lies beside it."""
    around = tmp_path_factory.mktemp("roots").resolve()
    for made in ("work/album", "work/linked", "work/inner", "other", "work space"):
        (around / made).mkdir(parents=True)
    for file in ("work/a.png", "work/album/b.png", "other/secret.png", "work space/ü 1.png", "worker.png"):
        (around / file).write_bytes(b"x")
    (around / "work/out.png").symlink_to(around / "other/secret.png")
    (around / "work/out").symlink_to(around / "other")
    (around / "work/linked/c.png").symlink_to(around / "other/secret.png")
    (around / "work/inner/d.png").symlink_to(around / "work/a.png")
    (around / "work/circle").symlink_to(around / "work/circle")
    (around / "work/gone.png").symlink_to(around / "other/gone.png")
    (around / "to_work").symlink_to(around / "work")
    return around


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("a.png", "work/a.png"),
        ("./album/../a.png", "work/a.png"),
        ("album/b.png", "work/album/b.png"),
        ("album", "work/album"),
        ("inner", "work/inner"),
        ("inner/d.png", "work/a.png"),
        ("not there.png", "work/not there.png"),
        ("{around}/work/a.png", "work/a.png"),
        ("{around}/other/../work/a.png", "work/a.png"),
        ("{around}/to_work/a.png", "work/a.png"),
        ("file://{around}/work/a.png", "work/a.png"),
        ("file://localhost{around}/work/album/b.png", "work/album/b.png"),
        ("file://{around}/work/%61.png", "work/a.png"),
    ],
)
def test_what_lies_in_a_root_is_read(around: Path, name: str, means: str) -> None:
    for roots in (
        Roots(clients=[around / "work"]),
        Roots(operators=[around / "work"]),
        Roots(operators=[around], clients=[around / "work"]),
        Roots(clients=[around / "to_work"]),
    ):
        assert roots.path(name.format(around=around)) == str(around / means)


@pytest.mark.parametrize(
    "name",
    [
        "../other/secret.png",
        "album/../../other/secret.png",
        "{around}/other/secret.png",
        "{around}/work/../other/secret.png",
        "{around}/worker.png",
        "{around}/other/not there.png",
        "{around}",
        "..",
        "/",
        "out.png",
        "out/secret.png",
        "out",
        "linked",
        "gone.png",
        ".",
        "circle",
        "file://{around}/other/secret.png",
        "file://{around}/work/%2e%2e/other/secret.png",
        "file://elsewhere{around}/work/a.png",
        "https://example.org/a.png",
        "http://127.0.0.1/a.png",
        "rtsp://example.org/stream",
        "file:",
        "",
        "a\0.png",
        "\ud800.png",
        "x" * (LONGEST + 1),
        "x" * 300,
    ],
)
def test_what_lies_outside_is_not(around: Path, name: str) -> None:
    work = around / "work"
    for roots in (
        Roots(clients=[work]),
        Roots(operators=[work]),
        Roots(operators=[work], clients=[around]),
    ):
        try:
            found = roots.path(name.format(around=around))
        except InputError as refused:
            assert len(refused.message) < 1000
            continue
        assert name == "x" * 300  # too long for a file, which reading it says
        assert Path(found).name == name


def test_a_relative_name_is_looked_for_in_every_root(around: Path) -> None:
    roots = Roots(clients=[around / "other", around / "work", around / "work space"])
    assert roots.path("a.png") == str(around / "work/a.png")
    assert roots.path("secret.png") == str(around / "other/secret.png")
    assert roots.path("out.png") == str(around / "other/secret.png")  # a link from one root to another


def test_without_any_root_nothing_is_read(around: Path) -> None:
    with pytest.raises(InputError, match="--root"):
        Roots().path(str(around / "work/a.png"))


def test_the_operators_folders_and_the_clients_must_both_hold_it(around: Path) -> None:
    roots = Roots(operators=[around / "work"], clients=[around / "other"])
    for name in ("a.png", "secret.png", str(around / "work/a.png"), str(around / "other/secret.png")):
        with pytest.raises(InputError, match="outside"):
            roots.path(name)


def test_a_root_may_be_a_file(around: Path) -> None:
    roots = Roots(clients=[around / "work/a.png"])
    assert roots.path(str(around / "work/a.png")) == str(around / "work/a.png")
    with pytest.raises(InputError, match="outside"):
        roots.path(str(around / "work/album/b.png"))


def test_folders_of_addresses(around: Path) -> None:
    space = around / "work space"
    named = [space.as_uri(), "file://localhost/a", "file://elsewhere/b", "https://example.org/c"]
    assert folders(named) == [space, Path("/a")]
    assert Roots(clients=folders(named)).path("ü 1.png") == str(space / "ü 1.png")


def test_what_a_root_covers_is_told_by_the_name_alone(around: Path) -> None:
    roots = Roots(clients=[around / "to_work"])
    for name in ("work/out.png", "to_work/out.png", "work/not there.png"):
        assert roots.covers(str(around / name))
    for name in ("other/secret.png", "worker.png", "work/../other/secret.png"):
        assert not roots.covers(str(around / name))


PARTS = st.sampled_from(
    ["..", ".", "work", "album", "a.png", "out", "other", "secret.png", "to_work", "//", "x"]
)


def test_what_comes_with_a_scene_lies_inside_too(around: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    for folder in (work / "model", work / "mesh", tmp_path / "images"):
        folder.mkdir(parents=True)
    for file in ("model/cameras.txt", "model/images.txt", "mesh/scene.json"):
        (work / file).touch()
    roots = Roots(clients=[work])
    assert roots.path("mesh/scene.json") == str(work / "mesh" / "scene.json")
    (work / "mesh" / "view.png").symlink_to(around / "other" / "secret.png")
    with pytest.raises(InputError, match="holds a link"):
        roots.path("mesh/scene.json")
    with pytest.raises(InputError, match="the pictures of model lie outside"):
        roots.path("model")
    (work / "images").mkdir()
    assert roots.path("model") == str(work / "model")


@given(parts=st.lists(PARTS, max_size=8), absolute=st.booleans())
def test_no_name_leads_out(around: Path, parts: list[str], absolute: bool) -> None:
    name = "/".join([str(around)] * absolute + parts)
    try:
        found = Path(Roots(clients=[around / "work"]).path(name))
    except InputError:
        return
    assert found.resolve() == found
    assert found.is_relative_to(around / "work")
