"""The engine of OCR: rapidocr's models (PP-OCR), which find lines in a picture and read a line.

Only the models that lie in its package are used, by their paths, so that nothing is ever fetched.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, MissingExtraError
from .ocr_lines import Pixels, Quad, Spoken, upright
from .ocr_strips import strips

PURPOSE = "reading text in pictures"
DETECTOR = "PP-OCRv6_det_small.onnx"
RECOGNISER = "PP-OCRv6_rec_small.onnx"

SHORT_SIDE = 736
"""Pixels that the shorter side is enlarged to before lines are sought, as in rapidocr."""
LARGEST = 3.0
"""How much a picture is enlarged at most: letters as high as a hand are not found, nor quickly."""
LONG_SIDE = 2208
"""Pixels that the longer side is made smaller to: a page as rendered is sought as it is."""
AREA = 3_000_000
"""Pixels that lines are sought in at most: the detector takes 300 bytes for each."""
STEP = 32
"""The detector sees sides that are multiples of this many pixels."""


def available() -> bool:
    """Tell whether rapidocr, onnxruntime and the models are installed; loads none of them."""
    return _models() is not None


def _models() -> Path | None:
    """Return the folder of the models, or None where something is not installed."""
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    found = importlib.util.find_spec("rapidocr")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "models"
    return folder if all((folder / name).is_file() for name in (DETECTOR, RECOGNISER)) else None


class Engine:
    """Finds lines, and reads them. Its methods may be called from several threads.

    Parameters
    ----------
    threads : int
        Threads that one call uses.

    Raises
    ------
    MissingExtraError
        If rapidocr, onnxruntime or the models are not installed.
    """

    def __init__(self, threads: int = 1) -> None:
        folder = _models()
        if folder is None:
            raise MissingExtraError("rapidocr", "ocr", PURPOSE)
        from rapidocr import RapidOCR

        common = {
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        # sizes are made here, in _sought: rapidocr's own enlarging knows no limit for a narrow strip
        self._detector: Any = RapidOCR(
            params={
                **common,
                "Global.use_rec": False,
                "Global.use_preprocess_img": False,
                "Global.use_vertical_padding": False,
                "Det.limit_type": "max",
                "Det.limit_side_len": LONG_SIDE,
                "Det.model_path": str(folder / DETECTOR),
            }
        )
        self._recogniser: Any = RapidOCR(
            params={
                **common,
                "Global.use_det": False,
                "Global.return_word_box": True,
                "Rec.model_path": str(folder / RECOGNISER),
            }
        )

    def lines(self, pixels: Pixels) -> list[Quad]:
        """Find lines of text.

        Parameters
        ----------
        pixels : (H, W, 3) uint8, RGB

        Returns
        -------
        list of Quad
            In pixels; the first corner is the upper left one, however the line is written.

        Raises
        ------
        InputError
            If the detector fails on it.
        """
        return [
            np.asarray(quad + np.array([left, top]), np.float32)
            for left, top, part in strips(pixels)
            for quad in self._found(part)
        ]

    def _found(self, pixels: Pixels) -> list[Quad]:
        """Find the lines of one part."""
        sought, scale = _sought(pixels)
        with _typed():
            found = self._detector(sought).boxes
        if found is None:
            return []
        size = pixels.shape[1::-1]
        # rapidocr begins at another corner of a line that is nearly, but not quite, upright
        return [np.clip(upright(np.asarray(quad, np.float32) / scale), 0, size) for quad in found]

    def read(self, line: Pixels) -> Spoken:
        """Read a line.

        Parameters
        ----------
        line : (h, w, 3) uint8, RGB
            Of one line, from left to right.

        Raises
        ------
        InputError
            If the recogniser fails on it.
        """
        # alone: lines of other lengths beside it would be padded to the longest, slower and read worse
        with _typed():
            read = self._recogniser.recognize_txt([np.ascontiguousarray(line[:, :, ::-1])])
        return _spoken(read.txts[0], read.word_results[0])


@contextmanager
def _typed() -> Iterator[None]:
    """Turn what rapidocr raises on a picture into our own error."""
    from rapidocr.inference_engine.onnxruntime.main import ONNXRuntimeError

    try:
        yield
    except (cv2.error, ONNXRuntimeError, ValueError, MemoryError) as error:
        reason = str(error).strip().splitlines()[-1:]
        raise InputError(
            f"the text recognition failed on this picture: {''.join(reason) or type(error).__name__}."
        ) from error


def _sought(pixels: Pixels) -> tuple[NDArray[np.uint8], float]:
    """Return the pixels as BGR in the size that lines are sought at, and by how much they were enlarged."""
    height, width = pixels.shape[:2]
    scale = min(LARGEST, max(1.0, SHORT_SIDE / min(height, width)))
    scale = min(scale, LONG_SIDE / max(height, width), math.sqrt(AREA / (height * width)))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = pixels if size == (width, height) else cv2.resize(pixels, size, interpolation=how)
    # a picture whose sides are no multiples would be stretched to them; the room is at the right and below
    right, below = (math.ceil(side / STEP) * STEP - side for side in size)
    room = cv2.copyMakeBorder(scaled, 0, below, 0, right, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(room[:, :, ::-1], np.uint8), scale


def _spoken(text: str, told: Any) -> Spoken:
    """Gather what rapidocr tells of a line: places are told of all characters but spaces, sureness of all."""
    columns = iter([column for word in told.word_cols for column in word])
    places: list[float] = []
    for letter in text:
        # a space stands where the character before it does: nobody asks
        places.append(
            places[-1] if letter.isspace() and places else (next(columns, 0) + 0.5) / told.line_txt_len
        )
    return Spoken(text, tuple(places), tuple(float(sure) for sure in told.confs[: len(text)]))
