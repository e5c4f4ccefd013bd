"""Concept banks: fitted, or found again after a kill; encoded; beside controls."""

from precompute.banks.control import ControlCodes, draw_control, turned
from precompute.banks.encode import Codes, encode_bank
from precompute.banks.fit import FittedBank, bank_key, check_bank, control_of, fit_bank
from precompute.banks.pooling import (
    Readout,
    check_cls,
    pool_of,
    readout_of,
    scores_of,
    vectors,
)
from precompute.banks.promised import judge_promise
from precompute.banks.run import BankRun, Description, LabelledScores
from precompute.banks.training_data import fit_data, part_of

__all__ = [
    "BankRun",
    "Codes",
    "ControlCodes",
    "Description",
    "FittedBank",
    "LabelledScores",
    "Readout",
    "bank_key",
    "check_bank",
    "check_cls",
    "control_of",
    "draw_control",
    "encode_bank",
    "fit_bank",
    "fit_data",
    "judge_promise",
    "part_of",
    "pool_of",
    "readout_of",
    "scores_of",
    "turned",
    "vectors",
]
