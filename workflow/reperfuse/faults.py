"""What is wrong with data, in words for their owner."""


class DataFault(ValueError):
    """The data do not allow a computation; the message is a sentence for the user.

    It becomes a reason in tables and pages, so it is one line without control characters. It should name the file and
    the remedy, and quote nothing of a header or a sidecar but numbers and names of fields: text there may identify a
    patient.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """Return a text in one line, without control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
