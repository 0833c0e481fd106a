"""A study's own files: whether there is one to read, and the text of it."""

import stat
from pathlib import Path

from reperfuse.faults import DataFault

#: How a file begins, or what its first bytes hold, that git-annex or Git LFS has put in the place of the real one.
_POINTERS = (b"annex/objects/", b"version https://git-lfs")
_UNFETCHED = "not fetched: {}; fetch it (datalad get, git annex get, git lfs pull)"


def begin(path: Path) -> bytes:
    """Return the first 64 bytes of a file of the study.

    Raises
    ------
    DataFault
        If there is no file to be read: a link to nowhere, a pointer in the place of what was not fetched, a folder,
        a pipe, which would be waited for forever.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise DataFault(f"{path.name}: it is a folder, and should be a file; rename or remove it")
        if not stat.S_ISREG(mode):
            raise DataFault(f"{path.name}: it is a pipe or a device, and should be a file; remove it")
        with path.open("rb") as stream:
            start = stream.read(64)
    except OSError as error:
        raise DataFault(f"{path.name}: {_why(path, error)}") from None
    if any(pointer in start for pointer in _POINTERS):
        raise DataFault(f"{path.name}: {_UNFETCHED.format('it only points to a file that lies elsewhere')}")
    return start


def _why(path: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "it may not be read; correct its permissions and those of its folder"
    if path.is_symlink():
        return _UNFETCHED.format("it is a link to a file that is not there")
    is_absent = isinstance(error, FileNotFoundError)
    return "there is no such file; check its name" if is_absent else "it cannot be read; check the disk"


def read_text(path: Path) -> str:
    """Return the text of a file of the study, which is UTF-8 with or without a mark.

    Raises
    ------
    DataFault
        If there is no file to be read, or it is no such text.
    """
    begin(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataFault(f"{path.name}: its text is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise DataFault(f"{path.name}: {_why(path, error)}") from None
