"""The textbook's Spanish, against an agreement checker and spelling rules that share no code with the realiser."""

import csv
from itertools import pairwise
from pathlib import Path

import pytest

import hf_attn_model.textbook
from hf_attn_model.textbook import load_textbook

FOLDER = Path(hf_attn_model.textbook.__file__).parent / "lexicon"
DETERMINERS = {  # word: (gender, number), None where the form does not tell
    "el": ("m", 1), "la": ("f", 1), "los": ("m", 2), "las": ("f", 2), "un": ("m", 1), "una": ("f", 1),
    "este": ("m", 1), "esta": ("f", 1), "estos": ("m", 2), "estas": ("f", 2), "al": ("m", 1), "del": ("m", 1),
    "mi": (None, 1), "mis": (None, 2), "tu": (None, 1), "tus": (None, 2), "su": (None, 1), "sus": (None, 2),
    "nuestro": ("m", 1), "nuestra": ("f", 1), "nuestros": ("m", 2), "nuestras": ("f", 2),
}  # fmt: skip
STRESSED_A = {"agua", "águila", "hacha", "aula", "arpa"}
FORMS = {  # what does not follow the rules of spelling below, or is often spelled wrongly
    "joven": "jóvenes", "marrón": "marrones", "examen": "exámenes", "árbol": "árboles", "paraguas": "paraguas",
    "lápiz": "lápices", "feliz": "felices", "azul": "azules", "gris": "grises", "reloj": "relojes",
    "canción": "canciones", "limón": "limones", "autobús": "autobuses", "hámster": "hámsters", "suéter": "suéteres",
    "sándwich": "sándwiches", "ratón": "ratones", "sofá": "sofás", "pared": "paredes", "jardín": "jardines",
    "difícil": "difíciles", "collar": "collares", "bebé": "bebés",
}  # fmt: skip


def table(name):
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


NOUNS = table("nouns.tsv")
ADJECTIVES = table("adjectives.tsv")
VERBS = table("verbs.tsv")
GENDERS = {}
for row in NOUNS:
    GENDERS[row["spanish"]] = (row["gender"], 1)
    if row["spanish_plural"] and row["spanish_plural"] != row["spanish"]:
        GENDERS[row["spanish_plural"]] = (row["gender"], 2)
AGREEING = {}
for row in ADJECTIVES:
    for form, agreement in zip(row["spanish"].split(), [("m", 1), ("f", 1), ("m", 2), ("f", 2)], strict=True):
        AGREEING.setdefault(form, set()).add(agreement)
CLASSES = {form: set(row["classes"].split()) for row in NOUNS for form in (row["spanish"], row["spanish_plural"])}
ANIMATE = {"kin", "adult", "worker", "talker", "youngster", "infant", "criminal", "pet"}  # take the personal *a*
VERB_FORMS = {form for row in VERBS for form in row["present"].split() + row["preterite"].split()}  # limpia


@pytest.fixture(scope="module")
def rows():
    return load_textbook("en-es", size=4001)[:]


def lower_words(row):
    return [word.lower() for word in row]


def test_determiners_agree_with_their_nouns(rows):
    seen = 0
    for words in map(lower_words, rows["target_words"]):
        for i, determiner in enumerate(words):
            if determiner in DETERMINERS and i + 1 < len(words):
                noun = words[i + 2] if words[i + 1] in ("dos", "tres", "cuatro") else words[i + 1]
                if noun not in GENDERS:
                    assert determiner in ("la", "los")  # the object pronouns
                    continue
                gender, number = DETERMINERS[determiner]
                if noun in STRESSED_A and determiner in ("el", "un", "al", "del"):
                    gender = "f"
                assert gender in (None, GENDERS[noun][0])
                assert noun == "paraguas" or number == GENDERS[noun][1]
                seen += 1
    assert seen > 4000
    assert not any(f"{la} {noun}" in " ".join(lower_words(words))
                   for words in rows["target_words"] for la in ("la", "una") for noun in STRESSED_A)  # fmt: skip


