"""Server-sent events are read however their bytes are cut, and passed on as they came."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matrix.lab.servers.sse_events import EventReader
from matrix.lab.servers.tool_filter import WireFilter
from matrix.tool_filter import ToolFilter

STREAM = (
    b"\xef\xbb\xbf: hello\r\n\r\n"
    b"event: message\nid: 7\ndata: one\ndata:two\n\n"
    b"data: three\r\r"
    b"data\rretry: 5\r\r\n"
    b"other: x\n\xef\xbb\xbfdata: no data\n\n"
    b"data: \xc3\xa9 \xe2\x80\xa8 \xff\r\n\r\n"
    b"data: cut off\n"
)
DATA = ["", "one\ntwo", "three", "", "", "é \u2028 \ufffd"]


def read(stream, cuts):
    """Read a stream that is cut at these places."""
    reader = EventReader()
    ends = [*sorted(cuts), len(stream)]
    return [event for start, end in zip([0, *ends], ends, strict=False) for event in reader.feed(stream[start:end])]


def test_events_are_told_apart_by_blank_lines_whatever_the_line_ends():
    assert [event.data for event in read(STREAM, [])] == DATA


@settings(derandomize=True, deadline=None)
@given(st.sets(st.integers(0, len(STREAM))))
def test_a_stream_is_read_and_passed_on_the_same_however_it_is_cut(cuts):
    events = read(STREAM, cuts)
    assert [event.data for event in events if event.data] == [data for data in DATA if data]
    assert b"".join(event.raw for event in events) == STREAM.removesuffix(b"data: cut off\n")


PIECES = st.sampled_from([b"data: a", b"data:b", b": c", b"id: 1", b"\r", b"\n", b"\r\n", b"\xef\xbb\xbf", b"x"])


@settings(derandomize=True, deadline=None)
@given(st.lists(PIECES, max_size=20).map(b"".join), st.data())
def test_any_stream_reads_the_same_in_pieces_as_whole(stream, data):
    cuts = data.draw(st.sets(st.integers(0, len(stream))))
    whole, pieces = read(stream, []), read(stream, cuts)
    assert [event.data for event in pieces if event.data] == [event.data for event in whole if event.data]
    assert b"".join(event.raw for event in pieces) == b"".join(event.raw for event in whole)
    assert stream.startswith(b"".join(event.raw for event in whole))


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_an_event_is_whole_at_its_blank_line_whatever_comes_after(end):
    reader = EventReader()
    assert [event.data for event in reader.feed(b"data: x" + end + end)] == ["x"]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("cuts", [range(0), range(200)])
def test_an_event_is_filtered_with_its_other_lines_and_line_ends_kept(end, cuts):
    listed = {"id": 1, "result": {"tools": [{"name": "add"}, {"name": "drop"}]}}
    first, second = json.dumps(listed, indent=0).split("\n", 1)
    lines = [b"id: 3", b"data: " + first.encode(), b"event: message"]
    lines += [b"data: " + line.encode() for line in second.split("\n")]
    stream = end.join([*lines, b"", b"data: {}", b"", b""])
    tools = WireFilter(ToolFilter(exclude=("drop",)))
    kept = json.dumps({"id": 1, "result": {"tools": [{"name": "add"}]}}).encode()
    sent = b"".join(tools.admit_event(event) for event in read(stream, [cut for cut in cuts if cut < len(stream)]))
    assert sent == end.join([b"id: 3", b"data: " + kept, b"event: message", b"", b"data: {}", b"", b""])
