"""Which tensor of an autoencoder's file is which, and its rule: as JSON, recipe and names say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.concepts.imported.foreign import ESTIMATED, NORMS, Asked
from core.concepts.imported.opening import settings

_CHOOSABLE = ("relu", "topk", "threshold", "jumprelu", "gated")
"""rules that a person can name for weights with an encoder"""
_BARE = {"encoder": "W_enc", "encoder_bias": "b_enc", "decoder": "W_dec", "decoder_bias": "b_dec"}
_GATED = {"encoder_bias": "b_gate", "magnitude": "r_mag", "magnitude_bias": "b_mag"}
_SAELENS_RULES = {
    "standard": "relu",
    "relu": "relu",
    "topk": "topk",
    "abstopk": "topk_absolute",
    "jumprelu": "jumprelu",
    "gated": "gated",
    "batchtopk": "threshold",
    "matryoshka_batchtopk": "threshold",
}
"""BatchTopK chooses within a batch while it trains; afterwards it is its running threshold"""
_SQUASHED = "tanh-relu"
_FACTORS = ("finetuning_scaling_factor", "scaling_factor")
"""names that SAELens has given to a factor a latent, applied before the decoder"""
_TELLING = {
    "threshold": "jumprelu",
    "log_threshold": "jumprelu",
    "b_gate": "gated",
    "r_mag": "gated",
    "b_mag": "gated",
    "k": "topk",
    "top_k": "topk",
}
"""names that other programs give to what only one rule uses"""
_OWN: dict[str, tuple[type, ...]] = {
    **dict.fromkeys((*_BARE, "magnitude", "magnitude_bias", "rule", "layer"), (str,)),
    "top_k": (int,),
    "threshold": (str, int, float),
    "centred": (bool,),
}
"""what a sae.json may hold"""


@dataclass(frozen=True)
class Plan:
    keys: Mapping[str, str]
    """part of an autoencoder -> name in the file"""
    rule: str
    centred: bool
    certain: bool
    """a person wrote the rule down"""
    top_k: int = 0
    kept: float = 0.0
    """codes a token that it was trained to keep; 0: the file does not say"""
    threshold: float = 0.0
    layer: str = ""
    hook: str = ""
    """where the file says that it was trained, as another program calls the place"""
    by_norm: bool = False
    """codes are measured by what they add, so the decoder's norms belong to the encoder"""
    width: int = 0
    """of activations, as the file says; 0: it does not"""
    n_latents: int = 0
    format: str = "names that most people use"
    squashed: bool = False
    norm: str = "none"
    scale: float = 1.0
    """as in `foreign.Foreign`"""
    factor: str = ""
    """name in the file of a factor a latent, applied before the decoder; "": there is none"""


def of_bare(file: Path, asked: Asked) -> Plan:
    """The names that most people use, the rule as the recipe says."""
    rule = asked.rule or "relu"
    _known(rule, file)
    _counted(rule, asked.top_k, file)
    keys = dict(_BARE)
    if rule == "gated":
        keys |= _GATED
    if rule in ("threshold", "jumprelu"):
        keys["threshold"] = "threshold"
    return Plan(keys, rule, centred=False, certain=bool(asked.rule), top_k=asked.top_k)


def of_own(facts: dict[str, Any], beside: Path, asked: Asked) -> Plan:
    """`sae.json`, one's own names."""
    for name, value in facts.items():
        if name not in _OWN:
            raise ValueError(f"{beside} has {name!r}, which is not read; known: {', '.join(_OWN)}")
        if type(value) not in _OWN[name]:
            raise ValueError(f"{beside}: {name} cannot be {value!r}")
    rule = _agreed("rule", asked.rule, facts.get("rule", ""), beside) or "relu"
    top_k = _agreed("top_k", asked.top_k, facts.get("top_k", 0), beside)
    _known(rule, beside)
    _counted(rule, top_k, beside)
    needed = [*_BARE, *(["magnitude", "magnitude_bias"] if rule == "gated" else [])]
    needed += ["threshold"] if rule in ("threshold", "jumprelu") else []
    lacking = [name for name in needed if name not in facts]
    if lacking:
        raise ValueError(f"{beside} lacks {', '.join(lacking)}, which rule {rule!r} needs")
    threshold = facts.get("threshold", 0.0)
    if "threshold" in facts and "threshold" not in needed:
        raise ValueError(
            f"{beside} has a threshold, but rule {rule!r} has none; write "
            '"rule": "threshold" (a number) or "jumprelu" (one a latent), or leave it out'
        )
    if rule == "jumprelu" and not isinstance(threshold, str):
        raise ValueError(
            f"{beside}: rule 'jumprelu' needs the name of a tensor with a threshold a latent, not "
            f"{threshold!r}; with one number for all the rule is 'threshold'"
        )
    named = [name for name in needed if isinstance(facts[name], str)]
    return Plan(
        {name: facts[name] for name in named},
        rule,
        centred=facts.get("centred", False),
        certain="rule" in facts or bool(asked.rule),
        top_k=top_k,
        threshold=0.0 if isinstance(threshold, str) else float(threshold),
        layer=facts.get("layer", ""),
        format="own names",
    )


