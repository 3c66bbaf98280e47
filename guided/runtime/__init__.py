"""Floor 4: the inference runtime, from one engine's forward to rows decoded together."""
