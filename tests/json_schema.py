"""What a JSON Schema says of a document: as much of draft 2020-12 as our descriptions use."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
KNOWN = {
    "type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "$ref",
    "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties",
    "title", "description", "default", "pattern",
}  # fmt: skip


def faults(document: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[str]:
    """All that is wrong with a document, each with where; nothing where it is valid."""
    return list(_faults(document, schema, root, "$"))


def _faults(value: Any, schema: Any, root: Mapping[str, Any], at: str) -> Iterator[str]:
    unknown = schema.keys() - KNOWN
    assert not unknown, f"{at}: this checker does not know {unknown}"
    if "$ref" in schema:
        yield from _faults(value, _resolved(schema["$ref"], root), root, at)
    if "anyOf" in schema and all(faults(value, each, root) for each in schema["anyOf"]):
        yield f"{at}: {value!r} is none of what it may be"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is not one of {schema['enum']}"
    kind = schema.get("type")
    is_right = kind is None or isinstance(value, TYPES[kind])
    if not is_right or (isinstance(value, bool) and kind in {"integer", "number"}):
        yield f"{at}: {value!r} is no {kind}"
    else:
        yield from _faults_within(value, schema, root, at)


def _faults_within(value: Any, schema: Any, root: Mapping[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _faults_of_object(value, schema, root, at)
    elif isinstance(value, list):
        yield from _out_of_bounds(len(value), schema, ("minItems", "maxItems"), at)
        for number, item in enumerate(value):
            yield from _faults(item, schema.get("items", {}), root, f"{at}[{number}]")
    elif isinstance(value, str):
        yield from _out_of_bounds(len(value), schema, ("minLength", "maxLength"), at)
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{at}: {value!r} is not like {schema['pattern']}"
    elif isinstance(value, int):
        yield from _out_of_bounds(value, schema, ("minimum", "maximum"), at)


def _faults_of_object(value: Any, schema: Any, root: Mapping[str, Any], at: str) -> Iterator[str]:
    members = schema.get("properties", {})
    rest = schema.get("additionalProperties", True)
    yield from (
        f"{at}: {name} is missing" for name in schema.get("required", ()) if name not in value
    )
    yield from _out_of_bounds(len(value), schema, ("", "maxProperties"), at)
    for name, member in value.items():
        if name in members:
            yield from _faults(member, members[name], root, f"{at}.{name}")
        elif isinstance(rest, dict):
            yield from _faults(member, rest, root, f"{at}.{name}")
        elif rest is False:
            yield f"{at}: {name} should not be there"


def _out_of_bounds(size: int, schema: Any, names: tuple[str, str], at: str) -> Iterator[str]:
    least, most = names
    if size < schema.get(least, size) or size > schema.get(most, size):
        yield f"{at}: {size} is beyond its bounds"


def _resolved(reference: str, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found
