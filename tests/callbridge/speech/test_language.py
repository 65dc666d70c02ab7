"""Words, back-channels and what sounds like more to come, in other languages than English."""

from dataclasses import fields

import pytest

from callbridge.app import App
from callbridge.errors import SettingsError
from callbridge.speech.espeak import Espeak
from callbridge.speech.language import DEFAULT, LANGUAGES, Language, language_named
from callbridge.speech.offline import VOICES
from callbridge.speech.turns import Interrupt, SpeechStarted, TurnEnded, TurnSettings, TurnTaker
from callbridge.speech.words import TextEnding, count_without_back_channels, ending_of, hesitates
from tests.callbridge.speech.test_turns import Line, kinds, over_the_bot

STOP = [
    "стоп",
    "停止",
    "やめて",
    "रुको",
    "توقف",
    "หยุด",
    "멈춰",
    "στοπ",
    "עצור",
    "stój",
    "dəyiş",
    "կանգնիր",
    "გაჩერდი",
    "நிறுத்து",
    "থামো",
    "ఆపు",
    "ಹೋಗಿ",
    "ఆగు",
    "ຢຸດ",
    "ရပ်",
    "ឈប់",
    "ቁም",
    "ストップ",
    "ｓｔｏｐ",
    "arrête",
    "für",
    "ñandú",
]


@pytest.mark.parametrize("word", STOP)
def test_a_word_of_any_script_is_a_word(word: str) -> None:
    assert count_without_back_channels(word) == 1
    assert count_without_back_channels(f"{word}!") == 1
    assert count_without_back_channels(f"mm-hm, {word}") == 1


@pytest.mark.parametrize("word", STOP)
def test_stop_in_any_script_said_over_the_bot_interrupts_and_becomes_a_turn(word: str) -> None:
    line = over_the_bot()
    line.voice(8)
    line.text(word)
    assert Interrupt not in kinds(line.events)  # one word alone: only the silence makes it one
    line.silence(30)
    assert [kind for kind in kinds(line.events) if kind in (Interrupt, TurnEnded)] == [
        Interrupt,
        TurnEnded,
    ]


@pytest.mark.parametrize(
    "text",
    [
        "подождите минутку",
        "请等一下",
        "ちょっと待って",
        "रुको ज़रा",
        "انتظر لحظة",
        "หยุดก่อนครับ",
        "잠깐 기다려",
    ],
)
def test_two_words_of_any_script_interrupt_at_once(text: str) -> None:
    line = over_the_bot()
    line.voice(8)
    assert kinds(line.text(text)) == [Interrupt]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("停止", 1),
        ("请等一下", 2),
        ("我想预订明天的座位", 5),
        ("ちょっと待って", 2),
        ("ขอโทษครับผมไม่เข้าใจ", 5),
        ("मुझे हिन्दी में बताइए", 4),
        ("l'été", 1),
        ("3番の部屋", 3),
        ("می‌خواهم", 1),
        ("…!?", 0),
        ("。！？", 0),
        ("123", 1),
        ("१२३", 1),
        ("''", 0),
    ],
)
def test_words_are_counted_without_spaces_too(text: str, count: int) -> None:
    assert count_without_back_channels(text) == count


