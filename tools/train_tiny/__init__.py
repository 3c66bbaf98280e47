"""Makes the model that ships with guided: data generator, tokenizer, trainer, evaluation and export.

Everything is derived from seeds and from the word lists in this folder; no outside text is read.
"""
