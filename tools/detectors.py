"""Detectors: OWLv2 or Grounding DINO find named things in pictures, in the place of the eyes' votes.

Minderer, Gritsenko and Houlsby 2023 (arXiv 2306.09683); Liu et al. 2023 (arXiv 2303.05499). Weights come from
a folder or the hub; none are embedded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..memory import Box, Still
from ..memory.scene import Scene
from .instances import GENERIC, STANDS_OUT

if TYPE_CHECKING:
    from .proposals import Piece

THRESHOLD = 0.2
"""Score from which a box is kept."""
OVERLAPS = 0.5
"""Intersection over union from which a box shows a piece."""
BATCH = 4
"""Pictures that are looked at at once."""
SURE = 0.95
"""The most that scores of a detector, which are no probabilities, are believed."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A named box in pixels of a picture."""

    name: str
    box: Box
    score: float


class Detector:
    """A zero-shot object detector of transformers.

    Parameters
    ----------
    checkpoint : str
        Folder or name on the hub of an OWLv2, OWL-ViT or Grounding DINO checkpoint.
    device : str
    threshold : float
        Score from which a box is kept.

    Raises
    ------
    InputError
        If there is no such checkpoint, or it is none that detects what words name.
    """

    def __init__(self, checkpoint: str, *, device: str = "cpu", threshold: float = THRESHOLD) -> None:
        from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

        try:
            self._processor: Any = AutoProcessor.from_pretrained(checkpoint)
            self._model: Any = AutoModelForZeroShotObjectDetection.from_pretrained(checkpoint)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{checkpoint} is no detector that can be loaded; give a folder, or the hub's name, of an "
                f"OWLv2 or Grounding DINO checkpoint. ({str(error).splitlines()[0]})",
                input=checkpoint,
            ) from error
        self._model.to(device).eval()
        self._device = device
        self._threshold = threshold

    @property
    def _grounds(self) -> bool:
        """Whether it reads all names as one text, as Grounding DINO does."""
        return "grounding" in self._model.config.model_type

    def detect(self, stills: Sequence[Still], names: Sequence[str]) -> list[list[Detection]]:
        """Find things in pictures.

        Parameters
        ----------
        stills : sequence of Still
        names : sequence of str

        Returns
        -------
        list of list of Detection
            For each still, the surest first; boxes lie inside of the picture.
        """
        import torch

        found: list[list[Detection]] = []
        for start in range(0, len(stills) if names else 0, BATCH):
            batch = stills[start : start + BATCH]
            texts = self._texts(names)
            inputs = self._processor(
                images=[still.to_pil() for still in batch],
                text=[texts] * len(batch),
                return_tensors="pt",
                padding=True,
            ).to(self._device)
            with torch.inference_mode():
                outputs = self._model(**inputs)
            sizes = [(still.size.height, still.size.width) for still in batch]
            for still, result in zip(batch, self._read(outputs, inputs, sizes), strict=True):
                found.append(self._named(still, result, names))
        return found or [[] for _ in stills]

    def _texts(self, names: Sequence[str]) -> list[str] | str:
        if self._grounds:
            return " ".join(f"{name.casefold()}." for name in names)
        return [f"a photo of a {name}" for name in names]

    def _read(self, outputs: Any, inputs: Any, sizes: list[tuple[int, int]]) -> list[dict[str, Any]]:
        read = self._processor.post_process_grounded_object_detection
        if self._grounds:
            results = read(outputs, inputs["input_ids"], self._threshold, self._threshold, target_sizes=sizes)
        else:
            results = read(outputs, threshold=self._threshold, target_sizes=sizes)
        return list(results)

    def _named(self, still: Still, result: Mapping[str, Any], names: Sequence[str]) -> list[Detection]:
        labels = result["text_labels"] if self._grounds else result["labels"].tolist()
        width, height = still.size
        found = []
        for corners, score, label in zip(
            result["boxes"].tolist(), result["scores"].tolist(), labels, strict=True
        ):
            name = _nearest(label, names) if isinstance(label, str) else names[label]
            x0, x1 = (min(max(x, 0.0), float(width)) for x in corners[::2])
            y0, y1 = (min(max(y, 0.0), float(height)) for y in corners[1::2])
            if name and x1 - x0 >= 1 and y1 - y0 >= 1:
                found.append(Detection(name, Box(x0=x0, y0=y0, x1=x1, y1=y1), float(score)))
        return sorted(found, key=lambda one: -one.score)

    def called(self, scene: Scene, pieces: Sequence[Piece], names: Sequence[str]) -> list[dict[str, float]]:
        """Return how likely each name is for each piece, by the boxes that show it, over the views.

        A view that shows a piece and has no such box speaks against it. Generic names fit every piece.
        """
        asked = [name for name in names if name not in GENERIC]
        views = list(dict.fromkeys(view for piece in pieces for view in piece.patches))
        boxes = dict(zip(views, self.detect(scene.stills(views), asked), strict=True))
        found = []
        for piece in pieces:
            fits = self.fits(piece, boxes, asked)
            found.append(fits | {name: STANDS_OUT for name in names if name in GENERIC})
        parts = {part for piece in pieces for part in piece.parts}
        return [{} if number in parts else fits for number, fits in enumerate(found)]

    def fits(
        self, piece: Piece, boxes: Mapping[str, Sequence[Detection]], names: Sequence[str]
    ) -> dict[str, float]:
        """Return how likely each name is for a piece, by the boxes of each view."""
        scores = {
            name: float(
                np.mean([_score(patch.box, boxes[view], name) for view, patch in piece.patches.items()])
            )
            for name in names
        }
        return {name: min(SURE, score / max(score + self._threshold, 1e-9)) for name, score in scores.items()}


def _score(box: tuple[int, int, int, int], detections: Sequence[Detection], name: str) -> float:
    return max(
        (one.score for one in detections if one.name == name and overlap(box, one.box) >= OVERLAPS),
        default=0.0,
    )


def overlap(box: tuple[int, int, int, int], other: Box) -> float:
    """Return the intersection over union of two boxes."""
    x0, y0, x1, y1 = box
    wide = min(x1, other.x1) - max(x0, other.x0)
    high = min(y1, other.y1) - max(y0, other.y0)
    if wide <= 0 or high <= 0:
        return 0.0
    both = (x1 - x0) * (y1 - y0) + (other.x1 - other.x0) * (other.y1 - other.y0)
    return float(wide * high / (both - wide * high))


def _nearest(label: str, names: Sequence[str]) -> str | None:
    """Return the name that words read from a text belong to: the one that shares most words with them."""
    words = set(label.split())
    best = max(names, key=lambda name: len(words & set(name.casefold().split())))
    return best if words & set(best.casefold().split()) else None
