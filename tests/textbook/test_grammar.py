"""The textbook's realisers, against sentences and links written by hand."""

import pytest

from hf_attn_model.textbook import chinese, english, spanish
from hf_attn_model.textbook.reading import read_lexicon
from hf_attn_model.textbook.sentences import Action, Determiner, Location, NounPhrase, Pronoun, Quality, Sentence, align

LEXICON = read_lexicon()
ME, YOU, HE, SHE, WE, THEY = Pronoun
THIS, A, NONE = Determiner.THIS, Determiner.A, Determiner.NONE


def np(english, determiner=Determiner.THE, *, adjective=None, **parts):
    """A noun phrase from English words; with `count`, or a plural as the noun, it is plural."""
    (noun,) = (noun for noun in LEXICON.nouns if english in (noun.english, noun.plural))
    plural = english == noun.plural or "count" in parts
    described = None
    if adjective:
        (described,) = (fit for fit in LEXICON.descriptions[noun.english] if fit.english == adjective)
    return NounPhrase(noun, determiner, plural, adjective=described, **parts)


def quality(subject, adjective, **options):
    nouns = [subject.noun] if isinstance(subject, NounPhrase) else LEXICON.members(("man",))
    (found,) = (fit for fit in LEXICON.descriptions[nouns[0].english] if fit.english == adjective)
    return Sentence(subject, Quality(found), **options)


def action(subject, verb, thing=None, *, negated=False, adverb=None, **parts):
    noun = thing.noun if isinstance(thing, NounPhrase) else None
    found = next(
        entry
        for entry in LEXICON.verbs
        if entry.name == verb
        and bool(entry.recipients) == ("recipient" in parts)
        and (noun is None or noun.is_a(*entry.objects))
    )
    when = next((entry for entry in LEXICON.adverbs if entry.english == adverb), None)
    return Sentence(subject, Action(found, object=thing, adverb=when, **parts), negated=negated)


