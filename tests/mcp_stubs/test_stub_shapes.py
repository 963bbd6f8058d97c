"""The stubs whose point is a shape: of arguments, schemas, names, results, and lists of tools."""

import base64
import json
import re

import jsonschema
import pytest

from mcp_stubs import arguments, awkward, content, recursive, schemas

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("mode", ["legacy", "auto"])]


async def all_pages(client):
    """Return the names on each page."""
    pages, cursor = [], None
    while True:
        page = await client.list_tools(cursor=cursor)
        pages.append([tool.name for tool in page.tools])
        cursor = page.next_cursor
        if cursor is None:
            return pages


async def test_echo_returns_the_text_exactly(connect, said, mode):
    async with connect("echo", mode=mode) as client:
        for text in ("", " a\nb\t", content.UNICODE_TEXT):
            assert said(await client.call_tool("echo", {"text": text})) == text


async def test_record_returns_what_arrived_with_omitted_and_null_told_apart(connect, said, mode):
    async with connect("arguments", mode=mode) as client:
        sent = {
            "text": "t",
            "number": 1e308,
            "integer": 2**53 + 1,
            "flag": False,
            "items": ["b", "a"],
            "nested": {"name": "n", "inner": {"rows": [[1, None], []]}},
            "nullable": None,
        }
        assert said(await client.call_tool("record", sent)) == json.dumps(sent, sort_keys=True)
        assert said(await client.call_tool("record", {"text": "only"})) == '{"text": "only"}'
        assert said(await client.call_tool("record", {"text": "", "number": -0.0})) == ('{"number": -0.0, "text": ""}')


async def test_record_has_every_json_type_and_requires_only_text(connect, mode):
    async with connect("arguments", mode=mode) as client:
        (tool,) = (await client.list_tools()).tools
        assert tool.input_schema == arguments.SCHEMA
        assert tool.input_schema["required"] == ["text"]
        types = {value.get("type") for value in tool.input_schema["properties"].values()}
        assert types >= {"string", "number", "integer", "boolean", "array", "object"}


async def test_every_schema_arrives_as_written_and_is_valid(connect, mode):
    async with connect("schemas", mode=mode) as client:
        listed = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
    assert listed == schemas.SCHEMAS
    for schema in listed.values():
        jsonschema.Draft202012Validator.check_schema(schema)


async def test_every_shape_accepts_a_call_that_its_schema_allows(connect, said, mode):
    address = {"street": "Rue 1", "country": {"code": "FR"}}
    calls = {
        "refs": {"home": address, "work": address},
        "nullable": {"any_of": None, "type_list": "x"},
        "enum_items": {"colour": "red", "sizes": [1], "finishes": ["matt"]},
        "empty": {},
        "extra_keywords": {"city": "Paris"},
        "odd_shapes": {"anything": [1, {}], "properties": "p"},
        "constraints": {"code": "ABC-12", "day": "2026-01-31"},
    }
    assert set(calls) == set(schemas.SCHEMAS)
    async with connect("schemas", mode=mode) as client:
        for name, sent in calls.items():
            jsonschema.validate(sent, schemas.SCHEMAS[name])
            assert said(await client.call_tool(name, sent)) == f"ok {json.dumps(sent, sort_keys=True)}"


async def test_the_recursive_schema_takes_a_tree(connect, said, mode):
    sent = {"tree": {"name": "root", "children": [{"name": "leaf"}, {"name": "branch", "children": []}]}}
    jsonschema.validate(sent, recursive.SCHEMA)
    async with connect("recursive", mode=mode) as client:
        assert (await client.list_tools()).tools[0].input_schema == recursive.SCHEMA
        assert json.loads(said(await client.call_tool("plant", sent)).removeprefix("ok ")) == sent


async def test_awkward_names_and_schemas_are_legal_in_the_protocol(connect, said, mode):
    async with connect("awkward", mode=mode) as client:
        tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
        assert set(tools) == {"files.read", awkward.LONG_NAME, "bare_array", "bare_object"}
        assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", name) for name in tools)
        assert len(awkward.LONG_NAME) == 100
        assert "items" not in tools["bare_array"]["properties"]["values"]
        assert tools["bare_object"] == {"type": "object"}
        assert said(await client.call_tool("bare_array", {"values": [1, "a"]})) == '{"values": [1, "a"]}'
        assert said(await client.call_tool("files.read", {"path": "/x"})) == '{"path": "/x"}'


async def test_each_kind_of_content_comes_as_that_kind(connect, mode):
    async with connect("content", mode=mode) as client:
        await client.list_tools()
        (image,) = (await client.call_tool("image", {})).content
        assert (image.type, image.mime_type) == ("image", "image/png")
        assert base64.b64decode(image.data) == content.png()
        (audio,) = (await client.call_tool("audio", {})).content
        assert (audio.type, audio.mime_type) == ("audio", "audio/wav")
        assert base64.b64decode(audio.data).startswith(b"RIFF")
        (link,) = (await client.call_tool("link", {})).content
        assert (link.type, link.uri) == ("resource_link", content.LINK_URI)
        (embedded,) = (await client.call_tool("embedded", {})).content
        assert (embedded.type, embedded.resource.text) == ("resource", content.EMBEDDED_TEXT)
        mixed = (await client.call_tool("mixed", {})).content
        assert [block.type for block in mixed] == ["text", "image", "text"]
        assert (mixed[0].text, mixed[2].text) == content.MIXED_TEXTS


async def test_structured_content_agrees_with_its_text_and_its_schema(connect, said, mode):
    async with connect("content", mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools["structured"].output_schema == content.OUTPUT_SCHEMA
        result = await client.call_tool("structured", {})
        assert result.structured_content == content.STRUCTURED
        assert json.loads(said(result)) == content.STRUCTURED


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 1000, 2**20])
async def test_a_large_text_has_exactly_the_size_asked_for(connect, said, mode, size):
    async with connect("content", mode=mode) as client:
        text = said(await client.call_tool("large", {"size": size}))
    assert len(text) == size
    if size >= 30:
        assert text.startswith("large-begin ")
        assert text.endswith(" large-end")


async def test_the_unicode_text_is_untouched(connect, said, mode):
    async with connect("content", mode=mode) as client:
        assert said(await client.call_tool("unicode", {})) == content.UNICODE_TEXT


async def test_twelve_tools_come_on_three_pages_of_four(connect, said, mode):
    async with connect("paginated", mode=mode) as client:
        pages = await all_pages(client)
        assert [len(page) for page in pages] == [4, 4, 4]
        assert [name for page in pages for name in page] == [f"page_tool_{n:02}" for n in range(1, 13)]
        assert said(await client.call_tool("page_tool_12", {"text": "last"})) == "last"


async def test_a_looping_list_repeats_its_page_and_its_cursor(connect, said, mode):
    async with connect("looping", mode=mode) as client:
        first = await client.list_tools()
        for _ in range(3):
            page = await client.list_tools(cursor=first.next_cursor)
            assert (page.tools, page.next_cursor) == (first.tools, "again")
        assert said(await client.call_tool("echo", {"text": "still"})) == "still"


async def test_many_has_a_hundred_and_fifty_tools_on_one_page(connect, said, mode):
    async with connect("many", mode=mode) as client:
        (page,) = await all_pages(client)
        assert len(set(page)) == 150
        assert said(await client.call_tool("echo_150", {"text": "x"})) == "x"
