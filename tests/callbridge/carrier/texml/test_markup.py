"""What a document may do to the carrier that reads it: nothing."""

import pytest

from callbridge.carrier.texml.markup import MAX_BYTES, MAX_DEPTH, BadDocument, parse

LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [
 <!ENTITY lol "lol">
 <!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
 <!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">
]>
<Response><Say>&lol3;</Say></Response>"""

OUTSIDE = b"""<!DOCTYPE r [<!ENTITY file SYSTEM "file:///etc/passwd">]>
<Response><Say>&file;</Say></Response>"""


@pytest.mark.parametrize("body", [LAUGHS, OUTSIDE, b"<!DOCTYPE Response><Response/>"])
def test_a_doctype_is_refused_before_anything_is_expanded(body: bytes) -> None:
    with pytest.raises(BadDocument, match="a DOCTYPE is not allowed"):
        parse(body)


def test_a_document_of_ten_megabytes_is_not_even_read() -> None:
    with pytest.raises(BadDocument, match="more than 65536 bytes"):
        parse(b"<Response>" + b"<Say>x</Say>" * 900_000 + b"</Response>")


def test_the_largest_document_is_read() -> None:
    frame = b"<Response><Say></Say></Response>"
    body = frame.replace(b"></Say>", b">" + b"x" * (MAX_BYTES - len(frame)) + b"</Say>")
    assert len(body) == MAX_BYTES
    assert len(parse(body).children[0].text) == MAX_BYTES - len(frame)


def test_elements_are_not_put_into_each_other_for_ever() -> None:
    deep = b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH
    assert parse(deep).tag == "a"
    with pytest.raises(BadDocument, match="more than 16 elements in each other"):
        parse(b"<a>" + deep + b"</a>")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"<Response>\n  <Say>hello\n</Response>", "line 3, column 3: mismatched tag"),
        (b"<Response>\n <Say>&nbsp;</Say></Response>", "line 2, column 7: undefined entity"),
        (b"<Response/>\n<Response/>", "line 2, column 1: junk after document element"),
        (b"", "line 1, column 1: no element found"),
        (b"no document", "line 1, column 1: syntax error"),
        (b"<Response>\xff</Response>", "line 1, column 11: not well-formed"),
        (b'<?xml version="1.0" encoding="klingon"?><Response/>', "unknown encoding: klingon"),
    ],
)
def test_what_is_no_xml_is_told_with_its_place(body: bytes, where: str) -> None:
    with pytest.raises(BadDocument, match=where):
        parse(body)


def test_text_and_attributes_are_unescaped() -> None:
    body = '<?xml version="1.0" encoding="UTF-8"?><Say voice="a&quot;b">ü &lt;<![CDATA[&]]></Say>'
    say = parse(body.encode())
    assert (say.attributes, say.text) == ({"voice": 'a"b'}, "ü <&")
