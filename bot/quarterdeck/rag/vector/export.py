"""Export a sentence-transformers model once to 8-bit ONNX, and use that where it keeps the vectors.

Runs in the librarian process only. Torch takes ten seconds and half a gigabyte to start; the exported file takes
a third of a second and a tenth of a gigabyte, and is twice as fast. A BERT is written as `bert.py` writes it, another
encoder is traced. Where the cosine to the original falls below 0.99 on the sample, or the model ends in another way
than with a mean, torch stays.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from quarterdeck.core.errors import SetupError
from quarterdeck.rag.vector import minilm
from quarterdeck.rag.vector.bert import lean_graph, torch_bert
from quarterdeck.rag.vector.embed import LEAST_COSINE, Embedder, OnnxEmbedder, TorchEmbedder, likeness
from quarterdeck.rag.vector.wire import NotOurModel

if TYPE_CHECKING:
    import torch

OPSET = 17
FORM = 2  # of what is exported: another one is exported anew
EXAMPLE = "An example sentence to trace the model with."

log = logging.getLogger(__name__)


def exported(name: str, models: Path, threads: int) -> Embedder:
    """Return the embedder for a sentence-transformers model: its export, made now if there is none, or torch.

    Raises:
        SetupError: sentence-transformers is not installed, or the model is not on this machine.
    """
    if importlib.util.find_spec("sentence_transformers") is None:
        raise SetupError(
            "sentence-transformers is not installed",
            hint="pip install 'quarterdeck[torch]', or set knowledge.embedder to onnx",
            key="knowledge.embedder",
        )
    name = name.removeprefix("sentence-transformers/")
    folder = _folder(name)
    place = models / f"st-{hashlib.sha256(folder.encode()).hexdigest()[:16]}"
    if (found := _load(name, place, threads)) is not None:
        return found
    original = TorchEmbedder(name, folder, threads)
    if not (place / "refused.json").exists():
        _export(original, place)
        if (found := _load(name, place, threads)) is not None:
            if (cosine := likeness(found, original)) >= LEAST_COSINE:
                return found
            (place / "model.onnx").unlink()
            (place / "refused.json").write_text(json.dumps({"cosine": cosine}))
            log.info("The exported model loses too much and is not used", extra={"cosine": cosine})
    return original


def _folder(name: str) -> str:
    """Return where a model lies: the package's folder for all-MiniLM-L6-v2, else what was given."""
    if name == minilm.NAME:
        try:
            return str(minilm.packaged(minilm.TORCH_PACKAGE, minilm.TORCH_FOLDER))
        except SetupError:
            return name
    return name


def _load(name: str, place: Path, threads: int) -> OnnxEmbedder | None:
    """Return the embedder of a finished export; `about.json` is written last."""
    from tokenizers import Tokenizer

    try:
        about = json.loads((place / "about.json").read_text())
        model = (place / "model.onnx").read_bytes()
    except (OSError, ValueError):
        return None
    if hashlib.sha256(model).hexdigest() != about["sha256"] or about.get("form") != FORM:
        return None
    return OnnxEmbedder(
        model,
        Tokenizer.from_file(str(place / "tokenizer.json")),
        space=name,
        how="onnxruntime, 8-bit export",
        token_limit=about["token_limit"],
        threads=threads,
        is_lean=about["is_lean"],
    )


def _export(original: TorchEmbedder, place: Path) -> None:
    """Write `model.onnx`, `tokenizer.json` and `about.json`, or `refused.json` with the reason."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if reason := _misfit(original):
        (place / "refused.json").write_text(json.dumps({"reason": reason}))
        log.info("The model is not exported", extra={"reason": reason})
        return
    log.info("The model is exported once, which takes a minute", extra={"model": original.space})
    lean = _lean(original)
    if lean is None and importlib.util.find_spec("onnx") is None:
        log.info("The model is not exported", extra={"reason": "the package onnx is not installed"})
        return
    model = _traced_in_integers(original, place) if lean is None else lean
    original.model.tokenizer.backend_tokenizer.save(str(place / "tokenizer.json"))
    fresh = place / "model.new"
    fresh.write_bytes(model)
    fresh.replace(place / "model.onnx")
    about = {
        "sha256": hashlib.sha256(model).hexdigest(),
        "token_limit": original.model.max_seq_length,
        "is_lean": lean is not None,
        "form": FORM,
    }
    (place / "about.json").write_text(json.dumps(about))


def _lean(original: TorchEmbedder) -> bytes | None:
    """Return the leanest graph, where the model is a BERT as it was published; None otherwise."""
    inner = cast("Any", original.model[0].auto_model)  # whatever the library has loaded
    config = inner.config
    if type(inner).__name__ != "BertModel" or getattr(config, "hidden_act", "") != "gelu":
        return None
    try:
        return lean_graph(
            torch_bert(
                inner.state_dict(),
                heads=config.num_attention_heads,
                layers=config.num_hidden_layers,
                epsilon=config.layer_norm_eps,
            )
        )
    except NotOurModel as error:
        log.info("The model is traced", extra={"reason": str(error)})
        return None


def _traced_in_integers(original: TorchEmbedder, place: Path) -> bytes:
    from onnxruntime import quantization  # type: ignore[import-untyped]  # it ships no types

    large, small = place / "float.onnx", place / "small.onnx"
    _trace(original, large)
    # Without 8-bit dot products in hardware the sums of products overflow, unless weights use 7 bits.
    quantization.quantize_dynamic(
        large,
        small,
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
        reduce_range=not _has_dot_products(),
    )
    model = small.read_bytes()
    large.unlink()
    small.unlink()
    return model


def _has_dot_products() -> bool:
    """Tell whether this processor adds 8-bit products without overflow; where it does not say, it does not."""
    try:
        flags = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return False
    return any(name in flags for name in ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp"))


def _misfit(original: TorchEmbedder) -> str:
    """Return why the model cannot be run by `OnnxEmbedder`, or nothing."""
    kinds = [type(module).__name__ for module in original.model]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        return f"it is made of {', '.join(kinds)}"
    if getattr(original.model[1], "pooling_mode", None) not in ("mean", None):
        return "its pooling is not the mean"
    if not hasattr(original.model.tokenizer, "backend_tokenizer"):
        return "its tokenizer is not a fast one"
    return ""


def _trace(original: TorchEmbedder, path: Path) -> None:
    import torch

    inner = cast("torch.nn.Module", original.model[0].auto_model).eval()
    encoded = original.model.tokenizer([EXAMPLE], return_tensors="pt")
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in encoded]

    class Tokens(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner  # a part of the module, so that its weights are traced as weights

        def forward(self, *given: torch.Tensor) -> torch.Tensor:
            out = self.inner(**dict(zip(names, given, strict=True)))
            return cast("torch.Tensor", out.last_hidden_state)

    lengths = {name: {0: "batch", 1: "length"} for name in (*names, "tokens")}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracer's remarks about constants
        torch.onnx.export(
            Tokens(),
            tuple(encoded[name] for name in names),
            str(path),
            input_names=names,
            output_names=["tokens"],
            dynamic_axes=lengths,
            opset_version=OPSET,
            dynamo=False,
        )
