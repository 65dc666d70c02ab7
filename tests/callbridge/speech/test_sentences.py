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


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Smith is here",
        "Ask for Dr. Weiß, please",
        "J. Smith and J. R. R. Tolkien",
        "fruit, e.g. apples",
        "Obst, z. B. Äpfel",
        "at 5 p.m. on Monday",
        "Es spricht Hr. Maier mit Fr. Kunz",
        "(Mrs. Jones)",
    ],
)
def test_the_full_stop_of_something_shortened_ends_no_sentence(text: str) -> None:
    assert split(text) == [text]
    assert split(text[: text.index(".") + 2]) == [text[: text.index(".") + 2]]


@pytest.mark.parametrize(
    "text", ["So do I. ", "Right, no. ", "It was her mr... ", "Это я. ", "42. "]
)
def test_a_short_last_word_ends_one_all_the_same(text: str) -> None:
    assert split(f"{text}Then") == [text, "Then"]


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


# ---- the opening --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("I can do that, and", "I can do that, "),
        ("I can do that; and", "I can do that; "),
        ("This is what I know: it", "This is what I know: "),
        ("I can do that – and", "I can do that – "),
        ("I can do that - and", "I can do that - "),
        ("I can do that — and", "I can do that — "),
        ("I can do that—and", "I can do that—"),
        ("He said “I can do that,” and", "He said “I can do that,” "),
        ("Well, I can do that, and", "Well, I can do that, "),
        ("我可以帮您解决这个问题，但是", "我可以帮您解决这个问题，"),
        ("お問い合わせありがとうございます、ただ", "お問い合わせありがとうございます、"),
        ("苹果香蕉葡萄、还", "苹果香蕉葡萄、"),
        ("您需要的是以下这些：第", "您需要的是以下这些："),
        ("يمكنني أن أساعدك في هذا، ولكن", "يمكنني أن أساعدك في هذا، "),
        ("میں آپ کی مدد کر سکتا ہوں؛ لیکن", "میں آپ کی مدد کر سکتا ہوں؛ "),
        ("በዚህ ልረዳዎት እችላለሁ፣ ግን", "በዚህ ልረዳዎት እችላለሁ፣ "),
    ],
)
def test_an_opening_is_cut_behind_its_first_clause(text: str, clause: str) -> None:
    assert split(text, opening=True) == [clause, text.removeprefix(clause)]
    assert split(text) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "I can do that",
        "Well, I",  # too short to be said alone
        "Yes, of course",
        "That makes about 1,000 or so",
        "That makes about 1, 000",  # a number that is grouped
        "The train leaves at 10:30 or so",
        "It is open from 9 – 12",
        "Take the well-known way",
        "It takes place from Monday–Friday",
        "Take fruit, i.e., apples",
        "He works for Foo Inc., as",
        "I can do that,",  # perhaps a number comes
        "合計で１，０００円",
        "会议定在今天下午的10：30开始",
        "对，我",
    ],
)
def test_an_opening_without_a_clause_goes_on(text: str) -> None:
    assert split(text, opening=True) == [text]


def test_an_opening_that_has_a_sentence_is_cut_behind_the_sentence() -> None:
    text = "I can do that, and more. Then I"
    assert split(text, opening=True) == split(text)


@given(st.text(alphabet="aЖ字か क। .!?。！？」』\"'»« \n3ก่,、—", max_size=60), st.data())
def test_pieces_as_they_come_say_all_of_the_text(text: str, data: st.DataObject) -> None:
    said, rest, left = "", "", text
    while left:
        size = data.draw(st.integers(1, len(left)))
        *whole, rest = split(rest + left[:size], opening=not said)
        left = left[size:]
        said += "".join(whole)
    said += rest
    assert "".join(said.split()) == "".join(text.split())
