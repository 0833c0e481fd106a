"""What arrays hold, once for every signature; shapes and units are said where they are used."""

import numpy as np
from numpy.typing import NDArray

#: Real numbers.
Array = NDArray[np.floating]


#: Which voxels, curves or frames are meant.
Mask = NDArray[np.bool_]


#: Places in other arrays.
Indices = NDArray[np.intp]
