"""As much of JSON Schema as our own schemas use: whether a value is what one says."""

from __future__ import annotations

from typing import Any, Final

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "null": (type(None),),
}
_KNOWN: Final = (
    *("$schema", "$defs", "$ref", "title", "description", "type", "const", "oneOf"),
    *("properties", "required", "additionalProperties", "items"),
)


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """Whether a value is what a schema says; a word that is not known here is refused."""
    assert {*schema} <= {*_KNOWN}, f"this reader does not know {sorted({*schema} - {*_KNOWN})}"
    if "$ref" in schema:
        return fits(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "const" in schema:
        return bool(value == schema["const"])
    if "oneOf" in schema:
        return [fits(value, each, root) for each in schema["oneOf"]].count(True) == 1
    if "type" in schema and not _is_of(value, schema["type"]):
        return False
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        if not {*schema.get("required", [])} <= {*value} <= {*known}:
            return False
        return all(fits(each, known[name], root) for name, each in value.items())
    if isinstance(value, list) and "items" in schema:
        return all(fits(each, schema["items"], root) for each in value)
    return True


def _is_of(value: Any, kind: str | list[str]) -> bool:
    kinds = [kind] if isinstance(kind, str) else kind
    return not isinstance(value, bool) and any(isinstance(value, _TYPES[each]) for each in kinds)
