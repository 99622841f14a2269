"""Arrays of arrays, as numpy writes them, to the arrays of numbers in them. Bytes in; runs nothing of theirs.

numpy writes an array of objects in the language of Python's serializer (protocols 2 to 5), for a small machine with a
stack. This machine knows only the words for arrays of numbers, and makes plain values of them; with any other word, or
any other name than numpy's few, the file is refused. Knows nothing of music.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MOST_WORDS = 20_000_000
MOST_STACK = 2_000_000

ARRAY, DTYPE, FROM_BUFFER, ENCODE = "array", "dtype", "from buffer", "encode"
NAMES = {
    "numpy ndarray": ARRAY,
    "numpy dtype": DTYPE,
    "_codecs encode": ENCODE,
    **{f"numpy{core}.multiarray _reconstruct": ARRAY for core in (".core", "._core")},
    **{f"numpy{core}.numeric _frombuffer": FROM_BUFFER for core in (".core", "._core")},
}
SHOWN = 60  # characters of a name


class UnsafeError(Exception):
    """It says more than arrays of numbers."""


class DamagedError(Exception):
    """It contradicts itself, or breaks off."""


@dataclass(frozen=True)
class _Name:
    """Something that the bytes may call; what it does is up to `_call`."""

    what: str


@dataclass
class _Dtype:
    code: str
    order: str = "="


@dataclass
class _Array:
    """What is known of an array: its shape, kind and bytes, or the list of what it holds."""

    state: tuple[Any, ...] = ()


_MARK = object()


def rows(data: bytes) -> list[npt.NDArray[Any]]:
    """The numeric arrays of an array of arrays. UnsafeError, DamagedError."""
    try:
        whole = _Machine(data).run()
        if not isinstance(whole, _Array) or len(whole.state) != 5 or not isinstance(whole.state[4], list):
            raise DamagedError("it is no array of arrays")
        return [_numbers(row) for row in whole.state[4]]
    except (IndexError, TypeError, ValueError, KeyError, struct.error, AttributeError, OverflowError) as error:
        raise DamagedError(str(error)) from None


def _numbers(row: object) -> npt.NDArray[Any]:
    """The numbers of an array in its shape; ValueError where these do not fit."""
    if not isinstance(row, _Array):
        raise DamagedError("a row is no array")
    _, shape, dtype, by_columns, raw = row.state
    if dtype.code[:1] not in "biuf" or not isinstance(raw, bytes):
        raise DamagedError("a row does not hold numbers")
    numeric = np.dtype(dtype.code).newbyteorder(dtype.order if dtype.order in ("<", ">") else "=")
    return np.frombuffer(raw, numeric).reshape(shape, order="F" if by_columns else "C")


class _Machine:
    """One reading of the words from first to last."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def run(self) -> Any:
        for _ in range(MOST_WORDS):
            word = self.take(1)
            if word == b".":
                return self.stack.pop()
            act = WORDS.get(word)
            if act is None:
                raise UnsafeError("something that no array of numbers needs")
            act(self)
            if len(self.stack) > MOST_STACK:
                break
        raise DamagedError("it is too long")

    def take(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.data):
            raise DamagedError("it breaks off")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, form: str) -> int:
        return int(struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0])

    def line(self) -> str:
        stop = self.data.find(b"\n", self.at, self.at + 1000)
        if stop < 0:
            raise DamagedError("it breaks off")
        found = self.data[self.at : stop].decode("utf-8", "replace")
        self.at = stop + 1
        return found

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def since_mark(self) -> list[Any]:
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:  # IndexError: there is none
            at -= 1
            if at < 0:
                raise DamagedError("a mark is missing")
        found = self.stack[at + 1 :]
        del self.stack[at:]
        return found

    def tuple(self, size: int) -> None:
        if size > len(self.stack):
            raise DamagedError("the stack is empty")
        found = tuple(self.stack[len(self.stack) - size :])
        del self.stack[len(self.stack) - size :]
        self.push(found)

    def name(self, module: object, called: object) -> None:
        if not isinstance(module, str) or not isinstance(called, str):
            raise DamagedError("a name is no text")
        found = NAMES.get(f"{module} {called}")
        if found is None:
            raise UnsafeError(f"{module}.{called}"[:SHOWN])
        self.push(_Name(found))

    def stack_name(self) -> None:
        called, module = self.stack.pop(), self.stack.pop()
        self.name(module, called)

    def append(self, values: list[Any]) -> None:
        held = self.stack[-1]
        if type(held) is not list:
            raise DamagedError("it adds to what is no list")
        held.extend(values)

    def call(self) -> None:
        """What numpy's names stand for, done with plain values."""
        given, called = self.stack.pop(), self.stack.pop()
        if not isinstance(called, _Name) or not isinstance(given, tuple):
            raise UnsafeError("something that no array of numbers needs")
        if called.what == ARRAY:
            self.push(_Array())
        elif called.what == DTYPE:
            self.push(_Dtype(_text(given[0])))
        elif called.what == ENCODE:
            self.push(given[0].encode("latin1"))
        else:
            raw, dtype, shape, order = given
            self.push(_Array((1, shape, dtype, order == "F", raw)))

    def build(self) -> None:
        state, built = self.stack.pop(), self.stack[-1]
        if isinstance(built, _Dtype):
            built.order = _text(state[1])
        elif isinstance(built, _Array) and len(state) == 5:
            built.state = (*state[:4], state[4].encode("latin1") if isinstance(state[4], str) else state[4])
        else:
            raise DamagedError("it builds what is no array")


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin1")
    if not isinstance(value, str):
        raise DamagedError("a kind of number is no text")
    return value


