"""Architecture: the numbers of a checkpoint's two models, and the memory that follows from them.

Counting parameters from the layer sizes is exact for the towers (CLIP, SigLIP without its pooling head) and
the language models (Llama, Mistral, Qwen2 and kin: rotary positions, RMS norms, gated MLP) of the LLaVA-NeXT
families, so that a checkpoint's needs are known before a byte of it is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TextModel:
    """A decoder-only language model.

    Parameters
    ----------
    name : what its authors call it, e.g. "Vicuna-7B-v1.5"
    layers, hidden, heads, kv_heads, head_dim, mlp, vocabulary : its sizes, as in its config
    tied : whether the output layer shares the weights of the embeddings
    qkv_bias : whether the attention's inputs have a bias (Qwen)
    """

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp: int
    vocabulary: int
    tied: bool = False
    qkv_bias: bool = False

    @classmethod
    def from_config(cls, text: Any, *, tied: bool) -> TextModel:
        """Read the sizes from the ``text_config`` of a transformers config; ``tied`` stands one level up."""
        heads = text.num_attention_heads
        return cls(
            name=f"{text.model_type}, {text.num_hidden_layers} layers of {text.hidden_size}",
            layers=text.num_hidden_layers,
            hidden=text.hidden_size,
            heads=heads,
            kv_heads=getattr(text, "num_key_value_heads", None) or heads,
            head_dim=getattr(text, "head_dim", None) or text.hidden_size // heads,
            mlp=text.intermediate_size,
            vocabulary=text.vocab_size,
            tied=tied,
            qkv_bias=text.model_type == "qwen2",
        )

    @property
    def linear_parameters(self) -> int:
        """Parameters in the layers' matrices: what 8 and 4 bit loading shrinks."""
        attention = 2 * self.hidden * (self.heads + self.kv_heads) * self.head_dim
        return self.layers * (attention + 3 * self.hidden * self.mlp)

    @property
    def parameters(self) -> int:
        """All parameters, embeddings and output layer included."""
        embeddings = self.vocabulary * self.hidden * (1 if self.tied else 2)
        biases = (self.heads + 2 * self.kv_heads) * self.head_dim * self.qkv_bias
        norms = 2 * self.hidden
        return embeddings + self.linear_parameters + self.layers * (biases + norms) + self.hidden

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one token adds to the key-value cache, at 16 bit."""
        return 2 * 2 * self.layers * self.kv_heads * self.head_dim


@dataclass(frozen=True, slots=True)
class Tower:
    """A vision transformer.

    Parameters
    ----------
    name : what its authors call it, e.g. "CLIP-L/14-336"
    layers, hidden, mlp : its sizes; layers as loaded (SigLIP's last one is left out by the ports)
    patches : per tile
    patch : pixels per side of a patch
    clip : CLIP (class token, two outer norms, no bias on the patches) or else SigLIP
    """

    name: str
    layers: int
    hidden: int
    mlp: int
    patches: int
    patch: int
    clip: bool

    @classmethod
    def from_config(cls, vision: Any) -> Tower:
        """Read the sizes from the ``vision_config`` of a transformers config."""
        return cls(
            name=f"{vision.model_type}, {vision.image_size} pixels",
            layers=vision.num_hidden_layers,
            hidden=vision.hidden_size,
            mlp=vision.intermediate_size,
            patches=(vision.image_size // vision.patch_size) ** 2,
            patch=vision.patch_size,
            clip=vision.model_type == "clip_vision_model",
        )

    @property
    def parameters(self) -> int:
        """All parameters, without SigLIP's pooling head, which the ports leave out."""
        width = self.hidden
        layer = 4 * width * width + 2 * width * self.mlp + 4 * width + self.mlp + width + 4 * width
        patches = 3 * self.patch**2 * width
        # CLIP: class token, its position, a norm before and one after; SigLIP: patch bias, a norm after.
        rest = 6 * width if self.clip else 3 * width
        return self.layers * layer + patches + self.patches * width + rest


def projector_parameters(tower: Tower, text: TextModel) -> int:
    """Parameters of the two layers between the models (``mlp2x_gelu``)."""
    return (tower.hidden + 1) * text.hidden + (text.hidden + 1) * text.hidden
