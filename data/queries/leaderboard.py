"""Banks beside each other, beside random directions, and beside plain probes."""

from __future__ import annotations

import duckdb
import pandas as pd

IN_MASKS = ("precision", "energy", "pointing", "iou", "dice")
"""metrics of a bank's maps against masks"""
_READING = """
    reading AS (
        SELECT bank_id, head_id, name AS head, residual FROM head WHERE linear
        QUALIFY row_number() OVER (PARTITION BY bank_id ORDER BY residual, head_id) = 1
    )
"""
_ACCURACY = """
    SELECT reading.bank_id, accuracy.split, accuracy, metric.control, accuracy.chance, accuracy.n
    FROM reading JOIN accuracy ON accuracy.model = reading.head AND target = 'label'
    LEFT JOIN metric ON metric.head_id = reading.head_id AND metric.scope = 'head'
        AND metric.name = 'class_accuracy' AND metric.split = accuracy.split
    WHERE NOT residual
"""
_MEANS = """
    mean_of_labels AS (
        SELECT model, head_id, 'auc on ' || split AS measure, split, 'macro_auc' AS name,
            auc AS value, auc_lo AS lo, auc_hi AS hi, 0.5 AS chance, n FROM label_mean
        UNION ALL BY NAME
        SELECT model, head_id, 'ap on ' || split AS measure, split, 'macro_ap' AS name,
            ap AS value, ap_lo AS lo, ap_hi AS hi, chance, n FROM label_mean
    )
"""
"""of multi-label sets, by model, measure and split"""
_TIMES = """
    part AS (
        SELECT bank_id, seconds, CASE
                WHEN starts_with(name, 'fit ') THEN 'fit'
                WHEN starts_with(name, 'maps of ') THEN 'maps'
                WHEN starts_with(name, 'describe ') THEN 'description'
                WHEN regexp_matches(name, '^(quality|control of|probes of|refit) ') THEN 'quality'
                WHEN regexp_matches(name, '^(head|explain|fidelity) ') THEN 'heads'
                ELSE 'rest' END AS name
        FROM stage WHERE bank_id IS NOT NULL
    ),
    timed AS (
        SELECT bank_id, coalesce(name, 'total') AS part, sum(seconds) AS seconds,
            if(name = 'fit', n_train, n_images) AS n
        FROM part, (
            SELECT count(*) AS n_images, count(*) FILTER (split = 'train') AS n_train FROM image
        )
        GROUP BY GROUPING SETS ((bank_id, name, n_train, n_images), (bank_id, n_train, n_images))
    )
"""
"""of the build, by what it did for a bank; n: images that it had, of the fit those of train"""


