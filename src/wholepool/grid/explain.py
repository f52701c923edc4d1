"""What is wrong with a configuration, in a user's words."""

import math
from collections.abc import Iterable
from typing import Any

import jsonschema

from wholepool.job.errors import suggestion

DEEPEST = 16  # tables within tables; the deepest key stands at 6
MOST_VALUES = 100_000
LONGEST = 200  # characters of a wrong value in a message

# JSON Schema takes 3.0 for an integer and infinity for a number. YAML users mean neither.
STRICT_TYPES = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda _, value: (
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        ),
    }
)
Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=STRICT_TYPES)


def validate(config: Any, schema: dict[str, Any], where: tuple[str, ...] = ()) -> list[str]:
    """Every place where `config`, the value of the key `where`, breaks the schema."""
    errors = Validator(schema).iter_errors(config)
    return [explain(e, where) for e in sorted(errors, key=lambda e: list(map(str, e.path)))]


def shape_faults(config: Any) -> list[str]:
    """What would make the validator, or its message, fail or take for ever.

    YAML's aliases can make a table that holds itself, or ten lines that hold billions of values.
    """
    faults: list[str] = []
    left: list[tuple[tuple[Any, ...], Any]] = [((), config)]
    for _ in range(MOST_VALUES):
        if not left:
            return faults
        path, value = left.pop()
        where = dotted(path)
        if isinstance(value, int) and abs(value) >= 2**63:
            faults.append(f"{where} is an integer of more than 64 bits: make it smaller")
        if not isinstance(value, dict | list):
            continue
        if len(path) == DEEPEST:
            faults.append(f"{where} is nested too deeply: no key takes that; remove it")
            continue
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(value, dict) and not isinstance(key, str):
                faults.append(f"{dotted((*path, key))}: the key {key!r} is no text: quote it")
            left.append(((*path, key), child))
    return [*faults, f"it holds more than {MOST_VALUES:,} values: remove what no key takes"]


def dotted(path: Iterable[Any]) -> str:
    """A key as a.b.c; a part that cannot be printed, or is very long, as far as it can be shown."""
    parts = map(str, path)
    return ".".join(shown(part) if not part.isprintable() else part[:100] for part in parts)


def shown(value: Any) -> str:
    """A value in quotes, as in Python, cut where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def explain(error: jsonschema.ValidationError, above: tuple[str, ...] = ()) -> str:
    """One fault in a user's words: the key, the value, what is allowed, what was perhaps meant."""
    description = error.schema.get("description", "")
    if error.validator == "oneOf":  # the fault in the alternative that was perhaps meant
        error = min(error.context, key=lambda e: e.validator == "type" and not e.relative_path)
    path = [*above, *error.absolute_path]
    where = dotted(path)
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in known]
        named = [f"unknown key {dotted([*path, k])}{suggestion(k, known)}" for k in unknown[:3]]
        return "; ".join(named + [f"and {len(unknown) - 3} more"] * (len(unknown) > 3))
    if error.validator == "required":
        return f"{where or 'the config'}: {error.message}"
    value = shown(error.instance)
    if error.instance is None and where:
        return f"{where} is None, that is empty: give it a value, or remove the key"
    text = f"{where} is {value}: {error.message.replace(repr(error.instance), value)}"
    if error.validator == "enum":
        words = [str(word) for word in error.validator_value]
        near = suggestion(error.instance, words)
        text = f"{where} is {value}, but must be one of {', '.join(words)}{near}"
    if error.validator == "pattern" and "$comment" in error.schema:
        text = f"{where} is {value}, but may hold only {error.schema['$comment']}"
    description = error.schema.get("description", description)
    return f"{text} ({' '.join(description.split())})" if description else text


def listing(faults: list[str]) -> str:
    """All faults as one message."""
    if len(faults) == 1:
        return f"the configuration is wrong: {faults[0]}"
    more = [f"and {len(faults) - 20} more"] * (len(faults) > 20)
    return "\n  - ".join(["the configuration is wrong:", *faults[:20], *more])
