"""What a listener murmurs and a speaker hesitates with: a table for each language.

The tables hold the words that decide about turns, and no grammar. A word that stands in no table is
a word in every language. Where a language has one word for yes and listeners murmur it all the
time (`ja`, `да`, `はい`), it is a back-channel: said over the bot it interrupts nothing, said to a
bot that is silent it is a turn like any other."""

from dataclasses import dataclass

from callbridge.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Language:
    """Words and phrases, parted by commas; case, width and accents of the same letter are one.

    `Language(back_channels="roger, copy that")` is a language of your own;
    `LANGUAGES["en"] | Language(back_channels="roger")` adds to one, `dataclasses.replace` changes
    a table. In a script without spaces a run of back-channels is one (うんうん), and conjunctions
    and numbers are also found at the end of a longer run (欲しいんですけど)."""

    back_channels: str = ""  # "I am listening", and no request
    fillers: str = ""  # at the end: more is to come
    conjunctions: str = ""  # likewise
    numbers: str = ""  # likewise; figures always are
    sounds: str = ""  # both back-channels and fillers, and may be drawn out: "hm" is "hmmm" too

    def __or__(self, other: "Language") -> "Language":
        """Both tables in one."""

        def both(mine: str, theirs: str) -> str:
            return ", ".join(filter(None, (mine, theirs)))

        return Language(
            both(self.back_channels, other.back_channels),
            both(self.fillers, other.fillers),
            both(self.conjunctions, other.conjunctions),
            both(self.numbers, other.numbers),
            both(self.sounds, other.sounds),
        )


def _compound(units: str, tens: str, link: str = "") -> str:
    """Numbers written as one word: einundzwanzig, ventuno."""
    joined = (f"{u}{link}{t}" for u in units.split() for t in tens.split())
    return ", ".join(joined)


_HUMS = "m, hm, mh, mhm, uh, um, uhm, uhuh, huh, ah, aha, ahah, oh, oho, eh, ehm"

_EN = Language(
    back_channels="yeah, yep, yup, ok, okay, right, sure, alright, cool, I see, got it, go on, "
    "all right, of course, that's right",
    fillers="like, well",
    conjunctions="and, or, but, so, because, if, then, when, while, since, although, unless, "
    "until, whether, than, nor",
    numbers="zero, one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, "
    "thirteen, fourteen, fifteen, sixteen, seventeen, eighteen, nineteen, twenty, thirty, forty, "
    "fifty, sixty, seventy, eighty, ninety, hundred, thousand, double, triple",
    sounds=f"{_HUMS}, er, erm",
)

_DE = Language(
    back_channels="ja, jaja, jo, genau, okay, ok, gut, alles klar, klar, stimmt, richtig, ach so, "
    "achso, ach ja, verstehe, ich verstehe, verstanden, in Ordnung, na klar, sicher, aha",
    fillers="also, halt, naja, na ja, sozusagen, quasi",
    conjunctions="und, oder, aber, denn, sondern, weil, dass, wenn, als, ob, damit, obwohl, "
    "während, bevor, nachdem, bis, sowie",
    numbers="null, ein, eins, zwei, zwo, drei, vier, fünf, sechs, sieben, acht, neun, zehn, elf, "
    "zwölf, dreizehn, vierzehn, fünfzehn, sechzehn, siebzehn, achtzehn, neunzehn, zwanzig, "
    "dreißig, vierzig, fünfzig, sechzig, siebzig, achtzig, neunzig, hundert, tausend, doppel, "
    + _compound(
        "ein zwei drei vier fünf sechs sieben acht neun",
        "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
        "und",
    ),
    sounds=f"{_HUMS}, äh, ähm, öh, öhm, tja",
)

_FR = Language(
    back_channels="oui, ouais, d'accord, ok, okay, bien, très bien, voilà, ah bon, je vois, "
    "entendu, bien sûr, tout à fait, c'est ça, exact, exactement, compris",
    fillers="ben, bah, alors, enfin, genre, du coup",
    conjunctions="et, ou, mais, donc, car, ni, parce que, que, si, quand, lorsque, puisque, "
    "puis, comme",
    numbers="zéro, un, une, deux, trois, quatre, cinq, six, sept, huit, neuf, dix, onze, douze, "
    "treize, quatorze, quinze, seize, vingt, vingts, trente, quarante, cinquante, soixante, "
    "septante, huitante, octante, nonante, cent, mille, double",
    sounds=f"{_HUMS}, euh, heu, hein",
)

