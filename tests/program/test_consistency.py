"""Whatever the model says: the cache holds the text that was written, token for token, and text is written once."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from guided.lang.scope import Scope
from guided.program.executor import execute
from guided.program.machine import Machine
from guided.program.run import Decoding
from guided.program.state import RunState
from guided.runtime.hole_text import start
from guided.runtime.scheduler import Scheduler
from guided.vocab import Vocabulary

WORDS = (
    *('":', '",', '", "', ' "', '{"', '"}', "://", "http", "ab", "abc", "ba", "aa", ",a", "a,", ";;", "é", "éa", ". "),
    *("no", "nothing", "ing", "ing ", "12", "123", "0,", " is", " island", "\n\n", "\n", ")\n", '")', "a\n"),
)
PIECES = (
    'x="{{ gen("NAME", regex="[abé]{1,4}") }}", ',
    "({{ gen(\"NAME\", regex='(no|nothing)') }}ing is ",
    '[{{ gen("NAME", regex="[0-9]{1,3}", type=int) }}]',
    '{{ gen("NAME", max_tokens=6) }};;',
    '{{ gen("NAME", stop=["\\n", "; "], max_tokens=9) }}\n',
    '{{ gen("NAME", stop=",a", keep_stop=true, max_tokens=7) }}',
    '{{ gen("NAME", json={"type": "object", "properties": {"ab": {"type": "boolean"}}, "required": ["ab"]}) }}\n',
    'http:{{ gen("NAME", regex="(//)?[ab]{1,3}") }} is ',
    '{{ select("NAME", ["no", "nothing", "ab", "abc"]) }}ing ',
    '{{ select("NAME", ["a", "b"], token_healing=false) }}',
    '{% repeat "NAMEs", min=0, max=3, sep=", " %}{{ gen("NAME", regex="[ab]+", max_tokens=3) }}{% endrepeat %}. ',
    '{% hidden %}is {{ gen("NAME", regex="[ab]{2}") }}{% endhidden %}',
    '{% beam n=3 %}"{{ gen("NAME", regex="[ab]{1,2}") }}", "{{ select("NAMEx", ["no", "12"]) }}"{% endbeam %}',
    '{% choose "NAMEc" %}{% option "p" %}ab{{ gen("NAME", regex="[a-c]") }}{% option "q" %}ba{% endchoose %}',
    "{{ gen('NAME', regex='[ab]{1,3}') }}{{ gen('NAMEy', regex='[ab]{1,3}') }}",
    "{% for i in range(2) %}{{ gen('NAME', regex='[0-9]{1,2}') }},{% endfor %}",
)


@pytest.mark.parametrize("seed", range(60))
def test_the_cache_holds_the_text(compiled, engine_of, vocab_of, seed):
    run_at_random(compiled, engine_of, vocab_of(WORDS), seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mistral_instruct_tokenizer_240323.model.v3", "tekken_240718.json"])
def test_the_cache_holds_the_text_of_real_tokenizers(compiled, engine_of, name):
    data = Path(os.path.dirname(pytest.importorskip("mistral_common").__file__)) / "data"
    vocab = Vocabulary.from_tokenizer(data / name)
    for seed in range(6):
        run_at_random(compiled, engine_of, vocab, seed)


def run_at_random(compiled, engine_of, vocab, seed):
    pick = random.Random(seed)
    body = "".join(pick.choice(PIECES).replace("NAME", f"h{i}") for i in range(pick.randint(1, 5)))
    body = pick.choice(["", "a", 'ab "', "http"]) + body + pick.choice(["", ".", "\n\nend"])
    engine = engine_of(vocab, seed=seed)
    program = compiled(body)
    state = RunState(Scope.of({"defs": {}}), start(engine.vocab))
    decoding = Decoding(seed=seed, forced={"temperature": pick.choice([0.0, 1.0])}, logprobs=pick.random() < 0.3)
    machine = Machine(program.ops, program.source, engine)
    state, error = Scheduler(engine).run_one(execute(machine, state, decoding, keep=True))
    assert error is None, f"{body!r}: {error}"
    text = state.text
    tokens = [*(text.seq.tokens if text.seq is not None else ()), *text.pending]
    assert engine.vocab.decode(tokens) + text.tail == state.visible_text.encode(), body
    assert state.ahead == b""
    assert len(text.tail) == len(text.tail_marks)
    assert len(text.pending) == len(text.marks)
    if text.seq is not None:
        engine.close(text.seq)
    assert engine.num_open == 0, body
