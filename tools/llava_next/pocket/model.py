"""The pocket model: a genuine LlavaNext, small enough to live in the repository.

transformers' own class (CLIP tower, two-layer projector, Llama text model, AnyRes over tiles of 64 pixels),
a WordPiece tokenizer whose known words are whole tokens and whose unknown words fall to characters, and a
chat template that keeps text and stills in the order given.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import blocks, patterns, questions, several, things, wording

if TYPE_CHECKING:
    from transformers import LlavaNextForConditionalGeneration, PreTrainedTokenizerFast

WEIGHTS = Path(__file__).parent / "weights"
TILE, PATCH = 64, 16
PINPOINTS = [[64, 64], [64, 128], [128, 64], [128, 128]]
CONTEXT = 1024
IMAGE, USER, ASSISTANT = "<image>", "<|user|>", "<|assistant|>"
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", IMAGE, USER, ASSISTANT]
IN_ONE_WORD = "in one word :"
"""What follows a still or a text whose last hidden state is its embedding (E5-V, Jiang et al. 2024)."""

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ '<|assistant|>' if m['role'] == 'assistant' else '<|user|>' }}"
    "{% if m['content'] is string %} {{ m['content'] }} {% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %} <image> {% elif c['type'] == 'text' %} {{ c['text'] }} "
    "{% endif %}{% endfor %}{% endif %}"
    "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def vocabulary() -> list[str]:
    """List the tokens, in the order of their ids.

    Known words, then characters and their continuations: nothing is unknown, and numbers go digit by digit.
    """
    known = wording.words(patterns.TRAINED) | set(wording.EXTRA_WORDS) | set(IN_ONE_WORD.split())
    for table in (wording.RELATIONS, wording.EXTREMES):
        known |= {w for many in table.values() for phrase in many for w in phrase.split()}
    answers = [
        questions.NONE,
        questions.NO_TEXT,
        several.STATIC,
        several.NOTHING,
        "yes no both none became moved appeared disappeared",
    ]
    answers += ["top bottom left right center up down a and first", *things.COLORS, *things.SIZES]
    known |= {w for text in answers for w in text.split()}
    known |= {word for shape in (*things.SHAPES, *blocks.SOLIDS) for word in (shape, questions.plural(shape))}
    single = "abcdefghijklmnopqrstuvwxyz0123456789"
    words = sorted(w for w in known if len(w) > 1 and w.isalnum())
    return [*SPECIAL, *words, *single, *("##" + c for c in single), *".,?!:;-'\"()/&%+=*#@_<>[]{}|\\~^`$"]


def synonyms() -> list[tuple[str, str]]:
    """List what else people call the solids: a pattern (Oniguruma) of words, and the word that is known.

    Words that stand on signs as well or mean other things are only read so behind a word that goes with
    things: "a red box" is a block, "the text box" is not.
    """
    before = ("a", "the", "any", "many", "of", "more", "most", "is", *things.COLORS, *things.SIZES, "big")
    thing = "(?<=" + "|".join(rf"\b{word} " for word in before) + ")"
    found = []
    for known, own, shared in (
        ("block", "cube", "box"),
        ("ball", "sphere", ""),
        ("pillar", "", "column|post"),
    ):
        for one, many in (("", ""), ("s", "e?s")):
            words = [rf"\b{own}{one}\b"] * bool(own) + [rf"{thing}(?:{shared}){many}\b"] * bool(shared)
            found.append(("|".join(words), known + one))
    return found


def tokenizer() -> PreTrainedTokenizerFast:
    """Make a lower-casing WordPiece tokenizer over :func:`vocabulary`, which pads on the left.

    It reads the :func:`synonyms` of the solids as their names.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocabulary())}, unk_token="<unk>"))
    core.normalizer = normalizers.Sequence(
        [
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            *(normalizers.Replace(Regex(pattern), word) for pattern, word in synonyms()),
        ]
    )
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": IMAGE},
        padding_side="left",
        model_max_length=CONTEXT,
    )
    fast.add_tokens([USER, ASSISTANT], special_tokens=True)
    fast.chat_template = CHAT_TEMPLATE
    return fast


def build(
    width: int = 256, layers: int = 6, vision_width: int = 192, vision_layers: int = 4
) -> LlavaNextForConditionalGeneration:
    """Make a pocket model with random weights.

    Parameters
    ----------
    width, layers : of the text model; a multiple of 64 wide
    vision_width, vision_layers : of the tower; a multiple of 32 wide

    Notes
    -----
    Its ``attn_implementation`` is eager, which trains twice as fast on CPUs.
    """
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaNextConfig, LlavaNextForConditionalGeneration

    count = len(vocabulary())
    ids = {w: i for i, w in enumerate(SPECIAL)}
    vision = CLIPVisionConfig(
        hidden_size=vision_width,
        intermediate_size=vision_width * 3,
        num_hidden_layers=vision_layers,
        num_attention_heads=vision_width // 32,
        image_size=TILE,
        patch_size=PATCH,
        projection_dim=vision_width,
        hidden_act="gelu",
    )
    text = LlamaConfig(
        vocab_size=(count + 15) // 16 * 16,
        hidden_size=width,
        intermediate_size=int(width * 8 / 3) // 64 * 64,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        num_key_value_heads=width // 64,
        max_position_embeddings=CONTEXT,
        pad_token_id=ids["<pad>"],
        bos_token_id=ids["<s>"],
        eos_token_id=ids["</s>"],
    )
    config = LlavaNextConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=ids[IMAGE],
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        image_grid_pinpoints=PINPOINTS,
        image_seq_length=(TILE // PATCH) ** 2,
        tie_word_embeddings=False,
    )
    model: LlavaNextForConditionalGeneration = LlavaNextForConditionalGeneration._from_config(
        config, attn_implementation="eager"
    )
    model.generation_config.pad_token_id = ids["<pad>"]
    return model


def load(folder: Path) -> LlavaNextForConditionalGeneration:
    """Read a checkpoint of the recipe to train it further, in float32."""
    import torch
    from transformers import LlavaNextForConditionalGeneration

    model: LlavaNextForConditionalGeneration = LlavaNextForConditionalGeneration.from_pretrained(
        folder, attn_implementation="eager", dtype=torch.float32
    )
    return model


def save(model: LlavaNextForConditionalGeneration, folder: Path, half: bool = True) -> None:
    """Write a checkpoint in the layout of ``llava-hf``.

    Parameters
    ----------
    model : left as it is
    folder : made if it is not there
    half : store weights in fp16
    """
    import copy

    from transformers import LlavaNextImageProcessorPil, LlavaNextProcessor

    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": TILE},
        crop_size={"height": TILE, "width": TILE},
        image_grid_pinpoints=PINPOINTS,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    processor = LlavaNextProcessor(
        image_processor=images,
        tokenizer=tokenizer(),
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )
    folder.mkdir(parents=True, exist_ok=True)
    stored = copy.deepcopy(model)
    for part in (stored.config.text_config, stored.config.vision_config):
        # one that was loaded names what it was loaded in; all are stored alike
        setattr(part, "dtype", None)  # noqa: B010 - the class says that it might be a dict
    (stored.half() if half else stored).save_pretrained(folder)
    processor.save_pretrained(folder)
