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
    for made in ("desk/album", "desk/linked", "desk/inner", "other", "desk space"):
        (around / made).mkdir(parents=True)
    for file in ("desk/a.png", "desk/album/b.png", "other/secret.png", "desk space/ü 1.png", "desks.png"):
        (around / file).write_bytes(b"x")
    (around / "desk/out.png").symlink_to(around / "other/secret.png")
    (around / "desk/out").symlink_to(around / "other")
    (around / "desk/linked/c.png").symlink_to(around / "other/secret.png")
    (around / "desk/inner/d.png").symlink_to(around / "desk/a.png")
    (around / "desk/circle").symlink_to(around / "desk/circle")
    (around / "desk/gone.png").symlink_to(around / "other/gone.png")
    (around / "to_desk").symlink_to(around / "desk")
    return around


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("a.png", "desk/a.png"),
        ("./album/../a.png", "desk/a.png"),
        ("album/b.png", "desk/album/b.png"),
        ("album", "desk/album"),
        ("inner", "desk/inner"),
        ("inner/d.png", "desk/a.png"),
        ("not there.png", "desk/not there.png"),
        ("{around}/desk/a.png", "desk/a.png"),
        ("{around}/other/../desk/a.png", "desk/a.png"),
        ("{around}/to_desk/a.png", "desk/a.png"),
        ("file://{around}/desk/a.png", "desk/a.png"),
        ("file://localhost{around}/desk/album/b.png", "desk/album/b.png"),
        ("file://{around}/desk/%61.png", "desk/a.png"),
    ],
)
def test_what_lies_in_a_root_is_read(around: Path, name: str, means: str) -> None:
    for roots in (
        Roots(clients=[around / "desk"]),
        Roots(operators=[around / "desk"]),
        Roots(operators=[around], clients=[around / "desk"]),
        Roots(clients=[around / "to_desk"]),
    ):
        assert roots.path(name.format(around=around)) == str(around / means)


@pytest.mark.parametrize(
    "name",
    [
        "../other/secret.png",
        "album/../../other/secret.png",
        "{around}/other/secret.png",
        "{around}/desk/../other/secret.png",
        "{around}/desks.png",
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
        "file://{around}/desk/%2e%2e/other/secret.png",
        "file://elsewhere{around}/desk/a.png",
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
    desk = around / "desk"
    for roots in (
        Roots(clients=[desk]),
        Roots(operators=[desk]),
        Roots(operators=[desk], clients=[around]),
    ):
        try:
            found = roots.path(name.format(around=around))
        except InputError as refused:
            assert len(refused.message) < 1000
            continue
        assert name == "x" * 300  # too long for a file, which reading it says
        assert Path(found).name == name


def test_a_relative_name_is_looked_for_in_every_root(around: Path) -> None:
    roots = Roots(clients=[around / "other", around / "desk", around / "desk space"])
    assert roots.path("a.png") == str(around / "desk/a.png")
    assert roots.path("secret.png") == str(around / "other/secret.png")
    assert roots.path("out.png") == str(around / "other/secret.png")  # a link from one root to another


def test_without_any_root_nothing_is_read(around: Path) -> None:
    with pytest.raises(InputError, match="--root"):
        Roots().path(str(around / "desk/a.png"))


def test_the_operators_folders_and_the_clients_must_both_hold_it(around: Path) -> None:
    roots = Roots(operators=[around / "desk"], clients=[around / "other"])
    for name in ("a.png", "secret.png", str(around / "desk/a.png"), str(around / "other/secret.png")):
        with pytest.raises(InputError, match="outside"):
            roots.path(name)


def test_a_root_may_be_a_file(around: Path) -> None:
    roots = Roots(clients=[around / "desk/a.png"])
    assert roots.path(str(around / "desk/a.png")) == str(around / "desk/a.png")
    with pytest.raises(InputError, match="outside"):
        roots.path(str(around / "desk/album/b.png"))


def test_folders_of_addresses(around: Path) -> None:
    space = around / "desk space"
    named = [space.as_uri(), "file://localhost/a", "file://elsewhere/b", "https://example.org/c"]
    assert folders(named) == [space, Path("/a")]
    assert Roots(clients=folders(named)).path("ü 1.png") == str(space / "ü 1.png")


def test_what_a_root_covers_is_told_by_the_name_alone(around: Path) -> None:
    roots = Roots(clients=[around / "to_desk"])
    for name in ("desk/out.png", "to_desk/out.png", "desk/not there.png"):
        assert roots.covers(str(around / name))
    for name in ("other/secret.png", "desks.png", "desk/../other/secret.png"):
        assert not roots.covers(str(around / name))


PARTS = st.sampled_from(
    ["..", ".", "desk", "album", "a.png", "out", "other", "secret.png", "to_desk", "//", "x"]
)


def test_what_comes_with_a_scene_lies_inside_too(around: Path, tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    for folder in (desk / "model", desk / "mesh", tmp_path / "images"):
        folder.mkdir(parents=True)
    for file in ("model/cameras.txt", "model/images.txt", "mesh/scene.json"):
        (desk / file).touch()
    roots = Roots(clients=[desk])
    assert roots.path("mesh/scene.json") == str(desk / "mesh" / "scene.json")
    (desk / "mesh" / "view.png").symlink_to(around / "other" / "secret.png")
    with pytest.raises(InputError, match="holds a link"):
        roots.path("mesh/scene.json")
    with pytest.raises(InputError, match="the pictures of model lie outside"):
        roots.path("model")
    (desk / "images").mkdir()
    assert roots.path("model") == str(desk / "model")


@given(parts=st.lists(PARTS, max_size=8), absolute=st.booleans())
def test_no_name_leads_out(around: Path, parts: list[str], absolute: bool) -> None:
    name = "/".join([str(around)] * absolute + parts)
    try:
        found = Path(Roots(clients=[around / "desk"]).path(name))
    except InputError:
        return
    assert found.resolve() == found
    assert found.is_relative_to(around / "desk")
