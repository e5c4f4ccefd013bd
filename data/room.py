"""Whether something could not be written because the disk is full."""

from __future__ import annotations

import errno
import re

_SAID = re.compile(
    r"no space left|disk quota exceeded|os error 28|\d+ requested and \d+ written", re.IGNORECASE
)
"""the words of libraries that do not say which error of the system it was"""


def no_room(error: BaseException) -> bool:
    """Whether `error` says so, of the system or of a library that writes files."""
    known = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return known or bool(_SAID.search(str(error)))
