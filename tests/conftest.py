"""What all tests share: one thread, bounded hypothesis runs, and sample pictures."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy and torch read it
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may depend on a hub
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image, ImageDraw
from serving import guarded, served

__all__ = ["guarded", "served"]

settings.register_profile(
    "house", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("house")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository, which is also the package."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A PNG of 96x64 with one red circle left and one blue square right, on white."""
    image = Image.new("RGB", (96, 64), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((12, 16, 44, 48), fill=(220, 30, 30))
    draw.rectangle((56, 16, 88, 48), fill=(30, 60, 220))
    path = tmp_path / "picture.png"
    image.save(path)
    return path


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Keep cv2 to one thread; torch reads OMP_NUM_THREADS when it is imported."""
    import cv2

    cv2.setNumThreads(1)