SENTENCES = [
    (quality(np("ball"), "blue"), "The ball is blue", "La bola es azul", "那顆球是藍色的"),
    (quality(np("ball"), "blue", negated=True), "The ball is not blue", "La bola no es azul", "那顆球不是藍色的"),
    (quality(np("water"), "cold"), "The water is cold", "El agua está fría", "水很冷"),
    (quality(np("eagles"), "big"), "The eagles are big", "Las águilas son grandes", "那些老鷹很大"),
    (quality(np("eagle", THIS), "old"), "This eagle is old", "Esta águila es vieja", "這隻老鷹很老"),
    (quality(np("houses"), "old"), "The houses are old", "Las casas son viejas", "那些房子很舊"),
    (quality(np("skirts"), "pink"), "The skirts are pink", "Las faldas son rosa", "那些裙子是粉紅色的"),
    (quality(np("horses"), "brown"), "The horses are brown", "Los caballos son marrones", "那些馬是棕色的"),
    (
        quality(np("stories", owner=WE), "short"),
        "Our stories are short",
        "Nuestros cuentos son cortos",
        "我們的故事很短",
    ),
    (quality(SHE, "tall"), "She is tall", "Ella es alta", "她很高"),
    (quality(THEY, "happy", negated=True), "They are not happy", "Ellos no son felices", "他們不快樂"),
    (quality(SHE, "polite"), "She is polite", "Ella es educada", "她很有禮貌"),
    (quality(SHE, "polite", negated=True), "She is not polite", "Ella no es educada", "她沒有禮貌"),
    (
        quality(np("door", whole=np("house")), "red"),
        "The door of the house is red",
        "La puerta de la casa es roja",
        "房子的門是紅色的",
    ),
    (
        quality(np("door", whole=np("car")), "red"),
        "The door of the car is red",
        "La puerta del coche es roja",
        "那輛車的門是紅色的",
    ),
    (
        quality(np("car", owner=np("brother", owner=ME)), "new"),
        "My brother's car is new",
        "El coche de mi hermano es nuevo",
        "我哥哥的車很新",
    ),
    (
        Sentence(np("book", owner=ME), Location(np("table"))),
        "My book is on the table",
        "Mi libro está en la mesa",
        "我的書在桌子上",
    ),
    (Sentence(ME, Location(np("park")), negated=True), "I am not in the park", "No estoy en el parque", "我不在公園"),
    (
        action(np("cat", adjective="black"), "drink", np("milk"), past=True),
        "The black cat drank the milk",
        "El gato negro bebió la leche",
        "那隻黑色的貓喝了牛奶",
    ),
    (action(ME, "love", np("dog", owner=ME)), "I love my dog", "Amo a mi perro", "我喜歡我的狗"),
    (action(SHE, "love", ME, negated=True), "She does not love me", "Ella no me ama", "她不喜歡我"),
    (
        action(np("teacher"), "see", np("doctor"), past=True, adverb="yesterday"),
        "The teacher saw the doctor yesterday",
        "Ayer el profesor vio al médico",
        "那位老師昨天看見了那位醫生",
    ),
    (
        action(YOU, "see", np("lion"), past=True, negated=True),
        "You did not see the lion",
        "No viste el león",
        "你沒看見那隻獅子",
    ),
    (action(HE, "go to", np("park")), "He goes to the park", "Él va al parque", "他去公園"),
    (
        quality(np("door", whole=np("house", owner=ME, adjective="big")), "red"),
        "The door of my big house is red",
        "La puerta de mi casa grande es roja",
        "我的大房子的門是紅色的",
    ),
    (
        action(HE, "walk to", np("park"), past=True),
        "He walked to the park",
        "Él caminó hasta el parque",
        "他走到了公園",
    ),
    (
        action(WE, "live with", np("aunt", owner=YOU), negated=True),
        "We do not live with your aunt",
        "No vivimos con tu tía",
        "我們不跟你的阿姨一起住",
    ),
    (
        action(HE, "visit", np("grandmother", owner=ME), past=True),
        "He visited my grandmother",
        "Él visitó a mi abuela",
        "他探望了我的奶奶",
    ),
    (
        action(HE, "visit", np("teacher"), past=True),
        "He visited the teacher",
        "Él visitó al profesor",
        "他拜訪了那位老師",
    ),
    (
        action(WE, "buy", np("book", NONE, count=2), past=True, place=np("shop")),
        "We bought two books in the shop",
        "Compramos dos libros en la tienda",
        "我們在商店裡買了兩本書",
    ),
    (
        action(np("cat", count=2), "drink", np("water"), adverb="often"),
        "The two cats often drink the water",
        "Los dos gatos beben el agua a menudo",
        "那兩隻貓常常喝水",
    ),
    (
        action(ME, "play with", np("dog", owner=SHE), place=np("garden", owner=YOU), adverb="every day"),
        "I play with her dog in your garden every day",
        "Juego con su perro en tu jardín todos los días",
        "我每天在你的花園裡跟她的狗玩",
    ),
    (
        action(ME, "give", np("book"), recipient=np("mother", owner=ME), past=True),
        "I gave my mother the book",
        "Le di el libro a mi madre",
        "我把那本書給了我的媽媽",
    ),
    (
        action(THEY, "lend", np("car", A), recipient=np("farmers"), past=True),
        "They lent the farmers a car",
        "Ellos les prestaron un coche a los agricultores",
        "他們借給了那些農夫一輛車",
    ),
    (
        action(np("tourist"), "wear", np("uniform", A)),
        "The tourist wears a uniform",
        "El turista lleva un uniforme",
        "那位遊客穿一套制服",
    ),
    (action(HE, "wear", np("hat", A)), "He wears a hat", "Él lleva un sombrero", "他戴一頂帽子"),
    (action(ME, "use", np("ax", A), past=True), "I used an ax", "Usé un hacha", "我使用了一把斧頭"),
    (action(WE, "have", np("cats", NONE), negated=True), "We do not have cats", "No tenemos gatos", "我們沒有貓"),
    (
        action(np("actor"), "leave", np("classroom", adjective="dark"), past=True),
        "The actor left the dark classroom",
        "El actor salió del aula oscura",
        "那位演員離開了那間昏暗的教室",
    ),
    (
        action(
            ME, "take", np("umbrella", owner=np("friend", owner=ME, adjective="clever"), adjective="big"), past=True
        ),
        "I took my clever friend's big umbrella",
        "Cogí el paraguas grande de mi amigo inteligente",
        "我拿了我聰明的朋友的大雨傘",
    ),
]


def text(words, space=" "):
    return space.join(word.text for word in words)


@pytest.mark.parametrize(("plan", "en", "es", "zh"), SENTENCES, ids=[row[1] for row in SENTENCES])
def test_a_plan_reads_as_a_teacher_would_write_it(plan, en, es, zh):
    assert text(english.say(plan)) == en
    assert text(spanish.say(plan)) == es
    assert text(chinese.say(plan), "") == zh


