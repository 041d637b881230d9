"""Values as bytes: JSON with named fields and a version.

Defaults are left out. Fields that this release does not know stay attributes of the record, and are written back with
it.
"""

import dataclasses
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from types import GenericAlias
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json, to_jsonable_python
from typing_extensions import TypedDict

from relay.engine.state import Record
from relay.errors import Unreadable

VERSION = 1  # of the format that is written
READABLE = frozenset({1})
FORMAT, KIND = "v", "is"  # beside the fields of a value; no field is named so
CONFIG = ConfigDict(val_json_bytes="base64", arbitrary_types_allowed=False)
R = TypeVar("R", bound=Record)


class Layout:
    """Fields of a dataclass: what they are, and what they are where nothing is written."""

    def __init__(self, kind: type) -> None:
        hints = {name: _concrete(hint) for name, hint in get_type_hints(kind).items()}
        fields = dataclasses.fields(kind)
        make_dict: Any = TypedDict  # mypy knows it with literals only
        shape = make_dict(kind.__name__, {item.name: hints[item.name] for item in fields}, total=False)
        shape.__pydantic_config__ = CONFIG
        self._adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(shape)
        self._names = {item.name for item in fields} | {FORMAT, KIND}
        self.constants = {item.name: item.default for item in fields if item.default is not dataclasses.MISSING}
        self.made: dict[str, Callable[[], Any]] = {
            item.name: item.default_factory for item in fields if item.default_factory is not dataclasses.MISSING
        }
        defaults = self.constants | {name: make() for name, make in self.made.items()}
        self._defaults = [(item.name, defaults.get(item.name, dataclasses.MISSING)) for item in fields]

    def written(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return those of these values that are not what they would be anyway."""
        content = {
            name: value
            for name, default in self._defaults
            if (value := values[name]) is not default and value != default
        }
        if len(values) > len(self._defaults):
            content |= {name: value for name, value in values.items() if name not in self._names}
        return content

    def read(self, content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the known fields and the others, as they were written."""
        raw = from_json(content)
        if raw.get(FORMAT) not in READABLE:
            raise ValueError(f"it has format {raw.get(FORMAT)}")
        fields = self._adapter.validate_json(content)
        unknown = {name: value for name, value in raw.items() if name not in self._names}
        return fields, unknown


class Codec:
    """`kinds`: classes of what may be in the inbox and in kept answers."""

    def __init__(self, kinds: Iterable[type] = ()) -> None:
        self._kinds = {kind.__name__: kind for kind in kinds}
        self._layouts = {kind: Layout(kind) for kind in self._kinds.values()}

    def record(self, record: Record) -> bytes:
        content = {FORMAT: VERSION} | self._layout(type(record)).written(record.__dict__)
        del content["name"]  # it is the key's
        return _dumped(content)

    def read_record(self, kind: type[R], name: str, stored: bytes, key: str) -> R:
        layout = self._layout(kind)
        fields, unknown = self._read(layout, stored, key)
        record = object.__new__(kind)
        made = {name: make() for name, make in layout.made.items()}
        record.__dict__.update(unknown | layout.constants | made | fields | {"name": name})
        return record

    def dumped(self, value: Any) -> bytes:
        """Return an entry or an answer as bytes: of one of the kinds, or what JSON has."""
        content: dict[str, Any] = {FORMAT: VERSION}
        if type(value) in self._kinds.values():
            values = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
            content |= {KIND: type(value).__name__} | self._layout(type(value)).written(values)
        else:
            content["value"] = value
        return _dumped(content)

    def loaded(self, content: bytes, key: str) -> Any:
        try:
            raw = from_json(content)
            if KIND not in raw:
                return raw["value"]
            kind = self._kinds[raw[KIND]]
            return kind(**self._read(self._layout(kind), content, key)[0])
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable(key, type(error).__name__) from None

    def _read(self, layout: Layout, content: bytes, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
        try:
            return layout.read(content)
        except ValidationError as error:  # its text has values
            raise Unreadable(key, f"{error.error_count()} fields are not what they have to be") from None
        except (ValueError, AttributeError) as error:
            raise Unreadable(key, str(error)) from None

    def _layout(self, kind: type) -> Layout:
        if kind not in self._layouts:
            self._layouts[kind] = Layout(kind)
        return self._layouts[kind]


def _concrete(hint: Any) -> Any:
    """Return what a collection is read as, which pydantic leaves open."""
    origin, parts = get_origin(hint), tuple(map(_concrete, get_args(hint)))
    if origin is Collection:
        return GenericAlias(list, parts)
    return GenericAlias(origin, parts) if origin is Mapping else hint


def _dumped(content: dict[str, Any]) -> bytes:
    try:
        return to_json(content, bytes_mode="base64")
    except (PydanticSerializationError, UnicodeError):  # half a pair of surrogates, for instance
        plain = to_jsonable_python(content, bytes_mode="base64")
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
