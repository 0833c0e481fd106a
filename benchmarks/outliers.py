"""Damaged frames that are found, and good ones that are taken for damaged, in series as hard as real ones.

    python benchmarks/outliers.py [--seeds 8] [--first 200] [--slices 24]

Each series has one frame of each kind of damage, far apart, at places drawn at random, the bolus included.
"""

import argparse
from typing import get_args

import numpy as np
from motion import correct_with_ours, outliers
from reperfuse.simulation.damage import Damage, damaged_frame
from reperfuse.simulation.hard_series import draw_hard_series


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first", type=int, default=200)
    parser.add_argument("--slices", type=int, default=24)
    options = parser.parse_args()
    missed, false, false_in_bolus, damaged, good = [], 0, 0, 0, 0
    for seed in range(options.first, options.first + options.seeds):
        series = draw_hard_series(seed, options.slices, moving=seed % 2 == 0)
        kinds = [kind for kind in get_args(Damage) if options.slices > 1 or kind not in ("half empty", "moved within")]
        rng = np.random.default_rng(seed)
        places = np.array_split(np.arange(series.baseline.start + 1, series.recorded.series.shape[3]), len(kinds))
        frames = [int(rng.choice(place[: max(len(place) - 2, 1)])) for place in places]
        damage = dict(zip(frames, map(str, rng.permutation(kinds)), strict=True))
        for frame, kind in damage.items():
            series.recorded.series[..., frame] = damaged_frame(series, frame, kind, seed)
        found = outliers(*correct_with_ours(series), series)
        found[: series.baseline.start] = False
        here = [kind for frame, kind in damage.items() if not found[frame]]
        wrong = [int(frame) for frame in np.flatnonzero(found) if frame not in damage]
        missed += here
        false += len(wrong)
        false_in_bolus += sum(series.bolus.start <= frame < series.bolus.stop for frame in wrong)
        damaged += len(damage)
        good += len(found) - series.baseline.start - len(damage)
        print(f"seed {seed}: drop {series.drop:.0%}, damaged {frames}, missed {here}, false {wrong}", flush=True)
    print(f"found {damaged - len(missed)} of {damaged}; false {false} of {good} frames, {false_in_bolus} in the bolus")


if __name__ == "__main__":
    main()
