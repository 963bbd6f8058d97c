"""The ids of calls: an agent may keep the calls of its model under ids of its own, as long as calls and results agree.

Some do so since another provider of theirs wants ids of a certain form, or since a history is made again from a store.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from matrix.lab.model.protocols.base import ModelRequest
from matrix.lab.records import ReplyCall


def under_our_ids(request: ModelRequest, made: Sequence[ReplyCall]) -> ModelRequest:
    """Return the request with the model's own ids in place of the agent's.

    A call is known by name and arguments; where these were changed, or several are alike, the order decides. One that
    the model did not make keeps its id.
    """
    ours = {each.call_id for each in made}
    strange = [each for each in request.asked if each.call_id not in ours]
    if not strange:
        return request
    present = {each.call_id for each in request.asked}
    waiting = [each for each in made if each.call_id not in present]
    ids: dict[str, str] = {}
    for each in strange:
        named = [one for one in waiting if one.name == each.name]
        same = next((one for one in named if _content(one) == _content(each)), next(iter(named), None))
        if same is not None and each.call_id not in ids:
            waiting.remove(same)
            ids[each.call_id] = same.call_id
    return replace(
        request,
        asked=tuple(replace(each, call_id=ids.get(each.call_id, each.call_id)) for each in request.asked),
        results=tuple(replace(each, call_id=ids.get(each.call_id, each.call_id)) for each in request.results),
    )


def _content(call: ReplyCall) -> str:
    return json.dumps(dict(call.arguments), sort_keys=True)