_ES = Language(
    back_channels="sí, vale, claro, ok, okay, bueno, bien, ya, ya veo, ajá, de acuerdo, entiendo, "
    "entendido, eso es, exacto, por supuesto, muy bien, perfecto",
    fillers="este, esto, pues, o sea, entonces",
    conjunctions="y, e, o, u, pero, porque, que, si, cuando, aunque, mientras, como, ni, sino",
    numbers="cero, un, uno, una, dos, tres, cuatro, cinco, seis, siete, ocho, nueve, diez, once, "
    "doce, trece, catorce, quince, dieciséis, diecisiete, dieciocho, diecinueve, veinte, "
    "veintiuno, veintidós, veintitrés, veinticuatro, veinticinco, veintiséis, veintisiete, "
    "veintiocho, veintinueve, treinta, cuarenta, cincuenta, sesenta, setenta, ochenta, noventa, "
    "cien, ciento, mil, doble",
    sounds=f"{_HUMS}, em",
)

_IT = Language(
    back_channels="sì, ok, okay, va bene, certo, bene, esatto, capisco, capito, ho capito, "
    "d'accord, d'accordo, giusto, già, perfetto",
    fillers="cioè, allora, dunque, insomma, tipo, beh",
    conjunctions="e, ed, o, oppure, ma, però, perché, che, se, quando, mentre, anche, come, quindi",
    numbers="zero, un, uno, una, due, tre, quattro, cinque, sei, sette, otto, nove, dieci, undici, "
    "dodici, tredici, quattordici, quindici, sedici, diciassette, diciotto, diciannove, venti, "
    "trenta, quaranta, cinquanta, sessanta, settanta, ottanta, novanta, cento, mille, doppio, "
    + _compound("vent trent quarant cinquant sessant settant ottant novant", "uno otto")
    + ", "
    + _compound(
        "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
        "due tre tré quattro cinque sei sette nove",
    ),
    sounds=f"{_HUMS}, boh, mah",
)

_PT = Language(
    back_channels="sim, ok, okay, certo, claro, tá, tá bom, está bem, está bom, pois, pois é, "
    "entendi, entendo, percebo, isso, exato, exatamente, beleza, com certeza",
    fillers="então, tipo, bem, quer dizer, ou seja",
    conjunctions="e, ou, mas, porque, que, se, quando, como, embora, enquanto, nem, porém",
    numbers="zero, um, uma, dois, duas, três, quatro, cinco, seis, meia, sete, oito, nove, dez, "
    "onze, doze, treze, catorze, quatorze, quinze, dezesseis, dezasseis, dezessete, dezassete, "
    "dezoito, dezenove, dezanove, vinte, trinta, quarenta, cinquenta, sessenta, setenta, oitenta, "
    "noventa, cem, cento, mil, duplo",
    # Not "um", which is the number one.
    sounds="m, hm, mh, mhm, uh, uhm, uhuh, huh, ah, aha, ahah, oh, eh, ehm, hã, né",
)

_NL = Language(
    back_channels="ja, jaja, oké, ok, okay, precies, juist, goed, klopt, prima, ik snap het, "
    "snap ik, begrijp ik, ik begrijp het, natuurlijk, zeker, inderdaad",
    fillers="nou, dus, zeg maar, eigenlijk",
    conjunctions="en, of, maar, want, omdat, dat, als, toen, terwijl, hoewel, zodat, voordat, "
    "nadat, totdat",
    numbers="nul, een, één, twee, drie, vier, vijf, zes, zeven, acht, negen, tien, elf, twaalf, "
    "dertien, veertien, vijftien, zestien, zeventien, achttien, negentien, twintig, dertig, "
    "veertig, vijftig, zestig, zeventig, tachtig, negentig, honderd, duizend, dubbel, "
    + _compound(
        "een vier vijf zes zeven acht negen",
        "twintig dertig veertig vijftig zestig zeventig tachtig negentig",
        "en",
    )
    + ", "
    + _compound(
        "twee drie",
        "twintig dertig veertig vijftig zestig zeventig tachtig negentig",
        "ën",
    ),
    sounds=f"{_HUMS}, hè",
)

