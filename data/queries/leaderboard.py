"""Banks beside each other, beside random directions, and beside plain probes."""

from __future__ import annotations

import duckdb
import pandas as pd


def figures(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Every row of `quality` with its bank's name as `bank`, banks in the order built."""
    return con.execute(
        """
        SELECT bank.name AS bank, quality.*
        FROM quality JOIN bank USING (bank_id)
        ORDER BY bank_id, measure
        """
    ).df()


def head_accuracies(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """bank, head, split, n, accuracy, chance on labels, of heads that read the bank's scores alone.

    A head that adds each image's rest, or no function of the scores, says little about its bank.
    Of several heads over a bank the first stands for it.
    """
    return con.execute(
        """
        WITH chosen AS (
            SELECT bank_id, min(head_id) AS head_id FROM head
            WHERE NOT residual AND linear GROUP BY bank_id
        )
        SELECT bank.name AS bank, head.name AS head, split, accuracy.n, accuracy, chance
        FROM chosen JOIN head USING (head_id, bank_id) JOIN bank USING (bank_id)
        JOIN accuracy ON accuracy.model = head.name AND target = 'label'
        ORDER BY bank_id, split
        """
    ).df()


def baseline_accuracies(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """model, split, n, accuracy, chance on labels, of what is not a head."""
    return con.execute(
        """
        SELECT model, split, n, accuracy, chance FROM accuracy
        WHERE target = 'label' AND model NOT IN (SELECT name FROM head)
        ORDER BY model, split
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
