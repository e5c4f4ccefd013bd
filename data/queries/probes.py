"""Can a label be read off one concept, and how learnable is it beside the classes?"""

from __future__ import annotations

import duckdb
import pandas as pd


def of_concept(con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int) -> pd.DataFrame:
    """The label of a concept, its name's or the nearest, read off in four ways; none: not probed.

    kind ("own": this concept; "latent": the best of the bank; "top": the best few; "raw": plain
    activations), n_latents, auc, auc_lo, auc_hi, n, n_positive, gain, gain_lo, gain_hi over "raw",
    and concept_id and name of the "latent".
    """
    return con.execute(
        """
        WITH own AS (
            SELECT * FROM concept_probe WHERE bank_id = $bank_id AND concept_id = $concept_id
        ), found AS (
            SELECT 0 AS place, 'own' AS kind, 1 AS n_latents, NULL AS concept_id, auc, auc_lo,
                auc_hi, gain, gain_lo, gain_hi, n, n_positive
            FROM own
            UNION ALL BY NAME
            SELECT list_position(['latent', 'top', 'raw'], kind) AS place, kind, n_latents,
                probe.concept_id, probe.auc, probe.auc_lo, probe.auc_hi, probe.gain,
                probe.gain_lo, probe.gain_hi, probe.n, probe.n_positive
            FROM probe JOIN own USING (labelled_id)
            WHERE probe.bank_id IS NULL OR probe.bank_id = own.bank_id
        )
        SELECT found.* EXCLUDE (place), concept.name FROM found
        LEFT JOIN concept ON concept.bank_id = $bank_id
            AND concept.concept_id = found.concept_id
        ORDER BY place
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()


def learnability(con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int) -> pd.DataFrame:
    """Normalised average precision of the concept's label, and of every class, by a plain probe.

    what ("label" or "class"), name, nap, nap_chance, n, n_positive, and strongest: the class of
    the largest mean score minus that outside it. The label first, then the most learnable class.
    """
    return con.execute(
        """
        WITH highest AS (
            SELECT class_id FROM concept_class
            WHERE bank_id = $bank_id AND concept_id = $concept_id
            ORDER BY difference DESC, class_id LIMIT 1
        )
        SELECT if(class.class_id IS NULL, 'label', 'class') AS what,
            coalesce(label.name, class.name) AS name, nap, nap_chance, n, n_positive,
            coalesce(class.class_id IN (FROM highest), FALSE) AS strongest
        FROM probe
        LEFT JOIN labelled_concept label ON label.labelled_id = probe.labelled_id
        LEFT JOIN class ON class.class_id = probe.class_id
        WHERE probe.bank_id IS NULL AND (probe.class_id IS NOT NULL OR probe.labelled_id = (
            SELECT labelled_id FROM concept WHERE bank_id = $bank_id AND concept_id = $concept_id))
        ORDER BY what DESC, nap DESC, name
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()
