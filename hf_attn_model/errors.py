"""The one exception that stands for a user's mistake."""


class UserError(Exception):
    """A mistake of the user, told in one line: what is wrong, where, and what to do.

    The command line prints the message without a traceback and leaves with exit status 2.
    """