_PL = Language(
    back_channels="tak, no, no tak, aha, jasne, ok, okej, dobra, dobrze, rozumiem, właśnie, "
    "oczywiście, pewnie, zgadza się, racja",
    fillers="więc, no więc, znaczy, to znaczy, jakby",
    conjunctions="i, oraz, a, ale, albo, lub, bo, ponieważ, że, żeby, jeśli, jeżeli, gdy, kiedy, "
    "chociaż, czy, ani, lecz",
    numbers="zero, jeden, jedna, dwa, dwie, trzy, cztery, pięć, sześć, siedem, osiem, dziewięć, "
    "dziesięć, jedenaście, dwanaście, trzynaście, czternaście, piętnaście, szesnaście, "
    "siedemnaście, osiemnaście, dziewiętnaście, dwadzieścia, trzydzieści, czterdzieści, "
    "pięćdziesiąt, sześćdziesiąt, siedemdziesiąt, osiemdziesiąt, dziewięćdziesiąt, sto, dwieście, "
    "trzysta, czterysta, pięćset, sześćset, siedemset, osiemset, dziewięćset, tysiąc",
    sounds=f"{_HUMS}, yhy, ehe, yy, e",
)

_TR = Language(
    back_channels="evet, tamam, tabii, tabi, peki, olur, anladım, doğru, aynen, hı hı, elbette, "
    "haklısınız, ok, okey",
    fillers="şey, yani, işte, hani",
    conjunctions="ve, veya, ya da, ama, fakat, çünkü, eğer, ile, ki, ancak, ayrıca",
    numbers="sıfır, bir, iki, üç, dört, beş, altı, yedi, sekiz, dokuz, on, yirmi, otuz, kırk, "
    "elli, altmış, yetmiş, seksen, doksan, yüz, bin, çift",
    sounds=f"{_HUMS}, ıı, ee, hı, hıhı, he, hee",
)

# ---- scripts of their own: no English text has these words ---------------------------------------

_RU = Language(
    back_channels="да, да-да, так, ага, угу, понятно, ясно, хорошо, ладно, конечно, верно, "
    "точно, окей, ок, понял, поняла, согласен, согласна",
    fillers="ну, вот, значит, это самое, как бы, типа, короче",
    conjunctions="и, а, но, или, либо, потому что, что, чтобы, если, когда, хотя, пока, зато, то",
    numbers="ноль, нуль, один, одна, два, две, три, четыре, пять, шесть, семь, восемь, девять, "
    "десять, одиннадцать, двенадцать, тринадцать, четырнадцать, пятнадцать, шестнадцать, "
    "семнадцать, восемнадцать, девятнадцать, двадцать, тридцать, сорок, пятьдесят, шестьдесят, "
    "семьдесят, восемьдесят, девяносто, сто, двести, триста, четыреста, пятьсот, шестьсот, "
    "семьсот, восемьсот, девятьсот, тысяча",
    sounds="м, хм, гм, мгм, э, эм, а, ах, о, ох, угу, ага",
)

_UK = Language(
    back_channels="так, так-так, ага, угу, зрозуміло, ясно, добре, гаразд, звичайно, звісно, "
    "точно, вірно, окей, ок, зрозумів, зрозуміла",
    fillers="ну, от, значить, як би, типу",
    conjunctions="і, й, та, а, але, або, чи, бо, тому що, що, щоб, якщо, коли, хоча, поки",
    numbers="нуль, один, одна, два, дві, три, чотири, п'ять, шість, сім, вісім, дев'ять, десять, "
    "одинадцять, дванадцять, тринадцять, чотирнадцять, п'ятнадцять, шістнадцять, сімнадцять, "
    "вісімнадцять, дев'ятнадцять, двадцять, тридцять, сорок, п'ятдесят, шістдесят, сімдесят, "
    "вісімдесят, дев'яносто, сто, двісті, триста, чотириста, п'ятсот, шістсот, сімсот, вісімсот, "
    "дев'ятсот, тисяча",
    sounds="м, хм, гм, мгм, е, ем, а, ах, о, ох, угу, ага",
)

_AR = Language(
    back_channels="نعم, أيوه, ايوه, أيوا, أجل, طيب, تمام, حسنا, صحيح, فهمت, أكيد, ماشي, أوكي, "
    "بالطبع, إيه",
    fillers="يعني, طيب يعني",
    conjunctions="و, أو, لكن, ولكن, لأن, أن, إذا, عندما, ثم, بس, حتى",
    numbers="صفر, واحد, واحدة, اثنان, اثنين, ثلاثة, أربعة, خمسة, ستة, سبعة, ثمانية, تسعة, عشرة, "
    "عشرون, عشرين, ثلاثون, ثلاثين, أربعون, أربعين, خمسون, خمسين, ستون, ستين, سبعون, سبعين, "
    "ثمانون, ثمانين, تسعون, تسعين, مئة, مائة, ألف",
    sounds="آه, اه, امم, ام, همم, هم, مم",
)

