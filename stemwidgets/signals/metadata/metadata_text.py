"""Text from a file's metadata, made fit for one line."""

LONGEST_TITLE = 200  # characters: longer titles fill the page
LONGEST_UNITS = 60  # characters: longer than any unit in words


def one_line(words: object, most: int) -> str:
    """Printable words, at most so many characters, cut off with an ellipsis.

    Line ends become blanks; what cannot be printed or turns the direction of writing is left out.
    """
    text = str(words)[: 10 * most]
    blank = "".join(" " if character.isspace() else character for character in text)
    plain = "".join(character for character in blank if character.isprintable())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
