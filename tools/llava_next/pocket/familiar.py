"""Whether a still looks like the worlds that the pocket model was trained on.

A small model answers anything with confidence, photographs included. So its weights come with the mean and
the covariance of what its language model is given of a still of its own worlds, of flat sheets and of solids
apart, and a still further from both than all but one in a hundred of them is called unfamiliar: Mahalanobis
distance of averaged features to the nearest class (Lee et al. 2018, "A Simple Unified Framework for Detecting
Out-of-Distribution Samples").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = "familiar.safetensors"
UNFAMILIAR_CONFIDENCE = 0.1
"""The most confidence that an answer about an unfamiliar still may claim."""
UNFAMILIAR = (
    "a picture is unlike the rendered worlds that the embedded pocket model was trained on: this is a "
    "guess; a full model reads photographs: `hf download llava-hf/llava-interleave-qwen-0.5b-hf`, then add "
    "`--model llava-hf/llava-interleave-qwen-0.5b-hf`"
)
SHRINKAGE = 0.01
"""Share of the average variance that is added to every direction, so that none is trusted too much."""


@dataclass(frozen=True, slots=True)
class Familiar:
    """Statistics of the features of known stills, in classes.

    Parameters
    ----------
    mean : (classes, hidden) float32
    precision : (classes, hidden, hidden) float32, inverses of the shrunk covariances, each over the median
        distance of its class: one unit is as usual in all of them
    threshold : squared distance to the nearest class beyond which a still is unfamiliar
    """

    mean: NDArray[np.float32]
    precision: NDArray[np.float32]
    threshold: float

    def distance(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute squared Mahalanobis distances to the nearest class, (N, hidden) to (N,)."""
        offset = features - self.mean[:, None]
        distance: NDArray[np.float32] = np.einsum("cni,cij,cnj->cn", offset, self.precision, offset).min(0)
        return distance

    def knows(self, features: NDArray[np.float32]) -> bool:
        """Say whether the averaged features of one still, (hidden,), lie within the threshold."""
        return bool(self.distance(features[None])[0] <= self.threshold)

    @classmethod
    def fit(
        cls, classes: Sequence[NDArray[np.float32]], held_out: NDArray[np.float32], share: float = 0.99
    ) -> Familiar:
        """Fit to averaged features of stills of each class; ``share`` of the held-out ones lie within."""
        precisions = []
        for known in classes:
            covariance = np.cov(known.T) + SHRINKAGE * known.var(0).mean() * np.eye(known.shape[1])
            inverse = np.linalg.inv(covariance).astype(np.float32)
            alone = cls(known.mean(0)[None], inverse[None], 0.0)
            precisions.append(inverse / np.median(alone.distance(known)))
        fitted = cls(np.stack([known.mean(0) for known in classes]), np.stack(precisions), 0.0)
        return replace(fitted, threshold=float(np.quantile(fitted.distance(held_out), share)))

    def save(self, folder: Path) -> None:
        """Write to the folder of a checkpoint."""
        from safetensors.numpy import save_file

        limit = np.array([self.threshold], np.float32)
        save_file({"mean": self.mean, "precision": self.precision, "threshold": limit}, folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> Familiar | None:
        """Read from the folder of a checkpoint; None where it has no such statistics."""
        from safetensors.numpy import load_file

        if not (folder / FILE).is_file():
            return None
        stored = load_file(folder / FILE)
        return cls(stored["mean"], stored["precision"], float(stored["threshold"][0]))
