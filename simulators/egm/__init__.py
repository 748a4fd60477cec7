"""A slot machine that speaks SAS and keeps its own book. Everything here is pure but `serve.py`."""
