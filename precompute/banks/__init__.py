"""Concept banks: fitted, or found again after a kill; encoded; beside random directions."""

from precompute.banks.control import ControlCodes, draw_control
from precompute.banks.encode import Codes, encode_bank
from precompute.banks.fit import FittedBank, bank_key, check_bank, fit_bank
from precompute.banks.pooling import (
    Readout,
    check_cls,
    pool_of,
    readout_of,
    scores_of,
    vectors,
)
from precompute.banks.promised import judge_promise
from precompute.banks.rebuilding import RandomDictionary, random_dictionary
from precompute.banks.run import BankRun, Description, LabelledScores
from precompute.banks.training_data import fit_data, part_of

__all__ = [
    "BankRun",
    "Codes",
    "ControlCodes",
    "Description",
    "FittedBank",
    "LabelledScores",
    "RandomDictionary",
    "Readout",
    "bank_key",
    "check_bank",
    "check_cls",
    "draw_control",
    "encode_bank",
    "fit_bank",
    "fit_data",
    "judge_promise",
    "part_of",
    "pool_of",
    "random_dictionary",
    "readout_of",
    "scores_of",
    "vectors",
]
