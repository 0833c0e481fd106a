"""What a fault of the data is called."""


class DataFault(ValueError):
    """A fault of the data, not of the program.

    Its message is the reason a reader of the tables sees: one plain sentence that says what is
    wrong and, where the user can mend it, how.
    """
