"""Texts that a tokenizer would change are spelled all the same."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import guided
from guided.errors import VocabularyError
from guided.vocab import Segment, Vocabulary

TEXT = ["the quick brown fox jumps over the lazy dog", "caf\u00e9 and name, na\u00efve r\u00e9sum\u00e9"]


def trained(normalizer):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=["</s>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXT, trainer)
    return Vocabulary.from_tokenizer(tokenizer, eos_ids=[0])


@pytest.fixture(scope="module")
def nfc():
    """As in Qwen's tokenizers."""
    return trained(normalizers.NFC())


DECOMPOSED = "the cafe\u0301 and\nthe quick re\u0301sume\u0301 \xff"


def test_what_the_tokenizer_leaves_alone_is_canonical(nfc):
    for text in (*TEXT, "", " ", "\n\n the"):
        assert nfc.spell(text.encode()) == nfc.encode(text.encode())


def test_what_it_would_change_is_spelled_exactly(nfc):
    data = DECOMPOSED.encode() + b"\xfe\xff end"
    with pytest.raises(VocabularyError, match="NFC"):
        nfc.encode(data)
    tokens = nfc.spell(data)
    assert nfc.decode(tokens) == data
    assert tokens[: len(nfc.encode(b"the"))] == nfc.encode(b"the")
    assert nfc.encode(b"\nthe quick")[0] in tokens


def test_a_chat_is_spelled_too(nfc):
    ids = nfc.encode_segments([Segment("the ", is_trusted=True), Segment("cafe\u0301", is_trusted=False)])
    assert nfc.decode(ids) == "the cafe\u0301".encode()


def test_words_that_change_only_together_are_spelled_one_by_one():
    joined = trained(normalizers.Replace("a b", "ab"))
    assert joined.decode(joined.spell(b"a b a b the")) == b"a b a b the"


def test_without_a_tokenizer_or_tokens_there_is_nothing_to_spell_with():
    with pytest.raises(VocabularyError, match="without a tokenizer"):
        Vocabulary([b"a", None], eos_ids={1}).spell(b"a")


def test_a_model_takes_such_texts_wherever_they_stand(nfc, tmp_path):
    """Prompts, chats, options, keys of schemas: none of them ends a run."""
    from tests.program.conftest import ScriptedEngine

    model = guided.Model(ScriptedEngine(nfc, says="cafe\u0301"))
    prompt = "the cafe\u0301: "
    for heal in (True, False):
        result = model.generate(prompt, max_tokens=3, token_healing=heal)
        assert result.healing == ("inexact" if heal else "off")
    options = ["cafe\u0301 and name", "the fox"]
    assert model.generate("the ", constraint=guided.Choice(options)).text in options
    schema = {"properties": {"cafe\u0301": {"enum": [1, 2]}}, "required": ["cafe\u0301"], "additionalProperties": False}
    constraint = guided.JsonSchema({"type": "object", **schema}, whitespace="compact")
    assert model.generate(prompt, constraint=constraint, max_tokens=60).value["cafe\u0301"] in (1, 2)
    session = model.session()
    session.text(prompt)
    assert session.select("x", options) in options
    session.text(prompt)
    with session.beam(n=2):
        session.gen("y", regex="[a-z]{2}")
        session.text(prompt)
    assert str(session).count("e\u0301") >= 2
    template = guided.Template('{{ gen("z", regex="[a-z]{2}") }} cafe\u0301 {{ gen("w", regex="[0-9]") }}')
    assert template.run(model).error is None


def test_only_the_tokenizers_own_tokens_where_it_composes_characters(nfc):
    """Also where the prompt has a word that the tokenizer would change."""
    from tests.program.conftest import ScriptedEngine

    assert nfc.is_byte_pair
    assert not trained(normalizers.Lowercase()).is_byte_pair
    model = guided.Model(ScriptedEngine(nfc))
    for seed in range(6):
        how = {"constraint": guided.Regex("[a-z ]{8,20}"), "max_tokens": 20, "temperature": 1.0, "seed": seed}
        for prompt in ("the ", "the cafe\u0301 "):
            result = model.generate(prompt, canonical=True, token_healing=False, **how)
            assert result.is_canonical
            assert list(result.tokens) == nfc.spell((prompt + result.text).encode())[-len(result.tokens) :]
