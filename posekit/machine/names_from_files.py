"""How names that come from files are shown: on one line, short, without control characters."""

from __future__ import annotations

import os

LONGEST = 60  # characters of a name
_LARGEST_NUMBER_SHOWN = 1 << 64


def shown(name: object, most: int = LONGEST) -> str:
    """``shown(name) -> str``: a name as a file spells it, fit for a message, a table or a page.

    Every reader passes through this what it quotes from a file: member names, dictionary keys,
    names of takes, subjects and joints. Unknown objects are told by their type and never asked
    for their ``repr``, which a file can make as large or as slow as it likes.

    Args:
        name: text, bytes, a number, None, or anything else that stands where a name is due.
        most: characters at most; a longer text is cut and ends in "...". A path is given whole,
            so that it can be found.

    Returns:
        one line of printable characters; others (control characters, line breaks, marks that turn
        the direction of writing, halves of surrogate pairs) are written as escapes.
    """
    if isinstance(name, os.PathLike):
        return _printable(os.fsdecode(name))
    if isinstance(name, bytes):
        name = name[: most + 1].decode("utf-8", "backslashreplace")
    if isinstance(name, str):
        text = _printable(name[: most + 1])
        return text if len(text) <= most else f"{text[: most - 3]}..."
    if name is None or isinstance(name, bool | float):
        return str(name)
    if isinstance(name, int) and abs(name) < _LARGEST_NUMBER_SHOWN:
        return str(name)
    return f"<{shown(type(name).__name__, 40)}>"


def _printable(text: str) -> str:
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
