"""Exact comparison, pure: JSON values with their types, and texts as a model was shown them.

7 is not 7.0, false is not 0, -0.0 is not 0.0, and what is missing is not null: Python's `==` knows none of these.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from matrix.json_access import mapping, sequence
from matrix.symptom import Symptom

_CUT = 60
_MOST_DOCUMENTS = 50
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_DOCUMENT = re.compile(r'[\[{"]')
_FIELD_OF_A_DUMP = re.compile(r"\btext\s?[=:]\s?['\"]?$", re.IGNORECASE)


def differences(sent: Any, arrived: Any, place: str = "") -> list[str]:
    """Say what is different in a JSON value that arrived, a phrase for each place, in the order of what was sent.

    A phrase is like "`integer` arrived as 7.0, not 7", "`items[2]` is missing" or "`extra` was added: null".
    """
    if isinstance(sent, Mapping) and isinstance(arrived, Mapping):
        return _of_objects(mapping(sent), mapping(arrived), place)
    if isinstance(sent, list | tuple) and isinstance(arrived, list | tuple):
        return _of_arrays(sent, arrived, place)
    if canonical(sent) == canonical(arrived):
        return []
    if isinstance(sent, str) and isinstance(arrived, str):
        return [f"{_named(place)} arrived {text_change(sent, arrived)}"]
    return [f"{_named(place)} arrived as {brief(arrived)}, not {brief(sent)}"]


def canonical(value: Any) -> str:
    """Return JSON that two values have in common only where they are the same, types included."""
    return json.dumps(value, sort_keys=True)


def symptom_of(sent: Any, arrived: Any) -> Symptom | None:
    """Return what is wrong with a value that arrived, where it is one thing alone that shows in other questions too."""
    if canonical(_without_numbers(sent)) == canonical(_without_numbers(arrived)):
        return Symptom.NUMBERS
    return Symptom.ADDED_ARGUMENTS if canonical(_kept(sent, arrived)) == canonical(sent) else None


def text_change(sent: str, arrived: str) -> str:
    """Say how a text was changed, in words that follow "arrived" or "was shown"; the two are not the same."""
    start, end = _common_ends(sent, arrived)
    gone, came = sent[start : len(sent) - end], arrived[start : len(arrived) - end]
    if _squeezed(sent) == _squeezed(arrived) and (gone + came).strip():
        return "with its white space changed"
    where = "at its beginning" if start == 0 else "at its end" if end == 0 else f"after {start} characters"
    if not gone:
        return f"with {brief(came)} added {where}"
    if not came:
        return f"without {brief(gone)} {where}"
    return f"with {brief(came)} in place of {brief(gone)} {where}"


def misshown(result: str, text: str) -> str | None:
    """Say what is wrong with how a model was shown a text; None where it was shown exactly that.

    It may stand there plain or as a string of a JSON document, once, in whatever the agent puts around its results;
    but not in the dump of a library's object, as in `type='text' text='…'`.
    """
    places = [*_plain(result, text), *_in_json(result, text)]
    if len(places) > 1:
        return f"the model was shown the text {len(places)} times"
    if len(places) == 1 and not _FIELD_OF_A_DUMP.search(result[: places[0]]):
        return None
    for form in dict.fromkeys([text, repr(text)[1:-1], *_escaped(text)]):
        if form in result and form != result:
            return f"the model was shown {_cut(result.replace(form, '…'))} instead of the text"
    if _squeezed(text) and _squeezed(text) in _squeezed(result):
        return f"the model was shown the text {_white_space(text, result)}"
    if (alike := _alike(text, result)) is not None:
        return f"the model was shown the text {text_change(text, alike)}"
    return f"the model was shown {brief(result)} instead of the text"


def _alike(text: str, result: str) -> str | None:
    """Return the result, or a string of its JSON, where that is the text for the most part."""
    candidates = [result, *(each for _, each in strings_in(result))]
    return next((each for each in candidates if 2 * sum(_common_ends(text, each)) > len(text)), None)


def _common_ends(one: str, two: str) -> tuple[int, int]:
    """Return how many characters two texts have in common at their beginnings, and at their ends."""
    shorter = min(len(one), len(two))
    start = next((at for at, (left, right) in enumerate(zip(one, two, strict=False)) if left != right), shorter)
    end = 0
    while end < shorter - start and one[-1 - end] == two[-1 - end]:
        end += 1
    return start, end


def strings_in(result: str) -> list[tuple[int, str]]:
    """Return every string of the JSON documents within a text, each with the place where its document begins."""
    found: list[tuple[int, str]] = []
    at, decoder = 0, json.JSONDecoder()
    for _ in range(_MOST_DOCUMENTS):
        opening = _DOCUMENT.search(result, at)
        if opening is None:
            break
        try:
            document, at = decoder.raw_decode(result, opening.start())
        except (ValueError, RecursionError):
            at = opening.end()
            continue
        found += [(opening.start(), each) for each in _strings(document)]
    return found


def brief(value: Any) -> str:
    """Return a value as JSON, cut, everything beyond ASCII escaped: characters that differ may look alike."""
    return _cut(json.dumps(value))


def _of_objects(sent: Mapping[str, Any], arrived: Mapping[str, Any], place: str) -> list[str]:
    found: list[str] = []
    for key, value in sent.items():
        inner = f"{place}.{key}" if place else key
        found += differences(value, arrived[key], inner) if key in arrived else [f"`{inner}` is missing"]
    added = [key for key in arrived if key not in sent]
    return found + [f"`{place}.{key}`".replace("`.", "`") + f" was added: {brief(arrived[key])}" for key in added]


def _of_arrays(sent: Any, arrived: Any, place: str) -> list[str]:
    before, after = sequence(sent), sequence(arrived)
    pairs = enumerate(zip(before, after, strict=False))
    found = [phrase for at, (one, two) in pairs for phrase in differences(one, two, f"{place}[{at}]")]
    if len(before) != len(after):
        found.insert(0, f"{_named(place)} arrived with {len(after)} items, not {len(before)}")
    return found


def _without_numbers(value: Any) -> Any:
    """Return a value whose numbers, and the texts that stand for one, are all the same."""
    if isinstance(value, Mapping):
        return {key: _without_numbers(each) for key, each in mapping(value).items()}
    if isinstance(value, list | tuple):
        return [_without_numbers(each) for each in sequence(value)]
    return "a number" if not isinstance(value, bool) and _is_number(value) else value


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return isinstance(value, int | float)


def _kept(sent: Any, arrived: Any) -> Any:
    """Return what arrived without the members that were not sent, at any depth."""
    if isinstance(sent, Mapping) and isinstance(arrived, Mapping):
        before, after = mapping(sent), mapping(arrived)
        return {key: _kept(before[key], each) for key, each in after.items() if key in before}
    if isinstance(sent, list | tuple) and isinstance(arrived, list | tuple):
        before, after = sequence(sent), sequence(arrived)
        if len(before) == len(after):
            return [_kept(one, two) for one, two in zip(before, after, strict=True)]
    return cast("Any", arrived)


def _plain(result: str, text: str) -> Iterator[int]:
    at = result.find(text) if text else -1
    while at >= 0:
        yield at
        at = result.find(text, at + len(text))


def _in_json(result: str, text: str) -> Iterator[int]:
    """Yield where the text stands as a string of a document, and is not found plain there."""
    if text not in result:
        yield from (at for at, each in strings_in(result) if each == text)


def _strings(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if depth < 3 and value[:1] in {"{", "["}:
            yield from (each for _, each in strings_in(value))
    elif isinstance(value, Mapping):
        for each in mapping(value).values():
            yield from _strings(each, depth + 1)
    elif isinstance(value, list):
        for each in sequence(value):
            yield from _strings(each, depth + 1)


def _escaped(text: str) -> tuple[str, str]:
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]


def _white_space(text: str, result: str) -> str:
    """Say what became of the text's white space, where nothing else was changed."""
    return text_change(text, result) if _squeezed(text) == _squeezed(result) else "with its white space changed"


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _named(place: str) -> str:
    return f"`{place}`" if place else "the value"


def _cut(text: str) -> str:
    return text if len(text) <= _CUT else f"{text[:_CUT]}…"
