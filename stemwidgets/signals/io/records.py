"""Frozen records from JSON: each field has its declared type."""

import sys
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def from_json_values(kind: type[T], record: Any) -> T:
    """Build a dataclass of plain values, tuples and other such dataclasses from its fields.

    A TypeError if a field is lacking, unknown or of another type.
    """
    if not isinstance(record, dict):
        raise TypeError(f"expected the fields of a {kind.__name__}, got {_short(record)}")
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for name in record:
        if name not in known:
            raise TypeError(f"a {kind.__name__} has no {_short(name)}")
    for name, field in known.items():
        needed = field.default is MISSING and field.default_factory is MISSING
        if needed and name not in record:
            raise TypeError(f"a {kind.__name__} needs its {name}")
    return kind(**{name: _value(hints[name], value, name) for name, value in record.items()})


def _value(kind: Any, value: Any, name: str) -> Any:
    if get_origin(kind) in (Union, UnionType):
        (other,) = (part for part in get_args(kind) if part is not type(None))
        return None if value is None else _value(other, value, name)
    if is_dataclass(kind):
        return from_json_values(kind, value)  # type: ignore[arg-type]
    if get_origin(kind) is tuple and isinstance(value, (list, tuple)):
        kinds = get_args(kind)
        kinds = kinds[:1] * len(value) if kinds[-1] is Ellipsis else kinds
        if len(kinds) == len(value):
            return tuple(_value(*pair, name) for pair in zip(kinds, value, strict=True))
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is float and number and abs(value) <= sys.float_info.max:
        return float(value)
    if kind is float and isinstance(value, float):  # not finite
        return value
    if kind in (int, bool, str) and type(value) is kind:
        return value
    raise TypeError(f"{name} is no {getattr(kind, '__name__', kind)}: {_short(value)}")


def _short(value: Any) -> str:
    return repr(value)[:60]
