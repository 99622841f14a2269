"""`python -m erato` is `erato`."""

from erato.cli import main

main()
