"""The studio: Erato in the browser, a thin shell over `erato.pipeline`. docs/studio.md is its picture."""
