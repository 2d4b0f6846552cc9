"""gistill: long, noisy threads in; short, cited summaries out, within a budget."""

__version__ = "0.1.0"