@pytest.mark.parametrize(
    ("noun", "adjective", "expected"),
    [
        ("uniform", None, "a uniform"),
        ("ax", None, "an ax"),
        ("map", "useful", "a useful map"),
        ("man", "honest", "an honest man"),
        ("box", "heavy", "a heavy box"),
        ("horse", None, "a horse"),
    ],
)
def test_the_article_goes_by_the_sound(noun, adjective, expected):
    assert text(english.noun_phrase(np(noun, A, adjective=adjective), "object")) == expected


def links(source, target, pairs):
    """Links written as pairs of words; a word that occurs twice carries its position: the#1 is the second *the*."""

    def position(name, words):
        name, _, nth = name.partition("#")
        return [index for index, word in enumerate(words) if word == name][int(nth or 0)]

    joined = (pair.split("-") for pair in pairs.split())
    return sorted((position(s, source), position(t, target)) for s, t in joined)


GOLD = {  # English sentence: (language, sure, possible)
    "The ball is blue": [
        ("es", "The-La ball-bola is-es blue-azul", ""),
        ("zh", "The-那 ball-球 is-是 blue-藍色", "The-顆 blue-的"),
    ],
    "I love my dog": [
        ("es", "love-Amo my-mi dog-perro", "I-Amo"),
        ("zh", "I-我 love-喜歡 my-我#1 my-的 dog-狗", ""),
    ],
    "The black cat drank the milk": [
        ("es", "The-El black-negro cat-gato drank-bebió the-la milk-leche", ""),
        ("zh", "The-那 black-黑色 cat-貓 drank-喝 milk-牛奶", "The-隻 black-的"),
    ],
    "The door of the car is red": [
        ("es", "The-La door-puerta of-del the-del car-coche is-es red-roja", ""),
        ("zh", "the-那 car-車 of-的 door-門 is-是 red-紅色", "the-輛 red-的#1"),
    ],
    "My brother's car is new": [
        ("es", "My-mi brother's-de brother's-hermano car-coche is-es new-nuevo", "brother's-El"),
        ("zh", "My-我 brother's-哥哥 brother's-的 car-車 new-新", "is-很"),
    ],
    "My book is on the table": [
        ("es", "My-Mi book-libro is-está on-en the-la table-mesa", ""),
        ("zh", "My-我 My-的 book-書 is-在 on-在 on-上 table-桌子", ""),
    ],
    "You did not see the lion": [
        ("es", "not-No see-viste the-el lion-león", "You-viste did-viste"),
        ("zh", "You-你 not-沒 see-看見 the-那 lion-獅子", "did-沒 did-看見 the-隻"),
    ],
    "He goes to the park": [
        ("es", "He-Él goes-va to-al the-al park-parque", ""),
        ("zh", "He-他 goes-去 to-去 park-公園", ""),
    ],
    "I gave my mother the book": [
        ("es", "gave-di my-mi mother-madre the-el book-libro", "I-di mother-Le"),
        ("zh", "I-我 gave-給 my-我#1 my-的 mother-媽媽 the-那 book-書", "the-本"),
    ],
    "The two cats often drink the water": [
        ("es", "The-Los two-dos cats-gatos often-a often-menudo drink-beben the-el water-agua", ""),
        ("zh", "The-那 two-兩 cats-貓 often-常常 drink-喝 water-水", "two-隻"),
    ],
    "The actor left the dark classroom": [
        ("es", "The-El actor-actor left-salió left-del the-del dark-oscura classroom-aula", ""),
        ("zh", "The-那 actor-演員 left-離開 the-那#1 dark-昏暗 classroom-教室", "The-位 the-間 dark-的"),
    ],
}


@pytest.mark.parametrize(
    ("en", "language", "sure", "possible"),
    [(en, *gold) for en, languages in GOLD.items() for gold in languages],
)
def test_links_are_those_of_a_human_annotator(en, language, sure, possible):
    (plan,) = (row[0] for row in SENTENCES if row[1] == en)
    source, target = english.say(plan), {"es": spanish, "zh": chinese}[language].say(plan)
    words = [word.text for word in source], [word.text for word in target]
    assert align(source, target) == (links(*words, sure), links(*words, possible))


@pytest.mark.parametrize("say", [english.say, spanish.say, chinese.say])
def test_a_full_stop_is_one_more_word_and_changes_nothing_else(say):
    plan = quality(np("ball"), "blue")
    dotted = quality(np("ball"), "blue", full_stop=True)
    assert [word.text for word in say(dotted)][:-1] == [word.text for word in say(plan)]
    assert say(dotted)[-1].text in (".", "。")
    assert align(english.say(dotted), say(dotted))[0][-1] == (4, len(say(plan)))
