"""Tiny random checkpoints on disk, laid out as the llava-hf repositories are.

Each has the classes, the towers, the chat template and the file names of the real ports, with a hidden size
of 32, two layers and a byte-level tokenizer, so that every path of loading, prompting and generating runs in
milliseconds. The weights are random: what they say means nothing, but what is the same must be said the same.
The chat templates are those that the ports ship.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

Kind = Literal["vicuna", "mistral", "video", "interleave", "onevision"]
KINDS: tuple[Kind, ...] = ("vicuna", "mistral", "video", "interleave", "onevision")

_IMAGES = (
    "{# Render all images first #}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ IMAGE }}{% endfor %}"
)
_VIDEOS = (
    "{# Render all video then #}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}{{ VIDEO }}{% endfor %}"
)
_VICUNA = (
    "{% for message in messages %}"
    "{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}"
    + _IMAGES.replace("IMAGE", r"'<image>\n'")
    + "VIDEOS{# Render all text next #}"
    "{% if message['role'] != 'assistant' %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ content['text'] + ' '}}{% endfor %}"
    "{% else %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{% generation %}{{ content['text'] + ' '}}{% endgeneration %}{% endfor %}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
_CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + ' '}}"
    + _IMAGES.replace("IMAGE", "'<image>'")
    + "VIDEOS{# Render all text next #}"
    "{% if message['role'] != 'assistant' %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    r"{{ '\n' + content['text'] }}{% endfor %}"
    "{% else %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    r"{% generation %}{{ '\n' + content['text'] }}{% endgeneration %}{% endfor %}"
    "{% endif %}{{'<|im_end|>'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ START }}{% endif %}"
)
TEMPLATES: dict[Kind, str] = {
    "vicuna": _VICUNA.replace("VIDEOS", ""),
    "mistral": (
        "{% for message in messages %}{% if message['role'] == 'system' %}"
        r"{{ '<<SYS>>\n' + message['content'][0]['text'] + '\n<</SYS>>\n\n' }}"
        "{% elif message['role'] == 'user' %}{{ '[INST] ' }}"
        + _IMAGES.replace("IMAGE", r"'<image>\n'")
        + "{# Render all text next #}"
        "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
        "{{ content['text'] }}{% endfor %}{{' [/INST]' }}"
        "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'][0]['text'] + '</s> '}}"
        "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}"
        "{% endfor %}"
    ),
    "video": _VICUNA.replace("VIDEOS", _VIDEOS.replace("VIDEO", r"'<video>\n'")),
    "interleave": _CHATML.replace("VIDEOS", "").replace("START", "'<|im_start|>assistant'"),
    "onevision": _CHATML.replace("VIDEOS", _VIDEOS.replace("VIDEO", "'<video>'")).replace(
        "START", r"'<|im_start|>assistant\n'"
    ),
}

IN_ORDER = (
    "{{ '<s>' }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ '<|assistant|>' }}{% else %}{{ '<|user|>' }}{% endif %}"
    "{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}{{ ' image <image>' }}"
    "{% else %}{{ ' ' + content['text'] }}{% endif %}"
    "{% endfor %}{% if message['role'] == 'assistant' %}{{ '</s>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""A template that keeps the order of its content, as the embedded pocket model's does."""

WINDOW = 4096
"""Context window of every tiny checkpoint, in tokens, as Vicuna's."""

_SPECIAL = [
    "<pad>",
    "<s>",
    "</s>",
    "<unk>",
    "<image>",
    "<video>",
    "<|im_start|>",
    "<|im_end|>",
    "<|user|>",
    "<|assistant|>",
]


def build(
    kind: Kind,
    folder: Path,
    *,
    seed: int = 0,
    template: str | None = None,
    tile: int | None = None,
    patch: int = 8,
    pieces: bool = False,
) -> Path:
    """Write a tiny checkpoint of ``kind`` into ``folder`` and return it.

    Parameters
    ----------
    kind : which port it stands for: the class, the text model, the tower and the template
    folder : made if it is not there
    seed : of the weights
    template : another chat template
    tile : pixels per side of the tower's input, by default 32 for CLIP and 24 for SigLIP
    patch : pixels per side of a patch
    pieces : with a tokenizer of sentencepiece's kind, as the ports of Llama and Mistral have
    """
    import torch
    from transformers import GenerationConfig

    folder.mkdir(parents=True, exist_ok=True)
    begins = "<s>" if kind in ("vicuna", "mistral", "video") else None
    words = sentencepiece() if pieces else tokenizer(begins)
    torch.manual_seed(seed)
    model = _model(kind, words, tile, patch)
    # The default initialisation is so small that no picture would change an answer.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0.0, 0.25)
    end = words.convert_tokens_to_ids("<|im_end|>" if kind in ("interleave", "onevision") else "</s>")
    # As in the ports, sampling settings are there to be overruled: answers are greedy by default.
    model.generation_config = GenerationConfig(
        bos_token_id=words.convert_tokens_to_ids("<s>"),
        eos_token_id=end,
        pad_token_id=words.pad_token_id,
        do_sample=True,
        temperature=0.9,
    )
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    _write(folder / "preprocessor_config.json", _image_processor(kind, model.config))
    _write(folder / "chat_template.json", {"chat_template": template or TEMPLATES[kind]})
    return folder


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")


