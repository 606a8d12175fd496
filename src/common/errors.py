"""The error that a user can cause: one line that says what is wrong, where, and what to do."""


class InputError(ValueError):
    """Something a user can fix. Scripts print its message as one line and exit with status 2."""
