"""Where a text is cut in every script, also while it is still being written."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.speech.sentences import LONG, split

ENDS = "。！？｡।॥؟۔։።፧။៕។⁇⁈⁉‼︒"


@pytest.mark.parametrize("end", ENDS)
def test_a_sentence_end_of_any_script_needs_no_space_behind(end: str) -> None:
    assert split(f"Ж{end}Б") == [f"Ж{end}", "Б"]
    assert split(f"Ж{end} Б") == [f"Ж{end} ", "Б"]


@pytest.mark.parametrize("end", ENDS)
def test_the_first_sentence_of_any_script_sounds_before_the_second_is_written(end: str) -> None:
    assert split(f"Ж{end}") == [f"Ж{end}", ""]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("こんにちは。お元気ですか？はい", ["こんにちは。", "お元気ですか？", "はい"]),
        ("नमस्ते। आप कैसे हैं?", ["नमस्ते। ", "आप कैसे हैं?"]),
        ("كيف حالك؟ بخير", ["كيف حالك؟ ", "بخير"]),
        ("「はい。」と言った。", ["「はい。」", "と言った。", ""]),
        ("『ええ！？』まさか。", ["『ええ！？』", "まさか。", ""]),
        ("你好!我是小王", ["你好!", "我是小王"]),
        ("Yahoo!ニュース", ["Yahoo!ニュース"]),
        ("我……我不知道。好", ["我……", "我不知道。", "好"]),
        ("„Ja.“ Er ging", ["„Ja.“ ", "Er ging"]),
        ("»Ja.« Er ging", ["»Ja.« ", "Er ging"]),
        ("« Oui. » Il part", ["« Oui. » ", "Il part"]),
        ("“Really?” he said", ["“Really?” ", "he said"]),
        ("Really⁈ Yes", ["Really⁈ ", "Yes"]),
        ("Τι είναι; Τίποτα", ["Τι είναι; ", "Τίποτα"]),
        ("tea; coffee", ["tea; coffee"]),
        ("It costs 3.50 now", ["It costs 3.50 now"]),
        ("３．５０円です", ["３．５０円です"]),
        ("価格は3.50です。次", ["価格は3.50です。", "次"]),
        ("สวัสดีครับ ผมชื่อสมชาย", ["สวัสดีครับ ", "ผมชื่อสมชาย"]),
        ("ราคา 50 บาท", ["ราคา 50 บาท"]),
        ("เด็ก ๆ", ["เด็ก ๆ"]),
        ("ສະບາຍດີ ຂ້ອຍຊື່", ["ສະບາຍດີ ", "ຂ້ອຍຊື່"]),
        ("ሰላም። ደህና", ["ሰላም። ", "ደህና"]),
        ("。次", ["。次"]),
        ("Hm. ...", ["Hm. ", "..."]),
    ],
)
def test_a_text_is_cut_behind_its_sentences(text: str, parts: list[str]) -> None:
    assert split(text) == parts


def test_a_quotation_that_is_open_waits_for_its_closing_bracket() -> None:
    assert split("「はい。") == ["「はい。"]
    assert split("「はい。」") == ["「はい。」", ""]


def test_the_signs_of_one_end_that_come_one_by_one_are_never_said_alone() -> None:
    assert split("！次の文。") == ["！次の文。", ""]


@pytest.mark.parametrize("text", ["語" * 1000, "語語語、" * 200, "ที่นี่" * 200, "की" * 400])
def test_a_sentence_without_end_is_cut_where_one_breathes_and_in_no_syllable(text: str) -> None:
    parts = split(text)
    assert "".join(parts) == text
    assert max(map(len, parts)) <= LONG
    assert not any(unicodedata.category(part[0]).startswith("M") for part in parts)
    if "、" in text:
        assert all(part.endswith("、") for part in parts[:-1])


@given(st.text(alphabet="aЖ字か क। .!?。！？」』\"'»« \n3ก่", max_size=60), st.data())
def test_pieces_as_they_come_say_all_of_the_text(text: str, data: st.DataObject) -> None:
    said, rest, left = "", "", text
    while left:
        size = data.draw(st.integers(1, len(left)))
        *whole, rest = split(rest + left[:size])
        left = left[size:]
        said += "".join(whole)
    said += rest
    assert "".join(said.split()) == "".join(text.split())
