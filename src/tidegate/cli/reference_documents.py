"""Documents: docs/reference/documents.md, of the models, a sentence for each key, and an example project.

`keys.yaml` has the sentences, `project/` the examples: a project that loads, one file an example,
whose first line names it. A key without a sentence, or a sentence without a key, ends the making.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tidegate.kernel.value import is_map
from tidegate.services.engines import DOCUMENT_KINDS

# In the order one meets them, not of the alphabet.
ORDER = ("project", "rule", "dataset", "context", "job", "schedule", "calendar")
LATER = "later"
"""Stands for the keys of a model that only say that this version does not follow them."""
_SHARED = frozenset({"ApplicationMapping", "NameReading", "ExpressionReading"})
"""Models that rules and contexts share; they are printed with contexts."""
_HEAD = """# Documents

Generated. A project is a folder of YAML (or JSON) documents; what a folder holds is said by its name.
A file may hold several documents, separated by `---`. Unknown keys are faults, never passed over:
`tidegate check` reports every fault of every file at once, also those behind another, with its line and what to write instead.
All examples below are the project [project/](project/), which loads. JSON Schemas for editors stand
in [schema/](schema/): put `# yaml-language-server: $schema=.../schema/rule.json` into a file's first line.

**Contents**
"""
_TAIL = """## Conditions

A condition is a field and what it must be. A bare name means `data.<name>`, else `data.<name>_seconds`,
else an extension of the event; `event_type`, `source`, `subject`, `time`, `application`, `dataset`,
`business_date` and `context_id` are the event's own, as its application's mapping reads them.

| written | holds for |
| --- | --- |
| `data.status: success` | this value; kinds never mix: `"5"` is a text and equals no number |
| `data.region: [DE, FR]` | one of these |
| `record_count: "> 0"` | `>=`, `<=`, `>`, `<`, `==`, `!=` with a number, a date or a word |
| `data.region: "not in [DE, FR]"` | `in`, `not in` |
| `data.file: "matches ^orders_"` | `matches`, `contains`, `startswith`, `endswith` |

What is missing meets no condition, not even `!=`; `explain` says so.

## Templates

`${...}` holds an expression in CEL syntax: `${data.record_count * 2}`, `${inputs.orders.data.file}`,
`${"orders" in missing ? "late" : "fine"}`. A text that is one hole keeps its value's type. Write `$${`
for a `${` that is meant as it stands. Ids also take `{name}`.

| in | names |
| --- | --- |
| actions of rules | the match fields (`business_date`, `data.business_date`, ...), `data.x` and the like of the newest input, `inputs.<name>.data.x` of one, `correlation_id` (`normalized_context_id`), `priority`, `rule`, `gate`, `round`, `sequence`, `business_process`, `owner`, `datasets`, `applications`, `missing` |
| jobs | `parameters.x`, `business_date` (`ds`), `correlation_id`, `job`, `execution`, `trigger`, `attempt`, `round`, `priority`, `process` |

