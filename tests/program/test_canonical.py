"""Only what the tokenizer itself would write: sampled texts against the tokenizer's own encoding of them."""

import json
import zlib
from collections import Counter

import numpy as np
import pytest
from tokenizers import Regex as TokenizersRegex
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import guided
from guided import Vocabulary, VocabularyError
from guided.constraints import Regex
from guided.program import GenerateRequest, generate_row
from guided.runtime.canonical import MAX_TRIES, Spelling, choose_accepted
from guided.runtime.engine import Policy
from guided.runtime.local_engine import LocalEngine
from guided.runtime.scheduler import Scheduler

TEXTS = [
    "the house of the horse",
    "he said: 'that is the one'",
    "ththe  hehe\n\n  on 1234 and 56",
    "naïve ones (the)",
] * 20
GPT2 = r"'s|'t|'re| ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(TokenizersRegex(GPT2), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<s>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def sentencepiece():
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    special = ["<unk>", "<s>", *(f"<0x{i:02X}>" for i in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    spec = json.loads(tokenizer.to_str())
    spec["added_tokens"] = [token for token in spec["added_tokens"] if not token["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(spec))


class NoisyEngine(LocalEngine):
    """Logits that depend on the text's tokens, and favour none."""

    salt = b""

    def __init__(self, vocab):
        self.kept = np.zeros(0, np.int64)
        super().__init__(vocab, num_logits=vocab.size, max_len=500, slot_bytes=1, cache_bytes=4000)

    def resize(self, num_slots):
        self.kept = np.concatenate([self.kept, np.zeros(num_slots - len(self.kept), np.int64)])

    def forward(self, plan):
        self.kept[plan.write] = plan.tokens
        seen = [segment.slots[: segment.start + i + 1] for segment in plan.segments for i in range(len(segment.tokens))]
        return np.array([zlib.crc32(self.kept[seen[i]].tobytes() + self.salt) for i in plan.wanted])

    def head(self, states, token_ids):
        logits = np.array([np.random.default_rng(int(state)).normal(0, 1, self.num_logits) for state in states])
        return (logits if token_ids is None else logits[:, token_ids]).astype(np.float32)

    def concat(self, states):
        return np.concatenate(states)


@pytest.fixture(scope="module", params=[byte_level, sentencepiece], ids=["byte level", "sentencepiece"])
def engine(request):
    tokenizer = request.param()
    return NoisyEngine(Vocabulary.from_tokenizer(tokenizer, eos_ids=[tokenizer.token_to_id("<s>")]))


def generated(engine, **how):
    request = GenerateRequest(**{"prompt": "the\n", "max_tokens": 12, "temperature": 1.0} | how)
    return Scheduler(engine).run_one(generate_row(engine, request))


def is_own(engine, made, prompt="the\n"):
    """Whether the tokenizer spells the text with these tokens, after the prompt."""
    tokens = engine.vocab.encode((prompt + made.text).encode())
    return tokens[len(tokens) - len(made.tokens) :] == list(made.tokens)


CONSTRAINTS = [None, Regex(r"(the|he|th|on|e|h| |o){8,20}"), Regex(r"[0-9 ()']{4,9}"), Regex(r"[a-z]{3} *\n[a-z]{2,9}")]


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=["free", "words", "digits", "lines"])
def test_what_is_sampled_is_what_the_tokenizer_writes(engine, constraint):
    others = 0
    for seed in range(12):
        how = {"constraint": constraint, "seed": seed, "token_healing": seed % 2 == 0}
        made = generated(engine, canonical=True, **how)
        whole = "\ufffd" not in made.text
        if made.is_canonical and whole:
            assert is_own(engine, made), (made.text, made.tokens)
        assert constraint is None or constraint.compile(engine.vocab).matcher().accept_bytes(made.text.encode())
        others += not is_own(engine, generated(engine, **how))
    assert others > 0  # else the test could not fail


def test_most_texts_can_be_canonical(engine):
    made = [generated(engine, canonical=True, constraint=CONSTRAINTS[1], seed=seed) for seed in range(20)]
    assert sum(one.is_canonical for one in made) >= 15
    assert {one.is_canonical for one in made} <= {True, False}
    assert generated(engine).is_canonical is None


def test_where_the_constraint_leaves_nothing_the_text_goes_on_and_says_so(engine):
    made = generated(
        engine, prompt="t", constraint=guided.Choice(["he"]), canonical=True, token_healing=False, temperature=0.0
    )
    assert (made.text, made.is_canonical) == ("he", False)


def test_a_greedy_choice_is_the_most_likely_canonical_token(engine):
    vocab = engine.vocab
    (hidden,) = engine.step([guided_extend(engine, vocab.encode(b"the\n"))])
    logits = engine.logits(hidden)[0]
    before = vocab.encode(b"the\n")
    spelling = Spelling(vocab)
    allowed = guided.Regex(r"(?s).*").compile(vocab).matcher().allowed_tokens().tolist()
    able = [t for t in allowed if t not in vocab.eos_ids and spelling.is_own(before, [t], b"")]
    assert len(able) < len(allowed) - 1
    how = {"constraint": guided.Regex(r"(?s).+"), "temperature": 0.0, "token_healing": False, "max_tokens": 1}
    made = generated(engine, canonical=True, **how)
    assert list(made.tokens) == [max(able, key=lambda t: logits[t])]


def guided_extend(engine, tokens):
    from guided.runtime.engine import Extend

    return Extend(engine.open([]), tokens)


def test_draws_have_the_distribution_of_the_accepted_ones():
    logits = np.log(np.array([0.4, 0.3, 0.2, 0.1], np.float32))
    mask = np.array([0b1111], np.int32)
    accepted = {1, 3}
    draws = 20_000
    found = Counter(
        int(
            choose_accepted(
                logits, mask, Policy(temperature=1.0, uniform=(i + 0.5) / draws), accepted.__contains__
            ).tokens[0]
        )
        for i in range(draws)
    )
    assert set(found) == accepted
    assert abs(found[1] / draws - 0.75) < 0.015


def test_a_choice_that_nothing_is_accepted_for_is_the_first_one():
    logits = np.array([1, 3, 2], np.float32)
    asked = []
    choice = choose_accepted(logits, None, Policy(), lambda token: bool(asked.append(token)))
    assert (choice.tokens.tolist(), asked) == ([1], [1, 2, 0])
    asked.clear()
    choose_accepted(np.arange(2000, dtype=np.float32), None, Policy(), lambda token: bool(asked.append(token)))
    assert len(asked) == MAX_TRIES


def test_tokenizers_whose_spelling_cannot_be_known_are_refused():
    unigram = Tokenizer(models.Unigram([("<unk>", 0.0), *((chr(97 + i), -1.0) for i in range(26))], unk_id=0))
    lower = byte_level()
    lower.normalizer = normalizers.Lowercase()
    for vocab in (
        Vocabulary.from_tokenizer(unigram, eos_ids=[0]),
        Vocabulary.from_tokenizer(lower, eos_ids=[0]),
        Vocabulary([b"a", None], eos_ids={1}),
    ):
        with pytest.raises(VocabularyError, match="canonical=True"):
            Spelling(vocab)


def test_templates_and_sessions_take_it():
    with guided.load_model() as model:
        template = guided.Template(
            "---\nguided: 1\n---\nA\n{{ gen('x', max_tokens=9, temperature=1.0, canonical=true) }}"
        )
        text = template.run(model, seed=4)["x"]
        tokens = model.vocab.encode(("A\n" + text).encode())
        written = [
            token.id for piece in template.run(model, seed=4).trace for token in piece.tokens if piece.hole == "x"
        ]
        assert tokens[-len(written) :] == written
        session = model.session()
        session.text("A\n")
        assert isinstance(session.gen("x", max_tokens=5, canonical=True), str)
        with pytest.raises(guided.InputError, match="canonical is true or false"):
            model.generate("x", canonical=1)
