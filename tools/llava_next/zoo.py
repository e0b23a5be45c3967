"""The zoo: every released LLaVA-NeXT checkpoint as data.

Sources: the configs and cards of the llava-hf ports and of the originals, and the LLaVA-NeXT blog. Sizes of
the language models and towers are those of their published configs; the ports pad Vicuna's, Mistral's, Yi's
and Llama's vocabulary by 64. Weights and key-value caches follow from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...memory.still import Size
from .anyres import SIGLIP_MEAN, SIGLIP_STD, Family, Mode, Vision
from .architecture import TextModel, Tower, projector_parameters

Bits = Literal[32, 16, 8, 4]
"""Precision of the weights: 32 and 16 for all of them, 8 and 4 for the language model's layers only."""

Tier = Literal["embedded", "small", "medium", "large"]

BYTES_PER_WEIGHT: dict[Bits, float] = {32: 4.0, 16: 2.0, 8: 1.0, 4: 0.5 + 4 / 64}
"""Of the language model's layers; at 4 bit a float32 scale is kept for every 64 weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One set of weights, as far as it can be known without them.

    Parameters
    ----------
    name : the name that loads it: of its llava-hf port on the hub, "pocket", or a folder
    original : the name its authors gave it (lmms-lab, liuhaotian), None for a folder
    text : its language model
    tower : its vision tower
    vision : how it looks at stills
    context : tokens of its position embeddings, before ``rope_factor``
    template : the conversation template's name in the authors' code; what is used is the port's own
    stills_trained : stills per prompt that it was trained on: 1, or None for any number
    video : whether it was trained on the frames of a video
    grid_stills : how many stills of one prompt keep their AnyRes grid; with more, each is one tile
    license : of the weights, as their card says; where it says nothing, of the language model they continue
    use : in one line, what it is good for
    cells : cells a side of the grid in which it was trained to point, None if it was not
    rope_factor : linear scaling of the positions that its config ships; stretches the window that many times
    """

    name: str
    original: str | None
    text: TextModel
    tower: Tower
    vision: Vision
    context: int
    template: str
    stills_trained: int | None
    video: bool
    grid_stills: int
    license: str
    use: str
    cells: int | None = None
    rope_factor: float = 1.0

    @property
    def family(self) -> Family:
        """The transformers model type."""
        return self.vision.family

    @property
    def language_model(self) -> str:
        """The name of its language model."""
        return self.text.name

    @property
    def window(self) -> int:
        """Tokens that one prompt and its answer may have together."""
        return int(self.context * self.rope_factor)

    @property
    def modes(self) -> tuple[Mode, ...]:
        """How it can be fed a still, from the most tokens to the fewest; frames only if trained on videos."""
        return self.vision.modes if self.video else tuple(m for m in self.vision.modes if m != "frame")

    @property
    def reads_times(self) -> bool:
        """Whether prompts tell it when frames are shown: the embedded model knows them by number alone."""
        return self.cells is None

    @property
    def parameters(self) -> int:
        """Parameters of both models and what is between them."""
        newline = 0 if self.family == "llava" else self.text.hidden
        between = projector_parameters(self.tower, self.text) + newline
        return self.tower.parameters + between + self.text.parameters

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one token adds to the key-value cache, at 16 bit."""
        return self.text.kv_bytes_per_token

    @property
    def tier(self) -> Tier:
        """``embedded`` (below 100 million parameters), ``small`` (0.5-8B), ``medium`` (13-34B), ``large``."""
        if self.parameters < 100e6:
            return "embedded"
        return "small" if self.parameters < 10e9 else "medium" if self.parameters < 50e9 else "large"

    def bytes(self, bits: Bits = 16) -> int:
        """Memory that the loaded weights take; below 16 bit, tower, projector and embeddings stay at 16."""
        layers = self.text.linear_parameters
        rest = BYTES_PER_WEIGHT[32 if bits == 32 else 16]
        return int((self.parameters - layers) * rest + layers * BYTES_PER_WEIGHT[bits])


@dataclass(frozen=True, slots=True)
class Unported:
    """A released (or announced) checkpoint that transformers cannot load, and the nearest one it can."""

    original: str
    nearest: str
    why: str = "its weights are in the authors' layout and nobody has published a llava-hf port"


# name, layers, hidden, heads, kv_heads, head_dim, mlp, vocabulary
VICUNA_7B = TextModel("Vicuna-7B-v1.5", 32, 4096, 32, 32, 128, 11008, 32064)
VICUNA_13B = TextModel("Vicuna-13B-v1.5", 40, 5120, 40, 40, 128, 13824, 32064)
MISTRAL_7B = TextModel("Mistral-7B-Instruct-v0.2", 32, 4096, 32, 8, 128, 14336, 32064)
YI_34B = TextModel("Nous-Hermes-2-Yi-34B", 60, 7168, 56, 8, 128, 20480, 64064)
LLAMA3_8B = TextModel("Llama-3-8B-Instruct", 32, 4096, 32, 8, 128, 14336, 128320)
QWEN15_05B = TextModel("Qwen1.5-0.5B-Chat", 24, 1024, 16, 16, 64, 2816, 152000, tied=True, qkv_bias=True)
QWEN15_7B = TextModel("Qwen1.5-7B-Chat", 32, 4096, 32, 32, 128, 11008, 152000, qkv_bias=True)
QWEN15_72B = TextModel("Qwen1.5-72B-Chat", 80, 8192, 64, 64, 128, 24576, 152064, qkv_bias=True)
QWEN15_110B = TextModel("Qwen1.5-110B-Chat", 80, 8192, 64, 8, 128, 49152, 152064, qkv_bias=True)
QWEN2_05B = TextModel("Qwen2-0.5B-Instruct", 24, 896, 14, 2, 64, 4864, 152000, tied=True, qkv_bias=True)
QWEN2_7B = TextModel("Qwen2-7B-Instruct", 28, 3584, 28, 4, 128, 18944, 152064, qkv_bias=True)
QWEN2_72B = TextModel("Qwen2-72B-Instruct", 80, 8192, 64, 8, 128, 29568, 152064, qkv_bias=True)

CLIP_L_336 = Tower("CLIP-L/14-336", 24, 1024, 4096, patches=576, patch=14, clip=True)
SIGLIP_384 = Tower("SigLIP-so400m/14-384", 26, 1152, 4304, patches=729, patch=14, clip=False)

# In the order of the configs, (height, width) there: it decides which canvas wins a tie.
_CANVASES = tuple(Size(336 * w, 336 * h) for h, w in ((1, 2), (2, 1), (2, 2), (3, 1), (1, 3)))
_NEXT_EYES = Vision("llava_next", 336, 14, _CANVASES)
_VIDEO_EYES = Vision("llava_next_video", 336, 14, _CANVASES, pool=2)
_INTERLEAVE_EYES = Vision(
    "llava", 384, 14, cls_token=False, mean=SIGLIP_MEAN, std=SIGLIP_STD, resize="stretch"
)
_ONEVISION_EYES = Vision(
    "llava_onevision",
    384,
    14,
    tuple(Size(384 * w, 384 * h) for h in range(1, 7) for w in range(1, 7)),
    cls_token=False,
    max_tiles=9,
    pool=2,
    mean=SIGLIP_MEAN,
    std=SIGLIP_STD,
    resize="stretch",
)

_LLAMA2 = "Llama 2 community license"
_LLAMA3 = "Llama 3 community license"
_QWEN = "Tongyi Qianwen license; the card asks for research use only"
_RESEARCH = "Tongyi Qianwen research license: no commercial use"
_APACHE = "Apache-2.0"


def _next(
    name: str, original: str, text: TextModel, context: int, template: str, license: str, use: str
) -> Checkpoint:
    return Checkpoint(
        name=f"llava-hf/{name}",
        original=original,
        text=text,
        tower=CLIP_L_336,
        vision=_NEXT_EYES,
        context=context,
        template=template,
        stills_trained=1,
        video=False,
        grid_stills=1,
        license=license,
        use=use,
    )


def _video(
    name: str, text: TextModel, context: int, template: str, license: str, use: str, rope: float = 1.0
) -> Checkpoint:
    return Checkpoint(
        name=f"llava-hf/{name}-hf",
        original=f"lmms-lab/{name}",
        text=text,
        tower=CLIP_L_336,
        vision=_VIDEO_EYES,
        context=context,
        template=template,
        stills_trained=1,
        video=True,
        grid_stills=1,
        license=license,
        use=use,
        rope_factor=rope,
    )


def _interleave(size: str, text: TextModel, use: str) -> Checkpoint:
    return Checkpoint(
        name=f"llava-hf/llava-interleave-qwen-{size}-hf",
        original=f"lmms-lab/llava-next-interleave-qwen-{size}",
        text=text,
        tower=SIGLIP_384,
        vision=_INTERLEAVE_EYES,
        context=32768,
        template="qwen_1_5",
        stills_trained=None,
        video=True,
        grid_stills=0,
        license=_RESEARCH,
        use=use,
    )


def _onevision(variant: str, text: TextModel, license: str, use: str) -> Checkpoint:
    single = variant.endswith("-si")
    return Checkpoint(
        name=f"llava-hf/llava-onevision-qwen2-{variant}-hf",
        original=f"lmms-lab/llava-onevision-qwen2-{variant}",
        text=text,
        tower=SIGLIP_384,
        vision=_ONEVISION_EYES,
        context=32768,
        template="qwen_1_5",
        stills_trained=1 if single else None,
        video=not single,
        grid_stills=1,
        license=license,
        use=use,
    )


POCKET = Checkpoint(
    name="pocket",
    original=None,
    text=TextModel("Llama, trained from scratch", 6, 256, 4, 4, 64, 640, 288),
    tower=Tower("CLIP, trained from scratch", 4, 192, 576, patches=16, patch=16, clip=True),
    vision=Vision(
        "llava_next",
        64,
        16,
        (Size(64, 64), Size(128, 64), Size(64, 128), Size(128, 128)),
        mean=SIGLIP_MEAN,
        std=SIGLIP_STD,
    ),
    context=1024,
    template="pocket",
    stills_trained=None,
    video=True,
    grid_stills=2,
    license=_APACHE,
    use="rendered worlds of simple shapes, on any machine; the model of tests and demos",
    cells=10,
)
"""The model in this repository. What it can see is in the README."""

# fmt: off
CHECKPOINTS: tuple[Checkpoint, ...] = (
    POCKET,
    _interleave("0.5b", QWEN15_05B, "several pictures, frames or views where memory is short"),
    _interleave("7b", QWEN15_7B, "several pictures, frames of a video, views of a scene"),
    _interleave("7b-dpo", QWEN15_7B, "as 7b, with longer and more detailed answers about videos"),
    _next("llava-v1.6-vicuna-7b-hf", "liuhaotian/llava-v1.6-vicuna-7b", VICUNA_7B, 4096, "vicuna_v1",
          _LLAMA2, "one photo or page; the window holds one picture at full detail"),
    _next("llava-v1.6-mistral-7b-hf", "liuhaotian/llava-v1.6-mistral-7b", MISTRAL_7B, 32768,
          "mistral_instruct", _APACHE, "one photo or page, with a long conversation"),
    _next("llama3-llava-next-8b-hf", "lmms-lab/llama3-llava-next-8b", LLAMA3_8B, 8192, "llava_llama_3",
          _LLAMA3, "one photo, chart or document: the strongest small one"),
    _video("LLaVA-NeXT-Video-7B", VICUNA_7B, 4096, "vicuna_v1", _LLAMA2, "one clip: what happens in it",
           rope=2.5),
    _video("LLaVA-NeXT-Video-7B-DPO", VICUNA_7B, 4096, "vicuna_v1", _LLAMA2, "one clip: detailed narration",
           rope=2.5),
    _video("LLaVA-NeXT-Video-7B-32K", MISTRAL_7B, 32768, "mistral_instruct", _APACHE, "one long clip"),
    _onevision("0.5b-si", QWEN2_05B, _APACHE, "one picture where memory is short"),
    _onevision("0.5b-ov", QWEN2_05B, _APACHE, "pictures and clips where memory is short"),
    _onevision("7b-si", QWEN2_7B, _APACHE, "one picture at very high detail"),
    _onevision("7b-ov", QWEN2_7B, _APACHE, "one model for a detailed picture, several, or a clip"),
    _onevision("7b-ov-chat", QWEN2_7B, _APACHE, "as 7b-ov, tuned for conversation"),
    _next("llava-v1.6-vicuna-13b-hf", "liuhaotian/llava-v1.6-vicuna-13b", VICUNA_13B, 4096, "vicuna_v1",
          _LLAMA2, "one photo or page; the window holds one picture at full detail"),
    _next("llava-v1.6-34b-hf", "liuhaotian/llava-v1.6-34b", YI_34B, 4096, "chatml_direct", _APACHE,
          "one document or photo, English and Chinese"),
    _video("LLaVA-NeXT-Video-34B", YI_34B, 8192, "mistral_direct", _LLAMA2, "one clip, at higher quality"),
    _video("LLaVA-NeXT-Video-34B-DPO", YI_34B, 8192, "mistral_direct", _LLAMA2,
           "one clip: detailed narration at higher quality"),
    _next("llava-next-72b-hf", "lmms-lab/llava-next-72b", QWEN15_72B, 32768, "qwen_1_5", _QWEN,
          "one picture: documents, charts, reasoning"),
    _next("llava-next-110b-hf", "lmms-lab/llava-next-110b", QWEN15_110B, 32768, "qwen_1_5", _QWEN,
          "one picture: the strongest of the family"),
    _onevision("72b-si", QWEN2_72B, _QWEN, "one picture at very high detail"),
    _onevision("72b-ov", QWEN2_72B, _QWEN, "one model for everything, at the highest quality"),
    _onevision("72b-ov-chat", QWEN2_72B, _QWEN, "as 72b-ov, tuned for conversation"),
)
# fmt: on
"""Every checkpoint that can be loaded, by tier; within a tier by what it is for."""

UNPORTED: tuple[Unported, ...] = (
    Unported("lmms-lab/llava-next-qwen-32b", "llava-hf/llava-v1.6-34b-hf"),
    Unported("lmms-lab/LLaVA-NeXT-Video-32B-Qwen", "llava-hf/LLaVA-NeXT-Video-34B-hf"),
    Unported(
        "lmms-lab/llava-next-interleave-qwen-14b",
        "llava-hf/llava-interleave-qwen-7b-hf",
        "it was reported in the blog, but never released",
    ),
    Unported("lmms-lab/LLaVA-Video-7B-Qwen2", "llava-hf/llava-onevision-qwen2-7b-ov-hf"),
    Unported("lmms-lab/LLaVA-Video-72B-Qwen2", "llava-hf/llava-onevision-qwen2-72b-ov-hf"),
    Unported("lmms-lab/LLaVA-Critic-7b", "llava-hf/llava-onevision-qwen2-7b-ov-hf"),
    Unported("lmms-lab/LLaVA-Critic-72b", "llava-hf/llava-onevision-qwen2-72b-ov-hf"),
    Unported(
        "lmms-lab/LLaVA-Critic-R1-*",
        "llava-hf/llava-onevision-qwen2-7b-ov-hf",
        "these are Qwen2.5-VL and other models, not of the LLaVA-NeXT families",
    ),
)
"""Released checkpoints without a port; a ``*`` stands for a series."""
