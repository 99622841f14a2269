"""What the commands of the command line take: a table of names, types and help, and the parser made of it.

In: what a person typed. Out: its values by name, or a UsageError in one sentence. Knows nothing of what is done with
them, and imports nothing heavy.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import erato
from erato.errors import UsageError, unknown

LISTED = ("corpora", "representations", "models", "recipes", "renderers")


@dataclass(frozen=True)
class Option:
    """What `add_argument` is called with."""

    flags: tuple[str, ...]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Command:
    """A command: what it does in a sentence, an example, and its options."""

    summary: str
    example: str
    options: Sequence[Option]


class _Parser(argparse.ArgumentParser):
    """Argparse whose complaints are sentences like all others."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def error(self, message: str) -> NoReturn:
        if message.startswith("unrecognized arguments: "):
            word = message.removeprefix("unrecognized arguments: ").split()[0]
            if word.startswith("-"):
                raise unknown(f"option of {self.prog}", word.split("=")[0], self._option_string_actions)
            raise UsageError(f"{self.prog} does not know what to do with {word!r}: see {self.prog} --help.")
        if "expected one argument" in message:
            message = f"{message.rstrip('.')} (one that begins with - is written --option=-value)"
        raise UsageError(f"{message.rstrip('.')}: see {self.prog} --help.")


