"""The steps of attention as text, with the numbers of one head.

They are those of the tutorials: word vectors -> query, key, value -> dot products -> scores -> attention
weights -> context -> output.

Shapes: D d_model, T queries, S keys, K head_dim, H heads.
"""

from dataclasses import dataclass

import torch

from ..attention.sentence import START, SentenceMaps
from ..attention.steps import AttentionSteps
from .tables import WIDTH, bar, display_width, paragraph, show_token, table

PER_LINE = 10  # numbers
PLACE_INTRODUCTIONS = {
    "encoder": "Every source token looks at every source token, itself included.",
    "decoder": "The decoder reads one token and writes the next one. It looks at what it has read so far: the row "
    "of a token is where the decoder writes it, and there it has read only the tokens before it.",
    "cross": "While the decoder writes a token, it looks at the source: queries come from the target, keys and "
    "values from the source.",
}


@dataclass(frozen=True, eq=False)
class Walkthrough:
    """Everything there is to tell about one head, and one method for each step.

    Attributes:
        maps: the sentence pair.
        rows, columns: names of the T queries and S keys.
        steps: of the chosen head.
        heads: number of heads in the layer.
        query_states: (T,D) the vectors that the queries are made of.
        key_value_states: (S,D) the vectors that the keys and values are made of.
        output: (T,D) what the attention module returns.
        is_turned: queries and keys are turned by their positions (rotary position embedding).
    """

    maps: SentenceMaps
    place: str
    layer: int
    head: int
    rows: list[str]
    columns: list[str]
    steps: AttentionSteps
    heads: int
    query_states: torch.Tensor
    key_value_states: torch.Tensor
    output: torch.Tensor
    is_turned: bool

    def write(self, word: str, positions: list[int]) -> str:
        """Tell all steps, for each of a word's tokens: its `positions` among the queries."""
        parts = [self.introduce(word, positions), self.project()]
        for row in positions:
            parts += [self.compare(row), self.scale(row), self.softmax(row), self.average(row), self.join(row)]
        return "\n\n".join(parts)

    def introduce(self, word: str, positions: list[int]) -> str:
        """Tell sentence, place and word, and step 1."""
        text = [f"{self.place.upper()} ATTENTION, LAYER {self.layer}, HEAD {self.head}: {word!r}", ""]
        text += paragraph(f"source: {self.maps.source}")
        text += paragraph(f"        {len(self.maps.source_tokens)} tokens: {_join(self.maps.source_tokens)}")
        if self.place != "encoder":
            text += paragraph(f"target: {self.maps.target}")
            text += paragraph(f"        {len(self.maps.target_tokens)} tokens: {_join(self.maps.target_tokens)}")
        text += ["", *paragraph(PLACE_INTRODUCTIONS[self.place])]
        rows = f"row{'s' if len(positions) > 1 else ''} {', '.join(map(str, positions))}"
        text += paragraph(f"{word!r} is {rows} of 0 to {len(self.rows) - 1}.")
        if self.place != "encoder":
            read = [START, *map(show_token, self.maps.target_tokens)]
            for row in positions:
                text += paragraph(f"In row {row} the decoder reads {read[row]!r} and writes {self.rows[row]!r}.")
        text += ["", "1. Word vectors: one row for each token, the end mark </s> included"]
        if self.place == "cross":
            text += [f"   target {_shape(self.query_states)}, source {_shape(self.key_value_states)}"]
        else:
            text += [f"   vectors {_shape(self.query_states)}"]
        return "\n".join(text)

    def project(self) -> str:
        """Step 2: the linear images of the vectors."""
        steps, width = self.steps, self.steps.query.shape[-1]
        lines = [f"2. Query, key and value: linear images of the vectors in this head's own space, {width} wide"]
        for name, vectors, image in (
            ("query", self.query_states, steps.query),
            ("key", self.key_value_states, steps.key),
            ("value", self.key_value_states, steps.value),
        ):
            lines.append(f"   {name:5}  {_shape(vectors)} through {name[0]}_proj -> {_shape(image)}")
        if self.is_turned:
            lines += paragraph(
                "Queries and keys are then turned, by angles that grow with their positions: a dot product depends on "
                "how far apart two tokens stand.",
                indent=3,
            )
        return "\n".join(lines)

    def compare(self, row: int) -> str:
        """Step 3: dot products of one query with every key, and what they are made of."""
        query = self.steps.query[row]
        products = self.steps.key * query  # (S,K) * (K,) -> (S,K)
        body = []
        for column, key_products in zip(self.columns, products, strict=True):
            strongest = key_products.abs().topk(min(3, len(key_products))).indices.tolist()
            body.append(
                [
                    column,
                    f"{key_products.clamp(min=0).sum():.4f}",
                    f"{key_products.clamp(max=0).sum():.4f}",
                    f"{key_products.sum():.4f}",
                    "  ".join(f"{dimension}: {key_products[dimension]:+.3f}" for dimension in strongest),
                ]
            )
        header = ["key", "agree", "disagree", "dot product", "strongest dimensions"]
        lines = [f"3. Dot products of the query of {self._row(row)} with every key"]
        lines += paragraph(
            "Each dimension multiplies a number of the query with one of the key. Where the two agree in sign the "
            "product is positive, where not it is negative; the dot product is the sum of all.",
            indent=3,
        )
        lines += [f"   query {_shape(query)}:", *_numbers(query), "", *table(header, body, numbers=(1, 2, 3))]
        best = int(products.sum(dim=-1).argmax())
        lines += ["", f"   query times key {self.columns[best]!r}, dimension by dimension:", *_numbers(products[best])]
        return "\n".join(lines)

    def scale(self, row: int) -> str:
        """Step 4: scaling and mask."""
        scores, masked = self.steps.scores[row], self.steps.masked_scores[row]
        hidden = masked < scores - 1e9
        body = [
            [column, f"{score / self.steps.scaling:.4f}", f"{score:.4f}", "hidden" if is_hidden else f"{shown:.4f}"]
            for column, score, shown, is_hidden in zip(self.columns, scores, masked, hidden, strict=True)
        ]
        lines = [f"4. Scores: dot products times {self.steps.scaling:.4f}, all {_shape(self.steps.scores)} of them"]
        how = "1/sqrt(head_dim) keeps the scores of wide heads from growing." if self._is_usual() else ""
        mask = "The mask hides the tokens to come." if hidden.any() else "The mask hides nothing here."
        lines += paragraph(f"{how} {mask}".strip(), indent=3)
        header = ["key", "dot product", "score", "masked score"]
        return "\n".join([*lines, *table(header, body, numbers=(1, 2, 3))])

    def softmax(self, row: int) -> str:
        """Step 5: softmax."""
        weights = self.steps.attention_weights[row]
        body = [
            [column, f"{weight:.4f}", bar(float(weight))] for column, weight in zip(self.columns, weights, strict=True)
        ]
        lines = [f"5. Attention weights: the softmax of the scores; each of the {len(self.rows)} rows sums to 1"]
        return "\n".join([*lines, *table(["key", "weight", ""], body, numbers=(1,))])

    def average(self, row: int) -> str:
        """Step 6: the weighted average of the values."""
        context, weights = self.steps.context, self.steps.attention_weights[row]
        room = WIDTH - 13 - max(map(display_width, self.columns))
        shown = min(room // 11, context.shape[-1])
        body = [
            [column, f"{weight:.4f}", *(f"{number:.4f}" for number in value[:shown])]
            for column, weight, value in zip(self.columns, weights, self.steps.value, strict=True)
        ]
        body.append(["context", f"{weights.sum():.4f}", *(f"{number:.4f}" for number in context[row, :shown])])
        lines = [f"6. Context: the values, averaged with these weights -> {_shape(context)}"]
        if shown < context.shape[-1]:
            lines.append(f"   dimensions 0 to {shown - 1} of {context.shape[-1]}:")
        header = ["value of", "weight", *map(str, range(shown))]
        return "\n".join([*lines, *table(header, body, numbers=range(1, shown + 2))])

    def join(self, row: int) -> str:
        """Step 7: the heads together."""
        width = self.heads * self.steps.context.shape[-1]
        lines = [
            f"7. Output: the contexts of all {self.heads} heads side by side, back in the space of word vectors",
            f"   ({len(self.rows)}, {width}) through out_proj -> {_shape(self.output)}",
            f"   output of {self._row(row)}{', the first dimensions' if self.output.shape[1] > PER_LINE else ''}:",
            *_numbers(self.output[row, :PER_LINE]),
        ]
        return "\n".join(lines)

    def _row(self, row: int) -> str:
        return f"{self.rows[row]!r} (row {row})"

    def _is_usual(self) -> bool:
        return abs(self.steps.scaling - self.steps.query.shape[-1] ** -0.5) < 1e-6


def _numbers(vector: torch.Tensor) -> list[str]:
    """Write a vector, each line with the dimension of its first number in front."""
    starts = range(0, len(vector), PER_LINE)
    return [f"   {i:3}:" + "".join(f"{number:9.4f}" for number in vector[i : i + PER_LINE]) for i in starts]


def _join(tokens: list[str]) -> str:
    return " ".join(map(show_token, tokens))


def _shape(tensor: torch.Tensor) -> str:
    return str(tuple(tensor.shape))
