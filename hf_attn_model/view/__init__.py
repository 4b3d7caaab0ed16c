"""Attention for the eye: heat maps of a sentence, and the steps of one head as text.

- `heatmap`: one place or all three as a matplotlib figure;
- `explain`: word vectors -> query, key, value -> scores -> weights -> context -> output, in numbers;
- `fonts`, `labels`: what both need to write words of any script.
"""
