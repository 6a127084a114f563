"""Build data/tokenizer: byte-level BPE with 4,096 entries, trained on the training part of the novels."""

from __future__ import annotations

from text import TOKENIZER, novels, split
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

SIZE = 4096
SPECIAL = {"bos_token": "<|bos|>", "eos_token": "<|eos|>", "pad_token": "<|pad|>"}


def main() -> None:
    """Train and save the tokenizer."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=list(SPECIAL.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator((split(text)[0] for text in novels().values()), trainer)
    PreTrainedTokenizerFast(tokenizer_object=bpe, **SPECIAL).save_pretrained(TOKENIZER)


if __name__ == "__main__":
    main()
