"""In which language is it? py3langid's model (BSD), asked about languages in Latin letters alone.

Takes text, gives a probability for each language. Knows nothing of places.
"""

import functools
from typing import Any

from geotagger.text.countries import LATIN, countries


def languages_of(text: str, temperature: float) -> dict[str, float]:
    """By code, summing to 1; of those that the table of countries knows. Its probabilities are flatter than
    its answers are right: a temperature below 1 sharpens them."""
    kept = {"no" if name == "nn" else name: 0.0 for name in _written()}
    for name, probability in _identifier().rank(text.lower()):
        name = "no" if name == "nn" else name
        if name in kept:
            kept[name] += float(probability) ** (1 / temperature)
    total = sum(kept.values()) or 1.0
    return {name: share / total for name, share in kept.items()}


@functools.cache
def _written() -> frozenset[str]:
    return frozenset(countries().written) | {"nn"}


@functools.cache
def _identifier() -> Any:
    # the package may be missing (networks.check_languages), and loading its model takes a tenth of a second
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([name for name in identifier.labels if name in LATIN])
    return identifier
