"""Healing at cuts of real text; `python -m tests.oracles.healing` tries 2,000 of them."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.pre_tokenizers import ByteLevel

import guided
from guided.runtime.healing import boundaries, spellings
from tests.oracles.healing import ByHeart, cuts_of, judge, vocabularies

VOCABULARIES = ["shipped", pytest.param("tekken", marks=pytest.mark.slow), "sentencepiece"]
LASTING = ["docs/decisions/00[01]*.md"]  # pages that stay as they are: an edit elsewhere does not choose other cuts


@pytest.fixture(scope="module")
def vocabs():
    return dict(vocabularies())


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_text_cut_anywhere_goes_on_as_if_it_were_not(vocabs, name):
    if name not in vocabs:
        pytest.skip("mistral-common has this vocabulary")
    cuts = cuts_of(200 if name == "shipped" else 30, seed=11, pages=LASTING)
    found = judge(vocabs[name], cuts)
    assert found.changed == []
    assert found.violated == []
    assert len(found.lost) <= 0.01 * len(cuts), found.lost


def test_the_judge_sees_what_healing_is_for(vocabs):
    cuts = cuts_of(40, seed=11, pages=LASTING)
    assert len(judge(vocabs["shipped"], cuts, heal=False).lost) > 8


def test_other_spellings_are_the_tokenizers_own(vocabs):
    vocab = vocabs["shipped"]
    for text in ("@dataclass(slo", "x\n        ", "need", "the end"):
        data = text.encode()
        ends = boundaries(vocab, vocab.encode(data))
        for place, index, ids in spellings(vocab, data, ends):
            for token in ids.tolist():
                spelled = vocab.tokens[token]
                canonical = vocab.encode(data[:place] + spelled)
                assert canonical[-1] == token
                assert boundaries(vocab, canonical)[:index] == ends[:index]
        assert spellings(vocab, data, ends) is spellings(vocab, data, ends)


def test_the_model_by_heart_is_lost_off_its_path(vocabs):
    vocab = vocabs["shipped"]
    tokens = vocab.encode(b"The quick brown fox")
    model = ByHeart(vocab, tokens)
    assert int(np.argmax(model.logits_after(tuple(tokens[:2])))) == tokens[2]
    assert model.logits_after((tokens[0], tokens[0])).max() < 50


@pytest.fixture(scope="module")
def model():
    with guided.load_model() as loaded:
        yield loaded


CUTS = [
    ('<a href="http:', {}, "healed"),
    ('<a href="http:', {"token_healing": False}, "off"),
    ('<a href="http:', {"constraint": guided.Regex("[0-9]{3}")}, "none"),  # no token goes on from : into a digit
    ("", {}, "none"),
    ("A large hou", {"constraint": guided.Choice(["se"])}, "healed"),  # all of it forced, and one token across the cut
]


@pytest.mark.parametrize(("prompt", "options", "expected"), CUTS)
def test_each_generation_says_what_became_of_its_cut(model, prompt, options, expected):
    result = model.generate(prompt, max_tokens=4, **options)
    assert result.healing == expected
    (closed,) = [e for e in model.stream(prompt, max_tokens=4, **options) if hasattr(e, "finish_reason")]
    assert closed.healing == expected


def test_each_hole_says_what_became_of_its_cut(model, tmp_path):
    session = model.session()
    session.text('<a href="http:')
    session.gen("link", max_tokens=3)
    session.gen("number", regex="[0-9]{2}", token_healing=False)
    session.text(" a large hou")
    session.select("kind", ["se", "nd"])
    session.text(" ")
    session.select("only", ["x"])
    names = ("link", "number", "kind", "only")
    assert [session.healing(name) for name in names] == ["healed", "off", "healed", "none"]
    session.save(tmp_path / "s")
    assert model.restore(tmp_path / "s").healing("link") == "healed"
    holes = '{{ gen("a", max_tokens=3) }}: {{ gen("b", regex="[0-9]", token_healing=false) }}'
    template = guided.Template('<a href="http:' + holes)
    run = template.run(model)
    assert (run.healing("a"), run.healing("b")) == ("healed", "off")
    run.save(tmp_path / "run.jsonl")
    assert '"healing": "off"' in (tmp_path / "run.jsonl").read_text()


def test_a_text_that_the_tokenizer_cannot_spell_is_inexact(engine_of, tmp_path):
    """It writes everything small: the capitals of the choice are left to the mask, and the cut stays as it is."""
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(ByteLevel.alphabet())}, merges=[]))
    tokenizer.pre_tokenizer, tokenizer.decoder = ByteLevel(add_prefix_space=False), ByteLevelDecoder()
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.add_special_tokens(["</s>"])
    model = guided.Model(engine_of(guided.Vocabulary.from_tokenizer(tokenizer, eos_ids=[256])))
    result = model.generate("it is ", constraint=guided.Choice(["ABC"]))
    assert (result.text, result.healing) == ("ABC", "inexact")
    session = model.session()
    session.text("it is ")
    assert session.gen("x", regex="ABC") == "ABC"
    assert session.healing("x") == "inexact"
