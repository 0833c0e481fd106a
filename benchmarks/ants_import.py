"""What a registration job pays before it registers: ANTsPy as a whole against its compiled library alone.

Run: ``python benchmarks/ants_import.py [repetitions]``. Each import has a process of its own; the least CPU
time of the repetitions is shown, in s, beside that of the interpreter with NumPy and SciPy, which both need.
"""

import resource
import subprocess
import sys

STATEMENTS = {
    "NumPy and SciPy": "import numpy, scipy.ndimage, scipy.spatial",
    "the package's own modules": "import reperfuse.registration.rigid",
    "import ants": "import reperfuse.registration.rigid, ants",
    "the library alone": "from reperfuse.registration import ants, rigid; ants.load_library()",
}


def cpu_s(statement: str) -> float:
    """CPU time of a process that runs a statement, s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a row a statement."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for name, statement in STATEMENTS.items():
        print(f"{name:28s}{min(cpu_s(statement) for _ in range(repetitions)):6.2f} s")


if __name__ == "__main__":
    main()
