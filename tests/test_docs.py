"""What the documentation shows is run: each fenced block, in a folder of its own with sample pictures.

``python`` blocks are run as scripts, ``bash`` blocks as shell scripts that stop at the first error. Of a
``console`` block the lines after ``$`` are run, and the rest must be what they print (``...`` for anything).
A block that cannot be run here says why in a comment just above it, ``<!-- needs: a GPU and weights -->``;
it is skipped with that reason.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from PIL import Image, ImageDraw

from sightloop.tools import report_worlds
from sightloop.tools.video_worlds import films, write

from .clips import clip, moving
from .on_a_table import write_table

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    page
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks" / "README.md"]
    if page.is_file()
)
RUN = {"python", "bash", "console"}
SHOWN = {"text", "json", "toml", "yaml", "bibtex", "mermaid"}
NEEDS = re.compile(r"<!--\s*needs:\s*(.+?)\s*-->")
SECONDS = 300


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, in which language, and what it needs that a test machine lacks."""

    page: Path
    line: int
    language: str
    code: str
    needs: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    found = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "fence" and token.map is not None:
            comment = NEEDS.search(before.content) if before and before.type == "html_block" else None
            language = token.info.strip().split(" ")[0]
            found.append(
                Block(page, token.map[0] + 1, language, token.content, comment[1] if comment else None)
            )
    return found


BLOCKS = [block for page in PAGES for block in blocks(page)]


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of rendered video."""
    path = tmp_path_factory.mktemp("film") / "long.mp4"
    write(next(films(3, 1, 60.0)), path)
    return path


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blocks and a ball on a table, seen from eight cameras around it."""
    return write_table(tmp_path_factory.mktemp("scan") / "scan")


@pytest.fixture
def folder(tmp_path: Path, film: Path, scan: Path) -> Path:
    """A folder with what the documentation speaks of: pictures, videos, a scene, reports, the examples."""
    names = ("photo.png", "photo.jpg", "a.jpg", "b.jpg", "c.jpg", "page.png", "before.png", "after.png")
    for number, name in enumerate(names):
        image = Image.new("RGB", (128, 96), "white")
        draw = ImageDraw.Draw(image)
        draw.ellipse((16, 20, 52, 56), fill=(220, 30, 30))
        if number % 2:
            draw.rectangle((76, 40, 112, 76), fill=(30, 60, 220))
        image.save(tmp_path / name)
    shutil.copy(film, tmp_path / "long.mp4")
    (tmp_path / "clips").mkdir()
    for name in ("lecture.mp4", "clips/one.mp4", "clips/two.mp4"):
        clip(tmp_path / name, 50, paint=moving())
    shutil.copytree(scan, tmp_path / "scan")
    (tmp_path / "reports").mkdir()
    for seed, name in enumerate(("report.pdf", "reports/first.pdf", "reports/second.pdf")):
        report_worlds.write(report_worlds.draw(seed), tmp_path / name)
    if (ROOT / "examples").is_dir():
        shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def run(command: list[str], folder: Path) -> str:
    """Run a command as a reader would, with this environment's programs on the path; return its output."""
    here = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": here + os.pathsep + os.environ.get("PATH", ""), "COLUMNS": "100"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language in RUN], ids=str)
def test_block_runs(block: Block, folder: Path) -> None:
    if block.needs:
        pytest.skip(f"needs {block.needs}")
    if block.language == "python":
        script = folder / "block.py"
        script.write_text(block.code, encoding="utf-8")
        run([sys.executable, script.name], folder)
    elif block.language == "bash":
        run(["bash", "-euo", "pipefail", "-c", block.code], folder)
    else:
        for command, expected in sessions(block.code):
            printed = run(["bash", "-euo", "pipefail", "-c", command], folder)
            same = OutputChecker().check_output(expected, printed, ELLIPSIS | NORMALIZE_WHITESPACE)
            assert same or not expected, f"$ {command}\nshown:\n{expected}\nprinted:\n{printed}"


def sessions(code: str) -> list[tuple[str, str]]:
    """Split a console block into commands, continued by a backslash, and the output shown for each."""
    found: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, _, output = re.sub(r"\\\n", "", part).partition("\n")
        found.append((command, output.strip() and output))
    return found


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_block_has_a_known_language(block: Block) -> None:
    """So that no command escapes being run by having no label."""
    assert block.language in RUN | SHOWN
    assert block.language != "console" or block.code.startswith("$ ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    inline = [child for token in tokens for child in token.children or []]
    targets = [str(token.attrs.get("href") or token.attrs.get("src") or "") for token in inline]
    local = [target.split("#")[0] for target in targets if "://" not in target and not target.startswith("#")]
    assert [target for target in local if target and not (page.parent / target).exists()] == []


def test_the_readme_shows_commands() -> None:
    assert any(block.language in RUN for block in blocks(ROOT / "README.md"))


def test_the_checks_above_can_fail(folder: Path) -> None:
    page = folder / "page.md"
    page.write_text(
        "<!-- needs: a GPU -->\n```python\n1 / 0\n```\n\n```python\n1 / 0\n```\n\n"
        "1. a list\n\n   ```console\n   $ echo one \\\n     two\n   one ...\n   $ echo 3\n   4\n   ```\n"
    )
    exempt, broken, shell = blocks(page)
    assert exempt.needs == "a GPU"
    assert broken.needs is None
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        test_block_runs(broken, folder)
    assert [command.split() for command, _ in sessions(shell.code)] == [["echo", "one", "two"], ["echo", "3"]]
    with pytest.raises(AssertionError, match="shown:"):
        test_block_runs(shell, folder)
