"""TOML files: read, and checked against a model; what is wrong is told with the file, the place and the mend."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from matrix.errors import ConfigurationError, nearest_names

Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file in UTF-8, with a byte order mark or without. Raises ConfigurationError, with the line."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text)
    except OSError as problem:
        raise ConfigurationError(path, None, f"cannot be read: {problem.strerror or problem}") from problem
    except UnicodeDecodeError as problem:
        raise ConfigurationError(path, None, "is no UTF-8 text; save it as UTF-8") from problem
    except RecursionError as problem:
        raise ConfigurationError(path, None, "nests too deeply to be read") from problem
    except ValueError as problem:  # also what tomllib does not wrap, such as a number of 5,000 digits
        what = str(problem)
        line = re.search(r"\(at line (\d+)", what)
        raise ConfigurationError(path, int(line[1]) if line else None, f"is no valid TOML: {what}") from problem


def checked(model: type[Model], document: Mapping[str, Any], path: Path | str) -> Model:
    """Return what a file says as its model has it. Raises ConfigurationError, with the key and what is near to it."""
    try:
        return model.model_validate(document)
    except ValidationError as problem:
        key, what = first_fault(model, problem)
        raise ConfigurationError(path, key or None, what) from problem


def first_fault(model: type[BaseModel], error: ValidationError) -> tuple[str, str]:
    """Return the key of the first fault, empty for the whole, and what is wrong with it."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = first["loc"]
    key = ".".join(str(part) for part in where)
    if first["type"] == "extra_forbidden":
        return key, unknown_key(str(where[-1]), tuple(_keys(model, where[:-1])))
    return key, first["msg"].removeprefix("Value error, ")


def unknown_key(key: str, known: Sequence[str]) -> str:
    """Say that a key is none of those that its table may have: the nearest, or all of them."""
    near = nearest_names(key, known)
    return (
        f"unknown key (the nearest is {near[0]!r})" if near else f"unknown key (known are {', '.join(sorted(known))})"
    )


def _keys(model: type[BaseModel], where: Sequence[int | str]) -> Iterator[str]:
    """Yield the keys that the table at a place of a model may have."""
    found: list[object] = [model]
    for part in where:
        found = [below for each in found for below in _below(each, part)]
    for each in (member for annotation in found for member in _members(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            yield from (field.alias or name for name, field in each.model_fields.items())


def _below(annotation: object, part: int | str) -> Iterator[object]:
    for each in _members(annotation):
        if isinstance(each, type) and issubclass(each, BaseModel):
            yield from (
                field.annotation for name, field in each.model_fields.items() if part in {field.alias or name, name}
            )
        elif arguments := get_args(each):  # of a table the values, of a list what it holds
            yield arguments[-1] if get_origin(each) is dict else arguments[0]


def _members(annotation: object) -> Iterator[object]:
    """Yield what a type is made of, without `Annotated`, `None` and unions."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin in {Union, UnionType}:
        for each in get_args(annotation):
            yield from _members(each)
    elif annotation is not type(None):
        yield annotation
