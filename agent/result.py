"""Result: what a run found, what that rests on, what it cost; with its pictures it is a trace.

A result can be saved to a folder and opened again elsewhere, with every picture that it speaks of: the
``media`` folder beside ``result.json`` holds them by the hash of their pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import PrivateAttr, ValidationError

from ..errors import EvidenceError, InputError
from ..memory import Evidence, Still, StillRef
from ..memory.placed import Measure, Placed, Survey
from ..tools.differences import Comparison
from ..tools.llava_next.answers import Usage
from ..tools.look import distinct
from .steps import Confidence, ObservationStep, Picture, PlanStep, Record, Step, StoppedBecause

RESULT, MEDIA = "result.json", "media"
"""What a saved result's folder holds: the record, and the pictures by the hash of their pixels."""


def surveys(steps: Iterable[Step]) -> list[Survey]:
    """Return what steps found out about scenes, in order."""
    return [step.survey for step in steps if isinstance(step, ObservationStep) and step.survey is not None]


class Result(Record):
    """What a run found: the object of ``sightloop ask --json``.

    Parameters
    ----------
    question : str
    answer : str
    confidence : float, 0..1
        From the model's own probabilities.
    evidence : tuple of Evidence
        Every still that the answer rests on, with the region where one is known.
    comparisons : tuple of Comparison
        What differs between pictures, where they were compared.
    measures : tuple of Measure
        What was measured in a scene, with 90 % intervals; the one that answers first.
    objects : tuple of Placed
        What was found in a scene, one for each physical object.
    steps : tuple of Step
        What was done, in order; an AnswerStep is the last.
    usage : Usage
        The sum over all steps; ``seconds`` are the model's.
    model : str
    stopped_because : str
        "answered", "cancelled", or the limit that ended the run with the best answer so far: "limit:steps",
        "limit:visual_tokens", "limit:seconds", "limit:gpu_bytes".
    """

    question: str
    answer: str
    confidence: Confidence
    evidence: tuple[Evidence, ...]
    comparisons: tuple[Comparison, ...] = ()
    measures: tuple[Measure, ...] = ()
    objects: tuple[Placed, ...] = ()
    steps: tuple[Step, ...]
    usage: Usage
    model: str
    stopped_because: StoppedBecause

    _stills: dict[str, Still] = PrivateAttr(default_factory=dict)
    _folder: Path | None = PrivateAttr(default=None)

    def __eq__(self, other: object) -> bool:
        # The pixels at hand are no part of it.
        return isinstance(other, Result) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash((self.question, self.answer, self.model))

    @property
    def skipped(self) -> tuple[str, ...]:
        """What could not be read, and why."""
        return tuple(line for step in self.steps if isinstance(step, PlanStep) for line in step.skipped)

    @property
    def survey(self) -> Survey | None:
        """What was found out about a scene last."""
        told = surveys(self.steps)
        return told[-1] if told else None

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of all steps, each once."""
        return distinct(note for step in self.steps for note in step.notes)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures of the run, in order: the inputs, then what its tools made."""
        made = [step.pictures for step in self.steps if isinstance(step, PlanStep | ObservationStep)]
        return tuple({picture.name: picture for row in made for picture in row}.values())

    def with_stills(self, stills: Iterable[Still]) -> Result:
        """Attach the pixels of the run's pictures, and return the result."""
        self._stills.update({whole.sha256: whole for still in stills for whole in [still.whole or still]})
        return self

    def still(self, ref: StillRef) -> Still:
        """Return the pixels that a picture or a piece of evidence refers to, whole.

        From this process, from the folder that the result was opened from, or else from their origin.

        Raises
        ------
        EvidenceError
            If they are in none of these, or are no longer the same.
        """
        if ref.sha256 not in self._stills:
            self._stills[ref.sha256] = self._read(ref)
        return self._stills[ref.sha256]

    def _read(self, ref: StillRef) -> Still:
        file = self._folder / MEDIA / f"{ref.sha256}.png" if self._folder else None
        if file is None or not file.is_file():
            return Evidence(still=ref, claim="", confidence=0).reopen()
        try:
            with Image.open(file) as image:
                still = Still(np.asarray(image.convert("RGB")), ref.origin)
        except (OSError, ValueError) as error:
            raise EvidenceError(f"{file} cannot be read: {error}.", input=str(file)) from error
        if still.sha256 != ref.sha256:
            raise EvidenceError(f"{file} does not hold the pixels that it is named for.", input=str(file))
        return still

    def save(self, folder: str | Path) -> Path:
        """Write the result and its pictures.

        Parameters
        ----------
        folder : path
            Made if it does not exist; pictures that it already holds are not written again.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        EvidenceError
            If a picture's pixels are no longer to be had.
        """
        target = Path(folder)
        (target / MEDIA).mkdir(parents=True, exist_ok=True)
        refs = [*(picture.still for picture in self.pictures), *(item.still for item in self.evidence)]
        for ref in {ref.sha256: ref for ref in refs}.values():
            file = target / MEDIA / f"{ref.sha256}.png"
            if not file.exists():
                self.still(ref).to_pil().save(file)
        # The record is written last: a folder that has one has all of its pictures.
        (target / RESULT).write_text(self.model_dump_json(indent=1), encoding="utf-8")
        return target

    @classmethod
    def open(cls, folder: str | Path) -> Result:
        """Read a result that :meth:`save` wrote.

        Raises
        ------
        InputError
            If the folder holds none, or one that cannot be read.
        """
        file = Path(folder) / RESULT
        try:
            result = cls.model_validate_json(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(
                f"{folder} holds no {RESULT}: it is not a saved result.", input=str(folder)
            ) from error
        except ValidationError as error:
            raise InputError(f"{file} is no result: {error}", input=str(folder)) from error
        result._folder = Path(folder)
        return result
