"""What masks add to a decode step, on any device: batches of 1 and 64, a vocabulary of 131,072 tokens.

    python masked_step.py [--device cuda] [--hidden 2048] [--layers 16] [--steps 64] [--repeat 3]

A random Llama of the given size decodes rows with a mask each (a schema of free strings, so masks are wide) and
without, in turns. Prints milliseconds a step both ways. Asserts nothing.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import guided
from guided.matcher import fill_masks
from guided.runtime.engine import Engine, Extend, Policy
from guided_backends import transformers as backend

NUM_TOKENS = 131_072
SCHEMA = {"type": "array", "items": {"type": "string"}, "minItems": 500}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    if options.device == "cpu":
        torch.set_num_threads(1)
    engine = make(options)
    grammar = guided.JsonSchema(SCHEMA).compile(engine.vocab)
    name = torch.cuda.get_device_name() if options.device.startswith("cuda") else "CPU, one thread"
    print(f"{name}, torch {torch.__version__}, {engine.info.details['dtype']}, {NUM_TOKENS} tokens\n")
    print(f"{'rows':>5} {'without':>9} {'masked':>9} {'added':>7}   ms a step (median)")
    for rows in (1, 64):
        costs: dict[bool, list[float]] = {True: [], False: []}
        for turn in range(options.repeat + 1):
            for masked in (True, False):
                cost = decode(engine, grammar, rows, options.steps, masked)
                if turn:  # the first turn records graphs and fills caches
                    costs[masked].append(cost)
        without, with_masks = statistics.median(costs[False]), statistics.median(costs[True])
        print(f"{rows:>5} {without:>9.2f} {with_masks:>9.2f} {100 * (with_masks / without - 1):>6.1f}%")


def make(options: argparse.Namespace) -> Engine:
    """A random model and a vocabulary of its width: all bytes, and words of random letters."""
    torch.manual_seed(0)
    heads = {"num_attention_heads": options.hidden // 64, "num_key_value_heads": max(1, options.hidden // 256)}
    sizes = {"hidden_size": options.hidden, "intermediate_size": 3 * options.hidden}
    config = LlamaConfig(
        vocab_size=NUM_TOKENS, num_hidden_layers=options.layers, **sizes, **heads, tie_word_embeddings=True
    )
    dtype = torch.bfloat16 if options.device != "cpu" else torch.float32
    model = LlamaForCausalLM(config).to(options.device, dtype).eval()
    rng = np.random.default_rng(0)
    words = {bytes(rng.integers(97, 123, rng.integers(2, 12)).tolist()) for _ in range(2 * NUM_TOKENS)}
    tokens = [None, *(bytes([i]) for i in range(256)), *sorted(words)]
    return backend.from_objects(model, guided.Vocabulary(tokens[:NUM_TOKENS], eos_ids={0}), reuse=False)


def decode(engine: Engine, grammar: guided.CompiledGrammar, rows: int, steps: int, masked: bool) -> float:
    """Milliseconds a step; sampled, so that the texts differ."""
    seqs = [engine.open([]) for _ in range(rows)]
    matchers = [grammar.matcher() for _ in seqs]
    masks = np.zeros((rows, (NUM_TOKENS + 31) // 32), np.int32)
    pending = [[92, 35]] * rows  # the beginning of the array and of a string, in both cases
    for matcher in matchers:
        matcher.accept_bytes(b'["')
    rng = np.random.default_rng(rows)
    started = 0.0
    for step in range(steps + 4):
        if step == 4:
            started = time.perf_counter()
        hidden = engine.step([Extend(seq, tokens) for seq, tokens in zip(seqs, pending, strict=True)])
        if masked:
            fill_masks(matchers, masks)
        policies = [Policy(temperature=1.0, uniform=float(rng.random())) for _ in seqs]
        choices = engine.select(hidden, masks if masked else None, policies)
        pending = [choice.tokens.tolist() for choice in choices]
        if masked:
            for matcher, (token,) in zip(matchers, pending, strict=True):
                matcher.accept_token(token)
    seconds = time.perf_counter() - started
    for seq in seqs:
        engine.close(seq)
    return 1000 * seconds / steps


if __name__ == "__main__":
    main()
