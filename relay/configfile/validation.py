"""Pydantic's errors in the words of the person who writes the file: what was expected, and where."""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, ErrorDetails

from relay.configfile.document import Document, KeyPath
from relay.configfile.units import DURATION, SIZE, any_case, days, duration, seconds, size, spoken, spoken_size
from relay.configfile.words import nearest, suggest

Model = TypeVar("Model", bound=BaseModel)

EXPECTED: Mapping[str, str] = {
    "missing": "missing; it is required here",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_parsing_size": "expected a smaller number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "finite_number": "expected a number",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "string_type": 'expected text; write "" for none',
    "string_pattern_mismatch": "expected text that matches {pattern}",
    "path_type": "expected a path",
    "path_not_file": "expected a file; there is none of this name",
    "dict_type": "expected keys and values",
    "model_type": "expected keys and values",
    "model_attributes_type": "expected keys and values",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "too_short": "expected at least one",
    "too_long": "expected at most {max_length}",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected at least {ge}",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected at most {le}",
    "string_too_short": "expected at least {min_length} characters",
    "string_too_long": "expected at most {max_length} characters",
    "value_error": "{error}",
    "literal_error": "expected {expected}",
}


class Section(BaseModel):
    """A part of the configuration: never changed once it is loaded, and no key unknown to us."""

    # Whatever holds it builds its validator anew, as a part of its own: one by itself would hardly ever be used.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
    retired: ClassVar[Mapping[str, str]] = {}  # keys of older releases, and what to use instead


# A lone text is a list of one.
one_or_more = BeforeValidator(lambda raw: [raw] if isinstance(raw, str) else raw)
Texts = Annotated[tuple[str, ...], one_or_more]
DurationText = Annotated[str, Field(pattern=DURATION)] | Literal[0]
Duration = Annotated[float, BeforeValidator(duration, json_schema_input_type=DurationText)]
Days = Annotated[float, BeforeValidator(days, json_schema_input_type=DurationText)]
Seconds = Annotated[float, BeforeValidator(seconds, json_schema_input_type=float | DurationText)]
Size = Annotated[int, BeforeValidator(size, json_schema_input_type=int | Annotated[str, Field(pattern=SIZE)])]
Off = Literal["off", False]  # False is what `off` is to older YAML


def is_off(raw: object) -> bool:
    """Return whether `off` was written."""
    return raw is False or raw == "off"


def off_as_none(raw: object) -> object:
    """`off` is None: not wanted."""
    return None if is_off(raw) else raw


def validate(model: type[Model], raw: object, document: Document, path: KeyPath) -> Model | None:
    """`raw`, found at `path`, as a `model`; None if it is none, with every fault reported to the document."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        for fault in _without_consequences(error.errors(include_url=False), model):
            steps = fault["loc"][:-1] if fault["loc"][-1:] == ("[key]",) else fault["loc"]
            document.report((*path, *steps), _message(fault, model))
    return None


def keyed(example: str) -> Callable[[object], object]:
    """Accepts keys and values, or what was read from them; for anything else the example says more than "a mapping"."""

    def check(raw: object) -> object:
        if not isinstance(raw, Mapping | BaseModel):
            raise ValueError(f"expected {example}")  # noqa: TRY004 - pydantic reports these alone
        return raw

    return check


@dataclass(frozen=True, slots=True, eq=False)
class _Shown(AfterValidator):
    """A check that a JSON Schema can express, and how."""

    func: Callable[[str], str]
    schema: Mapping[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), **self.schema}


def known_name(names: Iterable[str], noun: str) -> AfterValidator:
    """Accepts one of `names` in any case of letters, and gives it in ours."""
    spellings = {name.casefold(): name for name in names}

    def check(raw: str) -> str:
        if raw.casefold() not in spellings:
            raise ValueError(f"unknown {noun}; {suggest(raw, spellings.values())}")
        return spellings[raw.casefold()]

    ours = list(spellings.values())  # what editors offer; they accept the other spellings by the pattern
    other_spellings = {"type": "string", "pattern": f"^(?:{'|'.join(any_case(name) for name in ours)})$"}
    return _Shown(check, {"anyOf": [{"enum": ours}, other_spellings]})


def spelled(pattern: str, expected: str) -> AfterValidator:
    """Accepts text that `pattern` matches whole."""
    compiled = re.compile(pattern, re.ASCII)

    def check(raw: str) -> str:
        if not compiled.fullmatch(raw):
            raise ValueError(f"expected {expected}")
        return raw

    return _Shown(check, {"pattern": f"^(?:{pattern})$"})


NAME = r"[A-Za-z0-9][\w.-]{0,63}"
Name = Annotated[str, spelled(NAME, "a name of letters, digits, - _ and .")]
Url = Annotated[str, spelled(r"(https?://[^\s/?#]+[^\s?#]*)?", "an address such as https://relay.example.com")]


def spellings(model: type[BaseModel]) -> dict[str, list[str]]:
    """Return the spellings of each field of a section: the documentation's first."""
    return {name: _spellings(name, field) for name, field in model.model_fields.items()}


