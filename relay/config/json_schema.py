"""The configuration file as a JSON Schema (draft 2020-12), by which editors complete and check it.

It is made from the settings' own types. What they cannot know is added here: the shapes that only the file has
(`slack:` or `email:` at a destination), every spelling of a key, and that a variable may stand for any value. What no
single value shows is left to relay itself.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from relay.config.schema import Config
from relay.configfile.units import any_case
from relay.configfile.validation import Name, Section, Texts, one_or_more, spellings
from relay.policy.destinations import ChannelOptions, Channels, DestinationOptions
from relay.policy.matching import Rule

Schema = dict[str, Any]

VARIABLE = r"\$\{|^file:"  # in a value that is known only when the file is read
# Values that are no text may be written as text; and plain text may look like another value.
AS_TEXT = {"integer": r"^\d+$", "number": r"^\d+(\.\d+)?$", "boolean": f"^({any_case('true|false|yes|no|on|off')})$"}
PLAIN = ["string", "number", "boolean"]
NOISE = {"title", "format", "writeOnly", "default"}
BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
ITEMS = {"minLength": "minItems", "maxLength": "maxItems"}
NAMED, LISTED, ONE = ("properties", "patternProperties", "$defs"), ("anyOf", "oneOf"), ("items", "additionalProperties")


def json_schema(channels: Channels) -> Schema:
    """Return the schema of a file that configures these channels."""
    schema = _open(_file(channels).model_json_schema(schema_generator=_Generator))
    return {
        "$schema": _Generator.schema_dialect,
        "title": "relay",
        **schema,
        "description": "The configuration of relay: docs/configuration.md explains every key.",
    }


def _file(channels: Channels) -> type[BaseModel]:
    """Return the configuration in its written form, where the settings differ from it."""
    modes: Any = [
        {"required": [name], "properties": {"mode": {"enum": [*kind.modes]}}} for name, kind in channels.items()
    ]
    empty: Any = Field(default_factory=dict)
    settings: Any = {name: (kind.Settings, empty) for name, kind in channels.items()}
    spelled_out: Any = create_model("SpelledOut", __base__=ChannelOptions, to=(Texts, ...))
    addresses: Any = dict.fromkeys(channels, (Texts | spelled_out, empty))
    base: Any = type(
        "DestinationBase", (DestinationOptions,), {"model_config": ConfigDict(json_schema_extra={"anyOf": modes})}
    )
    destination: Any = create_model("Destination", __base__=base, **addresses)
    rule: Any = create_model("Rule", __base__=Rule, name=(Annotated[str, Field(max_length=100)], ""))
    return create_model(
        "File",
        __base__=Config,
        channels=(create_model("Channels", __base__=Section, **settings), empty),
        destinations=(dict[Name, destination], empty),
        rules=(tuple[rule, ...], ...),
    )


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, with every spelling of a key and the shorthand that no type shows."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        json_schema = super().model_schema(schema)
        properties = json_schema.get("properties", {})
        json_schema["properties"] = {
            key: properties[next(name for name in (*keys, field) if name in properties)]
            for field, keys in spellings(schema["cls"]).items()
            for key in keys
        }
        return json_schema

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        json_schema = super().function_before_schema(schema)
        if schema["function"]["function"] is one_or_more.func:
            return {"anyOf": [json_schema["items"], json_schema]}
        return json_schema


def _open(schema: Mapping[str, Any]) -> Schema:
    """Return the schema without noise, with its bounds right, and open to variables."""
    opened = {BOUNDS.get(key, key): value for key, value in schema.items() if key not in NOISE}
    if "patternProperties" in opened:
        opened["additionalProperties"] = False  # a name of other letters
    several = opened.get("type") == "array" or "anyOf" in opened
    opened = {ITEMS.get(key, key) if several else key: _inside(key, value) for key, value in opened.items()}
    if "const" in opened and opened.get("type") == "integer":
        return opened  # 0 for a duration, whose text may hold a variable
    if "enum" in opened or "const" in opened:
        return {"anyOf": [opened, {"type": "string", "pattern": VARIABLE}]}
    kind = str(opened.get("type"))
    if kind in AS_TEXT:
        return opened | {"type": [kind, "string"], "pattern": f"{AS_TEXT[kind]}|{VARIABLE}"}
    if kind == "string":
        return opened | ({"pattern": f"{opened['pattern']}|{VARIABLE}"} if "pattern" in opened else {"type": PLAIN})
    return opened


def _inside(key: str, value: Any) -> Any:
    if key in NAMED:
        return {name: _open(schema) for name, schema in value.items()}
    if key in LISTED:
        return [_open(schema) for schema in value]
    return _open(value) if key in ONE and isinstance(value, Mapping) else value
