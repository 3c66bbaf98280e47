"""One hole, decoded under its constraint: which tokens need no model, what to ask, where the text ends.

`Hole` is what does not change, `HoleState` is a value: `push` takes a state and a token and gives the next state, so
decoders (one row, a beam) keep as many as they like. The mask comes from one matcher that has the end of the fixed text
before it as a prefix and the text after it as an option: both boundaries are the automaton's business.
Budget: after every step the canonical tokens of the shortest way to the end still fit; a token after which they would
not is refused and the text is closed by that way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from guided.constraints import AnyText, Constraint
from guided.errors import ConstraintError, GenerationError, VocabularyError
from guided.runtime.bias import NO_PENALTIES, Penalties
from guided.runtime.canonical import Spelling
from guided.runtime.engine import Policy
from guided.runtime.healing import boundaries, respelled, settled, token_table, utf8_length
from guided.runtime.hole_budget import Budget
from guided.runtime.hole_cuts import Cuts, Follow
from guided.runtime.hole_grammar import Followed
from guided.runtime.hole_score import prefill
from guided.runtime.hole_text import (
    HOLE,
    OUTSIDE,
    TextState,
    append_text,
    prepare,
    repend,
    take,
    trim,
)
from guided.runtime.scheduler import Answer, Ask, Row

if TYPE_CHECKING:
    from guided.matcher import CompiledGrammar, Matcher
    from guided.runtime.engine import Engine
    from guided.vocab import Vocabulary

__all__ = ["Healing", "Hole", "HoleRequest", "HoleResult", "HoleState", "HoleToken", "TokenKind", "decode_hole"]

TokenKind: TypeAlias = Literal["sampled", "forced", "healed"]
HoleFinish: TypeAlias = Literal["stop", "length", "closed"]
Healing: TypeAlias = Literal["healed", "none", "off", "inexact"]
"""What became of the cut before a hole: tokens of the fixed text were taken back, for the hole to spell them again; no
token could have crossed it; it was not to be healed; or the tokenizer cannot spell the text exactly, so it was not.
"""


@dataclass(frozen=True, slots=True)
class HoleToken:
    """One token decided at the hole; `data` are its bytes. A healed one begins in the fixed text before the hole."""

    id: int
    data: bytes
    kind: TokenKind
    logprob: float | None = None  # log p before the mask
    log_allowed_mass: float | None = None
    is_inside: bool = True  # False: it spells fixed text before the hole again, and nothing of the hole

    @property
    def masked_logprob(self) -> float | None:
        """log p among the tokens that the mask allowed."""
        if self.logprob is None or self.log_allowed_mass is None:
            return None
        return self.logprob - self.log_allowed_mass


@dataclass(frozen=True, slots=True, kw_only=True)
class HoleRequest:
    """What to decode, and how. `following` is the fixed text after the hole as far as it is determined."""

    constraint: Constraint
    following: bytes = b""
    stop: tuple[bytes, ...] = ()
    stop_regex: Constraint | None = None
    keep_stop: bool = False
    open_end: bool = False  # what follows is not known yet: whatever the constraint cannot go on with ends the hole
    max_tokens: int | None = None
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    penalties: Penalties = NO_PENALTIES
    min_tokens: int = 0  # so many overlap the hole before it may end, unless its constraint ends it
    token_healing: bool = True
    canonical: bool = False  # only tokens that the tokenizer itself would write, as far as there are any
    logprobs: bool = False
    uniform: Callable[[int], float] | None = None  # the row's random number for its n-th sampled token
    fixed_mark: int = OUTSIDE  # how fixed text here is marked: FIXED inside a searched region
    observe: Callable[[HoleState], None] | None = None  # told of each state, as tokens come


@dataclass(frozen=True, slots=True)
class HoleState:
    """A hole under way. `back` has yet to spell `text.tail`; `front` stands after it."""

    text: TextState
    back: Matcher
    front: Matcher
    cuts: Cuts
    lead: int = 0  # bytes of `text.tail` that stand before the hole
    tokens: tuple[HoleToken, ...] = ()
    used: int = 0  # tokens that overlap the hole
    num_sampled: int = 0
    reason: HoleFinish = "stop"
    is_held: bool = False  # it may not end yet: what may follow it is left out
    healing: Healing = "none"
    is_canonical: bool | None = None  # whether the tokenizer would spell it so, where that was asked for

    @property
    def is_done(self) -> bool:
        return self.cuts.end is not None

    def with_text(self, text: TextState, front: Matcher, cuts: Cuts) -> HoleState:
        """The same hole after a text that no token of the model brought; for every step, so not by `replace`."""
        return HoleState(
            text,
            self.back,
            front,
            cuts,
            self.lead,
            self.tokens,
            self.used,
            self.num_sampled,
            self.reason,
            self.is_held,
            self.healing,
            self.is_canonical,
        )


@dataclass(frozen=True, slots=True)
class HoleResult:
    """A finished hole: `text` is the capture; `extra` is the beginning of the following text, already in `state`."""

    text: bytes
    extra: bytes
    tokens: tuple[HoleToken, ...]
    finish_reason: HoleFinish
    lead: int  # bytes of the tail in `state` that stand before the hole: not 0 only where no token was needed at all
    num_sampled: int
    num_forced: int
    healing: Healing
    state: TextState = field(repr=False)
    logprob: float | None = None
    distribution: dict[str, float] | None = None
    is_canonical: bool | None = None  # where it was asked for: False if the constraint left no such token somewhere


class Hole:
    """A request, compiled for an engine."""

    def __init__(self, engine: Engine, request: HoleRequest) -> None:
        self.engine = engine
        self.vocab = engine.vocab
        self.table = token_table(engine.vocab)
        self.request = request
        self.budget = Budget(engine.vocab, request.max_tokens, engine.capabilities)
        self.is_free = request.constraint == AnyText()
        self.spelling = Spelling(engine.vocab) if request.canonical else None
        self.follows = _follows(request, self.table.max_bytes, self.vocab)
        self.own: CompiledGrammar = request.constraint.compile(self.vocab)
        self.grammar: CompiledGrammar = self.own
        if (self.follows or request.open_end) and not self.is_free:  # any text, then something else, is any text
            literal = next((follow.literal for follow in self.follows if follow.kind == "following"), b"")
            whole = Followed(request.constraint, literal, request.stop, request.stop_regex, anything=request.open_end)
            self.grammar = whole.compile(self.vocab)

    def open(self, text: TextState) -> HoleState:
        """The state before the first question to the model; refuses a budget that no text fits."""
        is_held = self.request.min_tokens > 0
        front = self.own.matcher() if is_held else self.grammar.matcher()
        cuts = Cuts(self.own.matcher(), self.follows, len(self.vocab.eos_ids), self.request.open_end)
        cuts = replace(cuts, follows=(), open_end=False) if is_held else cuts
        canonical = True if self.spelling is not None else None
        state = HoleState(text, front, front, cuts, lead=len(text.tail), is_held=is_held, is_canonical=canonical)
        if not self.request.token_healing:
            state = replace(state, text=self._unhealed(text), lead=0, healing="off")
        state = self._run_on(state)
        self.budget.check(state.used, state.text, self._rest(state), state.lead)
        return self._spent(state)

    def ask(self, state: HoleState, *, num: int = 1) -> tuple[Ask, HoleState]:
        """The question for the next token (the best `num` of them), and the state once it is computed."""
        text = prepare(self.engine, state.text, scored=self.request.logprobs)
        seq = text.seq
        assert seq is not None
        scored = self.request.logprobs and len(text.pending) > 1
        ask = Ask(
            seq,
            text.pending,
            want="all" if scored else "last",
            policy=self._policy(state, text, num),
            matcher=state.back,
            targets=text.pending[1:] if scored else None,
            num_forced=0 if state.text.seq is None else len(text.pending) - 1,
            accepts=self._acceptor(state, text) if num == 1 else None,
        )
        state = state.with_text(TextState(text.seq, (), b"", text.tail, text.tail_marks), state.front, state.cuts)
        return ask, state

    def push(self, state: HoleState, token: int, logprob: float | None = None, mass: float | None = None) -> HoleState:
        """After the model's `token`; where the budget does not allow it, the closed text instead."""
        if token in self.vocab.eos_ids:
            return self._ended_by_eos(state)
        after = self._released(self._accept(state, HoleToken(token, self._bytes(token), "sampled", logprob, mass)))
        after = self._run_on(after)
        after = (
            self._spent(after) if self._fits(after) else self._close(replace(state, num_sampled=state.num_sampled + 1))
        )
        return self._respected(after)

    def answered(self, state: HoleState, answer: Answer) -> HoleState:
        """After the answer to `ask`: scores for the forced tokens that it computed, and one more token."""
        choice = answer.choice
        assert choice is not None
        if answer.logprobs is not None:
            state = replace(state, tokens=_scored(state.tokens, answer.logprobs.tolist()))
        logprob = None if choice.logprobs is None else float(choice.logprobs[0])
        return self.push(state, int(choice.tokens[0]), logprob, choice.log_allowed_mass)

    def finish(self, state: HoleState) -> HoleResult:
        """Cut the text, and take back what is neither the capture nor the beginning of what follows."""
        end = state.cuts.end
        assert end is not None
        stop = end.stop if self.request.keep_stop and end.kind == "stop" else end.cut
        capture, extra, text = state.cuts.text[:stop], state.cuts.text[stop:], state.text
        if extra and not self.request.following.startswith(extra):
            text, extra = trim(self.engine, text, len(extra)), b""
        elif extra and (behind := min(len(extra), len(text.tail))):
            marks = text.tail_marks[: len(text.tail) - behind] + bytes([self.request.fixed_mark]) * behind
            text = replace(text, tail_marks=marks)
        tokens = _inside(state, stop, is_trimmed=not extra)
        scores = [t.logprob for t in tokens if t.is_inside and t.logprob is not None]
        return HoleResult(
            text=capture,
            extra=extra,
            lead=state.lead,
            tokens=tokens,
            finish_reason=state.reason,
            num_sampled=state.num_sampled,
            num_forced=sum(t.kind == "forced" for t in tokens),
            healing=self._healing(state),
            is_canonical=state.is_canonical,
            state=repend(self.engine, text),
            logprob=sum(scores) if self.request.logprobs else None,
        )

    def _healing(self, state: HoleState) -> Healing:
        """What became of the cut; where the whole hole was forced its tokens are not made yet, but can be told."""
        if not state.lead:
            return state.healing
        try:
            ends = boundaries(self.vocab, self.vocab.encode(state.text.tail))
        except VocabularyError:
            return "inexact"
        return state.healing if state.lead in ends else "healed"

    # One token.

    # States are made in full here: `replace` takes several times as long, and this is done for every token.

    def _accept(self, state: HoleState, token: HoleToken) -> HoleState:
        """`token` is decided: it spells the tail's beginning, or all of it and more of the hole."""
        text, back = state.text, state.back.fork()
        if not back.accept_token(token.id):
            raise GenerationError(f"token {token.id} ({token.data!r}) is not allowed here")
        size = len(token.data)
        covered = min(size, len(text.tail)) if text.tail else 0
        new = token.data[covered:]
        is_inside, is_sampled = size > state.lead, token.kind == "sampled"
        if (state.lead and is_sampled) or not is_inside:
            token = replace(token, kind="healed" if state.lead and is_sampled else token.kind, is_inside=is_inside)
        text = TextState(
            text.seq,
            (*text.pending, token.id),
            text.marks + bytes([HOLE if new else max(text.tail_marks[:covered], default=OUTSIDE)]),
            text.tail[covered:],
            text.tail_marks[covered:],
        )
        return HoleState(
            text,
            back,
            back.fork() if new else state.front,
            state.cuts.feed(new),
            max(0, state.lead - size),
            (*state.tokens, token),
            state.used + is_inside,
            state.num_sampled + is_sampled,
            state.reason,
            state.is_held,
            state.healing,
            state.is_canonical,
        )

    def _ended_by_eos(self, state: HoleState) -> HoleState:
        if not state.cuts.is_complete:
            raise GenerationError("the model ended a text that is not complete")
        cuts = state.cuts.cut_at(len(state.cuts.text))
        return replace(state, cuts=cuts, num_sampled=state.num_sampled + 1)

    # The tokenizer's own spelling, where that is asked for.

    def _acceptor(self, state: HoleState, text: TextState) -> Callable[[int], bool] | None:
        """Whether a token, and what must come after it, is spelled as the tokenizer would. `text` is prepared."""
        spelling = self.spelling
        if spelling is None or not state.is_canonical or text.seq is None:
            return None
        own = [token.id for token in state.tokens]
        ids = [*text.seq.tokens, *text.pending]
        before = ids[: len(ids) - len(own)]

        def accepts(token: int) -> bool:
            if token in self.vocab.eos_ids:
                return True
            after = state.back.fork()
            return not after.accept_token(token) or spelling.is_own(before, [*own, token], after.forced_bytes())

        return accepts

    def _respected(self, state: HoleState) -> HoleState:
        """With a note where the tokens so far are not the tokenizer's own: the constraint left no other ones."""
        if self.spelling is None or not state.is_canonical or state.text.seq is None:
            return state
        own = [token.id for token in state.tokens]
        ids = [*state.text.seq.tokens, *state.text.pending]
        if self.spelling.is_own(ids[: len(ids) - len(own)], own, state.text.tail):
            return state
        return replace(state, is_canonical=False)

    # What needs no model.

    def _run_on(self, state: HoleState) -> HoleState:
        """Decide everything that follows without a choice."""
        while not state.is_done:
            state = self._force(state)
            if state.is_done:
                break
            state = self._settle(state)
            only = self._only_token(state)
            if only is None:
                break
            state = self._accept(state, HoleToken(only, self._bytes(only), "forced"))
        return state

    def _force(self, state: HoleState) -> HoleState:
        """Bytes that must come next go to the tail."""
        data = state.front.forced_bytes()
        if not data:
            return state
        front = state.front.fork()
        front.accept_bytes(data)
        return state.with_text(append_text(state.text, data, HOLE), front, state.cuts.feed(data))

    def _settle(self, state: HoleState) -> HoleState:
        """Make tokens of the tail as far as no admissible token can cross their boundary.

        Where the tokenizer cannot spell text and forced bytes together, the text goes in alone and unhealed, and what
        is forced is left to the mask.
        """
        text = state.text
        if not text.tail:
            return state
        tokens = self._tail_tokens(text.tail)
        if tokens is None and state.lead:
            tokens = self.vocab.spell(text.tail[: state.lead])
            back = self._matcher_at(state, state.lead)
            after = take(self.vocab, text, tokens, state.lead)
            return replace(state, text=after, lead=0, back=back, healing="inexact")
        ends = boundaries(self.vocab, tokens or [])
        keep = 0 if text.seq is not None or text.pending else 1
        if state.lead:  # the end of what is given: the cut that healing is about
            count = respelled(self.vocab, text.tail, ends, lambda at: self._matcher_at(state, at), keep=keep)
        else:
            count = settled(self.table, text.tail, ends, lambda at: self._matcher_at(state, at), keep=keep)
        return self._settled(state, (tokens or [])[:count], ends[count - 1] if count else 0)

    def _settled(self, state: HoleState, tokens: list[int], size: int) -> HoleState:
        """With the first `size` bytes of the tail as `tokens`."""
        if not tokens and not state.lead:
            return state
        ends = boundaries(self.vocab, tokens)
        forced = tuple(
            HoleToken(token, self._bytes(token), "forced")
            for token, end in zip(tokens, ends, strict=True)
            if end > state.lead
        )
        return HoleState(
            take(self.vocab, state.text, tokens, size),
            self._matcher_at(state, size),
            state.front,
            state.cuts,
            max(0, state.lead - size),
            state.tokens + forced,
            state.used + len(forced),
            state.num_sampled,
            state.reason,
            state.is_held,
            "healed" if state.lead and state.lead not in ends else state.healing,
            state.is_canonical,
        )

    def _tail_tokens(self, tail: bytes) -> list[int] | None:
        """Canonical tokens of the tail up to its last whole character; None where the tokenizer cannot spell it."""
        try:
            return self.vocab.encode(tail[: utf8_length(tail)])
        except VocabularyError:
            return None

    def _unhealed(self, text: TextState) -> TextState:
        """All of the tail as it encodes on its own."""
        return take(self.vocab, text, self.vocab.spell(text.tail), len(text.tail))

    def _matcher_at(self, state: HoleState, offset: int) -> Matcher:
        """The matcher whose text begins at byte `offset` of the tail."""
        tail, lead = state.text.tail, state.lead
        if offset == len(tail):
            return state.front.fork()
        grammar = self.own if state.is_held else self.grammar
        if offset < lead:
            return grammar.matcher(prefix=tail[offset:lead])
        matcher = grammar.matcher() if lead else state.back.fork()
        if not matcher.accept_bytes(tail[lead:offset]):
            raise GenerationError(f"the decided text {tail[lead:offset]!r} does not fit its constraint")
        return matcher

    def _only_token(self, state: HoleState) -> int | None:
        """The single token that the mask allows while part of the tail is still to be spelled."""
        if not state.text.tail:
            return None
        allowed = state.back.allowed_tokens()
        return int(allowed[0]) if len(allowed) == 1 else None

    # The budget.

    def _rest(self, state: HoleState) -> bytes:
        """The shortest way to the end."""
        return b"" if state.is_done else state.front.shortest_completion()

    def _fits(self, state: HoleState) -> bool:
        return self.budget.fits(state.used, state.text, self._rest(state), state.lead)

    def _spent(self, state: HoleState) -> HoleState:
        """Closed, if no token is left to sample."""
        if state.is_done or not self.budget.is_spent(state.used, state.text):
            return state
        return self._close(state)

    def _close(self, state: HoleState) -> HoleState:
        """Take the shortest way to the end, without the model."""
        rest = state.front.shortest_completion()
        cuts = state.cuts.feed(rest)
        if cuts.end is None:
            position = cuts.best_cut()
            if position is None:
                raise GenerationError("the shortest way to the end does not end the text")
            cuts = cuts.cut_at(position)
        reason: HoleFinish = "length" if self.is_free else "closed"
        return replace(state, text=append_text(state.text, rest, HOLE), cuts=cuts, reason=reason)

    def _released(self, state: HoleState) -> HoleState:
        """Once it is long enough it may end, where all that is decided is spelled."""
        if not state.is_held or state.used < self.request.min_tokens or state.text.tail or state.is_done:
            return state
        matcher = self.grammar.matcher()
        if not matcher.accept_bytes(state.cuts.text):
            raise GenerationError(f"the text {state.cuts.text!r} does not fit its constraint")
        cuts = replace(state.cuts, follows=self.follows, open_end=self.request.open_end)
        return replace(state, back=matcher, front=matcher.fork(), cuts=cuts, is_held=False)

    def _banned(self, state: HoleState) -> tuple[int, ...]:
        """The end tokens, while it may not end and something else may come."""
        eos_ids = self.vocab.eos_ids
        return tuple(eos_ids) if state.is_held and state.back.num_allowed() > len(eos_ids) else ()

    def _policy(self, state: HoleState, text: TextState, num: int) -> Policy:
        request, bias = self.request, None
        banned = self._banned(state)
        if banned or request.penalties != NO_PENALTIES:
            looks_back = request.penalties.looks_back and text.seq is not None
            before = [*text.seq.tokens, *text.pending] if looks_back and text.seq is not None else ()
            bias = request.penalties.bias(before, [token.id for token in state.tokens], banned)
        draw = request.uniform(state.num_sampled) if request.uniform is not None and request.temperature > 0 else 0.0
        return Policy(
            temperature=request.temperature,
            top_k=request.top_k,
            top_p=request.top_p,
            min_p=request.min_p,
            uniform=draw,
            num=num,
            logprobs=request.logprobs,
            bias=bias,
        )

    def _bytes(self, token: int) -> bytes:
        return self.vocab.tokens[token] or b""