def _whole(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from None
    if value < 0:
        raise argparse.ArgumentTypeError(f"must not be negative, got {text}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(_number(part) for part in text.split(","))


def _seeds(text: str) -> tuple[int, ...]:
    return tuple(_whole(part) for part in text.split(","))


def _option(*flags: str, **settings: Any) -> Option:
    return Option(flags, settings)


_JSON = _option("--json", action="store_true", help="print one JSON document and nothing else")

COMMANDS = {
    "list": Command(
        "What there is: corpora, representations, models, recipes, renderers.",
        "erato list recipes",
        [
            _option("what", nargs="?", choices=LISTED, metavar="WHAT", help=", ".join(LISTED)),
            _JSON,
        ],
    ),
    "check": Command(
        "What can be read in a folder, what not and why.",
        "erato check my-midis",
        [
            _option("path", help="a folder or a file"),
            _option("--max-files", type=_whole, metavar="N", help="look at the first N files that may hold pieces"),
            _option("--report", metavar="FILE", help="where the report goes (default: erato-check.json)"),
            _JSON,
        ],
    ),
    "train": Command(
        "Learns a recipe from a corpus; the same command goes on after a stop.",
        "erato train event-transformer --corpus my-midis --minutes 10",
        [
            _option("recipe", metavar="RECIPE", help="see: erato list recipes"),
            _option("--corpus", metavar="NAME|PATH", help="a name from erato list corpora, a folder or a file"),
            _option("--out", metavar="DIR", help="the run folder (default: runs/RECIPE-CORPUS-NNN)"),
            _option("--minutes", type=_number, metavar="M", help="budget by the clock (not bit-reproducible)"),
            _option("--steps", type=_whole, metavar="N", help="budget in steps"),
            _option("--epochs", type=_whole, metavar="N", help="budget in passes over the corpus"),
            _option(
                "--set",
                action="append",
                default=[],
                metavar="a.b=c",
                help="any number of a recipe, as in model.width=256",
            ),
            _option(
                "--seed", type=_whole, metavar="S", help="for weights, order and augmentation (default: the recipe's)"
            ),
            _option("--keep-every", type=_whole, metavar="N", help="also keep the weights of every Nth step"),
            _option(
                "--track", action="append", default=[], metavar="T", help="only these tracks: index, name or program"
            ),
            _option("--max-files", type=_whole, metavar="N", help="use the first N files only"),
            _option(
                "--only",
                action="append",
                default=[],
                metavar="NAME",
                help="only this file of the corpus, by its name or its path in the folder; may be given several times",
            ),
            _option(
                "--precision",
                choices=["auto", "float32", "bfloat16"],
                help="of the arithmetic; auto: bfloat16 where the processor has it",
            ),
            _option(
                "--pretrained",
                metavar="FOLDER|NAME",
                help="go on from this checkpoint: a folder, or a name on the Hugging Face hub",
            ),
            _option("--from", dest="from_file", metavar="FILE", help="a copy of a downloadable corpus, got by hand"),
            _option(
                "--import",
                dest="import_run",
                metavar="FILE",
                help="of pianonet: learn as this run_description.json of the original PianoNet says",
            ),
            _option(
                "--import-data", metavar="FILE", help="of pianonet: from what this JSON description of its data says"
            ),
            _JSON,
        ],
    ),
    "compose": Command(
        "Writes new pieces with a trained run.",
        "erato compose runs/RUN --bars 16 --n 4 --seed 1",
        [
            _option("run", metavar="RUN", help="the folder that erato train named"),
            _option("--prompt", metavar="FILE|TEXT", help="continue this file (or this text, for runs of text)"),
            _option(
                "--begin",
                metavar="WHAT",
                help="without a prompt: from nothing, a window, the recipe's prompt, silence, or a note (C4)",
            ),
            _option(
                "--n", type=_whole, default=1, metavar="N", help="how many pieces (default 1); piece i has seed S+i"
            ),
            _option("--seed", type=_whole, default=0, metavar="S", help="same seed, same piece (default 0)"),
            _option("--bars", type=_whole, metavar="N", help="exactly N new bars"),
            _option("--seconds", type=_number, metavar="S", help="exactly S new seconds"),
            _option("--length", type=_whole, metavar="N", help="exactly N new symbols"),
            _option("--may-end", action="store_true", help="a piece may end by itself before N symbols"),
            _option(
                "--strategy",
                choices=["sample", "greedy", "beam"],
                help="draw, always take the most probable, or search for the most probable piece",
            ),
            _option("--beams", type=_whole, metavar="N", help="candidates that a beam search keeps (default 4)"),
            _option(
                "--length-penalty",
                type=_number,
                metavar="X",
                help="of a beam search: above 0 prefers longer (default 1)",
            ),
            _option("--early-stopping", action="store_true", help="a beam search stops as soon as N pieces have ended"),
            _option(
                "--temperature",
                type=_numbers,
                metavar="T",
                help="below 1 safer, above 1 bolder; T,T,T,T for pitch, step, duration and velocity of notes",
            ),
            _option("--top-k", type=_whole, metavar="K", help="only the K most probable symbols (0: off)"),
            _option("--top-p", type=_number, metavar="P", help="only the most probable symbols that reach P (1: off)"),
            _option(
                "--min-p",
                type=_number,
                metavar="P",
                help="only symbols at least P times as probable as the best (0: off)",
            ),
            _option(
                "--typical-p",
                type=_number,
                metavar="P",
                help="only the symbols as surprising as can be expected, that reach P (1: off)",
            ),
            _option("--no-repeat", type=_whole, metavar="N", help="no N symbols in a row come twice (0: off)"),
            _option(
                "--repetition-penalty", type=_number, metavar="X", help="above 1 makes repeated symbols rarer (1: off)"
            ),
            _option(
                "--edges",
                type=_numbers,
                metavar="P[,...]",
                help="of key states: keys near the ends sound only where they are as likely (by distance; 0: off)",
            ),
            _option(
                "--live",
                nargs="?",
                const="-",
                metavar="PORT|-",
                help="of key states: play the piece while it is composed, on the MIDI output port that begins so (or "
                "virtual: a new one, Erato), or as lines on standard output (-, or nothing): seconds, on or off, the "
                "pitch's name, its MIDI number, between tabs; of a prompt, only what comes after it",
            ),
            _option(
                "--original",
                type=_whole,
                metavar="N",
                help="no more than N notes in a row of a melody as in a training piece, in whatever key and tempo; a "
                "note too many is refused as it comes (8 is a good number)",
            ),
            _option("--draft", type=_whole, metavar="N", help="guess and read N symbols at once (0: one by one)"),
            _option("--step", type=_number, metavar="S", help="seconds a step of a piano roll is written as"),
            _option("--program", metavar="P", help="General MIDI program (0 to 127, or a name) of all tracks"),
            _option(
                "--chords", type=_whole, metavar="SEED", help="of runs that write whole phrases: seed of the chords"
            ),
            _option("--style", type=_whole, metavar="SEED", help="of these: seed of the style, which a piece keeps"),
            _option(
                "--melody", type=_seeds, metavar="SEED[,...]", help="of these: seed of the melodies, or one a track"
            ),
            _option(
                "--groove", type=_seeds, metavar="SEED[,...]", help="of these: seed of the grooves, or one a track"
            ),
            _option("--morph", type=_whole, metavar="SEED", help="of these: pieces on the way from --seed to this one"),
            _option("--morph-steps", type=_whole, metavar="N", help="how many pieces a morph has (default 8)"),
            _option("--one-piece", action="store_true", help="a morph is one piece, which changes phrase by phrase"),
            _option(
                "--given",
                metavar="FILE",
                help="of these: compose what is missing to tracks of this file (CORPUS:PIECE)",
            ),
            _option(
                "--given-tracks",
                metavar="LIST",
                help="the tracks of --given that are kept: index or name (default: all)",
            ),
            _option(
                "--checkpoint", type=_whole, metavar="STEP", help="weights kept by --keep-every (default: the best)"
            ),
            _option(
                "--compare",
                action="store_true",
                help="one beginning in several ways side by side (greedy, beam search, top-k, top-p, temperatures)",
            ),
            _option("--out", metavar="DIR", help="folder for the pieces (default: RUN/pieces)"),
            _option(
                "--formats",
                metavar="LIST",
                help="comma-separated suffixes (default: mid,png or txt, matrix.png of frames, and an HTML page)",
            ),
            _JSON,
        ],
    ),
    "evaluate": Command(
        "How good is a run? What unheard pieces cost it, how its own compare with them, and whether it copied.",
        "erato evaluate runs/RUN --split test",
        [
            _option("run", metavar="RUN", help="the folder that erato train named"),
            _option("--corpus", metavar="NAME|PATH", help="other pieces (default: the corpus of the run)"),
            _option("--piece", metavar="FILE", help="what this one piece costs, whole, instead of a corpus"),
            _option("--split", metavar="PART", help="test (default), valid or train"),
            _option("--n", type=_whole, metavar="N", help="pieces to compose and measure (default 24; 0: none)"),
            _option("--seed", type=_whole, metavar="S", help="of the first of these (default 0)"),
            _option(
                "--checkpoint", type=_whole, metavar="STEP", help="weights kept by --keep-every (default: the best)"
            ),
            _option("--out", metavar="DIR", help="folder for the numbers and the page (default: RUN/evaluations)"),
            _JSON,
        ],
    ),
    "compare": Command(
        "Several runs side by side, by the same held-out pieces: likelihood, distances, originality, speed.",
        "erato compare runs/RUN runs/OTHER --out table.html",
        [
            _option("runs", nargs="+", metavar="RUN", help="the folders that erato train named"),
            _option("--corpus", metavar="NAME|PATH", help="the pieces to compare by (default: the corpus of the runs)"),
            _option("--split", metavar="PART", help="test (default), valid or train"),
            _option("--n", type=_whole, metavar="N", help="pieces that each composes to be measured (default 24)"),
            _option("--seed", type=_whole, metavar="S", help="of the first of these (default 0)"),
            _option(
                "--out",
                action="append",
                default=[],
                metavar="FILE",
                help="write the table, too: .csv, .tex, .md, .html or .json; may be given several times",
            ),
            _option("--force", action="store_true", help="overwrite files that exist"),
            _JSON,
        ],
    ),
    "render": Command(
        "Writes a piece as other kinds of file, by suffix; of a run, pictures of how it learned.",
        "erato render piece.mid piece.png piece.html",
        [
            _option(
                "piece",
                metavar="FILE|CORPUS:PIECE|RUN",
                help="a file, a piece of a corpus as in bach-chorales:bwv66.6, or the folder of a run",
            ),
            _option("out", nargs="+", metavar="OUT", help="the files to write"),
            _option("--from", dest="first", type=_whole, metavar="BAR", help="the first bar to show"),
            _option("--to", dest="last", type=_whole, metavar="BAR", help="the last bar to show"),
            _option(
                "--soundfont", metavar="FILE", help="of sound: the instruments (.sf2, .sf3; default: General MIDI)"
            ),
            _option("--stems", action="store_true", help="of sound: also every track alone, OUT-01-TRACK beside OUT"),
            _option("--surprise", metavar="RUN", help="colour the notes of the piano roll by how a run expects them"),
            _option("--force", action="store_true", help="overwrite files that exist"),
            _JSON,
        ],
    ),
    "replay": Command(
        "Makes a composed file again, or says what is missing.",
        "erato replay runs/RUN/pieces/001-seed0.mid",
        [
            _option("file", metavar="FILE", help="what erato compose wrote; a .json: all files that it lies beside"),
            _option("--run", metavar="RUN", help="the run that made it (default: as the .json says, or above pieces/)"),
            _option("--prompt", metavar="FILE|TEXT", help="what it goes on from, where that is not found"),
            _option("--given", metavar="FILE", help="the piece it was composed to (CORPUS:PIECE)"),
            _option("--out", metavar="FILE|DIR", help="write what was made again, too"),
            _JSON,
        ],
    ),
    "listen": Command(
        "A page on which people compare pieces without knowing whose they are; scores their votes.",
        "erato listen runs/RUN-A runs/RUN-B --n 4, and then: erato listen --score votes-*.json",
        [
            _option("runs", nargs="*", metavar="RUN", help="the runs to compare, with each other and with people"),
            _option("--n", type=_whole, metavar="N", help="pieces of each run, and of people (default 4)"),
            _option("--seed", type=_whole, metavar="S", help="same seed, same page (default 0)"),
            _option("--bars", type=_whole, metavar="N", help="length of a piece (default: 8 where all runs have bars)"),
            _option("--seconds", type=_number, metavar="S", help="length of a piece (default: else 20)"),
            _option(
                "--pairs", type=_whole, metavar="N", help="how many (default: each piece meets each other source once)"
            ),
            _option("--corpus", metavar="NAME|PATH", help="pieces of people (default: held out of the first run's)"),
            _option("--program", metavar="P", help="General MIDI program of all pieces (default: 0, a grand piano)"),
            _option("--out", metavar="FILE", help="the page (default: listening-test.html); its key lies beside it"),
            _option("--force", action="store_true", help="overwrite files that exist"),
            _option("--score", nargs="+", metavar="FILE", help="files of votes, instead of runs: what they come to"),
            _option("--key", metavar="FILE", help="the key to the page of --score (default: beside these, or here)"),
            _JSON,
        ],
    ),
    "studio": Command(
        "Everything in the browser: train, compose, see, hear, edit and keep.",
        "erato studio --folder my-music",
        [
            _option(
                "project",
                nargs="?",
                default="erato-studio",
                metavar="PROJECT",
                help="the folder where all is kept; made where it is not there (default: erato-studio)",
            ),
            _option("--port", type=_whole, metavar="N", help="where it listens (default: the first free from 8321 on)"),
            _option(
                "--runs",
                action="append",
                default=[],
                metavar="DIR",
                help="a folder with runs to show, too; may be given several times (default: runs, where it exists)",
            ),
            _option(
                "--folder",
                action="append",
                default=[],
                metavar="DIR",
                help="a folder of yours that it may learn from; may be given several times",
            ),
            _option("--no-browser", action="store_true", help="print the address and do not open it"),
            _option(
                "--host",
                default="127.0.0.1",
                metavar="H",
                help="the address that it listens at (default: 127.0.0.1, which only this computer reaches)",
            ),
            _option(
                "--i-understand",
                action="store_true",
                help="of --host: that others can then reach it, and what that means",
            ),
        ],
    ),
    "demo": Command(
        "Trains on Bach's chorales for a minute and a half, composes four, opens a page.",
        "erato demo",
        [
            _option("--minutes", type=_number, default=1.5, metavar="M", help="how long to train (default 1.5)"),
            _option("--out", metavar="DIR", help="where it all goes (default: demo/NNN)"),
            _option("--no-open", action="store_true", help="do not open the page in the browser"),
        ],
    ),
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was given, by name, and the `command`; None: nothing was asked for, and the help is printed.

    Raises UsageError for a mistake.
    """
    parser, commands = _parser()
    first = next((word for word in arguments if not word.startswith("-")), None)
    if first is not None and first not in commands:
        raise unknown("command", first, commands)
    given, rest = parser.parse_known_args(arguments)
    if rest:
        commands[given.command].error("unrecognized arguments: " + " ".join(rest))
    if given.command is None:
        parser.print_help()
    return given


def _parser() -> tuple[_Parser, dict[str, _Parser]]:
    parser = _Parser(
        prog="erato",
        description="Learns from your own music and writes new pieces.",
        epilog="Start with: erato demo\nThen:       erato train event-transformer --corpus MY_FOLDER --minutes 10",
    )
    parser.add_argument("--version", action="version", version=f"erato {erato.__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    commands: dict[str, _Parser] = {}
    for name, command in COMMANDS.items():
        commands[name] = subparsers.add_parser(
            name, help=command.summary, description=command.summary, epilog=f"Example: {command.example}"
        )
        for option in command.options:
            commands[name].add_argument(*option.flags, **option.settings)
    return parser, commands
