"""An exception of a library -> why the Hub was of no use, in one line."""

from collections.abc import Iterator

from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import httpx

LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"
OFFLINE = "HF_HUB_OFFLINE is set: unset it to reach the Hub"
OF_STATUS = {
    401: f"the Hub does not accept the token: {LOG_IN} to a valid one",
    403: "the token has no permission for this: use one that may write there",
    412: "somebody else pushed at the same time: push again",
}


def hub_reason(error: BaseException) -> str | None:
    """Tell why the Hub was of no use, and what to do; `None` if the error is no matter of the Hub.

    The answer comes from the error or from what it was raised from: libraries wrap the errors of `huggingface_hub`.
    """
    causes = list(_causes(error))
    for cause in causes:
        if reason := _answer(cause):
            return reason
    if any(isinstance(cause, httpx.TransportError | LocalEntryNotFoundError) for cause in causes):
        if constants.is_offline_mode():
            return OFFLINE
        return f"{constants.ENDPOINT} cannot be reached, or broke off: check the connection and try again"
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and, as a traceback does, what it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _answer(error: BaseException) -> str | None:
    """Say what the Hub, or `huggingface_hub` in its place, answered."""
    match error:
        case LocalTokenNotFoundError():
            return f"there is no token: {LOG_IN}"
        case GatedRepoError():
            return f"access to it is granted on request: ask for it on its page, then {LOG_IN}"
        case RepositoryNotFoundError():
            return f"there is no such repository, or no permission to see it: check the name, or {LOG_IN}"
        case RevisionNotFoundError():
            return "it has no such revision: check the name of the branch, tag or commit"
        case OfflineModeIsEnabled():
            return OFFLINE
        case HfHubHTTPError():
            said = " ".join((error.server_message or error.response.reason_phrase).split())
            return OF_STATUS.get(error.response.status_code, f"the Hub answers {error.response.status_code} ({said})")
    return None
