"""Times of a DSC series with which a first passage can be followed."""

#: Between frames, s.
FRAME_SPACING_S = (0.3, 5.0)
#: Of the echo, s.
ECHO_TIME_S = (1e-3, 0.5)


def check_times(repetition_time_s: float, echo_time_s: float | None = None) -> None:
    """Make sure that times are those of a DSC series, in seconds.

    Raises
    ------
    ValueError
        If one is not: most often it is in milliseconds.
    """
    given = {"repetition_time_s": (repetition_time_s, FRAME_SPACING_S), "echo_time_s": (echo_time_s, ECHO_TIME_S)}
    for name, (value, (least, most)) in given.items():
        if value is not None and not least <= value <= most:
            raise ValueError(f"{name} is {value:g}, and should be {least:g} to {most:g} s; check that it is not in ms")