def of_saelens(
    facts: dict[str, Any], beside: Path, asked: Asked, *, has: Collection[str], format: str
) -> Plan:
    """`cfg.json`, in any of the shapes that SAELens has given it. `has`: the file's tensors."""
    architecture = str(facts.get("architecture", "standard"))
    activation = str(facts.get("activation_fn_str", facts.get("activation_fn")) or "relu")
    squashed = activation == _SQUASHED
    if architecture == "standard" and activation not in ("relu", _SQUASHED):
        architecture = activation
    if architecture not in _SAELENS_RULES:
        raise ValueError(
            f"{beside}: SAELens architecture {architecture!r} is not read; "
            f"known: {', '.join(_SAELENS_RULES)}"
        )
    if architecture.endswith("batchtopk") and "topk_threshold" not in has and not asked.rule:
        raise ValueError(
            f"{beside.parent} is a {architecture} checkpoint without topk_threshold, which tells "
            "codes from zeros once training is over; save it for inference, or choose in the "
            'bank\'s params: rule = "topk", top_k = NUMBER'
        )
    norm, scale = _rescaling(facts, beside, asked)
    told = _SAELENS_RULES[architecture]
    rule = asked.rule if architecture.endswith("batchtopk") and asked.rule else told
    rule = _agreed("rule", asked.rule, rule, beside)
    kept = float(facts.get("k") or (facts.get("activation_fn_kwargs") or {}).get("k", 0))
    k = int(kept)
    if rule in ("relu", "topk"):  # others are made from training with a k, and no longer use it
        _counted(rule, _agreed("top_k", asked.top_k, k, beside), beside)
    keys = dict(_BARE) | (_GATED if rule == "gated" else {})
    if rule in ("jumprelu", "threshold"):
        keys["threshold"] = "threshold" if rule == "jumprelu" else "topk_threshold"
    more = facts.get("metadata") or {}
    hook = facts.get("hook_name") or facts.get("hook_point") or more.get("hook_name") or ""
    factor = next((name for name in _FACTORS if name in has), "")
    if facts.get("finetuning_scaling_factor") and not factor:
        raise ValueError(
            f"{beside} says finetuning_scaling_factor, but the file has no tensor of that name"
        )
    return Plan(
        keys,
        rule,
        centred=bool(facts.get("apply_b_dec_to_input", True)),
        certain=bool(asked.rule),
        top_k=k or asked.top_k,
        kept=kept,
        hook=str(hook),
        by_norm=bool(facts.get("rescale_acts_by_decoder_norm", False)),
        width=int(facts.get("d_in") or 0),
        n_latents=int(facts.get("d_sae") or 0),
        format=format,
        squashed=squashed,
        norm=norm,
        scale=scale,
        factor=factor,
    )


def _rescaling(facts: dict[str, Any], beside: Path, asked: Asked) -> tuple[str, float]:
    """How tokens are rescaled, and by what factor alike; see `foreign.Foreign`."""
    rescaled = str(facts.get("normalize_activations") or "none")
    if rescaled in NORMS:
        return rescaled, 1.0
    if rescaled != "expected_average_only_in":
        raise ValueError(
            f"{beside}: normalize_activations = {rescaled!r} is not read; known: "
            f"{', '.join(NORMS)}, expected_average_only_in"
        )
    written = beside.with_name("activation_scaler.json")
    said = settings(written).get("scaling_factor") if written.is_file() else None
    return "none", asked.scale or float(said or ESTIMATED)


def refuse_other_rules(
    plan: Plan,
    sizes: Mapping[str, int],
    notes: Collection[str],
    file: Path,
) -> None:
    """Raises ValueError when the file holds what only another rule uses, unless a person wrote
    down the rule. `sizes`: numbers in each of its tensors; `notes`: names in its metadata."""
    if plan.certain:
        return
    found = {}
    for name, rule in _TELLING.items():
        if name in notes or (name in sizes and name not in plan.keys.values()):
            single = rule == "jumprelu" and sizes.get(name) == 1
            found[name] = "threshold" if single else rule
    others = {name: rule for name, rule in found.items() if rule != plan.rule}
    if others:
        told = ", ".join(f"{name} (rule {rule!r})" for name, rule in others.items())
        write = " or ".join(
            f'rule = "{rule}"' + (", top_k = NUMBER" if rule == "topk" else "")
            for rule in dict.fromkeys([*others.values(), plan.rule])
        )
        raise ValueError(
            f"{file} would be read by rule {plan.rule!r}, but it has what another rule uses: "
            f"{told}. Say in the bank's params which it was trained with: {write}"
        )


def _known(rule: str, where: Path) -> None:
    if rule not in _CHOOSABLE:
        raise ValueError(f"{where}: unknown rule {rule!r}; known: {', '.join(_CHOOSABLE)}")


def _counted(rule: str, top_k: int, where: Path) -> None:
    if top_k and rule != "topk":
        raise ValueError(
            f"{where}: top_k = {top_k} belongs to rule 'topk', but the rule is {rule!r}; write "
            'rule = "topk", or leave top_k out'
        )


def _agreed(name: str, asked: Any, said: Any, beside: Path) -> Any:
    """What the recipe or the file says; raises ValueError when both do and differ."""
    if asked and said and asked != said:
        raise ValueError(
            f"the recipe says {name} = {asked!r}, but {beside} says {said!r}; leave {name} out of "
            "the bank's params, or correct that file"
        )
    return asked or said