def test_adjectives_agree_with_the_noun_before_or_with_the_subject(rows):
    attributes = predicates = 0
    adjectives, nouns = AGREEING.keys() - VERB_FORMS, GENDERS.keys() - AGREEING.keys()
    for words in map(lower_words, rows["target_words"]):
        for before, word in pairwise(words):
            if word in adjectives and before in nouns:
                assert before == "paraguas" or GENDERS[before] in AGREEING[word]
                attributes += 1
        positive = [word for word in words if word != "no"]
        if len(positive) > 3 and positive[0] in DETERMINERS and positive[2] in ("es", "son", "está", "están"):
            noun, predicate = positive[1], positive[3]
            assert noun == "paraguas" or predicate == "en" or GENDERS[noun] in AGREEING[predicate]
            predicates += 1
    assert attributes > 1000
    assert predicates > 300


def test_prepositions_contract_with_the_article(rows):
    texts = [f" {' '.join(lower_words(words))} " for words in rows["target_words"]]
    assert not any(" a el " in text or " de el " in text for text in texts)
    assert any(" al " in text for text in texts)
    assert any(" del " in text for text in texts)


def test_an_unaligned_a_announces_people_and_pets_only(rows):
    """Personal *a* (and the *a* of recipients) expresses nothing in English, so it is the only unlinked *a*."""
    seen = 0
    for index, words in enumerate(map(lower_words, rows["target_words"])):
        linked = {j for _, j in rows["sure"][index] + rows["possible"][index]}
        for j, word in enumerate(words):
            if word == "a" and j not in linked:
                noun = next(following for following in words[j + 1 :] if following in GENDERS)
                assert CLASSES[noun] & ANIMATE
                seen += 1
    assert seen > 200


def test_amar_takes_people_and_pets_with_a_or_a_pronoun(rows):
    seen = 0
    for words in map(lower_words, rows["target_words"]):
        for j, word in enumerate(words):
            if word in ("amo", "amas", "ama", "amamos", "aman"):
                seen += 1
                if j + 1 < len(words) and words[j + 1] != ".":
                    assert words[j + 1] in ("a", "al")
                else:
                    assert words[j - 1] in ("me", "te", "lo", "la", "nos", "los")
    assert seen > 3


def test_only_tener_has_objects_like_a_friend_or_two_dogs(rows):
    """Before other verbs the personal *a* of such an object would be optional."""
    having = {form for row in VERBS if row["infinitive"] == "tener" for form in row["present"].split()}
    seen = 0
    for words in map(lower_words, rows["target_words"]):
        for verb, number, noun in zip(words, words[1:], words[2:], strict=False):
            if verb in VERB_FORMS and number in ("un", "una", "dos", "tres", "cuatro") and CLASSES[noun] & ANIMATE:
                assert verb in having
                seen += 1
    assert seen


def test_first_and_second_persons_are_dropped_and_third_persons_kept(rows):
    for source, target in zip(rows["source_words"], map(lower_words, rows["target_words"]), strict=True):
        assert not {"yo", "tú", "nosotros"} & set(target)
        kept = {"He": "él", "She": "ella", "They": "ellos"}.get(source[0])
        assert (kept in target) if kept else not {"él", "ella", "ellos"} & set(target)


def test_accents_and_plurals_follow_the_rules_of_spelling():
    pairs = [(row["spanish"], row["spanish_plural"]) for row in NOUNS if row["spanish_plural"]]
    for row in ADJECTIVES:
        masculine, feminine, masculines, feminines = row["spanish"].split()
        if masculine in ("rosa", "naranja"):  # colors named after things never change
            assert {feminine, masculines, feminines} == {masculine}
        else:
            pairs += [(masculine, masculines), (feminine, feminines)]
    for singular, plural in pairs:
        if singular in FORMS:
            expected = FORMS[singular]
        elif singular[-1] in "aeiouéá":
            expected = singular + "s"
        elif singular[-2:] in ("ón", "és", "ín", "án"):
            expected = singular[:-2] + {"ó": "o", "é": "e", "í": "i", "á": "a"}[singular[-2]] + singular[-1] + "es"
        else:
            expected = singular + "es"
        assert plural == expected