def _without_consequences(faults: Iterable[ErrorDetails], model: type[BaseModel]) -> Iterator[ErrorDetails]:
    """All but the missing keys that an unknown one beside them was probably meant for: that is one mistake."""
    faults = list(faults)
    intended = {
        (*here, nearest(str(key), [first for first, *_ in spellings(_section(model, here)).values()]))
        for here, key in (
            (fault["loc"][:-1], fault["loc"][-1]) for fault in faults if fault["type"] == "extra_forbidden"
        )
    }
    return (fault for fault in faults if fault["type"] != "missing" or fault["loc"] not in intended)


def _message(fault: ErrorDetails, model: type[BaseModel]) -> str:
    if fault["type"] == "extra_forbidden":
        key, section = str(fault["loc"][-1]), _section(model, fault["loc"][:-1])
        if instead := getattr(section, "retired", {}).get(key):
            return str(instead)
        keys = [*spellings(section).values()]
        same = next((names for names in keys if key in names), None)
        if same:
            return f"the same as {same[0]}; write it once"
        return f"unknown key; {suggest(key, [first for first, *_ in keys])}"
    if fault["type"] == "literal_error" and isinstance(fault["input"], str):
        return suggest(fault["input"], re.findall("'([^']*)'", fault["ctx"]["expected"]))
    template = EXPECTED.get(fault["type"])
    limits = {name: _limit(value, fault["input"]) for name, value in fault.get("ctx", {}).items()}
    return template.format(**limits) if template else fault["msg"][:1].lower() + fault["msg"][1:]


def _limit(limit: object, written: object) -> object:
    """Return a number as the file writes the value: `1d` beside `90s`, `64MiB` beside `1kB`, and 5 instead of 5.0."""
    if not isinstance(limit, float | int) or isinstance(limit, bool):
        return limit
    for read, spell in ((duration, spoken), (size, spoken_size)):
        if limit and isinstance(written, str) and re.match(r"[\d.]+\s?[A-Za-z]", written):
            with contextlib.suppress(ValueError):
                read(written)
                return spell(limit)
    return f"{limit:.12g}"


def _spellings(name: str, field: FieldInfo) -> list[str]:
    """Return the spellings of a field: the documentation's first."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    if not isinstance(alias, str):
        return [name]
    return [alias, name] if field.alias_priority == 2 else [name, alias]  # 1: made from the name, not chosen for it


def _section(annotation: Any, steps: tuple[str | int, ...]) -> type[BaseModel]:
    """Return the model `steps` below this annotation, and one without fields where there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not steps:
            return annotation
        for name, field in annotation.model_fields.items():
            if steps[0] in _spellings(name, field):
                return _section(field.annotation, steps[1:])
        return BaseModel
    steps = steps[1:] if get_origin(annotation) in (dict, list, tuple) else steps
    sections = (_section(argument, steps) for argument in get_args(annotation))
    return next((section for section in sections if section is not BaseModel), BaseModel)