Functions: `size`, `matches`, `int`, `double`, `string`, `bool`, `min`, `max`, `abs`, `has`; of texts
`contains`, `startsWith`, `endsWith`, `matches`, `lowerAscii`, `upperAscii`, `trim`, `split`, `join`,
`replace`, `substring`; of lists `exists`, `all`, `filter`, `map`. Steps, depth and sizes are bounded.
"""


def documents(folder: Path) -> str:
    """The page; `folder` holds keys.yaml and project/. Raises ValueError when a key has no sentence."""
    said: dict[str, dict[str, str]] = yaml.safe_load((folder / "keys.yaml").read_text("utf-8"))
    unused = {(model, key) for model, keys in said.items() for key in keys}
    kinds = {kind.name: kind for kind in DOCUMENT_KINDS}
    assert set(kinds) == set(ORDER), "a new kind of document needs its place here"
    contents: list[str] = []
    body: list[str] = []
    for name in ORDER:
        kind = kinds[name]
        schema = kind.model.model_json_schema()
        where = f"{kind.folder}/*.yaml" if kind.folder else "tidegate.yaml"
        examples = list(_examples(folder / "project", kind.folder))
        body += [f"## {name}", "", f"`{where}`: {_sentence(schema)}", ""]
        body += _table(kind.model.__name__, name, schema, said, unused)
        contents.append(f"- [{name}](#{name}), `{where}`: " + ", ".join(
            f"[{title.lower()}](#{_anchor(title)})" for title, _ in examples))  # fmt: skip
        for title, text in examples:
            body += [f"### {title}", "", "```yaml", text, "```", ""]
        for part, model in _parts(name, schema, said):
            body += [f"### {name}: {_noun(part)}", ""]
            body += [_sentence(model), ""] if "description" in model else []
            body += _table(part, name, model, said, unused)
    contents += ["- [conditions](#conditions) and [templates](#templates)", ""]
    if unused:
        raise ValueError(f"keys.yaml speaks of keys that are none: {sorted(unused)}")
    return "\n".join([_HEAD, *contents, *body, _TAIL])


def schemas() -> Iterator[tuple[str, str]]:
    """The JSON Schema of each kind, by file name."""
    for kind in DOCUMENT_KINDS:
        yield (
            f"schema/{kind.name}.json",
            json.dumps(kind.model.model_json_schema(), indent=1, sort_keys=True) + "\n",
        )


def _examples(project: Path, folder: str) -> Iterator[tuple[str, str]]:
    """Title and text of each example."""
    for file in sorted((project / folder).glob("*.yaml")):
        title, _, text = file.read_text("utf-8").partition("\n")
        yield title.removeprefix("# "), text.strip()


def _table(
    model: str,
    kind: str,
    schema: Mapping[str, Any],
    said: Mapping[str, Mapping[str, str]],
    unused: set[tuple[str, str]],
) -> list[str]:
    sentences = said.get(model, {})
    required = set(schema.get("required", ()))
    lines = ["| key | takes | default | |", "| --- | --- | --- | --- |"]
    later: list[str] = []
    for key, field in schema.get("properties", {}).items():
        if key not in sentences and field.get("type") == "null" and LATER in sentences:
            later.append(f"`{key}`")
            unused.discard((model, LATER))
            continue
        if key not in sentences:
            raise ValueError(f"keys.yaml lacks {model}.{key}")
        unused.discard((model, key))
        default = "**required**" if key in required else _default(field)
        lines.append(f"| `{key}` | {_takes(field, kind)} | {default} | {sentences[key]} |")
    if "*" in sentences:
        unused.discard((model, "*"))
        lines.append(f"| any other | | | {sentences['*']} |")
    if later:
        lines.append(f"| {', '.join(later)} | | | {sentences[LATER]} |")
    return [*lines, ""]


def _parts(
    name: str, schema: Mapping[str, Any], said: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The models inside a kind, in the order of keys.yaml; what rules share stands with contexts."""
    inner = schema.get("$defs", {})
    for part in said:
        if part in inner and not (part in _SHARED and name == "rule"):
            yield part, inner[part]


def _noun(model: str) -> str:
    """TriggerJobAction: trigger job."""
    bare = re.sub("(Document|Action)$", "", model)
    return re.sub("(?<!^)(?=[A-Z])", " ", bare).lower()


def _sentence(schema: Mapping[str, Any]) -> str:
    text = " ".join(str(schema.get("description", "")).split())
    text = re.sub(r"^`tidegate.yaml`: |: contexts/\*\.yaml|: calendars/\*\.yaml", "", text)
    return text if text.endswith((".", "")) else f"{text}."


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    return (
        ""
        if default in (None, "", [], {}) or isinstance(default, dict)
        else f"`{json.dumps(default).strip(chr(34))}`"
    )


def _takes(field: Mapping[str, Any], kind: str) -> str:
    """The type of a field in words."""
    if "$ref" in field:
        name = str(field["$ref"]).rpartition("/")[2]
        return "any value" if name == "JsonValue" else _link(name, kind)
    for several in ("anyOf", "oneOf"):
        if several in field:
            options = [one for one in field[several] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(_takes(one, kind) for one in options))
    if "enum" in field:
        return ", ".join(f"`{one}`" for one in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    match field.get("type"):
        case "array":
            return f"list of {_takes(field.get('items', {}), kind)}"
        case "object":
            return f"mapping{_inside(field, kind)}"
        case "integer":
            return f"whole number{_bounds(field)}"
        case "number":
            return f"number{_bounds(field)}"
        case "boolean":
            return "`true`, `false`"
        case "string":
            return "text"
        case _:
            return "any value"


def _inside(field: Mapping[str, Any], kind: str) -> str:
    inner = [*field.get("patternProperties", {}).values()] or [field.get("additionalProperties")]
    first = inner[0]
    return f" of names to {_takes(first, kind)}" if is_map(first) else ""


def _bounds(field: Mapping[str, Any]) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f", {low} to {high}"
    return f", at least {low}" if low is not None else ""


def _link(name: str, kind: str) -> str:
    owner, noun = "context" if name in _SHARED else kind, _noun(name)
    return f"[{noun}](#{owner}-{noun.replace(' ', '-')})"


def _anchor(title: str) -> str:
    kept = "".join(char for char in title.lower() if char.isalnum() or char in " -_")
    return kept.replace(" ", "-")
