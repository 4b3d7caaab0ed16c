"""The process around a verb: its signals, its standard streams and its arguments."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from ..errors import UserError

owns_process = False  # whether this process is `hf-attn` and nothing else
ENDINGS = {signal.SIGINT: ("interrupted", 130), signal.SIGTERM: ("terminated", 143)}
IMPORTING = "<frozen importlib._bootstrap>"


class Signals:
    """Turns Ctrl-C and SIGTERM into one line and an exit status, at any moment inside of a `with`.

    Both raise `KeyboardInterrupt`, so that whatever cleans up after Ctrl-C does so. While something is imported, where
    there is nothing to clean up, and at a second signal, the process ends at once: import machinery and the libraries
    that are imported make anything of an exception.

    Args:
        until_exit: keep the handlers after the `with`: the process ends then.

    Attributes:
        received: the signal that came, if one did.
    """

    def __init__(self, *, until_exit: bool):
        self.until_exit = until_exit
        self.received: int | None = None
        self._process = os.getpid()
        self._earlier: dict[int, Any] = {}
        self._is_told = self._is_over = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in ENDINGS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup and background jobs have it
                    self._earlier[number] = signal.signal(number, self._handle)
            self._earlier_hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._is_over = True
        if not self.until_exit and self._earlier:
            for number, handler in self._earlier.items():
                signal.signal(number, handler)
            sys.unraisablehook = self._earlier_hook

    def tell(self) -> int:
        """Print the line; returns the exit status."""
        word, status = ENDINGS[signal.Signals(self.received or signal.SIGINT)]
        if not self._is_told:
            self._is_told = True
            print(f"hf-attn: {word}", file=sys.stderr, flush=True)
        return status

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a worker of a DataLoader: it ends as if it had no handler
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        is_first = self.received is None
        if is_first:
            self.received = number
        if not is_first or self._is_over or _is_importing(frame):
            self._leave()
        raise KeyboardInterrupt

    def _unraisable(self, unraisable: Any) -> None:
        """End where Python would go on: what is raised in a destructor or a callback of a weak reference is lost."""
        if self.received is not None and issubclass(unraisable.exc_type, KeyboardInterrupt):
            self._leave()
        self._earlier_hook(unraisable)

    def _leave(self) -> NoReturn:
        word, status = ENDINGS[signal.Signals(self.received or signal.SIGINT)]
        if not self._is_told:
            self._is_told = True
            os.write(2, f"hf-attn: {word}\n".encode())
        os._exit(status)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            return True
        frame = frame.f_back
    return False


def speak_utf8() -> None:
    """Make this process write UTF-8, and read its arguments and name its files in it, whatever the locale says.

    In a locale of another encoding Python starts once more, in its UTF-8 mode.
    """
    if os.name == "posix" and sys.executable and sys.getfilesystemencoding().lower() != "utf-8":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def check_arguments(arguments: Sequence[str]) -> None:
    """Raise `UserError` for an argument that is not UTF-8."""
    for number, argument in enumerate(arguments, start=1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            shown = argument.encode(errors="backslashreplace").decode()
            raise UserError(f"argument {number}, {shown}: not UTF-8") from None


def broken_pipe() -> int:
    """Be quiet where the reader of our output, such as `head`, has seen enough; returns the exit status."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
