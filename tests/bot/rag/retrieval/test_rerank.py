"""A cross-encoder from a folder is loaded, scores pairs, and brings passages in its order."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.bot.rag.conftest import silent

from quarterdeck.core.errors import SetupError
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.rag.retrieval.rerank import PREFIX, CrossReader
from quarterdeck.rag.retrieval.search import Search
from quarterdeck.rag.vector.near import Near
from quarterdeck.runtime.workers.protocol import Job

pytestmark = [
    pytest.mark.needs("sentence_transformers"),
    pytest.mark.slow,
    pytest.mark.timeout(
        300
    ),  # importing torch and transformers alone takes minutes on a machine with load 20
    pytest.mark.filterwarnings("ignore"),  # torch and transformers warn about themselves
]
PAIRS = (
    ("how long does a restore take", "Restores take about forty minutes."),
    ("how often do backups run", "Full backups run every night, incremental ones every hour."),
    ("who is on call", "The on-call engineer changes every Monday at ten."),
    ("how are rooms booked", "Rooms are booked in the calendar."),
    ("how many holidays are there", "Everybody has thirty days of holidays a year."),
    ("how is payments rolled back", "Run deployctl rollback payments and tell the channel."),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a small BERT on six questions, for a second: no package ships a cross-encoder."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words = sorted({word for pair in PAIRS for text in pair for word in _words(text)})
    marks = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
    known = {word: n for n, word in enumerate((*marks, *words))}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", known["[CLS]"]), ("[SEP]", known["[SEP]"])],
    )
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=64,
        model_input_names=["input_ids", "attention_mask"],
        **names,
    )
    torch.set_num_threads(1)  # two would wait for each other on a busy machine
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(known),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=1,
    )
    model = BertForSequenceClassification(config)
    questions = [question for question, _ in PAIRS for _ in PAIRS]
    given = fast(questions, [text for _, text in PAIRS] * len(PAIRS), padding=True, return_tensors="pt")
    right = torch.arange(len(PAIRS))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(1000):
        optimizer.zero_grad()
        scores = model(**given).logits.view(len(PAIRS), len(PAIRS))  # of each question with each text
        loss = torch.nn.functional.cross_entropy(scores, right)
        if loss.item() < 0.05:
            break
        loss.backward()
        optimizer.step()
    place = tmp_path_factory.mktemp("cross") / "encoder"
    model.eval().save_pretrained(place)
    fast.save_pretrained(place)
    return place


def _words(text: str) -> list[str]:
    return "".join(sign if sign.isalnum() else " " for sign in text.lower()).split()


def _scores(reader: CrossReader, question: str, texts: Sequence[str]) -> list[float]:
    job = Job(id=1, method="rerank", value={"question": question, "texts": list(texts)})
    return list(reader.rerank(job).value)


def test_a_model_from_a_folder_finds_the_text_that_answers(folder: Path) -> None:
    """Real weights, real tokenizer, real arithmetic: each question's own text scores best."""
    reader = CrossReader(f"{PREFIX}{folder}")
    texts = [text for _, text in PAIRS]
    best = []
    for question, _ in PAIRS:
        scores = _scores(reader, question, texts)
        best.append(scores.index(max(scores)))

    assert list(range(len(PAIRS))) == best


async def test_passages_come_in_the_order_of_the_cross_encoder(
    folder: Path, knowledge: TeamKnowledge, tmp_path: Path
) -> None:
    """Its score is among the signals, and decides."""
    for n, (_, text) in enumerate(PAIRS):
        (tmp_path / f"{n}.md").write_text(f"# How long does a restore take\n\n{text}\n")
    await knowledge.ingest.add([str(tmp_path / f"{n}.md") for n in range(len(PAIRS))], "toy", silent)

    class Reader:
        reason = "none here"

        def __init__(self) -> None:
            self.reader = CrossReader(f"{PREFIX}{folder}")

        async def near(self, text: str, scopes: Sequence[str], limit: int, *, wait_s: float) -> Near | None:
            return None

        async def rerank(self, question: str, texts: Sequence[str]) -> list[float] | None:
            return _scores(self.reader, question, [text.rpartition("\n")[2] for text in texts])

    search = Search(knowledge.library, Reader(), floor=0.0, reranker=f"{PREFIX}{folder}")
    found = (
        await search.find("how long does a restore take", limit=6, wait_s=0, collections=["toy"])
    ).passages
    scores = [one.signals["reranked"] for one in found]

    assert scores == sorted(scores, reverse=True)
    assert "Restores take about forty minutes" in found[0].text


def test_a_folder_without_a_model_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    """The message names the folder and what to give."""
    with pytest.raises(SetupError, match="cannot be loaded") as caught:
        _scores(CrossReader(f"{PREFIX}{tmp_path}"), "a question", ["a text"])

    assert "knowledge.reranker" == caught.value.key
