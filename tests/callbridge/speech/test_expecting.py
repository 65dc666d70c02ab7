"""What the bot asks for is guessed from its sentence or given, and told complete when it is."""

import pytest

from callbridge.speech.asking import guess
from callbridge.speech.expecting import (
    ANYTHING,
    AskedFor,
    Expect,
    Expecting,
    choice,
    digits,
    expecting,
    is_complete,
)
from callbridge.speech.language import LANGUAGES, Language

ENGLISH = LANGUAGES["en"]

ASKED = {
    "Is that right?": "yes_no",
    "You want a table for two, is that correct?": "yes_no",
    "Do you have your account number?": "yes_no",
    "Are you calling about an order?": "yes_no",
    "Anything else?": "yes_no",
    "Please answer yes or no.": "yes_no",
    "Yes or no?": "yes_no",
    "What is your account number?": "digits",
    "Can I have your phone number, please?": "digits",
    "Please tell me your PIN.": "digits",
    "Could you give me your eight-digit account number?": "digits 8",
    "What are the last four digits of your card?": "digits 4",
    "Please enter the 6 digit code.": "digits 6",
    "Please say your code, which has four to six digits.": "digits 4 6",
    "What is your number? It is on the back of your card. Take your time.": "digits",
    "How many people will come?": "digits",
    "Your account number is 4412. How can I help?": "anything",
    "Your account number is 4412.": "anything",
    "May I have your name?": "name",
    "Who am I speaking to?": "name",
    "Could you spell that for me?": "spelling",
    "Please spell your last name.": "spelling",
    "Would you like sales or support?": "choice sales support",
    "Red, green or blue?": "choice red green blue",
    "How can I help?": "anything",
    "What happened?": "anything",
    "Hello and welcome.": "anything",
    "": "anything",
}
OTHERS = {
    "de": "Ist das richtig? = yes_no; Wie lautet Ihre achtstellige Kundennummer? = digits 8; "
    "Nennen Sie mir bitte Ihre Kundennummer. = digits; Wie ist Ihr Name? = name; "
    "Können Sie das bitte buchstabieren? = spelling; Tee oder Kaffee? = choice tee kaffee; "
    "Wie kann ich Ihnen helfen? = anything; Haben Sie noch eine Frage? = yes_no",
    "fr": "C'est bien ça ? = yes_no; Quel est votre numéro à huit chiffres ? = digits 8; "
    "Quel est votre nom ? = name; Pouvez-vous épeler ? = spelling; "
    "Comment puis-je vous aider ? = anything; Thé ou café ? = choice thé café",
    "es": "¿Es correcto? = yes_no; ¿Cuál es su número de ocho dígitos? = digits 8; "
    "¿Cuál es su nombre? = name; ¿Puede deletrearlo? = yes_no; Por favor, deletree su nombre. = "
    "spelling; ¿En qué puedo ayudarle? = anything; ¿Té o café? = choice té café",
    "it": "È corretto? = yes_no; Qual è il suo codice di otto cifre? = digits 8; "
    "Qual è il suo nome? = name; Come posso aiutarla? = anything; Tè o caffè? = choice tè caffè",
    "pt": "Está correto? = yes_no; Qual é o seu código de oito dígitos? = digits 8; "
    "Qual é o seu nome? = name; Como posso ajudar? = anything; Chá ou café? = choice chá café",
    "nl": "Klopt dat? = yes_no; Wat is uw klantnummer? = digits; Wat is uw naam? = name; "
    "Kunt u dat spellen? = spelling; Waarmee kan ik u helpen? = yes_no",
    "pl": "Czy to się zgadza? = yes_no; Proszę podać numer klienta. = digits; "
    "Jak brzmi pana nazwisko? = name; Herbata lub kawa? = choice herbata kawa",
    "tr": "Doğru mu? = yes_no; Sekiz haneli numaranızı söyler misiniz? = digits 8; "
    "Adınız nedir? = name; Çay veya kahve? = choice çay kahve",
    "ru": "Верно? = yes_no; Назовите, пожалуйста, ваш номер. = digits; Как вас зовут? = name; "
    "Назовите код из восьми цифр. = digits; Чай или кофе? = choice чай кофе; "
    "Чем я могу помочь? = yes_no; Что случилось? = anything",
    "uk": "Це так? = yes_no; Назвіть ваш номер, будь ласка. = digits; Як вас звати? = name",
    "ar": "هل هذا صحيح؟ = yes_no; ما هو رقمك؟ = digits; ما اسمك؟ = name; "
    "شاي أو قهوة؟ = choice شاي قهوة",
    "hi": "क्या यह सही है? = yes_no; आपका आठ अंकों का नंबर क्या है? = digits 8; "
    "आपका नाम क्या है? = name",
    "mr": "बरोबर आहे का? = yes_no; तुमचा नंबर काय आहे? = digits; तुमचं नाव काय आहे? = name",
    "ur": "کیا یہ صحیح ہے؟ = yes_no; آپ کا نمبر کیا ہے؟ = digits; آپ کا نام کیا ہے؟ = name",
    "bn": "এটা কি ঠিক? = yes_no; আপনার নম্বর কত? = digits; আপনার নাম কী? = name",
    "te": "సరైనదేనా? = yes_no; మీ నంబర్ ఏమిటి? = digits; మీ పేరు ఏమిటి? = name",
    "ta": "சரியா? = yes_no; உங்கள் எண் என்ன? = digits; உங்கள் பெயர் என்ன? = name",
    "id": "Apakah itu benar? = yes_no; Berapa nomor Anda? = digits; Siapa nama Anda? = name; "
    "Teh atau kopi? = choice teh kopi",
    "vi": "Có đúng không? = yes_no; Số điện thoại của bạn là gì? = digits; Tên bạn là gì? = name",
    "sw": "Ni sahihi? = yes_no; Namba yako ni ipi? = digits; Jina lako ni nani? = name",
    "ja": "よろしいですか。 = yes_no; 八桁の番号をお願いします。 = digits 8; "
    "お名前をお願いします。 = name; お茶それともコーヒー？ = choice お茶 コーヒー",
    "zh": "对吗？ = yes_no; 请告诉我您的八位数字号码。 = digits 8; "
    "您贵姓？ = name; 茶还是咖啡？ = choice 茶 咖啡",
    "yue": "啱唔啱？ = yes_no; 唔該話我知你嘅號碼。 = digits; 請問貴姓？ = name",
    "ko": "맞습니까? = yes_no; 여덟 자리 번호를 말씀해 주세요. = digits 8; "
    "성함을 말씀해 주세요. = name; 차 아니면 커피? = choice 차 커피",
}  # fmt: skip


