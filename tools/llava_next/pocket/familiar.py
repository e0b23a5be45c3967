"""Whether a still looks like the worlds that the pocket model was trained on.

A small model answers anything with confidence, photographs included. So its weights come with the mean and
the covariance of what its language model is given of a still of its own worlds, and a still further from them
than all but one in a hundred of their kind is called unfamiliar: Mahalanobis distance of averaged features
(Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples").
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """Statistics of the features of known stills.

    Parameters
    ----------
    mean : (hidden,) float32
    precision : (hidden, hidden) float32, inverse of the shrunk covariance
    threshold : squared distance beyond which a still is unfamiliar
    """

    mean: NDArray[np.float32]
    precision: NDArray[np.float32]
    threshold: float

    def distance(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute squared Mahalanobis distances of averaged features, (N, hidden) to (N,)."""
        offset = features - self.mean
        distance: NDArray[np.float32] = np.einsum("ni,ij,nj->n", offset, self.precision, offset)
        return distance

    def knows(self, features: NDArray[np.float32]) -> bool:
        """Say whether the averaged features of one still, (hidden,), lie within the threshold."""
        return bool(self.distance(features[None])[0] <= self.threshold)

    @classmethod
    def fit(cls, known: NDArray[np.float32], held_out: NDArray[np.float32], share: float = 0.99) -> Familiar:
        """Fit to averaged features of known stills; ``share`` of the held-out ones lie within."""
        mean = known.mean(0)
        covariance = np.cov(known.T) + SHRINKAGE * known.var(0).mean() * np.eye(known.shape[1])
        fitted = cls(mean, np.linalg.inv(covariance).astype(np.float32), 0.0)
        return cls(mean, fitted.precision, float(np.quantile(fitted.distance(held_out), share)))

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