BACK_CHANNELS = {
    "en": "yeah; I see; Mmhmm",
    "de": "ja; Ja, genau.; ach so; mhm; alles klar; hmmm",
    "fr": "oui; d'accord; D’accord, ouais; ah bon; euh",
    "es": "sí; vale, vale; claro; ajá",
    "it": "sì; certo; va bene; capito",
    "pt": "sim; tá bom; pois é; entendi",
    "nl": "ja; precies; oké",
    "pl": "tak; no tak; jasne; rozumiem",
    "ru": "да; Да-да; угу; понятно; хорошо",
    "uk": "так; ага; зрозуміло",
    "tr": "evet; tamam; hı hı",
    "ar": "نعم; أيوه; طيب; تمام; حسنًا",
    "hi": "हाँ; जी हाँ; अच्छा; ठीक है",
    "ja": "はい; うんうん; そうですね; なるほど。; はい、はい",
    "zh": "嗯嗯; 好的; 对对对; 是的，好的; 知道了",
    "ko": "네; 네, 네; 그렇군요; 음",
    "yue": "係; 係呀，係呀; 嗯; 啱呀; 明白。",
    "id": "ya; iya, iya; oke; baik, baik.; mengerti",
    "vi": "vâng; dạ vâng; đúng rồi; ừ; được rồi.",
    "sw": "ndiyo; sawa sawa; naam; nimeelewa",
    "bn": "হ্যাঁ; আচ্ছা, আচ্ছা; ঠিক আছে; হুম।",
    "mr": "हो; बरं; ठीक आहे; हो हो, बरोबर।",
    "ur": "جی; جی ہاں; ٹھیک ہے۔; اچھا، اچھا",
    "te": "అవును; సరే, సరే; అలాగే; ఆ",
    "ta": "ஆமா; சரி, சரி; ஓகே; ம்ம்",
}
HESITATIONS = {
    "en": "It is 5; tea and; um; thirty",
    "de": "Es ist fünf; Tee und; äh; einundzwanzig; weil; dreißig",
    "fr": "trente-deux; du thé et; euh; parce que",
    "es": "té y; este; veintidós; porque",
    "it": "tè e; allora; ventidue; perché",
    "pt": "chá e; então; vinte; porque",
    "nl": "thee en; eh; eenentwintig; omdat",
    "pl": "herbata i; no więc; dwadzieścia; ponieważ",
    "ru": "чай и; ну; двадцать; потому что",
    "uk": "чай і; ну; двадцять; тому що",
    "tr": "çay ve; şey; yirmi; İki; çünkü",
    "ar": "شاي و; يعني; خمسة; لأن; ٥",
    "hi": "चाय और; मतलब; पाँच; क्योंकि; ५",
    "ja": "お茶と、あと; えーと; 電話は三; それから; 欲しいんですけど",
    "zh": "我要茶和; 那个; 电话是三; 因为; 然后",
    "ko": "차 그리고; 음; 삼; 그런데",
    "yue": "我要茶同埋; 即係; 電話係三; 因為",
    "id": "teh dan; jadi; dua puluh; karena",
    "vi": "trà và; tức là; hai mươi mốt; bởi vì",
    "sw": "chai na; yaani; ishirini na moja; kwa sababu",
    "bn": "চা আর; মানে; পঁচিশ; কারণ; ৫",
    "mr": "चहा आणि; म्हणजे; पंचवीस; कारण",
    "ur": "چائے اور; مطلب; پچیس; کیونکہ; ۵",
    "te": "టీ మరియు; అంటే; ఇరవై ఐదు; ఎందుకంటే; ౫",
    "ta": "டீ மற்றும்; அதாவது; இருபத்தி ஐந்து; ஏனென்றால்",
}
OPEN = {
    "en": "I'd like to speak to the; it's my; Press the.",
    "de": "ich hätte gern einen; das ist mein; für die.; ich möchte",
    "fr": "je voudrais parler à; c'est pour la; l'; je voudrais.",
    "es": "quisiera hablar con; es para el; mi nombre es.",
    "it": "vorrei parlare con; è per la; mi chiamo.; dell'",
    "pt": "gostaria de falar com; é para o; meu nome é.",
    "nl": "ik wil graag met; het is voor de; mijn naam is.",
    "pl": "chciałabym rozmawiać z; to jest dla mojej; nazywam się.",
    "tr": "benim; bu; adım.; bizim",
    "ru": "я хочу поговорить с; это для моей; меня зовут.",
    "uk": "я хочу поговорити з; це для моєї; мене звати.",
    "ar": "أريد أن أتكلم مع; هذا; اسمي.; إلى",
    "hi": "मेरे खाते का; मुझे; अपने.; बैंक के बारे में",
    "mr": "मला; माझ्या; बँकेच्या; तुमचा.",
    "ur": "میرے اکاؤنٹ کا; مجھے; اپنے۔; بینک کے بارے میں",
    "bn": "আমার; অ্যাকাউন্টের; আমি; এই।",
    "te": "నా; నాకు; మీ.; ఒక",
    "ta": "என்; எனக்கு; இந்த.; வங்கியின் ஒரு",
    "id": "saya mau bicara dengan; untuk; nama saya.; yang",
    "vi": "tôi muốn nói chuyện với; của; tên tôi là.; cho",
    "sw": "nataka kuzungumza na; kwa; jina langu ni.; kuhusu",
    "ja": "予約を; 来週の予約については; 名前は。; この",
    "zh": "我想把; 我从; 我叫。; 号码是",
    "yue": "我想將; 我由; 我叫。; 號碼係",
    "ko": "예약을 서울에서; 저는; 제 이름은.; 내일부터",
}
ENDS = {
    "en": "Done", "de": "Tee bitte", "fr": "du thé", "es": "té", "it": "tè", "pt": "chá",
    "nl": "thee graag", "pl": "herbata", "ru": "чай", "uk": "чай", "tr": "çay", "ar": "شاي",
    "hi": "चाय", "ja": "お茶をください", "zh": "我要喝茶", "ko": "차 주세요", "yue": "我飲茶",
    "id": "teh saja",
    "vi": "cho tôi trà", "sw": "chai", "bn": "চা দিন", "mr": "चहा द्या", "ur": "چائے", "te": "టీ కావాలి",
    "ta": "டீ வேண்டும்",
}  # fmt: skip


