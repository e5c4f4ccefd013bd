"""What checks the annotations of every function while tests run."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""an int is a float, as PEP 484 says and mypy reads it"""
