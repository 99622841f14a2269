"""What every run is: a trained model with all it needs, in a folder, and what is written of its pieces.

How it composes is in `erato.sequence_run` (symbol after symbol) and `erato.phrase_run` (whole phrases); how a run comes
to be in `erato.pipeline`, how it is opened in `erato.loading`.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from erato import corpora, provenance, run_folder
from erato.composing import Sample
from erato.corpora.base import Corpus, Pieces, Split
from erato.datasets import encode_corpus, encode_pieces
from erato.displayed import Displayed
from erato.errors import CorpusError, RunError, UsageError
from erato.evaluating import Evaluation
from erato.evaluation.surprise import Surprise
from erato.files import write_json
from erato.held_out import HeldOut, held_out
from erato.models.base import Model
from erato.models.pretrained import Pretrained
from erato.models.pretrained_files import save_checkpoint
from erato.passages import Tokens
from erato.provenance import Identity, LearnedFrom, Record, Settings, Taken
from erato.recipe import Recipe
from erato.renderers import Renderer, renderers_for
from erato.renderers.base import About
from erato.renderers.page import write_page_of
from erato.reporter import Reporter, counts
from erato.representations import Subwords
from erato.representations.base import Array, Frames, Representation
from erato.sampling.familiar import Familiar, familiar, refuse_notes
from erato.score import Piece
from erato.training_index import melody_tokens, music_index

MOST_PIECES = 100_000  # at once


class Run(Displayed, ABC):
    """A trained model with all it needs, in a folder.

    learned_here: whether that holds what it learned from; checkpoint: the step whose weights these are, None: the best.
    """

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        representation: Representation,
        model: Model,
        learned_here: bool = True,
        checkpoint: int | None = None,
    ) -> None:
        self.folder, self.recipe, self.representation, self.model = folder, recipe, representation, model
        self.learned_here, self.checkpoint = learned_here, checkpoint
        self._hashed: tuple[object, str] | None = None  # the weights that were hashed last, and their hash
        self._known: dict[int, Familiar] = {}  # by the notes of a passage

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, recipe={self.recipe.name!r})"

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The corpus that the run learned from, file by file."""
        found: dict[str, Any] = run_folder.read_json(self.folder, "manifest.json") if self.learned_here else {}
        return found

    @property
    def formats(self) -> list[str]:
        """The suffixes that pieces of this run are written as where none are asked for."""
        if self.representation.kind == "text":
            return ["txt"]
        return ["mid", "png", "matrix.png"] if isinstance(self.representation.space, Frames) else ["mid", "png"]

    def origin(self) -> dict[str, str]:
        """Where the music of this run comes from, for people: recipe, corpus, licence, citation."""
        said = self.manifest
        named = {
            "recipe": self.recipe.name,
            "learned from": said.get("corpus"),
            "licence": said.get("licence"),
            "citation": said.get("citation"),
        }
        return {key: str(value) for key, value in named.items() if value}

    def compose(self, prompt: Piece | Path | None = None, **settings: Any) -> list[Piece]:
        """New pieces; takes what `sample` takes."""
        return [sampled.piece for sampled in self.sample(prompt, **settings)]

    @abstractmethod
    def sample(self, prompt: Piece | Path | None = None, **settings: Any) -> list[Sample]:
        """New pieces and how they came about."""

    @abstractmethod
    def listen(self, step: int) -> None:
        """Writes what the model composes at this step from the run's fixed prompt and seed."""

    def evaluate(
        self, corpus: str | Path | Corpus | None = None, *, split: Split | None = None, reporter: Reporter | None = None
    ) -> Evaluation:
        """What the model costs the pieces of `split`, of the corpus it learned from or of another one.

        split: test, if None; where a small corpus has no test part, the one that the weights were chosen by. Pieces of
        another corpus that the run learned from are left out. Raises UsageError where nothing is left.
        """
        reporter = reporter or Reporter()
        found = self.held_out(corpus, split, reporter)
        pieces, indices, split, own = found.pieces, found.indices, found.split, found.own
        arrays, lost, _ = encode_pieces(pieces, indices, self.representation, reporter.progress)
        arrays = [array for array in arrays if len(array)]
        if not arrays:
            why = f" that this run can hold ({counts(lost)})" if lost else ""
            raise UsageError(
                f"{pieces.name} has no piece in its {split} part{why}: choose another --split, or add pieces."
            )
        if lost:
            reporter.note(f"Not held by the representation: {counts(lost)}.")
        training = self._training_part(pieces, reporter) if own and split != "train" else None
        return self._evaluated(arrays, split, training, reporter)

    def held_out(
        self, corpus: str | Path | Corpus | None, split: Split | None, reporter: Reporter | None = None
    ) -> HeldOut:
        """The pieces that `evaluate` measures by."""
        reporter = reporter or Reporter()
        return held_out(self._pieces(corpus, reporter), self.manifest, split, reporter.note)

    @property
    def counts_bars(self) -> bool:
        """Whether pieces can be asked for by their bars."""
        return self.representation.kind == "music" and self.representation.cursor(1).bars is not None

    @abstractmethod
    def _evaluated(
        self, arrays: list[Array], split: str, training: list[Array] | None, reporter: Reporter
    ) -> Evaluation:
        """The evaluation of pieces in the run's own symbols; training: those that it learned from, where it is their
        corpus."""

    def _training_part(self, pieces: Pieces, reporter: Reporter) -> list[Array]:
        """The training pieces in the symbols of this run: as training left them in the cache, or encoded again."""
        try:
            encodings = encode_corpus(pieces, self.recipe.representation, reporter.progress)
            if encodings.representation.state() == self.representation.state():
                return encodings.part("train")
        except UsageError:  # the checkpoint that its tokenizer came from has gone
            pass
        return encode_pieces(pieces, pieces.split("train"), self.representation, reporter.progress)[0]

    @abstractmethod
    def score(self, piece: Piece | Path, *, reporter: Reporter | None = None) -> Evaluation:
        """What the model costs one piece; UsageError where it cannot be held, or the model gives no likelihood."""

    @abstractmethod
    def surprise(self, piece: Piece | Path, *, reporter: Reporter | None = None) -> Surprise:
        """What each note costs, of the piece as the run holds it; UsageError as `score` has it, and for text."""

    def _pieces(self, corpus: str | Path | Corpus | None, reporter: Reporter) -> Pieces:
        """The pieces of `corpus`; None: those that the run learned from, split in the same way."""
        kind, seed = self.representation.kind, self.recipe.seed
        if isinstance(corpus, Corpus):
            return corpus.pieces(kind, seed=seed, progress=reporter.progress)
        said = run_folder.read_json(self.folder, "recipe.json").get("source", {}) if self.learned_here else {}
        if corpus is None and not said.get("name"):
            raise UsageError("this run does not say where its corpus is: name it with --corpus.")
        if corpus is None and said["name"] not in corpora.CORPORA and not Path(said["name"]).exists():
            raise UsageError(f"{said['name']}, which this run learned from, is not there: name it with --corpus.")
        # what was asked of the run's own corpus is asked of any other, so that the same tracks are compared
        track, most = said.get("track", ()), said.get("max_files") if corpus is None else None
        only = said.get("only", ()) if corpus is None else ()
        source = corpora.find(said["name"] if corpus is None else corpus, track=track, max_files=most, only=only)
        pieces = source.pieces(kind, seed=seed, progress=reporter.progress)
        if corpus is None and pieces.hash != self.manifest.get("hash"):
            reporter.note(f"{said['name']} has changed since this run learned from it.")
        return pieces

    def known(self, notes: int, reporter: Reporter | None = None) -> Familiar:
        """What the melodies of the training pieces go on with after so many notes; kept, as that takes a while.

        UsageError for a number of notes that is not allowed, for text, and where the pieces are not there.
        """
        refuse_notes(notes)
        if self.representation.kind == "text":
            raise UsageError("original is for music, and this run writes text: leave it out (--original).")
        if notes not in self._known:
            self._known[notes] = familiar(self._training_lines(reporter or Reporter()), notes)
        return self._known[notes]

    def _training_lines(self, reporter: Reporter) -> Tokens:
        """[L] int16: the tokens of the melodies of all training pieces, NO_TOKEN after each."""
        try:
            pieces = self.own_pieces(reporter)
        except (UsageError, CorpusError) as error:
            raise UsageError(
                "what is original is told by the pieces that the run learned from, and they cannot be read "
                f"({str(error).split(':')[0].rstrip('.')}): put them back where they were, or leave out original "
                "(--original)."
            ) from None
        return melody_tokens(music_index(pieces, reporter.progress))

    def own_pieces(self, reporter: Reporter | None = None) -> Pieces:
        """The corpus that the run learned from; UsageError or CorpusError where it is not there any more."""
        return self._pieces(None, reporter or Reporter())

    def save_pretrained(self, folder: str | Path) -> Path:
        """Writes the run's model and tokenizer for transformers, as AutoModelForCausalLM and AutoTokenizer open them.

        Raises UsageError where the model or the representation is of another kind, or where `folder` is in use.
        """
        folder = Path(folder)
        if not isinstance(self.model, Pretrained) or not isinstance(self.representation, Subwords):
            raise UsageError(
                f"only runs of gpt2 and gpt2-small are for transformers, this one is of {self.recipe.name}."
            )
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise UsageError(f"{folder} exists: give the name of a new folder.")
        save_checkpoint(folder, self.model.net, self.representation.state()["tokenizer"], self.representation.space.end)
        return folder

    @property
    def identity(self) -> Identity:
        """The run by the hashes of what decides its pieces: its weights as they are in memory, and three files."""
        weights = self._weights_hash()
        return Identity(
            self.folder.absolute().name, provenance.digest([weights.encode(), *self._said()]), weights, self.checkpoint
        )

    def _weights_hash(self) -> str:
        parts = self.model.state_dict()
        now = tuple((part.data_ptr(), part._version) for part in parts.values())  # what was hashed need not be again
        if self._hashed is None or self._hashed[0] != now:
            self._hashed = now, provenance.weights_hash(parts)
        return self._hashed[1]

    def _said(self) -> list[bytes]:
        """The files beside the weights that decide a piece; of a checkpoint for transformers, its tokenizer."""
        if not self.learned_here:
            return [json.dumps(self.representation.state(), sort_keys=True).encode()]
        paths = (self.folder / name for name in ("recipe.json", "representation.json", "prompts.json"))
        return [path.read_bytes() if path.is_file() else b"" for path in paths]

    def _recorded(
        self,
        samples: Sequence[Sample],
        settings: Settings,
        prompt: Taken | None = None,
        given: Taken | None = None,
        latents: str | None = None,
        known: Familiar | None = None,
    ) -> list[Sample]:
        """The pieces that were composed together, with the record of how each was made; latents: a hash."""
        said: dict[str, Any] = {}
        with suppress(RunError):  # it composes without a manifest, too
            said = self.manifest
        names = (said.get(name) for name in ("corpus", "hash", "licence", "citation"))
        record = Record(
            provenance.VERSION,
            self.identity,
            self.recipe.name,
            settings.seed,
            settings,
            settings.strategy,
            corpus=LearnedFrom(*(None if name is None else str(name) for name in names)),
            prompt=prompt and prompt.source,
            given=given and given.source,
            latents=latents,
            known=None if known is None else known.digest,
            threads=torch.get_num_threads(),
            device=next((part.device.type for part in self.model.parameters()), "cpu"),
            libraries=provenance.libraries(),
        )
        files = {name: one.path for name, one in (("prompt", prompt), ("given", given)) if one and one.path}
        found = []
        for number, sampled in enumerate(samples):
            own, place, asked = provenance.alone(settings, number)
            this = replace(record, seed=int(sampled.seed), settings=own, place=place)
            found.append(replace(sampled, record=this.to_json(), taken=files, asked=asked))
        return found

    def facts(self, sampled: Sample) -> dict[str, str]:
        """How a piece of this run was made and what it owes to whom, for people."""
        return {
            "seed": str(sampled.seed),
            **provenance.facts(sampled.record),
            **sampled.made,
            **self.origin(),
        }

    def about(self, sampled: Sample) -> About:
        """What the files of a piece say of it."""
        title = sampled.record.get("title") or f"{self.recipe.name}, seed {sampled.seed}"
        return About(title, self.facts(sampled), sampled.record, sampled.new_from)

    def write(self, samples: Sequence[Sample], out: Path, formats: Sequence[str]) -> list[list[Path]]:
        """Writes each sample as `<NNN>-seed<S>.<suffix>` in `out`, next free numbers; the files of each sample.

        The last of these is a `.json` that says how it was made, the hashes of the others, and where the run lies.
        """
        renderers = renderers_for(formats, self.representation.kind)
        written = []
        for sampled in samples:
            with run_folder.piece_number(out) as number:
                stem = f"{number:03d}-seed{sampled.seed}"
                paths = self.write_as(sampled, out, stem, renderers)
                said = out / f"{stem}.json"
                write_json(
                    said, provenance.beside(sampled.record, paths, out, self.folder, sampled.taken, sampled.asked)
                )
                written.append([*paths, said])
        return written

    def write_page(self, samples: Sequence[Sample], written: Sequence[Sequence[Path]]) -> Path:
        """Writes the page that compares samples, beside the files that `write` made of them; the page's path."""
        first, last = written[0][0], written[-1][0]
        path = first.with_name(f"{first.name.split('-')[0]}-to-{last.name.split('-')[0]}.html")
        pieces = [(about.title, sample.piece, about) for sample in samples for about in [self.about(sample)]]
        write_page_of(path, f"{len(samples)} pieces of {self.recipe.name}", "", pieces, self.origin())
        return path

    def write_as(self, sampled: Sample, folder: Path, stem: str, renderers: Sequence[Renderer]) -> list[Path]:
        """Writes one sample as one file a renderer, all with the same stem; overwrites."""
        about = self.about(sampled)
        paths = [folder / f"{stem}{renderer.suffix}" for renderer in renderers]
        for renderer, path in zip(renderers, paths, strict=True):
            renderer.write(sampled.piece, path, about)
        return paths


def refuse_count(n: int) -> None:
    """UsageError for a number of pieces that cannot be composed at once."""
    if not 1 <= n <= MOST_PIECES:
        raise UsageError(f"n must be from 1 to {MOST_PIECES:,} pieces, got {n}.")


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
