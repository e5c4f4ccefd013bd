"""What a build reads: images, model, labels, words; and the activations that come of them."""

from precompute.intake.activations import PICTURE, THUMB, ActivationStore, extract
from precompute.intake.build import (
    VIEW,
    Build,
    Masks,
    gather,
    pixels_of,
)
from precompute.intake.classes import (
    Classes,
    classes_of,
    doubts,
    named_outputs,
    several_classes,
)
from precompute.intake.crops import ImageCrops, lend_crops
from precompute.intake.embed_texts import read_texts
from precompute.intake.grid_colours import cell_colours
from precompute.intake.identity import fingerprint_files, fingerprint_store, short_hash, versions
from precompute.intake.log import Log
from precompute.intake.missing import MEASURE_STAGE, notice_missing
from precompute.intake.parameters import check_parameters
from precompute.intake.products import short_products
from precompute.intake.shards import facts_of, is_whole, publish, put_facts, run_shards, tell
from precompute.intake.sources import Sources, open_sources, train_demo
from precompute.intake.streams import StoredImages, StoredTokens
from precompute.intake.texts import Texts
from precompute.intake.truth import cell_share, labels_of
from precompute.intake.word_files import read_vocabulary, readable

__all__ = [
    "MEASURE_STAGE",
    "PICTURE",
    "THUMB",
    "VIEW",
    "ActivationStore",
    "Build",
    "Classes",
    "ImageCrops",
    "Log",
    "Masks",
    "Sources",
    "StoredImages",
    "StoredTokens",
    "Texts",
    "cell_colours",
    "cell_share",
    "check_parameters",
    "classes_of",
    "doubts",
    "extract",
    "facts_of",
    "fingerprint_files",
    "fingerprint_store",
    "gather",
    "is_whole",
    "labels_of",
    "lend_crops",
    "named_outputs",
    "notice_missing",
    "open_sources",
    "pixels_of",
    "publish",
    "put_facts",
    "read_texts",
    "read_vocabulary",
    "readable",
    "run_shards",
    "several_classes",
    "short_hash",
    "short_products",
    "tell",
    "train_demo",
    "versions",
]
