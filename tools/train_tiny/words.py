"""Which words may occur, and which are kept back for evaluation.

One word in eight of every copied list (by a hash of the word) and one syllable in eight is never used in
training text: `pick(..., "heldout")` draws only from those, `pick(..., "train")` only from the rest. Words
that carry a label (sentiment, topic) are not split: nothing could teach their meaning otherwise.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from random import Random
from typing import Literal
from zlib import crc32

Split = Literal["train", "heldout"]


def _w(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _p(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


FIRST_NAMES = _w(
    "Mira Anna Tom Ben Clara David Elena Felix Greta Hugo Ines Jonas Karl Lena Marco Nora Oscar Paula Quentin Rosa "
    "Simon Tara Ursula Victor Wendy Xavier Yara Zoe Alice Bruno Carmen Dora Emil Fiona Gustav Hanna Igor Julia Kenji "
    "Laura Milan Nina Otto Petra Ravi Sara Tobias Uma Vera Walter Ximena Yusuf Zara Adam Beate Cyril Diana Erik "
    "Fatima Georg Helena Ivan Jana Kira Liam Maya Niels Olga Pablo Rita Stefan Tessa Viola Amir Bianca Cora Denis "
    "Edith Frank"
)
CITIES = _p(
    "Oslo, Lisbon, Vienna, Paris, Berlin, Madrid, Rome, Athens, Dublin, Prague, Warsaw, Budapest, Zurich, Geneva, "
    "Bergen, Helsinki, Tallinn, Riga, Vilnius, Porto, Seville, Naples, Turin, Lyon, Nice, Bruges, Ghent, Utrecht, "
    "Hamburg, Munich, Cologne, Leipzig, Graz, Salzburg, Basel, Bern, Krakow, Gdansk, Sofia, Varna, Zagreb, Split, "
    "Belgrade, Skopje, Cairo, Tunis, Rabat, Nairobi, Accra, Lagos, Dakar, Lima, Quito, Bogota, Santiago, Havana, "
    "Toronto, Montreal, Boston, Denver, Austin, Seattle, Chicago, Dallas, Kyoto, Osaka, Seoul, Busan, Hanoi, Manila, "
    "Delhi, Mumbai, Perth, Sydney, New York, Cape Town, San Jose, Buenos Aires, Hong Kong, Port Louis"
)
JOBS = _p(
    "nurse, teacher, baker, pilot, engineer, doctor, lawyer, carpenter, plumber, gardener, painter, writer, singer, "
    "dancer, farmer, fisherman, butcher, waiter, cook, chef, cashier, librarian, judge, mechanic, electrician, "
    "architect, dentist, surgeon, pharmacist, chemist, biologist, physicist, journalist, editor, translator, tailor, "
    "barber, driver, sailor, soldier, firefighter, detective, accountant, banker, broker, clerk, secretary, "
    "programmer, designer, photographer, actor, director, musician, violinist, drummer, potter, weaver, miner, "
    "welder, roofer, mason, glazier, florist, jeweller, optician, midwife, vet, zookeeper, beekeeper, shepherd, "
    "ranger, geologist, astronomer, historian, sculptor, referee"
)
THINGS = _w(
    "lamp chair table desk shelf sofa mirror carpet clock kettle pan spoon fork knife plate bowl cup mug bottle jar "
    "basket blanket pillow towel curtain candle vase brush comb soap bucket broom ladder hammer saw drill wrench "
    "pliers screwdriver shovel rake hose glove hat scarf coat jacket shirt sweater sock shoe boot belt wallet purse "
    "backpack suitcase umbrella watch ring necklace bracelet camera phone tablet laptop keyboard mouse monitor "
    "printer cable charger speaker radio guitar violin flute piano notebook pencil pen eraser ruler stapler folder "
    "envelope stamp book bicycle helmet tent torch rope compass whistle racket ball kite puzzle doll teapot toaster "
    "blender oven fridge fan heater"
)
ADJECTIVES = _w(
    "red blue green yellow black white brown grey purple orange pink golden silver small large tiny huge old new "
    "wooden metal plastic glass paper leather cotton woollen round square heavy light soft hard cheap simple plain "
    "striped modern antique folding portable electric"
)
FRUITS = _w(
    "apples pears plums oranges lemons cherries grapes melons figs dates peaches bananas eggs cookies marbles stamps "
    "coins books pencils cards stickers shells stones beads buttons tickets flowers roses candles bottles cups plates "
    "chairs boxes"
)
ANIMALS = _w(
    "cat dog horse rabbit hamster parrot turtle goat sheep cow pig duck goose hen donkey ferret lizard snake canary "
    "mouse pony fox owl beaver otter badger hedgehog llama alpaca camel"
)
COLOURS = _w(
    "red blue green yellow black white brown grey purple orange pink golden silver teal maroon beige ivory violet"
)
COUNTRIES = _w(
    "Norway Portugal Austria France Germany Spain Italy Greece Ireland Poland Hungary Switzerland Finland Estonia "
    "Latvia Egypt Tunisia Morocco Kenya Ghana Nigeria Senegal Peru Ecuador Colombia Chile Cuba Canada Japan Korea "
    "Vietnam India"
)
DAYS = _w("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = _w("January February March April May June July August September October November December")
ATTRIBUTES = _p(
    "colour, code, owner, size, weight, height, length, width, label, title, brand, model, type, status, place, room, "
    "floor, gate, seat, team, group, level, rank, score, year, number, author, editor, artist, pilot, driver, sender, "
    "receiver, language, country, street, key, tag, version, format, material, shape, flavour, speed, depth, volume, "
    "origin, target, source, category, unit, amount, total, count, limit, name, age, city, price, email, phone, "
    "nickname, password, serial"
)
PLACES = _w(
    "library museum station harbour market school church castle garden bridge tower theatre cinema hospital bakery "
    "pharmacy bank hotel cafe park stadium airport office factory warehouse gallery palace temple zoo"
)
DIRECTORIES = _w(
    "docs src data notes music photos videos backup projects reports drafts letters recipes invoices logs tmp config "
    "assets images static public archive library tests scripts build shared"
)
EXTENSIONS = _w("txt md pdf csv json html png jpg py toml log zip")
TLDS = _w("com org net io dev info")

ONSETS = _w("b bl br c ch cl d dr f fl g gl gr h j k kr l m n p ph pl pr qu r s sh sk sl st t th tr v w x y z zh")
VOWELS = _w("a e i o u ai au ea ei ia ie io oa ou y")
CODAS = ("", "", "", "", "l", "n", "r", "s", "m", "k", "th", "nd", "rn", "x", "ld", "v", "t")


SIMPLE_ONSETS = _w("b c d f g h j k l m n p r s t v z br tr st sh th")
SIMPLE_VOWELS = _w("a e i o u a e i o ia")
SIMPLE_CODAS = ("", "", "", "n", "r", "l", "s", "m", "k")
RUDE = _w("shit fuk fuc cunt nigr cok dik tit tits pis cum slut")


def is_heldout(word: str) -> bool:
    """Whether the word (or syllable) is kept out of training."""
    return crc32(word.lower().encode()) % 8 == 0


@cache
def part(words: tuple[str, ...], split: Split) -> tuple[str, ...]:
    """The words of a list that belong to a split; a phrase is held out if any of its words is."""
    wanted = split == "heldout"
    return tuple(w for w in words if any(is_heldout(x) for x in w.split()) == wanted)


@cache
def every_word(split: Split) -> tuple[str, ...]:
    """The lower-case single words of all copied lists."""
    lists = (FIRST_NAMES, CITIES, JOBS, THINGS, ADJECTIVES, FRUITS, ANIMALS, COLOURS, COUNTRIES, PLACES)
    return tuple(sorted({w.lower() for pool in lists for w in part(pool, split) if w.isalpha()}))


SENTENCE_WORDS = _w(
    "the this that they them then there here with from your name age city job text field key call wait send paid "
    "order price piece unit book author title write read mail phone ring number address event date place plan join "
    "host go fly ticket leave land travel pet live adopt invoice pay due expect meet room talk own bag pack parcel "
    "receive code note set give please it we you she he her his my our new old year home work move turn food sport "
    "science vote review topic label love hate like good bad great nice best worst star money open file page link "
    "site folder path copy answer question tool look up fact need know first now add take multiply divide result left "
    "more many have find lose buy sell box child share part weather translate word stock time status capital search "
    "today define hello thank rope shield staff wand bow sword axe mace spear potion scroll cloak bread map horn "
    "quick strike light duty guard string tools description object view politic country following char game sentiment "
    "profile character years slate fine tell about false get lives true customer passenger quantity recipient "
    "distance volume rooms population works nickname source depth flavour width target language species model "
    "category serial count web who candidate how show much goes belong fight wrote spoke turned moved help week query "
    "calculate called living want does euros record written nobody barbarian null where found kind rain entry which "
    "times king meat comes became flight assistant just become took every buys subtract row elect had user closed "
    "tower public were reply soon starts november december gram later costs divided software guide guides guided "
    "library python data server cloud network online computer internet program system summer winter morning evening "
    "water house family school friend mother father river street mountain"
)


@cache
def whole_words() -> tuple[str, ...]:
    """Words of lists and sentences, held-out ones too: parts of longer words, so that their tokens are trained."""
    return tuple(sorted({*every_word("train"), *every_word("heldout"), *SENTENCE_WORDS}))


def pick(rng: Random, words: tuple[str, ...], split: Split) -> str:
    """One word of the list's part."""
    return rng.choice(part(words, split))


@cache
def syllables(split: Split, is_simple: bool = False) -> tuple[str, ...]:
    """Every onset + vowel + coda that belongs to a split; the simple ones are easy to say."""
    parts = (SIMPLE_ONSETS, SIMPLE_VOWELS, SIMPLE_CODAS) if is_simple else (ONSETS, VOWELS, CODAS)
    every = {"".join(p) for p in product(*parts)}.difference(RUDE)
    return part(tuple(sorted(every)), split)
