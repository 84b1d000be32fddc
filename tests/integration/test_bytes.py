# SPDX-License-Identifier: Apache-2.0
"""Byte for byte: what is in the value is in the file, and nothing else."""

import json
import os

import pytest

VALUES = {
    "one byte": "x",
    "no newline added": "no newline",
    "newlines kept": "\n\ntwo before, one after\n",
    "CRLF": "first\r\nsecond\r\n",
    "tabs and spaces": " \t leading and trailing \t ",
    "UTF-8": "pässwörd 密码 \U0001f511 e\u0301",
    "controls": "".join(map(chr, range(1, 32))) + "\x7f",
    "largest text": "0123456789abcdef" * 4096,
    "largest in UTF-8": "é" * 32768,
    "NUL in text": "a\0b",
    "binary": bytes(range(256)),
    "largest binary": bytes(range(256)) * 256,
    "binary that is JSON": b'{"never": "looked into"}',
    "binary of one byte": b"\0",
    "text that looks like base64": "AAEC",
}


@pytest.mark.parametrize("name", VALUES)
def test_values(fake, show, fs, name):
    value = VALUES[name]
    expected = value if isinstance(value, bytes) else value.encode()
    fake.put("s", value)
    mounted = show(fake)
    for path in ("s/value", "s/.raw"):
        assert fs.read(mounted / path) == expected
        assert fs.stat(os.path.realpath(mounted / path))["st_size"] == len(expected)
    assert fs.list(mounted / "s") == [".raw", "value"]


SCALARS = {  # JSON text: bytes of the file
    "0": b"0", "-0": b"-0", "1.50": b"1.50", "1E+2": b"1E+2", "1e400": b"1e400", "-1.0e-7": b"-1.0e-7",
    "123456789012345678901234567890": b"123456789012345678901234567890",
    "18446744073709551616": b"18446744073709551616", "0.1000000000000000055511151231257827": None,
    "true": b"true", "false": b"false", "null": b"null",
    "[ 1,\n 2.0 ,\"]\" ]": b"[ 1,\n 2.0 ,\"]\" ]", "[]": b"[]",
    '""': b"", '"text"': b"text", '"true"': b"true", '"\\u00e9\\ud83d\\udd11"': "é\U0001f511".encode(),
    '"\\"\\\\\\/\\b\\f\\n\\r\\t"': b'"\\/\b\f\n\r\t', '"\\u0000"': b"\0", '"é"': "é".encode(), '"a\\r\\n"': b"a\r\n",
}


@pytest.fixture(params=["fake", "local"])
def scalars(request, fake, show):
    text = "{" + ",".join(f' "k{index}" :\t{value} ' for index, value in enumerate(SCALARS)) + "\n}"
    fake.put("s", text)
    return text, show(fake if request.param == "fake" else f'{{"s": {text}}}')


def test_json_values(scalars, fs):
    text, mounted = scalars
    found = {value: fs.read(mounted / f"s/k{index}") for index, value in enumerate(SCALARS)}
    assert found == {value: value.encode() if expected is None else expected for value, expected in SCALARS.items()}
    assert fs.read(mounted / "s/.raw") == text.encode()


def test_largest_value_in_one_key(fake, show, fs):
    text = "x" * (65536 - len('{"k":""}'))
    fake.put("s", json.dumps({"k": text}, separators=(",", ":")))
    assert fs.read(show(fake) / "s/k") == text.encode()


def test_nested_text_stands_as_it_was(fake, show, fs):
    inner = '{ "b" :1.0,\n\t"c":{"d" : [ ] } }'
    fake.put("s", f'{{"a":{inner}, "z": 1}}')
    mounted = show(fake)
    assert fs.read(mounted / "s/a/.raw") == inner.encode()
    assert fs.read(mounted / "s/a/c/.raw") == b'{"d" : [ ] }'
    assert fs.read(mounted / "s/a/c/d") == b"[ ]"


def test_last_of_duplicate_keys_wins(fake, show, fs):
    fake.put("s", '{"k": "first one", "other": 1, "k": {"now": "a directory"}, "k": "the last one"}')
    mounted = show(fake)
    assert fs.read(mounted / "s/k") == b"the last one"
    assert fs.list(mounted / "s") == [".raw", "k", "other"]


def test_reads_at_offsets(fake, show, fs):
    value = bytes(range(256)) * 256
    fake.put("s", value)
    path = show(fake) / "s/value"
    descriptor = fs.call("open", path, 0)
    try:
        for offset, size in ((0, 1), (65535, 10), (65536, 10), (100000, 1), (4095, 2), (5000, 60000)):
            read = fs.call("pread", descriptor, size, offset).encode("latin-1")
            assert read == value[offset:offset + size]
    finally:
        fs.call("close", descriptor)
