"""Arguments the way PHP takes them out of a form: `options[0][name]=limitfrom`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

Argument = str | int | bool | Sequence["Argument"] | Mapping[str, "Argument"]

#: PHP reads 1,000 variables unless it is told otherwise, and drops the rest without a word.
MAX_VALUES = 900


def encode(arguments: Mapping[str, Argument]) -> dict[str, str]:
    """Return the form of a call's arguments. Raises `ValueError` where PHP might drop some of them."""
    form = dict(pair for name, value in arguments.items() for pair in _flat(name, value))
    if len(form) > MAX_VALUES:
        raise ValueError(f"a call has {len(form)} values; more than {MAX_VALUES} might be dropped")
    return form


def _flat(name: str, value: Argument) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, bool):
        yield name, str(int(value))
    elif isinstance(value, int):
        yield name, str(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}[{key}]", inner)
    else:
        for index, inner in enumerate(value):
            yield from _flat(f"{name}[{index}]", inner)