def texts(table: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, text.strip()) for name, block in table.items() for text in block.split(";")]


@pytest.mark.parametrize("text", ["田中さん", "ちょっと", "さようなら", "我要这个", "我就是"])
def test_an_end_that_only_looks_like_a_table_entry_is_an_end(text: str) -> None:
    assert not hesitates(text)


def test_a_good_dozen_languages_have_tables() -> None:
    assert len(LANGUAGES) == 25
    assert set(LANGUAGES) == set(BACK_CHANNELS) == set(HESITATIONS) == set(OPEN) == set(ENDS)


@pytest.mark.parametrize(("name", "text"), texts(OPEN))
def test_a_word_that_needs_another_one_behind_it_is_no_end(name: str, text: str) -> None:
    assert ending_of(text, LANGUAGES[name]) is TextEnding.OPEN


@pytest.mark.parametrize("table", LANGUAGES.values(), ids=LANGUAGES)
def test_a_closed_phrase_is_the_end(table: Language) -> None:
    for phrase in table.closed_phrases.split(","):
        assert not hesitates(f"x {phrase}", table), phrase


@pytest.mark.parametrize("table", LANGUAGES.values(), ids=LANGUAGES)
def test_every_table_is_filled(table: Language) -> None:
    may_be_empty = ("subordinators",)  # where the verb comes last, or nobody has written it yet
    assert all(
        getattr(table, field.name) for field in fields(table) if field.name not in may_be_empty
    )
    assert "==" not in table.numbers
    values = {value.strip() for entry in table.numbers.split(",") for value in entry.split("=")[1:]}
    assert {str(number) for number in range(101)} <= values


@pytest.mark.parametrize(("name", "text"), texts(BACK_CHANNELS))
def test_back_channels_of_a_language_ask_for_nothing(name: str, text: str) -> None:
    assert count_without_back_channels(text, LANGUAGES[name]) == 0


@pytest.mark.parametrize(("name", "text"), texts(HESITATIONS))
def test_more_is_to_come_in_every_language(name: str, text: str) -> None:
    assert hesitates(text, LANGUAGES[name])