def tokenizer(begins: str | None = None) -> Any:
    """Byte-level BPE without merges: every text is encodable, one token per byte."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    symbols = _SPECIAL + sorted(pre_tokenizers.ByteLevel.alphabet())
    plain = Tokenizer(models.BPE({symbol: i for i, symbol in enumerate(symbols)}, []))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    if begins is not None:
        plain.post_processor = processors.TemplateProcessing(
            single=f"{begins} $A", special_tokens=[(begins, symbols.index(begins))]
        )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=plain,
        bos_token=begins,
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>", "video_token": "<video>"},
        padding_side="right",
        model_max_length=WINDOW,
    )
    fast.add_tokens(_SPECIAL[6:], special_tokens=True)
    return fast


def sentencepiece() -> Any:
    """Llama's tokenizer: spaces are part of the words, bytes stand in for what no piece spells."""
    from transformers import LlamaTokenizer

    marks = ['":', '"}', '{"', "\u2581{"]
    whole = [*(f"\u2581{word}" for word in ("a", "the", "name", "look")), "name", "look", *marks]
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    # Capital letters and some of JSON's marks are spelled in bytes.
    pieces += [chr(code) for code in range(0x5B, 0x7F)] + list('0123456789",:{') + ["\u2581", "\u00e9"]
    pieces += [*(word[:2] for word in whole), *(word[:3] for word in whole), *whole]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    merges = [(word[:k], word[k : k + 1]) for word in whole for k in (1, 2) if len(word) > k]
    merges += [(word[:3], word[3:]) for word in whole if len(word) == 4]
    known = [(a, b) for a, b in dict.fromkeys(merges) if {a, b, a + b} <= vocabulary.keys()]
    fast = LlamaTokenizer(
        vocab=vocabulary, merges=known, pad_token="<unk>", legacy=True, model_max_length=WINDOW,
        extra_special_tokens={"image_token": "<image>", "video_token": "<video>"},
    )  # fmt: skip
    fast.add_tokens(_SPECIAL[4:], special_tokens=True)
    return fast


def _model(kind: Kind, tokenizer: Any, tile: int | None, patch: int) -> Any:
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaNextConfig,
        LlavaNextForConditionalGeneration,
        LlavaNextVideoConfig,
        LlavaNextVideoForConditionalGeneration,
        LlavaOnevisionConfig,
        LlavaOnevisionForConditionalGeneration,
        MistralConfig,
        Qwen2Config,
        SiglipVisionConfig,
    )

    # Of the ports, those with Qwen's smallest models share embeddings and output layer.
    tied = kind in ("interleave", "onevision")
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": WINDOW,
        "bos_token_id": tokenizer.convert_tokens_to_ids("<s>"),
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "tie_word_embeddings": tied,
    }
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    # 4x4 patches per tile for CLIP (pooled exactly), 3x3 for SigLIP (odd, as the real 27x27).
    clip = CLIPVisionConfig(**tower, image_size=tile or 32, patch_size=patch, projection_dim=32)
    siglip = SiglipVisionConfig(**tower, image_size=tile or 24, patch_size=patch, vision_use_head=False)
    common = {"image_token_index": tokenizer.convert_tokens_to_ids("<image>"), "tie_word_embeddings": tied}
    clip_features = {"vision_feature_layer": -2, "vision_feature_select_strategy": "default"}
    siglip_features = {"vision_feature_layer": -1, "vision_feature_select_strategy": "full"}
    video = {"video_token_index": tokenizer.convert_tokens_to_ids("<video>")}
    side = clip.image_size
    canvases = [[side * h, side * w] for h, w in ((1, 2), (2, 1), (2, 2), (3, 1), (1, 3))]
    if kind in ("vicuna", "mistral"):
        language = LlamaConfig(**text) if kind == "vicuna" else MistralConfig(**text, sliding_window=None)
        settings = {**common, **clip_features, "image_grid_pinpoints": canvases}
        return LlavaNextForConditionalGeneration(
            LlavaNextConfig(vision_config=clip, text_config=language, **settings)
        ).eval()
    if kind == "video":
        settings = {**common, **video, **clip_features, "image_grid_pinpoints": canvases}
        return LlavaNextVideoForConditionalGeneration(
            LlavaNextVideoConfig(vision_config=clip, text_config=LlamaConfig(**text), **settings)
        ).eval()
    if kind == "interleave":
        settings = {**common, **siglip_features}
        return LlavaForConditionalGeneration(
            LlavaConfig(vision_config=siglip, text_config=Qwen2Config(**text), **settings)
        ).eval()
    side = siglip.image_size
    grid = [[side * h, side * w] for h in range(1, 7) for w in range(1, 7)]
    settings = {**common, **video, **siglip_features, "image_grid_pinpoints": grid}
    return LlavaOnevisionForConditionalGeneration(
        LlavaOnevisionConfig(vision_config=siglip, text_config=Qwen2Config(**text), **settings)
    ).eval()


def _image_processor(kind: Kind, config: Any) -> dict[str, Any]:
    """Return what the port's preprocessor_config.json says."""
    side = config.vision_config.image_size
    shared: dict[str, Any] = {
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "resample": 3,
        "rescale_factor": 1 / 255,
    }
    if kind in ("vicuna", "mistral", "video"):
        return {
            **shared,
            "image_processor_type": "LlavaNextImageProcessor",
            "do_center_crop": True,
            "do_pad": True,
            "size": {"shortest_edge": side},
            "crop_size": {"height": side, "width": side},
            "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_std": [0.26862954, 0.26130258, 0.27577711],
            "image_grid_pinpoints": config.image_grid_pinpoints,
        }
    square = {
        **shared,
        "size": {"height": side, "width": side},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    if kind == "interleave":
        return {**square, "image_processor_type": "SiglipImageProcessor"}
    return {
        **square,
        "image_processor_type": "LlavaOnevisionImageProcessor",
        "do_pad": True,
        "image_grid_pinpoints": config.image_grid_pinpoints,
    }
