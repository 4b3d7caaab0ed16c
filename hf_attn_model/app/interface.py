"""What the app shows where, with Gradio."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..checkpoint import Checkpoint, HeadSummary
from ..errors import UserError
from .inspect import inspect_sentence

if TYPE_CHECKING:
    import gradio


def build_interface(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    *,
    num_beams: int = 5,
    heads: Iterable[HeadSummary] = (),
) -> "gradio.Blocks":
    """Lay out the app: a box to type into; below, the translation, the others of the beam, and the page.

    Args:
        model, tokenizer, num_beams, heads: see `inspect`.
        name: of the model, for the title.

    Raises:
        UserError: Gradio is not installed.
    """
    gr = _gradio()
    heads = list(heads)

    def show(sentence: str) -> tuple[str, list[list[str]], str]:
        try:
            seen = inspect_sentence(model, tokenizer, sentence, num_beams=num_beams, heads=heads)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error
        best, *others = seen.translations
        return best, [[text] for text in others], seen.frame

    with gr.Blocks(title=f"{name}: attention", analytics_enabled=False) as interface:
        gr.Markdown(f"# {name}\nType a sentence, and look at what its translator looked at.")
        with gr.Row(equal_height=True):
            sentence = gr.Textbox(label="Sentence", autofocus=True, scale=4)
            button = gr.Button("Translate", variant="primary", scale=1)
        translation = gr.Textbox(label="Translation", interactive=False)
        others = gr.Dataframe(label="Other translations of the beam", headers=["translation"], interactive=False)
        page = gr.HTML()
        gr.on([button.click, sentence.submit], show, sentence, [translation, others, page], api_name="look")
    return interface


def launch_app(model: str | Checkpoint, *, num_beams: int | None = None, port: int | None = None) -> None:
    """Load a translator and serve its app, until it is interrupted.

    Args:
        model: a folder or a model on the Hub, see `Checkpoint`; or one that was told its languages.
        num_beams: width of the search; as the model came unless given.
        port: of this machine; the first free one from 7860 on unless given, or what GRADIO_SERVER_PORT says.

    Raises:
        UserError: Gradio is not installed, the model cannot be loaded, or the port is taken.
    """
    _gradio()
    checkpoint = model if isinstance(model, Checkpoint) else Checkpoint(model)
    name = checkpoint.name.rstrip("/").split("/")[-1]
    interface = build_interface(
        checkpoint.model,
        checkpoint.tokenizer,
        name,
        num_beams=num_beams or checkpoint.num_beams,
        heads=checkpoint.head_summaries,
    )
    try:
        interface.launch(server_port=port)
    except OSError as error:
        raise UserError(" ".join(str(error).split())) from error


def _gradio():
    """Import Gradio. Raises `UserError` where it is not installed."""
    try:
        import gradio
    except ImportError as error:
        raise UserError("the app needs Gradio: pip install 'hf-attn-model[app]'") from error
    return gradio
