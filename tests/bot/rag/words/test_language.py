"""Words are found in other forms, and in languages that put no spaces between them."""

import pytest

from quarterdeck.core.knowledge import PUBLIC, Chunk, Document, Filters, Scope
from quarterdeck.rag.words.language import further_forms, language_of
from quarterdeck.rag.words.query import searchable, terms
from quarterdeck.store.knowledge.library import KnowledgeLibrary

SENTENCES = {
    "de": "Die Zertifikate werden von der Leitung alle neunzig Tage erneuert, und die Sicherungen laufen in der Nacht.",
    "fr": "Les certificats sont renouvelés tous les trois mois par la direction, et les sauvegardes tournent la nuit.",
    "es": "Los certificados se renuevan cada tres meses por el equipo, y las copias de seguridad corren por la noche.",
    "ru": "Сертификаты обновляются каждые три месяца, и резервные копии создаются ночью, если это не выходной.",
    "zh": "测试环境的证书每三个月更新一次，备份在每天夜里运行。",  # noqa: RUF001 - its own comma
    "ja": "証明書は三か月ごとに更新され、バックアップは毎晩実行されます。",
    "en": "The certificates are renewed every three months, and backups of the database run at night.",
}


@pytest.mark.parametrize("language", ["de", "fr", "es", "ru", "en"])
def test_a_language_is_told_by_its_small_words(language: str) -> None:
    """No model, no download."""
    assert language == language_of(SENTENCES[language])


def test_english_is_left_to_the_database() -> None:
    """Its own stemmer is better."""
    assert [] == further_forms(SENTENCES["en"])


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("de", "Wann wird das Zertifikat erneuert?"),
        ("de", "Wie läuft die Sicherung?"),
        ("fr", "Quand le certificat est-il renouvelé ?"),
        ("es", "¿Cuándo se renueva el certificado?"),
        ("ru", "когда и как обновляется сертификат"),
        ("zh", "证书更新"),
        ("ja", "証明書の更新"),
    ],
)
async def test_other_forms_of_a_word_find_it_first(
    library: KnowledgeLibrary, language: str, question: str
) -> None:
    """Singular finds plural, and a word inside of a sentence without spaces is found."""
    for name, sentence in SENTENCES.items():
        document = Document(id=name, collection="c", path=f"/{name}", name=name, root="/")
        piece = Chunk(
            id=name, heading="", text=sentence, start=0, end=1, searchable=("", "", searchable(sentence))
        )
        await library.put(document, [piece])
    found = await library.matches(terms(question), [Scope(collection="c", audience=PUBLIC)], 3, Filters())

    assert language == found[0][0].name
