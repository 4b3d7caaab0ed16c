"""Text: corpora -> sentence pairs -> tokens -> batches."""
