"""A run that composes whole phrases at once from latent numbers: seeds or latents in, pieces of several phrases out.

What every run can do is in `erato.run`.
"""

from pathlib import Path
from typing import Any

from erato.composing import Sample
from erato.errors import UsageError
from erato.evaluating import Evaluation
from erato.models.base import LatentModel
from erato.reporter import Reporter
from erato.representations.base import Array
from erato.run import Run
from erato.score import Piece


class PhraseRun(Run):
    """A run of a latent model."""

    model: LatentModel

    def sample(self, prompt: Piece | Path | None = None, **settings: Any) -> list[Sample]:
        raise NotImplementedError

    def listen(self, step: int) -> None:
        raise NotImplementedError

    def score(self, piece: Piece | Path, *, reporter: Reporter | None = None) -> Evaluation:
        raise UsageError("this run writes whole phrases and gives no likelihood: compare its pieces with evaluate.")

    def _evaluated(
        self, arrays: list[Array], split: str, training: list[Array] | None, reporter: Reporter
    ) -> Evaluation:
        raise NotImplementedError