def _bytes(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.take(machine.number(form)))


def _words(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.take(machine.number(form)).decode("utf-8", "surrogatepass"))


def _integer(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.number(form))


def _keep(number: Callable[[_Machine], int]) -> Callable[[_Machine], None]:
    return lambda machine: machine.memory.__setitem__(number(machine), machine.stack[-1])


def _recall(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.memory[machine.number(form)])


def _nothing(size: int) -> Callable[[_Machine], None]:
    return lambda machine: (machine.take(size), None)[1]


# The words, by the letters that the serializer's documentation gives them (Python's pickletools.py).
WORDS: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _nothing(1),  # PROTO
    b"\x95": _nothing(8),  # FRAME
    b"(": lambda machine: machine.push(_MARK),
    b"N": lambda machine: machine.push(None),
    b"\x88": lambda machine: machine.push(True),
    b"\x89": lambda machine: machine.push(False),
    b"K": _integer("B"),
    b"M": _integer("H"),
    b"J": _integer("i"),
    b"\x8a": lambda machine: machine.push(int.from_bytes(machine.take(machine.number("B")), "little", signed=True)),
    b"U": _bytes("B"),  # text of Python 2, which is bytes
    b"T": _bytes("i"),
    b"C": _bytes("B"),
    b"B": _bytes("I"),
    b"\x8e": _bytes("Q"),
    b"\x96": _bytes("Q"),
    b"\x8c": _words("B"),
    b"X": _words("I"),
    b"\x8d": _words("Q"),
    b")": lambda machine: machine.push(()),
    b"\x85": lambda machine: machine.tuple(1),
    b"\x86": lambda machine: machine.tuple(2),
    b"\x87": lambda machine: machine.tuple(3),
    b"t": lambda machine: machine.push(tuple(machine.since_mark())),
    b"]": lambda machine: machine.push([]),
    b"a": lambda machine: machine.append([machine.stack.pop()]),
    b"e": lambda machine: machine.append(machine.since_mark()),
    b"q": _keep(lambda machine: machine.number("B")),
    b"r": _keep(lambda machine: machine.number("I")),
    b"\x94": _keep(lambda machine: len(machine.memory)),
    b"h": _recall("B"),
    b"j": _recall("I"),
    b"c": lambda machine: machine.name(machine.line(), machine.line()),
    b"\x93": lambda machine: machine.stack_name(),
    b"R": lambda machine: machine.call(),
    b"b": lambda machine: machine.build(),
}
