import subprocess
import sys


def test_the_library_alone_is_loaded_and_the_package_is_the_fallback() -> None:
    """A registration job must not pay for ANTsPy's plotting and learning parts."""
    check = """
import importlib.util, sys
from types import SimpleNamespace
from reperfuse.registration import ants as registration
library = registration.load_library()
assert hasattr(library, "antsRegistration")
assert not {"ants", "pandas", "matplotlib", "sklearn", "statsmodels"} & sys.modules.keys()
assert registration.load_library() is library
del sys.modules["ants.lib"]
# as if the library lay elsewhere
nowhere = SimpleNamespace(PathFinder=SimpleNamespace(find_spec=lambda *_: None))
registration.importlib = SimpleNamespace(util=importlib.util, machinery=nowhere)
assert hasattr(registration.load_library(), "antsRegistration")
assert "ants" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