_HI = Language(
    back_channels="हाँ, हां, जी, जी हाँ, जी हां, अच्छा, ठीक, ठीक है, सही, सही है, बिल्कुल, समझ गया, "
    "समझ गई, ओके",
    fillers="मतलब, यानी, वो, तो",
    conjunctions="और, या, लेकिन, मगर, पर, क्योंकि, कि, अगर, जब, फिर, इसलिए",
    numbers="शून्य, ज़ीरो, एक, दो, तीन, चार, पाँच, पांच, छह, छः, सात, आठ, नौ, दस, ग्यारह, बारह, तेरह, "
    "चौदह, पंद्रह, सोलह, सत्रह, अठारह, उन्नीस, बीस, तीस, चालीस, पचास, साठ, सत्तर, अस्सी, नब्बे, सौ, "
    "हज़ार, डबल",
    sounds="हम्म, ह्म्म, हूँ, हूं, उम, अं",
)

_JA = Language(
    back_channels="はい, ええ, うん, そう, そうですね, そうです, そうですか, "
    "そうなんですね, そうなんですか, そうか, なるほど, なるほどね, たしかに, 確かに, "
    "へえ, へー, ほう, わかりました, 分かりました, 了解, 了解です, オーケー",
    fillers="えーと, えーっと, えっと, ええと, あのー, あの, その, まあ, なんか, えー",
    # Not と, や, なら and さん (three): ちょっと, いや, さようなら and 田中さん end with them.
    conjunctions="ですが, ますが, けど, けれど, けれども, ので, から, でも, しかし, "
    "それで, それから, あと, そして, または, だから, つまり",
    numbers="ゼロ, 零, 一, 二, 三, 四, 五, 六, 七, 八, 九, 十, 百, 千, 万",
    sounds="ん, んー, うーん, あー, おー, ふーん",
)

_ZH = Language(
    back_channels="嗯, 对, 對, 是, 是的, 是啊, 好, 好的, 好吧, 行, 没错, 沒錯, 知道了, 明白, "
    "明白了, 了解, 这样啊, 這樣啊, 当然, 當然, 可以",
    fillers="那个, 那個, 这个, 這個, 就是, 就是说, 就是說",
    conjunctions="和, 跟, 与, 與, 或, 或者, 但, 但是, 可是, 不过, 不過, 因为, 因為, 所以, 如果, "
    "然后, 然後, 而且, 还有, 還有, 虽然, 雖然",
    numbers="零, 〇, 一, 幺, 二, 两, 兩, 三, 四, 五, 六, 七, 八, 九, 十, 百, 千, 万, 萬",
    sounds="嗯, 呃, 啊, 哦, 喔, 噢, 唔, 额",
)

_KO = Language(
    back_channels="네, 예, 응, 그래, 그래요, 그렇군요, 그렇죠, 그렇구나, 맞아, 맞아요, 알겠습니다, "
    "알겠어요, 좋아요, 아 네, 아 그래요, 오케이",
    fillers="저, 그, 저기, 그러니까, 뭐랄까",
    conjunctions="그리고, 그런데, 근데, 하지만, 그래서, 또는, 왜냐하면, 만약, 그러면, 그럼, 및",
    numbers="영, 공, 일, 이, 삼, 사, 오, 육, 칠, 팔, 구, 십, 백, 천, 만, 하나, 둘, 셋, 넷, 다섯, "
    "여섯, 일곱, 여덟, 아홉, 열",
    sounds="음, 어, 아, 오, 흠",
)

LANGUAGES: dict[str, Language] = {
    "en": _EN, "de": _DE, "fr": _FR, "es": _ES, "it": _IT, "pt": _PT, "nl": _NL, "pl": _PL,
    "tr": _TR, "ru": _RU, "uk": _UK, "ar": _AR, "hi": _HI, "ja": _JA, "zh": _ZH, "ko": _KO,
}  # fmt: skip
"""By ISO 639-1 code. Every word that stands in no table is a word."""

# English, and the languages in whose scripts no English text is written. The other languages of
# Latin letters are chosen by name: "ja" is a murmur in German, and perhaps a name in English.
DEFAULT = _EN | _RU | _UK | _AR | _HI | _JA | _ZH | _KO


def base_of(name: str) -> str:
    """The language of "de-AT", "de_AT" or "DE", without where it is spoken: "de"."""
    return name.replace("_", "-").partition("-")[0].lower()


def language_named(name: str) -> Language:
    """The tables of "de", "de-AT" or "DE". Raises SettingsError for a language without tables."""
    code = base_of(name)
    if code not in LANGUAGES:
        raise SettingsError(
            f"no tables for the language {name!r}: choose one of {', '.join(sorted(LANGUAGES))}, "
            'or pass your own: Language(back_channels="...", ...)'
        )
    return LANGUAGES[code]