def meant(text: str) -> Expecting:
    """What is written above: "digits 4 6"."""
    kind, *rest = text.split()
    asked = AskedFor(kind)
    if asked is AskedFor.DIGITS:
        counts = [int(count) for count in rest] or [0]
        return Expecting(asked, counts[0], counts[-1], guessed=True)
    return Expecting(asked, options=tuple(rest), guessed=True)


@pytest.mark.parametrize(("sentence", "asked"), ASKED.items())
def test_what_the_bot_asks_for_is_guessed_from_its_sentence(sentence: str, asked: str) -> None:
    assert guess(sentence, ENGLISH) == meant(asked)


@pytest.mark.parametrize(
    ("name", "row"), [(name, row) for name, rows in OTHERS.items() for row in rows.split(";")]
)
def test_so_it_is_in_other_languages(name: str, row: str) -> None:
    sentence, _, asked = row.partition("=")
    assert guess(sentence.strip(), LANGUAGES[name]) == meant(asked)


def test_every_language_asks() -> None:
    assert {*OTHERS, "en"} == set(LANGUAGES)


def test_a_language_without_such_tables_guesses_nothing_that_ends_a_turn() -> None:
    assert guess("What is your number?", Language()).asked is AskedFor.YES_NO
    assert is_complete("4412", guess("What is your number?", Language()), ENGLISH) is None


@pytest.mark.parametrize(
    ("text", "expected", "complete"),
    [
        ("Four four one two nine.", digits(8), False),
        ("Four four one two, nine eight one one.", digits(8), True),
        ("4412 9811", digits(8), True),
        ("It's 4, 4, 1, 2, um, 9, 8, 1, 1", digits(8), True),
        ("double four, triple one", digits(5), True),
        ("forty-four twelve", digits(4), True),
        ("441229811", digits(8), True),
        ("4 4 1 and then 2", digits(4), True),
        ("that one, 4 4 1", digits(4), False),
        ("4 4 1", digits(4, 6), False),
        ("4 4 1 2", digits(4, 6), None),
        ("4 4 1 2 9 8", digits(4, 6), True),
        ("I do not have it", digits(8), None),
        ("", digits(8), None),
        ("4412", Expecting(AskedFor.DIGITS), None),
        ("Yes.", Expecting(AskedFor.YES_NO), True),
        ("No,", Expecting(AskedFor.YES_NO), True),
        ("Um, yes, that's right.", Expecting(AskedFor.YES_NO), True),
        ("No, no thanks.", Expecting(AskedFor.YES_NO), True),
        ("mm-hm", Expecting(AskedFor.YES_NO), True),
        ("Yes, but", Expecting(AskedFor.YES_NO), None),
        ("No, it's on Tuesday", Expecting(AskedFor.YES_NO), None),
        ("um", Expecting(AskedFor.YES_NO), None),
        ("", Expecting(AskedFor.YES_NO), None),
        ("Support, please.", choice("sales", "support"), True),
        ("the cold water", choice("tea", "cold water"), True),
        ("something else", choice("sales", "support"), None),
        ("Jane Smith", Expecting(AskedFor.NAME), None),
        ("S M I T H", Expecting(AskedFor.SPELLING), None),
        ("yes", ANYTHING, None),
    ],
)
def test_complete_is_what_was_asked_for(
    text: str, expected: Expecting, complete: bool | None
) -> None:
    assert is_complete(text, expected, ENGLISH) is complete


YES_NO = Expecting(AskedFor.YES_NO)


@pytest.mark.parametrize(("name", "table"), LANGUAGES.items())
def test_yes_and_no_are_complete_in_every_language(name: str, table: Language) -> None:
    for word in (*table.yes.split(","), *table.no.split(",")):
        assert is_complete(word, YES_NO, table) is True, word
    for word in (*table.conjunctions.split(","), *table.question_words.split(",")):
        unclear = any(word.strip() in listed.split(", ") for listed in (table.yes, table.no))
        assert unclear or is_complete(f"{word} x", YES_NO, table) is None, word


@pytest.mark.parametrize(
    ("expect", "meaning"),
    [
        ("yes_no", YES_NO),
        ("digits", Expecting(AskedFor.DIGITS)),
        ("anything", ANYTHING),
        (digits(8), Expecting(AskedFor.DIGITS, 8, 8)),
        (digits(4, 6), Expecting(AskedFor.DIGITS, 4, 6)),
        (choice("tea", "milk"), Expecting(AskedFor.CHOICE, options=("tea", "milk"))),
    ],
)
def test_what_is_expected_is_written_shortly(expect: Expect, meaning: Expecting) -> None:
    assert expecting(expect) == meaning


def test_a_slip_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="'digit': it is one of anything, yes_no, digits"):
        expecting("digit")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the fewer first"):
        digits(6, 4)
    with pytest.raises(ValueError, match="two things or more"):
        choice("tea")
