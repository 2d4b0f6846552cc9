"""A `tokenizer.json` from a GGUF file's vocabulary, to count tokens quickly."""

from __future__ import annotations

from pathlib import Path

from gguf import GGUFReader, TokenType

_BYTE_LEVEL = ("gpt-2", "smollm", "default")  # pre-tokenizers that split as GPT-2's does


def write_tokenizer(reader: GGUFReader, target: Path) -> None:
    """Writes `target` if the vocabulary is byte-level BPE that splits words as GPT-2 does; others
    are left to OpenVINO's own, slower tokenizer. (SmolLM also splits digits, which makes no
    difference: its vocabulary joins none.)
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    fields = {
        name.removeprefix("tokenizer.ggml."): field.contents()
        for name, field in reader.fields.items()
        if name.startswith("tokenizer.ggml.")
    }
    if fields.get("model") != "gpt2" or fields.get("pre", "default") not in _BYTE_LEVEL:
        return
    tokens, types = fields["tokens"], fields["token_type"]
    merges = [tuple(merge.split(" ")) for merge in fields["merges"]]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    named = {
        TokenType.CONTROL: tokenizer.add_special_tokens,
        TokenType.USER_DEFINED: tokenizer.add_tokens,
    }
    for token, kind in zip(tokens, types, strict=True):
        if kind in named:
            named[kind]([AddedToken(token, normalized=False)])
    tokenizer.save(str(target), pretty=False)