@pytest.mark.parametrize(("name", "text"), texts(ENDS))
def test_a_plain_end_is_an_end_in_every_language(name: str, text: str) -> None:
    assert not hesitates(text, LANGUAGES[name])
    assert count_without_back_channels(text, LANGUAGES[name]) > 0


@pytest.mark.parametrize("table", LANGUAGES.values(), ids=LANGUAGES)
def test_every_entry_of_every_table_is_recognised(table: Language) -> None:
    for entry in (*table.back_channels.split(","), *table.sounds.split(",")):
        assert count_without_back_channels(entry, table) == 0, entry
    for column in (table.fillers, table.conjunctions, table.numbers, table.sounds):
        for entry in filter(None, column.split(",")):
            word, _, value = entry.partition("=")
            said = f"x {word.strip()}".replace(" -", " 가")  # or the end of a word
            assert hesitates(said, table) or value == "+", entry


def test_by_default_english_is_spoken_and_scripts_that_no_english_text_has() -> None:
    assert count_without_back_channels("ja") == 1  # German; nothing in English
    assert count_without_back_channels("sí") == 1
    assert count_without_back_channels("да") == 0
    assert count_without_back_channels("はい") == 0
    assert hesitates("tea and")
    assert hesitates("чай и")
    assert not hesitates("Tee und")
    assert TurnSettings().language == DEFAULT


def test_a_word_that_no_table_knows_is_a_word_in_every_language() -> None:
    for table in LANGUAGES.values():
        assert count_without_back_channels("стоп stop 停止", table) == 3


def test_a_user_replaces_a_table() -> None:
    radio = Language(back_channels="roger, copy that", numbers="niner")
    line = over_the_bot(Line(TurnTaker(TurnSettings(language=radio))))
    line.voice(8)
    assert kinds(line.text("Roger, copy that.")) == []
    assert kinds(line.text("yeah yeah")) == [Interrupt]
    assert hesitates("one niner", radio)
    assert not hesitates("one nine", radio)


def test_a_table_is_extended_by_another() -> None:
    both = LANGUAGES["en"] | LANGUAGES["de"]
    assert count_without_back_channels("yeah, genau", both) == 0
    assert hesitates("Tee und", both)
    assert hesitates("tea and", both)


def test_german_ja_over_the_bot_is_a_back_channel_and_answers_it_when_it_is_silent() -> None:
    german = TurnSettings(language=language_named("de"))
    line = over_the_bot(Line(TurnTaker(german)))
    line.voice(8)
    line.text("Ja")
    line.silence(60)
    assert Interrupt not in kinds(line.events)
    line = Line(TurnTaker(german))
    line.voice(8)
    line.text("Ja")
    line.silence(60)
    assert [kind for kind in kinds(line.events) if kind in (SpeechStarted, TurnEnded)] == [
        SpeechStarted,
        TurnEnded,
    ]


def test_an_app_is_told_its_language_by_name_or_by_table() -> None:
    assert App(language="de").sound.turns.language == LANGUAGES["de"]
    assert App(language="de-AT").sound.turns.language == LANGUAGES["de"]
    radio = Language(back_channels="roger")
    assert App(language=radio, turns=TurnSettings(cut_in=0.01)).sound.turns == TurnSettings(
        cut_in=0.01, language=radio
    )
    assert App().sound.turns.language == DEFAULT


def test_a_language_without_tables_is_an_error_at_start_that_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match=r"'tlh'.*Language\("):
        App(language="tlh")


def test_korean_words_are_parted_by_spaces() -> None:
    assert count_without_back_channels("예약을 하고 싶어요") == 3


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_offline_voice_speaks_every_language(code: str) -> None:
    pytest.importorskip("espeakng_loader")
    voice = Espeak(VOICES.get(code, code))
    spoken = voice.speak("12", 8000)
    assert sum(len(word.pcm) for word in spoken) > 1000
