"""The QMSum bench: what the data is like, every system of the experiments, one frozen scorer."""
