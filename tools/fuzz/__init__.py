"""A fuzzer of the engine: random constraints and random use, judged by oracles; see native/fuzz/README.md."""
