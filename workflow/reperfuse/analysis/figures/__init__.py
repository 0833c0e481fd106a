"""The figures of a study, a file a figure: a table in, a Matplotlib figure with its caption out."""
