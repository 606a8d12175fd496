"""What ends a script but is not a bug: one line that says what is wrong, where, and what to do."""


class InputError(ValueError):
    """Something a user can fix. Scripts print its message as one line and exit with status 2."""


def one_line(text: object) -> str:
    """A message on one line: control characters escaped, and its middle cut out if it is long."""
    words = " ".join(str(text).split())
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
    return line if len(line) <= 500 else f"{line[:330]} ... {line[-165:]}"  # the end: what to do
