"""`hf-attn`: one verb per task of a user. Each verb reads its arguments, calls one room and prints what came out.

Reading order: `process` (signals, locale, standard streams) -> `app` (the verbs) -> `options` (what several verbs
take), `search_options` -> `train`, `evaluate`, `translate`, `inspect`, `align`, `convert`, `share` (the verbs by
group); `usage` tells typing errors in a user's words, `renamed` reads the spellings of the version before, `terminal`
says what appears on a terminal, and what not.

Parsing, `--help` and typing errors import neither torch nor transformers nor numpy: every verb imports the rooms that
it calls inside of its function.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

from ..errors import UserError
from . import process
from .process import Signals, broken_pipe, check_arguments, speak_utf8

__all__ = ["main"]

PROGRAM = "hf-attn"
COMPLETE = "_HF_ATTN_COMPLETE"  # set by a shell that asks what could be typed next
USER_ERROR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run `hf-attn`.

    Args:
        argv: what is typed after `hf-attn`; unless given, that of this process, which is then expected to end with it.

    Returns:
        the exit status: 0, 2 after a user's mistake, 130 after Ctrl-C, 143 after SIGTERM.
    """
    process.owns_process = argv is None
    with Signals(until_exit=process.owns_process) as signals:
        if process.owns_process:
            speak_utf8()
        try:
            status = _run(list(sys.argv[1:] if argv is None else argv))
            sys.stdout.flush()
        except UserError as error:
            status = _refuse(str(error))
        except BrokenPipeError:
            status = broken_pipe()
        except OSError as error:
            status = _refuse(f"{error.filename or 'file system'}: {error.strerror or error}")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) or signals.received is not None:  # whatever a library made of it
                status = signals.tell()
            elif message := _out_of_memory(error):
                status = _refuse(message)
            else:
                raise
        if signals.received is not None:  # and was swallowed
            status = signals.tell()
    return status


def _run(arguments: list[str]) -> int:
    """Read the arguments and do what they say; returns the exit status."""
    check_arguments(arguments)

    import typer

    from .app import build_command
    from .renamed import rename
    from .usage import explain

    command = build_command()
    if COMPLETE in os.environ:
        return command.main(arguments, prog_name=PROGRAM, standalone_mode=False) or 0
    arguments = rename(arguments)
    try:
        with command.make_context(PROGRAM, list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    except typer.TyperException as error:
        if not arguments:
            print(error.format_message(), file=sys.stderr)  # the help
            return USER_ERROR
        raise UserError(explain(error, arguments, command)) from None
    return 0


def _refuse(message: str) -> int:
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr)
    return USER_ERROR


def _out_of_memory(error: BaseException) -> str | None:
    """Say what to do about a lack of memory; `None` where there is none."""
    is_it: Any = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if is_it or "can't allocate memory" in str(error):
        return "there is not enough memory for this: ask for fewer sentences or a narrower search at once"
    return None