def figures(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """bank, measure, value, lo, hi, control, chance, best, n: all that tells banks apart, one by
    one; lo and hi are the 95 % interval of a value.

    Banks in the order built. `measure` is that of `quality`; "mask " and the name of a metric of
    maps; the metric of `fidelity`, of the head that reads the bank (see `reading_heads`) and its
    exact importances, whose chance are random orders; "on " and a split, that head's accuracy on
    labels; "auc on " or "ap on " and a split, its means over the labels of a multi-label set; or
    "time " and a part of the build. NULL: there is none.
    """
    return con.execute(
        f"""
        WITH {_READING}, {_TIMES}, {_MEANS}, found AS (
            SELECT bank_id, measure, value, control, chance, best, n FROM quality
            UNION ALL BY NAME
            SELECT bank_id, 'mask ' || name AS measure, value, control, chance, n FROM metric
            WHERE scope = 'bank' AND name IN $in_masks AND variant = '{{}}'
            UNION ALL BY NAME
            SELECT bank_id, metric AS measure, value, control, random AS chance, n
            FROM reading JOIN fidelity USING (head_id) WHERE method = 'linear'
            UNION ALL BY NAME
            SELECT bank_id, 'on ' || split AS measure, accuracy AS value, control, chance, n
            FROM ({_ACCURACY})
            UNION ALL BY NAME
            SELECT reading.bank_id, measure, m.value, lo, hi, metric.control, m.chance, m.n
            FROM mean_of_labels m JOIN reading USING (head_id)
            LEFT JOIN metric ON metric.head_id = m.head_id AND metric.scope = 'head'
                AND metric.name = m.name AND metric.split = m.split
            WHERE NOT residual
            UNION ALL BY NAME
            SELECT bank_id, 'time ' || part AS measure, seconds AS value, n FROM timed
        )
        SELECT bank.name AS bank, measure, value, lo, hi, control, chance, best, found.n
        FROM found JOIN bank USING (bank_id)
        ORDER BY bank_id, measure
        """,
        {"in_masks": list(IN_MASKS)},
    ).df()


def reading_heads(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """bank, head, residual: the linear head that stands for its bank.

    The first that reads its scores alone, else the first. One that adds each image's rest is
    "residual": its accuracy says little about its bank and does not count.
    """
    return con.execute(
        f"""
        WITH {_READING}
        SELECT bank.name AS bank, head, residual
        FROM reading JOIN bank USING (bank_id) ORDER BY bank_id
        """
    ).df()


def baselines(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """model, measure, value, lo, hi, chance, n of what is not a head: accuracies on labels, or
    means over the labels of a multi-label set, with measures as in `figures`."""
    return con.execute(
        f"""
        WITH {_MEANS}
        SELECT model, 'on ' || split AS measure, accuracy AS value, NULL::DOUBLE AS lo,
            NULL::DOUBLE AS hi, chance, n
        FROM accuracy WHERE target = 'label' AND model NOT IN (SELECT name FROM head)
        UNION ALL BY NAME
        SELECT model, measure, value, lo, hi, chance, n FROM mean_of_labels WHERE head_id IS NULL
        ORDER BY model, measure
        """
    ).df()


def probes(con: duckdb.DuckDBPyConnection, bank_id: int) -> pd.DataFrame:
    """One row a labelled concept or class: the plain probe beside the bank's two.

    target, what ("concept" or "class"), labelled_id, class_id, concept_id and concept (the best
    latent), nap, nap_chance, n, n_positive, and auc, auc_lo, auc_hi of raw, latent and top as
    raw_auc, ..., with gain, gain_lo and gain_hi of the latter two.
    """
    return con.execute(
        """
        SELECT coalesce(labelled_concept.name, class.name, 'label ' || raw.labelled_id) AS target,
            if(raw.labelled_id IS NULL, 'class', 'concept') AS what,
            raw.labelled_id, raw.class_id, latent.concept_id, concept.name AS concept,
            raw.nap, raw.nap_chance, raw.n, raw.n_positive,
            raw.auc AS raw_auc, raw.auc_lo AS raw_lo, raw.auc_hi AS raw_hi,
            latent.auc AS latent_auc, latent.auc_lo AS latent_lo, latent.auc_hi AS latent_hi,
            latent.gain AS latent_gain, latent.gain_lo AS latent_gain_lo,
            latent.gain_hi AS latent_gain_hi,
            best.auc AS top_auc, best.auc_lo AS top_lo, best.auc_hi AS top_hi,
            best.gain AS top_gain, best.gain_lo AS top_gain_lo, best.gain_hi AS top_gain_hi,
            best.n_latents AS top_n
        FROM probe raw
        JOIN probe latent ON latent.bank_id = $bank_id AND latent.kind = 'latent'
            AND latent.labelled_id IS NOT DISTINCT FROM raw.labelled_id
            AND latent.class_id IS NOT DISTINCT FROM raw.class_id
        JOIN probe best ON best.bank_id = $bank_id AND best.kind = 'top'
            AND best.labelled_id IS NOT DISTINCT FROM raw.labelled_id
            AND best.class_id IS NOT DISTINCT FROM raw.class_id
        LEFT JOIN labelled_concept ON labelled_concept.labelled_id = raw.labelled_id
        LEFT JOIN class ON class.class_id = raw.class_id
        LEFT JOIN concept ON concept.bank_id = $bank_id AND concept.concept_id = latent.concept_id
        WHERE raw.bank_id IS NULL
        ORDER BY what DESC, raw.labelled_id, raw.class_id
        """,
        {"bank_id": bank_id},
    ).df()


def probe_summary(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """For each bank and kind: labels probed, mean auc, and how often which side wins.

    bank, kind, n, auc (mean), raw_auc (mean of the plain probe), plain_wins and bank_wins: labels
    where the 95 % interval of the difference leaves out 0.
    """
    return con.execute(
        """
        SELECT bank.name AS bank, kind, count(*) AS n, avg(auc) AS auc, avg(auc - gain) AS raw_auc,
            count(*) FILTER (gain_hi < 0) AS plain_wins,
            count(*) FILTER (gain_lo > 0) AS bank_wins
        FROM probe JOIN bank USING (bank_id)
        GROUP BY bank_id, bank.name, kind ORDER BY bank_id, kind
        """
    ).df()
