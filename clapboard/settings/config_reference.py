"""What is made from the models of the configuration: JSON schema for editors, table of all keys.

`python -m clapboard.settings.config_reference` writes both; a test fails while they are out of
step.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from clapboard.artifacts import write_text
from clapboard.settings.config import Config

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.json"
README = ROOT / "config" / "README.md"

BEGIN, END = "<!-- keys: begin -->", "<!-- keys: end -->"

TYPES = {
    "boolean": "`true`, `false`",
    "integer": "whole number",
    "null": "`null`",
    "number": "number",
    "string": "text",
}
LIMITS = {
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
}

# What pydantic leaves of a limit that is set on top of a type's own, where a check is in between,
# with the one of JSON schema that it narrows, and how.
NARROWED = {
    "ge": ("minimum", max),
    "gt": ("exclusiveMinimum", max),
    "le": ("maximum", min),
    "lt": ("exclusiveMaximum", min),
}

Node = Mapping[str, Any]


class _Untitled(GenerateJsonSchema):
    """A schema without titles that repeat the names of the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def main() -> None:
    """Write the schema, and the tables into `config/README.md` between their marks."""
    write_text(SCHEMA, json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
    write_text(README, with_tables(README.read_text(encoding="utf-8")))


def schema() -> dict[str, Any]:
    """The JSON schema of the configuration."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    whole = Config.model_json_schema(schema_generator=_Untitled)
    _narrow(whole)
    return dialect | whole


def _narrow(node: Any) -> None:
    """Say every limit of a schema and what is in it as JSON schema does, the narrower of two."""
    if isinstance(node, dict):
        if node.get("type") in ("integer", "number"):
            for word, (limit, narrower) in NARROWED.items():
                if word in node:
                    value = node.pop(word)
                    node[limit] = narrower(value, node.get(limit, value))
        for inner in node.values():
            _narrow(inner)
    elif isinstance(node, list):
        for inner in node:
            _narrow(inner)


def with_tables(text: str) -> str:
    """`text` with the tables of keys, made anew, between the two marks."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{tables(schema())}\n{END}{tail}"


def tables(whole: Node) -> str:
    """Markdown tables: keys at the top, each section, each architecture."""
    plain = {key: node for key, node in whole["properties"].items() if not _inner(node, whole)}
    parts = ["### At the top\n", *_table(plain, "", whole)]
    for key, node in whole["properties"].items():
        for inner in _inner(node, whole):
            kind = inner["properties"].get("architecture", {}).get("const")
            prefix = f"{key}.<name>." if kind else f"{key}."
            title = f"`{key}` with `architecture: {kind}`" if kind else f"`{key}`"
            parts += [f"\n### {title}\n", f"{inner['description']}\n"]
            parts += _table(inner["properties"], prefix, whole)
    return "\n".join(parts) + "\n"


def _table(properties: Node, prefix: str, whole: Node) -> Iterator[str]:
    """Header and rows of one table."""
    yield "| key | values | default | meaning |"
    yield "|---|---|---|---|"
    yield from _rows(properties, prefix, whole)


def _rows(properties: Node, prefix: str, whole: Node) -> Iterator[str]:
    """One row a key, sections opened."""
    for key, node in properties.items():
        inner = _inner(node, whole)
        for section in inner:
            yield from _rows(section["properties"], f"{prefix}{key}.", whole)
        if not inner:
            default = f"`{_yaml(node['default'])}`" if "default" in node else "needed"
            cells = (f"`{prefix}{key}`", _values(node), default, node["description"])
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _inner(node: Node, whole: Node) -> list[Node]:
    """The sections behind a key: its own, or those of a mapping with free names."""
    values = node.get("additionalProperties") or node
    if not isinstance(values, Mapping):
        return []
    references = [one["$ref"] for one in values.get("oneOf", [values]) if "$ref" in one]
    return [whole["$defs"][reference.rpartition("/")[2]] for reference in references]


def _values(node: Node) -> str:
    """What a key takes, in words."""
    if "anyOf" in node:
        return " or ".join(map(_values, node["anyOf"]))
    if "enum" in node or "const" in node:
        return ", ".join(f"`{value}`" for value in node.get("enum") or [node["const"]])
    if "items" in node:
        return f"list of {_values(node['items'])}s"
    if "additionalProperties" in node:
        return f"mapping to {_values(node['additionalProperties'])}"
    limits = [
        f"{words} {node[limit]}"
        for limit, words in LIMITS.items()
        if limit in node and node["type"] in ("integer", "number")
    ]
    return " ".join([TYPES[node["type"]], *limits])


def _yaml(value: Any) -> str:
    """A default as it is written in YAML."""
    return value if value and isinstance(value, str) else json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