def decode_hole(engine: Engine, text: TextState, request: HoleRequest) -> Row[HoleResult]:
    """Decode one hole as a row of the scheduler: one question per sampled token, nothing else costs a forward."""
    hole = Hole(engine, request)
    state = hole.open(text)
    try:
        if request.logprobs and not state.is_done:
            computed = yield from prefill(engine, state.text)
            state = replace(state, text=computed)
        while not state.is_done:
            if request.observe is not None:
                request.observe(state)
            ask, state = hole.ask(state)
            answers = yield [ask]
            state = hole.answered(state, answers[0])
        if request.observe is not None:
            request.observe(state)
        return hole.finish(state)
    except BaseException:
        if state.text.seq is not None:
            engine.close(state.text.seq)
        raise


def _inside(state: HoleState, stop: int, *, is_trimmed: bool) -> tuple[HoleToken, ...]:
    """The tokens, those that lie behind the capture's end at `stop`, or were taken back there, not marked as inside."""
    tokens = list(state.tokens)
    at = len(state.cuts.text) - (len(state.text.tail) - state.lead)
    for index in range(len(tokens) - 1, -1, -1):
        begin = at - len(tokens[index].data)
        if not (begin >= stop or (is_trimmed and at > stop)):
            break
        tokens[index] = replace(tokens[index], is_inside=False)
        at = begin
    return tuple(tokens)


def _scored(tokens: tuple[HoleToken, ...], logprobs: list[float]) -> tuple[HoleToken, ...]:
    """With log p of the last tokens, as far as there are any and they have none yet."""
    count = min(len(tokens), len(logprobs))
    if not count:
        return tokens
    news = (
        replace(token, logprob=logprob) if token.logprob is None else token
        for token, logprob in zip(tokens[-count:], logprobs[-count:], strict=True)
    )
    return (*tokens[:-count], *news)


def _follows(request: HoleRequest, longest: int, vocab: Vocabulary) -> list[Follow]:
    """What may come after the hole; of the fixed text as much as one token can reach over."""
    head = request.following[:longest]
    follows = [Follow("following", head)] if head else []
    follows += [Follow("stop", stop) for stop in request.stop]
    if request.stop_regex is not None:
        pattern = request.stop_regex.compile(vocab)
        if pattern.matcher().is_accepting:
            raise ConstraintError("stop_regex matches the empty text, so every text would end before it begins")
        follows.append(Follow("stop", grammar=pattern))
    return follows