REGULAR = """
    comer beber cocinar preparar pelar cortar comprar vender necesitar robar salvar lavar limpiar romper reparar usar
    llenar pintar planchar doblar coser quemar llevar mirar escuchar estudiar contestar olvidar aprender amar odiar
    visitar ayudar llamar esperar enseñar abrazar besar invitar añorar respetar admirar hablar bailar trabajar vivir
    viajar asustar atrapar lanzar patear entrar cruzar escalar caminar correr llegar montar prestar entregar nadar
    pasear cantar descansar llorar ganar escapar abrir escribir plantar alimentar examinar firmar empujar cargar tocar
"""
ENDINGS = {
    "ar": ("o as a amos an", "é aste ó amos aron"),
    "er": ("o es e emos en", "í iste ió imos ieron"),
    "ir": ("o es e imos en", "í iste ió imos ieron"),
}


@pytest.mark.parametrize(
    "row", [row for row in VERBS if row["infinitive"] in REGULAR.split()], ids=lambda row: row["english"]
)
def test_regular_verbs_have_regular_forms(row):
    stem, ending = row["infinitive"][:-2], row["infinitive"][-2:]
    present, preterite = ([stem + end for end in ends.split()] for ends in ENDINGS[ending])
    if ending == "ar":  # what keeps its sound changes its letter
        preterite[0] = stem[:-1] + {"c": "qu", "g": "gu", "z": "c"}.get(stem[-1], stem[-1]) + "é"
    assert row["present"].split() == present
    assert row["preterite"].split() == preterite


def test_irregular_verbs_have_the_forms_of_the_grammar_books():
    forms = {row["infinitive"]: row["present"].split() + row["preterite"].split() for row in VERBS}
    expected = {
        "tener": "tengo tienes tiene tenemos tienen tuve tuviste tuvo tuvimos tuvieron",
        "ver": "veo ves ve vemos ven vi viste vio vimos vieron",
        "ir": "voy vas va vamos van fui fuiste fue fuimos fueron",
        "dar": "doy das da damos dan di diste dio dimos dieron",
        "traer": "traigo traes trae traemos traen traje trajiste trajo trajimos trajeron",
        "leer": "leo lees lee leemos leen leí leíste leyó leímos leyeron",
        "construir": "construyo construyes construye construimos construyen "
        "construí construiste construyó construimos construyeron",
        "conducir": "conduzco conduces conduce conducimos conducen conduje condujiste condujo condujimos condujeron",
        "pedir": "pido pides pide pedimos piden pedí pediste pidió pedimos pidieron",
        "dormir": "duermo duermes duerme dormimos duermen dormí dormiste durmió dormimos durmieron",
        "jugar": "juego juegas juega jugamos juegan jugué jugaste jugó jugamos jugaron",
        "buscar": "busco buscas busca buscamos buscan busqué buscaste buscó buscamos buscaron",
        "empujar": "empujo empujas empuja empujamos empujan empujé empujaste empujó empujamos empujaron",
        "conocer": "conozco conoces conoce conocemos conocen conocí conociste conoció conocimos conocieron",
        "salir": "salgo sales sale salimos salen salí saliste salió salimos salieron",
        "oler": "huelo hueles huele olemos huelen olí oliste olió olimos olieron",
        "cerrar": "cierro cierras cierra cerramos cierran cerré cerraste cerró cerramos cerraron",
        "volver": "vuelvo vuelves vuelve volvemos vuelven volví volviste volvió volvimos volvieron",
    }
    for infinitive, line in expected.items():
        assert forms[infinitive] == line.split()
