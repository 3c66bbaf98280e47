"""The vocabularies that ship with mistral-common, tiktoken and transformers objects, against their own libraries."""

from __future__ import annotations

import base64
import random

import pytest

from guided.errors import VocabularyError
from guided.vocab import Vocabulary
from guided.vocab.byte_pairs import merge_pairs
from guided.vocab.sentencepiece_model import read_model

from .conftest import CORPUS, FAMILIES

PIECES = [
    "a",
    "B",
    " ",
    "  ",
    "    ",
    "é",
    "日",
    "\n",
    "\n\n",
    "1",
    "23",
    "the",
    " The",
    "ing",
    ".",
    "😀",
    "\u0301",
    "ß",
    "'s",
    "</s>",
]


def _texts(count):
    rng = random.Random(11)
    return [*CORPUS[:3], *("".join(rng.choice(PIECES) for _ in range(rng.randint(1, 120))) for _ in range(count))]


@pytest.fixture(scope="module")
def tekken(mistral_data):
    return Vocabulary.from_tokenizer(mistral_data / "tekken_240911.json")


@pytest.fixture(scope="module")
def sentencepiece(mistral_data):
    return Vocabulary.from_tokenizer(mistral_data / "mistral_instruct_tokenizer_240323.model.v3")


def test_tekken_is_what_mistral_common_says(tekken, mistral_data):
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    theirs = Tekkenizer.from_file(mistral_data / "tekken_240911.json")
    assert tekken.size == theirs.n_words == 131_072
    assert (tekken.eos_ids, tekken.bos_id, tekken.add_bos) == ({theirs.eos_id}, theirs.bos_id, True)
    for text in _texts(150):
        assert tekken.encode(text.encode()) == theirs.encode(text, bos=False, eos=False)
    assert tekken.can_round_trip


def test_sentencepiece_is_what_its_library_says(sentencepiece, mistral_data):
    library = pytest.importorskip("sentencepiece")
    theirs = library.SentencePieceProcessor(model_file=str(mistral_data / "mistral_instruct_tokenizer_240323.model.v3"))
    assert sentencepiece.size == theirs.vocab_size() == 32_768
    assert (sentencepiece.eos_ids, sentencepiece.bos_id, sentencepiece.space_prefix) == ({2}, 1, True)
    for text in _texts(150):  # theirs puts a space in front
        assert sentencepiece.encode((" " + text).encode()) == theirs.encode(text)


@pytest.mark.parametrize("name", ["tekken", "sentencepiece"])
def test_real_vocabularies_round_trip(request, name):
    vocab = request.getfixturevalue(name)
    for text in [*_texts(50), "▁ ▁▁x", "<0x0A>", "[INST] a [/INST]</s>"]:
        ids = vocab.encode(text.encode())
        assert vocab.decode(ids) == text.encode()
        assert all(vocab.tokens[i] is not None for i in ids)
    assert vocab.decode(vocab.encode(b"\xff\xfea\x80")) == b"\xff\xfea\x80"
    assert vocab.encode_trusted("[INST] a [/INST]")[0] == vocab.special["[INST]"]


@pytest.mark.parametrize("text", ["a" * 50_000, " " * 20_000, "ab" * 10_000], ids=["letter", "spaces", "pair"])
def test_long_runs_are_encoded_quickly(sentencepiece, tekken, text):
    for vocab in (sentencepiece, tekken):
        assert vocab.decode(vocab.encode(text.encode())) == text.encode()


def test_pair_merging_takes_the_lowest_rank_first():
    ranks = {b"a": 0, b"b": 1, b"c": 2, b"bc": 3, b"ab": 4, b"abc": 5}
    assert merge_pairs(b"abc", ranks) == [b"abc"]
    assert merge_pairs(b"abbc", ranks) == [b"ab", b"bc"]
    assert merge_pairs(b"", ranks) == []


def test_tiktoken_encodings_and_rank_files(tmp_path):
    tiktoken = pytest.importorskip("tiktoken")
    ranks = {bytes([b]): b for b in range(256)} | {b"he": 256, b"ll": 257, b"hell": 258, b" w": 259}
    from guided.vocab.rank_files import _KNOWN

    known = _KNOWN["cl100k_base"]
    encoding = tiktoken.Encoding(
        "small", pat_str=known.pattern, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 260, "<|x|>": 262}
    )
    vocab = Vocabulary.from_tokenizer(encoding)
    assert (vocab.size, vocab.eos_ids, vocab.tokens[261]) == (263, {260}, None)
    lines = b"\n".join(base64.b64encode(t) + b" %d" % r for t, r in ranks.items())
    (tmp_path / "cl100k_base.tiktoken").write_bytes(lines)
    from_file = Vocabulary.from_tokenizer(tmp_path / "cl100k_base.tiktoken")
    for text in _texts(60):
        ids = vocab.encode(text.encode())
        assert ids == encoding.encode_ordinary(text) == from_file.encode(text.encode())
    assert vocab.encode(b"<|x|>").count(262) == 0
    assert vocab.encode_trusted("<|x|>") == [262]


def test_transformers_tokenizers_are_read_by_their_backend(tmp_path):
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=FAMILIES["byte-level"](), bos_token="<|bos|>", eos_token="<|end|>", pad_token="<|pad|>"
    )
    tokenizer.chat_template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    vocab = Vocabulary.from_tokenizer(tokenizer, size=len(tokenizer) + 5)
    assert (vocab.size, vocab.eos_ids, vocab.bos_id, vocab.add_bos) == (len(tokenizer) + 5, {2}, 1, True)
    assert vocab.encode(b"Hello world") == tokenizer.encode("Hello world", add_special_tokens=False)
    messages = [{"role": "user", "content": "Hello world"}]
    theirs = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
    assert vocab.encode_segments(vocab.chat.segments(messages, add_generation_prompt=False)) == list(theirs)
    tokenizer.save_pretrained(tmp_path)
    assert Vocabulary.from_tokenizer(tmp_path).fingerprint == Vocabulary.from_tokenizer(tokenizer).fingerprint


def test_word_models_of_sentencepiece_are_refused():
    word = b"\x0a\x0a\x0a\x01a\x15\x00\x00\x00\x00\x18\x01\x12\x02\x18\x03"
    with pytest.raises(VocabularyError, match="word or char"):
        read_model(word, "w.model").as_tokenizer_json()
