"""AnyRes: how large a still becomes inside a LLaVA-NeXT model, counted without the model.

The arithmetic is transformers' own (``select_best_resolution``, ``unpad_image``, ``get_patch_output_size``
and the four families' ``pack_image_features``), repeated on plain numbers so that a plan needs neither torch
nor weights. Floats are used exactly where transformers uses them: an integer formula would differ by a row.

Words: a *tile* is one square crop of the vision tower's input size; it gives a ``grid`` x ``grid`` map of
features. A *canvas* is one of the checkpoint's pinpoints, a whole number of tiles in each direction. Sizes
are ``Size(width, height)`` in pixels everywhere; transformers' (height, width) lists are turned round on
entry.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast, get_args

from ...errors import CheckpointError
from ...memory.still import Size

Family = Literal["llava_next", "llava_next_video", "llava", "llava_onevision"]
"""The four transformers model types that this package loads."""

Mode = Literal["anyres", "tile", "frame"]
"""How one still is fed: an AnyRes grid, the cheapest unpooled form, or a pooled video frame."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
SIGLIP_MEAN = SIGLIP_STD = (0.5, 0.5, 0.5)

POOLING_BEGINS_AT = 1.1
"""LlavaOnevision shrinks a feature map only when it exceeds its budget by more than this ratio per side."""

TOWER_CROPS = 32
"""Crops that go through a tower at once, unless one still or video has more: bounds its activations."""


