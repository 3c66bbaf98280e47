"""Tokens are exact bytes, text round-trips, and no text makes a control id."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from guided.errors import VocabularyError
from guided.vocab import Segment, Vocabulary

from .conftest import FAMILIES

TEXTS = {
    "empty": "",
    "plain": "Hello world",
    "leading space": " Hello",
    "spaces": "  a   b ",
    "white space": "a\n\n\tb\r\n ",
    "accents": "naïve café e\u0301",
    "cjk": "日本語 中文",
    "emoji": "\U0001f600\U0001f468\u200d\U0001f469",
    "space mark": "▁a ▁ b▁",
    "byte piece": "<0x0A> <0x41>",
    "null": "a\0b",
    "control names": "</s><s> <|end|> <unk> <|bos|>x",
    "added text": "<think>a façade</think>",
    "compatibility": "ﬁ Å ①",
}

_VOCABULARIES = {name: Vocabulary.from_tokenizer(make(), eos_ids=None) for name, make in FAMILIES.items()}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_round_trips_and_makes_no_control_id(tokenizer, text):
    vocab = Vocabulary.from_tokenizer(tokenizer)
    ids = vocab.encode(text.encode())
    assert vocab.decode(ids) == text.encode()
    assert all(vocab.tokens[i] is not None for i in ids)


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.one_of(st.text().map(str.encode), st.binary(max_size=30)))
@settings(max_examples=150, deadline=None)
def test_any_bytes_round_trip(family, data):
    vocab = _VOCABULARIES[family]
    ids = vocab.encode(data)
    assert vocab.decode(ids) == data
    assert all(vocab.tokens[i] is not None for i in ids)


@pytest.mark.parametrize("family", FAMILIES)
def test_names_of_control_tokens_in_text_change_nothing(family):
    vocab = _VOCABULARIES[family]
    control = {i for i, t in enumerate(vocab.tokens) if t is None}
    for name in vocab.special:
        for text in (name, f"a {name} b", name + name, name[:-1] + name):
            assert not control & set(vocab.encode(text.encode()))
    name, token = next(iter(vocab.special.items()))
    assert vocab.encode_trusted(f"a{name}b").count(token) == 1
    assert not control & set(vocab.encode_segments([Segment("a", True), Segment(name, False)]))


def test_a_name_split_over_two_segments_is_no_control_token():
    vocab = _VOCABULARIES["byte-level"]
    ids = vocab.encode_segments([Segment("<|e", False), Segment("nd|>", False), Segment("<|end|>", True)])
    assert ids.count(vocab.special["<|end|>"]) == 1
    assert vocab.decode(ids) == b"<|end|>"


def test_encoding_agrees_with_the_tokenizer_inside_a_text():
    tokenizer = FAMILIES["byte-level"]()
    vocab = Vocabulary.from_tokenizer(tokenizer)
    text = "Hello world, don't <think> stop 12"
    assert vocab.encode(text.encode()) == tokenizer.encode(text, add_special_tokens=False).ids


def test_settings_of_a_bare_tokenizer():
    vocab = _VOCABULARIES["byte-level"]
    assert (vocab.eos_ids, vocab.bos_id, vocab.add_bos, vocab.space_prefix) == ({2}, 1, True, False)
    assert _VOCABULARIES["llama-bpe"].space_prefix
    assert vocab.tokens[vocab.special["<|user|>"]] is None
    assert b"<think>" in vocab.tokens
    assert vocab.can_round_trip


def test_the_users_tokenizer_is_not_changed():
    tokenizer = FAMILIES["unigram"]()
    before = tokenizer.to_str()
    Vocabulary.from_tokenizer(tokenizer).encode(b"</s> text")
    assert tokenizer.to_str() == before
    assert not tokenizer.encode_special_tokens


def test_padded_vocabularies_end_in_no_text():
    vocab = Vocabulary.from_tokenizer(FAMILIES["byte-level"](), size=1024)
    assert vocab.size == 1024
    assert vocab.tokens[-1] is None
    with pytest.raises(VocabularyError, match="less than the"):
        Vocabulary.from_tokenizer(FAMILIES["byte-level"](), size=10)


def test_fingerprint_is_stable_and_tells_vocabularies_apart():
    plain = Vocabulary([None, b"a", b"b"], eos_ids={0})
    assert plain.fingerprint == "f38d615deb0ea3b175a37d10eacfdf6ef5d78b4c73ad17601205e00c3821488c"
    code = "import guided; print(guided.Vocabulary([None, b'a', b'b'], eos_ids={0}).fingerprint)"
    elsewhere = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert elsewhere.stdout.strip() == plain.fingerprint
    others = [
        Vocabulary([None, b"a", b"c"], eos_ids={0}),
        Vocabulary([None, b"ab", None], eos_ids={0}),
        Vocabulary([None, b"a", None], eos_ids={0}),
        Vocabulary([None, b"a", b"b", None], eos_ids={0}),
        Vocabulary([None, b"a", b"b", None], eos_ids={0, 3}),
    ]
    assert len({v.fingerprint for v in [plain, *others]}) == 6


def test_an_end_token_is_never_text():
    vocab = Vocabulary([b"</s>", b"a"], eos_ids={0})
    assert vocab.tokens == (None, b"a")


class TestBadInput:
    def test_without_tokenizer_there_is_no_encoding(self):
        vocab = Vocabulary([b"a"], eos_ids=())
        with pytest.raises(VocabularyError, match="from_tokenizer"):
            vocab.encode(b"a")
        assert not vocab.can_round_trip

    @pytest.mark.parametrize("tokens", [[b""], ["a"], [3]], ids=["empty", "str", "int"])
    def test_tokens_must_be_bytes(self, tokens):
        with pytest.raises(VocabularyError, match="token 0 must be non-empty bytes"):
            Vocabulary(tokens)

    def test_eos_outside(self):
        with pytest.raises(VocabularyError, match="eos id 5 is outside"):
            Vocabulary([b"a"], eos_ids={5})

    @pytest.mark.parametrize("ids", [[1], [-1]], ids=["too large", "negative"])
    def test_decode_outside(self, ids):
        with pytest.raises(VocabularyError):
            Vocabulary([b"a"]).decode(ids)

    def test_something_else(self):
        with pytest.raises(VocabularyError, match=r"builtins\.int"):
            Vocabulary.from_tokenizer(7)

    def test_no_end_token_is_known(self):
        tokenizer = Tokenizer(models.BPE(vocab={"a": 0}, merges=[]))
        with pytest.raises(VocabularyError, match="pass eos_ids="):
            Vocabulary.from_tokenizer(tokenizer)
        assert Vocabulary.from_tokenizer(tokenizer, eos_ids={0}).eos_ids == {0}

    @pytest.mark.parametrize("kind", [models.WordPiece, models.WordLevel], ids=["WordPiece", "WordLevel"])
    def test_words_with_guessed_spaces(self, kind):
        with pytest.raises(VocabularyError, match=kind.__name__):
            Vocabulary.from_tokenizer(Tokenizer(kind(vocab={"[UNK]": 0}, unk_token="[UNK]")), eos_ids={0})

    def test_word_end_marks(self):
        tokenizer = Tokenizer(models.BPE(vocab={"a</w>": 0}, merges=[], end_of_word_suffix="</w>"))
        tokenizer.decoder = decoders.BPEDecoder()
        with pytest.raises(VocabularyError, match="word-end marks"):
            Vocabulary.from_tokenizer(tokenizer, eos_ids={0})

    def test_a_normalizing_tokenizer_says_so(self):
        tokenizer = FAMILIES["byte-level"]()
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        vocab = Vocabulary.from_tokenizer(tokenizer)
        assert not vocab.can_round_trip
        assert vocab.decode(vocab.encode(b"plain text")) == b"plain text"
        with pytest.raises(VocabularyError, match=r"'Hello'.*NFKC"):
            vocab.encode(b"Hello")

    def test_no_token_spells_it(self):
        tokenizer = Tokenizer(models.BPE(vocab={"a": 0, "</s>": 1}, merges=[]))
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "isolated")
        tokenizer.add_special_tokens(["</s>"])
        vocab = Vocabulary.from_tokenizer(tokenizer)
        with pytest.raises(VocabularyError, match="single-byte"):
            vocab.encode(b"ab")


def test_the_native_vocabulary_has_the_same_size():
    vocab = _VOCABULARIES["unigram"]
    assert vocab.native.size == vocab.size
    assert vocab.native is vocab.native


def test_a_tokenizer_json_with_many_settings(tmp_path):
    FAMILIES["byte-level"]().save(str(tmp_path / "tokenizer.json"))
    config = {"eos_token": {"content": "<|end|>"}, "bos_token": "<|bos|>", "add_bos_token": False, "chat_template": "x"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 0]}))
    for path in (tmp_path, tmp_path / "tokenizer.json", str(tmp_path)):
        vocab = Vocabulary.from_tokenizer(path)
        assert (vocab.eos_ids, vocab.bos_id, vocab.add_bos) == ({0, 2}, 1, True)  # as transformers does
        assert vocab.chat is not None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.json", "{", "cannot read tokenizer.json"),
        ("tokenizer.json", "[]", "JSON object"),
        ("tokenizer.json", '{"a": 1}', "no 'model'"),
        ("tokenizer.json", '{"model": {"type": "BPE"}}', "not the shape"),
        ("tokenizer.model", "\n\x05", "neither a SentencePiece"),
        ("x.tiktoken", "aGk= 0", "known names"),
        ("cl100k_base.tiktoken", "??? x", "nor a tiktoken rank file"),
        ("tekken.json", '{"config": {}, "vocab": []}', "not the shape"),
    ],
)
def test_broken_files_are_told_apart(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(VocabularyError, match=message):
        Vocabulary.from_tokenizer(tmp_path / name)


def test_missing_places(tmp_path):
    with pytest.raises(VocabularyError, match="no such file"):
        Vocabulary.from_tokenizer(tmp_path / "nothing")
    with pytest.raises(VocabularyError, match="holds no tokenizer"):
        Vocabulary.from_tokenizer(tmp_path)
