"""The unit of a scanner's ADC map."""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

from reperfuse.faults import DataFault
from reperfuse.volumes.arrays import Array

# Medians of a whole brain, CSF included, from severe oedema to infancy; the units in use differ by
# powers of a thousand, so no value fits two of them.
_PLAUSIBLE_MEDIAN = (0.3e-3, 3.0e-3)


_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺−–µμ×·", "0123456789-+--uux*")


_LENGTH_MM = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0}


#: Stands for a unit in words of its own.
NOT_UNDERSTOOD = "not understood"


_TIME_S = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3}


def convert_adc(
    adc: Array, units: str | None = None, mask: NDArray[np.bool_] | None = None, *, max_adc: float = 5e-3
) -> tuple[Array, float, str]:
    """Bring a scanner's ADC map to mm²/s.

    Parameters
    ----------
    adc : (x, y, z) array
    units : str, optional
        As in a BIDS sidecar, in any usual spelling: ``mm2/s``, ``10^-3 mm^2/s``, ``1e-6 mm²/s``,
        ``µm²/ms`` … Without it, or if it is not understood, the brain's median decides.
    mask : (x, y, z) bool array, optional
        The brain; by default the voxels that are not 0.
    max_adc : float
        Larger values become NaN, mm²/s.

    Returns
    -------
    adc : (x, y, z) float32 array
        mm²/s; NaN where the map holds no positive, possible value.
    factor : float
        What the map was multiplied by.
    how : str
        How the factor was found: a sentence for the log.

    Raises
    ------
    DataFault
        If the map is no ADC map in the unit stated or, without one, in any.
    """
    adc = np.asarray(adc)
    values = _brain_values(adc, mask)
    median = float(np.median(values))
    stated = _parse_units(units) if units else None
    low, high = _PLAUSIBLE_MEDIAN
    if stated is not None:
        if not low <= median * stated <= high:
            raise DataFault(
                f"the ADC map's median, {median:g} {spelled(units)}, is not that of a brain; correct Units in its "
                "sidecar"
            )
        factor, how = stated, f"ADC unit as stated: {spelled(units)}."
    else:
        factor = next((f for f in (1.0, 1e-3, 1e-6) if low <= median * f <= high), 0.0)
        if not factor:
            raise DataFault(
                f"the ADC map's median, {median:g}, is not that of a brain in mm²/s, 10⁻³ mm²/s or 10⁻⁶ mm²/s; state "
                "its unit (Units) in the sidecar, or export the map again"
            )
        because = "the unit stated is not understood" if units else "no unit stated"
        how = f"ADC unit taken as {factor:g} mm²/s from the brain's median ({median:g}); {because}."
    with np.errstate(invalid="ignore"):
        converted = adc.astype(np.float64) * factor
        converted[~((converted > 0) & (converted <= max_adc))] = np.nan
    return converted.astype(np.float32), factor, how


def spelled(units: str | None) -> str:
    """Spell a unit as one of a known vocabulary, so that no free text of a sidecar is passed on.

    Parameters
    ----------
    units : str or None

    Returns
    -------
    str
        ``mm2/s`` with a power of ten, empty without a unit, or ``not understood``.
    """
    factor = _parse_units(units) if units else None
    if factor is None:
        return NOT_UNDERSTOOD if units else ""
    power = round(math.log10(factor))
    return f"10^{power} mm2/s" if power else "mm2/s"


def _brain_values(adc: Array, mask: NDArray[np.bool_] | None) -> Array:
    """Values the unit is judged by, if they can be an ADC's."""
    finite = np.isfinite(adc)
    values = adc[finite & (adc != 0 if mask is None else mask)].astype(np.float64)
    if values.size == 0 or not values.any():
        raise DataFault("the ADC map is empty: it holds zeros or missing values only; export it again")
    if values.min() == values.max():
        raise DataFault(f"the ADC map holds the same value everywhere, {values[0]:g}; export it again")
    negative = float((values < 0).mean())
    if negative > 0.2:
        raise DataFault(
            f"{100 * negative:.0f} % of the ADC map is negative: an integer overflow, or another image; export it again"
        )
    return values[values > 0]


def _parse_units(units: str) -> float | None:
    """Factor from a spelt unit to mm²/s; None if it is not understood."""
    text = re.sub(r"[\s{}()\[\]_]", "", units.translate(_SUPERSCRIPTS).lower()).replace("**", "^")
    text = re.sub(r"per|/", "/", text)
    found = re.fullmatch(
        r"(?:(?:1(?:\.0)?[x*])?(?P<power>10\^?(?P<ten>[+-]?\d{1,2})|1(?:\.0)?e(?P<e>[+-]?\d{1,2}))[x*]?)?"
        r"(?P<length>um|mm|cm|m)\^?2"
        r"(?:/(?P<time>seconds|second|sec|ms|s)|[*.]?(?P<inverse>ms|sec|s)\^?-1)",
        text.removeprefix("x").removeprefix("*"),
    )
    if not found:
        return None
    exponent = int(found["ten"] or found["e"] or 0)
    return 10.0**exponent * _LENGTH_MM[found["length"]] ** 2 / _TIME_S[found["time"] or found["inverse"]]