class Layout(NamedTuple):
    """Where the pixels of one still go.

    Attributes
    ----------
    fed : the size the model is told (``image_sizes``). Equal to the still's own size except in mode "tile"
        and for stills so elongated that no feature would survive (see :meth:`Vision.layout`).
    canvas : the canvas that is cut into tiles; one tile when there is no grid.
    inner : the size of the still on that canvas, centred; what is left is padding. Pixels can go from the
        original straight to it: an image of size ``fed`` never needs to exist.
    crops : passes through the vision tower, the overview included.
    tokens : embeddings in the prompt, newlines included, but not the one that closes a video
        (:attr:`Vision.video_newline`).
    """

    fed: Size
    canvas: Size
    inner: Size
    crops: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Vision:
    """All that counting and preprocessing need to know of a checkpoint's eyes.

    Parameters
    ----------
    family : one of the four model types
    tile : pixels per side of the vision tower's input
    patch : pixels per side of one patch
    pinpoints : canvases in the config's order, which decides ties; empty for "llava"
    cls_token : whether the tower puts out a class token (CLIP), which is dropped
    max_tiles : the N of ``anyres_max_N`` (LlavaOnevision), else None
    pool : side of the square of features averaged into one in a video frame; None where frames are not pooled
    mean, std : per channel, of pixels in 0..1
    resize : how a still becomes one square where no aspect is kept ("llava", and video frames): "stretch" to
        the tile, or "crop": shortest edge to the tile, then the centre
    """

    family: Family
    tile: int
    patch: int
    pinpoints: tuple[Size, ...] = ()
    cls_token: bool = True
    max_tiles: int | None = None
    pool: int | None = None
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD
    resize: Literal["stretch", "crop"] = "crop"

    @classmethod
    def from_config(cls, config: Any, image_processor: Mapping[str, Any] | None = None) -> Vision:
        """Read the eyes from a checkpoint's configuration; no weights are touched.

        Parameters
        ----------
        config : a transformers config of one of the four families, or the dict of its ``config.json``
        image_processor : the dict of the image processor's settings, if known: its mean, std and cropping win
            over the defaults of the tower

        Raises
        ------
        CheckpointError
            If the family is another one, or the tower and the feature strategy do not belong together.
        """
        if isinstance(config, Mapping):
            config = _parsed(config)
        family = _family(getattr(config, "model_type", None))
        tower = config.vision_config
        clip = tower.model_type == "clip_vision_model"
        expected = "default" if clip else "full"
        if config.vision_feature_select_strategy != expected:
            raise CheckpointError(
                f"A {tower.model_type} needs vision_feature_select_strategy {expected!r}, the config says "
                f"{config.vision_feature_select_strategy!r}: its features would not fill a square grid."
            )
        settings = image_processor or {}
        crop = settings.get("do_center_crop", clip)
        return cls(
            family=family,
            tile=tower.image_size,
            patch=tower.patch_size,
            pinpoints=tuple(Size(w, h) for h, w in getattr(config, "image_grid_pinpoints", None) or ()),
            cls_token=clip,
            max_tiles=_max_tiles(config.vision_aspect_ratio) if family == "llava_onevision" else None,
            pool=2 if family == "llava_onevision" else getattr(config, "spatial_pool_stride", None),
            mean=tuple(settings.get("image_mean") or (CLIP_MEAN if clip else SIGLIP_MEAN)),
            std=tuple(settings.get("image_std") or (CLIP_STD if clip else SIGLIP_STD)),
            resize="crop" if crop else "stretch",
        )

    @property
    def grid(self) -> int:
        """Features per side of one tile."""
        return self.tile // self.patch

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The modes this family has, from the most tokens to the fewest."""
        modes: tuple[Mode, ...] = ("tile",) if self.family == "llava" else ("anyres", "tile")
        return modes if self.pool is None else (*modes, "frame")

    @property
    def video_newline(self) -> int:
        """Tokens that close one video, whatever its number of frames (1 for LlavaOnevision)."""
        return int(self.family == "llava_onevision")

    def tokens(self, size: Size, mode: Mode) -> int:
        """Count the embeddings that a still of ``size`` occupies in the prompt."""
        return self.layout(size, mode).tokens

    def crops(self, size: Size, mode: Mode) -> int:
        """Count the passes through the vision tower, the overview included."""
        return self.layout(size, mode).crops

    def canvas(self, size: Size) -> Size:
        """Choose as ``select_best_resolution`` does: most detail kept, then least padding, then first."""
        best, best_kept, best_wasted = None, 0, math.inf
        for canvas in self.pinpoints:
            scale = min(canvas.width / size.width, canvas.height / size.height)
            kept = min(int(size.width * scale) * int(size.height * scale), size.width * size.height)
            wasted = canvas.width * canvas.height - kept
            if kept > best_kept or (kept == best_kept and wasted < best_wasted):
                best, best_kept, best_wasted = canvas, kept, wasted
        if best is None:
            raise ValueError(f"{self.family} has no canvases: its stills are single tiles.")
        return best

    def layout(self, size: Size, mode: Mode) -> Layout:
        """Say how a still is fed.

        ``anyres`` is the overview and the tiles of its canvas. ``tile`` is the cheapest unpooled form: one
        tile for llava and onevision; the llava_next families always work on a canvas, so there the still is
        counted as shrunk (its aspect kept, never enlarged) to one tile's size, for which the smallest canvas
        is chosen. ``frame`` is one tile, pooled.

        A still so elongated that unpadding would leave no row (or no column) of features at all is legal in
        transformers, but its detail would never reach the language model, only the squashed overview. Such a
        still, and only such, is stretched across: its short side becomes 1/grid of its long side, so that at
        least one row (or column) is its own. 20000x4 is fed as 20000x834 to a 24-grid tower; 1x1 as it is.

        Raises
        ------
        ValueError
            If a side is below one pixel, or the family does not have the mode (see ``modes``).
        """
        if size.width < 1 or size.height < 1:
            raise ValueError(f"A still has at least 1x1 pixels, not {size.width}x{size.height}.")
        if mode not in self.modes:
            raise ValueError(f"{self.family} feeds stills as {' or '.join(self.modes)}, not as {mode!r}.")
        tile = Size(self.tile, self.tile)
        if mode == "frame":
            return Layout(tile, tile, tile, 1, self._pooled() ** 2)
        if self.family == "llava":
            return Layout(tile, tile, tile, 1, self.grid**2)
        if self.family == "llava_onevision" and mode == "tile":
            # Padded to a square, where an overview is stretched to one; a newline closes a lone tile.
            return Layout(tile, tile, _fitted(size, tile), 1, self.grid**2 + 1)
        fed = self._visible(size if mode == "anyres" else _shrunk(size, self.tile))
        canvas = self.canvas(fed)
        tiles = (canvas.width // self.tile) * (canvas.height // self.tile)
        rows, columns = self._pooled_map(*self._unpadded(fed, canvas))
        return Layout(fed, canvas, _fitted(fed, canvas), 1 + tiles, self.grid**2 + rows * columns + rows)

    def _visible(self, size: Size) -> Size:
        """Stretch a still across if its canvas would show nothing of it."""
        if all(self._share(size, self.canvas(size))):
            return size
        least = math.ceil(max(size) / self.grid)
        return Size(max(size.width, least), max(size.height, least))

    def _share(self, size: Size, canvas: Size) -> tuple[int, int]:
        """Rows and columns of the canvas's feature map that the still itself covers, rounded down."""
        rows = canvas.height // self.tile * self.grid
        columns = canvas.width // self.tile * self.grid
        # Rounded to 7 places first, as transformers does since 2025: 23.9999999 is 24 rows.
        if size.width / size.height > columns / rows:
            return int(round(size.height * (columns / size.width), 7)), columns
        return rows, int(round(size.width * (rows / size.height), 7))

    def _unpadded(self, size: Size, canvas: Size) -> tuple[int, int]:
        """Rows and columns left after unpadding; padding is cut evenly, so an odd one leaves a row behind."""
        rows = canvas.height // self.tile * self.grid
        columns = canvas.width // self.tile * self.grid
        own_rows, own_columns = self._share(size, canvas)
        return rows - (rows - own_rows) // 2 * 2, columns - (columns - own_columns) // 2 * 2

    def _pooled_map(self, rows: int, columns: int) -> tuple[int, int]:
        """Apply ``anyres_max_N``: a map beyond N tiles is shrunk to about N tiles, its aspect kept."""
        if self.max_tiles is None:
            return rows, columns
        ratio = math.sqrt(rows * columns / (self.max_tiles * self.grid**2))
        return (int(rows // ratio), int(columns // ratio)) if ratio > POOLING_BEGINS_AT else (rows, columns)

    def _pooled(self) -> int:
        """Features per side of a frame: OneVision rounds up (27 gives 14), NeXT-Video down (27 gives 13)."""
        assert self.pool is not None
        return -(-self.grid // self.pool) if self.family == "llava_onevision" else self.grid // self.pool


def _fitted(size: Size, canvas: Size) -> Size:
    """Return the largest size of the still's aspect inside the canvas (``get_patch_output_size``)."""
    across, down = canvas.width / size.width, canvas.height / size.height
    if across < down:
        return Size(canvas.width, min(math.ceil(size.height * across), canvas.height))
    return Size(min(math.ceil(size.width * down), canvas.width), canvas.height)


def _shrunk(size: Size, tile: int) -> Size:
    """Return the size after shrinking, aspect kept, to fit one tile; smaller stills stay as they are."""
    scale = min(1.0, tile / max(size))
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))


def _max_tiles(aspect_ratio: str) -> int:
    """Return the N of ``anyres_max_N``."""
    number = aspect_ratio.removeprefix("anyres_max_")
    if not number.isdigit():
        raise CheckpointError(f"vision_aspect_ratio {aspect_ratio!r} is not of the form anyres_max_N.")
    return int(number)


def _family(model_type: Any) -> Family:
    """Return the model type if it is one of ours."""
    for family in get_args(Family):
        if family == model_type:
            return cast(Family, family)
    known = ", ".join(get_args(Family))
    raise CheckpointError(f"model_type {model_type!r} is not of the LLaVA-NeXT families: {known}.")


def _parsed(config: Mapping[str, Any]) -> Any:
    """Turn the dict of a config.json into a transformers config, which fills in what the file leaves out."""
    from transformers import AutoConfig

    settings = dict(config)
    return AutoConfig.for_model(_family(settings.pop("model_type", None)), **settings)
