"""Digits are understood however they are said, in every language that has tables."""

import pytest

from callbridge.speech.digits import digit_groups, digits_of
from callbridge.speech.language import LANGUAGES, Language

ENGLISH = LANGUAGES["en"]

# What Moonshine wrote for recordings of a person who says the digits one by one (Debian's
# asterisk-core-sounds-en-wav), as it wrote them.
RECOGNISED = {
    "Nine, four, five, eight.": "9458",
    "Zero, seven, three, zero, two, one, five,": "0730215",
    "Zero, zero, three, three, two, two, four, five.": "00332245",
    "7, 3, 6, 8, 1, 9": "736819",
    "Forty four, twelve.": "4412",
    "Forty four, ten, two.": "44102",
    "Twenty, twenty,": "2020",
    "Nineteen eighty four.": "1984",
    "Four hundred twelve.": "412",
    "Oh, seven, nine, four.": "0794",
    "One hundred and five.": "105",
    "Two hundred twenty six.": "226",
    "The cold is one, two, three-four.": "1234",
}
SAID = {
    "four four one two": "4412",
    "forty-four twelve": "4412",
    "4412": "4412",
    "4-4-1-2": "4412",
    "4,412": "4412",
    "It is 4111 1111, until 12/27.": "411111111227",
    "double three": "33",
    "double oh seven": "007",
    "triple five, one": "5551",
    "oh four one": "041",
    "007": "007",
    "two thousand five hundred and twelve": "2512",
    "two thousand twenty six": "2026",
    "five five hundred": "5500",
    "nineteen hundred": "1900",
    "nineteen oh five": "1905",
    "one hundred oh five": "105",
    "four hundred zero": "4000",
    "4 hundred": "400",
    "one twenty three": "123",
    "twenty one": "21",
    "twenty, um, one": "201",
    "four four, um, one two": "4412",
    "four four dash one two": "4412",
    "flight B12": "12",
    "the new one": "",
    "oh": "",
    "oh dear": "",
    "a double room": "",
    "someone often": "",
    "": "",
}


@pytest.mark.parametrize(("text", "digits"), [*RECOGNISED.items(), *SAID.items()])
def test_digits_of_an_english_text(text: str, digits: str) -> None:
    assert digits_of(text, ENGLISH) == digits


OTHERS = {
    "de": "vier vier eins zwo = 4412; vierundvierzig zwölf = 4412; viertausendeinhundert = 4100; "
    "doppel drei = 33; zweitausendsechsundzwanzig = 2026; ein Tisch = ",
    "fr": "quatre-vingt-dix-sept = 97; zéro six, soixante-douze = 0672; quatre cent douze = 412; "
    "vingt et un = 21; septante-deux = 72; deux mille vingt-six = 2026; une table = ",
    "es": "cuatro cuatro uno dos = 4412; cuarenta y cuatro, doce = 4412; doble tres = 33; "
    "quinientos doce = 512; dos mil veintiséis = 2026; una mesa = ",
    "it": "quattro quattro uno due = 4412; quarantaquattro dodici = 4412; duecentocinque = 205; "
    "ventuno = 21; duemilaventisei = 2026",
    "pt": "quatro quatro um dois = 4412; meia dúzia = 6; quarenta e quatro = 44; "
    "cento e cinco = 105",
    "nl": "vier vier een twee = 4412; vierenveertig twaalf = 4412; tweeëntwintig = 22; "
    "tweehonderdvijf = 205; dubbel drie = 33",
    "pl": "cztery cztery jeden dwa = 4412; czterdzieści cztery dwanaście = 4412; sto pięć = 105",
    "tr": "dört dört bir iki = 4412; kırk dört on iki = 4412; iki yüz beş = 205",
    "ru": "четыре четыре один два = 4412; сорок четыре двенадцать = 4412; двести пять = 205; "
    "две тысячи двадцать шесть = 2026",
    "uk": "чотири чотири один два = 4412; сорок чотири дванадцять = 4412; двісті п'ять = 205",
    "ar": "أربعة أربعة واحد اثنان = 4412; أربعة وأربعون = 44; ٤٤١٢ = 4412; اثنا عشر = 12",
    "hi": "चार चार एक दो = 4412; चवालीस = ; चौवालीस बारह = 4412; डबल तीन = 33; ४४१२ = 4412; "
    "दो सौ पांच = 205",
    "mr": "चार चार एक दोन = 4412; चव्वेचाळीस बारा = 4412; दोनशे पाच = 205",
    "ur": "چار چار ایک دو = 4412; چوالیس بارہ = 4412; ۴۴۱۲ = 4412; ڈبل تین = 33",
    "bn": "চার চার এক দুই = 4412; চুয়াল্লিশ বারো = 4412; ৪৪১২ = 4412; দুইশ পাঁচ = 205",
    "te": "నాలుగు నాలుగు ఒకటి రెండు = 4412; నలభై నాలుగు పన్నెండు = 4412; ౪౪౧౨ = 4412",
    "ta": "நான்கு நான்கு ஒன்று இரண்டு = 4412; நாற்பத்தி நான்கு பன்னிரண்டு = 4412",
    "id": "empat empat satu dua = 4412; empat puluh empat dua belas = 4412; dua ratus lima = 205",
    "vi": "bốn bốn một hai = 4412; bốn mươi tư mười hai = 4412; không chín = 09; không = ; "
    "một trăm lẻ năm = 105",
    "sw": "nne nne moja mbili = 4412; arobaini na nne kumi na mbili = 4412; "
    "mia mbili na tano = 205",
    "ja": "番号は四四一二です = 4412; 四十四 = 44; 4412です = 4412; ゼロ九〇 = 090; "
    "一緒に = ; 二百五 = 205",
    "zh": "我的号码是四四幺二 = 4412; 四十四 = 44; 一百零五 = 105; 二零二六 = 2026; "
    "一个 = ; ４４１２ = 4412",
    "yue": "我嘅號碼係四四一二 = 4412; 廿四 = 24; 二百零五 = 205",
    "ko": "사사일이 = 4412; 공일공 사사일이 = 0104412; 사십사 = 44; 네, 맞아요 = ; "
    "이백오 = 205; 이 번호 = ",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "said"), [(name, text) for name, row in OTHERS.items() for text in row.split(";")]
)
def test_digits_of_other_languages(name: str, said: str) -> None:
    text, _, digits = said.partition("=")
    assert digits_of(text.strip(), LANGUAGES[name]) == digits.strip()


def test_every_language_says_digits() -> None:
    assert {*OTHERS, "en"} == set(LANGUAGES)


def test_words_between_part_two_groups() -> None:
    text = "It's 4, 4, um, 1, and my PIN is double three"
    assert digit_groups(text, ENGLISH) == ["441", "33"]


def test_a_word_of_ones_own() -> None:
    assert digits_of("niner niner", Language(numbers="niner=9, tree=3")) == "99"
    assert digits_of("niner niner", Language(numbers="niner")) == ""
    assert digits_of("one niner", ENGLISH | Language(numbers="niner=9")) == "19"
