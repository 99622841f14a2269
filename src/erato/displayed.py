"""What shows itself in a notebook. Knows nothing of how: `erato.displays` does, which is asked when a notebook asks.

That one knows everything that is shown and stands above it, so it is named here and not imported: `import erato` and
the command line need none of it.
"""

from importlib import import_module


class Displayed:
    """A result that a notebook shows as HTML; its class is one that `erato.displays` knows."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        html: str = import_module("erato.displays").html(self)
        return html
