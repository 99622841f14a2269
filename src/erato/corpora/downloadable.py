"""The corpora that can be downloaded, as data: addresses that their own projects give, checksums, licences,
citations.

A checksum stands here only where one is published or was computed from the file itself.
"""

import csv
from pathlib import Path

from erato.corpora.base import Split
from erato.corpora.downloads import Download, Remote
from erato.corpora.scan import Source

_SPLITS: dict[str, Split] = {"train": "train", "validation": "valid", "valid": "valid", "test": "test"}


def _maestro_works(folder: Path, found: list[Source]) -> list[Source]:
    """Composition and split of each performance, from the table that comes with MAESTRO."""
    rows: dict[str, dict[str, str]] = {}
    for table in sorted(folder.glob("maestro-*.csv")):
        with table.open(encoding="utf-8", newline="") as file:
            rows |= {row["midi_filename"]: row for row in csv.DictReader(file)}
    works = []
    for source in found:
        if row := rows.get(source.name):
            group = f"{row['canonical_composer']}: {row['canonical_title']}"
            works.append(Source(source.name, source.place, group, _SPLITS[row["split"]]))
        elif not source.name.endswith((".csv", ".json", ".txt", "LICENSE", "README")):
            works.append(source)
    return works


def _ptb_splits(_: Path, found: list[Source]) -> list[Source]:
    """ptb.train.txt, ptb.valid.txt and ptb.test.txt are the published splits."""
    return [Source(source.name, source.place, split=_SPLITS.get(source.path.name.split(".")[1])) for source in found]


_MOZART = [f"mz_{work}_{movement}" for work in (311, 330, 331, 332, 333, 545, 570) for movement in (1, 2, 3)]


def _mozart_splits(_: Path, found: list[Source]) -> list[Source]:
    """A group a sonata; the three movements of K. 570 are held out, the other 18 are learnt from."""
    described = []
    for source in found:
        work = source.path.stem.split("_")[1] if source.path.stem in _MOZART else None
        if work:
            split: Split = "valid" if work == "570" else "train"
            described.append(Source(source.name, source.place, f"K. {work}", split))
    return described


def _maestro(version: str, sha256: str, size: int | None) -> Download:
    return Download(
        f"maestro-v{version[0]}",
        "music",
        f"MAESTRO {version}: about 200 hours of piano competition performances as MIDI, with its own splits",
        (
            Remote(
                f"https://storage.googleapis.com/magentadata/datasets/maestro/v{version}/maestro-v{version}-midi.zip",
                sha256,
                size,
            ),
        ),
        licence="CC BY-NC-SA 4.0: weights trained on it are not for commercial use",
        citation="Hawthorne et al., Enabling Factorized Piano Music Modeling and Generation with the MAESTRO Dataset, "
        "ICLR 2019",
        homepage="https://magenta.tensorflow.org/datasets/maestro",
        members="*.mid|*.midi|maestro-*.csv",
        describe=_maestro_works,
    )


DOWNLOADS = [
    _maestro("2.0.0", "ec2cc9d94886c6b376db1eaa2b8ad1ce62ff9f0a28b3744782b13163295dadf3", 59_243_107),
    _maestro("3.0.0", "70470ee253295c8d2c71e6d9d4a815189e35c89624b76d22fce5a019d5dde12c", None),
    Download(
        "mozart-krueger",
        "music",
        "seven piano sonatas by Mozart, 21 movements sequenced by Bernd Krueger; K. 570 is held out",
        tuple(Remote(f"http://www.piano-midi.de/midis/mozart/{name}.mid") for name in _MOZART),
        licence="CC BY-SA 3.0 DE: name Bernd Krueger, www.piano-midi.de, with what is made from it, and share it alike",
        citation="Bernd Krueger, Classical Piano MIDI Page, www.piano-midi.de",
        homepage="http://www.piano-midi.de/mozart.htm",
        members="*.mid",
        describe=_mozart_splits,
    ),
    Download(
        "jsb-chorales-16th",
        "music",
        "382 Bach chorales on a 16th-note grid, four voices, with the usual splits (229/76/77)",
        (
            Remote(
                "https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset/master/Jsb16thSeparated.npz",
                "2adcdf0d57880c3763f104555072285fe7f9e3d6049fcc4b9830557b8d4a7820",
                102_808,
            ),
        ),
        licence="the music is in the public domain; the repository states no licence",
        citation="Boulanger-Lewandowski et al., Modeling Temporal Dependencies in High-Dimensional Sequences, ICML "
        "2012 (splits); Huang et al., Counterpoint by Convolution, ISMIR 2017 (this form)",
        homepage="https://github.com/czhuang/JSB-Chorales-dataset",
        members="Jsb16thSeparated.npz|Jsb16thSeparated.json",
    ),
    Download(
        "nottingham",
        "music",
        "about 1,000 British and American folk tunes with chords, as MIDI",
        (Remote("https://github.com/jukedeck/nottingham-dataset/archive/refs/heads/master.zip"),),
        licence="GPL-3.0 for the files",
        citation="The Nottingham Music Database (E. Foxley), cleaned by Jukedeck",
        homepage="https://github.com/jukedeck/nottingham-dataset",
        members="MIDI/*.mid|midi/*.mid",
    ),
    Download(
        "pop909",
        "music",
        "909 Chinese pop songs as piano arrangements: tracks MELODY, BRIDGE and PIANO",
        (Remote("https://github.com/music-x-lab/POP909-Dataset/archive/refs/heads/master.zip"),),
        licence="MIT",
        citation="Wang et al., POP909: A Pop-song Dataset for Music Arrangement Generation, ISMIR 2020",
        homepage="https://github.com/music-x-lab/POP909-Dataset",
        members="???.mid",
    ),
    Download(
        "tiny-shakespeare",
        "text",
        "a million characters of Shakespeare's plays, as char-rnn's examples use them",
        (
            Remote(
                "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                1_115_394,
            ),
        ),
        licence="public domain",
        citation="A. Karpathy, The Unreasonable Effectiveness of Recurrent Neural Networks, 2015 (the selection)",
        homepage="https://github.com/karpathy/char-rnn",
        members="*.txt",
    ),
    Download(
        "nietzsche",
        "text",
        "Nietzsche, Beyond Good and Evil, in English, as Keras's examples use it",
        (Remote("https://s3.amazonaws.com/text-datasets/nietzsche.txt"),),
        licence="public domain",
        citation="F. Nietzsche, Beyond Good and Evil, translated by H. Zimmern",
        homepage="https://keras.io/examples/generative/lstm_character_level_text_generation/",
        members="*.txt",
    ),
    Download(
        "penn-treebank",
        "text",
        "a million words of the Wall Street Journal, 10,000 words known, with its own splits",
        (Remote("http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz"),),
        licence="Linguistic Data Consortium: for research; the text itself may not be passed on",
        citation="Marcus et al., Building a Large Annotated Corpus of English, 1993; Mikolov et al., Recurrent neural "
        "network based language model, Interspeech 2010 (this form)",
        homepage="http://www.fit.vutbr.cz/~imikolov/rnnlm/",
        members="ptb.train.txt|ptb.valid.txt|ptb.test.txt",
        describe=_ptb_splits,
    ),
]
